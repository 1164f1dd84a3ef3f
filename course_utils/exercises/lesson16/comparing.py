"""Exercises 16.5 and 16.6: whether a change has made answers better, and what test questions are worth."""

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def paired_difference(before, after, draws):
    """(difference, low, high), three floats: how much larger the share of right answers is after a change.

    before, after (N,) bool: whether each of N questions was answered rightly; the same questions in the same order in
    both. draws (R, N): in each row the places of N questions, drawn with replacement. low, high: the quantiles
    0.025 and 0.975 of the difference over the R draws, a question's two results drawn together. Efron 1979.
    """
    gain = after.astype(float) - before.astype(float)  # (N,) 1 mended, −1 spoilt, 0 as before
    low, high = np.quantile(gain[draws].mean(axis=1), [0.025, 0.975])
    return float(gain.mean()), float(low), float(high)


def _gain(before, after):
    return after.astype(float) - before.astype(float)


def _ends(values, tails=(0.025, 0.975)):
    return tuple(float(end) for end in np.quantile(values, tails))


def _by_draws(gain=_gain, statistic=lambda drawn: drawn.mean(axis=1), tails=(0.025, 0.975)):
    """The same with another gain of each question, another number made of each draw, or other quantiles."""

    def wrong(before, after, draws):
        gains = gain(before, after)
        return (float(statistic(gains[None])[0]), *_ends(statistic(gains[draws]), tails))

    return wrong


def _around(half):
    """The difference, and as much to either side of it: half(gain, draws)."""

    def wrong(before, after, draws):
        gain = _gain(before, after)
        return gain.mean().item(), *(gain.mean().item() + sign * half(gain, draws) for sign in (-1, 1))

    return wrong


def _with_interval(interval):
    """The right difference with another interval(before, after, draws)."""
    return lambda before, after, draws: (_gain(before, after).mean().item(), *interval(before, after, draws))


def _not_in_pairs(before, after, draws):
    """The two lists are drawn apart from each other."""
    return _ends(after[draws].mean(axis=1) - before[draws[::-1]].mean(axis=1))


def _intervals_apart(before, after, draws):
    """The end of one interval less the opposite end of the other."""
    (low, high), (low_after, high_after) = (_ends(right[draws].mean(axis=1)) for right in (before, after))
    return low_after - high, high_after - low


def _ends_apart(before, after, draws):
    (low, high), (low_after, high_after) = (_ends(right[draws].mean(axis=1)) for right in (before, after))
    return low_after - low, high_after - high


def _mean_of_the_draws(before, after, draws):
    drawn = _gain(before, after)[draws].mean(axis=1)
    return float(drawn.mean()), *_ends(drawn)


def _mirrored(before, after, draws):
    _, low, high = paired_difference(before, after, draws)
    middle = _gain(before, after).mean().item()
    return 2 * middle - high, 2 * middle - low


def _sum(drawn):
    return drawn.sum(axis=1)


def _along_the_draws(before, after, draws):
    return _ends(_gain(before, after)[draws].mean(axis=0))


def _relative(before, after, draws):
    shares = before[draws].mean(axis=1)
    return (after.mean() / before.mean() - 1).item(), *_ends(after[draws].mean(axis=1) / shares - 1)


def _answers(seed, count, rounds, shares, kept):
    """Right or wrong before and after; of the questions a share `kept` stays as it was."""
    chance = np.random.default_rng(seed)
    before, other = (chance.random(count) < share for share in shares)
    after = np.where(chance.random(count) < kept, before, other)
    before[0], after[0] = True, False  # one is spoilt in each case
    return before, after, chance.integers(count, size=(rounds, count))


def _four_questions():
    """Two are mended, one stays right, one wrong."""
    draws = np.array([[0, 1, 2, 3], [0, 0, 1, 3], [1, 1, 2, 2], [3, 3, 0, 1], [2, 2, 3, 1]])
    return np.array([True, False, False, False]), np.array([True, True, True, False]), draws


LUCK = Exercise(
    id="16.5",
    title="is it better, or was it luck?",
    minutes=8,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def paired_difference(before, after, draws):
    """(difference, low, high), three floats: how much larger the share of right answers is after a change.

    before, after (N,) bool: whether each of N questions was answered rightly; the same questions in the same order in
    both. draws (R, N): in each row the places of N questions, drawn with replacement. low, high: the quantiles
    0.025 and 0.975 of the difference over the R draws, a question's two results drawn together. Efron 1979.
    """
    raise NotImplementedError
''',
    reference=paired_difference,
    cases=(
        Case(_four_questions),
        Case(lambda: _answers(1, 12, 60, (0.3, 0.8), 0.5)),
        Case(lambda: _answers(5, 30, 200, (0.5, 0.8), 0.7)),
    ),
    hidden=(
        Case(lambda: _answers(3, 15, 100, (0.4, 0.9), 0.4)),
        Case(lambda: _answers(4, 40, 300, (0.7, 0.5), 0.6)),
    ),
    invariants=(
        Invariant("low ≤ high", lambda result, *_: result[1] <= result[2]),
        Invariant("all between −1 and 1", lambda result, *_: all(-1 <= value <= 1 for value in result)),
    ),
    hints=(
        "What has the change done to one question? It was mended, 1, or spoilt, −1, or is as it was, 0.",
        "after.astype(float) - before.astype(float) is that for all questions, (N,); its mean is the difference. NumPy "
        "does not subtract True from True.",
        "gain[draws] is (R, N): its mean over axis 1 is the difference in each draw. np.quantile(…, [0.025, 0.975]) "
        "cuts off both ends.",
    ),
    misconceptions=(
        Misconception(
            "sign",
            _by_draws(lambda before, after: _gain(after, before)),
            "That is before − after: the sign is turned. A change for the better is above 0.",
        ),
        Misconception(
            "not in pairs",
            _with_interval(_not_in_pairs),
            "before and after are drawn apart: each difference compares two sets of questions. The same row of draws "
            "goes to both, so that what makes a question hard falls out.",
        ),
        Misconception(
            "opposite ends",
            _with_interval(_intervals_apart),
            "Two intervals are made and their opposite ends subtracted. Far too wide: a question that is hard for both "
            "counts against both.",
        ),
        Misconception(
            "ends one by one",
            _with_interval(_ends_apart),
            "Two intervals are made, and low is subtracted from low and high from high. That is no interval of a "
            "difference: make the difference in each draw.",
        ),
        Misconception(
            "changed either way",
            _by_draws(lambda before, after: (before ^ after).astype(float)),
            "That is the share of questions that have changed, for better or worse. after ^ before loses the sign.",
        ),
        Misconception(
            "mended alone",
            _by_draws(lambda before, after: (after & ~before).astype(float)),
            "Only mended questions count. What the change has spoilt counts against it.",
        ),
        Misconception(
            "after alone",
            _with_interval(lambda before, after, draws: _ends(after[draws].mean(axis=1))),
            "The interval is that of the share after the change, not of the difference.",
        ),
        Misconception(
            "how many",
            _by_draws(statistic=_sum),
            "Those are numbers of questions. The difference of two shares is asked for: divide by N.",
        ),
        Misconception(
            "in per cent",
            _by_draws(lambda before, after: 100 * _gain(before, after)),
            "That is in percentage points. Shares go from 0 to 1.",
        ),
        Misconception(
            "relative",
            _relative,
            "That is how much larger in relation to the share before. The plain difference is asked for.",
        ),
        Misconception(
            "the mean of the draws",
            _mean_of_the_draws,
            "The difference is the mean over the draws. It is that of the questions as they are; draws make the "
            "interval alone.",
        ),
        Misconception(
            "over the wrong axis",
            _with_interval(_along_the_draws),
            "The mean goes over the draws, axis 0. One number for each draw is needed: over the questions, axis 1.",
        ),
        Misconception(
            "90 %",
            _by_draws(tails=(0.05, 0.95)),
            "The quantiles 0.05 and 0.95 make an interval of 90 %. For 95 % it is 0.025 at either end.",
        ),
        Misconception(
            "from the smallest to the largest",
            _by_draws(tails=(0, 1)),
            "That goes from the smallest to the largest of the draws, and the more draws, the wider. Cut off 0.025 at "
            "either end.",
        ),
        Misconception(
            "by the scatter of the draws",
            _around(lambda gain, draws: float(1.96 * gain[draws].mean(axis=1).std())),
            "That is 1.96 standard deviations of the draws to either side. Near it, but the quantiles are asked for.",
        ),
        Misconception(
            "by the scatter of the questions",
            _around(lambda gain, draws: float(1.96 * gain.std())),
            "That is where single questions fall. The mean of N of them scatters less, by √N: use the draws.",
        ),
        Misconception(
            "mirrored",
            _with_interval(_mirrored),
            "The ends are mirrored at the difference. That is another interval, called basic; here the quantiles stand "
            "as they are.",
        ),
    ),
)


WORTH = Exercise(
    id="16.6",
    title="predict: what a test set is worth",
    minutes=6,
    difficulty=2,
    kind="predict",
    stub="""# Eight settings of an assistant are equally good: each answers p = 0.64 of all questions rightly, and which
# ones one of them gets wrong says nothing of the others. All are tried on the same N = 36 test questions.
# There the share of one setting scatters around p with the standard error √(p · (1 − p) / N). The best of eight
# such shares lies 1.42 standard errors above p, on average. It is taken, and its share on the 36 is printed.
# What share is printed, on average?
printed = None
""",
    solution="printed = 0.64 + 1.42 * (0.64 * 0.36 / 36) ** 0.5  # 0.48 / 6 = 0.08; on new questions it is 0.64 again",
    reference=0.7536,
    tolerance=5e-3,
    hints=(
        "Eight equally good settings, 36 questions: one of them is lucky. Its luck is printed with it.",
        "0.64 · 0.36 is 0.48². Divided by 36, and then the root: 0.48 / 6 = 0.08 is the standard error of one share.",
        "The best of eight lies 1.42 · 0.08 above 0.64.",
    ),
    misconceptions=(
        Misconception(
            "no luck",
            0.64,
            "0.64 is what each can do, and what the best one does on new questions. On the 36 it was the luckiest of "
            "eight.",
        ),
        Misconception(
            "one standard error",
            0.72,
            "0.72 is one standard error above. The best of eight lies 1.42 of them above, on average.",
        ),
        Misconception(
            "the end of an interval",
            0.7968,
            "0.7968 is 1.96 standard errors above: the end of an interval of 95 % for one setting. Take 1.42.",
        ),
        Misconception(
            "the luck alone",
            0.1136,
            "0.1136 is how much too high it is. What is printed is the share itself: add 0.64.",
        ),
        Misconception(
            "taken off",
            0.5264,
            "0.5264 takes the luck off. The best of eight is above 0.64 where it was chosen.",
        ),
        Misconception(
            "one question",
            1.3216,
            "1.3216 is a share above 1. The scatter of one question, 0.48, is taken; that of a share of 36 is √36 "
            "times smaller.",
        ),
        Misconception(
            "divided by N",
            0.6589,
            "0.6589 divides 0.48 by 36. A share scatters less by √N, and √36 is 6.",
        ),
        Misconception(
            "variance",
            0.6491,
            "0.6491 takes 0.0064, the variance. Its root, 0.08, is the standard error.",
        ),
        Misconception(
            "p under the root",
            0.8293,
            "0.8293 takes √(p / N) for the standard error. Under the root stands p · (1 − p).",
        ),
        Misconception(
            "p of one half",
            0.7583,
            "0.7583 takes 0.5 / 6 for the standard error. That is the largest there is; at p = 0.64 it is 0.48 / 6.",
        ),
        Misconception(
            "mean of the eight",
            0.6802,
            "0.6802 divides the standard error by √8. That is how the mean of eight scatters; the best is no mean.",
        ),
        Misconception(
            "eight times",
            1.28,
            "1.28 is eight standard errors above, and above 1. The luck does not add up: one setting is printed.",
        ),
        Misconception(
            "root of eight",
            0.8663,
            "0.8663 is √8 standard errors above. The best of k rises more slowly than √k: 1.42 for eight.",
        ),
        Misconception(
            "one of eight is right",
            0.9997,
            "0.9997 is 1 − 0.36⁸: how many questions at least one of the eight answers. One setting is printed.",
        ),
        Misconception(
            "in per cent",
            75.36,
            "That is in per cent. Shares go from 0 to 1.",
        ),
    ),
)
