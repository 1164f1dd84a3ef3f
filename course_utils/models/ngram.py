"""The n-gram language model: look up what followed the last few tokens, and hedge."""

from collections.abc import Sequence

import numpy as np
import torch

from course_utils.models.counts import MISSING, NgramCounts, look_up
from course_utils.models.language_model import LanguageModel, check_ids
from course_utils.models.smoothing import KneserNey, Smoothing
from course_utils.shapes import check_shape, check_shapes


class NGram(LanguageModel):
    """An n-gram model over counts and a smoothing rule; it keeps the LanguageModel contract and trains no weights.

    Its tables are NumPy arrays: they are not in a `state_dict` and never move to another device.
    `NGram.fit(encoding, vocabulary, order=5)` counts and smooths in one go; `NGram(counts, smoothing)` reuses counts.
    """

    def __init__(self, counts: NgramCounts, smoothing: Smoothing):
        super().__init__()
        self.counts, self.smoothing = counts, smoothing
        self.vocabulary_size, self.order = counts.vocabulary_size, counts.order
        self.tables = smoothing.tables(counts)

    @classmethod
    def fit(cls, encoding, vocabulary, order: int = 5, smoothing: Smoothing | None = None, boundary: int | None = None):
        """Count `encoding.ids` over `vocabulary` and smooth (modified Kneser–Ney unless told otherwise)."""
        counts = NgramCounts(encoding.ids, len(vocabulary), order, encoding.start, boundary)
        return cls(counts, smoothing or KneserNey())

    @property
    def parameter_count(self) -> int:
        """Numbers the model needs beside the n-grams themselves: each alpha above 0 and each gamma that is not 1.

        The keys, which say whose numbers these are, are not counted.
        """
        return sum(int((table.alpha > 0).sum() + (table.gamma != 1).sum()) for table in self.tables)

    def distribution(self, context) -> np.ndarray:
        """(V,) probabilities of the next token after the ids in `context`, of which the last order − 1 count."""
        check_shape(np.asarray(context), "T", "context")
        recent = self._checked(context, "context")[-(self.order - 1) :] if self.order > 1 else np.empty(0, np.int64)
        found = [ids[-1] for ids in self.counts.find(recent)] if recent.size else []
        return self._distribution([0, *found][: min(self.order, len(recent) + 1)])

    def next_probabilities(self, ids: Sequence[int]) -> torch.Tensor:
        """`distribution` as the contract has it: a (V,) tensor, float64."""
        return torch.from_numpy(self.distribution(ids))

    def next_logits(self, ids: Sequence[int]) -> torch.Tensor:
        """The contract. Its logits are log-probabilities, float64."""
        return self.next_probabilities(ids).log()

    def _distribution(self, contexts: list[int]) -> np.ndarray:
        """From ids of ever longer contexts, the empty one first, to (V,) probabilities."""
        probability = np.full(self.vocabulary_size, 1 / self.vocabulary_size)
        for n, context in enumerate(contexts, start=1):
            if context == MISSING:
                break
            children, table = self.counts.children(n, context), self.tables[n - 1]
            tokens = self.counts.levels[n - 1].keys[children] % self.vocabulary_size
            probability *= table.gamma[context]
            probability[tokens] += table.alpha[children]
        return probability

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        """The contract. Logits are log-probabilities of all V tokens: use `token_nats` to score long texts."""
        check_shape(ids, "B T", "ids")
        check_shapes("B+ T+", targets=targets)                     # the mean of no losses is no number
        rows = []
        for sequence in self._checked(ids.cpu(), "ids"):
            found = [np.zeros(len(sequence), np.int64), *self.counts.find(sequence)[: self.order - 1]]
            rows.append([self._distribution([ids_of_n[t] for ids_of_n in found]) for t in range(len(sequence))])
        with np.errstate(divide="ignore"):
            logits = torch.from_numpy(np.log(np.array(rows))).reshape(*ids.shape, self.vocabulary_size)
        return logits, None if targets is None else self.token_nats(ids, targets).mean()

    def token_nats(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """−ln p of each target, (B, T) in nats, by look-up: no distribution is made. Infinite where p is zero."""
        check_shape(ids, "B T", "ids")
        check_shape(targets, f"{ids.shape[0]} {ids.shape[1]}", "targets")
        pairs = zip(self._checked(ids.cpu(), "ids"), self._checked(targets.cpu(), "targets"), strict=True)
        return torch.from_numpy(np.array([self._nats(*pair) for pair in pairs]).reshape(ids.shape))

    def _checked(self, ids, name: str) -> np.ndarray:
        """`ids` as int64. Raises CourseError where one is no id of the vocabulary."""
        ids = np.asarray(ids, dtype=np.int64)
        check_ids(ids, self.vocabulary_size, name)
        return ids

    def _nats(self, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
        contexts = [np.zeros(len(ids), np.int64), *self.counts.find(ids)]
        probability = np.full(len(ids), 1 / self.vocabulary_size)
        for context, level, table in zip(contexts, self.counts.levels, self.tables, strict=False):
            here = look_up(level.keys, context, targets, self.vocabulary_size)
            probability *= values_at(table.gamma, context, missing=1.0)
            probability += values_at(table.alpha, here, missing=0.0)
        with np.errstate(divide="ignore"):
            return -np.log(probability)


def values_at(values: np.ndarray, places: np.ndarray, missing: float) -> np.ndarray:
    """(T,) the values at these places, and `missing` where the place is MISSING; there may be no values at all."""
    result, known = np.full(len(places), missing), places != MISSING
    result[known] = values[places[known]]
    return result
