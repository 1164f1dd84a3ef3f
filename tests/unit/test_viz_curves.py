"""Curves of several runs hold every seed, say what guessing reaches, and never squeeze the truth."""

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.viz import COLOURS, bands, training_curve
from course_utils.viz.curves import smoothed
from course_utils.viz.plots import MARKERS

THREE_SEEDS = np.array([[1.0, 0.6, 0.2], [0.8, 0.9, 0.3], [0.9, 0.6, 0.1]])


def by_label(axes) -> dict:
    """The lines that have a name of their own."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_the_thick_line_is_the_mean_over_seeds_and_each_seed_has_a_thin_one():
    axes = bands({"RNN": THREE_SEEDS}, [1, 5, 10], "distance", "accuracy").axes[0]
    mean = by_label(axes)["RNN"]
    np.testing.assert_allclose(mean.get_ydata(), [0.9, 0.7, 0.2])
    thin = [line.get_ydata() for line in axes.lines if line is not mean]
    np.testing.assert_allclose(thin, THREE_SEEDS)
    assert all(line.get_linewidth() < mean.get_linewidth() for line in axes.lines if line is not mean)


def test_the_band_reaches_from_the_lowest_to_the_highest_seed():
    axes = bands({"RNN": THREE_SEEDS}, [1, 5, 10], "distance", "accuracy").axes[0]
    corners = axes.collections[0].get_paths()[0].vertices
    for x, low, high in ((1, 0.8, 1.0), (5, 0.6, 0.9), (10, 0.1, 0.3)):
        heights = corners[corners[:, 0] == x, 1]
        assert (heights.min(), heights.max()) == (low, high)


def test_chance_is_a_level_line_with_its_name():
    axes = bands({"RNN": THREE_SEEDS}, [1, 5, 10], "distance", "accuracy", chance=0.125).axes[0]
    assert any(set(line.get_ydata()) == {0.125} for line in axes.lines)
    assert "chance" in [text.get_text() for text in axes.texts]
    assert not bands({"RNN": THREE_SEEDS}, [1, 5, 10], "", "").axes[0].texts


def test_bands_begin_at_zero_unless_the_axis_is_logarithmic():
    plain = bands({"a": [[5.0, 6.0]]}, [1, 2], "x", "y").axes[0]
    assert (plain.get_ylim()[0], plain.get_yscale()) == (0, "linear")
    assert bands({"a": [[1e-3, 1e3]]}, [1, 2], "x", "y", log=True).axes[0].get_yscale() == "log"


def test_a_single_run_may_be_given_as_a_plain_row_and_a_single_point_is_drawn():
    axes = bands({"a": [1.0, 2.0]}, [1, 2], "x", "y").axes[0]
    assert by_label(axes)["a"].get_ydata().tolist() == [1.0, 2.0]
    assert axes.get_legend() is None
    assert len(bands({"a": [3.0], "b": [4.0]}, [1], "x", "y").axes[0].get_legend().get_texts()) == 2


def test_models_differ_in_colour_and_in_marker():
    axes = bands(dict.fromkeys("abc", THREE_SEEDS), [1, 5, 10], "x", "y").axes[0]
    named = by_label(axes).values()
    assert [line.get_color() for line in named] == list(COLOURS[:3])
    assert len({line.get_marker() for line in named}) == 3


@pytest.mark.parametrize("values", [np.zeros((3, 2)), np.zeros((0, 3)), np.zeros((1, 3, 1)), np.zeros(4)])
def test_bands_refuse_runs_that_do_not_fit_the_x_values(values):
    with pytest.raises(CourseError, match=r"'RNN' has shape .* expected \(seeds, 3\)"):
        bands({"RNN": values}, [1, 5, 10], "x", "y")


def test_bands_refuse_no_model_no_point_and_more_models_than_can_be_told_apart():
    with pytest.raises(CourseError, match="0 models.*expected 1 to 7"):
        bands({}, [1], "x", "y")
    with pytest.raises(CourseError, match="8 models"):
        bands({str(i): [1.0] for i in range(len(MARKERS) + 1)}, [1], "x", "y")
    with pytest.raises(CourseError, match=r"expected \(seeds, 0\)"):
        bands({"a": np.zeros((1, 0))}, [], "x", "y")


# --- the loss of a run


def test_the_running_mean_is_taken_around_each_value_and_shorter_at_the_ends():
    values = np.array([1.0, 2.0, 6.0, 3.0, 8.0])
    np.testing.assert_allclose(smoothed(values, 3), [1.5, 3.0, 11 / 3, 17 / 3, 5.5])
    np.testing.assert_allclose(smoothed(values, 0), values)
    np.testing.assert_allclose(smoothed(values, 1), values)
    assert smoothed(np.array([]), 3).tolist() == []


def test_the_running_mean_leaves_out_what_is_not_a_number():
    np.testing.assert_allclose(smoothed(np.array([1.0, np.nan, 3.0, np.inf]), 3), [1.0, 2.0, 3.0, 3.0])
    assert np.isnan(smoothed(np.array([np.nan]), 3)).all()


def test_the_training_curve_shows_every_batch_and_the_mean_over_it():
    losses = np.linspace(4, 2, 100) + np.tile([0.1, -0.1], 50)
    raw, mean = training_curve(range(1, 101), losses).axes[0].lines
    np.testing.assert_allclose(raw.get_ydata(), losses)
    assert np.abs(np.diff(mean.get_ydata())).max() < np.abs(np.diff(losses)).max() / 2
    assert raw.get_alpha() < 1


def test_the_best_validation_is_ringed_and_named_with_its_step():
    axes = training_curve([1, 2, 3], [3.0, 2.0, 1.0], [(1, 3.1), (2000, 2.5), (3, 2.6)]).axes[0]
    ring = next(line for line in axes.lines if line.get_fillstyle() == "none")
    assert (ring.get_xdata().item(), ring.get_ydata().item()) == (2000, 2.5)
    assert "validation, best 2.500 at 2,000" in by_label(axes)


def test_a_validation_that_is_not_a_number_is_never_the_best():
    axes = training_curve([1, 2], [3.0, 2.0], [(1, float("nan")), (2, 2.5)]).axes[0]
    assert "validation, best 2.500 at 2" in by_label(axes)
    assert "validation" in by_label(training_curve([1], [3.0], [(1, float("nan"))]).axes[0])


def test_the_training_curve_begins_at_zero_and_says_its_unit():
    axes = training_curve([1, 2], [3.0, 2.0], title="LSTM", unit="nats per byte", x_label="tokens").axes[0]
    assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (0, 0)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tokens", "loss, nats per byte")
    assert axes.get_title(loc="left") == "LSTM"
    assert axes.get_legend() is None


def test_a_run_of_one_step_is_drawn_as_a_dot():
    assert training_curve([1], [5.5]).axes[0].lines[0].get_marker() == "."


def test_steps_and_losses_have_to_be_as_many():
    with pytest.raises(CourseError, match="2 steps but 1 losses"):
        training_curve([1, 2], [3.0])
