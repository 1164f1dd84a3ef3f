"""Sentences in Spanish and English: the shipped pairs, their tokens, and batches of them. See data/cards/es_en.md.

Notation: B batch, S source length, T target length. Ids 0 to 255 are bytes; of these, three that no text holds pad,
start and end a sequence.
"""

import hashlib
import lzma
import re
from dataclasses import dataclass
from functools import cache

from course_utils.errors import CourseError
from course_utils.paths import DATA

ES_EN = DATA / "es_en.tsv.xz"
TEXT_SHA256 = "aa76743ee1ae3c26f8017767fd22cd2e7e6e272a07400ec1d601b0e1e064d91e"
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
