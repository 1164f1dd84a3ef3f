"""Figures hold what they were given, in colours that can be told apart, and are never shown without words."""

import base64
import io
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS
from course_utils.viz import COLOURS, bars, lines, new_figure, scatter, show, small_bars, style
from course_utils.viz.course_map import ERAS, course_map
from course_utils.viz.latent import latent_plane
from course_utils.viz.plots import MARKERS, readable
from course_utils.viz.style import GREY, png

ALT = "Two bars: gzip needs 2.7 bits a byte, <b>n-grams</b> 1.3."


def rgb(colour: str) -> np.ndarray:
    return np.array(matplotlib.colors.to_rgb(colour))


def linear(colour: np.ndarray) -> np.ndarray:
    """sRGB to linear light."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


# --- bars


def test_bars_are_as_long_as_their_values_and_in_the_order_given():
    axes = bars({"b": 2.0, "a": 0.5}, "bits", title="Costs").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [2.0, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert axes.yaxis_inverted()  # the first on top
    assert (axes.get_xlabel(), axes.get_title(loc="left")) == ("bits", "Costs")
    assert axes.get_xlim()[0] == 0  # a bar that does not begin at zero lies


def test_each_bar_has_its_value_written_to_as_many_digits_as_asked():
    axes = bars({"a": 1.23456, "b": 7}, "", digits=3).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1.235", "7.000"]


def test_the_value_of_a_bar_below_zero_stands_on_its_far_side():
    low, high = bars({"a": -2.0, "b": 2.0}, "").axes[0].texts
    assert (low.get_ha(), low.get_position()[0]) == ("right", -4) and low.xy[0] == -2.0
    assert (high.get_ha(), high.get_position()[0]) == ("left", 4) and high.xy[0] == 2.0


def test_highlighted_bars_have_the_second_colour():
    axes = bars({"a": 1, "b": 2, "c": 3}, "", highlight=["b"]).axes[0]
    expected = [rgb(COLOURS[0]), rgb(COLOURS[1]), rgb(COLOURS[0])]
    np.testing.assert_allclose([bar.get_facecolor()[:3] for bar in axes.patches], expected)


def test_small_bars_share_one_scale_and_keep_each_panels_own_values():
    figure = small_bars({"1": {" the": 0.2, "\n": 0.1}, "2": {" of": 0.8}}, "p", title="After “the”")
    first, second = figure.axes
    assert first.get_xlim() == second.get_xlim() == (0, pytest.approx(0.84))
    assert first.get_ylim() == second.get_ylim()
    assert [bar.get_width() for bar in first.patches] == [0.2, 0.1]
    assert [label.get_text() for label in first.get_yticklabels()] == ["␣the", "↵"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1", "2"]


def test_small_bars_draw_a_single_panel_and_one_without_bars():
    assert len(small_bars({"only": {"a": 0.5}}, "p").axes) == 1
    assert len(small_bars({"empty": {}, "full": {"a": 0.5}}, "p").axes) == 2


def test_a_token_is_written_as_a_reader_should_see_it():
    assert readable(" the") == "␣the"
    assert readable("\n\n") == "↵↵"
    assert readable("$5") == r"\$5"
    assert readable("x" * 24) == "x" * 24
    assert readable("x" * 25) == "x" * 23 + "…"


# --- curves and points


def test_lines_hold_their_points_and_begin_at_zero():
    axes = lines({"train": [3.0, 2.0, 1.5], "test": [3.5, 3.0, 2.9]}, [1, 2, 3], "order", "bits").axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3.0, 2.0, 1.5], [3.5, 3.0, 2.9]]
    assert axes.get_ylim()[0] == 0
    assert axes.get_xticks().tolist() == [1, 2, 3]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "test"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("order", "bits")


def test_one_curve_needs_no_legend_and_may_begin_elsewhere():
    axes = lines({"loss": [100.0, 101.0]}, [0.5, 1.5], "x", "y", from_zero=False).axes[0]
    assert axes.get_legend() is None
    assert axes.get_ylim()[0] > 50


def test_every_curve_has_a_colour_and_a_marker_of_its_own():
    axes = lines({str(i): [i, i] for i in range(len(MARKERS))}, [1, 2], "x", "y").axes[0]
    assert len({line.get_color() for line in axes.lines}) == len({line.get_marker() for line in axes.lines}) == 7


def test_more_curves_than_can_be_told_apart_are_refused_not_dropped():
    with pytest.raises(CourseError, match="8 curves.*expected 7 or fewer"):
        lines({str(i): [i] for i in range(8)}, [1], "x", "y")


def test_scatter_draws_points_and_writes_notes_beside_them():
    axes = scatter([1, 10, 100], [9, 5, 1], "rank", "count", log=True, notes={"the": (1, 9)}).axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[1, 9], [10, 5], [100, 1]]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("the", (1, 9))]
    assert scatter([1], [2], "x", "y").axes[0].get_xscale() == "linear"


# --- the map


def test_the_map_has_a_box_for_each_lesson_and_fills_in_the_readers_own():
    boxes = [patch for patch in course_map(here=1).axes[0].patches if isinstance(patch, FancyBboxPatch)]
    filled = [box for box in boxes if box.get_facecolor()[:3] != (1, 1, 1)]
    assert (len(boxes), len(filled)) == (17, 1)
    assert filled[0] is boxes[1]
    assert all(box.get_facecolor()[:3] == (1, 1, 1) for box in course_map().axes[0].patches)


def test_the_map_names_every_lesson_once_and_in_order():
    shown = [text.get_text() for text in course_map().axes[0].texts]
    assert [text for text in shown if text.isdigit()] == [lesson.label for lesson in LESSONS]
    assert {lesson.title for lesson in LESSONS} <= {text.replace("\n", " ") for text in shown}
    assert [number for _, numbers in ERAS for number in numbers] == list(range(17))


# --- showing


@pytest.fixture
def page(monkeypatch):
    """What was displayed, call by call: positional and keyword arguments."""
    calls = []
    monkeypatch.setattr(style, "display", lambda *shown, **settings: calls.append((*shown, settings)))
    return calls


def test_a_figure_is_shown_with_its_text_for_eyes_that_cannot_see_it(page):
    show(bars({"gzip": 2.7, "n-gram": 1.3}, "bits"), alt=ALT)
    (picture, settings), (spoken, _) = page
    assert base64.b64decode(picture["image/png"]) == png(bars({"gzip": 2.7, "n-gram": 1.3}, "bits"))
    assert picture["text/plain"] == f"Figure: {ALT}"
    assert settings == {"raw": True, "metadata": {"image/png": {"alt": ALT}}}
    assert "Figure: " in spoken.data and "&lt;b&gt;n-grams&lt;/b&gt;" in spoken.data


@pytest.mark.parametrize("alt", ["", "a plot", "x" * 19])
def test_a_figure_without_words_enough_is_refused_and_nothing_is_shown(page, alt):
    with pytest.raises(CourseError, match="too short to replace a picture"):
        show(bars({"a": 1}, "x"), alt=alt)
    assert page == []


def test_a_picture_is_a_png_of_at_most_128_colours_that_looks_like_the_figure():
    figure = bars({"a": 1, "b": 2}, "", highlight=["b"])
    image, drawn = Image.open(io.BytesIO(png(figure))), io.BytesIO()
    figure.savefig(drawn, format="png")
    assert (image.format, image.mode) == ("PNG", "P")
    assert len(image.getcolors()) <= 128
    packed, exact = (np.asarray(picture.convert("RGB"), float) for picture in (image, Image.open(drawn)))
    assert packed.shape == exact.shape
    assert np.abs(packed - exact).mean() < 1


def test_a_picture_of_fewer_colours_is_smaller():
    figure = latent_plane(np.random.default_rng(1).uniform(-1, 1, (9, 9, 28, 28)), range(9), range(9))
    few = png(figure, 32)
    assert len(Image.open(io.BytesIO(few)).getcolors()) <= 32
    assert len(few) < 0.8 * len(png(figure))


def test_an_orange_ring_on_a_page_of_greys_stays_orange():
    greys = np.random.default_rng(1).uniform(-1, 1, (9, 9, 28, 28))
    figure, drawn = latent_plane(greys, range(9), range(9), point=(4, 4), decoded=greys[4, 4]), io.BytesIO()
    figure.savefig(drawn, format="png")
    packed, exact = (np.asarray(Image.open(file).convert("RGB"), int) for file in (io.BytesIO(png(figure)), drawn))
    orange = np.abs(exact - [213, 94, 0]).max(axis=2) < 5          # #D55E00, the second colour of the course
    assert orange.sum() > 50
    assert np.abs(packed - exact)[orange].mean() < 10


def test_the_same_figure_gives_the_same_bytes():
    assert png(bars({"a": 1}, "x")) == png(bars({"a": 1}, "x"))


def test_the_style_stays_inside_the_figures_of_the_course():
    before = dict(matplotlib.rcParams)
    lines({"a": [1], "b": [2]}, [1], "x", "y")
    course_map(2)
    _, axes = new_figure(columns=2)
    assert dict(matplotlib.rcParams) == before
    assert axes.shape == (2,)
    assert not axes[0].spines["top"].get_visible()


# Viénot, Brettel and Mollon 1999: what is left of linear RGB without long- or without middle-wave cones.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deuteranopia": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, blindness: str) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen."""
    xyz = TO_XYZ @ (BLINDNESS[blindness] @ linear(rgb(colour))).clip(0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_any_two_colours_can_be_told_apart_without_red_or_green_cones(blindness):
    for one, other in combinations(COLOURS, 2):
        assert np.linalg.norm(lab(one, blindness) - lab(other, blindness)) > 10, (one, other)


def test_red_and_green_would_not_pass_that_test():
    # Equal in lightness to an eye without middle-wave cones: the classic mistake.
    assert np.linalg.norm(lab("#8C6400", "deuteranopia") - lab("#648200", "deuteranopia")) < 10


def test_grey_writing_on_white_has_the_contrast_of_readable_text():
    luminance = TO_XYZ[1] @ linear(rgb(GREY))
    assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG 2.2, level AA
