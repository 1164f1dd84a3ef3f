"""Counts of every n-gram up to an order, as a trie of sorted arrays.

An n-gram is stored once, as (the id of its first n−1 tokens, its last token), packed into one 64-bit key. The keys of a
level are sorted, so all continuations of a context lie side by side and a look-up is a binary search.
"""

import copy
from dataclasses import dataclass

import numpy as np

from course_utils.errors import CourseError
from course_utils.shapes import check_counts, check_whole

MISSING = -1
HIGHEST_ORDER = 6


@dataclass(frozen=True)
class Level:
    """All n-grams of one length, N of them; arrays (N,) in the order of `keys`.

    keys: context · V + last token, int64, sorted; `context`: id one level down of the first n−1 tokens; `suffix`: id
    one level down of the last n−1 tokens; `count`: occurrences; `left`: how many different tokens were seen before it.
    """

    keys: np.ndarray
    context: np.ndarray
    suffix: np.ndarray
    count: np.ndarray
    left: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)


class NgramCounts:
    """Count n-grams of lengths 1 to `order` in `ids` (T,), a stream that `start` stands before.

    With a `boundary` token no n-gram reaches across it: it may only be the first token (where a line starts) or the
    last (where one ends). `levels[n - 1]` holds the n-grams of length n; level 1 has one entry per token there is.
    """

    def __init__(self, ids, vocabulary_size: int, order: int, start: int, boundary: int | None = None):
        ids = np.asarray(ids)
        check_whole("T", ids=ids)
        check_counts(vocabulary_size=vocabulary_size)
        check_counts(0, boundary=boundary)
        if not 1 <= order <= HIGHEST_ORDER:
            raise CourseError(f"order is {order}; expected 1 to {HIGHEST_ORDER}.")
        self.vocabulary_size, self.order, self.start, self.boundary = vocabulary_size, order, start, boundary
        stream = np.concatenate([[start], ids])
        if stream.min() < 0 or stream.max() >= vocabulary_size:
            raise CourseError(f"ids must lie in 0 … {vocabulary_size - 1}; got {stream.min()} … {stream.max()}.")
        self.levels = self._count(stream.astype(np.int32))

    def up_to(self, order: int) -> "NgramCounts":
        """The same counts without the n-grams longer than `order`; nothing is copied."""
        if not 1 <= order <= self.order:
            raise CourseError(
                f"These counts reach order {self.order}; asked for {order}, expected 1 to {self.order}. Count with a "
                "higher order."
            )
        shorter = copy.copy(self)
        shorter.order, shorter.levels = order, self.levels[:order]
        return shorter

    def _count(self, stream: np.ndarray) -> list[Level]:
        count = np.bincount(stream[1:], minlength=self.vocabulary_size)
        tokens, root = np.arange(self.vocabulary_size), np.zeros(self.vocabulary_size, np.int32)
        levels = [Level(tokens, root, root, count, np.zeros(self.vocabulary_size, np.int64))]
        ending_here, reach = stream, longest_ngram(stream, self.boundary)
        for n in range(2, self.order + 1):                   # ending_here: id of the (n−1)-gram ending at each position
            where = np.flatnonzero(reach >= n).astype(np.int32)
            keys = ending_here[where - 1].astype(np.int64) * self.vocabulary_size + stream[where]
            levels.append(self._level(keys, levels[-1]))
            levels[-2] = with_left_neighbours(levels[-2], levels[-1].suffix)
            if n < self.order:
                ending_here = np.full(len(stream), MISSING, np.int32)
                ending_here[where] = np.searchsorted(levels[-1].keys, keys)
        return levels

    def _level(self, keys: np.ndarray, below: Level) -> Level:
        """The level of these n-gram occurrences; its suffixes drop the first token of each n-gram's context."""
        keys, count = np.unique(keys, return_counts=True)
        context, token = keys // self.vocabulary_size, keys % self.vocabulary_size
        suffix = look_up(below.keys, below.suffix[context], token, self.vocabulary_size)
        return Level(keys, context.astype(np.int32), suffix.astype(np.int32), count, np.zeros(len(keys), np.int64))

    def find(self, stream) -> list[np.ndarray]:
        """For each length n, the id of the n-gram ending at each position of `stream` (T,), MISSING if never seen."""
        stream = np.asarray(stream)
        check_whole("T", stream=stream)
        stream = stream.astype(np.int64)
        found = [stream]
        for level in self.levels[1:]:
            context = np.concatenate([[MISSING], found[-1]])[:-1]
            found.append(look_up(level.keys, context, stream, self.vocabulary_size))
        return found

    def children(self, n: int, context: int) -> slice:
        """Where the n-grams that continue `context`, an (n−1)-gram's id, lie in level n."""
        low, high = np.searchsorted(self.levels[n - 1].context, [context, context + 1])
        return slice(int(low), int(high))

    def begins_line(self, n: int) -> np.ndarray:
        """(N,) for each n-gram, whether its first token is the boundary: as a context it cannot be any longer."""
        begins = np.arange(self.vocabulary_size) == (MISSING if self.boundary is None else self.boundary)
        for level in self.levels[1:n]:
            begins = begins[level.context]
        return begins

    def ngram(self, n: int, index: int) -> tuple[int, ...]:
        """The n token ids of an n-gram."""
        check_counts(n=n)
        check_counts(0, index=index)
        tokens = []
        for level in reversed(self.levels[:n]):
            tokens.append(int(level.keys[index] % self.vocabulary_size))
            index = level.context[index]
        return tuple(reversed(tokens))


def longest_ngram(stream: np.ndarray, boundary: int | None) -> np.ndarray:
    """(T,) the length of the longest n-gram that ends at each position without reaching across a boundary."""
    check_whole("T", stream=stream)
    positions = np.arange(len(stream), dtype=np.int32)
    if boundary is None:
        return positions + 1
    last = np.maximum.accumulate(np.where(stream == boundary, positions, 0))
    return positions - np.concatenate([[0], last[:-1]]) + 1


def with_left_neighbours(level: Level, suffix: np.ndarray) -> Level:
    """Fill in `left`: each distinct n-gram one level up adds one left neighbour to its suffix."""
    left = np.bincount(suffix, minlength=len(level))
    return Level(level.keys, level.context, level.suffix, level.count, left)


def look_up(keys: np.ndarray, context: np.ndarray, token: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """Ids of (context, token) pairs among sorted `keys`; MISSING where either is."""
    check_whole("N, M, M", keys=keys, context=context, token=token)
    wanted = context.astype(np.int64) * vocabulary_size + token
    if len(keys) == 0:
        return np.full(len(wanted), MISSING)
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where((keys[at] == wanted) & (context != MISSING), at, MISSING)
