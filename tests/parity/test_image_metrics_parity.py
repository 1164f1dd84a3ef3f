"""Our measures of generated images against SciPy's matrix root and scikit-learn's kernels and neighbours."""

import numpy as np
import pytest
from scipy import linalg, stats
from sklearn.metrics.pairwise import euclidean_distances, polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from course_utils.image_metrics import (
    cubic_kernel,
    density_and_coverage,
    frechet_distance,
    gaussian_distance,
    label_entropy,
    nearest_training,
    precision_and_recall,
    radii,
    unbiased_mmd,
)
from course_utils.seeding import generator
from tools.verified import Verified

FRECHET, KID, SHARES = 1e-8, 1e-9, 1e-12
VERIFIES = [
    Verified("14", "Fréchet distance", "SciPy's matrix root", FRECHET, "of it"),
    Verified("14", "KID", "scikit-learn's polynomial kernel", KID, "of it"),
    Verified("14", "precision, recall, density and coverage", "their formulas on scikit-learn's distances", SHARES),
]


def rows(n: int, width: int, seed: int) -> np.ndarray:
    """Correlated, skewed and off zero, as features are."""
    dice = np.random.default_rng(seed)
    return dice.exponential(size=(n, width)) @ dice.normal(size=(width, width)) + dice.normal(size=width)


def by_scipy(real: np.ndarray, made: np.ndarray, overlap: float = 1.0) -> float:
    """The formula as Heusel et al. 2017 print it, with the root of a matrix that is not symmetric."""
    first, second = np.cov(real, rowvar=False), np.cov(made, rowvar=False)
    gap = real.mean(axis=0) - made.mean(axis=0)
    return gap @ gap + np.trace(first + second - 2 * overlap * linalg.sqrtm(first @ second).real)


@pytest.mark.parametrize("width", [2, 8, 64])
def test_the_frechet_distance_is_that_of_scipys_matrix_root(width):
    real, made = rows(300, width, 0), rows(250, width, 1)
    ours = frechet_distance(real, made, generator(0)).value
    assert ours == pytest.approx(by_scipy(real, made), rel=FRECHET)
    assert ours != pytest.approx(by_scipy(real, made, overlap=0), rel=1e-3)


def test_the_covariances_do_not_have_to_commute():
    first, second = np.array([[2, 1], [1, 2]]), np.array([[1, 0], [0, 5]])
    assert np.abs(first @ second - second @ first).max() > 1
    theirs = np.trace(first + second - 2 * linalg.sqrtm(first @ second).real)
    assert gaussian_distance([0, 0], first, [0, 0], second) == pytest.approx(theirs, abs=1e-10)


def test_the_kernel_is_the_polynomial_kernel_of_scikit_learn():
    a, b = rows(20, 7, 0), rows(30, 7, 1)
    assert cubic_kernel(a, b) == pytest.approx(polynomial_kernel(a, b, degree=3, gamma=1 / 7, coef0=1))


def test_the_discrepancy_is_the_sum_over_pairs_of_different_rows():
    a, b = rows(9, 4, 0), rows(11, 4, 1)
    kernel = polynomial_kernel(np.concatenate([a, b]), degree=3, coef0=1)            # gamma is 1/D
    within_a = np.mean([kernel[i, j] for i in range(9) for j in range(9) if i != j])
    within_b = np.mean([kernel[i, j] for i in range(9, 20) for j in range(9, 20) if i != j])
    assert unbiased_mmd(a, b) == pytest.approx(within_a + within_b - 2 * kernel[:9, 9:].mean(), rel=KID)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_radii_are_the_distances_of_scikit_learns_neighbours(k):
    features = rows(120, 6, 0)
    distances, _ = NearestNeighbors(n_neighbors=k).fit(features).kneighbors()        # without the row itself
    assert radii(features, k) == pytest.approx(distances[:, -1], rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_density_and_coverage_are_those_of_the_formulas_on_scikit_learns_distances(k):
    both = rows(210, 6, 0)                                                           # of one distribution: they overlap
    real, made = both[:120], 1.3 * both[120:]
    across = euclidean_distances(made, real)                                         # (M, N)
    reach = {}
    for name, features in (("real", real), ("made", made)):
        distances = NearestNeighbors(n_neighbors=k).fit(features).kneighbors()[0]
        reach[name] = distances[:, -1]
    inside = across <= reach["real"]                                                 # made row in real ball
    expected = [inside.any(axis=1).mean(), (across <= reach["made"][:, None]).any(axis=0).mean()]
    expected += [inside.sum() / (k * len(made)), inside.any(axis=0).mean()]
    found = *precision_and_recall(real, made, k), *density_and_coverage(real, made, generator(0), k)
    assert [one.value for one in found] == pytest.approx(expected, abs=SHARES)
    assert len(set(np.round(expected, 6))) == 4                                      # the four could be told apart


def test_the_nearest_training_row_is_that_of_scikit_learn():
    training, made = rows(200, 5, 0), rows(40, 5, 1)
    distances, numbers = NearestNeighbors(n_neighbors=1).fit(training).kneighbors(made)
    found = nearest_training(made, training)
    assert (found.index == numbers[:, 0]).all()
    assert found.distance == pytest.approx(distances[:, 0], rel=1e-9)


def test_the_entropy_of_labels_is_that_of_scipy():
    labels = np.random.default_rng(0).geometric(0.4, size=300).clip(max=9)
    theirs = stats.entropy(np.bincount(labels, minlength=10), base=2)
    assert label_entropy(labels, 10, generator(0)).value == pytest.approx(theirs, abs=1e-12)
