"""A heat map has its first row on top, says what its colours mean, and can be read in grey."""

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.viz import heatmap
from course_utils.viz.heatmaps import SIGNED, STRENGTH, ink, luminance
from course_utils.viz.style import WIDTH

WEIGHTS = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])


def draw(matrix=WEIGHTS, rows=("AY", "T"), columns=("i", " ", "\n"), **settings):
    return heatmap(matrix, rows, columns, "letter", "phoneme", "Alignment", **settings)


def test_rows_and_columns_stand_where_the_matrix_has_them():
    axes = draw().axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), WEIGHTS)
    assert axes.yaxis_inverted()                                    # the first row on top
    assert [label.get_text() for label in axes.get_yticklabels()] == ["AY", "T"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["i", "␣", "↵"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == ("letter", "phoneme", "Alignment")


def test_colours_go_from_zero_to_the_largest_value_or_as_far_as_said():
    assert draw().axes[0].images[0].get_clim() == (0, 0.9)
    assert draw(high=1).axes[0].images[0].get_clim() == (0, 1)
    assert draw(WEIGHTS - 0.5).axes[0].images[0].get_clim() == (-0.5, pytest.approx(0.4))
    assert draw(0 * WEIGHTS).axes[0].images[0].get_clim() == (0, 1)


def test_signed_colours_are_white_at_zero_even_if_one_side_is_larger():
    image = draw(WEIGHTS - 0.7, signed=True).axes[0].images[0]
    assert image.get_clim() == (-0.7, 0.7)
    assert draw(signed=True, low=-1).axes[0].images[0].get_clim() == (-1, 1)
    np.testing.assert_allclose(SIGNED(0.5)[:3], 1, atol=0.01)


def test_the_colour_bar_is_named():
    figure = draw(value_label="weight")
    bars = [axes for axes in figure.axes[0].child_axes if axes.get_ylabel() == "weight"]
    assert len(bars) == 1


def test_numbers_are_written_where_asked_in_an_ink_that_can_be_read():
    texts = draw(numbers=True, high=1).axes[0].texts
    assert [text.get_text() for text in texts] == ["0.90", "0.10", "0.00", "0.20", "0.30", "0.50"]
    assert (texts[0].get_color(), texts[2].get_color()) == ("white", "black")
    assert draw(-WEIGHTS, signed=True, numbers=True).axes[0].texts[0].get_text() == "−0.90"
    assert not draw().axes[0].texts


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_ink_has_the_contrast_of_readable_text_on_every_colour(colour):
    paper, letter = luminance(colour), luminance(matplotlib.colors.to_rgb(ink(colour)))
    assert (max(paper, letter) + 0.05) / (min(paper, letter) + 0.05) >= 4.5  # WCAG 2.2, level AA


def test_luminance_is_that_of_the_standard():
    assert luminance((1, 1, 1)) == pytest.approx(1)
    assert luminance((0.5, 0.5, 0.5)) == pytest.approx(0.2140, abs=1e-4)  # ((0.5 + 0.055) / 1.055) ** 2.4
    assert luminance((1, 0, 0)) == pytest.approx(0.2126)


def test_more_is_darker_all_the_way_so_that_a_grey_print_says_the_same():
    light = np.array([luminance(STRENGTH(value)) for value in np.linspace(0, 1, 101)])
    assert (np.diff(light) < 0).all()
    both = np.array([luminance(SIGNED(value)) for value in np.linspace(0, 1, 101)])
    assert (np.diff(both[:51]) > 0).all() and (np.diff(both[50:]) < 0).all()


def test_signs_differ_for_eyes_without_red_or_green_cones():
    # Such an eye still has its short-wave cones: blue minus red keeps its sign on either side of white.
    for size in (0.2, 0.5, 1.0):
        below, above = SIGNED(0.5 - size / 2), SIGNED(0.5 + size / 2)
        assert below[2] - below[0] > 0.05 and above[0] - above[2] > 0.05


def test_a_small_map_has_square_cells_and_a_long_one_fits_the_page():
    small = draw()
    assert small.axes[0].get_aspect() == 1
    text = "We the people of the United States, in order to form a more perfect union, establish"
    wide = heatmap(np.zeros((3, len(text))), ["forget", "input", "output"], text, "byte", "")
    assert wide.get_size_inches()[0] == WIDTH > small.get_size_inches()[0]
    assert wide.axes[0].get_aspect() == "auto"
    assert all(label.get_rotation() == 0 for label in wide.axes[0].get_xticklabels())


def test_long_names_under_narrow_columns_stand_upright():
    words = ["government", "constitutional"] * 6
    labels = heatmap(np.zeros((2, 12)), ["a", "b"], words, "", "").axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {90}


def test_sides_without_names_are_numbered_however_long_they_are():
    axes = heatmap(np.zeros((300, 200)), None, None, "time", "unit").axes[0]
    assert axes.images[0].get_size() == (300, 200)
    assert axes.figure.get_size_inches()[1] < 7


def test_one_value_is_a_map_too():
    assert heatmap([[1.0]], ["a"], ["b"], "", "").axes[0].images[0].get_array().shape == (1, 1)


@pytest.mark.parametrize("matrix", [[], [[]], [1.0, 2.0], np.zeros((1, 1, 1))])
def test_what_is_no_matrix_or_empty_is_refused_with_its_shape(matrix):
    with pytest.raises(CourseError, match="needs a matrix.*got shape"):
        heatmap(matrix, None, None, "", "")


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(CourseError, match="3 row names for 2 rows"):
        draw(rows=["a", "b", "c"])
    with pytest.raises(CourseError, match="2 column names for 3 columns"):
        draw(columns=["a", "b"])


def test_more_names_than_can_be_read_are_refused():
    with pytest.raises(CourseError, match="101 named columns.*expected 100 at most"):
        heatmap(np.zeros((1, 101)), ["a"], ["b"] * 101, "", "")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(bad):
    with pytest.raises(CourseError, match="not numbers"):
        draw(WEIGHTS + [[bad, 0, 0], [0, 0, 0]])
