"""Exercises 1.5 to 1.8: give what was never seen its share."""

from collections import Counter

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def add_k(count, context_count, vocabulary_size, k):
    """Add-k estimate of p(word | context); the counts may be numbers or arrays, taken element by element."""
    return (count + k) / (context_count + k * vocabulary_size)


ADD_K = Exercise(
    id="1.5",
    title="add-k smoothing",
    minutes=5,
    difficulty=1,
    stub='''def add_k(count, context_count, vocabulary_size, k):
    """Add-k estimate of p(word | context); the counts may be numbers or arrays, taken element by element."""
    raise NotImplementedError
''',
    reference=add_k,
    cases=(
        Case(lambda: (np.array([3, 1, 0]), 4, 3, 0.5)),
        Case(lambda: (0, 10, 1000, 0.01)),
        Case(lambda: (np.array([[2, 0], [0, 7]]), np.array([[2], [9]]), 5, 1.0)),
    ),
    hidden=(
        Case(lambda: (np.array([5, 2, 0, 0]), 7, 4, 0.25)),
        Case(lambda: (0, 0, 50, 2.0)),
    ),
    invariants=(
        Invariant(
            "over a whole vocabulary the probabilities sum to 1",
            lambda result, count, total, size, k: np.shape(count) != (size,) or abs(np.sum(result) - 1) < 1e-9,
        ),
    ),
    hints=(
        "Pretend that every word of the vocabulary was seen k times more than it was.",
        "If each of V words gains k, the context is seen k times V more often.",
    ),
    misconceptions=(
        Misconception(
            "V forgotten",
            lambda count, total, size, k: (count + k) / (total + k),
            lambda count, total, size, k: f"That adds k below once. All {size} words gained k, so below it is k·V.",
        ),
        Misconception(
            "only above",
            lambda count, total, size, k: (count + k) / np.float64(total),
            "That adds k to the count but not to the total, so the probabilities sum to more than 1.",
        ),
        Misconception(
            "k not scaled",
            lambda count, total, size, k: (count + k) / (total + size),
            lambda count, total, size, k: f"That adds V below, as if k were 1. Here k is {k:g}: add k·V.",
        ),
        Misconception(
            "k ignored",
            lambda count, total, size, k: (count + 1) / (total + size),
            lambda count, total, size, k: f"That is add-one, whatever k is. Here k is {k:g}: add k above, k·V below.",
        ),
        Misconception(
            "no brackets below",
            lambda count, total, size, k: (count + k) / total + k * size,
            "That divides by the total alone and adds k·V afterwards. Put brackets round the sum that stands below.",
        ),
        Misconception(
            "only below",
            lambda count, total, size, k: count / (total + k * size),
            "That adds k·V below but nothing above: what was never seen still gets 0.",
        ),
    ),
)


def interpolate(estimates, weights, vocabulary_size):
    """Jelinek–Mercer: mix the estimates of orders 1, 2, ... from the lowest up, starting from 1 / vocabulary_size."""
    probability = 1 / vocabulary_size
    for estimate, weight in zip(estimates, weights, strict=True):
        if estimate is not None:
            probability = weight * estimate + (1 - weight) * probability
    return probability


def _mix(estimates, weights, start):
    probability = start
    for estimate, weight in zip(estimates, weights, strict=True):
        if estimate is not None:
            probability = weight * estimate + (1 - weight) * probability
    return probability


INTERPOLATE = Exercise(
    id="1.6",
    title="debug this: interpolation",
    minutes=10,
    difficulty=2,
    kind="debug",
    stub='''def interpolate(estimates, weights, vocabulary_size):
    """Jelinek–Mercer: mix the estimates of orders 1, 2, ... from the lowest up, starting from 1 / vocabulary_size.

    estimates: p(word | context) of each order by counting, or None where that order's context was never seen.
    weights: how far to trust each order, from 0 to 1. One line of this function is wrong.
    """
    probability = 1 / vocabulary_size
    for estimate, weight in zip(estimates, weights, strict=True):
        if estimate is None:
            estimate = 0.0
        probability = weight * estimate + (1 - weight) * probability
    return probability
''',
    reference=interpolate,
    cases=(
        Case(lambda: ([None], [0.5], 10)),
        Case(lambda: ([0.2, 0.5], [0.9, 0.6], 100)),
        Case(lambda: ([0.01, 0.0, None], [0.8, 0.7, 0.5], 1000)),
        Case(lambda: ([0.25, None, None], [0.9, 0.7, 0.4], 50)),
    ),
    hidden=(
        Case(lambda: ([0.1, None], [0.5, 0.25], 20)),
        Case(lambda: ([0.3, 0.6, 0.0, None], [0.95, 0.8, 0.5, 0.3], 200)),
    ),
    invariants=(Invariant("every word keeps more than 0", lambda result, *_: result > 0),),
    hints=(
        "Try interpolate([None], [0.5], 10). Nothing was seen, so all that is left is 1/10.",
        "Over the whole vocabulary the result must sum to 1. What does an unseen context add, and what does it "
        "take away?",
        "An unseen context has no opinion: leave the probability of the lower order as it is.",
    ),
    misconceptions=(
        Misconception(
            "0.0 skipped",
            lambda estimates, weights, size: _mix([one or None for one in estimates], weights, 1 / size),
            "That skips estimates of 0.0, too: a seen context in which the word never came has a say. Test `is None`.",
        ),
        Misconception(
            "1/V for None",
            lambda estimates, weights, size: _mix([1 / size if e is None else e for e in estimates], weights, 1 / size),
            lambda estimates, weights, size: (
                f"That mixes in 1/V = 1/{size} where a context is unseen, and so waters down what the lower orders say."
            ),
        ),
        Misconception(
            "weights reversed",
            lambda estimates, weights, size: _mix(estimates, weights[::-1], 1 / size),
            "That gives the weights in reverse: the first weight belongs to order 1, the lowest.",
        ),
        Misconception(
            "no uniform base",
            lambda estimates, weights, size: _mix(estimates, weights, 0.0),
            lambda estimates, weights, size: (
                f"That starts from 0 instead of 1/V = 1/{size}, so an unseen word stays impossible."
            ),
        ),
        Misconception(
            "weights swapped",
            lambda estimates, weights, size: _mix(estimates, [1 - weight for weight in weights], 1 / size),
            "That gives the weight to the lower order and the rest to the estimate: they have changed places.",
        ),
        Misconception(
            "stops at None",
            lambda estimates, weights, size: 1 / size if None in estimates else _mix(estimates, weights, 1 / size),
            "That falls back to 1/V as soon as one context is unseen, and forgets what the lower orders know.",
        ),
    ),
)


def kneser_ney_discounts(counts):
    """Discounts D1, D2, D3+ of modified Kneser–Ney from an array of n-gram counts. Chen & Goodman 1998."""
    n1, n2, n3, n4 = (np.sum(counts == r) for r in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    return 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3


def _discounts(n1, n2, n3, n4):
    y = n1 / (n1 + 2 * n2)
    return 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3


def _how_many(counts):
    return [np.sum(counts == value) for value in (1, 2, 3, 4)]


def _one_discount(counts):
    n1, n2, *_ = _how_many(counts)
    return (n1 / (n1 + 2 * n2),) * 3


def _counts_with(sizes):
    """An array with sizes[0] ones, sizes[1] twos, and so on."""
    return np.repeat(np.arange(1, len(sizes) + 1), sizes)


KNESER_NEY_DISCOUNTS = Exercise(
    id="1.7",
    title="Kneser–Ney discounts",
    minutes=12,
    difficulty=3,
    imports=("import numpy as np",),
    stub='''def kneser_ney_discounts(counts):
    """Discounts D1, D2, D3+ of modified Kneser–Ney, a tuple of three, from an array of n-gram counts.

    With n_r the number of n-grams counted exactly r times: Y = n1 / (n1 + 2·n2), D1 = 1 - 2·Y·n2/n1,
    D2 = 2 - 3·Y·n3/n2, D3+ = 3 - 4·Y·n4/n3. Chen & Goodman 1998.
    """
    raise NotImplementedError
''',
    reference=kneser_ney_discounts,
    cases=(
        Case(lambda: (_counts_with([8, 4, 2, 1]),)),
        Case(lambda: (_counts_with([60, 20, 9, 5, 3, 2]),)),
        Case(lambda: (_counts_with([900, 210, 80, 41, 25, 16, 9]),)),
    ),
    hidden=(
        Case(lambda: (_counts_with([10, 4, 3, 2, 1]),)),
        Case(lambda: (_counts_with([700, 150, 70, 33, 20]),)),
    ),
    invariants=(
        Invariant(
            "no discount is below 0 or above the count it is taken from",
            lambda discounts, counts: all(0 <= discount <= r for r, discount in enumerate(discounts, start=1)),
        ),
    ),
    hints=(
        "Start with n1 to n4. np.sum(counts == 1) is the number of n-grams that occur exactly once.",
        "For the counts 8 ones, 4 twos, 2 threes and 1 four: Y = 8 / (8 + 8) = 0.5 and D1 = 1 - 2·0.5·4/8 = 0.5.",
        "Each discount looks one count higher: D1 at n2, D2 at n3, D3+ at n4.",
    ),
    misconceptions=(
        Misconception(
            "one discount",
            _one_discount,
            "That is the one discount Y of plain Kneser–Ney, three times. The modified form takes more from "
            "counts of 2 and of 3 up.",
        ),
        Misconception(
            "tokens instead of n-grams",
            lambda counts: _discounts(*(r * n for r, n in enumerate(_how_many(counts), start=1))),
            "That takes n_r as r times too many: n_r is how many n-grams have the count r, not how often they "
            "occur in all.",
        ),
        Misconception(
            "what is kept",
            lambda counts: tuple(r - discount for r, discount in enumerate(_discounts(*_how_many(counts)), start=1)),
            "That is 2·Y·n2/n1 and its like: the count that is kept. The discount is 1, 2 or 3 less that.",
        ),
        Misconception(
            "one count too low",
            lambda counts: _discounts(*np.bincount(counts)[:4]),
            "Every n_r is one place too low: np.bincount(counts)[0] is the number of zeros, and n1 stands at [1].",
        ),
        Misconception(
            "at least r",
            lambda counts: _discounts(*(np.sum(counts >= r) for r in (1, 2, 3, 4))),
            "That counts the n-grams seen r times or more. n_r has those seen exactly r times.",
        ),
    ),
)


def continuation_counts(bigrams):
    """For each word, how many different words it follows. bigrams: pairs (first, second). Returns a Counter."""
    return Counter(second for _, second in set(bigrams))


CONTINUATION_COUNTS = Exercise(
    id="1.8",
    title="continuation counts",
    minutes=8,
    difficulty=2,
    imports=("from collections import Counter",),
    stub='''def continuation_counts(bigrams):
    """For each word, how many different words it follows. bigrams: pairs (first, second), some of them repeated.

    Returns a Counter of words.
    """
    raise NotImplementedError
''',
    reference=continuation_counts,
    cases=(
        Case(lambda: ([("San", "Francisco"), ("San", "Francisco"), ("the", "sea")],)),
        Case(lambda: ([("in", "peace"), ("of", "peace"), ("in", "war"), ("in", "peace")],)),
        Case(lambda: (list(zip("abracadabra", "bracadabra", strict=False)),)),
    ),
    hidden=(
        Case(lambda: ([("x", "y"), ("z", "y"), ("x", "y"), ("x", "w")],)),
        Case(lambda: (list(zip("mississippi", "ississippi", strict=False)),)),
    ),
    invariants=(
        Invariant(
            "the counts sum to the number of different bigrams",
            lambda counts, bigrams: sum(counts.values()) == len(set(bigrams)),
        ),
    ),
    hints=(
        "San Francisco may be written a thousand times: Francisco still follows one word only.",
        "set(bigrams) keeps each pair once. What is left is to count by the second word.",
    ),
    misconceptions=(
        Misconception(
            "repeats counted",
            lambda bigrams: Counter(second for _, second in bigrams),
            "That counts how often a word comes second. A pair that is repeated counts once.",
        ),
        Misconception(
            "followers",
            lambda bigrams: Counter(first for first, _ in set(bigrams)),
            "That counts how many different words come after each word. Wanted are the words it comes after.",
        ),
        Misconception(
            "both sides",
            lambda bigrams: Counter(word for pair in set(bigrams) for word in pair),
            "That counts the neighbours on both sides. Only the word before counts.",
        ),
        Misconception(
            "each word once",
            lambda bigrams: Counter({second for _, second in bigrams}),
            "That makes the words different before it counts, so each has 1. It is the pairs that have to be "
            "different.",
        ),
    ),
)
