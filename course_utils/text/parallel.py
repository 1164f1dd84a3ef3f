"""Sentences in Spanish and English: the shipped pairs, their tokens, and batches of them. See data/cards/es_en.md.

Both languages share one vocabulary. Its ids 0 to 255 are bytes; the first three, which no written text holds, pad,
start and end a sequence. It was made by `train_es_en_bpe().save(ES_EN_BPE)`.
"""

import hashlib
import lzma
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from course_utils.errors import CourseError
from course_utils.paths import CHECKPOINTS, DATA
from course_utils.text.batches import END, PairBatches, padded
from course_utils.text.bpe import BYTES, BytePairVocabulary, train_bpe

ES_EN = DATA / "es_en.tsv.xz"
TEXT_SHA256 = "aa76743ee1ae3c26f8017767fd22cd2e7e6e272a07400ec1d601b0e1e064d91e"
ES_EN_BPE = CHECKPOINTS / "es_en_bpe_4096.json"
ES_EN_BPE_SIZE = 4096
PARTS = ("train", "validation", "test")
LETTERS = re.compile(r"[^\W\d_]+")


# --- the pairs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """A sentence in both languages. `part` is train, validation or test; `domain` is help or bible."""

    part: str
    domain: str
    spanish: str
    english: str


@dataclass(frozen=True)
class Pairs:
    """The pairs in three parts, in the order of their sources."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...]


@cache
def load_es_en() -> Pairs:
    """The 57,214 shipped pairs. Raises CourseError where the file is missing or is not that of the course."""
    pairs = read_pairs(ES_EN, TEXT_SHA256)
    return Pairs(*(tuple(pair for pair in pairs if pair.part == part) for part in PARTS))


def read_pairs(path, sha256: str) -> list[Pair]:
    """The pairs of a file whose text has this sha256. Raises CourseError where it is missing, damaged or another."""
    try:
        text = lzma.decompress(path.read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise CourseError(f"{path.name} cannot be read ({error}); take it from the repository again.") from error
    found = hashlib.sha256(text).hexdigest()
    if found != sha256:
        raise CourseError(
            f"The text of {path.name} has sha256 {found}; expected {sha256}. Take it from the repository again, or, "
            "if you have made a new one, write its sha256 into course_utils/text/parallel.py."
        )
    lines = text.decode().splitlines()
    return [Pair(*line.split("\t")) for line in lines if not line.startswith("#")]


def normalised(sentence: str) -> str:
    """What near copies have in common: the words in lower case, without digits and marks."""
    return " ".join(LETTERS.findall(sentence.lower()))


# --- tokens and batches ---------------------------------------------------------------------------


def train_es_en_bpe(size: int = ES_EN_BPE_SIZE) -> BytePairVocabulary:
    """A vocabulary of `size` tokens learned from the training pairs, both sides together; in seconds."""
    lines = (line for pair in load_es_en().train for line in (pair.spanish, pair.english))
    return BytePairVocabulary(train_bpe("\n".join(lines), size - BYTES))


@cache
def load_es_en_bpe() -> BytePairVocabulary:
    """The 4,096 tokens learned from the training pairs, as shipped in data/checkpoints."""
    return BytePairVocabulary.load(ES_EN_BPE)


def sentence_ids(sentence: str) -> list[int]:
    """A sentence of either language as ids, without start and end.

    Raises CourseError for a blank sentence, half a surrogate pair, and the control characters U+0000 to U+0002.
    """
    if not sentence.strip():
        raise CourseError("The sentence is blank; expected at least one character that shows.")
    ids = load_es_en_bpe().encode(sentence).ids.tolist()
    if min(ids) <= END:
        raise CourseError(
            f"The sentence holds the control character U+{min(ids):04X}, whose id means something else here; "
            'expected none: remove it, for example by "".join(c for c in sentence if c > "\\x02").'
        )
    return ids


def source_ids(sentences: Iterable[str]) -> torch.Tensor:
    """Sentences as an encoder reads them: (N, S) int64, ids, end, padding. Raises what `sentence_ids` raises."""
    return padded([[*sentence_ids(sentence), END] for sentence in sentences]).long()


def translation_batches(pairs: Sequence[Pair], batch: int, seed: int) -> PairBatches:
    """A batch of Spanish sources and English targets for each step: see `PairBatches`.

    Raises CourseError where there are no pairs, and for `batch` below 1.
    """
    return PairBatches(
        [sentence_ids(pair.spanish) for pair in pairs], [sentence_ids(pair.english) for pair in pairs], batch, seed
    )
