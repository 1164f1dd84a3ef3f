"""Calibration: four answers by hand, scikit-learn's curve, and what perfectly calibrated answers score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from course_utils.calibration import (
    bin_edges,
    brier_score,
    calibration,
    error_by_chance,
    expected_calibration_error,
    reliability_bins,
    selective_accuracy,
)
from course_utils.errors import CourseError
from course_utils.intervals import wilson_interval
from course_utils.seeding import generator

SURE, RIGHT = [0.9, 0.8, 0.3, 0.2], [True, False, False, True]


def drawn(n: int, seed: int, wrong_by: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """n answers that are right with their confidence less `wrong_by`."""
    random = np.random.default_rng(seed)
    sure = random.uniform(0.3, 1, n)
    return sure, random.random(n) < sure - wrong_by


def test_two_bins_by_hand():
    low, high = reliability_bins(SURE, RIGHT, bins=2)
    assert (low.low, low.high, low.count, low.confidence, low.accuracy) == pytest.approx((0, 0.5, 2, 0.25, 0.5))
    assert (high.low, high.high, high.count, high.confidence, high.accuracy) == pytest.approx((0.5, 1, 2, 0.85, 0.5))
    assert low.interval == wilson_interval(1, 2)
    assert expected_calibration_error(SURE, RIGHT, bins=2) == pytest.approx((2 * 0.25 + 2 * 0.35) / 4)


def test_one_bin_is_the_gap_and_a_bin_an_answer_is_the_mean_distance():
    assert expected_calibration_error(SURE, RIGHT, bins=1) == pytest.approx(0.05)
    assert expected_calibration_error(SURE, RIGHT, bins=10) == pytest.approx((0.1 + 0.8 + 0.3 + 0.8) / 4)


def test_the_brier_score_by_hand():
    assert brier_score(SURE, RIGHT) == pytest.approx((0.01 + 0.64 + 0.09 + 0.64) / 4)
    assert brier_score([0.5] * 4, RIGHT) == 0.25
    assert (brier_score([1, 0], [True, False]), brier_score([1, 0], [False, True])) == (0, 1)


@pytest.mark.parametrize(("by", "strategy"), [("width", "uniform"), ("count", "quantile")])
def test_bins_are_those_of_scikit_learn(by, strategy):
    sure, right = drawn(500, 1)
    sure[:20] = np.repeat([0.4, 0.5, 0.6, 1.0], 5)                 # on the borders
    accuracy, confidence = calibration_curve(right, sure, n_bins=10, strategy=strategy)
    bins = reliability_bins(sure, right, by=by)
    assert [each.accuracy for each in bins] == pytest.approx(accuracy.tolist())
    assert [each.confidence for each in bins] == pytest.approx(confidence.tolist())
    shares = np.array([each.count for each in bins]) / 500
    assert expected_calibration_error(sure, right, by=by) == pytest.approx(shares @ np.abs(accuracy - confidence))
    assert brier_score(sure, right) == pytest.approx(brier_score_loss(right, sure))


def test_bins_by_count_hold_as_many_each():
    sure, right = drawn(200, 2)
    assert [each.count for each in reliability_bins(sure, right, bins=8, by="count")] == [25] * 8
    assert bin_edges(np.array([0.1, 0.2, 0.9]), 2, "count").tolist() == pytest.approx([0.1, 0.2, 0.9])


def test_calibrated_answers_have_an_error_above_zero_that_shrinks_with_their_number():
    few, many = (error_by_chance(drawn(n, 3)[0], generator(1)).mean() for n in (30, 3000))
    assert few > 0.1
    assert many == pytest.approx(few / 10, rel=0.35)               # √100 times smaller, but for empty bins


def test_the_error_by_chance_of_one_bin_is_the_mean_distance_of_a_coin():
    # 2 answers at 0.5 in one bin: shares right 0, ½, 1 with probabilities ¼, ½, ¼.
    errors = error_by_chance([0.5, 0.5], generator(2), samples=20_000, bins=1)
    assert {*errors.round(6)} == {0.0, 0.5}
    assert errors.mean() == pytest.approx(0.25, abs=0.01)          # three standard errors


def test_who_is_too_sure_is_found_out_and_who_is_not_is_not():
    faulty = calibration(*drawn(400, 4, wrong_by=0.2), generator(3))
    assert faulty.interval[0] < faulty.error < faulty.interval[1]
    assert faulty.surprise < 0.01
    assert faulty.gap == pytest.approx(0.2, abs=0.07)
    honest = calibration(*drawn(400, 5), generator(3))
    assert honest.surprise > 0.05
    assert honest.by_chance == pytest.approx(honest.error, rel=0.6)
    assert "400 answers" in str(honest)


def test_the_same_generator_gives_the_same_numbers():
    assert calibration(SURE, RIGHT, generator(1)) == calibration(SURE, RIGHT, generator(1))


def test_only_the_surest_answers_by_hand():
    coverage, accuracy = selective_accuracy([0.2, 0.9, 0.5, 0.5], [False, True, True, False])
    assert coverage.tolist() == [0.25, 0.75, 1]
    assert accuracy.tolist() == pytest.approx([1, 2 / 3, 1 / 2])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(1, 12))
def test_the_error_lies_between_the_gap_and_the_mean_distance(pairs, bins):
    sure, right = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    error = expected_calibration_error(sure, right, bins)
    assert abs(sure.mean() - right.mean()) - 1e-9 <= error <= np.abs(sure - right).mean() + 1e-9
    assert sum(each.count for each in reliability_bins(sure, right, bins)) == len(pairs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: brier_score([0.5], [True, False]), "confidence has shape"),
        (lambda: brier_score([], []), "N at least 1"),
        (lambda: brier_score([1.5], [True]), "from 0 to 1"),
        (lambda: brier_score([float("nan")], [True]), "from 0 to 1"),
        (lambda: brier_score([0.5], [2]), "True and False only"),
        (lambda: reliability_bins(SURE, RIGHT, bins=0), "bins is 0"),
        (lambda: reliability_bins(SURE, RIGHT, by="height"), "width or count"),
        (lambda: error_by_chance(SURE, generator(1), samples=0), "samples is 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(CourseError, match=message):
        call()
