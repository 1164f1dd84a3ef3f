"""How far an answer is from the right one, counted in symbols: edit distance, phoneme and word error rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.errors import CourseError

MATCH, SUBSTITUTE, DELETE, INSERT = "match", "substitute", "delete", "insert"


def edit_distance(a: Sequence, b: Sequence) -> int:
    """The fewest symbols that must be deleted, inserted or replaced, one at a time, to turn `a` into `b`.

    Each of the three costs 1. Strings are compared letter by letter, lists and tuples item by item. Levenshtein 1966;
    the algorithm is that of Wagner and Fischer 1974, len(a) · len(b) steps. Raises CourseError for a string and a list.
    """
    for row in _rows(a, b):
        last = row
    return last[-1]


def _rows(a: Sequence, b: Sequence) -> Iterator[list[int]]:
    """Row i, for i = 0 … len(a): the distances from the first i symbols of `a` to the first 0, 1, … len(b) of `b`."""
    if isinstance(a, str) != isinstance(b, str):
        raise CourseError(f"Of {a!r} and {b!r} one is a string; expected symbols: cut it with .split() or list(…).")
    above = list(range(len(b) + 1))                                # from nothing: insert them all
    yield above
    for i, symbol in enumerate(a, start=1):
        row = [i]                                                  # to nothing: delete them all
        for j, other in enumerate(b, start=1):
            row.append(min(above[j - 1] + (symbol != other), above[j] + 1, row[-1] + 1))
        yield row
        above = row


def alignment(a: Sequence, b: Sequence) -> list[tuple[str, object, object]]:
    """One cheapest way from `a` to `b`, for showing: (operation, symbol of a, symbol of b), first symbol first.

    The operations are match, substitute, delete (symbol of b: None) and insert (symbol of a: None). All but match cost
    1 and add up to the edit distance. Of several cheapest ways, the one that from the end backwards prefers match or
    substitute, then delete.
    """
    table, i, j, steps = list(_rows(a, b)), len(a), len(b), []
    while i or j:
        here = table[i][j]
        if i and j and here == table[i - 1][j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            steps.append((MATCH if a[i] == b[j] else SUBSTITUTE, a[i], b[j]))
        elif i and here == table[i - 1][j] + 1:
            i -= 1
            steps.append((DELETE, a[i], None))
        else:
            j -= 1
            steps.append((INSERT, None, b[j]))
    return steps[::-1]


@dataclass(frozen=True)
class ErrorRates:
    """What was wrong, word by word: `edits[i]` symbols of word i, whose reference has `lengths[i]`.

    For an interval around a rate, resample the words: see `course_utils.intervals`.
    """

    edits: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def per(self) -> float:
        """Phoneme error rate: all edits over the length of all references. Above 1 where much too much was said."""
        return self.errors / self.phonemes

    @property
    def wer(self) -> float:
        """Word error rate: the share of words that are not right to the last symbol."""
        return sum(self.wrong) / self.words

    @property
    def errors(self) -> int:
        return sum(self.edits)

    @property
    def phonemes(self) -> int:
        return sum(self.lengths)

    @property
    def words(self) -> int:
        return len(self.edits)

    @property
    def wrong(self) -> tuple[bool, ...]:
        """For each word, whether it equals none of its references."""
        return tuple(edits > 0 for edits in self.edits)

    @property
    def pairs(self) -> np.ndarray:
        """(words, 2): edits and length of each word, as `ratio_of_sums` takes them."""
        return np.array([self.edits, self.lengths]).T

    def __str__(self) -> str:
        return f"PER {self.per:.2%}, WER {self.wer:.2%} of {self.words:,} words"


def error_rates(predictions: Sequence[tuple], references: Sequence[Sequence[tuple]]) -> ErrorRates:
    """Phoneme and word error rate of one prediction for each word.

    `predictions[i]`: a tuple of symbols, empty where nothing was said, which counts as all deleted; `references[i]`:
    the allowed pronunciations of word i. A word is wrong if it equals none of them. Its edits are counted to the
    nearest, whose length goes into the phonemes. Published CMUdict figures count so (Yao and Zweig 2015); that of two
    equally near references the shorter counts, which gives the higher rate, is our rule.
    Raises CourseError for lists that do not fit, no words, a word without a reference, an empty reference, and strings
    where tuples are due.
    """
    _check(predictions, references)
    edits, lengths = [], []
    for prediction, allowed in zip(predictions, references, strict=True):
        distance, length = min((edit_distance(tuple(prediction), tuple(one)), len(one)) for one in allowed)
        edits.append(distance)
        lengths.append(length)
    return ErrorRates(tuple(edits), tuple(lengths))


def _check(predictions: Sequence, references: Sequence) -> None:
    if len(predictions) != len(references):
        raise CourseError(f"{len(predictions)} predictions for {len(references)} references; expected one a word.")
    if len(predictions) == 0:
        raise CourseError("There are no words; error rates need at least one.")
    for i, (prediction, allowed) in enumerate(zip(predictions, references, strict=True)):
        if isinstance(prediction, str):
            raise CourseError(f"Prediction {i} is the string {prediction!r}; expected a tuple of symbols: .split() it.")
        if isinstance(allowed, str) or any(isinstance(one, str) for one in allowed):
            raise CourseError(
                f"The references of word {i} are {allowed!r}; expected a tuple of pronunciations, each a tuple of "
                "symbols, as in (('K', 'AE', 'T'),): one more pair of brackets."
            )
        if len(allowed) == 0 or min(map(len, allowed)) == 0:
            raise CourseError(f"Word {i} has no reference or an empty one: {allowed!r}; expected one at least.")
