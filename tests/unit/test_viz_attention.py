"""The attention viewer and its pictures: weights kept, text escaped, nothing asked for, bad input refused."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch, Rectangle

from course_utils.errors import CourseError
from course_utils.viz import attention_grid, attention_picture, attention_viewer
from course_utils.viz.attention import HELP, looks_at, packed, visible
from course_utils.viz.attention_page import SCRIPT
from course_utils.viz.rich import Rich
from course_utils.viz.style import WIDTH, png

HOSTILE = "</script><script>alert('1')</script>"
TOKENS = ["The", " cat", " sat"]
CAUSAL = np.array([[1.0, 0, 0], [0.3, 0.7, 0], [0.05, 0.15, 0.8]])
CROSS = np.array([[0.25, 0.75, 0, 0], [0.1, 0.2, 0.3, 0.4]])


def heads(layers: int, count: int, tokens: int) -> np.ndarray:
    scores = np.random.default_rng(0).normal(size=(layers, count, tokens, tokens))
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


class Page(HTMLParser):
    """What a browser makes of HTML: the tags with their attributes, and the text within each."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append((self.tags[-1][0], data))

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        return [words for name, words in self.words if name == tag]


def frame(rich: Rich) -> dict:
    return Page(rich.html).all("iframe")[0]


def inside(rich: Rich) -> Page:
    return Page(frame(rich)["srcdoc"])


def unpacked(rich: Rich, keys: int) -> list[list[list[float]]]:
    """Weights as the script reads them: for each head its rows."""
    page = inside(rich)
    place = next(i for i, (tag, a) in enumerate(page.tags) if tag == "script" and a.get("id") == "weights")
    written = [words for tag, words in page.words if tag == "script"][0 if page.tags[place + 1][0] == "script" else 1]
    rows = [[row.ljust(2 * keys, "0") for row in head.split(",")] for head in written.split(";")]
    return [[[int(row[at : at + 2], 32) / 1000 for at in range(0, 2 * keys, 2)] for row in head] for head in rows]


# --- the viewer


def test_the_weights_in_the_page_are_those_given_to_three_decimals_layer_after_layer():
    weights = heads(2, 3, 4)
    read = unpacked(attention_viewer(list("abcd"), list("abcd"), weights), keys=4)
    np.testing.assert_allclose(np.array(read).reshape(2, 3, 4, 4), weights, atol=0.0005001)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=9))
def test_packing_loses_no_thousandth(thousandths):
    written = packed(np.array(thousandths).reshape(1, 1, 1, -1) / 1000).ljust(2 * len(thousandths), "0")
    assert [int(written[at : at + 2], 32) for at in range(0, len(written), 2)] == thousandths


def test_zeros_of_a_causal_mask_are_not_written_and_the_script_draws_no_line_for_them():
    assert packed(CAUSAL[None, None]) == "v8,9cls,1i4mp0"
    assert "if (share < LEAST) return;" in SCRIPT


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4), (2, 3, 4, 4)])
def test_one_head_one_layer_and_a_whole_model_can_be_shown_and_what_cannot_be_chosen_is_hidden(shape):
    weights = heads(2, 3, 4)[(0,) * (4 - len(shape))]
    page = inside(attention_viewer(list("abcd"), list("abcd"), weights))
    assert ["hidden" in label for label in page.all("label")] == [len(shape) < 4, len(shape) < 3]
    layers, count = ((1, 1) + shape)[-4:-2]
    assert len(page.all("option")) == layers + count


def test_the_page_opens_at_the_layer_head_and_query_asked_for():
    page = inside(attention_viewer(list("abcd"), list("abcd"), heads(2, 3, 4), layer=1, head=2, query=3))
    assert ["selected" in option for option in page.all("option")] == [False, True, False, False, True]
    assert [button["aria-pressed"] for button in page.all("button")] == ["false"] * 3 + ["true"]


@pytest.mark.parametrize(("query", "reached"), [(None, 0), (2, 2)])
def test_tab_reaches_one_token_and_the_arrow_keys_the_others(query, reached):
    buttons = inside(attention_viewer(TOKENS, TOKENS, CAUSAL, query=query)).all("button")
    assert [button["tabindex"] for button in buttons] == ["0" if i == reached else "-1" for i in range(3)]


def test_queries_and_keys_may_be_different_texts():
    page = inside(attention_viewer(["le", "chat"], ["the", "black", "cat", "."], CROSS))
    assert page.text("button") == ["le", "chat"]
    assert page.text("span") == ["the", "black", "cat", "."]


def test_the_frame_shuts_its_script_in_and_lets_it_ask_for_nothing():
    rich = attention_viewer(TOKENS, TOKENS, CAUSAL, "A title")
    assert (frame(rich)["sandbox"], frame(rich)["title"]) == ("allow-scripts", "A title")
    policy = inside(rich).tags[0]
    assert policy[0] == "meta" and policy[1]["content"].startswith("default-src 'none';")
    outside = re.sub(re.escape("http://www.w3.org/2000/svg"), "", rich.html)  # a name, not an address
    assert not re.search(r"https?:|//|url\(|@import|fetch|XMLHttp|src=", outside.replace("srcdoc=", ""))


def test_tokens_and_title_are_escaped_and_add_no_element():
    rich = attention_viewer([HOSTILE, "b"], [HOSTILE, "b"], np.eye(2), title=HOSTILE)
    plain = attention_viewer(["a", "b"], ["a", "b"], np.eye(2), title="t")
    assert [tag for tag, _ in Page(rich.html).tags] == [tag for tag, _ in Page(plain.html).tags]
    page = inside(rich)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in inside(plain).tags]
    assert page.text("b") == page.text("button")[:1] == page.text("span")[:1] == [HOSTILE]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_the_script_writes_tokens_as_text_and_never_as_html():
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", SCRIPT)


def test_blanks_ends_of_lines_and_control_characters_of_a_token_can_be_seen():
    assert [visible(token) for token in (" cat", "\n", "\x07", "", "é")] == ["␣cat", "↵", "□", "∅", "é"]


def test_where_frames_are_taken_away_the_text_of_the_chosen_head_is_left():
    rich = attention_viewer(TOKENS, TOKENS, CAUSAL, "Causal")
    assert rich.text.split("\n") == [
        "Causal",
        "       The  looks at  The 100 %",
        "      ␣cat  looks at  ␣cat 70 %, The 30 %",
        "      ␣sat  looks at  ␣sat 80 %, ␣cat 15 %, The 5 %",
    ]
    assert Page(rich.html).text("pre") == inside(rich).text("pre") == [rich.text]


def test_the_text_says_which_head_it_is_of_and_only_what_the_chosen_query_looks_at():
    weights = np.stack([np.stack([CAUSAL, np.eye(3)])] * 3)
    assert attention_viewer(TOKENS, TOKENS, weights, layer=2, head=1, query=1).text.split("\n") == [
        "layer 2 of 0 to 2, head 1 of 0 to 1",
        "      ␣cat  looks at  ␣cat 100 %",
    ]


def test_of_small_weights_the_largest_alone_is_said():
    assert looks_at(np.full(30, 1 / 30), ["x"] * 30) == "x 3 %"


def test_all_heads_of_minilm_at_24_tokens_take_less_than_400_kilobytes():
    tokens = ["warm"] * 24
    assert len(attention_viewer(tokens, tokens, heads(6, 12, 24)).html.encode()) < 100_000
    assert len(attention_viewer(tokens[:23], tokens[:23], heads(30, 9, 23)).html.encode()) < 400_000  # SmolLM2


def test_weights_of_torch_in_any_precision_are_taken_and_left_as_they_are():
    weights = torch.tensor(CAUSAL, dtype=torch.bfloat16, requires_grad=True)
    rich = attention_viewer(TOKENS, TOKENS, weights)
    assert rich.text.endswith("␣sat 80 %, ␣cat 15 %, The 5 %")
    assert weights.requires_grad


def test_the_page_says_how_to_use_it_by_keys():
    page = inside(attention_viewer(TOKENS, TOKENS, CAUSAL))
    assert page.text("p") == [HELP]
    assert "arrow keys" in HELP and "Esc" in HELP


# --- bad input, for the viewer and both pictures


def view(queries, keys, weights):
    return attention_viewer(queries, keys, weights)


def picture(queries, keys, weights):
    return attention_picture(queries, keys, weights)


def grid(queries, keys, weights):
    return attention_grid(weights, queries, keys)


every = pytest.mark.parametrize("draw", [view, picture, grid])


@every
@pytest.mark.parametrize("weights", [None, (), [], (None, None)])
def test_a_model_that_gives_no_weights_is_explained(draw, weights):
    with pytest.raises(CourseError, match='operations=WRITTEN_OUT.*attn_implementation="eager"'):
        draw(TOKENS, TOKENS, weights)


@every
def test_weights_must_fit_the_tokens(draw):
    with pytest.raises(CourseError, match=r"shape \(4, 2\); expected .*T = 2 queries and S = 4 keys"):
        draw(["a", "b"], list("wxyz"), CROSS.T)
    with pytest.raises(CourseError, match=r"shape \(1, 1, 1, 3, 3\).*weights\[:, 0\]"):
        draw(TOKENS, TOKENS, CAUSAL[None, None, None])
    with pytest.raises(CourseError, match=r"shape \(\)"):
        draw(TOKENS, TOKENS, np.array(1.0))


def test_a_picture_of_one_head_refuses_several():
    with pytest.raises(CourseError, match=r"shape \(1, 3, 3\); expected \(T, S\) with"):
        attention_picture(TOKENS, TOKENS, CAUSAL[None])


@every
def test_scores_that_are_no_probabilities_are_refused(draw):
    for bad in (CAUSAL - 1, 3 * CAUSAL, np.full((3, 3), np.nan)):
        with pytest.raises(CourseError, match="not between 0 and 1.*softmax, not scores"):
            draw(TOKENS, TOKENS, bad)


@every
def test_a_softmax_over_the_wrong_axis_is_refused_and_the_query_named(draw):
    with pytest.raises(CourseError, match=r"query 0 sum to 1\.35; expected 1.*last axis.*model\.eval"):
        draw(TOKENS, TOKENS, CAUSAL.T)


@every
def test_ragged_layers_are_refused(draw):
    with pytest.raises(CourseError, match=r"no array of numbers \(list\).*torch\.cat"):
        draw(TOKENS, TOKENS, [[1.0], [0.5, 0.5]])


@every
@pytest.mark.parametrize("count", [0, 65])
def test_texts_without_tokens_or_too_long_to_be_read_are_refused(draw, count):
    with pytest.raises(CourseError, match=f"There are {count} queries; expected 1 to 64 tokens"):
        draw(["x"] * count, ["x"] * count, np.eye(count))


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"layer": 2}, "no layer 2; expected 0 to 1"),
        ({"head": 3}, "no head 3; expected 0 to 2"),
        ({"head": -1}, "no head -1"),
        ({"query": 4}, "no query 4; expected 0 to 3"),
    ],
)
def test_layers_heads_and_queries_that_are_not_there_are_refused(where, said):
    with pytest.raises(CourseError, match=said):
        attention_viewer(list("abcd"), list("abcd"), heads(2, 3, 4), **where)


def test_more_weights_than_a_page_should_hold_are_refused_with_a_way_out():
    tokens = ["x"] * 64
    with pytest.raises(CourseError, match=r"294,912 weights.*160,000 at most.*weights\[:6\]"):
        attention_viewer(tokens, tokens, heads(6, 12, 64))


# --- pictures


def lines(figure) -> list[PathPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]


def test_a_line_is_drawn_for_each_weight_of_a_hundredth_or_more_and_is_thick_for_a_large_one():
    drawn = lines(attention_picture(TOKENS, TOKENS, CAUSAL))
    widths = [line.get_linewidth() for line in drawn]
    assert len(drawn) == 6                                            # the mask's three zeros are not drawn
    assert np.argsort(widths).tolist() == np.argsort(CAUSAL[CAUSAL > 0]).tolist()


def test_lines_begin_at_the_query_and_end_at_the_key():
    drawn = lines(attention_picture(["le", "chat"], list("wxyz"), CROSS))
    ends = [(line.get_path().vertices[0, 1], line.get_path().vertices[-1, 1]) for line in drawn]
    places = {y: i for i, y in enumerate(sorted({y for pair in ends for y in pair}))}
    assert [(places[a], places[b]) for a, b in ends] == [(i, j) for i, j in np.argwhere(CROSS > 0).tolist()]


def test_a_chosen_query_shows_its_lines_alone_and_its_weights_as_bars_with_shares():
    figure = attention_picture(TOKENS, TOKENS, CAUSAL, query=1, title="One token")
    bars = [patch.get_width() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    words = [text.get_text() for text in figure.axes[0].texts]
    assert len(lines(figure)) == 2
    np.testing.assert_allclose(np.array(bars) / sum(bars), CAUSAL[1], atol=1e-6)
    assert [word for word in words if word.endswith("%")] == ["30 %", "70 %", "0 %"]
    assert [text.get_text() for text in figure.axes[0].texts if text.get_weight() == "bold"] == ["␣cat"]


def test_a_query_that_is_not_there_is_refused():
    for query in (-1, 3):
        with pytest.raises(CourseError, match=f"no query {query}; expected 0 to 2"):
            attention_picture(TOKENS, TOKENS, CAUSAL, query=query)


def test_pictures_fit_the_page_and_draw_tokens_that_no_font_has(recwarn):
    tokens = ["$x_1$", "東\x00", "a" * 60, "\n"]
    for figure in (attention_picture(tokens, tokens, np.eye(4)), attention_grid(heads(2, 12, 4), tokens)):
        assert figure.get_figwidth() <= WIDTH + 1e-9
        png(figure)
    assert not recwarn.list


def test_each_head_has_a_map_at_its_layer_and_number_and_all_share_one_scale():
    weights = heads(2, 3, 4)
    axes = attention_grid(weights, list("abcd"), title="All").axes[0]
    for image, (layer, head) in zip(axes.images, np.ndindex(2, 3), strict=True):
        np.testing.assert_array_equal(image.get_array(), weights[layer, head])
        left, right, bottom, top = image.get_extent()
        assert right - left == pytest.approx(bottom - top) == pytest.approx(1)  # row 0 on top: extent runs downwards
        assert axes.get_xticks()[head] == pytest.approx((left + right) / 2)
        assert axes.get_yticks()[layer] == pytest.approx((bottom + top) / 2)
    assert {image.get_clim() for image in axes.images} == {(0, 1)}
    assert axes.yaxis_inverted()
    assert axes.get_ylabel() == "layer" and "head" in [text.get_text() for text in axes.texts]


def test_the_grid_has_a_bar_that_explains_its_colours_up_to_the_end_asked_for():
    axes = attention_grid(heads(1, 2, 4), list("abcd"), high=0.5).axes[0]
    bar = axes.child_axes[0]
    assert bar.get_ylabel() == "weight"
    assert bar.get_yticks().tolist() == [0, 0.25, 0.5]
    assert to_rgb(axes.images[0].cmap(0.0)) == (1, 1, 1)
    for high in (0, 1.5):
        with pytest.raises(CourseError, match="above 0 and at most 1"):
            attention_grid(heads(1, 2, 4), list("abcd"), high=high)


def test_the_grid_says_what_runs_down_and_what_to_the_right():
    same = attention_grid(heads(1, 2, 3), TOKENS).axes[0].get_xlabel()
    cross = attention_grid(CROSS, ["le", "chat"], list("wxyz")).axes[0].get_xlabel()
    assert "downwards from The to ␣sat" in same and "the same" in same
    assert "downwards from le to chat" in cross and "to the right from w to z" in cross


def test_thirty_layers_still_fit_a_page():
    figure = attention_grid(heads(30, 9, 5), list("abcde"))
    assert figure.get_figheight() < 10 and len(figure.axes[0].images) == 270
