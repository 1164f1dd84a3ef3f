"""Exercise 13.7: how many steps are enough, by a measure that has an interval."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def fewest_steps(measured):
    """The fewest steps that cannot be told from the best: whose value is not above the upper end of the best one's.

    measured: {steps: (value, low, high)}, a distance (less is better) with its interval of 95 %, in any order. The
    best has the smallest value.
    """
    _, _, high = min(measured.values())
    return min(steps for steps, (value, _, _) in measured.items() if value <= high)


def _reaching(limit, choose=min, test=lambda value, low, high, limit: value <= limit):
    """Steps chosen among those that pass a test against limit(measured)."""

    def wrong(measured):
        return choose([steps for steps, found in measured.items() if test(*found, limit(measured))])

    return wrong


def _high_of_best(measured):
    return min(measured.values())[2]


A_CURVE = {5: (9.0, 8.0, 10.5), 10: (4.8, 3.9, 5.6), 20: (3.9, 3.2, 4.7), 50: (3.4, 2.9, 4.0), 100: (3.5, 3.0, 4.1)}

FEWEST = Exercise(
    id="13.7",
    title="how many steps are enough",
    minutes=6,
    difficulty=1,
    stub='''def fewest_steps(measured):
    """The fewest steps that cannot be told from the best: whose value is not above the upper end of the best one's.

    measured: {steps: (value, low, high)}, a distance (less is better) with its interval of 95 %, in any order. The
    best has the smallest value.
    """
    raise NotImplementedError
''',
    reference=fewest_steps,
    cases=(
        Case(lambda: ({50: (3.0, 2.5, 3.6), 40: (3.1, 2.7, 3.5), 10: (3.5, 2.9, 4.2), 5: (6.0, 5.0, 7.0)},)),
        Case(lambda: (dict(A_CURVE),)),
        Case(
            lambda: (
                {
                    100: (5.2, 4.4, 6.0),
                    40: (4.0, 3.4, 4.4),
                    20: (4.3, 3.6, 5.1),
                    10: (5.0, 4.6, 5.9),
                    5: (6.4, 5.3, 7.2),
                },
            )
        ),
    ),
    hidden=(
        Case(lambda: ({100: (2.0, 1.8, 2.3), 25: (2.25, 1.9, 2.6), 10: (2.4, 2.1, 2.9), 4: (7.0, 6.0, 8.0)},)),
        Case(
            lambda: (
                {
                    5: (8.0, 7.0, 9.0),
                    80: (5.9, 5.0, 6.8),
                    40: (4.9, 4.5, 5.4),
                    20: (5.3, 4.6, 6.0),
                    10: (5.8, 5.2, 6.6),
                },
            )
        ),
    ),
    invariants=(Invariant("a number of steps that was measured", lambda found, measured: found in measured),),
    hints=(
        "First find the best: the smallest value. Its interval reaches up to high.",
        "Of all whose value is not above that, the fewest steps: min(…) over the keys.",
    ),
    misconceptions=(
        Misconception(
            "the best",
            lambda measured: min(measured, key=measured.get),
            "That is the best value, not the fewest steps. Fewer may be as good as one can measure.",
        ),
        Misconception(
            "the most of them",
            _reaching(_high_of_best, choose=max),
            "Those are the most steps that are good enough. The fewest are asked for.",
        ),
        Misconception(
            "the first of them",
            _reaching(_high_of_best, choose=lambda steps: steps[0]),
            "That is the first good one in the order of the dictionary, which may be any.",
        ),
        Misconception(
            "intervals that touch",
            _reaching(_high_of_best, test=lambda value, low, high, limit: low <= limit),
            "Steps count there whose interval touches the best one's. Their value itself has to lie below its end.",
        ),
        Misconception(
            "fewest of all",
            lambda measured: min(measured),
            "Those are the fewest steps of all, however bad.",
        ),
        Misconception(
            "compared with the most steps",
            _reaching(lambda measured: measured[max(measured)][2]),
            "They are compared with the run of most steps. More steps are not always better: compare with the best.",
        ),
        Misconception(
            "a tenth worse",
            _reaching(lambda measured: 1.1 * min(measured.values())[0]),
            "A tenth worse than the best is allowed there. How far one may go is said by the interval.",
        ),
        Misconception(
            "whole interval below",
            _reaching(_high_of_best, test=lambda value, low, high, limit: high <= limit),
            "The whole interval has to lie below there. The value is enough.",
        ),
        Misconception(
            "the value",
            lambda measured: measured[fewest_steps(measured)][0],
            "That is the distance. The number of steps is asked for.",
        ),
    ),
)
