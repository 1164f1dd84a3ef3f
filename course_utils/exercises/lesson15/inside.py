"""Exercises 15.8 and 15.9: heads that copy, and what a probe says of a network."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def induction_score(weights, period):
    """How much a head looks at the token that came next when the present one last occurred: a float from 0 to 1.

    weights (T, T): where one head looks, from each token (row) at each token (column), in a text of `period` different
    tokens that is repeated: token t is the same as token t − period. T is at least 2 · period. The mean weight over the
    tokens that have occurred before. Olsson et al. 2022.
    """
    repeated = weights[period:]  # row r belongs to token r + period; the token after its last occurrence is r + 1
    return float(repeated.diagonal(offset=1).mean())


def _score(after=lambda t, period: t - period + 1, rows=None, together=torch.mean):
    """The same with another column to look at, other rows t, or another way to put them together."""
    rows = rows or (lambda length, period: range(period, length))

    def score(weights, period):
        seen = [weights[t, after(t, period)] for t in rows(len(weights), period)]
        return float(together(torch.stack(seen)))

    return score


def _of_largest(weights, period):
    """The share of tokens that look there most."""
    rows = torch.arange(period, len(weights))
    return float((weights[period:].argmax(dim=1) == rows - period + 1).float().mean())


def _whole_copy_before(weights, period):
    return float(torch.stack([weights[t, t - period : t].sum() for t in range(period, len(weights))]).mean())


def _after_all_occurrences(weights, period):
    seen = [weights[t, t % period + 1 : t - period + 2 : period].sum() for t in range(period, len(weights))]
    return float(torch.stack(seen).mean())


def _repeats(seed, copies, period, strength):
    """The weights of a head that looks where an induction head does, more or less, in `copies` copies."""
    length = copies * period
    scores = torch.randn(length, length, generator=generator(seed))
    for shift in range(period, length, period):
        scores[shift:].diagonal(offset=1).add_(strength)  # after any earlier occurrence
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
    return scores.masked_fill(hidden, float("-inf")).softmax(dim=-1), period


def _by_hand():
    rows = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.5, 0.25, 0], [0.25, 0, 0.75, 0]]
    return torch.tensor(rows), 2


INDUCTION = Exercise(
    id="15.8",
    title="which heads copy?",
    minutes=10,
    difficulty=2,
    imports=("import torch",),
    stub='''def induction_score(weights, period):
    """How much a head looks at the token that came next when the present one last occurred: a float from 0 to 1.

    weights (T, T): where one head looks, from each token (row) at each token (column), in a text of `period` different
    tokens that is repeated: token t is the same as token t − period. T is at least 2 · period. The mean weight over the
    tokens that have occurred before. Olsson et al. 2022.
    """
    raise NotImplementedError
''',
    reference=induction_score,
    tolerance=1e-4,
    cases=(
        Case(_by_hand),
        Case(lambda: _repeats(1, 2, 5, 2.0)),
        Case(lambda: _repeats(2, 4, 3, 3.0)),
    ),
    hidden=(Case(lambda: _repeats(3, 3, 4, 1.0)), Case(lambda: _repeats(4, 2, 12, 5.0))),
    invariants=(Invariant("from 0 to 1", lambda score, *_: 0 <= score <= 1 + 1e-6),),
    hints=(
        "Write a text of period 3 twice: a b c a b c. From the second a, place 3, an induction head looks at the first "
        "b, place 1: the token that came after a.",
        "Token t has occurred at t − period, so what came next stands at t − period + 1. Tokens before `period` have "
        "not occurred yet.",
        "A loop over t will do. In one line: weights[period:] has row r for token r + period, and looks at column "
        "r + 1, which is .diagonal(offset=1).",
    ),
    misconceptions=(
        Misconception(
            "the same token",
            _score(lambda t, period: t - period),
            "That is the weight on the earlier occurrence itself. An induction head looks one further, at what came "
            "next.",
        ),
        Misconception(
            "the token before",
            _score(lambda t, period: max(t - period - 1, 0)),
            "That is the weight on what came before the earlier occurrence. What came next stands at t − period + 1.",
        ),
        Misconception(
            "two tokens after",
            _score(lambda t, period: t - period + 2),
            "That is one token too far: what came next stands at t − period + 1.",
        ),
        Misconception(
            "the neighbour",
            _score(lambda t, period: t - 1),
            "That is the weight on the token just before, which a previous-token head has. It needs no repetition: "
            "look at t − period + 1.",
        ),
        Misconception(
            "itself",
            _score(lambda t, period: t),
            "That is the weight of each token on itself. Look at t − period + 1.",
        ),
        Misconception(
            "first copy too",
            lambda weights, period: float(weights[period:].diagonal(offset=1).sum() / len(weights)),
            "The sum is divided by all T tokens. Those of the first copy have not occurred yet: the mean goes over "
            "T − period.",
        ),
        Misconception(
            "one token too early",
            _score(rows=lambda length, period: range(period - 1, length)),
            "One token is too many: the last of the first copy has not occurred before. Begin with token `period`.",
        ),
        Misconception(
            "without the last token",
            _score(rows=lambda length, period: range(period, length - 1)),
            "The last token is left out. Nothing follows it, but it looks back like the others.",
        ),
        Misconception(
            "second copy alone",
            _score(rows=lambda length, period: range(period, 2 * period)),
            "Only the second copy counts. Where there are more, their tokens have occurred before as well.",
        ),
        Misconception(
            "first occurrence",
            _score(lambda t, period: t % period + 1),
            "In a third copy that looks after the first occurrence. The last one is asked for: t − period + 1.",
        ),
        Misconception(
            "all occurrences",
            _after_all_occurrences,
            "The weights after all earlier occurrences are added. Only the last one is asked for.",
        ),
        Misconception(
            "the copy before",
            _whole_copy_before,
            "That is all the weight on the copy before, wherever it goes. One token of it counts: t − period + 1.",
        ),
        Misconception(
            "rows and columns exchanged",
            lambda weights, period: induction_score(weights.T, period),
            "Those weights lie in the future and are all 0: rows and columns are exchanged. Row t holds where token t "
            "looks, and what came next stands further left.",
        ),
        Misconception(
            "largest weights counted",
            _of_largest,
            "That is the share of tokens that look there most. The mean weight is asked for.",
        ),
        Misconception(
            "sum",
            _score(together=torch.sum),
            "The weights are added up, so a longer text has a higher score. Take their mean.",
        ),
        Misconception(
            "largest",
            _score(together=torch.amax),
            "That is the largest of the weights: one token where it looks right is enough. Take their mean.",
        ),
    ),
)


PROBE = Exercise(
    id="15.9",
    title="predict: a probe and its control",
    minutes=6,
    difficulty=1,
    kind="predict",
    stub="""# A probe reads off hidden states whether a word is a determiner (D), a noun (N) or a verb (V). Another such
# probe has learned a control task from the same hidden states: to each different word a class is drawn by chance.
#
# word             the  dog  runs  the  cat  sees  a  dog  runs  home
# class             D    N    V     D    N    V    D   N    V     N
# the probe says    D    N    V     D    N    V    D   N    N     N
# control class     N    V    D     N    D    N    V   V    D     D
# the other says    N    V    D     N    V    V    V   V    D     V
#
# Always saying N would be right for 4 of the 10 words. How selective is the probe (Hewitt and Liang 2019)?
selectivity = None
""",
    solution="selectivity = 9 / 10 - 7 / 10  # most of the 0.9 could be had by learning each word by heart",
    reference=0.2,
    tolerance=2e-3,
    hints=(
        "Selectivity is the accuracy of the probe less that of an equal probe on the control task.",
        "Compare the second line with the third, token by token: the probe is wrong once, at the second runs.",
        "Compare the fourth with the fifth: the other probe is wrong at cat, sees and home. Take the shares from each "
        "other.",
    ),
    misconceptions=(
        Misconception(
            "accuracy",
            0.9,
            "0.9 is the accuracy. A probe with weights enough can learn each word by heart; the control task shows how "
            "much of the 0.9 that could be.",
        ),
        Misconception(
            "control accuracy",
            0.7,
            "0.7 is the accuracy on the control task: what can be learned by heart. Take it off the other accuracy.",
        ),
        Misconception(
            "turned round",
            -0.2,
            "−0.2 has its sign turned: accuracy less control accuracy.",
        ),
        Misconception(
            "above guessing",
            0.5,
            "0.5 is how far the probe is above always saying N. That does not tell what it reads from what it has "
            "learned by heart; the control task does.",
        ),
        Misconception(
            "commonest class",
            0.4,
            "0.4 is what always saying N comes to. It is a baseline too, but selectivity asks for the control task.",
        ),
        Misconception(
            "ratio",
            0.778,
            "0.778 is the quotient of both accuracies. Selectivity is their difference.",
        ),
        Misconception(
            "ratio turned round",
            1.286,
            "1.286 divides the accuracy by that on the control task. Selectivity is a difference.",
        ),
        Misconception(
            "relative",
            0.222,
            "0.222 is the difference as a share of the accuracy. Selectivity is the difference itself.",
        ),
        Misconception(
            "right where the other is wrong",
            0.3,
            "0.3 is the share of tokens where the probe is right and the other wrong. At the second runs it is the "
            "other way round, and that counts too.",
        ),
        Misconception(
            "other probe against the classes",
            0.8,
            "0.8 compares what the other probe says with the classes. It has learned the control classes: the fourth "
            "line.",
        ),
        Misconception(
            "each word once",
            0.357,
            "0.357 counts each different word once. Accuracy goes over tokens: dog, runs and the count twice.",
        ),
        Misconception(
            "a count",
            2,
            "2 is how many tokens more are right. Accuracies are shares: of 10.",
        ),
        Misconception(
            "in percent",
            20,
            "20 is in percent. Give a share of 1.",
        ),
    ),
)
