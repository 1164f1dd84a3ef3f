"""Exercises 5.4 to 5.7: what a word means, from its company. PMI, nearest words, skip-gram pairs."""

import math

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

PMI_ON_PAPER = Exercise(
    id="5.4",
    title="predict: PMI on paper",
    minutes=4,
    difficulty=1,
    kind="predict",
    stub="""# Of 1,024 pairs (word, neighbour) 64 have the word `white`, 32 have the neighbour `house`, 16 have both.
# What is the PMI of `white` and `house`, in bits? Work it out on paper; log2 8 is 3, log2 16 is 4.
bits = None
""",
    solution="bits = 3  # together 16/1024 = 1/64; by chance 1/16 · 1/32 = 1/512; eight times as often: log2 8 = 3",
    reference=3,
    hints=(
        "Turn all three numbers into shares of 1,024. By chance both would meet in (share of the one) · (share of the "
        "other) of the pairs.",
        "Together: 1/64. By chance: 1/16 · 1/32. How many times as often is that, and what is log2 of it?",
    ),
    misconceptions=(
        Misconception("no logarithm", 8, "8 is how many times oftener than by chance. In bits it is log2 of that."),
        Misconception(
            "natural logarithm", math.log(8), "That is the natural logarithm of 8, in nats. For bits take log2."
        ),
        Misconception("upside down", -3, "Upside down: what is seen belongs above, what chance gives below."),
        Misconception(
            "counts for shares", -7, "That divides counts, 16/(64 · 32). Divide each by 1,024 first, for shares."
        ),
        Misconception(
            "share of the word only",
            -2,
            "That is log2 of 16/64: how often `white` has the neighbour `house`. Compare it with how often any word "
            "has it, 32/1024.",
        ),
        Misconception("both together only", -6, "That is log2 of 16/1024. It has to be compared with chance."),
        Misconception("log of the count", 4, "That is log2 of the count 16. It has to be compared with chance."),
    ),
    tolerance=0.005,
)


def ppmi(counts):
    """Bits by which two words meet oftener than by chance: log2 p(w, c) / (p(w) p(c)); 0 where that is below 0.

    counts (V, C) float: how often word w had the neighbour c; no row and no column is all zeros. A count of 0 gives 0.
    """
    total = counts.sum()
    together = counts / total
    chance = counts.sum(axis=1, keepdims=True) / total * counts.sum(axis=0, keepdims=True) / total
    with np.errstate(divide="ignore"):
        return np.maximum(np.log2(together / chance), 0.0)


def _ratio(counts):
    return counts * counts.sum() / (counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True))


def _quiet(function):
    with np.errstate(divide="ignore", invalid="ignore"):
        return function()


def _chance_swapped(counts):
    chance = counts.sum(axis=0)[: counts.shape[0], None] * counts.sum(axis=1)[None, : counts.shape[1]]
    return _quiet(lambda: np.maximum(np.log2(counts * counts.sum() / chance), 0.0))


def _table(*rows):
    return (np.array(rows, dtype=float),)


POSITIVE_PMI = Exercise(
    id="5.5",
    title="positive PMI",
    minutes=12,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def ppmi(counts):
    """Bits by which two words meet oftener than by chance: log2 p(w, c) / (p(w) p(c)); 0 where that is below 0.

    counts (V, C) float: how often word w had the neighbour c; no row and no column is all zeros. A count of 0 gives 0.
    """
    raise NotImplementedError
''',
    reference=ppmi,
    cases=(
        Case(lambda: _table([3.0, 1.0], [1.0, 3.0])),
        Case(lambda: _table([4.0, 4.0], [0.0, 8.0])),
        Case(lambda: _table([9.0, 1.0, 2.0], [0.0, 5.0, 3.0], [2.0, 2.0, 8.0])),
    ),
    hidden=(
        Case(lambda: _table([1.0, 6.0], [7.0, 2.0])),
        Case(lambda: _table([8.0, 0.0, 1.0], [2.0, 3.0, 0.0], [1.0, 1.0, 9.0])),
    ),
    invariants=(Invariant("nothing is below 0", lambda bits, counts: bool((bits >= 0).all())),),
    hints=(
        "Three shares: counts / total, and the sums of rows and of columns, divided by the total as well.",
        "counts.sum(axis=1, keepdims=True) is (V, 1), with axis=0 (1, C); their product is (V, C).",
        'np.log2(0) is −inf, and np.maximum(…, 0.0) makes it 0. `with np.errstate(divide="ignore"):` keeps it quiet.',
    ),
    misconceptions=(
        Misconception(
            "negative kept",
            lambda counts: _quiet(lambda: np.log2(_ratio(counts))),
            "Values below 0 are still there, and −inf where the count is 0. Positive PMI puts 0 for all of them.",
        ),
        Misconception(
            "absolute value",
            lambda counts: _quiet(lambda: np.where(counts > 0, np.abs(np.log2(_ratio(counts))), 0.0)),
            "The minus signs are taken off. What meets less often than by chance is to be 0.",
        ),
        Misconception(
            "natural logarithm",
            lambda counts: _quiet(lambda: np.maximum(np.log(_ratio(counts)), 0.0)),
            "That is in nats. For bits take np.log2.",
        ),
        Misconception(
            "no logarithm",
            _ratio,
            "Those are ratios: 2 means twice as often as by chance. The logarithm is missing.",
        ),
        Misconception(
            "one added",
            lambda counts: np.log2(1 + _ratio(counts)),
            "A 1 was added inside the logarithm, so what meets just as often as by chance gets 1 bit, not 0.",
        ),
        Misconception(
            "counts for shares",
            lambda counts: _quiet(lambda: np.maximum(np.log2(_ratio(counts) / counts.sum()), 0.0)),
            "That divides counts by products of counts. Turn all into shares of the total first.",
        ),
        Misconception(
            "row and column swapped",
            _chance_swapped,
            "Row sums and column sums have changed places: p(w) belongs to the row, of shape (V, 1).",
        ),
    ),
)


def nearest(vectors, row, top):
    """Rows of the `top` vectors with the largest cosine to vectors[row], largest first, as a list; itself left out.

    vectors (V, D) float, none of them all zeros.
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[row]))
    return [int(i) for i in order if i != row][:top]


def _ranked(scores, row, top):
    return [int(i) for i in np.argsort(-scores) if i != row][:top]


def _cosines(vectors, row):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit[row]


def _columns_normed(vectors, row, top):
    unit = vectors / np.linalg.norm(vectors, axis=0, keepdims=True)
    return _ranked(unit @ unit[row], row, top)


def _vectors(seed, size, width):
    """Vectors of very different lengths."""
    random = np.random.default_rng(seed)
    return random.normal(size=(size, width)) * random.uniform(0.2, 5.0, size=(size, 1)) * np.linspace(1, 3, width)


NEAREST = Exercise(
    id="5.6",
    title="nearest words",
    minutes=10,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def nearest(vectors, row, top):
    """Rows of the `top` vectors with the largest cosine to vectors[row], largest first, as a list; itself left out.

    vectors (V, D) float, none of them all zeros.
    """
    raise NotImplementedError
''',
    reference=nearest,
    cases=(
        Case(lambda: (np.array([[1.0, 0.0], [9.0, 9.0], [2.0, 0.5], [0.0, 1.0], [-3.0, 0.1]]), 0, 2)),
        Case(lambda: (_vectors(1, 7, 3), 2, 4)),
        Case(lambda: (_vectors(2, 9, 2), 8, 5)),
    ),
    hidden=(
        Case(lambda: (_vectors(3, 8, 3), 0, 4)),
        Case(lambda: (_vectors(4, 10, 4), 5, 6)),
    ),
    invariants=(
        Invariant("the row itself is not among them", lambda rows, vectors, row, top: row not in rows),
        Invariant("as many as asked for", lambda rows, vectors, row, top: len(rows) == top),
    ),
    hints=(
        "The cosine is the dot product of two vectors of length 1: divide each row by its length first.",
        "np.linalg.norm(vectors, axis=1, keepdims=True) are the lengths, (V, 1). unit @ unit[row] are all cosines.",
        "np.argsort sorts upwards: sort the negative cosines, leave `row` out, and cut after `top`.",
    ),
    misconceptions=(
        Misconception(
            "dot product",
            lambda vectors, row, top: _ranked(vectors @ vectors[row], row, top),
            "Those are the largest dot products. A long vector wins there whatever its direction: divide by the "
            "lengths.",
        ),
        Misconception(
            "distance",
            lambda vectors, row, top: _ranked(-np.linalg.norm(vectors - vectors[row], axis=1), row, top),
            "Those are the points at the smallest distance. The cosine compares directions; length has no say.",
        ),
        Misconception(
            "itself included",
            lambda vectors, row, top: [int(i) for i in np.argsort(-_cosines(vectors, row))][:top],
            "The word itself is the first of its neighbours there: its cosine with itself is 1. Leave it out.",
        ),
        Misconception(
            "smallest first",
            lambda vectors, row, top: _ranked(-_cosines(vectors, row), row, top),
            "Those are the rows that point away from it most: argsort puts the smallest first.",
        ),
        Misconception(
            "columns divided",
            _columns_normed,
            "Columns were divided by their lengths, axis=0. A word is a row: axis=1.",
        ),
        Misconception(
            "sign lost",
            lambda vectors, row, top: _ranked(np.abs(_cosines(vectors, row)), row, top),
            "A cosine of −1 counts like 1 there. It is the opposite direction.",
        ),
        Misconception(
            "sum for length",
            lambda vectors, row, top: _ranked(
                vectors @ vectors[row] / np.abs(vectors).sum(axis=1), row, top
            ),
            "The rows were divided by the sum of their numbers. The length is the root of the sum of squares.",
        ),
    ),
)


def skip_pairs(words, window):
    """All pairs (centre, neighbour) of words at most `window` places apart, in reading order, for skip-gram."""
    pairs = []
    for i, centre in enumerate(words):
        for j in range(max(0, i - window), min(len(words), i + window + 1)):
            if j != i:
                pairs.append((centre, words[j]))
    return pairs


def _pairs_between(words, low, high, keep=lambda i, j: i != j):
    return [
        (centre, words[j])
        for i, centre in enumerate(words)
        for j in range(low(i), high(i))
        if keep(i, j) and j < len(words)
    ]


SKIP_PAIRS = Exercise(
    id="5.7",
    title="debug: who is a neighbour?",
    minutes=8,
    difficulty=2,
    kind="debug",
    stub='''def skip_pairs(words, window):
    """All pairs (centre, neighbour) of words at most `window` places apart, in reading order, for skip-gram.

    One line of this function is wrong.
    """
    pairs = []
    for i, centre in enumerate(words):
        for j in range(max(0, i - window), min(len(words), i + window + 1)):
            if words[j] != centre:
                pairs.append((centre, words[j]))
    return pairs
''',
    reference=skip_pairs,
    cases=(
        Case(lambda: (["had", "had"], 1)),
        Case(lambda: (["that", "that", "is", "is"], 2)),
        Case(lambda: (["we", "the", "people", "the", "people"], 2)),
    ),
    hidden=(
        Case(lambda: (["very", "very", "good"], 1)),
        Case(lambda: (["a", "rose", "is", "a", "rose", "is", "a", "rose"], 3)),
    ),
    hints=(
        'Try skip_pairs(["had", "had"], 1). How many pairs should there be?',
        "Who is to be left out: the place where the centre stands, or every word that is spelled like it?",
    ),
    misconceptions=(
        Misconception(
            "itself included",
            lambda words, window: _pairs_between(
                words, lambda i: max(0, i - window), lambda i: i + window + 1, lambda i, j: True
            ),
            "The place of the centre itself counts as a neighbour there. Leave out j == i.",
        ),
        Misconception(
            "one too few after",
            lambda words, window: _pairs_between(words, lambda i: max(0, i - window), lambda i: i + window),
            "After the centre the window is one word too short: range stops before its end, so that is i + window + 1.",
        ),
        Misconception(
            "only after",
            lambda words, window: _pairs_between(words, lambda i: i + 1, lambda i: i + window + 1),
            "Those are the neighbours after the centre. The ones before it count, too.",
        ),
        Misconception(
            "only before",
            lambda words, window: _pairs_between(words, lambda i: max(0, i - window), lambda i: i),
            "Those are the neighbours before the centre. The ones after it count, too.",
        ),
        Misconception(
            "round the corner",
            lambda words, window: _pairs_between(words, lambda i: i - window, lambda i: i + window + 1),
            "Before the first word, j is negative there, and words[-1] is the last word. The window ends at the text's "
            "edge.",
        ),
    ),
)
