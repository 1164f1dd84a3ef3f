"""What `check`, `hint` and `solution` say, and that nothing a reader hands in can hurt the session."""

import contextlib
import sys
import time
from collections import Counter

import numpy as np
import pytest

from course_utils.exercises import check, hint, solution
from course_utils.exercises.checks import examine
from course_utils.exercises.record import read
from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception, UnknownExerciseError, find


def mean(values):
    """The mean."""
    return sum(values) / len(values)


def exercise(**changes):
    """A small exercise: the mean of a list."""
    parts = {
        "id": "9.9",
        "title": "mean",
        "minutes": 1,
        "difficulty": 1,
        "stub": "def mean(values):\n    raise NotImplementedError\n",
        "reference": mean,
        "hints": ("Add them up.", "Divide."),
        "misconceptions": (
            Misconception("sum", sum, lambda values: f"That is the sum of {len(values)} values."),
            Misconception("empty", lambda values: 1 / 0, "An empty list has no mean."),
        ),
        "cases": (Case(lambda: ([1.0, 2.0],)), Case(lambda: ([3.0, 5.0, 10.0],))),
        "invariants": (Invariant("lies between", lambda result, values: min(values) <= result <= max(values)),),
    }
    return Exercise(**{**parts, **changes})


def spin(values):
    while True:
        pass


def spin_and_hold_on(values):
    start = time.monotonic()
    while time.monotonic() - start < 20:
        with contextlib.suppress(BaseException):
            time.sleep(0.001)


def spin_and_print(values):
    while True:
        print("again and again")


def off_the_end(values):
    total = 0.0
    return total + values[99]


def test_a_right_answer_has_only_ok_lines():
    report = examine(exercise(), mean)
    assert report.passed
    assert report.text == "9.9 mean\n  ok    a number · lies between · values in 2 cases"


def test_a_wrong_answer_shows_expected_and_got_on_the_smallest_failing_case_and_the_mistake():
    assert examine(exercise(), sum).text.split("\n") == [
        "9.9 mean",
        "  ok    a number",
        "  no    does not hold: lies between",
        "  no    values: expected 1.5, got 3",
        "        input: values = [1, 2]",
        "        That is the sum of 2 values.",
    ]


def test_the_case_that_is_shown_is_the_first_that_fails():
    report = examine(exercise(), lambda values: 1.5)
    assert "input: values = [3, 5, 10]" in report.text
    assert report.diagnosis is None


def test_a_mistake_is_named_only_if_every_case_agrees():
    report = examine(exercise(), lambda values: sum(values) if len(values) == 2 else 0.0)
    assert report.diagnosis is None


@pytest.mark.parametrize("function", [spin, spin_and_hold_on, spin_and_print], ids=lambda function: function.__name__)
def test_an_endless_loop_is_stopped(function):
    start = time.monotonic()
    report = examine(exercise(seconds=0.3), function)
    assert time.monotonic() - start < 5
    assert "stopped after 0.3 seconds" in report.text
    assert report.state == "attempted"


def test_the_thread_of_an_endless_loop_is_gone_afterwards():
    seen = []

    def spin_and_tell(values):
        try:
            while True:
                pass
        finally:
            seen.append("ended")

    examine(exercise(seconds=0.3), spin_and_tell)
    assert seen == ["ended"]


def test_an_exception_is_one_line_with_the_line_of_the_function():
    text = examine(exercise(), off_the_end).text
    assert "  no    line 3 of off_the_end, `return total + values[99]`: IndexError: list index out of range\n" in text
    assert "Traceback" not in text


def test_a_mistake_that_raises_is_recognised_by_its_type_of_error():
    report = examine(exercise(), lambda values: 2 / 0)
    assert report.diagnosis.name == "empty"
    assert "ZeroDivisionError" in report.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), RecursionError(), ValueError("a\nb")])
def test_no_exception_of_the_reader_gets_out(error):
    def function(values):
        raise error

    assert type(error).__name__ in examine(exercise(), function).text


def test_the_stub_is_not_attempted():
    def stub(values):
        raise NotImplementedError

    report = examine(exercise(), stub)
    assert report.state == "open"
    assert report.text == "9.9 mean\n  --    not attempted yet"


def test_a_stub_that_is_half_done_is_an_attempt():
    def half(values):
        if len(values) > 2:
            raise NotImplementedError
        return mean(values)

    assert examine(exercise(), half).state == "attempted"


def test_a_function_that_changes_its_argument_is_told_and_spoils_nothing():
    def function(values):
        total = 0.0
        count = len(values)
        while values:
            total += values.pop()
        return total / count

    text = examine(exercise(), function).text
    assert "  ok    a number · lies between\n" in text
    assert "  no    your function changes its argument `values`; work on a copy\n" in text
    assert "input: values = [1, 2]" in text


def test_an_array_that_is_changed_in_place_is_told():
    def double(values):
        return values * 2

    def double_in_place(values):
        values *= 2
        return values

    with_arrays = exercise(reference=double, cases=(Case(lambda: (np.ones(3),)),), invariants=())
    assert examine(with_arrays, double).passed
    assert "changes its argument `values`" in examine(with_arrays, double_in_place).text


def test_a_random_generator_may_change():
    def draw(generator):
        return generator.random()

    seeded = exercise(reference=draw, cases=(Case(lambda: (np.random.default_rng(3),)),), invariants=())
    assert examine(seeded, draw).passed


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda: 1.0, "parameters: expected 1 (values), but mean takes 0 parameters"),
        (lambda values, weights: 1.0, "parameters: expected 1 (values), but mean takes 2 parameters"),
        (3.0, 'expected the function mean, got 3; write check("9.9", mean)'),
        (None, 'expected the function mean, got None; write check("9.9", mean)'),
        (lambda values: None, "type: expected a number, got None; is a `return` missing?"),
        (lambda values: float("nan"), "values: expected 1.5, got nan"),
        (lambda values: (mean(values) for _ in range(2)), "type: expected a number, got a generator; collect what it"),
    ],
)
def test_the_form_of_the_answer_is_judged_first(function, line):
    assert f"  no    {line}" in examine(exercise(), function).text


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (np.ones((3, 2)), ["  no    shape: expected (2, 3), got (3, 2)"]),
        (np.ones((2, 3), dtype=np.float32), ["  ok    shape (2, 3)", "  no    dtype: expected float64, got float32"]),
        (
            np.full((2, 3), 2.0),
            ["  ok    shape (2, 3) · dtype float64 · even", "  no    values: at [0, 0] expected 1, got 2"],
        ),
    ],
)
def test_shape_goes_before_dtype_before_values(result, lines):
    even = Invariant("even", lambda result, shape: np.ptp(result) == 0)
    arrays = exercise(reference=lambda shape: np.ones(shape), cases=(Case(lambda: ((2, 3),)),), invariants=(even,))
    text = examine(arrays, lambda shape: result).text
    assert text.split("\n")[1 : 1 + len(lines)] == lines


def test_a_python_generator_is_judged_by_what_it_yields():
    def count(n):
        yield from range(n)

    def count_on(n):
        yield from range(n + 1)

    numbers = exercise(reference=count, cases=(Case(lambda: (3,)),), invariants=())
    assert examine(numbers, count).passed
    assert "shape: expected 3 items, got 4" in examine(numbers, count_on).text
    assert "expected a generator (use `yield`), got a list" in examine(numbers, lambda n: list(range(n))).text


def test_what_the_function_prints_stays_out_of_the_page_and_is_shown_where_it_fails(capsys):
    def function(values):
        print("here", values)
        print("warned", file=sys.stderr)
        return 0.0

    text = examine(exercise(), function).text
    assert "printed: 'here [1.0, 2.0]\\nwarned'" in text
    assert capsys.readouterr() == ("", "")


def test_a_report_has_no_address_and_no_time():
    texts = {examine(exercise(), lambda values: object()).text for _ in range(3)}
    assert len(texts) == 1
    assert "0x" not in texts.pop()


def test_hidden_cases_are_not_tried_by_a_check():
    unseen = exercise(hidden=(Case(lambda: ([7.0, 9.0],)),))
    table = {2: 1.5, 3: 6.0}
    assert examine(unseen, lambda values: table[len(values)]).passed
    assert not examine(unseen, lambda values: table[len(values)], hidden=True).passed


def test_check_prints_once_returns_none_and_records(capsys):
    def count_ngrams(tokens, n):
        return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n))

    assert check("1.1", count_ngrams) is None
    printed = capsys.readouterr().out
    assert printed.startswith("1.1 count n-grams\n  ok    a Counter · every key is a tuple of n tokens\n")
    assert "        The last n-gram, ('the', 'people'), is missing: range(3 - 2) ends one start too early.\n" in printed
    assert printed.endswith('  hint("1.1") shows hint 1 of 3\n')
    assert read()["exercises"] == {"1.1": "attempted"}


def test_done_stays_done_and_a_stub_is_not_an_attempt(capsys):
    right = find("1.5").reference
    check("1.4", find("1.4").misconceptions[0].wrong)
    check("1.5", right)
    check("1.5", lambda *_: 0)

    def stub(tokens, n):
        raise NotImplementedError

    check("1.1", stub)
    assert read()["exercises"] == {"1.5": "done", "1.4": "attempted"}


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("1.22", 'check: there is no exercise "1.22"; the nearest is "1.2".'),
        ("", 'check: there is no exercise ""; the nearest is'),
        ("77.1", 'check: there is no exercise "77.1"; the nearest is'),
        (None, 'check: there is no exercise "None"; the nearest is'),
    ],
)
def test_an_unknown_id_is_told_the_nearest(wanted, line, capsys):
    check(wanted, len)
    assert capsys.readouterr().out.startswith(line)
    with pytest.raises(UnknownExerciseError):
        find(wanted)


def test_an_id_may_be_written_as_a_number(capsys):
    check(1.5, find("1.5").reference)
    assert "  ok  " in capsys.readouterr().out


def test_a_value_is_judged_without_giving_the_right_one_away(capsys):
    check("1.3", 12)
    printed = capsys.readouterr().out
    assert "  no    it is not 12\n        12 bits is what all four bytes cost together." in printed
    check("1.3", 5)
    assert "expected 3" not in printed + capsys.readouterr().out
    check("1.3", "three")
    assert "  no    type: expected a number, got text (str)\n" in capsys.readouterr().out
    check("1.3", None)
    assert "  --    not attempted yet\n" in capsys.readouterr().out
    check("1.3", 3.0)
    assert "  ok    3\n" in capsys.readouterr().out


def test_a_stub_that_raises_or_never_ends_is_as_given_too():
    raising = exercise(kind="debug", stub="def mean(values):\n    return sum(values) / 0\n")
    assert examine(raising, raising.given()).state == "open"
    assert examine(raising, lambda values: 1 / 0).state == "open"
    assert examine(raising, sum).diagnosis.name == "sum"
    endless = exercise(kind="debug", seconds=0.2, stub="def mean(values):\n    while True:\n        pass\n")
    report = examine(endless, endless.given())
    assert report.state == "open"
    assert "        stopped after 0.2 seconds" in report.text
    assert examine(endless, lambda values: 0.0).state == "attempted"


def test_an_endless_mistake_is_not_taken_for_an_answer_that_ends():
    endless = exercise(misconceptions=(Misconception("endless", spin, "It never ends."),), seconds=0.2)
    assert examine(endless, lambda values: 0.0).diagnosis is None


def test_each_hint_is_one_more_and_then_the_solution_is_named(capsys):
    total = len(find("1.2").hints)
    for number in range(1, total + 1):
        hint("1.2")
        assert capsys.readouterr().out.startswith(f"1.2 hint {number} of {total}\n  ")
    hint("1.2")
    assert capsys.readouterr().out == '1.2 has no more hints; solution("1.2") shows the source.\n'
    check("1.2", lambda tokens, context, word: 5.0)
    assert capsys.readouterr().out.endswith('  solution("1.2") shows the source\n')


def test_the_solution_is_shown_as_source(capsys):
    solution("1.5")
    assert capsys.readouterr().out.startswith("def add_k(count, context_count, vocabulary_size, k):\n")


def test_the_heading_shows_minutes_and_difficulty():
    assert find("1.2").heading == "### Exercise 1.2 · Conditional probability  ·  10 min  ·  ●●○"
