"""Search among texts: by meaning, with their embeddings, and by words, to compare with; and how good a search is.

The embeddings of the 10,033 Wikipedia introductions come with the course, a byte a number. `python -m tools.wiki_index`
makes them again.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from course_utils.checkpoints import CheckpointError, read_tensors
from course_utils.errors import CourseError
from course_utils.paths import DATA
from course_utils.shapes import check_floats, check_number, check_shape

WIKI_INDEX = "wiki_minilm"
WORD = re.compile(r"[^\W_]+")


def nearest(query: torch.Tensor, embeddings: torch.Tensor, k: int = 5) -> list[tuple[int, float]]:
    """The k rows of `embeddings` (N, D) with the largest cosine to `query` (D,), each with it; largest first.

    Raises CourseError where k is below 1.
    """
    check_shape(embeddings, "N D", "embeddings")
    check_shape(query, f"{embeddings.shape[1]}", "query")
    check_floats("N D, D", embeddings=embeddings, query=query)
    if k < 1:
        raise CourseError(f"k is {k}; expected how many texts to find, 1 or more.")
    cosines = torch.nn.functional.cosine_similarity(embeddings, query[None], dim=1)
    found = cosines.topk(min(k, len(cosines)))
    return list(zip(found.indices.tolist(), found.values.tolist(), strict=True))


class WordSearch:
    """Search by shared words: BM25 (Robertson et al. 1994), the usual opponent of embeddings.

    A word counts more, the fewer texts have it; more of the same word adds less and less; long texts get no advantage.
    k, from 0, and b, from 0 to 1, are its two usual constants. Raises CourseError for others, and for no texts.
    """

    def __init__(self, texts: Sequence[str], k: float = 1.2, b: float = 0.75):
        if not texts:
            raise CourseError("There are no texts to search in; expected one or more.")
        check_number(0, 100, k=k)
        check_number(0, 1, b=b)
        self.count, self.postings = len(texts), defaultdict(list)
        bags = [Counter(words(text)) for text in texts]
        lengths = np.array([bag.total() for bag in bags])
        penalty = k * (1 - b + b * lengths / max(lengths.mean(), 1))
        for number, bag in enumerate(bags):
            for word, times in bag.items():
                self.postings[word].append((number, times * (k + 1) / (times + penalty[number])))

    def scores(self, query: str) -> np.ndarray:
        """(N,) how well each text fits the words of the query; 0 where they share none."""
        total = np.zeros(self.count)
        for word in set(words(query)):
            found = self.postings.get(word, [])
            rarity = math.log(1 + (self.count - len(found) + 0.5) / (len(found) + 0.5))
            for number, weight in found:
                total[number] += rarity * weight
        return total


def words(text: str) -> list[str]:
    """Lower-case words, in order, without marks."""
    return WORD.findall(text.lower())


def rank_of(scores, right: int) -> int:
    """The place, from 1, of text `right` when the highest score comes first; of equal scores it comes last.

    So a search that gives every text the same score is no better than the worst. Raises CourseError where there is no
    such text.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or right not in range(len(scores)):
        raise CourseError(f"right is {right!r} of scores of shape {scores.shape}; expected a place in a row.")
    return int((scores >= scores[right]).sum())


def recall_at(ranks: Sequence[int], k: int) -> float:
    """The share of questions whose right text is among the first k. Raises CourseError for no ranks, or one below 1."""
    return float(np.mean(_ranks(ranks) <= k))


def mean_reciprocal_rank(ranks: Sequence[int]) -> float:
    """The mean of 1/rank: 1 where the right text always comes first. Raises CourseError as `recall_at` does."""
    return float(np.mean(1 / _ranks(ranks)))


def _ranks(ranks: Sequence[int]) -> np.ndarray:
    found = np.asarray(ranks)
    if found.size == 0 or not (found >= 1).all():
        raise CourseError(f"ranks is {list(ranks)!r:.60}; expected one or more places, counted from 1.")
    return found


@cache
def wiki_embeddings() -> torch.Tensor:
    """(10033, 384) the vectors of all introductions, in the order of `load_wiki()`, of length 1 but for rounding.

    Raises CheckpointError where the file is missing or damaged.
    """
    path = DATA / f"{WIKI_INDEX}.safetensors"
    if not path.exists():
        raise CheckpointError(f"{path.name} is missing; make it with `python -m tools.wiki_index`.")
    stored = read_tensors(path)
    return unpacked(stored["numbers"], stored["scales"])


def packed(embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, D) to whole numbers from −127 to 127, int8, and a scale for each row (N, 1): a quarter of the bytes."""
    check_floats("N D+", embeddings=embeddings)
    scales = embeddings.abs().amax(dim=1, keepdim=True).clamp(min=1e-9) / 127
    return (embeddings / scales).round().to(torch.int8), scales


def unpacked(numbers: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """(N, D) float32, each number within half a step of what was packed."""
    return numbers.float() * scales.float()
