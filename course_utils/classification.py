"""How good a classifier is, and how sure one can be of that: accuracy and macro-F1, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, wilson_interval


@dataclass(frozen=True)
class Scores:
    """Accuracy and macro-F1, each with an interval (low, high), on `count` texts."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    count: int

    def __str__(self) -> str:
        accuracy = f"accuracy {_with(self.accuracy, self.accuracy_interval)}"
        return f"{accuracy}, macro-F1 {_with(self.macro_f1, self.macro_f1_interval)}"


def _with(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def scores(true: Sequence, said: Sequence, generator: torch.Generator) -> Scores:
    """What `said` is worth, beside what is true. Wilson's interval for accuracy, the bootstrap's for macro-F1.

    Raises CourseError where there are not as many of one as of the other, or none.
    """
    if len(true) != len(said) or len(true) == 0:
        raise CourseError(f"There are {len(true)} true labels and {len(said)} said ones; expected as many, not none.")
    numbers = {label: number for number, label in enumerate(sorted({*true, *said}))}
    pairs = np.array([[numbers[a], numbers[b]] for a, b in zip(true, said, strict=True)])            # (N, 2)
    right = int((pairs[:, 0] == pairs[:, 1]).sum())

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return macro_f1_of(drawn, len(numbers))

    return Scores(
        right / len(pairs),
        wilson_interval(right, len(pairs)),
        float(statistic(pairs[None])[0]),
        bootstrap_interval(pairs, statistic, generator),
        len(pairs),
    )


def macro_f1_of(pairs: np.ndarray, count: int) -> np.ndarray:
    """(R, N, 2) of true and said class numbers to (R,): the mean over the classes of each one's F1.

    F1 is 2·hits / (said + true). A class that is neither true nor said anywhere is left out of the mean.
    """
    true, said = _counts(pairs[..., 0], count), _counts(pairs[..., 1], count)                        # (R, C)
    hits = _counts(np.where(pairs[..., 0] == pairs[..., 1], pairs[..., 0], count), count + 1)[:, :count]
    there = (true + said) > 0
    f1 = np.divide(2 * hits, true + said, out=np.zeros_like(hits, dtype=float), where=there)
    return f1.sum(axis=1) / there.sum(axis=1)


def _counts(labels: np.ndarray, count: int) -> np.ndarray:
    """(R, N) class numbers to (R, C): how often each occurs."""
    rows = np.arange(len(labels))[:, None] * count + labels
    return np.bincount(rows.ravel(), minlength=len(labels) * count).reshape(len(labels), count)
