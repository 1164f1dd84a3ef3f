"""A reader's whole project in one folder: model, tokenizer, settings, passages to look things up in, and its cards.

Numbers are in safetensors, the rest in JSON; nothing is a pickle, so opening a stranger's project runs none of their
code. The folder is written aside and renamed into place, and its manifest holds the sha256 of every file: what comes
back is what was saved, or an error that says which file is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import AutoTokenizer

from course_utils import assets
from course_utils.cards import DataSheet, ModelCard
from course_utils.checkpoints import read_json, read_tensors, write_json, write_tensors
from course_utils.errors import CourseError
from course_utils.folders import FolderError, Layout, reading, save_folder, verified
from course_utils.models.lora import LoRAConfig, add_lora, load_lora
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.pretrained import load_decoder
from course_utils.sampling import Sampling, greedy
from course_utils.seeding import generator
from course_utils.text.bpe import BytePairVocabulary
from course_utils.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary

WEIGHTS, MODEL, TOKENIZER, GENERATION = "weights.safetensors", "model.json", "tokenizer.json", "generation.json"
CARD, SHEET, PASSAGES, VECTORS = "model_card.json", "data_sheet.json", "passages.json", "vectors.safetensors"
LAYOUT = Layout(
    "generative AI course, project",
    version=1,
    needed=frozenset({WEIGHTS, MODEL, TOKENIZER, GENERATION, CARD}),
    optional=frozenset({SHEET, PASSAGES, VECTORS}),
)


class ProjectError(CourseError):
    """A part of a project cannot be saved or does not fit the others; the message says which."""


@dataclass(frozen=True)
class Shipped:
    """A model, or its tokenizer, that the course fetches by name, such as Shipped("smollm2"): it is not saved again."""

    name: str


@dataclass(frozen=True)
class Settings:
    """How the project writes: at most `longest` tokens, drawn by `sampling` with this seed, greedily where None.

    system: what a chat model is told first. passages: how many are looked up and put before the question. least: the
    cosine from −1 to 1 that the best of them must have; below it the project says that its passages do not say.
    """

    longest: int = 200
    sampling: Sampling | None = None
    seed: int = 1
    system: str | None = None
    passages: int = 0
    least: float = -1.0

    def __post_init__(self):
        if self.longest < 1 or self.passages < 0:
            raise CourseError(f"{self}: expected to write 1 token or more and to look up 0 passages or more.")
        if not -1 <= self.least <= 1:
            raise CourseError(f"least is {self.least}; expected a cosine, −1 to 1. At −1 every question is answered.")

    @property
    def strategy(self) -> Callable:
        """What `generate` takes: strategy(probability (V,), generator) -> id."""
        return greedy if self.sampling is None else self.sampling


@dataclass(frozen=True, eq=False)
class Index:
    """Passages that can be looked up: N texts, where each comes from, and vectors (N, D). Raises CourseError else."""

    texts: tuple[str, ...]
    sources: tuple[str, ...]
    vectors: torch.Tensor

    def __post_init__(self):
        sizes = len(self.texts), len(self.sources), len(self.vectors)
        if len(set(sizes)) > 1 or self.vectors.ndim != 2:
            raise CourseError(f"The index has {sizes} texts, sources and rows; expected as many of each, rows (N, D).")


@dataclass(frozen=True, eq=False)
class Project:
    """All that makes an assistant.

    config says which model: a TransformerConfig or RecurrentConfig with weights = model.state_dict(); a LoRAConfig on a
    shipped model with weights = lora_weights(model); or Shipped(name) with none. tokenizer: a vocabulary of bytes,
    byte pairs or characters, or Shipped(name).
    """

    config: TransformerConfig | RecurrentConfig | LoRAConfig | Shipped
    weights: Mapping[str, torch.Tensor]
    tokenizer: Vocabulary | Shipped
    settings: Settings
    card: ModelCard
    index: Index | None = None
    sheet: DataSheet | None = None

    def model(self) -> nn.Module:
        """The model with its weights, ready to be used. Raises ProjectError where they do not fit its config."""
        try:
            return BUILT[type(self.config)](self.config, dict(self.weights)).eval()
        except (RuntimeError, CourseError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ProjectError(f"{WEIGHTS} does not fit {MODEL} ({reason}); save both from one model.") from error

    def encoder(self):
        """What turns text into ids: the vocabulary, or the shipped model's own tokenizer."""
        if isinstance(self.tokenizer, Shipped):
            return AutoTokenizer.from_pretrained(assets.path(self.tokenizer.name))
        return self.tokenizer


# --- what kinds of parts there are, and how each is told in JSON -------------------------------------


def _with_weights(model: nn.Module, weights: dict[str, torch.Tensor]) -> nn.Module:
    model.load_state_dict(weights)
    return model


def _with_lora(config: LoRAConfig, weights: dict[str, torch.Tensor]) -> nn.Module:
    model, _ = load_decoder(config.base)
    add_lora(model, config.layers, config.rank, generator(0), config.alpha)
    load_lora(model, weights)
    return model


BUILT: dict[type, Callable[[object, dict[str, torch.Tensor]], nn.Module]] = {
    TransformerConfig: lambda config, weights: _with_weights(Transformer(config, generator(0)), weights),
    RecurrentConfig: lambda config, weights: _with_weights(RecurrentLM(config, generator(0)), weights),
    LoRAConfig: _with_lora,
    Shipped: lambda config, weights: load_decoder(config.name)[0],
}


@dataclass(frozen=True)
class Kind:
    """A class of parts: `told(part)` is what JSON holds of one, and `made(told)` the way back."""

    of: type
    told: Callable[[object], dict] = asdict
    made: Callable[[dict], object] | None = None

    def back(self, told: dict) -> object:
        """The part again."""
        return self.of(**told) if self.made is None else self.made(told)


def _merges_told(vocabulary: BytePairVocabulary) -> dict:
    return {"merges": [[half.decode("latin-1") for half in merge] for merge in vocabulary.merges]}


def _merges_made(told: dict) -> BytePairVocabulary:
    return BytePairVocabulary([(left.encode("latin-1"), right.encode("latin-1")) for left, right in told["merges"]])


MODELS = {
    "transformer": Kind(TransformerConfig),
    "recurrent": Kind(RecurrentConfig),
    "lora": Kind(LoRAConfig, made=lambda told: LoRAConfig(**{**told, "layers": tuple(told["layers"])})),
    "shipped": Kind(Shipped),
}
TOKENIZERS = {
    "bytes": Kind(ByteVocabulary, lambda vocabulary: {}),
    "byte pairs": Kind(BytePairVocabulary, _merges_told, _merges_made),
    "characters": Kind(
        CharVocabulary,
        lambda vocabulary: {"characters": "".join(vocabulary.tokens)},
        lambda told: CharVocabulary(told["characters"]),
    ),
    "shipped": Kind(Shipped),
}


def _told(kinds: Mapping[str, Kind], part: object) -> dict:
    for name, kind in kinds.items():
        if type(part) is kind.of:
            return {"kind": name, "settings": kind.told(part)}
    known = ", ".join(kind.of.__name__ for kind in kinds.values())
    raise ProjectError(f"A {type(part).__name__} cannot be saved; expected one of {known}.")


def _made(kinds: Mapping[str, Kind], told: dict) -> object:
    return kinds[told["kind"]].back(told["settings"])


# --- on disk ----------------------------------------------------------------------------------------


def save_project(folder: Path, project: Project, replace: bool = False) -> None:
    """Save the project as the folder: whole, or not at all. `replace`: a project that is there gives way to it.

    Raises FolderError where something is in the way, and ProjectError for a part of a kind that cannot be saved.
    """
    save_folder(folder, LAYOUT, lambda partial: _write_files(partial, project), load_project, replace)


def _write_files(folder: Path, project: Project) -> None:
    write_json(folder / MODEL, _told(MODELS, project.config))
    write_json(folder / TOKENIZER, _told(TOKENIZERS, project.tokenizer))
    write_json(folder / GENERATION, asdict(project.settings))
    write_tensors(folder / WEIGHTS, project.weights)
    project.card.write(folder / CARD)
    if project.sheet is not None:
        project.sheet.write(folder / SHEET)
    if project.index is not None:
        write_json(folder / PASSAGES, {"texts": project.index.texts, "sources": project.index.sources})
        write_tensors(folder / VECTORS, {"vectors": project.index.vectors})


def load_project(folder: Path) -> Project:
    """The project of a folder, after every file was compared with the manifest. Raises FolderError."""
    folder = Path(folder).resolve()
    names = verified(folder, LAYOUT)
    with reading(folder, MODEL):
        config = _made(MODELS, read_json(folder / MODEL))
    with reading(folder, TOKENIZER):
        tokenizer = _made(TOKENIZERS, read_json(folder / TOKENIZER))
    with reading(folder, WEIGHTS):
        weights = read_tensors(folder / WEIGHTS)
    with reading(folder, CARD):
        card = ModelCard.read(folder / CARD)
    with reading(folder, SHEET):
        sheet = DataSheet.read(folder / SHEET) if SHEET in names else None
    return Project(config, weights, tokenizer, _settings(folder), card, _index(folder, names), sheet)


def _settings(folder: Path) -> Settings:
    with reading(folder, GENERATION):
        told = read_json(folder / GENERATION)
        sampling = None if told["sampling"] is None else Sampling(**told["sampling"])
        return Settings(**{**told, "sampling": sampling})


def _index(folder: Path, names: set[str]) -> Index | None:
    found = names & {PASSAGES, VECTORS}
    if len(found) == 1:
        raise FolderError(f"Of {PASSAGES} and {VECTORS} {folder.name}/ holds one alone; save the project again.")
    if not found:
        return None
    with reading(folder, PASSAGES):
        told = read_json(folder / PASSAGES)
        return Index(tuple(told["texts"]), tuple(told["sources"]), read_tensors(folder / VECTORS)["vectors"])
