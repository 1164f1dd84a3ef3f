"""How English words are spoken: the pronouncing dictionary, its letters and phonemes as ids, and batches of pairs."""

import re
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.text.batches import END, PairBatches, padded
from course_utils.text.splits import part_by_hash

Words = dict[str, tuple[tuple[str, ...], ...]]


# --- the dictionary -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pronunciations:
    """Spellings and how they are spoken, in three parts.

    Each part maps a spelling to its pronunciations, most of them one; a pronunciation is a tuple of phonemes without
    stress, `{"ox": (("AA", "K", "S"),)}`.
    """

    train: Words
    validation: Words
    test: Words


def load_pronunciations() -> Pronunciations:
    """The CMU Pronouncing Dictionary: the spellings of the letters a–z and the apostrophe, in its order.

    Split by spelling, so that all pronunciations of one spelling are in one part: of 100 spellings about 10 are test,
    5 validation, 85 train.
    """
    parts = {"train": {}, "validation": {}, "test": {}}
    text = (assets.path("cmudict") / "cmudict.dict").read_text(encoding="utf-8")
    for spelling, pronunciations in _words(text).items():
        parts[part_by_hash(spelling, validation=5, test=10)][spelling] = pronunciations
    return Pronunciations(**parts)


def _words(text: str) -> Words:
    """Lines such as `record(2) R IH0 K AO1 R D # a comment` to words; what differs in stress alone is one."""
    words: dict[str, dict[tuple[str, ...], None]] = {}
    for line in text.splitlines():
        spelling, *phonemes = line.partition("#")[0].split()
        spelling = re.sub(r"\(\d+\)$", "", spelling)
        if re.fullmatch("[a-z']+", spelling):
            words.setdefault(spelling, {})[tuple(phoneme.rstrip("012") for phoneme in phonemes)] = None
    return {spelling: tuple(pronunciations) for spelling, pronunciations in words.items()}


# --- symbols and ids ------------------------------------------------------------------------------


class SymbolVocabulary:
    """Symbols and their ids: 0 pads, 1 starts, 2 ends a sequence, the symbols follow from 3 on in the order given."""

    def __init__(self, symbols: Iterable[str], kind: str = "symbol"):
        self.symbols = tuple(symbols)
        self.kind = kind
        self.index = {symbol: i for i, symbol in enumerate(self.symbols, start=END + 1)}
        if not self.symbols or len(self.index) != len(self.symbols):
            got = reprlib.repr(self.symbols)
            raise CourseError(f"The symbols are {got}; a vocabulary needs distinct symbols, at least one.")

    def __len__(self) -> int:
        return END + 1 + len(self.symbols)

    def __repr__(self) -> str:
        return f"SymbolVocabulary({len(self.symbols)} {self.kind}s, {len(self)} ids)"

    def encode(self, symbols: Sequence[str]) -> list[int]:
        """One id a symbol, without start and end. Raises CourseError for no symbols and for an unknown one."""
        if not len(symbols):
            raise CourseError(f"expected at least one {self.kind}, got none.")
        unknown = next((symbol for symbol in symbols if symbol not in self.index), None)
        if unknown is not None or not isinstance(symbols, str) and None in symbols:
            raise CourseError(f"{unknown!r} is no {self.kind} of this vocabulary; expected {' '.join(self.symbols)}.")
        return [self.index[symbol] for symbol in symbols]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The symbols before the first end; padding and start say nothing. Raises CourseError for an unknown id."""
        symbols = []
        for i in map(int, ids):
            if i == END:
                break
            if not 0 <= i < len(self):
                raise CourseError(f"ids must lie in 0 … {len(self) - 1}; got {i}.")
            if i > END:
                symbols.append(self.symbols[i - END - 1])
        return symbols


ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
LETTERS = SymbolVocabulary("'abcdefghijklmnopqrstuvwxyz", kind="letter")
PHONEMES = SymbolVocabulary(ARPABET.split(), kind="phoneme")


def spelling_ids(spellings: Iterable[str]) -> torch.Tensor:
    """Spellings as an encoder reads them: (B, S) int64, letters, end, padding. Raises CourseError for a strange one."""
    return padded([[*LETTERS.encode(spelling), END] for spelling in spellings]).long()


# --- batches --------------------------------------------------------------------------------------


def pairs_of(words: Words) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each spelling with each of its pronunciations."""
    return ((spelling, spoken) for spelling, pronunciations in words.items() for spoken in pronunciations)


def pronunciation_batches(words: Words, batch: int, seed: int) -> PairBatches:
    """A batch for each step: every spelling with each of its pronunciations once an epoch, in an order of its own.

    Words of like length stand together, so that little is padded: source is letters, end, padding (0); inputs are
    start, phonemes, padding; targets are phonemes, end, and -100 where there is nothing to predict. Raises CourseError
    where there are no words, for `batch` below 1, and for a letter or phoneme that is none.
    """
    pairs = list(pairs_of(words))
    spellings, spoken = ([LETTERS.encode(pair[0]) for pair in pairs], [PHONEMES.encode(pair[1]) for pair in pairs])
    return PairBatches(spellings, spoken, batch, seed)
