"""What the exercises of the first lessons say to answers that many readers write."""

from collections import Counter

import pytest

from course_utils.exercises import check
from course_utils.exercises.checks import examine
from course_utils.exercises.record import read
from course_utils.exercises.specs import find


@pytest.mark.parametrize("answer", [0, 0.001, 1e-5])
def test_a_value_near_a_small_mistake_is_not_taken_for_it(answer):
    product = 1 / 8**4
    assert examine(find("1.3"), answer).diagnosis is None
    assert examine(find("1.3"), product).diagnosis.name == "product"
    assert examine(find("1.3"), round(product, 6)).diagnosis.name == "product"


def interpolate_with(unseen, base=1.0):
    """The function of exercise 1.6 with something else in place of its wrong line."""

    def interpolate(estimates, weights, vocabulary_size):
        probability = base / vocabulary_size
        for estimate, weight in zip(estimates, weights, strict=True):
            estimate = unseen(probability) if estimate is None else estimate
            probability = weight * estimate + (1 - weight) * probability
        return probability

    return interpolate


def test_what_is_to_be_debugged_is_as_given_until_it_fails_otherwise(capsys):
    check("1.6", interpolate_with(lambda probability: 0))
    assert capsys.readouterr().out.split("\n") == [
        "1.6 debug this: interpolation",
        "  --    as given: it fails, and the line is yours to find",
        "        values: expected 0.1, got 0.05",
        "        input: estimates = [None], weights = [0.5], vocabulary_size = 10",
        '  hint("1.6") shows hint 1 of 3',
        "",
    ]
    assert read()["exercises"] == {}

    check("1.6", interpolate_with(lambda probability: 0, base=2.0))
    printed = capsys.readouterr().out
    assert "  no    values: expected 0.3724, got 0.3728\n" in printed and "as given" not in printed
    assert read()["exercises"] == {"1.6": "attempted"}

    check("1.6", interpolate_with(lambda probability: probability))
    assert "  ok  " in capsys.readouterr().out
    assert read()["exercises"] == {"1.6": "done"}
    check("1.6", find("1.6").given())
    assert read()["exercises"] == {"1.6": "done"}


@pytest.mark.parametrize(
    ("exercise_id", "convert"),
    [("1.1", dict), ("1.8", dict), ("1.7", list)],
)
def test_a_right_dict_or_list_will_do_and_a_wrong_one_is_diagnosed(exercise_id, convert):
    found = find(exercise_id)
    report = examine(found, lambda *arguments: convert(found.reference(*arguments)))
    assert report.passed
    assert f"  ok    a {convert.__name__} " in report.text
    mistake = found.misconceptions[0]
    assert examine(found, lambda *arguments: convert(mistake.wrong(*arguments))).diagnosis is mistake


def count_over_count(tokens, context, word):
    """Exercise 1.2 as most people write it first."""
    size = len(context)
    runs = [tuple(tokens[start : start + size + 1]) for start in range(len(tokens))]
    return runs.count((*context, word)) / sum(run[:size] == context for run in runs)


def slice_against_context(tokens, context, word):
    """Exercise 1.2 with a list compared to a tuple."""
    hits = [
        tokens[i + len(context)] for i in range(len(tokens) - len(context)) if tokens[i : i + len(context)] == context
    ]
    return hits.count(word) / len(hits)


@pytest.mark.parametrize(
    ("exercise_id", "function", "name"),
    [
        ("1.1", lambda tokens, n: Counter(zip(tokens, tokens[1:], strict=False)), "always bigrams"),
        ("1.2", count_over_count, "count by count"),
        ("1.2", slice_against_context, "list against tuple, no guard"),
        ("1.5", lambda count, total, size, k: (1 + count) / (total + 1 * size), "k ignored"),
        ("1.6", lambda *_: 0.5, None),
    ],
)
def test_a_usual_first_try_is_recognised(exercise_id, function, name):
    diagnosis = examine(find(exercise_id), function).diagnosis
    assert getattr(diagnosis, "name", None) == name
