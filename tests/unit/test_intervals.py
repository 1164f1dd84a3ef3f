"""Intervals: do they hold the truth as often as they say? On simulated data, where the truth is known."""

import numpy as np
import pytest
import torch

from course_utils.error_rates import ErrorRates
from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, mean, ratio_of_sums, wilson_interval
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

ROUNDS = 1000


def share_covered(draw, statistic, truth: float, level: float = 0.95) -> float:
    """How often the bootstrap interval of what `draw(generator)` gives holds the truth."""
    dice, hits = generator(0), 0
    for _ in range(ROUNDS):
        low, high = bootstrap_interval(draw(dice), statistic, dice, level, samples=400)
        hits += low <= truth <= high
    return hits / ROUNDS


def coins(n: int, p: float):
    return lambda dice: (torch.rand(n, generator=dice) < p).numpy()


def words_with_errors(dice) -> np.ndarray:
    """100 words of 2 to 11 symbols, each symbol wrong with probability 0.08."""
    lengths = torch.randint(2, 12, (100,), generator=dice).double()
    edits = torch.binomial(lengths, torch.full_like(lengths, 0.08), generator=dice)
    return torch.stack([edits, lengths], dim=1).numpy()


# --- bootstrap


@pytest.mark.parametrize("p", [0.3, 0.5])
def test_the_95_percent_bootstrap_interval_of_a_share_holds_the_truth_in_93_to_97_percent(p):
    assert 0.93 <= share_covered(coins(100, p), mean, p) <= 0.97


def test_the_95_percent_bootstrap_interval_of_a_phoneme_error_rate_holds_the_truth_in_93_to_97_percent():
    assert 0.93 <= share_covered(words_with_errors, ratio_of_sums, 0.08) <= 0.97


def test_an_80_percent_interval_holds_the_truth_in_about_80_percent():
    assert 0.77 <= share_covered(coins(200, 0.4), mean, 0.4, level=0.8) <= 0.83


def test_with_few_and_skewed_items_the_interval_is_too_narrow_as_its_docstring_says():
    def six_waiting_times(dice):
        return torch.empty(6).exponential_(generator=dice).numpy()

    assert share_covered(six_waiting_times, mean, 1.0) < 0.9


def test_four_times_the_items_halve_the_interval():
    values = coins(400, 0.3)(generator(5))
    width = [high - low for low, high in (bootstrap_interval(np.tile(values, k), mean, generator(1)) for k in (1, 4))]
    assert width[0] / width[1] == pytest.approx(2, rel=0.15)


def test_the_same_generator_gives_the_same_interval_and_another_seed_another():
    values = words_with_errors(generator(3))
    first, again, other = (bootstrap_interval(values, ratio_of_sums, generator(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_items_drawn_in_portions_are_as_many_as_were_asked_for(monkeypatch):
    monkeypatch.setattr("course_utils.intervals.AT_ONCE", 70)  # three resamples of 20 items at a time
    seen = []

    def counting_mean(values):
        seen.append(values.shape)
        return mean(values)

    bootstrap_interval(range(20), counting_mean, generator(0), samples=10)
    assert seen == [(3, 20), (3, 20), (3, 20), (1, 20)]


def test_more_items_than_fit_in_a_portion_are_drawn_one_resample_at_a_time(monkeypatch):
    monkeypatch.setattr("course_utils.intervals.AT_ONCE", 5)
    low, high = bootstrap_interval(range(20), mean, generator(0), samples=50)
    assert 0 < low < 9.5 < high < 19


def test_items_that_are_all_alike_leave_no_doubt():
    assert bootstrap_interval([2, 2, 2], mean, generator(0)) == (2, 2)


def test_every_word_is_drawn_with_its_own_length():
    """Words of 1 symbol all wrong, words of 9 all right: mixing edits of one with lengths of another would show."""
    rates = ErrorRates(edits=(1, 0) * 50, lengths=(1, 9) * 50)
    resampled = []

    def keep(values):
        resampled.append(values)
        return ratio_of_sums(values)

    bootstrap_interval(rates.pairs, keep, generator(0), samples=20)
    assert {tuple(pair) for pair in np.concatenate(resampled).reshape(-1, 2).tolist()} == {(1, 1), (0, 9)}


def test_the_two_statistics_on_paper():
    assert mean(np.array([[1, 0, 0, 1], [0, 0, 0, 1]])).tolist() == [0.5, 0.25]
    assert ratio_of_sums(np.array([[[1, 2], [1, 6]], [[0, 5], [3, 1]]])).tolist() == [2 / 8, 3 / 6]


@pytest.mark.parametrize("values", [[], [1.0], 3.0])
def test_fewer_than_two_items_are_refused(values):
    with pytest.raises(CourseError, match=r"at least 2 items and 1 sample; got \d items"):
        bootstrap_interval(values, mean, generator(0))


def test_no_samples_are_refused():
    with pytest.raises(CourseError, match="got 2 items and 0 samples"):
        bootstrap_interval([1, 2], mean, generator(0), samples=0)


def test_a_statistic_that_averages_over_everything_is_told_what_it_should_give():
    with pytest.raises(ShapeError, match=r"one number for each resample, shape \(1000,\); got \(\).*axis 1"):
        bootstrap_interval([1, 2, 3], np.mean, generator(0))
    with pytest.raises(ShapeError, match=r"got \(1000, 2\)"):
        bootstrap_interval([(1, 2), (3, 4)], mean, generator(0))


def test_a_ratio_needs_pairs():
    with pytest.raises(ShapeError, match=r"values should have shape \(R, N, 2\); got \(1000, 3\)"):
        bootstrap_interval([1, 2, 3], ratio_of_sums, generator(0))


# --- Wilson


def test_wilsons_interval_on_paper():
    """z = 1.96, 5 of 10: centre ½, half-width z/(1 + z²/10) · √(1/40 + z²/400) = 0.2634."""
    low, high = wilson_interval(5, 10)
    assert (low, high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


def test_its_ends_are_the_shares_for_which_the_result_lies_just_z_standard_deviations_off():
    for p in wilson_interval(37, 120, level=0.9):
        assert abs(37 / 120 - p) == pytest.approx(1.6448536 * (p * (1 - p) / 120) ** 0.5, rel=1e-6)


def test_where_nothing_or_everything_succeeded_one_end_is_exact_and_the_other_is_not():
    low, high = wilson_interval(0, 7)
    assert low == 0 and 0.3 < high < 0.4
    assert wilson_interval(7, 7) == (pytest.approx(1 - high), 1)
    assert all(wilson_interval(0, n)[0] == 0 and wilson_interval(n, n)[1] == 1 for n in range(1, 200))


def test_one_try_says_little():
    low, high = wilson_interval(1, 1)
    assert low == pytest.approx(0.2065, abs=1e-4) and high == 1


def test_the_95_percent_interval_of_wilson_holds_the_truth_in_93_to_97_percent():
    for p in (0.1, 0.3, 0.5):
        successes = (torch.rand(4000, 200, generator=generator(0)) < p).sum(dim=1).tolist()
        ends = [wilson_interval(k, 200) for k in successes]
        assert 0.93 <= np.mean([low <= p <= high for low, high in ends]) <= 0.97


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(CourseError, match=rf"wilson_interval\({successes}, {n}\): expected n of at least 1"):
        wilson_interval(successes, n)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_a_share(level):
    for interval in (lambda: wilson_interval(1, 2, level), lambda: bootstrap_interval([0, 1], mean, None, level)):
        with pytest.raises(CourseError, match=f"level={level}: expected a share between 0 and 1"):
            interval()
