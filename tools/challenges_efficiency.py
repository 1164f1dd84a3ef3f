"""Efficiency: fewer bits for a weight, fewer weights, a smaller model, a smaller model that guesses ahead.

`python -m tools.challenges efficiency` measures it at full size, in about four minutes on one core. Differences in bits
per byte are in pairs, address by address; above 0 the smaller model is worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.models.transformer import Transformer
from course_utils.pruning import pruned, sparse_bytes
from course_utils.quantization import quantized, stored_bytes
from course_utils.recipes import load
from course_utils.speculative import speculate
from course_utils.text import load_sotu_bpe
from tools.challenges_figures import (
    Measured,
    address_bits,
    byte_counts,
    exact,
    of_ratio,
    shipped_addresses,
)

MODEL, DISTILLED, ALONE = "gpt_sotu_bpe", "gpt_sotu_distilled", "gpt_sotu_half"
UNIT = "bits per byte"
GROUP = 32
BITS = {8: None, 4: GROUP, 3: GROUP, 2: GROUP}  # and how many weights share a scale
SHARES = (0.3, 0.5, 0.7)
MEGABYTE = 1e6


@dataclass(frozen=True)
class Size:
    """What is read: so many bytes at the beginning of each test address, of every so many-th; and written."""

    bytes_each: int = 8_000
    every: int = 1
    prompts: int = 20
    length: int = 60


def measure(size: Size = Size()) -> Measured:
    """All figures of efficiency."""
    return {**smaller_weights(size), **smaller_model(size), **guessing_ahead(size)}


def texts_of(size: Size) -> list[str]:
    """The beginnings of test addresses."""
    return shipped_addresses(size.bytes_each)[:: size.every]


def smaller_weights(size: Size = Size()) -> Measured:
    """What rounding all matrices costs, and pruning the linear layers; and how many megabytes the model takes then."""
    model, texts = load(MODEL), texts_of(size)
    whole = address_bits(model, texts)
    whole_bytes = sum(parameter.nbytes for parameter in model.parameters())
    figures = {"whole_megabytes": exact(whole_bytes / MEGABYTE, 1, "MB, float32")}
    for bits, group in BITS.items():
        figures[f"bits_{bits}_loss"] = _lost(quantized(model, bits, group, embedding=True), whole, texts)
        figures[f"bits_{bits}_megabytes"] = exact(stored_bytes(model, bits, group, embedding=True) / MEGABYTE, 1, "MB")
    for share in SHARES:
        sparse = pruned(model, share)
        figures[f"pruned_{share:.0%}_loss".replace("%", "_percent")] = _lost(sparse, whole, texts)
        name = f"pruned_{share:.0%}_megabytes".replace("%", "_percent")
        figures[name] = exact(sparse_bytes(sparse) / MEGABYTE, 1, "MB")
    return figures


def _lost(model: Transformer, whole: np.ndarray, texts: Sequence[str]) -> dict:
    return of_ratio(address_bits(model, texts) - whole, byte_counts(texts), UNIT)


def smaller_model(size: Size = Size()) -> Measured:
    """The teacher, its student and the same student without a teacher, on the same addresses."""
    texts, models = texts_of(size), {name: load(name) for name in (MODEL, DISTILLED, ALONE)}
    bits = {name: address_bits(model, texts) for name, model in models.items()}
    lengths = byte_counts(texts)
    return {
        "teacher": of_ratio(bits[MODEL], lengths, UNIT),
        "student_distilled": of_ratio(bits[DISTILLED], lengths, UNIT),
        "student_alone": of_ratio(bits[ALONE], lengths, UNIT),
        "alone_less_distilled": of_ratio(bits[ALONE] - bits[DISTILLED], lengths, UNIT),
        "distilled_less_teacher": of_ratio(bits[DISTILLED] - bits[MODEL], lengths, UNIT),
        "student_share_of_parameters": exact(
            models[DISTILLED].parameter_count / models[MODEL].parameter_count, 1, "share"
        ),
    }


def guessing_ahead(size: Size = Size()) -> Measured:
    """Speculative decoding: the student guesses, the teacher judges; greedy, so the text is the teacher's own."""
    model, draft, vocabulary = load(MODEL), load(DISTILLED), load_sotu_bpe()
    kept, judged, tokens, passes = [], [], [], []
    for text in shipped_addresses(400)[: size.prompts]:
        encoding = vocabulary.encode(text)
        ids = [encoding.start, *encoding.ids.tolist()][:40]
        found = speculate(model, draft, ids, size.length)
        kept.append(found.kept)
        judged.append(found.judged)
        tokens.append(len(found.ids))
        passes.append(found.passes)
    return {
        "guesses_kept": of_ratio(kept, judged, "share"),
        "tokens_per_pass": of_ratio(tokens, passes, "tokens"),
    }
