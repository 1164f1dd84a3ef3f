"""A row of stages names each of them once, in order, inside the page, and says what it cannot draw."""

import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from course_utils.errors import CourseError
from course_utils.viz.stages import MOST, stages
from course_utils.viz.style import COLOURS, WIDTH

NAMES = ("text", "tokens", "model")


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def boxes(figure):
    return figure.findobj(FancyBboxPatch)


def test_each_name_stands_once_from_left_to_right():
    figure = stages(NAMES)
    assert words(figure) == list(NAMES)
    places = [text.get_position()[0] for text in figure.findobj(Text) if text.get_text()]
    assert places == sorted(places)


def test_there_is_one_arrow_fewer_than_boxes():
    figure = stages(NAMES)
    assert len(boxes(figure)) == 3 and len(figure.findobj(FancyArrowPatch)) == 2


@pytest.mark.parametrize("count", [2, 3, MOST])
def test_boxes_are_inside_the_page_and_do_not_touch(count):
    edges = [(box.get_x(), box.get_x() + box.get_width()) for box in boxes(stages([str(i) for i in range(count)]))]
    assert edges[0][0] > 0 and edges[-1][1] < WIDTH
    assert all(right < left for (_, right), (left, _) in zip(edges, edges[1:], strict=False))


def test_a_note_stands_below_its_stage():
    figure = stages(NAMES, ("letters", "numbers", "weights"))
    place = {text.get_text(): text.get_position() for text in figure.findobj(Text)}
    for name, note in zip(NAMES, ("letters", "numbers", "weights"), strict=True):
        assert place[note][0] == place[name][0] and place[note][1] < place[name][1]


def test_only_the_stage_that_is_meant_is_orange():
    from matplotlib.colors import to_hex

    edges = [to_hex(box.get_edgecolor()).upper() for box in boxes(stages(NAMES, here=1))]
    assert [edge == COLOURS[1] for edge in edges] == [False, True, False]


@pytest.mark.parametrize(
    "names, notes, here, message",
    [
        (("one",), (), None, "1 stages"),
        (tuple("abcdefghi"), (), None, "9 stages"),
        (NAMES, ("one",), None, "1 notes for 3"),
        (NAMES, (), 3, "here is 3"),
        (NAMES, (), -1, "here is -1"),
    ],
)
def test_what_cannot_be_drawn_is_said(names, notes, here, message):
    with pytest.raises(CourseError, match=message):
        stages(names, notes, here)
