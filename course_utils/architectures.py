"""Well-known language models in one table: which of the three architectures, how large, trained on how much, by whom.

Numbers are those of the papers named beside them. Where a paper counts words or gigabytes and not tokens, `tokens` is
None and `data` says what it counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from course_utils.errors import CourseError

Kind = Literal["encoder", "decoder", "encoder–decoder"]
KINDS: tuple[Kind, ...] = ("encoder", "decoder", "encoder–decoder")


@dataclass(frozen=True)
class Known:
    """A model: parameters in all, of these active for a token (fewer in a mixture of experts), tokens of training.

    open: whether its weights may be downloaded. arxiv: number of the paper, or "" with `source` alone.
    """

    name: str
    year: int
    kind: Kind
    parameters: float
    data: str
    source: str
    arxiv: str
    tokens: float | None = None
    active: float | None = None
    open: bool = True

    @property
    def tokens_per_parameter(self) -> float | None:
        """How many tokens were read for each parameter that is active, where the tokens are known."""
        return None if self.tokens is None else self.tokens / (self.active or self.parameters)


MODELS = (
    Known("GPT", 2018, "decoder", 117e6, "7,000 books", "Radford et al. 2018", ""),
    Known("GPT-2", 2019, "decoder", 1.5e9, "40 GB of web pages", "Radford et al. 2019", ""),
    Known("BERT large", 2019, "encoder", 340e6, "3.3 billion words", "Devlin et al. 2019", "1810.04805"),
    Known("RoBERTa large", 2019, "encoder", 355e6, "160 GB of text", "Liu et al. 2019", "1907.11692"),
    Known("DistilBERT", 2019, "encoder", 66e6, "BERT's text and BERT's answers", "Sanh et al. 2019", "1910.01108"),
    Known("BART large", 2020, "encoder–decoder", 406e6, "160 GB of text", "Lewis et al. 2020", "1910.13461"),
    Known("T5-11B", 2020, "encoder–decoder", 11e9, "web pages, C4", "Raffel et al. 2020", "1910.10683", tokens=1e12),
    Known("GPT-3", 2020, "decoder", 175e9, "web pages, books", "Brown et al. 2020", "2005.14165", 300e9, open=False),
    Known("mT5 XXL", 2021, "encoder–decoder", 13e9, "101 languages", "Xue et al. 2021", "2010.11934", tokens=1e12),
    Known("LaMDA", 2022, "decoder", 137e9, "1.56 trillion words", "Thoppilan et al. 2022", "2201.08239", open=False),
    Known("PaLM", 2022, "decoder", 540e9, "many kinds", "Chowdhery et al. 2022", "2204.02311", 780e9, open=False),
    Known("Chinchilla", 2022, "decoder", 70e9, "many kinds", "Hoffmann et al. 2022", "2203.15556", 1.4e12, open=False),
    Known("LLaMA 65B", 2023, "decoder", 65e9, "public text", "Touvron et al. 2023", "2302.13971", 1.4e12),
    Known("Mistral 7B", 2023, "decoder", 7.3e9, "not told", "Jiang et al. 2023", "2310.06825"),
    Known("Mixtral 8x7B", 2024, "decoder", 47e9, "not told", "Jiang et al. 2024", "2401.04088", active=13e9),
    Known("Llama 3.1 405B", 2024, "decoder", 405e9, "many languages", "Dubey et al. 2024", "2407.21783", 15.6e12),
    Known("DeepSeek-V3", 2024, "decoder", 671e9, "many kinds", "DeepSeek-AI 2024", "2412.19437", 14.8e12, 37e9),
    Known("SmolLM2 1.7B", 2025, "decoder", 1.7e9, "web, code", "Ben Allal et al. 2025", "2502.02737", 11e12),
    Known("Qwen3 235B", 2025, "decoder", 235e9, "119 languages", "Yang et al. 2025", "2505.09388", 36e12, 22e9),
)


def of_kind(kind: Kind, models: Sequence[Known] = MODELS) -> list[Known]:
    """The models of one architecture, oldest first. Raises CourseError for a kind that there is not."""
    if kind not in KINDS:
        raise CourseError(f"There is no architecture {kind!r}; expected {', '.join(KINDS)}.")
    return [model for model in models if model.kind == kind]


def amount(number: float | None) -> str:
    """A number as people say it: 340 M, 1.5 B, 15.6 T; "–" where it is not known."""
    if number is None:
        return "–"
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:,.0f}"


def rows(models: Sequence[Known] = MODELS) -> list[tuple[str, ...]]:
    """(model, year, architecture, parameters, tokens or what was counted, weights, source) for each, as text."""
    return [
        (
            model.name,
            str(model.year),
            model.kind,
            amount(model.parameters) + (f", {amount(model.active)} active" if model.active else ""),
            f"{amount(model.tokens)} tokens" if model.tokens else model.data,
            "open" if model.open else "closed",
            model.source + (f", arXiv:{model.arxiv}" if model.arxiv else ""),
        )
        for model in models
    ]
