"""Exercise 16.3: an answer may cite only passages that there are, to be mended."""

import re

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def cited(answer, sources):
    """The numbers of the sources that an answer cites: a list of whole numbers, in order, each once.

    A citation is a number in square brackets, such as [2], and nothing else in them. sources: N texts; the reader sees
    them numbered from 1 to N. A number that no source has was invented by the model, and is left out.
    """
    numbers = [int(number) for number in re.findall(r"\[([0-9]+)\]", answer)]
    return list(dict.fromkeys(number for number in numbers if 1 <= number <= len(sources)))


PATTERN = r"\[([0-9]+)\]"


def _once(numbers):
    return list(dict.fromkeys(numbers))


def _cited(exists=lambda number, count: 1 <= number <= count, pattern=PATTERN, turn=_once):
    """The same with another idea of which numbers exist, of what a citation looks like, or of what is returned."""

    def wrong(answer, sources):
        numbers = [int(number) for number in re.findall(pattern, answer)]
        return turn([number for number in numbers if exists(number, len(sources))])

    return wrong


def _digits(answer, sources):
    """Each digit in brackets is a number of its own."""
    numbers = [int(digit) for inside in re.findall(PATTERN, answer) for digit in inside]
    return _once(number for number in numbers if 1 <= number <= len(sources))


def _clipped(answer, sources):
    numbers = [int(number) for number in re.findall(PATTERN, answer)]
    return _once(min(max(number, 1), len(sources)) for number in numbers)


def _until_one_is_invented(answer, sources):
    found = []
    for number in map(int, re.findall(PATTERN, answer)):
        if not 1 <= number <= len(sources):
            break
        found.append(number)
    return _once(found)


def _last_times(numbers):
    """Each number where it comes for the last time."""
    return _once(reversed(numbers))[::-1]


def _titles(answer, sources):
    return [sources[number - 1] for number in cited(answer, sources)]


def _sources(count):
    """So many titles of passages."""
    return [f"Lesson {number:02d}, section {number % 3 + 1}" for number in range(1, count + 1)]


LONG = (
    "Attention mixes values [12]. Its weights sum to 1 [3], since 2017 [12]. It needs 4 matrices [15], no loop [2] and "
    "no gate [0]; see also [3], [a] and [16]."
)
HIDDEN = "In 1948 Shannon guessed letters [5]. About 1 bit [1] a letter [11] is left [5], they say [13], not 2 [0] [1]."

CITED = Exercise(
    id="16.3",
    title="debug this: citations that hold",
    minutes=6,
    difficulty=1,
    kind="debug",
    imports=("import re",),
    stub='''def cited(answer, sources):
    """The numbers of the sources that an answer cites: a list of whole numbers, in order, each once.

    A citation is a number in square brackets, such as [2], and nothing else in them. sources: N texts; the reader sees
    them numbered from 1 to N. A number that no source has was invented by the model, and is left out. This one has a
    fault.
    """
    numbers = [int(number) for number in re.findall(r"\\[([0-9]+)\\]", answer)]
    return list(dict.fromkeys(number for number in numbers if number in range(len(sources))))
''',
    reference=cited,
    cases=(
        Case(lambda: ("A gate forgets [2]. So does the reader [1].", _sources(2))),
        Case(lambda: ("Yes [0], or no [4], says one [3]. The same [3], and the first [1].", _sources(3))),
        Case(lambda: ("It was 3 in 2 of them.", _sources(4))),
        Case(lambda: (LONG, _sources(15))),
    ),
    hidden=(
        Case(lambda: ("One [1], two [2], none [3] [0], once more [1].", _sources(2))),
        Case(lambda: (HIDDEN, _sources(12))),
        Case(lambda: ("All of it [1][4] [21] [4] [20] [4]: [40].", _sources(20))),
    ),
    invariants=(
        Invariant(
            "no number is above N",
            lambda result, answer, sources: all(number <= len(sources) for number in result),
        ),
        Invariant("each number once", lambda result, *_: len(set(result)) == len(result)),
    ),
    hints=(
        "Write two sources on paper with the numbers that the reader sees. Which of them can this function return?",
        "range(len(sources)) holds 0, 1, …, N − 1. Places in a list count from 0, and citations from 1.",
        "1 <= number <= len(sources) is what exists.",
    ),
    misconceptions=(
        Misconception(
            "the last source alone mended",
            _cited(lambda number, count: 0 <= number <= count),
            "The last source can be cited now. But [0] passes as well, and there is no source 0.",
        ),
        Misconception(
            "the source 0 alone mended",
            _cited(lambda number, count: 0 < number < count),
            "[0] is left out now. The last source still is as well: numbers go up to N.",
        ),
        Misconception(
            "one too many",
            _cited(lambda number, count: 1 <= number <= count + 1),
            "N + 1 passes. The range ends one too late: the last source has the number N.",
        ),
        Misconception(
            "counted from 0",
            lambda answer, sources: [number - 1 for number in cited(answer, sources)],
            "Those are places in the list, from 0. The reader sees numbers from 1: take off 1 only to look up a text.",
        ),
        Misconception(
            "invented ones too",
            _cited(lambda number, count: True),
            "Numbers pass that no source has. A model invents them as it invents facts: compare with len(sources).",
        ),
        Misconception(
            "invented ones moved to the nearest",
            _clipped,
            "A number that does not exist becomes the nearest that does. Then a source is named that was never cited.",
        ),
        Misconception(
            "an end at the first invented one",
            _until_one_is_invented,
            "It ends at the first number that does not exist. Later ones may be good: leave out that one alone.",
        ),
        Misconception(
            "each time",
            _cited(turn=list),
            "A source that is cited twice comes twice. Each is listed once.",
        ),
        Misconception(
            "sorted",
            _cited(turn=lambda numbers: sorted(set(numbers))),
            "The numbers are sorted. They come in the order in which the answer cites them.",
        ),
        Misconception(
            "a set",
            _cited(turn=set),
            "That is a set: each number once, but in no order. list(dict.fromkeys(…)) keeps the order.",
        ),
        Misconception(
            "where it comes last",
            _cited(turn=_last_times),
            "Of a number that comes twice the last place counts. It is listed where it comes first.",
        ),
        Misconception(
            "digit by digit",
            _digits,
            "[12] counts as 1 and as 2. The digits between two brackets are one number.",
        ),
        Misconception(
            "one digit alone",
            _cited(pattern=r"\[([0-9])\]"),
            "Numbers of two digits are not seen: [0-9] is one digit, [0-9]+ one or more.",
        ),
        Misconception(
            "the first digit",
            _cited(pattern=r"\[([0-9])"),
            "[12] counts as 1: the first digit alone is read.",
        ),
        Misconception(
            "any number",
            _cited(pattern=r"([0-9]+)"),
            "Every number counts, in brackets or not. What the answer says in numbers is no citation.",
        ),
        Misconception(
            "texts in place of numbers",
            _titles,
            "Those are the sources themselves. Their numbers are asked for.",
        ),
    ),
)
