"""A field of arrows shows what it is given, where it belongs, and refuses what does not fit."""

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.viz import arrow_field

SQUARE = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]])


def test_an_arrow_points_where_it_should_and_four_times_the_length_is_drawn_twice_as_long():
    arrows = np.array([[1.0, 0.0], [0.0, 4.0], [-1.0, 0.0]])
    field = arrow_field(SQUARE, SQUARE, arrows).axes[0].collections[0]
    np.testing.assert_allclose(np.c_[field.U, field.V], [[1, 0], [0, 2], [-1, 0]])
    np.testing.assert_allclose(field.get_offsets(), SQUARE)


def test_each_path_is_a_line_that_ends_in_a_dot():
    paths = np.stack([SQUARE, SQUARE / 2, SQUARE / 4])              # (T, P, 2)
    lines = arrow_field(SQUARE, SQUARE, SQUARE, paths).axes[0].lines[1:]
    assert len(lines) == 6
    np.testing.assert_allclose(lines[0].get_xydata(), paths[:, 0])
    np.testing.assert_allclose(lines[1].get_xydata(), paths[-1:, 0])


def test_arrows_and_places_belong_together():
    with pytest.raises(CourseError, match="2 arrows for 3 places"):
        arrow_field(SQUARE, SQUARE, SQUARE[:2])


def test_what_lies_in_no_plane_is_refused():
    with pytest.raises(CourseError, match="expected \\(N, 2\\)"):
        arrow_field(np.ones((2, 3)), SQUARE, SQUARE)
