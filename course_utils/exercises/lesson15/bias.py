"""Exercises 15.1 and 15.2: a lean towards a pronoun, and whether chance alone would show a difference as large."""

import math
from collections.abc import Iterable
from itertools import chain, combinations, product

import numpy as np
from scipy.stats import rankdata, ttest_ind

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def centred_odds(she, he, baseline):
    """(O,) the mean over the templates of ln p(she) / p(he) in nats, less that after a neutral word.

    she, he (O, K): −ln p of either pronoun in nats, after each of O occupations put into each of K templates.
    baseline (K,): ln p(she) / p(he) after a neutral word, such as "person", in the same templates.
    """
    odds = he - she  # (O, K), for she and he hold −ln p
    return (odds - baseline).mean(axis=1)


def _centred(odds=lambda she, he: he - she, less=np.subtract, together=lambda odds: odds.mean(axis=1)):
    """The same with other odds(she, he), another way to take the baseline off, or to put the templates together."""
    return lambda she, he, baseline: together(less(odds(she, he), baseline))


def _probabilities_averaged(she, he, baseline):
    return np.log(np.exp(-she).mean(axis=1) / np.exp(-he).mean(axis=1)) - baseline.mean()


def _quotient_of_probabilities(she, he, baseline):
    return (np.exp(he - she) - np.exp(baseline)).mean(axis=1)


def _difference_of_probabilities(she, he, baseline):
    return (np.exp(-she) - np.exp(-he) - baseline).mean(axis=1)


def _farthest(odds):
    """Of each row the value that is farthest from 0."""
    return np.take_along_axis(odds, np.abs(odds).argmax(axis=1)[:, None], axis=1)[:, 0]


def _nats(seed, occupations, templates):
    """Costs of two pronouns after occupations that lean to either, and odds after a word that leans to he."""
    chance = np.random.default_rng(seed)
    cost = 2 + chance.random((occupations, templates))
    lean = chance.normal(size=(occupations, 1)) + 0.4 * chance.normal(size=(occupations, templates))
    return (cost - lean / 2).round(2), (cost + lean / 2).round(2), (chance.normal(size=templates) - 1).round(2)


ODDS = Exercise(
    id="15.1",
    title="the odds of a pronoun",
    minutes=8,
    difficulty=1,
    imports=("import numpy as np",),
    stub='''def centred_odds(she, he, baseline):
    """(O,) the mean over the templates of ln p(she) / p(he) in nats, less that after a neutral word.

    she, he (O, K): −ln p of either pronoun in nats, after each of O occupations put into each of K templates.
    baseline (K,): ln p(she) / p(he) after a neutral word, such as "person", in the same templates.
    """
    raise NotImplementedError
''',
    reference=centred_odds,
    tolerance=1e-5,
    cases=(
        Case(lambda: (np.array([[1.0, 2.5]]), np.array([[3.0, 2.0]]), np.array([-0.5, 0.25]))),
        Case(lambda: _nats(1, 2, 3)),
        Case(lambda: _nats(2, 5, 4)),
    ),
    hidden=(Case(lambda: _nats(3, 3, 5)), Case(lambda: _nats(4, 8, 6))),
    hints=(
        "ln (a / b) = ln a − ln b. The arrays hold −ln p: the pronoun that is expected more has the smaller number.",
        "he − she is ln p(she) / p(he), (O, K). NumPy takes a baseline (K,) off each of its rows.",
        "The mean over the templates is .mean(axis=1); it leaves one number for each occupation, (O,).",
    ),
    misconceptions=(
        Misconception(
            "costs taken for logarithms",
            _centred(odds=lambda she, he: she - he),
            "she − he is ln p(he) / p(she), for both hold −ln p: what is likely costs little. The baseline is the "
            "other way round already.",
        ),
        Misconception(
            "turned round",
            lambda *arguments: -centred_odds(*arguments),
            "The sign of the whole is turned: above 0 should mean that the model expects she, and here it means he.",
        ),
        Misconception(
            "no baseline",
            lambda she, he, baseline: (he - she).mean(axis=1),
            "The baseline is missing. A text may say he more often after any word: only what exceeds the neutral word "
            "is owed to the occupation.",
        ),
        Misconception(
            "baseline added",
            _centred(less=np.add),
            "The baseline is added. What is there after a neutral word as well is to be taken off.",
        ),
        Misconception(
            "other occupations as the baseline",
            lambda she, he, baseline: (he - she - (he - she).mean(axis=0)).mean(axis=1),
            "The mean of the occupations is taken off, not the neutral word's odds. A model that says he after all of "
            "them would show nothing.",
        ),
        Misconception(
            "one baseline for all templates",
            lambda she, he, baseline: (he - she - baseline[0]).mean(axis=1),
            "The first template's baseline is taken off everywhere. Each template has its own: baseline (K,).",
        ),
        Misconception(
            "mean over the occupations",
            _centred(together=lambda odds: odds.mean(axis=0)),
            "The mean goes over the occupations and leaves one number a template. Templates are axis 1.",
        ),
        Misconception(
            "mean over everything",
            _centred(together=np.mean),
            "Everything is averaged into one number. Each occupation has one of its own: axis=1.",
        ),
        Misconception(
            "no mean",
            _centred(together=lambda odds: odds),
            "Each template stands by itself there, (O, K). The mean over the K templates is asked for.",
        ),
        Misconception(
            "sum over the templates",
            _centred(together=lambda odds: odds.sum(axis=1)),
            "The templates are added up, so that more templates would show more bias. Take their mean.",
        ),
        Misconception(
            "median",
            _centred(together=lambda odds: np.median(odds, axis=1)),
            "That is the median of the templates. The mean is asked for.",
        ),
        Misconception(
            "the farthest template",
            _centred(together=_farthest),
            "Only the template that leans most is kept. Some template always leans: choosing it makes bias out of "
            "chance.",
        ),
        Misconception(
            "how far, not whereto",
            _centred(together=lambda odds: np.abs(odds).mean(axis=1)),
            "The signs of the templates are lost. Templates that lean to either side should cancel.",
        ),
        Misconception(
            "quotient of the costs",
            _centred(odds=lambda she, he: he / she),
            "The nats are divided. A quotient of probabilities is a difference of their logarithms: he − she.",
        ),
        Misconception(
            "quotient of probabilities",
            _quotient_of_probabilities,
            "Those are quotients p(she) / p(he) without the logarithm: 4 to 1 and 1 to 4 would not cancel.",
        ),
        Misconception(
            "difference of probabilities",
            _difference_of_probabilities,
            "p(she) − p(he) is a share, and the baseline is in nats. Take the logarithm of the quotient: he − she.",
        ),
        Misconception(
            "probabilities averaged first",
            _probabilities_averaged,
            "The probabilities are averaged before the logarithm, so a template in which both are likely outweighs "
            "the others. First the logarithm, then the mean.",
        ),
        Misconception(
            "in bits",
            _centred(together=lambda odds: odds.mean(axis=1) / math.log(2)),
            "That is in bits. Nats are asked for: no division by ln 2.",
        ),
    ),
)


def permutation_p(first, second):
    """p, a float: in what share of all partitions is the difference of means at least as large as the one found?

    first, second: lists of numbers. A partition deals the numbers of both anew, as many to the first side as
    `first` has; two numbers that are equal are still two. The difference is the mean of the first side less that of
    the other. One-sided: only upward is large. The partition that was found is one of them, and equality counts.
    """
    values = np.array([*first, *second])
    # Of a fixed total, the difference of means grows with the sum of the first side alone.
    sums = [sum(chosen) for chosen in combinations(values, len(first))]
    return float(np.mean(np.array(sums) >= sum(first)))


def _splits(first, second):
    """Each partition as two arrays."""
    values, places = np.array([*first, *second]), range(len(first) + len(second))
    for chosen in combinations(places, len(first)):
        inside = np.isin(places, chosen)
        yield values[inside], values[~inside]


def _mean_gap(one, other):
    return one.mean() - other.mean()


def _p(counts=np.greater_equal, gap=_mean_gap, splits: Iterable = _splits, share=lambda large: large.mean()):
    """The same with another comparison, another measure of a partition, other partitions, or another share."""

    def p(first, second):
        gaps = np.array([gap(*pair) for pair in splits(first, second)])
        return float(share(counts(gaps.round(9), np.round(gap(np.array(first), np.array(second)), 9))))

    return p


def _at_farthest_as_far(gaps, found):
    return np.abs(gaps) >= abs(found)


def _of_any_size(first, second):
    values, places = np.array([*first, *second]), range(len(first) + len(second))
    for chosen in chain.from_iterable(combinations(places, size) for size in places[1:]):
        inside = np.isin(places, chosen)
        yield values[inside], values[~inside]


def _different_ones(first, second):
    """Partitions with the same numbers on the first side count once."""
    seen = {tuple(sorted(one)): (one, other) for one, other in _splits(first, second)}
    return seen.values()


def _rest_by_value(first, second):
    """The other side lacks every number that is equal to a chosen one; where none is left it has 0."""
    for one, other in _splits(first, second):
        rest = other[~np.isin(other, one)]
        yield one, rest if len(rest) else np.zeros(1)


def _exchanges(first, second):
    """The pairs first[n], second[n], each exchanged or not."""
    pairs = list(zip(first, second, strict=False))
    for turned in product((False, True), repeat=len(pairs)):
        exchanged = [pair[::-1] if turn else pair for pair, turn in zip(pairs, turned, strict=True)]
        yield tuple(np.array(side) for side in zip(*exchanged, strict=True))


def _rank_p(first, second):
    ranks = rankdata([*first, *second])
    return permutation_p(list(ranks[: len(first)]), list(ranks[len(first) :]))


def _effect_size(first, second):
    return float((np.mean(first) - np.mean(second)) / np.std([*first, *second], ddof=1))


def _t_test(first, second):
    return float(ttest_ind(first, second, alternative="greater").pvalue)


EFFECT = Exercise(
    id="15.2",
    title="an effect size with a permutation test",
    minutes=10,
    difficulty=2,
    imports=("from itertools import combinations", "import numpy as np"),
    stub='''def permutation_p(first, second):
    """p, a float: in what share of all partitions is the difference of means at least as large as the one found?

    first, second: lists of numbers. A partition deals the numbers of both anew, as many to the first side as
    `first` has; two numbers that are equal are still two. The difference is the mean of the first side less that of
    the other. One-sided: only upward is large. The partition that was found is one of them, and equality counts.
    """
    raise NotImplementedError
''',
    reference=permutation_p,
    cases=(
        Case(lambda: ([3.0, 8.0], [1.0, 2.0])),
        Case(lambda: ([5.0, 2.0, 7.0], [2.0, 4.0, 1.0, 4.0])),
        Case(lambda: ([9.0, 6.0, 2.0, 20.0], [8.0, 3.0, 5.0, 2.0])),
    ),
    hidden=(
        Case(lambda: ([6.0, 1.0, 4.0], [3.0, 3.0, 0.0, 5.0, 1.0])),
        Case(lambda: ([2.0, 7.0, 7.0, 30.0], [6.0, 1.0, 5.0, 4.0, 7.0])),
    ),
    invariants=(
        Invariant("above 0, for the partition that was found counts", lambda p, *_: p > 0),
        Invariant("1 at most", lambda p, *_: p <= 1),
    ),
    hints=(
        "Four numbers can be dealt two and two in 6 ways. Write them all down for [3, 8] and [1, 2], with the "
        "difference of means of each: in 1 of the 6 it is as large as 4, so p = 1/6.",
        "combinations(values, n) gives every choice of n of them, by place: equal numbers are still two.",
        "All numbers together have a fixed sum, so the difference of means is large just where the sum of the first "
        "side is: compare sums, with >=.",
    ),
    misconceptions=(
        Misconception(
            "larger only",
            _p(counts=np.greater),
            "Partitions with the same difference do not count there, not even the one that was found. At least as "
            "large is >=.",
        ),
        Misconception(
            "found one taken out",
            _p(share=lambda large: (large.sum() - 1) / (large.size - 1)),
            "The partition that was found is taken out. It is one of those that chance may deal, so it counts above "
            "and below.",
        ),
        Misconception(
            "found one added",
            _p(share=lambda large: (large.sum() + 1) / (large.size + 1)),
            "One is added above and below. That is right where partitions are drawn; of all of them the one that was "
            "found is counted already.",
        ),
        Misconception(
            "two-sided",
            _p(counts=_at_farthest_as_far),
            "Differences downward count as well. One-sided: only the first side above the other.",
        ),
        Misconception(
            "other side",
            _p(counts=np.less_equal),
            "That is the share of partitions with a difference as small or smaller. As large or larger is asked for.",
        ),
        Misconception(
            "the complement",
            lambda *arguments: 1 - permutation_p(*arguments),
            "That is 1 − p: the share of partitions with less. A small p says that chance hardly ever deals so much.",
        ),
        Misconception(
            "a count",
            _p(share=np.sum),
            "That is how many partitions there are. Their share is asked for: divide by the number of all.",
        ),
        Misconception(
            "sides of any size",
            _p(splits=_of_any_size),
            "Sides of any size are dealt. The first has as many numbers as `first`: combinations(values, len(first)).",
        ),
        Misconception(
            "equal numbers are one",
            _p(splits=_different_ones),
            "Partitions that look alike are counted once, as in a set. Two equal numbers are two: each way to deal "
            "them counts.",
        ),
        Misconception(
            "pairs exchanged",
            _p(splits=_exchanges),
            "The pairs first[n], second[n] are exchanged or not. Nothing pairs these numbers: any may go to any side.",
        ),
        Misconception(
            "medians",
            _p(gap=lambda one, other: np.median(one) - np.median(other)),
            "The medians are compared there. The means are asked for.",
        ),
        Misconception(
            "ranks",
            _rank_p,
            "The ranks are compared there, not the numbers: how far one is above the other no longer counts.",
        ),
        Misconception(
            "the rest by value",
            _p(splits=_rest_by_value),
            "What is equal to a chosen number is left out of the other side, as with `if value not in chosen`. Two "
            "equal numbers are two: choose places, or compare sums of the first side alone.",
        ),
        Misconception(
            "effect size",
            _effect_size,
            "That is the effect size, in standard deviations: how large. p tells how often chance deals as much.",
        ),
        Misconception(
            "a t-test",
            _t_test,
            "That is the p of a t-test, which takes the numbers for draws of two normal distributions. Here nothing "
            "is assumed: count partitions.",
        ),
    ),
)
