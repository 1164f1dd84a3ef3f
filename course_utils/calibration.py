"""Is a model right as often as it is sure? Of 100 answers it gives 80 % to, 80 should be right.

Notation: N answers, each with a confidence from 0 to 1 and whether it was right; R resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, wilson_interval

BINS = 10
WAYS = ("width", "count")


@dataclass(frozen=True)
class Bin:
    """The answers with a confidence in (low, high], the lowest bin with its low end: how sure, and how often right.

    interval: Wilson's for `accuracy`; with few answers it is wide, and a point off the diagonal then says little.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration:
    """How well confidence and being right go together, over `count` answers.

    error: the expected calibration error, with its bootstrap interval. by_chance: what it is on average for answers
    that are calibrated perfectly, with these confidences and this many: the part of `error` that is not the model's.
    surprise: how often such answers have an error of `error` or more; where it is not small, no fault is shown.
    gap: mean confidence less accuracy, above 0 for too sure. brier: see `brier_score`.
    """

    error: float
    interval: tuple[float, float]
    by_chance: float
    surprise: float
    gap: float
    brier: float
    count: int

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"calibration error {self.error:.3f} [{low:.3f}, {high:.3f}], {self.by_chance:.3f} by chance alone; "
            f"confidence − accuracy {self.gap:+.3f}; Brier score {self.brier:.3f}; {self.count} answers"
        )


def reliability_bins(
    confidence: Sequence[float], right: Sequence[bool], bins: int = BINS, by: str = "width"
) -> list[Bin]:
    """What a reliability diagram draws: the bins that have answers, lowest confidence first.

    by: "width", bins equally wide; "count", bins with as many answers each, where ties let them. Murphy and Winkler
    1977. Raises CourseError, as all functions here do, for confidences outside 0 … 1, not as many of each, or no bins.
    """
    pairs = checked(confidence, right)
    edges = bin_edges(pairs[:, 0], bins, by)
    places = _places(pairs[:, 0], edges)
    found = []
    for place in np.unique(places):
        sure, hits = pairs[places == place].T
        interval = wilson_interval(int(hits.sum()), len(hits))
        ends = float(edges[place]), float(edges[place + 1])
        found.append(Bin(*ends, len(hits), float(sure.mean()), float(hits.mean()), interval))
    return found


def expected_calibration_error(
    confidence: Sequence[float], right: Sequence[bool], bins: int = BINS, by: str = "width"
) -> float:
    """The mean over answers of |accuracy − mean confidence| of their bin. Naeini et al. 2015, Guo et al. 2017.

    Biased: perfectly calibrated answers have more than 0 too, since shares of few answers stray, about 1/√n in a bin of
    n; `error_by_chance` says how much. More bins, more bias; fewer, and faults within a bin cancel. Kumar et al. 2019.
    """
    pairs = checked(confidence, right)
    return float(_errors(pairs[None], bin_edges(pairs[:, 0], bins, by))[0])


def error_by_chance(
    confidence: Sequence[float], generator: torch.Generator, samples: int = 1000, bins: int = BINS, by: str = "width"
) -> np.ndarray:
    """(samples,) calibration errors where each answer is right with exactly its confidence: the errors of no fault.

    Their mean is the bias; the share of them at or above a measured error is a p value. Bröcker and Smith 2007.
    """
    sure = checked(confidence, np.zeros(len(confidence)))[:, 0]
    if samples < 1:
        raise CourseError(f"samples is {samples}; expected 1 or more.")
    hits = torch.rand(samples, len(sure), generator=generator, dtype=torch.float64).numpy() < sure
    pairs = np.stack([np.broadcast_to(sure, hits.shape), hits], axis=-1)                              # (R, N, 2)
    return _errors(pairs, bin_edges(sure, bins, by))


def brier_score(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """The mean of (confidence − right)²: 0 for sure and right, 1 for sure and wrong, 0.25 for always 0.5. Brier 1950.

    Its expectation is least for who says what they believe, so it cannot be gained by saying something else.
    """
    sure, hits = checked(confidence, right).T
    return float(np.mean((sure - hits) ** 2))


def calibration(
    confidence: Sequence[float],
    right: Sequence[bool],
    generator: torch.Generator,
    bins: int = BINS,
    by: str = "width",
    samples: int = 1000,
) -> Calibration:
    """All of it at once. The bootstrap keeps the bins of the whole sample.

    Its interval lies too high where N is small: the error is biased, and each resample strays once more. Whether there
    is a fault at all, `surprise` says better.
    """
    pairs = checked(confidence, right)
    edges = bin_edges(pairs[:, 0], bins, by)
    error = float(_errors(pairs[None], edges)[0])
    interval = bootstrap_interval(pairs, lambda drawn: _errors(drawn, edges), generator, samples=samples)
    chance = error_by_chance(pairs[:, 0], generator, samples, bins, by)
    surprise = (1 + int((chance >= error - 1e-12).sum())) / (1 + samples)
    gap = float(pairs[:, 0].mean() - pairs[:, 1].mean())
    return Calibration(error, interval, float(chance.mean()), surprise, gap, brier_score(*pairs.T), len(pairs))


def selective_accuracy(confidence: Sequence[float], right: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (M,) and accuracy (M,) when only the surest answers are given: the surest alone, the two surest, ….

    Answers equally sure are given together, so M is how many different confidences there are. A confidence that says
    nothing leaves accuracy where it is; a good one lets it fall with coverage. El-Yaniv and Wiener 2010.
    """
    pairs = checked(confidence, right)
    pairs = pairs[np.argsort(-pairs[:, 0], kind="stable")]
    last = np.flatnonzero(np.append(np.diff(pairs[:, 0]) != 0, True))      # of each group equally sure
    return (last + 1) / len(pairs), np.cumsum(pairs[:, 1])[last] / (last + 1)


def checked(confidence: Sequence[float], right: Sequence[bool]) -> np.ndarray:
    """(N, 2) float64 of both. Raises CourseError for another number of each, none, or values that they cannot have."""
    sure, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if sure.ndim != 1 or sure.shape != hits.shape or len(sure) == 0:
        raise CourseError(f"confidence has shape {sure.shape}, right {hits.shape}; expected (N,) both, N at least 1.")
    if not (fits := (sure >= 0) & (sure <= 1)).all():
        odd = sure[~fits][0]
        raise CourseError(f"A confidence is {odd}; expected probabilities, from 0 to 1. Logits need a softmax first.")
    if not (fits := np.isin(hits, (0, 1))).all():
        raise CourseError(f"right holds {hits[~fits][0]}; expected True and False only: whether each answer was.")
    return np.stack([sure, hits], axis=1)


def bin_edges(confidence: np.ndarray, bins: int, by: str) -> np.ndarray:
    """(bins + 1,) borders: from 0 to 1 in equal steps, or at the quantiles of the confidences."""
    sure = np.asarray(confidence)
    if sure.ndim == 0 or len(sure) == 0 or sure.dtype == bool:
        raise CourseError(f"confidence has shape {sure.shape}, of {sure.dtype}; expected (N,) numbers from 0 to 1.")
    if bins < 1 or by not in WAYS:
        raise CourseError(f"bins is {bins}, by {by!r}; expected 1 or more, and {' or '.join(WAYS)}.")
    steps = np.linspace(0, 1, bins + 1)
    return steps if by == "width" else np.quantile(confidence, steps)


def _places(confidence: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each confidence, from 0. One at a border is in the lower bin, as in scikit-learn."""
    return np.searchsorted(edges[1:-1], confidence)


def _errors(pairs: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The expected calibration error of each resample: (R, N, 2) -> (R,)."""
    bins = len(edges) - 1
    rows = np.arange(len(pairs))[:, None] * bins + _places(pairs[..., 0], edges)                      # (R, N)
    gaps = (pairs[..., 0] - pairs[..., 1]).ravel()
    sums = np.bincount(rows.ravel(), gaps, minlength=len(pairs) * bins).reshape(len(pairs), bins)
    return np.abs(sums).sum(axis=1) / pairs.shape[1]
