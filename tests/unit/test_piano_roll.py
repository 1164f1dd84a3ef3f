"""A piano roll holds each note where it sounds, in rows that can be read."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from course_utils.errors import CourseError
from course_utils.music import bar_report, parse
from course_utils.viz import COLOURS, piano_roll


def tune(body: str, metre: str = "4/4"):
    return parse(f"M:{metre}\nL:1/8\nK:C\n{body}")


def boxes(axes) -> list[tuple]:
    """Start, pitch and colour of every note drawn."""
    return [
        (round(box.get_x(), 3), round(box.get_y() + box.get_height() / 2), to_hex(box.get_facecolor()).upper())
        for box in axes.patches
    ]


def test_each_note_is_drawn_at_its_beat_and_pitch():
    axes = piano_roll(tune("A2 z2 c4|e8|")).axes[0]
    assert boxes(axes) == [(0, 69, COLOURS[0]), (2, 72, COLOURS[0]), (4, 76, COLOURS[0])]
    assert [line.get_xdata()[0] for line in axes.lines] == [4, 8]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A4", "C5", "E5"]


def test_notes_of_wrong_bars_have_the_second_colour():
    score = tune("A8|A7|A8|")
    assert [colour for _, _, colour in boxes(piano_roll(score, wrong=bar_report(score).wrong).axes[0])] == [
        COLOURS[0], COLOURS[1], COLOURS[0]
    ]  # fmt: skip


def test_a_repeat_is_drawn_once_with_its_sign_and_endings():
    axes = piano_roll(tune("A8|1B8:|2c8|]")).axes[0]
    assert len(axes.patches) == 3
    assert [text.get_text() for text in axes.texts] == ["1.", "•", "•", "2."]
    assert [line.get_linewidth() for line in axes.lines] == [0.9, 2, 2]


def test_a_row_holds_eight_bars_and_a_pick_up_counts_by_its_length():
    rows = piano_roll(tune("A2|" + "A8|" * 7 + "A6||B2|" + "A8|" * 8)).axes
    assert [len(axes.patches) for axes in rows] == [9, 8, 1]  # 1 + 7 · 4 + 3 beats fill a row; 1 + 8 · 4 do not fit
    assert [axes.get_xlim() for axes in rows] == [(0, 32), (32, 64), (61, 93)]  # one scale for all


def test_the_second_scale_says_when_a_note_is_heard():
    axes = piano_roll(tune("A8|A8|"), seconds=4.0).axes[0]
    scale = axes.child_axes[0]
    axes.figure.draw_without_rendering()
    assert scale.get_xlim() == pytest.approx((0, 4))


def test_a_held_note_touches_the_one_before_and_a_new_one_does_not():
    held = piano_roll(tune("A4-|A4")).axes[0].patches
    struck = piano_roll(tune("A4|A4")).axes[0].patches
    assert held[0].get_x() + held[0].get_width() >= held[1].get_x() - 1e-9
    assert struck[0].get_x() + struck[0].get_width() < struck[1].get_x()


def test_two_names_never_stand_on_one_another():
    ticks = sorted(piano_roll(tune("C^CD^DEF^FG")).axes[0].get_yticks())
    assert min(np.diff(ticks)) > 1


def test_pictures_without_notes_or_end_are_refused():
    with pytest.raises(CourseError, match="has none"):
        piano_roll(tune("z8"))
    with pytest.raises(CourseError, match="first_bars"):
        piano_roll(tune("A8|" * 200))
    with pytest.raises(CourseError, match="0 … 1"):
        piano_roll(tune("A8|A8|"), wrong=[2])
