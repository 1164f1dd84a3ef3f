"""Pictures of tokens and positions: every token and every hand is drawn where it belongs, and bad input is refused."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from course_utils.errors import CourseError
from course_utils.viz import dials, merge_rows
from course_utils.viz.canvas import MEMORY, STATE

HUGS = [list("hugs"), ["h", "ug", "s"], ["hug", "s"]]


def patches(figure, kind):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, kind)]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_token_of_every_row_has_a_box_and_its_label():
    figure = merge_rows(HUGS, ["bytes", "1", "2"])
    assert words(figure) == ["bytes", *"hugs", "1", "h", "ug", "s", "2", "hug", "s"]
    assert len(patches(figure, FancyBboxPatch)) == 9


def test_only_what_has_just_been_merged_is_orange():
    boxes = patches(merge_rows(HUGS), FancyBboxPatch)
    orange = [box.get_edgecolor() == to_rgba(MEMORY) for box in boxes]
    assert orange == [False] * 4 + [False, True, False] + [True, False]


def test_a_box_is_as_wide_as_the_letters_it_covers():
    boxes = patches(merge_rows(HUGS), FancyBboxPatch)
    left, right = boxes[5].get_x(), boxes[5].get_x() + boxes[5].get_width()           # ug
    assert left == pytest.approx(boxes[1].get_x())
    assert right == pytest.approx(boxes[2].get_x() + boxes[2].get_width())


def test_white_space_is_made_visible():
    assert words(merge_rows([[" a", "\n"]])) == ["␣a", "↵"]


@pytest.mark.parametrize("rows", [[], [[""]], [["a"], ["b"]], [["a" * 25]], [["a"]] * 15])
def test_rows_of_no_text_of_two_texts_and_too_many_are_refused(rows):
    with pytest.raises(CourseError, match="expected 1 to 14 rows of one text"):
        merge_rows(rows)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(CourseError, match="1 labels for 3 rows"):
        merge_rows(HUGS, ["bytes"])


def test_a_hand_points_to_its_angle_and_a_mark_is_a_second_hand():
    figure = dials(np.array([[0.0, math.pi / 2]]), ["pair"], ["0", "1"], marks=np.array([[math.pi, 0.0]]))
    hands = patches(figure, FancyArrowPatch)
    assert len(patches(figure, Circle)) == 2 and len(hands) == 4
    directions = {}
    for hand in hands:
        (x, y), (to_x, to_y) = hand._path_original.vertices[[0, -1]]
        directions.setdefault(to_rgba(hand.get_edgecolor()), []).append(math.atan2(to_y - y, to_x - x))
    assert directions[to_rgba(STATE)] == pytest.approx([0.0, math.pi / 2])
    assert directions[to_rgba(MEMORY)] == pytest.approx([math.pi, 0.0])


def test_angles_without_names_marks_of_another_shape_and_too_many_dials_are_refused():
    with pytest.raises(CourseError, match="one for each name"):
        dials(np.zeros((1, 2)), ["a"], ["0"])
    with pytest.raises(CourseError, match="one for each name"):
        dials(np.zeros((1, 1)), ["a"], ["0"], marks=np.zeros((2, 1)))
    with pytest.raises(CourseError, match="expected at most 6 rows of 12"):
        dials(np.zeros((1, 13)), ["a"], list(map(str, range(13))))
