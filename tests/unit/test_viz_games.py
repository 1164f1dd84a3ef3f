"""Pictures of the game draw every value they are given, on one scale, and say what they cannot draw."""

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.viz.games import line_game, phase_paths, point_clouds

GRID = np.linspace(-2, 2, 41)
REAL = np.exp(-(GRID**2))


def test_a_moment_of_the_game_holds_both_densities_and_what_is_judged():
    judged = np.linspace(0, 1, 41)
    above, below = line_game(GRID, REAL, 0.5 * REAL, judged, "step 3").axes
    assert np.array_equal(above.lines[0].get_ydata(), judged)
    assert [line.get_label() for line in below.lines] == ["real", "generated"]
    assert np.array_equal(below.lines[1].get_ydata(), 0.5 * REAL)
    assert below.get_ylim() == (0, 2.0)  # the same for every frame: set by the real density
    assert above.get_xlim() == below.get_xlim() == (-2, 2)


def test_the_frames_of_a_game_share_their_axes():
    frames = [line_game(GRID, REAL, height * REAL, REAL) for height in (0.1, 1.5)]
    assert frames[0].axes[1].get_ylim() == frames[1].axes[1].get_ylim()


def test_values_of_different_lengths_are_refused():
    with pytest.raises(CourseError, match="41, 41, 40, 41"):
        line_game(GRID, REAL, REAL[:-1], REAL)


def test_each_path_has_a_panel_with_its_beginning_and_its_end():
    path = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    arrows = GRID[:6].reshape(3, 2), np.ones((3, 2))
    figure = phase_paths({"in turns": path, "R1": 0.5 * path}, arrows, "place", "slope")
    assert len(figure.axes) == 2
    line, first, last, _ = figure.axes[1].lines
    assert np.array_equal(line.get_xydata(), 0.5 * path)
    assert first.get_xydata().tolist() == [[0.5, 0.0]] and last.get_xydata().tolist() == [[0.0, 0.5]]
    assert len(phase_paths({"alone": path}, None, "place", "slope").axes) == 1


def test_clouds_lie_over_the_same_real_points():
    real, cloud = np.zeros((5, 2)), np.ones((3, 2))
    figure = point_clouds({"one": cloud, "two": -cloud}, real)
    for axes, sign in zip(figure.axes, (1, -1), strict=True):
        behind, before = axes.lines
        assert len(behind.get_xdata()) == 5
        assert np.array_equal(before.get_xydata(), sign * cloud)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: phase_paths({}, None, "x", "y"), "0 paths"),
        (lambda: point_clouds({str(i): np.zeros((1, 2)) for i in range(7)}, np.zeros((1, 2))), "7 clouds"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, message):
    with pytest.raises(CourseError, match=message):
        draw()
