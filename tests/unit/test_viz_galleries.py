"""Galleries show every pixel as it is, in squares of one size, under the right name and over the right caption."""

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from course_utils.errors import CourseError
from course_utils.images.pixels import to_float
from course_utils.viz import covered, gallery, image_pairs, image_sheet
from course_utils.viz.galleries import HIDDEN, PAGE
from course_utils.viz.style import COLOURS, DPI


def grey(count: int, side: int = 28, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, side, side), dtype=np.uint8)


def colour(count: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]


def extents(figure) -> list[tuple]:
    return [image.get_extent() for image in figure.axes[0].images]


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def rendered(figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def test_every_pixel_comes_out_as_a_square_of_its_level_on_the_page():
    images = grey(3)
    figure = gallery({"real": images})
    page = rendered(figure)
    assert page.shape[1] == PAGE
    for image, (left, right, bottom, top) in zip(images, extents(figure), strict=True):
        zoom = (right - left) / 28
        assert zoom == (bottom - top) / 28 == int(zoom) == 3
        shown = page[int(top) : int(bottom), int(left) : int(right), 0]
        np.testing.assert_array_equal(shown, np.kron(image[0], np.ones((3, 3), dtype=np.uint8)))


def test_twelve_named_images_fill_the_page_and_eight_stay_whole():
    twelve, eight = (gallery({"twelve garments": grey(count)}).axes[0].images for count in (12, 8))
    sides = [{right - left for left, right, *_ in (image.get_extent() for image in row)} for row in (twelve, eight)]
    assert all(len(side) == 1 for side in sides)
    assert sides[0].pop() > 1.5 * 28 and sides[1].pop() % 28 == 0
    assert {image.get_interpolation() for image in eight} == {"nearest"}


def test_a_grey_image_has_three_equal_channels_and_a_coloured_one_keeps_its_own():
    small, large = grey(2, 32), colour(2)
    first, _, third, _ = pictures(gallery({"grey": small, "colour": torch.from_numpy(large)}))
    np.testing.assert_array_equal(first, np.repeat(small[0, 0][..., None], 3, axis=-1))
    np.testing.assert_array_equal(third, large[0].transpose(1, 2, 0))


def test_floats_from_minus_one_to_one_are_drawn_as_the_bytes_that_they_are():
    images = grey(2)
    as_floats = gallery({"": to_float(torch.from_numpy(images))})
    np.testing.assert_array_equal(pictures(as_floats), pictures(gallery({"": images})))
    black, white = pictures(gallery({"noisy": np.stack([np.full((1, 4, 4), -3.0), np.full((1, 4, 4), 2.0)])}))
    assert (black.max(), white.min()) == (0, 255)


def test_each_name_stands_left_of_its_row_and_each_caption_below_its_image():
    figure = gallery({"VAE": grey(2), "GAN": grey(2)}, captions={"GAN": ["0.1", "0.2"]}, headings=["a", "b"], title="T")
    placed = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    left, right, bottom, top = extents(figure)[3]                   # the second image of the GAN
    assert placed["GAN"][0] < extents(figure)[2][0] and top < placed["GAN"][1] < bottom
    assert placed["0.2"][0] == (left + right) / 2 and placed["0.2"][1] > bottom
    assert placed["b"][0] == (left + right) / 2 and placed["b"][1] < extents(figure)[1][3]
    assert placed["VAE"][1] < placed["GAN"][1]
    assert "T" in placed


def test_images_do_not_touch_and_stay_on_the_page_with_white_between():
    figure = gallery({"a name of three words": grey(10), "b": grey(7)}, captions={"b": [f"{i} bits" for i in range(7)]})
    row = extents(figure)[:10]
    assert all(right < left for (_, right, *_), (left, *_) in zip(row, row[1:], strict=False))
    assert row[-1][1] <= PAGE
    _, right, bottom, top = row[0]
    assert (rendered(figure)[int(top) : int(bottom), int(right) + 1 : int(row[1][0]) - 1] == 255).all()


def test_a_mark_is_a_frame_around_its_image_alone():
    figure = gallery({"a": grey(3)}, marks={"a": [False, True, False]})
    (frame,) = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    left, right, bottom, top = extents(figure)[1]
    assert frame.get_x() < left and frame.get_x() + frame.get_width() > right
    assert matplotlib.colors.to_hex(frame.get_edgecolor()) == COLOURS[1].lower()


def test_a_sheet_goes_on_in_the_next_row_and_ends_with_the_last_image():
    images = grey(7)
    figure = image_sheet(images, columns=3, captions=list("abcdefg"))
    np.testing.assert_array_equal([picture[..., 0] for picture in pictures(figure)], images[:, 0])
    tops = [extent[3] for extent in extents(figure)]
    assert tops[0] == tops[2] < tops[3] == tops[5] < tops[6]
    assert words(figure) == list("abcdefg")


def test_a_pair_stands_one_above_the_other_nearer_to_each_other_than_to_the_next_pair():
    upper, lower = grey(4), grey(4, seed=1)
    figure = image_pairs(upper, lower, captions=["3", "1", "4", "2"], columns=2)
    order = [*upper[:2], *lower[:2], *upper[2:], *lower[2:]]
    np.testing.assert_array_equal([picture[..., 0] for picture in pictures(figure)], [image[0] for image in order])
    places = extents(figure)
    assert places[0][0] == places[2][0]
    assert places[2][3] - places[0][2] < places[4][3] - places[2][2]
    assert words(figure).count("generated") == 2 and words(figure)[-1] == "2"


def test_hidden_pixels_are_blue_and_known_ones_as_they_were():
    images, known = grey(2, 4), np.tri(4, dtype=bool)
    shown = covered(images, torch.from_numpy(known))
    assert shown.shape == (2, 3, 4, 4)
    np.testing.assert_array_equal(shown[1][:, known], np.repeat(images[1][:, known], 3, axis=0))
    assert (shown[:, :, ~known] == np.array(HIDDEN)[None, :, None]).all()


def test_long_captions_are_wrapped_and_none_is_cut():
    text = "woman in motorized wheelchair facing right"
    figure = gallery({"": colour(6)}, captions={"": [text] * 6})
    assert {word.replace("\n", " ") for word in words(figure)} == {text}
    assert all("\n" in word for word in words(figure))
    assert figure.get_size_inches()[1] * DPI > extents(figure)[0][2] + 2 * 8.5 * DPI / 72


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros((0, 1, 4, 4)), np.zeros((1, 4, 8, 8)), []])
def test_what_are_no_images_is_refused_with_its_shape(images):
    with pytest.raises(CourseError, match=r"expected images \(B, C, H, W\).*got \("):
        gallery({"a": images})


@pytest.mark.parametrize("number", [0, 255.0, np.nan])
def test_other_numbers_than_levels_or_floats_around_one_are_refused(number):
    with pytest.raises(CourseError, match=r"expected uint8, or floats in \[-1, 1\]"):
        image_sheet(np.full((1, 1, 4, 4), number))


def test_what_does_not_fit_the_images_is_refused():
    with pytest.raises(CourseError, match="1 captions for 2 images"):
        gallery({"a": grey(2)}, captions={"a": ["x"]})
    with pytest.raises(CourseError, match="3 marks for 2 images"):
        gallery({"a": grey(2)}, marks={"a": [True] * 3})
    with pytest.raises(CourseError, match="no {'b'}"):
        gallery({"a": grey(2)}, captions={"b": ["x", "y"]})
    with pytest.raises(CourseError, match="2 headings for 3 columns"):
        gallery({"a": grey(3)}, headings=["x", "y"])
    with pytest.raises(CourseError, match="2 images have 3 partners"):
        image_pairs(grey(2), grey(3))
    with pytest.raises(CourseError, match=r"expected bool \(28, 28\)"):
        covered(grey(1), np.ones((28, 28)))
    with pytest.raises(CourseError, match="one shape for all"):
        gallery({"a": grey(1), "b": np.zeros((1, 1, 4, 8), np.uint8)})
    with pytest.raises(CourseError, match="columns is 0"):
        image_sheet(grey(2), columns=0)
    with pytest.raises(CourseError, match="expected one or more"):
        gallery({})


def test_more_images_in_a_row_than_can_be_seen_are_refused():
    with pytest.raises(CourseError, match="40 images in a row leave .* Draw fewer"):
        gallery({"a": grey(40)})
    with pytest.raises(CourseError, match="longest word below"):
        gallery({"a": grey(10)}, captions={"a": ["incomprehensibilities"] * 10})
