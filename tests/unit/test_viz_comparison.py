"""The pictures of the comparison hold the numbers that they were given, turned and scaled as they say."""

import math

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from course_utils.errors import CourseError
from course_utils.exercises.lesson14.comparing import pareto_front
from course_utils.viz import COLOURS, Measure, bits_map, measure_dots, parallel_plot, pareto_plot
from course_utils.viz.comparison import front, ink_of, spread, written
from course_utils.viz.heatmaps import luminance
from course_utils.viz.plots import MARKERS

DISTANCES = {"VAE": (40.0, 38.0, 43.0), "GAN": (12.0, 11.0, 12.5), "diffusion": (6.0, 5.0, 8.0)}
ENDS = {"real images": (2.0, 1.8, 2.3), "pixel noise": (200.0, 190.0, 215.0)}
MEASURES = [
    Measure("distance", False),
    Measure("recall", True),
    Measure("bits", False),
    Measure("seconds", False, log=True),
]
VALUES = {"VAE": [40, 0.2, 4.0, 0.001], "GAN": [20, 0.3, None, 0.01], "diffusion": [10, 0.6, 3.0, 0.1]}
SETTINGS = {
    "GAN": [(0.001, 12.0, "")],
    "diffusion": [(0.01, 50.0, "2"), (0.1, 12.0, "10"), (0.5, 6.0, "50")],
    "slow": [(2.0, 7.0, "")],
}


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def markers(axes) -> dict[str, matplotlib.lines.Line2D]:
    """The lines that have a marker, by it."""
    return {line.get_marker(): line for line in axes.lines if line.get_marker() in MARKERS}


# --- one measure


def test_each_model_has_a_dot_at_its_value_and_a_bar_over_its_interval_the_first_on_top():
    axes = measure_dots(DISTANCES, "distance", title="T").axes[0]
    assert axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_yticklabels()] == list(DISTANCES)
    for row, ((value, low, high), marker) in enumerate(zip(DISTANCES.values(), MARKERS, strict=False)):
        assert (markers(axes)[marker].get_xdata()[0], markers(axes)[marker].get_ydata()[0]) == (value, row)
        assert any(list(line.get_xdata()) == [low, high] and set(line.get_ydata()) == {row} for line in axes.lines)
    assert texts(axes) == ["40.00", "12.00", "6.00"]
    assert (axes.get_xlabel(), axes.get_title(loc="left")) == ("distance", "T")


def test_floor_and_ceiling_are_lines_with_their_names_in_a_field_as_wide_as_their_interval():
    axes = measure_dots(DISTANCES, "distance", ENDS, log=True).axes[0]
    for name, (value, low, high) in ENDS.items():
        assert name in texts(axes)
        assert any(list(line.get_xdata()) == [value, value] for line in axes.lines)
        assert any((patch.get_x(), patch.get_width()) == (low, high - low) for patch in axes.patches)


def test_names_of_references_that_are_near_each_other_stand_on_two_levels():
    near = {"real images": (2.0, 2.0, 2.0), "class means": (3.0, 3.0, 3.0), "pixel noise": (100.0, 99.0, 101.0)}
    axes = measure_dots(DISTANCES, "distance", near).axes[0]
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights["real images"] == heights["pixel noise"] != heights["class means"]


def test_the_axis_begins_at_zero_unless_it_is_logarithmic():
    assert measure_dots(DISTANCES, "x").axes[0].get_xlim()[0] == 0
    axes = measure_dots(DISTANCES, "x", ENDS, log=True).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] < 1.8 and axes.get_xlim()[1] > 215
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "5", "10", "20", "50", "100", "200"]


def test_a_measure_that_can_fall_below_zero_is_drawn_there():
    axes = measure_dots({"a": (-0.001, -0.002, 0.0005), "b": (0.01, 0.008, 0.012)}, "kernel distance").axes[0]
    assert axes.get_xlim()[0] < -0.002


@pytest.mark.parametrize("interval", [(1, 2, 3), (3, 1, 2), (math.nan, 0, 1), (1, 0, math.inf)])
def test_an_interval_that_does_not_hold_its_value_is_refused(interval):
    with pytest.raises(CourseError, match="GAN: .* low ≤ value ≤ high"):
        measure_dots({"GAN": interval}, "x")


def test_what_has_no_logarithm_and_more_models_than_can_be_told_apart_are_refused():
    with pytest.raises(CourseError, match="no logarithm"):
        measure_dots({"GAN": (1, 0, 2)}, "x", log=True)
    with pytest.raises(CourseError, match="0 models"):
        measure_dots({}, "x")
    with pytest.raises(CourseError, match="8 models"):
        measure_dots({str(i): (1, 1, 1) for i in range(8)}, "x")


# --- many measures


def test_every_axis_is_turned_so_that_the_best_value_is_on_top():
    lines = markers(parallel_plot(VALUES, MEASURES).axes[0])
    vae, gan, diffusion = (lines[marker].get_ydata() for marker in MARKERS[:3])
    np.testing.assert_allclose(vae, [0, 0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(diffusion, [1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(gan, [2 / 3, 0.25, math.nan, 0.5])   # 0.01 lies in the middle of 0.1 and 0.001


def test_the_values_at_the_ends_are_written_best_on_top():
    axes = parallel_plot(VALUES, MEASURES, "T").axes[0]
    written_at = {(round(x), y > 0.5): t.get_text() for t in axes.texts for x, y in [t.get_position()] if y < 1.1}
    assert [written_at[place, True] for place in range(3)] == ["10", "0.6", "3"]
    assert [written_at[place, False] for place in range(3)] == ["40", "0.2", "4"]
    assert {"distance", "recall", "bits", "seconds"} < {*texts(axes)}


def test_the_ends_of_an_axis_can_be_given_and_have_to_hold_all_values():
    whole = [Measure("precision", True, worst=0, best=1), Measure("x", True)]
    (line,) = markers(parallel_plot({"a": [0.25, 1.0]}, whole).axes[0]).values()
    np.testing.assert_allclose(line.get_ydata(), [0.25, 0.5])       # a single value has no better and no worse
    with pytest.raises(CourseError, match="room for all"):
        parallel_plot({"a": [1.25, 1.0]}, whole)


def test_a_model_without_a_value_is_dashed_across_that_axis():
    axes = parallel_plot(VALUES, MEASURES).axes[0]
    dashed = [line for line in axes.lines if line.get_color() == COLOURS[1] and line.is_dashed()]
    assert [list(line.get_xdata()) for line in dashed] == [[0, 1, 3]]
    assert math.isnan(markers(axes)["s"].get_ydata()[2])


def test_each_line_has_its_name_at_its_right_end_and_no_legend():
    axes = parallel_plot(VALUES, MEASURES).axes[0]
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert axes.get_legend() is None
    assert places["VAE"][1] > places["GAN"][1] > places["diffusion"][1]
    assert all(places[name][0] > 3 for name in VALUES)


def test_parallel_axes_refuse_what_does_not_fit():
    with pytest.raises(CourseError, match="1 measures"):
        parallel_plot({"a": [1.0]}, MEASURES[:1])
    with pytest.raises(CourseError, match="a has 1 values for 2"):
        parallel_plot({"a": [1.0]}, MEASURES[:2])
    with pytest.raises(CourseError, match="'bits' has the values"):
        parallel_plot({"a": [1.0, 1.0, None]}, MEASURES[:3])
    with pytest.raises(CourseError, match="no logarithm"):
        parallel_plot({"a": [1.0, 0.0]}, [MEASURES[0], MEASURES[3]])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_labels_are_moved_apart_in_their_order_and_keep_their_middle(places):
    named = {str(number): place for number, place in enumerate(places)}
    moved = spread(named, 0.1)
    order = sorted(named, key=named.get)
    assert all(moved[b] - moved[a] >= 0.1 - 1e-6 for a, b in zip(order, order[1:], strict=False))
    assert sum(moved.values()) == pytest.approx(sum(places), abs=1e-6)


def test_labels_that_are_far_apart_stay_where_they_are():
    assert spread({"a": 0.9, "b": 0.1}, 0.1) == {"a": 0.9, "b": 0.1}
    assert spread({"a": 0.5, "b": 0.5}, 0.1) == pytest.approx({"a": 0.45, "b": 0.55})


# --- time against quality


def test_the_settings_of_a_model_are_joined_and_carry_their_notes():
    axes = pareto_plot(SETTINGS).axes[0]
    line = markers(axes)[MARKERS[1]]
    assert list(zip(line.get_xdata(), line.get_ydata(), strict=True)) == [(0.01, 50.0), (0.1, 12.0), (0.5, 6.0)]
    assert {"GAN", "diffusion", "slow", "2", "10", "50", "front"} == {*texts(axes)}
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "seconds" in axes.get_xlabel() and "distance" in axes.get_ylabel()


def test_the_front_goes_in_steps_from_the_fastest_to_the_best():
    axes = pareto_plot(SETTINGS, log=False).axes[0]
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert list(steps.get_xdata())[:3] == [0.001, 0.001, 0.5]
    assert list(steps.get_ydata())[1:] == [12.0, 6.0, 6.0]
    assert axes.get_ylim()[0] == 0


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12))
def test_the_front_is_what_the_exercise_finds_by_its_definition(points):
    by_definition = pareto_front(dict(enumerate(points)))
    assert front(points) == sorted({points[number] for number in by_definition})


def test_the_pareto_plot_refuses_what_it_cannot_draw():
    for bad in ({"a": []}, {"a": [(0.0, 1.0, "")]}, {"a": [(1.0, -1.0, "")]}):
        with pytest.raises(CourseError, match="all of them above 0"):
            pareto_plot(bad)


# --- bits per pixel


def test_bits_stand_below_their_image_on_one_scale_with_their_mean():
    images = np.arange(32).reshape(2, 1, 4, 4)
    bits = np.stack([np.full((4, 4), 2.0), np.full((4, 4), 6.0)])
    figure = bits_map(images, bits, ["shoe", "bag"], title="T")
    upper, lower = figure.axes[:2], figure.axes[2:4]
    np.testing.assert_array_equal(upper[1].images[0].get_array(), images[1, 0])
    np.testing.assert_array_equal(lower[1].images[0].get_array(), bits[1])
    assert [axes.images[0].get_clim() for axes in lower] == [(0, 6), (0, 6)]
    assert [axes.get_xlabel() for axes in lower] == ["mean 2.00", "mean 6.00"]
    assert [axes.get_title() for axes in upper] == ["shoe", "bag"]
    assert figure.axes[-1].get_ylabel() == "bits per pixel"
    assert bits_map(images, bits, most=8).axes[2].images[0].get_clim() == (0, 8)


def test_images_and_their_bits_stand_in_line():
    figure = bits_map(np.zeros((3, 1, 4, 4)), np.ones((3, 4, 4)))
    FigureCanvasAgg(figure).draw()
    for above, below in zip(figure.axes[:3], figure.axes[3:6], strict=True):
        assert above.get_position().x0 == pytest.approx(below.get_position().x0, abs=0.005)


def test_bits_that_do_not_fit_their_images_are_refused():
    with pytest.raises(CourseError, match=r"expected \(B, 1, H, W\) and \(B, H, W\)"):
        bits_map(np.zeros((2, 1, 4, 4)), np.zeros((2, 16)))
    with pytest.raises(CourseError, match="9 images"):
        bits_map(np.zeros((9, 1, 4, 4)), np.zeros((9, 4, 4)))
    with pytest.raises(CourseError, match="1 names"):
        bits_map(np.zeros((2, 1, 4, 4)), np.zeros((2, 4, 4)), ["one"])
    with pytest.raises(CourseError, match="bits go from -1"):
        bits_map(np.zeros((1, 1, 4, 4)), np.full((1, 4, 4), -1.0))


# --- words and inks


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0004, "0.0004"), (0.12345, "0.123"), (41.26, "41.3"), (6, "6"), (210, "210"), (1234567, "1,234,567"), (0, "0")],
)
def test_numbers_are_written_without_exponent(value, text):
    assert written(value) == text


@pytest.mark.parametrize("colour", COLOURS)
def test_names_in_the_colour_of_their_line_can_be_read_on_white(colour):
    assert 1.05 / (luminance(ink_of(colour)) + 0.05) >= 4.5


def test_a_model_without_any_value_and_points_that_are_no_numbers_are_refused():
    measures = [Measure("a", True), Measure("b", True)]
    with pytest.raises(CourseError, match="two has no value at all"):
        parallel_plot({"one": [1, 2], "two": [None, None]}, measures)
    for bad in (math.nan, math.inf, 0.0):
        with pytest.raises(CourseError, match="above 0"):
            pareto_plot({"one": [(1.0, bad, "")]})
