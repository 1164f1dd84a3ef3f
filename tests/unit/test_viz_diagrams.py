"""Diagrams are whole: nothing is written over a line or over other words, and every part of the formula is there."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from course_utils.errors import CourseError
from course_utils.viz import cell_diagram, encoder_decoder, unrolled
from course_utils.viz.canvas import PLAIN, Canvas, rounded_path, tint
from course_utils.viz.style import WIDTH

KNIGHT, PHONEMES = [*"knight", "END"], ["N", "AY", "T", "END"]
WEIGHTS = [0.02, 0.05, 0.62, 0.15, 0.10, 0.04, 0.02]
PAGES = {
    "rnn": lambda: cell_diagram("rnn"),
    "gru": lambda: cell_diagram("gru"),
    "lstm": lambda: cell_diagram("lstm"),
    "unrolled": lambda: unrolled(["I", "love", "RNNs"], ["love", "RNNs", "."]),
    "one token": lambda: unrolled(["I"]),
    "six tokens": lambda: unrolled([" the", "Representatives", "\n", "$5", "of", "America"], ["a long guess"] * 6),
    "one summary": lambda: encoder_decoder(KNIGHT, PHONEMES),
    "attention": lambda: encoder_decoder(KNIGHT, PHONEMES, WEIGHTS, step=1),
    "attention, last": lambda: encoder_decoder(list("abcdefghijkl"), list("abcdefghijkl"), [1 / 12] * 12, step=11),
    "one symbol": lambda: encoder_decoder(["a"], ["AH"], [1.0], both_ways=True),
}


@cache
def page(name: str):
    """A figure of PAGES, drawn once."""
    return PAGES[name]()


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def arrows(figure) -> list[FancyArrowPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def operations(figure) -> int:
    """How many circles hold a sign; the small dots where a line divides are not among them."""
    return sum(isinstance(patch, Circle) and patch.radius > 0.1 for patch in figure.axes[0].patches)


def written(figure) -> dict[str, object]:
    """The room that each text takes on the page, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    found = [text for text in figure.axes[0].texts if text.get_text()]
    return {f"{number} {text.get_text()}": text.get_window_extent(renderer) for number, text in enumerate(found)}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_written_over_other_words_or_past_the_edge(name):
    figure = page(name)
    places = written(figure)
    for (one, first), (other, second) in combinations(places.items(), 2):
        assert not first.overlaps(second), (one, other)
    for text, place in places.items():
        assert place.x0 >= 0 and place.x1 <= figure.bbox.width, text
        assert place.y0 >= 0 and place.y1 <= figure.bbox.height, text


@pytest.mark.parametrize("name", PAGES)
def test_no_line_runs_through_words(name):
    figure = page(name)
    places = written(figure)
    circles = [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]
    to_pixels = figure.axes[0].transData
    for arrow in arrows(figure):
        path = to_pixels.transform_path(arrow._path_original)          # without its head
        for text, place in places.items():
            centre = to_pixels.inverted().transform(((place.x0 + place.x1) / 2, (place.y0 + place.y1) / 2))
            covered = any(np.hypot(*(centre - circle.center)) < circle.radius for circle in circles)
            assert covered or not path.intersects_bbox(place, filled=False), text


def test_every_page_is_as_wide_as_the_notebook():
    assert {page(name).get_size_inches()[0] for name in PAGES} == {WIDTH}


# --- cells


def test_the_rnn_cell_shows_both_matrices_a_sum_and_tanh():
    figure = cell_diagram("rnn")
    assert {"$W_{hh}$", "$W_{ih}$", "+", "tanh", "$h_{t-1}$", "$x_t$", "$h_t$"} <= set(texts(figure))
    assert operations(figure) == 1


def test_the_lstm_has_three_gates_a_candidate_and_a_memory_that_is_multiplied_then_added_to():
    figure = cell_diagram("lstm")
    shown = texts(figure)
    assert [text.split("\n")[0] for text in shown if r"\sigma" in text] == ["forget", "input", "output"]
    assert [text.split("\n")[0] for text in shown if r"\tanh" in text] == ["candidate"]
    assert sorted(text for text in shown if text in "×+") == ["+", "×", "×", "×"]  # f·c, i·g, o·tanh(c), and their sum
    assert {"$c_{t-1}$", "$c_t$", "$h_{t-1}$", "$h_t$", "$x_t$", "tanh"} <= set(shown)


def test_the_gru_resets_after_the_product_and_blends_with_one_minus_z():
    figure = cell_diagram("gru")
    shown = texts(figure)
    assert [text.split("\n")[0] for text in shown if r"\sigma" in text] == ["update", "reset"]
    assert sorted(text for text in shown if text in "×+") == ["+", "×", "×", "×"]
    assert {"1−", "$W_{hn}$"} <= set(shown) and not any("c_" in text for text in shown)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    into_product = [arrow._path_original.vertices for arrow in arrows(figure)]
    product_x, matrix_y = places["$W_{hn}$"]
    upward = [path for path in into_product if np.allclose(path[:, 0], product_x) and path[0, 1] > matrix_y]
    assert len(upward) == 1                                           # W_hn h goes up to be multiplied by r


def test_an_unknown_cell_is_refused_with_those_that_there_are():
    with pytest.raises(CourseError, match="no diagram of 'transformer'; expected one of rnn, gru, lstm"):
        cell_diagram("transformer")


# --- over time


def test_the_unrolled_network_repeats_one_cell_with_the_same_weights():
    shown = texts(unrolled(["I", "love", "RNNs"]))
    assert [shown.count(text) for text in ("tanh", "$W_{hh}$", "$W_{ih}$")] == [3, 3, 3]
    assert {"“I”", "“love”", "“RNNs”", "$x_1$", "$x_2$", "$x_3$", "$h_0$", "$h_1$", "$h_2$", "$h_3$"} <= set(shown)
    assert "$h_4$" not in shown


def test_guesses_stand_over_the_cells_that_make_them():
    figure = unrolled(["I", "love"], ["love", "RNNs"])
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert places["love?"][0] == places["“I”"][0]
    assert places["RNNs?"][0] == places["“love”"][0]


@pytest.mark.parametrize("tokens", [[], ["a"] * 7])
def test_no_token_and_too_many_are_refused(tokens):
    with pytest.raises(CourseError, match=f"{len(tokens)} tokens.*expected 1 to 6"):
        unrolled(tokens)


def test_guesses_must_be_as_many_as_tokens():
    with pytest.raises(CourseError, match="1 guesses for 2 tokens"):
        unrolled(["I", "love"], ["love"])


# --- encoder and decoder


def test_without_attention_the_last_state_alone_goes_to_every_step():
    figure = encoder_decoder(KNIGHT, PHONEMES)
    assert "Σ" not in texts(figure)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    thick = [arrow._path_original.vertices for arrow in arrows(figure) if arrow.get_linewidth() > 2]
    assert len(thick) == len(PHONEMES)
    assert thick[0][0, 0] == places["$h_{7}$"][0]                     # it begins at the last letter
    assert sorted(path[-1, 0] for path in thick) == [places[f"$s_{{{n}}}$"][0] for n in (1, 2, 3, 4)]


def test_with_attention_one_step_looks_at_every_state_as_strongly_as_its_weight():
    figure = encoder_decoder(KNIGHT, PHONEMES, WEIGHTS, step=1)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    looks = [a for a in arrows(figure) if np.allclose(a._path_original.vertices[-1], places["Σ"])]
    assert [a._path_original.vertices[0, 0] for a in looks] == [places[f"$h_{{{n}}}$"][0] for n in range(1, 8)]
    assert np.argsort([a.get_linewidth() for a in looks])[-1] == 2
    assert places["Σ"][0] == places["$s_{2}$"][0]
    assert "the weights for AY add up to 1" in places
    assert [text for text in texts(figure) if text.startswith("0.")] == [f"{weight:.2f}" for weight in WEIGHTS]


def test_the_decoder_begins_with_start_and_reads_what_it_wrote():
    figure = encoder_decoder(KNIGHT, PHONEMES)
    dashed = [arrow for arrow in arrows(figure) if arrow.get_linestyle() != "solid"]
    assert "START" in texts(figure) and len(dashed) == len(PHONEMES)


@pytest.mark.parametrize(("source", "target", "name"), [([], ["N"], "source"), (["k"], ["N"] * 13, "target")])
def test_sequences_that_are_empty_or_do_not_fit_the_page_are_refused(source, target, name):
    with pytest.raises(CourseError, match=f"The {name} has .* expected 1 to 12"):
        encoder_decoder(source, target)


@pytest.mark.parametrize(("weights", "step"), [([0.5, 0.5], 0), (WEIGHTS, 4), (WEIGHTS, -1)])
def test_weights_and_step_must_fit_the_sequences(weights, step):
    with pytest.raises(CourseError, match="do not fit 7 symbols of source and 4 of target"):
        encoder_decoder(KNIGHT, PHONEMES, weights, step)


# --- the sheet


def test_a_path_keeps_its_ends_and_cuts_its_corners():
    path = rounded_path([(0, 0), (1, 0), (1, 1)])
    np.testing.assert_allclose(path.vertices, [(0, 0), (0.91, 0), (1, 0), (1, 0.09), (1, 1)])
    np.testing.assert_allclose(rounded_path([(0, 0), (1, 1)]).vertices, [(0, 0), (1, 1)])


def test_a_corner_between_short_legs_is_cut_no_further_than_half_of_them():
    np.testing.assert_allclose(rounded_path([(0, 0), (0.1, 0), (0.1, 2)]).vertices[1], (0.05, 0))


def test_a_tint_is_mixed_with_white():
    np.testing.assert_allclose(tint("#000000", 0.25), (0.75, 0.75, 0.75))


def test_boxes_are_centred_where_they_are_asked_for():
    sheet = Canvas(1.0)
    sheet.box(2, 0.5, "x", PLAIN, width=1, height=0.4)
    box = next(patch for patch in sheet.axes.patches if isinstance(patch, FancyBboxPatch))
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (1.5, 0.3, 1, 0.4)
