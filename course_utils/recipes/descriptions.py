"""Introductions to descriptions of a few words: flan-T5 tuned to summarize as Wikipedia's short descriptions do.

Only LoRA (Hu et al. 2021) on the attention of the decoder is learned. The encoder reads as it read before.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from transformers import AutoTokenizer

from course_utils import assets
from course_utils.decoding import transcribe
from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, mean
from course_utils.models.encoder_decoder import Cached, EncoderDecoder
from course_utils.models.lora import LoRAConfig, add_lora, load_lora, lora_weights
from course_utils.recipes.base import Prepared, Recipe, nats_per_target, sha256
from course_utils.rouge import rouge_l, rouge_n
from course_utils.seeding import generator
from course_utils.text.batches import NO_TARGET, PAD, Batches, padded
from course_utils.text.topics import Labelled, part
from course_utils.text_to_text import SUMMARIZE, load_encoder_decoder
from course_utils.training import FitConfig

END = 1                                                            # T5's; it starts a target with its padding, 0
BATCH, LONGEST, LEAD, SEED = 16, 20, 10, 1                         # texts, tokens, words
TRAINING, VALIDATION, TESTED = 4800, 96, 120                       # introductions
KINDS = {"rouge1": lambda s, r: rouge_n(s, r, 1), "rouge2": lambda s, r: rouge_n(s, r, 2), "rougeL": rouge_l}


CONFIG = LoRAConfig("flan-t5", ("query", "value"))                 # of its decoder
FIT = FitConfig(steps=TRAINING // BATCH, learning_rate=3e-3, validate_every=100, checkpoint_every=50, seed=SEED)


def with_lora(config: LoRAConfig = CONFIG) -> EncoderDecoder:
    """The model with LoRA that has learned nothing yet: it writes what it wrote before."""
    model, _ = load_encoder_decoder(config.base)
    model.requires_grad_(False)
    add_lora(model.decoder, config.layers, config.rank, generator(SEED), config.alpha)
    return model


@cache
def tokenizer():
    """The model's own."""
    return AutoTokenizer.from_pretrained(assets.path(CONFIG.base))


def first_sentence(text: str) -> str:
    """Up to the first full stop before a blank: what the model reads, as most of a description is in it."""
    return text.split(". ")[0]


def source_ids(texts: Sequence[str]) -> torch.Tensor:
    """The first sentence of each text in flan-T5's form of words for summaries: (N, S), padded at the end."""
    prompts = [SUMMARIZE.format(text=first_sentence(text)) for text in texts]
    return padded(tokenizer()(prompts).input_ids, PAD, torch.int64)


def description_batches(data: Labelled, count: int) -> Batches:
    """The first `count` introductions in batches of 16, again from the start after the last.

    A batch is source (B, S), inputs (B, T), which start with 0, and targets (B, T), which end with the end token.
    Raises CourseError where there are fewer than `count`.
    """
    if not 0 < count <= len(data):
        raise CourseError(f"count is {count}; expected 1 to {len(data)}, as many as there are introductions.")
    targets = tokenizer()(list(data.descriptions[:count])).input_ids                        # each with its end

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        first = step * BATCH % (-(-count // BATCH) * BATCH)
        rows = slice(first, min(first + BATCH, count))
        inputs = [[PAD, *row[:-1]] for row in targets[rows]]
        wanted = padded(targets[rows], NO_TARGET, torch.int64)
        return source_ids(data.texts[rows]), padded(inputs, PAD, torch.int64), wanted

    return at


def loss(model: EncoderDecoder, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Nats per token of the descriptions."""
    source, inputs, targets = batch
    return model(source, inputs, targets, source != PAD)[1]


def prepare() -> Prepared:
    """4,800 training introductions, each seen once; validated in nats per token of 96 validation descriptions."""
    train, held_out = part("train"), description_batches(part("validation"), VALIDATION)
    pairs = zip(train.texts[:TRAINING], train.descriptions[:TRAINING], strict=True)
    return Prepared(
        description_batches(train, TRAINING),
        lambda model: nats_per_target(model, held_out, VALIDATION // BATCH, loss),
        sha256(*(f"{text}\t{description}\n" for text, description in pairs)),
        loss,
    )


def describe(model: EncoderDecoder, texts: Sequence[str]) -> list[str]:
    """What the model writes about the first sentence of each text: greedily, at most 20 tokens."""
    if not texts:
        return []
    rows = transcribe(Cached(model), source_ids(texts), 1, LONGEST, BATCH, start=PAD, end=END)
    return [tokenizer().decode(row, skip_special_tokens=True).strip() for row in rows]


def lead(texts: Sequence[str]) -> list[str]:
    """The first ten words of each text: the summary that costs nothing."""
    return [" ".join(text.split()[:LEAD]) for text in texts]


def rouge_each(written: Sequence[str], references: Sequence[str]) -> dict[str, np.ndarray]:
    """The F1 of ROUGE-1, -2 and -L for each text, (N,) each, for means, intervals and differences."""
    pairs = list(zip(written, references, strict=True))
    return {kind: np.array([score(*pair).f1 for pair in pairs]) for kind, score in KINDS.items()}


def measure(model: EncoderDecoder) -> dict:
    """ROUGE on test introductions, with intervals of 95 %: of the tuned model, of the untuned, and of ten words."""
    test = part("test")
    texts, references = test.texts[:TESTED], test.descriptions[:TESTED]
    ways = {"tuned": describe(model, texts), "untuned": describe(with_lora(), texts), "lead": lead(texts)}
    metrics: dict = {"test_introductions": TESTED}
    for way, written in ways.items():
        for kind, values in rouge_each(written, references).items():
            low, high = bootstrap_interval(values, mean, generator(SEED))
            metrics |= {f"{kind}_{way}": float(values.mean()), f"{kind}_{way}_low": low, f"{kind}_{way}_high": high}
    return metrics


DESCRIPTIONS = Recipe(
    "descriptions", "Introductions to descriptions", CONFIG, FIT, with_lora, prepare, measure, lora_weights, load_lora
)
