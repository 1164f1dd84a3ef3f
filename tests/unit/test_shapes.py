"""Shapes are refused in words."""

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.shapes import ShapeError, check_shape


@pytest.mark.parametrize("pattern", ["B T 64", "2 5 64", "2 T 64", "B T D", "B 5 D"])
def test_a_shape_that_fits_its_pattern_passes_for_torch_and_numpy(pattern):
    check_shape(torch.zeros(2, 5, 64), pattern, "x")
    check_shape(np.zeros((2, 5, 64)), pattern, "x")


@pytest.mark.parametrize(
    ("shape", "pattern"),
    [
        ((2, 5), "B T D"),
        ((2, 5, 64), "B T"),
        ((2, 5, 63), "B T 64"),
        ((4, 5), "T T"),
        ((), "B"),
        ((1,), ""),
        ((3, 4, 3, 5), "B T B T"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(shape, pattern):
    with pytest.raises(ShapeError):
        check_shape(torch.zeros(shape), pattern, "x")


def test_the_same_letter_stands_for_the_same_size():
    check_shape(torch.zeros(4, 4), "T T", "mask")
    check_shape(torch.zeros(4, 5), "T S", "mask")


def test_a_scalar_fits_the_empty_pattern():
    check_shape(torch.tensor(3.0), "", "loss")


def test_a_size_of_zero_is_a_size():
    check_shape(torch.zeros(0, 3), "B 3", "ids")


def test_the_message_names_the_array_and_both_shapes():
    with pytest.raises(ShapeError, match=r"^key should have shape \(B, T, 64\); got \(2, 7\)\.$"):
        check_shape(torch.zeros(2, 7), "B T 64", "key")


def test_a_shape_error_is_an_error_for_the_reader():
    assert issubclass(ShapeError, CourseError)
