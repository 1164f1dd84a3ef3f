"""Exercises 10.4 and 10.3: what training costs, on paper, and the law that small runs follow, fitted."""

import math

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

COST = Exercise(
    id="10.4",
    title="predict: what training costs",
    minutes=6,
    difficulty=1,
    kind="predict",
    stub="""# A model of N = 1.2 billion parameters learns from D = 24 billion tokens, 20 for each parameter.
# Training takes C = 6·N·D operations. There are 8 GPUs. Each can do 10^15 operations a second at most,
# and keeps up 40 % of that. A day has 86,400 seconds. How many GPU-days does the training take?
gpu_days = None
""",
    solution="gpu_days = 6 * 1.2e9 * 24e9 / (0.4 * 1e15) / 86_400  # 1.728e20 operations, 432,000 seconds: 5 days",
    reference=5.0,
    tolerance=5e-3,
    hints=(
        "C = 6 · 1.2·10⁹ · 24·10⁹ = 1.728·10²⁰ operations.",
        "One GPU does 0.4 · 10¹⁵ of them in a second. Divide, and divide again by the seconds of a day.",
        "A GPU-day is one GPU at work for a day. Two GPUs at work for a day are two, whoever waits for them.",
    ),
    misconceptions=(
        Misconception(
            "at the peak",
            2.0,
            "2 is at the peak, which no training run reaches. Only 40 % of it is kept up, so it takes longer.",
        ),
        Misconception(
            "multiplied by the utilisation",
            0.8,
            "0.8 multiplies by 40 % where it has to be divided by: a GPU that does less a second takes longer.",
        ),
        Misconception(
            "days on the calendar",
            0.625,
            "0.625 days is what the calendar shows with 8 GPUs. Each of those days has 8 GPU-days in it.",
        ),
        Misconception(
            "times the GPUs",
            40.0,
            "40 multiplies by 8. The operations are shared among the GPUs: more of them means less for each.",
        ),
        Misconception(
            "forward alone",
            5 / 3,
            "1.67 has 2·N·D operations, the way forward. The way back takes twice as many again: 6 in all.",
        ),
        Misconception(
            "backward alone",
            10 / 3,
            "3.33 has 4·N·D operations, the way back. The way forward takes 2·N·D more.",
        ),
        Misconception(
            "multiplications alone",
            2.5,
            "2.5 has 3·N·D operations: the multiplications. Each product is also added to a sum, which is one more.",
        ),
        Misconception(
            "no factor",
            5 / 6,
            "0.83 has N·D operations. Each parameter takes six for each token: two forward and four back.",
        ),
        Misconception("hours", 120.0, "120 is in GPU-hours. A day has 24."),
        Misconception("seconds", 432_000.0, "432,000 is in seconds. A day has 86,400."),
    ),
)


def power_law(compute, losses):
    """(a, b) of the law L = a·C^(−b) that the runs follow: least squares through the points (ln C, ln L).

    compute, losses: lists of equal length, numbers above 0: operations of each run, and the nats per token it reached.
    Taking logarithms, ln L = ln a − b · ln C: a straight line. Kaplan et al. 2020 found b near 0.05.
    """
    slope, intercept = np.polyfit(np.log(compute), np.log(losses), 1)
    return float(np.exp(intercept)), float(-slope)


def _line(compute, losses, across=np.log, up=np.log, back=np.exp):
    """The same with other scales across and up, or another way back from the intercept."""
    slope, intercept = np.polyfit(across(compute), up(losses), 1)
    return float(back(intercept)), float(-slope)


def _exchanged(compute, losses):
    """ln C fitted over ln L."""
    return power_law(losses, compute)


def _solved_for_the_loss(compute, losses):
    """ln C fitted over ln L, and the line then solved for ln L."""
    slope, intercept = np.polyfit(np.log(losses), np.log(compute), 1)
    return float(np.exp(-intercept / slope)), float(-1 / slope)


def _coefficients_exchanged(compute, losses):
    intercept, slope = np.polyfit(np.log(compute), np.log(losses), 1)
    return float(np.exp(intercept)), float(-slope)


def _through_the_ends(compute, losses):
    return power_law([compute[0], compute[-1]], [losses[0], losses[-1]])


def _through_the_origin(compute, losses):
    """No intercept: the line goes through C = 1, L = 1."""
    across, up = np.log(compute), np.log(losses)
    return 1.0, float(-(across @ up) / (across @ across))


def _as_they_are(values):
    return np.asarray(values, float)


def _geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


RUNS = [2e13, 1e14, 4e14, 2e15, 9e15]
REACHED = [5.1, 4.6, 4.0, 3.7, 3.25]

LAW = Exercise(
    id="10.3",
    title="a law from a line",
    minutes=10,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def power_law(compute, losses):
    """(a, b) of the law L = a·C^(−b) that the runs follow: least squares through the points (ln C, ln L).

    compute, losses: lists of equal length, numbers above 0: operations of each run, and the nats per token it reached.
    Taking logarithms, ln L = ln a − b · ln C: a straight line. Kaplan et al. 2020 found b near 0.05.
    """
    raise NotImplementedError
''',
    reference=power_law,
    tolerance=1e-4,
    cases=(
        Case(lambda: ([2.0, 20.0, 200.0], [8.0, 4.0, 2.0])),
        Case(lambda: ([10.0, 100.0, 1_000.0, 10_000.0], [6.0, 5.0, 3.0, 2.5])),
        Case(lambda: (list(RUNS), list(REACHED))),
    ),
    hidden=(
        Case(lambda: ([3.0, 30.0, 90.0, 600.0], [9.0, 5.0, 4.5, 2.0])),
        Case(lambda: ([5e15, 3e16, 2e17, 8e17], [3.4, 3.1, 2.6, 2.5])),
    ),
    invariants=(
        Invariant("b is above 0: the loss falls", lambda law, compute, losses: law[1] > 0),
        Invariant(
            "the line goes through the middle of the points",
            lambda law, compute, losses: math.isclose(
                law[0] * _geometric_mean(compute) ** -law[1], _geometric_mean(losses), rel_tol=1e-3
            ),
        ),
    ),
    hints=(
        "On double logarithmic paper the runs lie near a straight line. Its slope is −b; where ln C is 0 it has ln a.",
        "np.polyfit(x, y, 1) returns the slope and the intercept, in that order. x and y are np.log of the lists.",
        "The intercept is ln a, so a = np.exp(intercept); and b = −slope.",
    ),
    misconceptions=(
        Misconception(
            "sign of the slope",
            lambda *runs: (power_law(*runs)[0], -power_law(*runs)[1]),
            "b is the slope itself, below 0. The minus stands in the law already, C^(−b): b = −slope.",
        ),
        Misconception(
            "intercept as it is",
            lambda *runs: _line(*runs, back=float),
            "The intercept is returned as it is. It is ln a; a is np.exp of it.",
        ),
        Misconception(
            "sign of the intercept",
            lambda *runs: _line(*runs, back=lambda intercept: np.exp(-intercept)),
            "a is 1 over what it should be: the intercept has lost its sign. Only the slope is turned round.",
        ),
        Misconception(
            "log10 across, ln up",
            lambda *runs: _line(*runs, across=np.log10),
            "C is in log10 and L in ln, so b is 2.30 times too large. Both need the same logarithm.",
        ),
        Misconception(
            "ln across, log10 up",
            lambda *runs: _line(*runs, up=np.log10, back=lambda intercept: 10.0**intercept),
            "L is in log10 and C in ln, so b is 2.30 times too small. Both need the same logarithm.",
        ),
        Misconception(
            "log10, then exp",
            lambda *runs: _line(*runs, across=np.log10, up=np.log10),
            "b is right. The line is in log10, and np.exp undoes ln: the way back from log10 is 10 ** intercept.",
        ),
        Misconception(
            "ln, then a power of 10",
            lambda *runs: _line(*runs, back=lambda intercept: 10.0**intercept),
            "b is right. The line is in ln, and 10 ** intercept undoes log10: the way back from ln is np.exp.",
        ),
        Misconception(
            "no logarithms",
            lambda *runs: _line(*runs, across=_as_they_are, up=_as_they_are, back=float),
            "The line is fitted through C and L themselves: it would cross 0. A power law is straight in logarithms.",
        ),
        Misconception(
            "C without logarithm",
            lambda *runs: _line(*runs, across=_as_they_are),
            "L is in logarithms and C is not. That fits a·e^(−b·C), which falls to 0 at once. Both need np.log.",
        ),
        Misconception(
            "L without logarithm",
            lambda *runs: _line(*runs, up=_as_they_are, back=float),
            "C is in logarithms and L is not. That fits a − b · ln C, which falls below 0. Both need np.log.",
        ),
        Misconception(
            "axes exchanged",
            _exchanged,
            "That gives C for a loss. L is foretold from C: C goes across, L goes up.",
        ),
        Misconception(
            "fitted the other way, then solved",
            _solved_for_the_loss,
            "The line is fitted to ln C over ln L and solved for ln L. It makes the misses in C small; here it is the "
            "misses in L that count.",
        ),
        Misconception(
            "slope and intercept exchanged",
            _coefficients_exchanged,
            "Slope and intercept are exchanged. np.polyfit gives the highest power first: the slope.",
        ),
        Misconception(
            "b first",
            lambda *runs: power_law(*runs)[::-1],
            "b comes first there. Return a, then b.",
        ),
        Misconception(
            "first and last run",
            _through_the_ends,
            "The line goes through the first run and the last, and those between count for nothing. Use all runs.",
        ),
        Misconception(
            "through the origin",
            _through_the_origin,
            "The line has no intercept, as if the loss were 1 at C = 1. np.polyfit with degree 1 finds both.",
        ),
    ),
)
