"""How two results are compared: form before values, and the first difference in words."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from course_utils.exercises.compare import difference, facts
from course_utils.exercises.wording import brief


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        (0.5, np.float64(0.5)),
        (0.5, torch.tensor(0.5)),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        ("añ", "añ"),
        ([1, (2, "x")], [1, (2, "x")]),
        ({"a": 1}, Counter("a")),
        (Counter("ab"), Counter({"b": 1, "a": 1, "c": 0})),
        (Counter("ab"), {"b": 1, "a": 1, "c": 0}),
        (Counter("a"), defaultdict(int, a=1)),
        ((1, "x"), [1, "x"]),
        (1e-9, 0.0),
        (1 + 1e-9j, 1 + 0j),
        ({1, 2}, {2, 1}),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (torch.tensor([1, 2]), torch.tensor([1, 2])),
        (torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
        (None, None),
    ],
)
def test_equal_results_do_not_differ(expected, got):
    assert difference(expected, got) is None


@pytest.mark.parametrize(
    ("expected", "got", "stage", "words"),
    [
        (1.0, 2.0, "values", "expected 1, got 2"),
        (10**20, 10**20 + 1, "values", "expected 100000000000000000000, got 100000000000000000001"),
        (1.0, float("nan"), "values", "expected 1, got nan"),
        (1, True, "type", "expected a number, got True or False"),
        (1.0, None, "type", "expected a number, got None; is a `return` missing?"),
        (1.0, [1.0], "type", "expected a number, got a list"),
        (1.0, np.ones(2), "type", "expected a number, got a NumPy array of shape (2,)"),
        ("cat", "cut", "values", "expected 'cat', got 'cut'"),
        ([1, 2], (1, 2), "type", "expected a list, got a tuple"),
        ([1, 2], [1, 2, 3], "shape", "expected 2 items, got 3"),
        ([[1], [2]], [[1], [3]], "values", "at [1][0] expected 2, got 3"),
        ({"a": 1}, {}, "values", "at 'a' expected 1, but the key is missing"),
        ({}, {"a": 1}, "values", "at 'a' expected no such key, got 1"),
        (Counter("aa"), Counter("a"), "values", "at 'a' expected 2, got 1"),
        (Counter("aab"), {"a": 2}, "values", "at 'b' expected 1, got 0"),
        (Counter("a"), {"a": "1"}, "type", "at 'a' expected a number, got text (str)"),
        (Counter("a"), Counter({"a": 1, ("b", "c"): 2}), "values", "at ('b', 'c') expected 0, got 2"),
        (Counter("a"), ["a"], "type", "expected a Counter, got a list"),
        (Counter("a"), defaultdict(int, b=1), "values", "at 'a' expected 1, got 0"),
        ((1, 2), [1, 3], "values", "at [1] expected 2, got 3"),
        ((1, 2), {1, 2}, "type", "expected a tuple, got a set"),
        ({1, 2}, {1, 3}, "values", "expected {1, 2}, got {1, 3}"),
        (np.ones((2, 3)), np.ones((3, 2)), "shape", "expected (2, 3), got (3, 2)"),
        (np.ones(2), np.ones(2, dtype=np.float32), "dtype", "expected float64, got float32"),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [5, 4]]), "values", "at [1, 0] expected 3, got 5"),
        (np.ones(2), np.array([1.0, np.nan]), "values", "at [1] expected 1, got nan"),
        (torch.ones(2), np.ones(2), "type", "expected a torch tensor, got a NumPy array"),
        (torch.ones(2), torch.ones(2).double(), "dtype", "expected float32, got float64"),
        (torch.zeros(2, 2), torch.eye(2), "values", "at [0, 0] expected 0, got 1"),
        ((torch.ones(1), 2), (torch.ones(1), 3), "values", "at [1] expected 2, got 3"),
    ],
)
def test_the_first_difference_is_named_at_its_stage(expected, got, stage, words):
    found = difference(expected, got)
    assert (found.stage, found.words) == (stage, words)


def test_numbers_are_shown_with_the_digits_that_tell_them_apart():
    assert difference(0.12345, 0.12346).words == "expected 0.12345, got 0.12346"


def test_the_form_of_every_part_is_compared_before_any_value():
    found = difference((np.zeros(2), np.zeros((2, 2))), (np.ones(2), np.zeros((2, 3))))
    assert (found.stage, found.words) == ("shape", "at [1] expected (2, 2), got (2, 3)")


@pytest.mark.parametrize("of", [float, np.array, complex, lambda value: np.array([value])])
def test_a_wide_tolerance_is_relative_and_takes_nothing_small_for_zero(of):
    assert difference(of(1000.0), of(1000.5), tolerance=1e-3) is None
    assert difference(of(1000.0), of(1002.0), tolerance=1e-3)
    assert difference(of(0.0), of(1e-4), tolerance=1e-3)
    assert difference(of(1e-4), of(0.0), tolerance=1e-3)
    assert difference(of(0.0), of(1e-9), tolerance=1e-3) is None


def test_a_missing_count_is_not_put_into_the_readers_defaultdict():
    counts = defaultdict(int, a=1)
    difference(Counter("ab"), counts)
    assert dict(counts) == {"a": 1}


def test_random_generators_are_alike_where_they_will_draw_the_same():
    first, second = (torch.Generator().manual_seed(1) for _ in range(2))
    assert difference(first, second) is None
    torch.rand(1, generator=second)
    assert difference(first, second).stage == "values"


def test_facts_say_shape_and_dtype_of_a_tensor():
    assert facts(torch.zeros(2, 4, 5, 8)) == ["shape (2, 4, 5, 8)", "dtype float32"]
    assert facts((1, 2, 3)) == ["a tuple of 3"]


def test_what_is_shown_has_no_address_and_no_set_order():
    assert "0x" not in brief(object()) + brief(lambda: 0) + brief([object()])
    assert brief({"b", "a", "c"}) == "{'a', 'b', 'c'}"
    assert len(brief(list(range(1000)))) == 60
