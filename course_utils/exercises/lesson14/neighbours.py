"""Exercise 14.5: whether what is drawn looks real, and whether all that is real is drawn."""

import numpy as np
from scipy.spatial.distance import cdist

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def precision_recall(real, generated, k):
    """(precision, recall), two floats from 0 to 1. Kynkäänniemi et al. 2019.

    real (N, D), generated (M, D): rows of features. Around each row of a set lies a ball that just reaches its k-th
    nearest other row of that set; the rim belongs to it. Precision: the share of generated rows that lie in a ball of a
    real one. Recall: the share of real rows that lie in a ball of a generated one.
    """

    def radii(rows):
        return np.sort(cdist(rows, rows), axis=1)[:, k]  # place 0 is the row itself

    distances = cdist(generated, real)  # (M, N)
    precision = (distances <= radii(real)).any(axis=1).mean()
    recall = (distances <= radii(generated)[:, None]).any(axis=0).mean()
    return float(precision), float(recall)


def _radii(rows, k):
    return np.sort(cdist(rows, rows), axis=1)[:, k]


def _share(points, centres, radius, inside=np.less_equal, hit=np.any):
    """The share of points in balls of the centres."""
    return float(hit(inside(cdist(points, centres), radius), axis=1).mean())


def _both(radii=_radii, **how):
    """Both shares with other radii(rows, k), or another `inside` or `hit`."""
    return lambda real, generated, k: (
        _share(generated, real, radii(real, k), **how),
        _share(real, generated, radii(generated, k), **how),
    )


def _each_in_its_own(real, generated, k):
    return _share(generated, generated, _radii(generated, k)), _share(real, real, _radii(real, k))


def _real_balls_alone(real, generated, k):
    """Recall as coverage: the share of real balls that hold a generated row."""
    held = (cdist(real, generated) <= _radii(real, k)[:, None]).any(axis=1)
    return _share(generated, real, _radii(real, k)), float(held.mean())


def _generated_balls_alone(real, generated, k):
    held = (cdist(generated, real) <= _radii(generated, k)[:, None]).any(axis=1)
    return float(held.mean()), _share(real, generated, _radii(generated, k))


def _reach_of_the_point(real, generated, k):
    """The ball is that of the row that is looked at, not of the others."""
    return _generated_balls_alone(real, generated, k)[0], _real_balls_alone(real, generated, k)[1]


def _rows(*numbers):
    return np.array(numbers, dtype=float)[:, None]


def _clouds(seed, counts, width, spread, k):
    """Real rows, and generated ones that are spread otherwise and lie a little aside."""
    chance = np.random.default_rng(seed)
    real = chance.normal(size=(counts[0], width)).round(1)
    return real, (0.4 + spread * chance.normal(size=(counts[1], width))).round(1), k


NEIGHBOURS = Exercise(
    id="14.5",
    title="precision and recall",
    minutes=10,
    difficulty=3,
    imports=("import numpy as np", "from scipy.spatial.distance import cdist"),
    stub='''def precision_recall(real, generated, k):
    """(precision, recall), two floats from 0 to 1. Kynkäänniemi et al. 2019.

    real (N, D), generated (M, D): rows of features. Around each row of a set lies a ball that just reaches its k-th
    nearest other row of that set; the rim belongs to it. Precision: the share of generated rows that lie in a ball of a
    real one. Recall: the share of real rows that lie in a ball of a generated one.
    """
    raise NotImplementedError
''',
    reference=precision_recall,
    cases=(
        Case(lambda: (_rows(0, 1, 2, 10), _rows(-0.5, 1.5, 18.5, 19.5, 30), 1)),
        Case(lambda: (_rows(0, 1, 3, 4, 9), _rows(-1, 5, 15, 16), 2)),
        Case(lambda: _clouds(1, (12, 9), 2, 0.5, 2)),
        Case(lambda: _clouds(2, (20, 30), 3, 1.5, 3)),
    ),
    hidden=(
        Case(lambda: _clouds(3, (15, 10), 2, 0.3, 1)),
        Case(lambda: _clouds(4, (25, 40), 3, 2.0, 3)),
        Case(lambda: (_rows(0, 2, 4, 7), _rows(-2, 9, 10, 14), 1)),
    ),
    invariants=(
        Invariant("both are shares", lambda result, *_: all(0 <= share <= 1 for share in result)),
    ),
    hints=(
        "On a line, k = 1, the real rows 0, 1, 2 and 10 have the balls [−1, 1], [0, 2], [1, 3] and [2, 18].",
        "cdist(rows, rows) holds the distances within a set. Sorted along a row, place 0 is the row itself, place k "
        "its k-th neighbour.",
        "With distances = cdist(generated, real), (M, N): compare with the real radii along a row for precision; with "
        "the generated radii down a column, [:, None], for recall. Then any, then mean.",
    ),
    misconceptions=(
        Misconception(
            "swapped",
            lambda *arguments: precision_recall(*arguments)[::-1],
            "Precision and recall are exchanged. Precision looks from the generated rows into balls of real ones.",
        ),
        Misconception(
            "the row is its own neighbour",
            _both(lambda rows, k: _radii(rows, k - 1)),
            "The balls are too small: each row counts as its own nearest neighbour, at distance 0. Its k-th other one "
            "is at place k of the sorted distances.",
        ),
        Misconception(
            "one neighbour too far",
            _both(lambda rows, k: _radii(rows, min(k + 1, len(rows) - 1))),
            "The balls reach one neighbour too far. Place 0 is the row itself, so place k is the k-th other one.",
        ),
        Misconception(
            "each set in its own balls",
            _each_in_its_own,
            "Each set is looked for in its own balls, and each row lies in its own. Look for the one set in the "
            "other's.",
        ),
        Misconception(
            "balls of real rows alone",
            _real_balls_alone,
            "Recall uses the real balls too: how many of them hold a generated row. That is coverage (Naeem et al. "
            "2020). Recall asks for real rows in generated balls.",
        ),
        Misconception(
            "balls of generated rows alone",
            _generated_balls_alone,
            "Precision uses the generated balls too. There it is real balls that count: a row far from all others "
            "would have a huge ball, and look real.",
        ),
        Misconception(
            "ball of the row that is looked at",
            _reach_of_the_point,
            "Each row is given its own ball, and it is asked whether that holds one of the others. The ball lies "
            "around the others: is the row in one of theirs?",
        ),
        Misconception(
            "rim left out",
            _both(inside=np.less),
            "The rim does not count there. It belongs to the ball: <=.",
        ),
        Misconception(
            "in all balls",
            _both(hit=np.all),
            "A row has to lie in all balls there. One is enough: any.",
        ),
        Misconception(
            "share of the balls",
            _both(hit=np.mean),
            "That is the mean share of balls that hold a row. It is asked whether there is one at all: any, then mean.",
        ),
        Misconception(
            "one radius for all",
            _both(lambda rows, k: np.full(len(rows), _radii(rows, k).mean())),
            "All balls have the mean radius. Each has its own: small where rows lie close together.",
        ),
        Misconception(
            "the largest radius for all",
            _both(lambda rows, k: np.full(len(rows), _radii(rows, k).max())),
            "All balls have the largest radius. Each has its own: small where rows lie close together.",
        ),
        Misconception(
            "nearest neighbour whatever k",
            _both(lambda rows, k: _radii(rows, 1)),
            "The balls reach the nearest neighbour, whatever k is. They reach the k-th.",
        ),
    ),
)
