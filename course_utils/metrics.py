"""The yardsticks. Bits per byte first: what every language model here, and every compressor, is measured in."""

import bz2
import gzip
import lzma
import math
from concurrent.futures import ThreadPoolExecutor

import torch

from course_utils.errors import CourseError
from course_utils.text.vocabulary import utf8

NATS_PER_BIT = math.log(2)


def bits_per_byte(model, encoding, speller=None) -> float:
    """How many bits the model needs for each UTF-8 byte of a text.

    `encoding` is the text as the model's vocabulary wrote it. Pieces that became `<unk>` are spelled by `speller`,
    whose bits are added; without one they raise CourseError: who does not name the word has not predicted it.
    """
    if encoding.unknown and speller is None:
        raise CourseError(
            f"{len(encoding.unknown)} pieces of this text are <unk>, the first {encoding.unknown[0]!r}; "
            "pass speller=… so that somebody pays for their letters."
        )
    if encoding.n_bytes == 0:
        raise CourseError("The text is empty; bits per byte needs at least one byte.")
    nats = total_nats(model, encoding) + (speller.nats(encoding.unknown) if speller else 0.0)
    return nats / NATS_PER_BIT / encoding.n_bytes


@torch.no_grad()
def total_nats(model, encoding) -> float:
    """−ln p of the whole text under the model, `<unk>` counted as one token."""
    return model.token_nats(encoding.inputs[None], encoding.ids[None]).double().sum().item()


def perplexity(model, encoding) -> float:
    """exp(mean nats per token): among how many equally likely tokens the model is, on average, undecided.

    Comparable only between models that cut the text into the same tokens.
    """
    if len(encoding.ids) == 0:
        raise CourseError("The text is empty; perplexity needs at least one token.")
    return math.exp(total_nats(model, encoding) / len(encoding.ids))


COMPRESSORS = {
    "gzip": lambda data: gzip.compress(data, compresslevel=9, mtime=0),
    "bz2": lambda data: bz2.compress(data, compresslevel=9),
    "xz": lambda data: lzma.compress(data, preset=9),
}


def compressed_bits_per_byte(text: str, compressor: str, primed_with: str = "") -> float:
    """Bits per byte of a text under gzip, bz2 or xz, each at level 9.

    `primed_with`: a text the compressor has just seen, as a language model has seen its training text; its own size is
    taken off. gzip remembers 32 KB and bz2 900 KB of it, xz 64 MB.
    """
    if compressor not in COMPRESSORS:
        raise CourseError(f"{compressor!r} is not a compressor here; expected one of {', '.join(COMPRESSORS)}.")
    if not text:
        raise CourseError("The text is empty; bits per byte needs at least one byte.")
    compress, data, before = COMPRESSORS[compressor], utf8(text), utf8(primed_with)
    with ThreadPoolExecutor(max_workers=2) as pool:                # the compressors work outside Python's lock
        alone, together = pool.map(lambda read: len(compress(read)) if read else 0, [before, before + data])
    return 8 * (together - alone) / len(data)
