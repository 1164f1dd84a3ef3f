"""Coloured text and the alignment viewer: text escaped, colours readable, the same said in plain characters."""

import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.viz import alignment_viewer, coloured_text, coloured_text_figure
from course_utils.viz.heatmaps import luminance
from course_utils.viz.rich import Rich
from course_utils.viz.style import png
from course_utils.viz.text_colours import COLUMNS, LEVELS, _rows, drawable, plain_text, summary

HOSTILE = '<script>alert("1")</script> & $x$'
SOURCE, TARGET = [*"knight", "END"], ["N", "AY", "T"]
WEIGHTS = np.array([[0.3, 0.68, 0.02, 0, 0, 0, 0], [0, 0, 0.9, 0.06, 0.04, 0, 0], [0, 0, 0, 0, 0, 0.995, 0.005]])


class Page(HTMLParser):
    """What a browser makes of HTML: the tags with their attributes, and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def colours(style: str) -> tuple[tuple, tuple]:
    """Background and ink of a style."""
    found = dict(part.split(":", 1) for part in style.split(";"))
    return matplotlib.colors.to_rgb(found["background-color"]), matplotlib.colors.to_rgb(found["color"])


def test_a_rich_object_offers_html_and_text_to_a_page_and_prints_as_its_text():
    rich = Rich("<b>x</b>", "x")
    assert rich._repr_mimebundle_() == {"text/html": "<b>x</b>", "text/plain": "x"}
    assert str(rich) == "x"


# --- coloured text


def spans(rich: Rich) -> list[dict]:
    return [attributes for tag, attributes in Page(rich.html).tags if tag == "span" and "title" in attributes]


def test_each_character_has_the_colour_of_its_value_blue_below_zero_orange_above():
    low, none, high = (colours(span["style"])[0] for span in spans(coloured_text("abc", [-1, 0, 1])))
    assert low[2] > low[0] and high[0] > high[2]
    np.testing.assert_allclose(none, 1, atol=0.01)
    assert [span["title"] for span in spans(coloured_text("abc", [-1, 0, 1]))] == ["−1", "0", "1"]


def test_without_negative_values_more_is_darker():
    shades = [luminance(colours(span["style"])[0]) for span in spans(coloured_text("abc", [0, 4, 8], low=0, high=8))]
    assert shades[0] > shades[1] > shades[2]
    assert spans(coloured_text("a", [99], low=0, high=8))[0]["title"] == "8"  # beyond the end: its last colour


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 8), (-1, 3), (2, 5)])
def test_letters_can_be_read_on_every_shade(low, high):
    for span in spans(coloured_text("x" * LEVELS, np.linspace(low, high, LEVELS), low=low, high=high)):
        paper, letter = (luminance(colour) for colour in colours(span["style"]))
        assert (max(paper, letter) + 0.05) / (min(paper, letter) + 0.05) >= 4.5  # WCAG 2.2, level AA


def test_neighbours_of_one_shade_share_an_element_and_no_character_is_lost():
    rich = coloured_text("aaabbb", [0.5, 0.5, 0.5, -0.5, -0.5, 0.5])
    assert len(spans(rich)) == 3
    assert "aaabbb" in "".join(Page(rich.html).words)


def test_text_and_title_are_escaped_and_nothing_is_run():
    rich = coloured_text(HOSTILE, np.linspace(-1, 1, len(HOSTILE)), title=HOSTILE)
    page = Page(rich.html)
    assert {tag for tag, _ in page.tags} == {"div", "span", "p"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "".join(page.words).count(HOSTILE) >= 2 and page.open == []


def test_ends_of_lines_and_control_characters_can_be_seen():
    words = "".join(Page(coloured_text("a\nb\x07", [0, 0, 0, 0]).html).words)
    assert "a↵\nb□" in words


def test_the_page_keeps_its_own_colours_when_all_around_it_is_dark():
    sheet = Page(coloured_text("a", [0]).html).tags[0][1]["style"]
    assert "background-color:#ffffff" in sheet and "color:#000000" in sheet


def test_symbols_longer_than_a_character_have_one_value_each():
    rich = coloured_text(["the ", "cat"], [1, -1])
    assert len(spans(rich)) == 2
    assert "the cat\n9999000" in rich.text


def test_the_plain_text_has_a_digit_under_each_character():
    text = plain_text("ab\ncd", [-1, 1, 0.99, -0.5, 0.0], "unit 3")
    assert text.split("\n")[:6] == ["unit 3", "(digits: 0 is −1 or less, 9 is 1 or more)", "ab↵", "099", "cd", "24"]


def test_the_summary_names_the_highest_and_the_lowest_place_with_its_surroundings():
    said = summary("I love RNNs", [0, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0], "unit 3", -1, 1)
    assert said == "unit 3: highest (1) at “l” in “I [l]ove RNNs”, lowest (−1) at “R” in “I love [R]NNs”."


def test_lines_break_after_a_space_and_lose_no_character():
    text = "The President of the United States " * 8 + "x" * 200 + "\n\nend"
    rows = list(_rows(text, 40))
    assert [place for row in rows for place, _ in row] == list(range(len(text)))
    assert max(len(row) for row in rows) == 40
    assert all(row[-1][1] == " " for row in rows[:7])
    assert "".join(character for _, character in rows[-2]) == "↵"


def test_a_word_that_fills_the_line_is_followed_by_a_new_line():
    assert ["".join(c for _, c in row) for row in _rows("abcde fg", 5)] == ["abcde", " fg"]
    assert list(_rows("", 5)) == []


def test_characters_that_the_font_has_not_become_boxes_instead_of_warnings(recwarn):
    assert [drawable(character) for character in "aé東\n\x00"] == ["a", "é", "□", "↵", "□"]
    png(coloured_text_figure("東京\x00$x$", [0] * 6))
    assert not recwarn.list


def test_the_picture_has_a_row_of_colours_for_each_line_and_every_letter():
    text = "One line that is long enough to be broken because it has more characters than fit. "
    figure = coloured_text_figure(text, np.linspace(-1, 1, len(text)), "unit 3")
    rows = list(figure.axes[0].images)[:-1]                           # the last one is the legend
    assert sum(image.get_array().shape[1] for image in rows) == len(text) and len(rows) == 2
    assert max(image.get_array().shape[1] for image in rows) <= COLUMNS
    letters = "".join(item.get_text() for item in figure.axes[0].texts if "Mono" in item.get_fontfamily()[0])
    assert sorted(letters) == sorted(text.replace(" ", ""))


@pytest.mark.parametrize("draw", [coloured_text, coloured_text_figure])
def test_bad_input_is_refused(draw):
    for text, values in (("", []), ("ab", [1]), ("a", [1, 2])):
        with pytest.raises(CourseError, match=f"{len(values)} values for {len(text)} characters"):
            draw(text, values)
    with pytest.raises(CourseError, match="not numbers"):
        draw("a", [np.nan])
    with pytest.raises(CourseError, match="from 1 to 1; expected low below high"):
        draw("a", [0], low=1, high=1)


def test_a_picture_of_more_than_can_be_read_is_refused():
    with pytest.raises(CourseError, match="2,001 characters are too many.*2,000"):
        coloured_text_figure("x" * 2001, [0] * 2001)


# --- the alignment viewer


def inside(rich: Rich) -> Page:
    """The page within the frame."""
    frame = next(attributes for tag, attributes in Page(rich.html).tags if tag == "iframe")
    return Page(frame["srcdoc"])


def test_each_symbol_written_says_what_it_looked_at_and_can_be_reached_by_key():
    groups = [a for tag, a in inside(alignment_viewer(SOURCE, TARGET, WEIGHTS)).tags if a.get("class") == "s"]
    assert [group["aria-label"] for group in groups] == [
        "N looked at n 68 %, k 30 %",
        "AY looked at i 90 %, g 6 %",
        "T looked at t 100 %",
    ]
    assert {group["tabindex"] for group in groups} == {"0"}


def test_a_line_is_drawn_for_each_weight_of_a_hundredth_or_more_and_is_thick_for_a_large_one():
    paths = [a for tag, a in inside(alignment_viewer(SOURCE, TARGET, WEIGHTS)).tags if tag == "path"]
    widths, drawn = [float(path["stroke-width"]) for path in paths], WEIGHTS[WEIGHTS >= 0.01]
    assert len(widths) == len(drawn) == 7
    assert np.argsort(widths).tolist() == np.argsort(drawn).tolist()


def test_what_lights_up_is_invisible_until_pointed_at_even_without_the_rules():
    lit = [a for _, a in inside(alignment_viewer(SOURCE, TARGET, WEIGHTS)).tags if a.get("class") == "w"]
    assert {group["opacity"] for group in lit} == {"0"}
    assert len(lit) == len(TARGET)


def test_the_viewer_runs_no_script_asks_no_address_and_escapes_what_it_shows():
    rich = alignment_viewer([HOSTILE, "\n"], ["<b>"], [[0.5, 0.5]], title=HOSTILE)
    page = inside(rich)
    assert {tag for tag, _ in page.tags} == {"body", "b", "div", "style", "svg", "g", "rect", "text", "path", "title"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not re.search(r"https?:|url\(|@import", rich.html)
    words = "".join(page.words)
    assert HOSTILE in words and words.count(HOSTILE.replace(" ", "␣")) == 3 and page.open == []  # box, lit box, title


def test_where_frames_are_taken_away_the_text_is_left_and_only_there():
    rich = alignment_viewer(SOURCE, TARGET, WEIGHTS, HOSTILE)
    page = Page(rich.html)
    assert [tag for tag, _ in page.tags] == ["style", "iframe", "pre"]
    frame, left = page.tags[1][1], page.tags[2][1]
    assert (frame["sandbox"], frame["title"]) == ("", HOSTILE)
    assert page.words[0] == f".{left['class']}{{display:none}}"
    assert page.words[1] == rich.text


def test_its_plain_text_names_the_largest_weights_of_each_symbol():
    assert alignment_viewer(SOURCE, TARGET, WEIGHTS, "knight").text.split("\n") == [
        "knight",
        "     N  looked at  n 68 %, k 30 %",
        "    AY  looked at  i 90 %, g 6 %",
        "     T  looked at  t 100 %",
    ]


def test_a_row_of_small_weights_names_the_largest():
    text = alignment_viewer(list("x" * 30), ["A"], np.full((1, 30), 1 / 30)).text
    assert text == "     A  looked at  x 3 %"


def test_a_single_letter_has_an_alignment_too():
    assert alignment_viewer(["a"], ["AH"], [[1.0]]).text == "    AH  looked at  a 100 %"


@pytest.mark.parametrize(("source", "target", "name"), [([], ["N"], "source"), (["k"], [], "target")])
def test_sequences_without_symbols_are_refused(source, target, name):
    with pytest.raises(CourseError, match=f"The {name} has 0 symbols; expected 1 to 40"):
        alignment_viewer(source, target, np.zeros((len(target), len(source))))


def test_weights_must_fit_and_be_weights():
    with pytest.raises(CourseError, match=r"shape \(7, 3\); expected \(3, 7\)"):
        alignment_viewer(SOURCE, TARGET, WEIGHTS.T)
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(CourseError, match="not between 0 and 1"):
            alignment_viewer(["a"], ["AH"], [[bad]])
