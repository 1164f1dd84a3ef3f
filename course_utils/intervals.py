"""How sure a measured rate is: another sample of words would have given another number. Intervals for how different."""

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.shapes import ShapeError, check_shapes

AT_ONCE = 2_000_000                                                # drawn items held in memory at a time


def mean(values: np.ndarray) -> np.ndarray:
    """The mean of each resample: values (R, N) -> (R,). The word error rate is the mean of `wrong`."""
    if np.ndim(values) < 2 or not values.shape[1]:
        raise ShapeError(f"values have shape {np.shape(values)}; expected (R, N) or more axes, N of 1 or more.")
    return values.mean(axis=1)


def ratio_of_sums(values: np.ndarray) -> np.ndarray:
    """Sum over sum in each resample: values (R, N, 2) -> (R,). The phoneme error rate is edits over lengths."""
    check_shapes("R N 2", values=values)
    whole = values[..., 1].sum(axis=1)
    if not whole.all():
        raise CourseError("A sum to divide by is 0; expected a second column that sums to another number.")
    return values[..., 0].sum(axis=1) / whole


def bootstrap_interval(
    values_per_item,
    statistic: Callable[[np.ndarray], np.ndarray],
    generator: torch.Generator,
    level: float = 0.95,
    samples: int = 1000,
) -> tuple[float, float]:
    """(low, high): made anew for each of many sets of N items like these, it would hold the truth in `level` of them.

    There is one set only, so N of its items are drawn with replacement, `samples` times, and (1 − level)/2 of the
    results are cut off at either end: the percentile bootstrap, Efron 1979. With few items it is too narrow.
    `values_per_item` (N, …): one row for each item, such as a word; `statistic` gets R resamples at once, (R, N, …),
    and returns (R,): `mean`, `ratio_of_sums` or your own. To compare two models, give differences per item.
    Raises CourseError for fewer than 2 items, which say nothing of how items differ, and for a level outside 0 … 1.
    """
    values = np.asarray(values_per_item)
    n = len(values) if values.ndim else 0
    if n < 2 or samples < 1:
        raise CourseError(f"A bootstrap needs at least 2 items and 1 sample; got {n} items and {samples} samples.")
    _check_level(level)
    results = []
    for drawn in _draws(n, samples, generator):
        results.append(statistic(values[drawn]))
        if np.shape(results[-1]) != (len(drawn),):
            raise ShapeError(
                f"statistic should give one number for each resample, shape ({len(drawn)},); got "
                f"{np.shape(results[-1])}. Average over axis 1, the items, as intervals.mean does."
            )
    low, high = np.quantile(np.concatenate(results), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draws(n: int, samples: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """`samples` times n of the numbers 0 … n − 1, with replacement: arrays (R, n), in portions that fit in memory."""
    together = max(1, AT_ONCE // n)
    for begin in range(0, samples, together):
        yield torch.randint(n, (min(together, samples - begin), n), generator=generator).numpy()


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The shares p for which `successes` of n would be no surprise: nothing drawn, a formula. Wilson 1927.

    All p with |successes/n − p| ≤ z √(p(1−p)/n), where z is what a normal variable stays below with probability
    (1 + level)/2. Right also where all or none succeeded. Raises CourseError where 0 ≤ successes ≤ n, n ≥ 1 fails.
    """
    _check_level(level)
    if not (n >= 1 and 0 <= successes <= n):
        raise CourseError(f"wilson_interval({successes}, {n}): expected n of at least 1 and 0 … n successes.")
    z, share = NormalDist().inv_cdf((1 + level) / 2), successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = 0.0 if successes == 0 else centre - half                 # exactly, not up to rounding
    high = 1.0 if successes == n else centre + half
    return low, high


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise CourseError(f"level={level}: expected a share between 0 and 1, such as 0.95.")
