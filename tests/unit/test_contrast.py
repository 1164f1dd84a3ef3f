"""What can be read and told apart: the contrast of our colours, by WCAG 2's ratio, and no half-set pair of colours."""

import re
from html.parser import HTMLParser

import pytest
from matplotlib.colors import to_rgb

from course_utils import app
from course_utils.architectures import MODELS
from course_utils.exercises import overview
from course_utils.lessons import LESSONS
from course_utils.viz import (
    alignment_viewer,
    attention_page,
    attention_viewer,
    chat,
    chatbot,
    coloured_text,
    cost_sheet,
    models_table,
    rich,
    style,
    text_colours,
)
from course_utils.viz.heatmaps import SIGNED, STRENGTH, ink, luminance

TEXT, GRAPHICS = 4.5, 3.0                                          # what WCAG 2 asks for at level AA
VOID = {"br", "img", "input", "link", "meta", "source", "path", "rect"}
WIDGETS = {
    "coloured text": coloured_text("a text to read", [n / 7 - 1 for n in range(14)], "Units").html,
    "table of models": models_table(MODELS).html,
    "cost": cost_sheet().html,
    "chat": chat.conversation_html([{"role": "user", "content": "Hi"}, {"role": "user", "content": "Ho"}], "No.", 1),
    "note": app.trouble("It is not there.").value,
    "progress": overview._html([(lesson, [("1.1", "done"), ("1.2", "open")], "1 of 5") for lesson in LESSONS]),
}


def ratio(one: str, other: str) -> float:
    """Contrast of two colours, from 1 to 21."""
    light, dark = sorted((luminance(to_rgb(one)), luminance(to_rgb(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class Pairs(HTMLParser):
    """The pairs (colour of the text, of what it stands on) of all text; None where nobody has set it."""

    def __init__(self):
        super().__init__()
        self.stack, self.pairs = [("", None, None)], set()

    def handle_starttag(self, tag, attributes):
        _, text, ground = self.stack[-1]
        rules = dict(attributes).get("style") or ""
        text = (re.findall(r"(?:^|;)\s*color:\s*([^;]+)", rules) or [text])[-1]
        ground = (re.findall(r"background(?:-color)?:\s*([^;]+)", rules) or [ground])[-1]
        if tag not in VOID:
            self.stack.append((tag, text, ground))

    def handle_endtag(self, tag):
        if tag not in VOID:
            self.stack.pop()

    def handle_data(self, data):
        if data.strip() and self.stack[-1][0] != "style":
            self.pairs.add(self.stack[-1][1:])


def pairs(html: str) -> set[tuple[str | None, str | None]]:
    """The pairs of colours of a piece of HTML."""
    parser = Pairs()
    parser.feed(html)
    assert parser.stack == [("", None, None)], "some element is not closed"
    return parser.pairs


def frame(html: str) -> str:
    """The page within a frame."""
    return re.search(r'srcdoc="([^"]*)"', html)[1].replace("&quot;", '"').replace("&amp;", "&")


def test_the_ratio_is_that_of_wcag():
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)     # the example known for just failing


@pytest.mark.parametrize("name", WIDGETS)
def test_text_in_our_html_can_be_read_on_what_it_stands_on(name):
    found = pairs(WIDGETS[name])
    assert found
    for text, ground in found:
        assert (text is None) == (ground is None), f"{name} sets half a pair: {text} on {ground}"
        assert text is None or ratio(text, ground) >= TEXT, (name, text, ground)


@pytest.mark.parametrize("colours", [STRENGTH, SIGNED], ids=["strength", "signed"])
def test_ink_can_be_read_on_every_shade_of_a_map_of_colours(colours):
    assert min(ratio(ink(colours(shade / 255)[:3]), colours(shade / 255)[:3]) for shade in range(256)) >= TEXT


def test_every_shade_of_a_coloured_text_can_be_read():
    for level in range(text_colours.LEVELS):
        shade = text_colours._style(level, -1.0, 1.0)
        text, ground = re.search(r";color:(\w+)", shade)[1], re.search(r"background-color:([^;]+)", shade)[1]
        assert ratio(text, ground) >= TEXT, shade


@pytest.mark.parametrize("sheet", [rich.SHEET, chat.SHEET], ids=["rich", "chat"])
def test_grey_can_be_read_on_every_sheet_and_the_sheets_set_both_colours(sheet):
    ground = re.search(r"background(?:-color)?:([^;]+)", sheet)[1]
    assert re.search(r";color:([^;]+)", sheet)
    for grey in (style.GREY, chat.UNREAD.rpartition(":")[2]):
        assert ratio(grey, ground) >= TEXT


def test_the_viewers_tokens_can_be_read_on_every_ground_of_theirs():
    grounds = re.findall(r"background:(#\w+)", attention_page.RULES)
    grounds += re.findall(r"\(90deg,(#\w+)", attention_page.SCRIPT)
    assert len(grounds) >= 4
    assert min(ratio("#000", ground) for ground in grounds) >= TEXT
    assert ratio(re.search(r"h2\{[^}]*color:(#\w+)", attention_page.RULES)[1], "#fff") >= TEXT


@pytest.mark.parametrize("rules", [attention_page.RULES, chatbot.RULES], ids=["attention", "chatbot"])
def test_the_mark_of_the_keyboard_can_be_seen(rules):
    marks = re.findall(r"focus-visible\{outline:\d+px solid (#\w+)", rules)
    assert marks and all(ratio(mark, "#fff") >= GRAPHICS for mark in marks)


def test_lines_of_both_viewers_can_be_seen_where_they_are_strong():
    for stroke in (re.search(r"stroke:(#\w+)", attention_page.RULES)[1], style.COLOURS[0]):
        assert ratio(stroke, "#fff") >= GRAPHICS


def test_both_viewers_name_what_the_keyboard_reaches():
    attention = frame(attention_viewer(["a", "b"], ["a", "b"], [[1, 0], [0.5, 0.5]], title="Look").html)
    alignment = frame(alignment_viewer("ab", "cd", [[1, 0], [0.5, 0.5]], title="Read").html)
    assert re.findall(r"<button[^>]*>(\w)</button>", attention) == ["a", "b"]
    reached = re.findall(r"<g class='s' tabindex='0' role='img' aria-label='([^']+)'", alignment)
    assert reached == ["c looked at a 100 %", "d looked at a 50 %, b 50 %"]


def test_the_first_colours_of_every_figure_can_be_seen_on_white():
    assert min(ratio(colour, "white") for colour in (*style.COLOURS[:4], style.GREY)) >= GRAPHICS


@pytest.mark.parametrize("name", WIDGETS)
def test_what_is_read_and_what_is_seen_stand_in_one_order(name):
    assert not re.search(r"(?:^|[;\s\"])(?:order|float|flex-direction|direction)\s*:", WIDGETS[name])
    placed = [rule for rule in re.findall(r'style="([^"]*)"', WIDGETS[name]) if "position:" in rule]
    assert all(rule == style.SPOKEN for rule in placed)
