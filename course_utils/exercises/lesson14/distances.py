"""Exercises 14.3 and 14.4: the Fréchet distance of two Gaussians, and what it says of few images."""

import numpy as np
from scipy.linalg import sqrtm

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def distance_of_gaussians(mean_a, covariance_a, mean_b, covariance_b):
    """|μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), a float: how far two Gaussians are apart. Heusel et al. 2017.

    Means (D,), covariances (D, D). R = M^½ is the matrix with R R = M. The eigenvalues of Σ_a Σ_b are 0 or above.
    """
    gap = mean_a - mean_b
    eigenvalues = np.linalg.eigvals(covariance_a @ covariance_b)
    overlap = np.sqrt(eigenvalues.real.clip(min=0)).sum()  # the trace of the root: the roots of the eigenvalues, added
    return float(gap @ gap + np.trace(covariance_a) + np.trace(covariance_b) - 2 * overlap)


def _overlap(one, other):
    return np.trace(sqrtm(one @ other)).real


def _distance(of_means=lambda gap: gap @ gap, traces=1, overlap=_overlap, times=2, turn=float):
    """The distance with one part otherwise; `traces` and `times` are the factors of tr(Σ_a + Σ_b) and overlap."""

    def distance(mean_a, covariance_a, mean_b, covariance_b):
        own = np.trace(covariance_a) + np.trace(covariance_b)
        return turn(of_means(mean_a - mean_b) + traces * own - times * overlap(covariance_a, covariance_b))

    return distance


def _gaussians(seed, width):
    """Two Gaussians whose numbers depend on each other, in each by a matrix of its own."""
    chance = np.random.default_rng(seed)
    halves = chance.normal(size=(2, width, width))
    covariances = [half @ half.T + 0.1 * np.eye(width) for half in halves]
    means = chance.normal(size=(2, width)).round(2)
    return means[0], covariances[0].round(2), means[1], covariances[1].round(2)


FRECHET = Exercise(
    id="14.3",
    title="the Fréchet distance",
    minutes=10,
    difficulty=3,
    imports=("import numpy as np",),
    stub='''def distance_of_gaussians(mean_a, covariance_a, mean_b, covariance_b):
    """|μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), a float: how far two Gaussians are apart. Heusel et al. 2017.

    Means (D,), covariances (D, D). R = M^½ is the matrix with R R = M. The eigenvalues of Σ_a Σ_b are 0 or above.
    """
    raise NotImplementedError
''',
    reference=distance_of_gaussians,
    tolerance=1e-4,
    cases=(
        Case(lambda: (np.array([0.0]), np.array([[4.0]]), np.array([3.0]), np.array([[9.0]]))),
        Case(lambda: (np.array([1.0, 0.0]), np.diag([1.0, 16.0]), np.array([1.0, 2.0]), np.diag([9.0, 4.0]))),
        Case(lambda: _gaussians(1, 2)),
        Case(lambda: _gaussians(2, 4)),
    ),
    hidden=(Case(lambda: _gaussians(3, 3)), Case(lambda: _gaussians(4, 6))),
    invariants=(Invariant("no distance is below 0", lambda result, *_: result > -1e-6),),
    hints=(
        "In one dimension it is (μ_a − μ_b)² + (σ_a − σ_b)²: 3² + (2 − 3)² in the first case. Σ holds σ².",
        "The trace of a matrix is the sum of its eigenvalues, and the root of a matrix has their roots. So the last "
        "trace needs eigenvalues alone.",
        "np.linalg.eigvals(covariance_a @ covariance_b) are they; rounding may leave a tiny negative or imaginary "
        "part: .real.clip(min=0).",
    ),
    misconceptions=(
        Misconception(
            "means only",
            _distance(traces=0, times=0),
            "Only the means are compared. A model that draws one image again and again may have the right mean: the "
            "trace sees the spread.",
        ),
        Misconception(
            "covariances only",
            _distance(of_means=lambda gap: 0.0),
            "The means are left out: |μ_a − μ_b|² is missing.",
        ),
        Misconception(
            "no overlap",
            _distance(times=0),
            "The root is missing. Without −2 tr (Σ_a Σ_b)^½ two equal Gaussians would be far apart.",
        ),
        Misconception(
            "overlap once",
            _distance(times=1),
            "The root counts once there. It counts twice, as 2ab does in (a − b)² = a² + b² − 2ab.",
        ),
        Misconception(
            "overlap added",
            _distance(times=-2),
            "The root is added. It is taken off: what both have in common makes the distance less.",
        ),
        Misconception(
            "traces left out",
            _distance(traces=0),
            "tr(Σ_a + Σ_b) is missing: without it the distance falls below 0.",
        ),
        Misconception(
            "elementwise root",
            _distance(overlap=lambda one, other: np.trace(np.sqrt(one @ other))),
            "np.sqrt takes the root of each element. The root of a matrix is the R with R R = M, another one unless M "
            "is diagonal: its trace is the sum of the roots of the eigenvalues.",
        ),
        Misconception(
            "root of each covariance by element",
            _distance(overlap=lambda one, other: np.trace(np.sqrt(np.abs(one)) @ np.sqrt(np.abs(other)))),
            "The root is taken of each element of Σ_a and Σ_b. A matrix's root is the R with R R = M.",
        ),
        Misconception(
            "roots, then product",
            _distance(overlap=lambda one, other: np.trace(sqrtm(one) @ sqrtm(other)).real),
            "Each covariance has its root taken, and those are multiplied. For matrices (Σ_a Σ_b)^½ is something else: "
            "first the product, then the root.",
        ),
        Misconception(
            "root of the trace",
            _distance(overlap=lambda one, other: np.sqrt(np.trace(one @ other))),
            "The root is taken of the trace. First the root of the matrix, then the trace: add the roots of the "
            "eigenvalues.",
        ),
        Misconception(
            "no root",
            _distance(overlap=lambda one, other: np.trace(one @ other)),
            "The root is missing: that is tr(Σ_a Σ_b).",
        ),
        Misconception(
            "variances only",
            _distance(overlap=lambda one, other: np.sqrt(np.diag(one) * np.diag(other)).sum()),
            "Only the variances on the diagonal count there. How numbers depend on each other is what the rest holds.",
        ),
        Misconception(
            "elementwise product",
            _distance(overlap=lambda one, other: _overlap(one, other * np.eye(len(one)))),
            "The product goes element by element. Σ_a Σ_b is a product of matrices: @.",
        ),
        Misconception(
            "length of the gap",
            _distance(of_means=np.linalg.norm),
            "The gap between the means is not squared: |μ_a − μ_b|², gap @ gap.",
        ),
        Misconception(
            "mean of the squares",
            _distance(of_means=lambda gap: (gap**2).mean()),
            "The squares of the gap are averaged. They are added: a squared length.",
        ),
        Misconception(
            "gap squared twice",
            _distance(of_means=lambda gap: (gap @ gap) ** 2),
            "The gap is squared twice: gap @ gap is the square already.",
        ),
        Misconception(
            "distance squared again",
            _distance(turn=lambda value: float(value**2)),
            "The whole is squared again. The formula gives a squared distance already.",
        ),
        Misconception(
            "root of the whole",
            _distance(turn=lambda value: float(np.sqrt(max(value, 0)))),
            "The root of the whole is taken. That would be the distance proper; what papers print is its square.",
        ),
    ),
)


FEW = Exercise(
    id="14.4",
    title="predict: a distance of few images",
    minutes=6,
    difficulty=2,
    kind="predict",
    stub="""# Fréchet distances are too high, the more the fewer images there are. In D = 64 independent features of
# variance 1 even a perfect model would show about D·(D + 5) / (4·N) = 1104 / N at N images, and not 0.
# Paper A prints 3.2 for its model, at N = 500. Paper B prints 1.9 for its own, at N = 2,000. B looks better.
# If all of that bias is added to what A would show at endless N: what would A's model show at N = 2,000?
a_at_2000 = None
""",
    solution="a_at_2000 = 3.2 - 1104 / 500 + 1104 / 2000  # 0.992 is A's own, 0.552 the bias at 2,000: below B's 1.9",
    reference=1.544,
    tolerance=2e-3,
    hints=(
        "How much of A's 3.2 would a perfect model have shown as well, at 500 images?",
        "1104 / 500 = 2.208 of it is bias. What is left belongs to the model, at any N.",
        "At 2,000 images the bias is 1104 / 2000: add it, so that A and B are compared at one N.",
    ),
    misconceptions=(
        Misconception(
            "as printed",
            3.2,
            "3.2 is as printed. Four times as many images make the bias four times smaller.",
        ),
        Misconception(
            "bias taken off",
            0.992,
            "0.992 is what A would show at endless N. B's 1.9 still holds its own bias: both have to have the same.",
        ),
        Misconception(
            "all of it scaled",
            0.8,
            "0.8 divides the whole by 4. Only the bias goes with 1/N; what the model does wrong stays.",
        ),
        Misconception(
            "scaled by the root",
            1.6,
            "1.6 divides by √4, as an interval would shrink. This is no scatter but a bias, and it goes with 1/N.",
        ),
        Misconception(
            "bias added",
            3.752,
            "3.752 adds the bias at 2,000 to what holds a bias already. Take off that at 500 first.",
        ),
        Misconception(
            "bias at 500 added",
            5.408,
            "5.408 adds the bias at 500. It is in the 3.2 already: take it off, and add that at 2,000.",
        ),
        Misconception(
            "turned round",
            4.856,
            "4.856 has both signs turned. Fewer images show a larger distance, so at 2,000 it is smaller.",
        ),
        Misconception(
            "bias at 2000 taken off",
            2.648,
            "2.648 takes off the bias at 2,000. A was measured at 500: its bias was 2.208.",
        ),
        Misconception(
            "B corrected instead",
            3.556,
            "3.556 is what B would show at 500. That is a fair comparison too, but A's at 2,000 is asked for.",
        ),
    ),
)
