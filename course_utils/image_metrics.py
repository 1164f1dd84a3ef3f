"""How good generated images are, measured on vectors: one row of features for each image, real or generated.

Rows are compared as sets, by their mean and spread (Fréchet distance), by a kernel (KID), or by who lies near whom
(precision, recall, density, coverage). The features are those of our own classifier: the numbers compare models with
each other in it, not with numbers of papers, which are made in Inception's. Notation: N images, D features.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist

from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, mean, wilson_interval
from course_utils.shapes import ShapeError, check_finite, check_shape, check_shapes

PAIRS_AT_ONCE = 4_000_000                                          # distances held in memory: 32 MB
RESAMPLES = 200                                                    # of a statistic that looks at all rows together


@dataclass(frozen=True)
class Estimate:
    """A number with its interval of 95 % and the `count` of items it was measured on; `reference`: real ones beside."""

    value: float
    low: float
    high: float
    count: int
    reference: int | None = None

    def __str__(self) -> str:
        against = "" if self.reference is None else f" against {self.reference:,}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], N = {self.count:,}{against}"


def _pair(real, generated, least: int, why: str) -> tuple[np.ndarray, np.ndarray]:
    """Both as matrices of doubles with the same D. Raises where either has fewer than `least` rows, and says why."""
    real, generated = _matrix(real, "real"), _matrix(generated, "generated")
    check_shape(generated, f"N {real.shape[1]}", "generated")
    if min(len(real), len(generated)) < least:
        raise CourseError(
            f"There are {len(real)} real rows and {len(generated)} generated; expected {least} or more of each: {why}"
        )
    return real, generated


def _matrix(values, name: str) -> np.ndarray:
    """(N, D) in float64. Raises ShapeError for another shape, CourseError for infinities, not-a-numbers and no rows."""
    values = _array(values)
    check_shape(values, "N D", name)
    if values.size == 0 or not np.isfinite(values).all():
        raise CourseError(f"{name} {values.shape} is empty or holds numbers that are not finite; expected features.")
    return values.astype(np.float64)


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


# --- mean and spread ------------------------------------------------------------------------------


def gaussian_of(features) -> tuple[np.ndarray, np.ndarray]:
    """The mean (D,) and the covariance (D, D) of rows (N, D), divided by N − 1."""
    features = _matrix(features, "features")
    if len(features) < 2:
        raise CourseError("There is 1 row; expected 2 or more: one has no spread.")
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


def gaussian_distance(mean_a, covariance_a, mean_b, covariance_b) -> float:
    """|μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½): the squared Wasserstein-2 distance of two Gaussians, not below 0.

    Means (D,), covariances (D, D). Dowson and Landau 1982. Σ_a Σ_b has the eigenvalues of Σ_a^½ Σ_b Σ_a^½, which is
    symmetric, so that no root becomes complex where a covariance is flat.
    """
    parts = {"mean_a": mean_a, "covariance_a": covariance_a, "mean_b": mean_b, "covariance_b": covariance_b}
    parts = {name: np.asarray(part) for name, part in parts.items()}
    check_shapes("D, D D, D, D D", **parts)
    check_finite(**parts)
    gap = parts["mean_a"] - parts["mean_b"]                                   # (D,)
    root = square_root(covariance_a)
    eigenvalues = np.linalg.eigvalsh(root @ covariance_b @ root)                    # (D,)
    overlap = np.sqrt(eigenvalues.clip(min=0)).sum()
    return max(0.0, float(gap @ gap + np.trace(covariance_a) + np.trace(covariance_b) - 2 * overlap))


def square_root(matrix) -> np.ndarray:
    """The symmetric root of a symmetric matrix (D, D) without negative eigenvalues; those of rounding count as 0."""
    matrix = np.asarray(matrix)
    check_shape(matrix, "D D", "matrix")
    check_finite(matrix=matrix)
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(eigenvalues.clip(min=0))) @ vectors.T


def frechet_distance(real, generated, generator: torch.Generator) -> Estimate:
    """How far the Gaussian of the generated rows is from that of the real ones; 0 where both are the same.

    real (N, D), generated (M, D). Heusel et al. 2017: FID, which is this in Inception's features. Too high on average,
    the more the fewer rows there are: compare at equal N only. The interval is for other M images of the same model,
    the real ones kept; as a resample repeats rows, which alone takes it farther away, the interval is moved to lie
    around the value. Raises CourseError where a set has no more rows than features.
    """
    width = _matrix(real, "real").shape[1]
    why = f"in {width} dimensions {width} rows have a flat covariance, and the distance tells how few they are."
    real, generated = _pair(real, generated, width + 1, why)
    target = gaussian_of(real)

    def distance(rows: np.ndarray) -> float:
        return gaussian_distance(*target, *gaussian_of(generated[rows]))

    value = distance(np.arange(len(generated)))
    low, high = _around(value, distance, len(generated), generator)
    return Estimate(value, max(0.0, low), high, len(generated), len(real))


def _around(value: float, statistic, n: int, generator: torch.Generator) -> tuple[float, float]:
    """The spread of statistic(rows) over resamples of n rows, as (low, high) around `value` instead of their mean."""
    if n < 2:
        raise CourseError(f"There is {n} item; expected 2 or more: one says nothing of how items differ.")
    drawn = torch.randint(n, (RESAMPLES, n), generator=generator).numpy()
    found = np.array([statistic(rows) for rows in drawn])
    low, high = np.quantile(found - found.mean(), [0.025, 0.975])
    return value + float(low), value + float(high)


# --- a kernel -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KernelDistance:
    """KID: the mean over `subsets` pairs of `subset` rows each, none used twice, and the standard error of it."""

    value: float
    standard_error: float
    subset: int
    subsets: int

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.standard_error:.4f}, {self.subsets} subsets of {self.subset:,}"


def cubic_kernel(a, b) -> np.ndarray:
    """(a·b/D + 1)³ for each row of a (N, D) with each of b (M, D): (N, M). Sees moments up to the third."""
    check_shape(a, "N D", "a")
    check_shapes("N D+, M D+", a=a, b=b)
    return (a @ b.T / a.shape[1] + 1) ** 3


def unbiased_mmd(a, b) -> float:
    """The squared maximum mean discrepancy of rows a (N, D) and b (M, D) under the cubic kernel.

    Pairs of a row with itself are left out, so that its mean is 0 for two sets of one distribution: at times it is
    below 0. Gretton et al. 2012, lemma 6. Raises CourseError for fewer than two rows.
    """
    a, b = _pair(a, b, 2, "the kernel compares different rows of one set.")
    n, m = len(a), len(b)
    within_a, within_b = cubic_kernel(a, a), cubic_kernel(b, b)                     # (N, N), (M, M)
    alike_a = (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
    alike_b = (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
    return float(alike_a + alike_b - 2 * cubic_kernel(a, b).mean())


def kernel_distance(real, generated, generator: torch.Generator, subset: int = 500) -> KernelDistance:
    """KID (Bińkowski et al. 2018): `unbiased_mmd` in subsets, its mean and standard error.

    real (N, D), generated (M, D), both shuffled and cut into as many subsets as the smaller fills. The paper draws
    them anew each time; here no row comes twice, so that the subsets are independent and the error is honest. Right on
    average at any N. Raises CourseError where there are fewer than two subsets, and for a subset below 2.
    """
    if subset < 2:
        raise CourseError(f"subset is {subset}; expected 2 rows or more, better some hundred.")
    real, generated = _pair(real, generated, 2 * subset, f"two subsets of {subset} are the fewest that show a spread.")
    subsets = min(len(real), len(generated)) // subset
    parts = [
        rows[torch.randperm(len(rows), generator=generator).numpy()[: subsets * subset]].reshape(subsets, subset, -1)
        for rows in (real, generated)
    ]
    values = np.array([unbiased_mmd(*pair) for pair in zip(*parts, strict=True)])
    return KernelDistance(float(values.mean()), float(values.std(ddof=1) / np.sqrt(subsets)), subset, subsets)


# --- who lies near whom ---------------------------------------------------------------------------


def radii(features, k: int) -> np.ndarray:
    """(N,) how far each row's k-th nearest other row is; a second row with the same numbers is another row.

    Raises CourseError where k is below 1 or there are not k other rows.
    """
    features = _matrix(features, "features")
    if not 1 <= k < len(features):
        raise CourseError(f"k is {k} for {len(features)} rows; expected 1 or more, and k + 1 rows at least.")
    # place 0 is the row itself, at distance 0
    return np.concatenate([np.partition(block, k, axis=1)[:, k] for block in _distances(features, features)])


def _distances(points: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """The distances of points (N, D) from others (M, D), in blocks of a few rows: (n, M)."""
    rows = max(1, PAIRS_AT_ONCE // len(others))
    for first in range(0, len(points), rows):
        yield cdist(points[first : first + rows], others)          # from differences: 0 for equal rows, exactly


def in_balls(points, centres, radius) -> tuple[np.ndarray, np.ndarray]:
    """How many balls hold each point (N,), and how many points each ball holds (M,); the rim counts as inside.

    points (N, D), centres (M, D), radius (M,).
    """
    check_shapes("N+ D+, M+ D+, M+", points=points, centres=centres, radius=radius)
    holders, held = [], np.zeros(len(centres), dtype=int)
    for block in _distances(points, centres):
        inside = block <= radius                                                    # (n, M)
        holders.append(inside.sum(axis=1))
        held += inside.sum(axis=0)
    return np.concatenate(holders), held


def _share(found: np.ndarray, reference: int) -> Estimate:
    """The share of True in found (N,), with Wilson's interval."""
    right, n = int(found.sum()), len(found)
    return Estimate(right / n, *wilson_interval(right, n), n, reference)


def precision_and_recall(real, generated, k: int = 3) -> tuple[Estimate, Estimate]:
    """Improved precision and recall (Kynkäänniemi et al. 2019), 0 to 1 each.

    Around each row of a set lies a ball that reaches its k-th nearest neighbour in the set. Precision is the share of
    generated rows in balls of real ones (do they look real?), recall the share of real rows in balls of generated ones
    (is all of it there?). real (N, D), generated (M, D). Wilson's intervals, the balls kept. One odd row far outside
    has a huge ball: density and coverage mind it less. Raises CourseError for k or fewer rows.
    """
    real, generated = _pair(real, generated, k + 1, f"each needs {k} neighbours.")
    found, _ = in_balls(generated, real, radii(real, k))
    seen, _ = in_balls(real, generated, radii(generated, k))
    return _share(found > 0, len(real)), _share(seen > 0, len(generated))


def density_and_coverage(real, generated, generator: torch.Generator, k: int = 5) -> tuple[Estimate, Estimate]:
    """Density and coverage (Naeem et al. 2020), by the balls of the real rows alone.

    Density: in how many real balls a generated row lies, over k: about 1 for real rows, more where many are typical.
    Coverage: the share of real balls that hold a generated row, 0 to 1; for real rows about 1 − 2^−k at equal N.
    real (N, D), generated (M, D); coverage grows with M. The interval of density is the bootstrap's over generated
    rows, that of coverage Wilson's over real ones. Raises CourseError for k or fewer rows.
    """
    real, generated = _pair(real, generated, k + 1, f"each needs {k} neighbours.")
    holders, held = in_balls(generated, real, radii(real, k))
    low, high = bootstrap_interval(holders / k, mean, generator)
    density = Estimate(float(holders.mean() / k), low, high, len(generated), len(real))
    return density, _share(held > 0, len(generated))


@dataclass(frozen=True)
class Nearest:
    """For each of N rows the number of the nearest training row, (N,), and how far that is, (N,)."""

    index: np.ndarray
    distance: np.ndarray


def nearest_training(generated, training) -> Nearest:
    """The nearest training row of each generated row: generated (N, D), training (M, D), of features or of pixels.

    For pixels flatten the images, both on one scale; bytes may stay bytes. Where two are equally near, the first. A
    model that copies has distances well below those of real images that it was not trained on: measure these too.
    """
    generated, training = _matrix(generated, "generated"), _array(training)
    check_shape(training, f"M {generated.shape[1]}", "training")
    if len(training) == 0:
        raise CourseError("There are no training rows; expected one or more to be near to.")
    index, distance = np.zeros(len(generated), dtype=int), np.full(len(generated), np.inf)
    rows = max(1, PAIRS_AT_ONCE // max(generated.shape))           # all of them as doubles would fill the memory
    for first in range(0, len(training), rows):
        block = cdist(generated, training[first : first + rows].astype(np.float64))                 # (N, m)
        best = block.argmin(axis=1)
        closest = block[np.arange(len(block)), best]
        closer = closest < distance
        index[closer], distance[closer] = first + best[closer], closest[closer]
    return Nearest(index, distance)


# --- likelihood and labels ------------------------------------------------------------------------


def bits_per_dim(bits, generator: torch.Generator) -> Estimate:
    """The mean of what images cost, (N,) bits for each of their numbers, as `model.bits_per_dim(images)` gives them.

    The likelihood has to be that of the 256 levels of bytes; 8 bits are what knowing nothing costs. The interval is the
    bootstrap's over images. Raises CourseError for fewer than two images and for bits that are not finite.
    """
    bits = _array(bits)
    check_shape(bits, "N", "bits")
    bits = bits.astype(np.float64)
    if not np.isfinite(bits).all():
        odd = np.count_nonzero(~np.isfinite(bits))
        raise CourseError(f"The bits of {odd} of {len(bits)} images are not finite; expected numbers alone.")
    low, high = bootstrap_interval(bits, mean, generator)
    return Estimate(float(bits.mean()), low, high, len(bits))


def label_histogram(labels, classes: int) -> np.ndarray:
    """(C,) how many of the labels (N,) are each of the classes 0 … C − 1. Raises CourseError for any other label."""
    labels = _array(labels)
    check_shape(labels, "N", "labels")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ShapeError(f"labels are {labels.dtype}; expected whole numbers, as `model.labels(images)` gives them.")
    if len(labels) == 0 or not 0 <= labels.min() <= labels.max() < classes:
        raise CourseError(f"{len(labels)} labels; expected one or more, each from 0 to {classes - 1}.")
    return np.bincount(labels, minlength=classes)


def label_entropy(labels, classes: int, generator: torch.Generator) -> Estimate:
    """−Σ p log₂ p over the shares of the classes, in bits: log₂ C where all come equally often, 0 where one does.

    labels (N,): what a classifier says of generated images. A generator that has dropped classes is low. Too low on
    average by about (C − 1)/(2N ln 2) bits (Miller 1955). The interval is the bootstrap's, moved around the value.
    """
    label_histogram(labels, classes)
    labels = _array(labels)

    def entropy(rows: np.ndarray) -> float:
        shares = np.bincount(labels[rows], minlength=classes) / len(rows)           # (C,)
        shares = shares[shares > 0]
        return float(-(shares * np.log2(shares)).sum()) + 0.0      # not −0 where all are of one class

    value = entropy(np.arange(len(labels)))
    low, high = _around(value, entropy, len(labels), generator)
    return Estimate(value, max(0.0, low), min(high, float(np.log2(classes))), len(labels))
