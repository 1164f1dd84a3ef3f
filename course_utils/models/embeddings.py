"""Words as vectors, learned from the company they keep: by counting (PMI and SVD) and by prediction (skip-gram).

Notation: N words in the text, V words in the vocabulary, D width of a vector, B batch, K negatives for each pair.
A text is an array of ids (N,) in which −1 stands for every word outside the vocabulary: it keeps its place.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.language_model import check_ids
from course_utils.seeding import generator
from course_utils.shapes import check_counts, check_finite, check_floats, check_shape, check_shapes, check_whole
from course_utils.text.batches import Batches, mixed

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
OUTSIDE = -1


def frequent_words(text: str, size: int) -> tuple[tuple[str, ...], np.ndarray]:
    """The `size` commonest words of a text in lower case, commonest first, and the text as ids (N,) of them.

    Ties in order of first appearance. Raises CourseError for a text without words and a size below 1.
    """
    found = WORD.findall(text.lower())
    if size < 1 or not found:
        raise CourseError(f"{len(found)} words were found and {size} are to be kept; expected 1 or more of each.")
    words = tuple(word for word, _ in Counter(found).most_common(size))
    index = {word: i for i, word in enumerate(words)}
    return words, np.array([index.get(word, OUTSIDE) for word in found], dtype=np.int64)


# --- by counting


def cooccurrence(ids: np.ndarray, size: int, window: int) -> sparse.csr_array:
    """(V, V) how often word j stands at most `window` places before or after word i: symmetric counts.

    Raises CourseError for a window below 1 and for ids outside the vocabulary.
    """
    check_whole("N", ids=ids)
    check_counts(size=size, window=window)
    if window < 1 or ids.size and not OUTSIDE <= ids.min() <= ids.max() < size:
        raise CourseError(
            f"window is {window} and the ids go up to {ids.max(initial=-1)}; expected 1 or more, and ids below {size}."
        )
    total = sparse.csr_array((size, size), dtype=np.float64)
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        inside = (left >= 0) & (right >= 0)
        ones = np.ones(inside.sum())
        total += sparse.coo_array((ones, (left[inside], right[inside])), shape=(size, size)).tocsr()
    return (total + total.T).tocsr()


def positive_pmi(counts: sparse.csr_array, power: float = 1.0) -> sparse.csr_array:
    """(V, V) in bits: log2 of how much oftener two words meet than they would by chance; where less often, 0.

    Church and Hanks 1990. `power` below 1 makes rare contexts count as if they were commoner, 0.75 being the usual
    value (Levy, Goldberg and Dagan 2015). Raises CourseError for counts that are negative or all zero.
    """
    counts = sparse.coo_array(counts)
    if counts.sum() <= 0 or counts.data.min() < 0:
        raise CourseError("PMI needs counts, none of them negative and one at least above 0; count a longer text.")
    words, contexts = counts.sum(axis=1), counts.sum(axis=0) ** power
    p_word, p_context = words / words.sum(), contexts / contexts.sum()
    row, column = counts.coords
    with np.errstate(divide="ignore"):
        bits = np.log2(counts.data / counts.sum() / (p_word[row] * p_context[column]))
    matrix = sparse.coo_array((np.maximum(bits, 0.0), (row, column)), shape=counts.shape).tocsr()
    matrix.eliminate_zeros()
    return matrix


def truncated_svd(matrix, width: int, random: torch.Generator) -> np.ndarray:
    """(V, D) the rows of U·√S from the D largest singular values of a (V, V) matrix: the best that D numbers can keep.

    A random projection finds the space in a few products (Halko, Martinsson and Tropp 2011). Raises CourseError where
    D is not from 1 to the smaller side.
    """
    check_shape(matrix, "V W", "matrix")
    check_finite(matrix=matrix)
    if not 1 <= width <= min(matrix.shape):
        raise CourseError(f"width is {width}; expected 1 to {min(matrix.shape)}, the smaller side of the matrix.")
    guesses = min(width + 10, min(matrix.shape))
    space = matrix @ torch.randn(matrix.shape[1], guesses, generator=random, dtype=torch.float64).numpy()
    for _ in range(4):                                              # each pass turns the guesses towards large values
        space = matrix @ (matrix.T @ np.linalg.qr(space)[0])
    basis = np.linalg.qr(space)[0]                                  # (V, guesses)
    left, values, _ = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return (basis @ left * np.sqrt(values))[:, :width]


# --- by prediction


class SkipGram(nn.Module):
    """Skip-gram with negative sampling: tell the words around a word from words drawn at random. Mikolov et al. 2013.

    `centre` and `context` (V, D): every word has a vector as the one that is looked at and one as a neighbour.
    """

    def __init__(self, size: int, width: int, random: torch.Generator):
        check_counts(size=size, width=width)
        super().__init__()
        self.centre = nn.Parameter((torch.rand(size, width, generator=random) - 0.5) / width)
        self.context = nn.Parameter(torch.zeros(size, width))

    def forward(self, centres, contexts, labels):
        """centres (B,), contexts (B, 1 + K) int64, labels (B, 1 + K): 1 for a true neighbour, 0 for a drawn word.

        Returns scores (B, 1 + K) and the loss: nats for each true neighbour, its K negatives included.
        """
        check_shapes("B, B K, B K", centres=centres, contexts=contexts, labels=labels)
        check_whole("B, B K", centres=centres, contexts=contexts)
        check_floats("B+ K+", labels=labels)
        check_ids(centres, len(self.centre), "centres")
        check_ids(contexts, len(self.context), "contexts")
        scores = torch.einsum(
            "bd,bkd->bk", functional.embedding(centres, self.centre), functional.embedding(contexts, self.context)
        )
        nats = functional.binary_cross_entropy_with_logits(scores, labels, reduction="none")
        return scores, nats.sum(dim=1).mean()


def _check_stream(ids: np.ndarray, size: int, **counts: int) -> None:
    """Raises CourseError for what are no ids (N,) of `size` words, −1 for none of them, and for counts below 1."""
    check_counts(size=size, **counts)
    check_whole("N", ids=ids)
    check_ids(ids.clip(min=0), size, "ids")


def skipgram_batches(
    ids: np.ndarray, size: int, window: int, negatives: int, batch: int, seed: int, threshold: float = 1e-4
) -> Batches:
    """Pairs of neighbours at random places of a text. `…(step)` is (centres, contexts, labels) for `SkipGram`.

    First the commonest words are thinned out: one of frequency f is kept with probability √(threshold/f), which also
    widens the windows of the others. Negatives are drawn by frequency to the power of 0.75. Both as in word2vec.
    Raises CourseError where no pair of neighbours is left.
    """
    _check_stream(ids, size, negatives=negatives, batch=batch)
    counts = np.bincount(ids[ids >= 0], minlength=size).astype(float)
    keep = np.minimum(1.0, np.sqrt(threshold * counts.sum() / np.maximum(counts, 1.0)))
    chance = torch.rand(len(ids), generator=generator(mixed(seed, -1)), dtype=torch.float64).numpy()
    text = torch.from_numpy(ids[(ids >= 0) & (chance < keep[ids])])
    if len(text) < 2 or window < 1:
        raise CourseError(f"{len(text)} words are left and the window is {window}; expected 2 or more, and 1 or more.")
    drawn = torch.from_numpy(np.cumsum(counts**0.75))
    labels = torch.cat([torch.ones(batch, 1), torch.zeros(batch, negatives)], dim=1)

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        random = generator(mixed(seed, step))
        distance = torch.randint(1, min(window, len(text) - 1) + 1, (batch,), generator=random)
        left = (torch.rand(batch, generator=random, dtype=torch.float64) * (len(text) - distance)).long()
        swap = torch.rand(batch, generator=random) < 0.5            # the neighbour stands as often before as after
        centres, true = torch.where(swap, left + distance, left), torch.where(swap, left, left + distance)
        places = drawn[-1] * torch.rand(batch, negatives, generator=random, dtype=torch.float64)
        false = torch.searchsorted(drawn, places, right=True).clamp(max=size - 1)
        return text[centres], torch.cat([text[true][:, None], false], dim=1), labels

    return at


# --- looking things up


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors (V, D), compared by cosine: 1 for the same direction, 0 for a right angle."""

    words: Sequence[str]
    vectors: np.ndarray

    def __post_init__(self):
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors):
            raise CourseError(f"{len(self.words)} words for vectors of shape {self.vectors.shape}; expected one each.")

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def unit(self) -> np.ndarray:
        """(V, D) the vectors at length 1; a vector of zeros stays one."""
        return self.vectors / np.maximum(np.linalg.norm(self.vectors, axis=1, keepdims=True), 1e-12)

    def __getitem__(self, word: str) -> np.ndarray:
        """(D,) the vector of a word at length 1. Raises CourseError where there is none."""
        if word not in self.index:
            raise CourseError(f"{word!r} has no vector; expected one of the {len(self.words):,} words kept.")
        return self.unit[self.index[word]]

    def cosine(self, first: str, second: str) -> float:
        """The cosine of the angle between two words."""
        return float(self[first] @ self[second])

    def nearest(self, query: str | np.ndarray, top: int = 5, without: Collection[str] = ()) -> list[tuple[str, float]]:
        """The `top` words with the largest cosine to a word (itself left out) or to a vector, and that cosine."""
        if isinstance(query, str):
            without, query = {*without, query}, self[query]
        query = np.asarray(query)
        check_shape(query, f"{self.vectors.shape[1]}", "query")
        cosines = self.unit @ (query / max(np.linalg.norm(query), 1e-12))
        order = (i for i in np.argsort(-cosines, kind="stable") if self.words[i] not in without)
        return [(self.words[i], float(cosines[i])) for i, _ in zip(order, range(top), strict=False)]

    def analogy(self, a: str, b: str, c: str, top: int = 5, given: bool = False) -> list[tuple[str, float]]:
        """The words nearest to b − a + c: "a is to b as c is to …" (Mikolov et al. 2013).

        a, b and c themselves are left out, as is usual, unless `given`. Without that the answer is mostly b or c.
        """
        return self.nearest(self[b] - self[a] + self[c], top, () if given else {a, b, c})
