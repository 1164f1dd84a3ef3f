"""An image in numbers, a map of codes, a plane of decoded images and panels of levels draw what they are given."""

import numpy as np
import pytest
from matplotlib.text import Text

from course_utils.errors import CourseError
from course_utils.viz.latent import (
    TEN,
    TEN_MARKERS,
    latent_map,
    latent_plane,
    level_panels,
    pixel_numbers,
)


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def drawn(axes):
    return np.asarray(axes.images[0].get_array())


# --- numbers --------------------------------------------------------------------------------------


def test_each_level_is_written_on_its_pixel_in_ink_that_can_be_read():
    axes = pixel_numbers(np.array([[0, 255, 7], [128, 3, 99]]), row=6, column=12).axes[0]
    written = {tuple(map(int, text.get_position())): text for text in axes.texts}
    assert written[1, 0].get_text() == "255" and written[1, 0].get_color() == "black"
    assert written[2, 1].get_text() == "99" and written[2, 1].get_color() == "white"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["12", "13", "14"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["6", "7"]


@pytest.mark.parametrize("levels", [np.zeros(3), np.zeros((0, 2)), np.array([[256]]), np.array([[-1]])])
def test_what_is_no_part_of_an_image_is_refused(levels):
    with pytest.raises(CourseError, match="expected"):
        pixel_numbers(levels)


# --- the map --------------------------------------------------------------------------------------

CODES, LABELS = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [9.0, 9.0]]), np.array([0, 0, 0, 1])


def test_each_class_has_its_codes_in_a_colour_and_a_marker_of_its_own():
    axes = latent_map(CODES, LABELS, ("shoe", "bag")).axes[0]
    by_name = {line.get_label(): line for line in axes.lines}
    assert by_name["shoe"].get_xydata().tolist() == CODES[:3].tolist()
    assert by_name["bag"].get_xydata().tolist() == CODES[3:].tolist()
    assert [by_name[name].get_color() for name in ("shoe", "bag")] == list(TEN[:2])
    assert by_name["shoe"].get_marker() != by_name["bag"].get_marker()
    assert len(set(TEN)) == len(set(TEN_MARKERS)) == 10


def test_points_of_a_sampler_are_marked_on_top():
    figure = latent_map(CODES, LABELS, ("shoe", "bag"), drawn=np.array([[5.0, 6.0]]))
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == 1 and crosses[0].get_xydata().tolist() == [[5.0, 6.0]]


def test_a_class_without_codes_is_not_named():
    assert "bag" not in words(latent_map(CODES[:3], LABELS[:3], ("shoe", "bag")))


@pytest.mark.parametrize(
    ("codes", "labels", "count"), [(CODES[:, :1], LABELS, 2), (CODES, LABELS[:2], 2), (CODES, LABELS, 11)]
)
def test_codes_that_are_no_points_of_a_plane_are_refused(codes, labels, count):
    with pytest.raises(CourseError, match="expected"):
        latent_map(codes, labels, ["class"] * count)


# --- the plane ------------------------------------------------------------------------------------

ACROSS, UP = (-1.0, 0.0, 1.0), (-2.0, 2.0)
PLANE = np.linspace(-1, 1, 6).reshape(2, 3, 1, 1) * np.ones((2, 3, 4, 4))


def test_the_mosaic_has_small_numbers_at_the_left_and_below():
    axes = latent_plane(PLANE, ACROSS, UP).axes[0]
    picture, (left, right, low, high) = drawn(axes), axes.images[0].get_extent()
    assert (left, right, low, high) == (-1.5, 1.5, -4.0, 4.0)
    assert picture[0, 0] == PLANE[1, 0, 0, 0]                        # the first row that is drawn is the top
    assert picture[-2, -2] == PLANE[0, 2, 0, 0]


def test_the_point_is_ringed_and_decoded_beside():
    figure = latent_plane(PLANE, ACROSS, UP, point=(0.5, -1.0), decoded=np.full((4, 4), 0.25))
    ring = figure.axes[0].lines[0]
    assert ring.get_xydata().tolist() == [[0.5, -1.0]]
    assert (drawn(figure.axes[1]) == 0.25).all() and "decoded at (0.5, -1.0)" in words(figure)


@pytest.mark.parametrize("images", [PLANE[0], PLANE[:1], PLANE.transpose(1, 0, 2, 3)])
def test_a_plane_that_does_not_fit_its_numbers_is_refused(images):
    with pytest.raises(CourseError, match="expected"):
        latent_plane(images, ACROSS, UP)


# --- levels ---------------------------------------------------------------------------------------


def test_the_true_level_is_marked_and_a_bar_that_is_cut_says_how_high_it_is():
    masses = np.array([0.7, 0.1, 0.1, 0.1])
    axes = level_panels({"sleeve": (masses, 2)}, most=0.2).axes[0]
    assert list(axes.lines[0].get_xdata()) == [2, 2]
    assert axes.get_ylim() == (0, 0.2) and [text.get_text() for text in axes.texts] == ["0.70"]


def test_of_several_bars_that_are_cut_the_highest_is_named():
    axes = level_panels({"a": (np.array([0.3, 0.5, 0.2]), 0)}, most=0.1).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.50"]


def test_panels_share_a_scale_that_holds_the_highest_bar():
    figure = level_panels({"a": (np.array([0.5, 0.5]), 0), "b": (np.array([0.9, 0.1]), 1)})
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert figure.axes[0].get_ylim()[1] > 0.9 and not figure.axes[1].texts


@pytest.mark.parametrize("count", [0, 6])
def test_too_many_panels_or_none_are_refused(count):
    with pytest.raises(CourseError, match="panels"):
        level_panels({str(i): (np.array([1.0]), 0) for i in range(count)})
