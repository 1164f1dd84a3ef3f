"""How varied a text is: measures over its n-grams. They need no model and say nothing of sense."""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import prod

from course_utils.bleu import ngrams
from course_utils.errors import CourseError


def counted(tokens: Sequence[Hashable], n: int) -> Counter:
    """How often each run of n tokens occurs. Raises CourseError for an n below 1, and for a text that is not cut."""
    if isinstance(tokens, str | bytes):
        raise CourseError(
            f"A text came, {tokens[:20]!r}; expected tokens: cut it first, by text.split() or "
            "vocabulary.encode(text).ids."
        )
    if n < 1:
        raise CourseError(f"n is {n}; expected a number of tokens in a row, 1 or more.")
    tokens = [token.item() if hasattr(token, "item") else token for token in tokens]  # tensors hash by identity
    return ngrams(tokens, n)


def distinct_n(tokens: Sequence[Hashable], n: int) -> float:
    """distinct-n: how many different n-grams a text of ids or words has, for each of its tokens (Li et al. 2016).

    From 0 to 1; as there is one n-gram less for each step of n, a short text cannot reach 1 for n above 1. Longer texts
    have lower values: compare texts of one length. Raises CourseError for an empty text.
    """
    if len(tokens) == 0:
        raise CourseError("The text is empty; distinct-n needs at least one token.")
    return len(counted(tokens, n)) / len(tokens)


def repetition(tokens: Sequence[Hashable], n: int) -> float:
    """rep-n: the share of n-grams that were there before, from 0, none, to almost 1 (Welleck et al. 2020, seq-rep-n).

    0 where the text is shorter than n. Raises CourseError as `counted` does.
    """
    found = counted(tokens, n)
    return 1 - len(found) / found.total() if found else 0.0


def diversity(tokens: Sequence[Hashable]) -> float:
    """The product of 1 − rep-n for n = 2, 3, 4: 1 where no pair of tokens comes twice (Su et al. 2022)."""
    return prod(1 - repetition(tokens, n) for n in (2, 3, 4))
