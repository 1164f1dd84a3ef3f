"""challenges.json holds every experiment of lesson 15, each figure within its interval; how the file is written."""

import json
import math

import numpy as np
import pytest

from course_utils.grounded import Share
from course_utils.intervals import wilson_interval
from tools import challenges
from tools.challenges_data import intact, of_runs
from tools.challenges_figures import (
    agree,
    byte_counts,
    difference_of_means,
    exact,
    figure,
    of_mean,
    of_ratio,
    of_share,
    shipped_addresses,
)
from tools.challenges_memorization import Size, canaries

# What the lesson's text is about; each has to be there.
MAIN = {
    "bias": ("pronouns_smollm2", "pronouns_gpt_sotu_bpe", "weat_work_home_change"),
    "factuality": ("closed_book", "found_passage", "gain_of_found_passage", "calibration_error"),
    "memorization": ("exposure_0_copies", "exposure_16_copies", "exposure_gain_of_16_copies"),
    "efficiency": ("bits_8_loss", "bits_4_loss", "pruned_50_percent_loss", "alone_less_distilled", "tokens_per_pass"),
    "interpretability": ("copying_lost_without_best_five", "probe_selectivity", "attention_less_prediction"),
    "data": ("dirty_less_clean", "won_back_by_cleaning"),
}
FIGURES = [
    (experiment, name, found)
    for experiment, figures in challenges.recorded().items()
    for name, found in figures.items()
]


def test_every_experiment_is_in_the_record():
    assert tuple(challenges.recorded()) == challenges.EXPERIMENTS


@pytest.mark.parametrize(("experiment", "names"), MAIN.items())
def test_an_experiment_has_its_main_figures(experiment, names):
    assert set(names) <= set(challenges.recorded()[experiment])


@pytest.mark.parametrize(("experiment", "name", "found"), FIGURES)
def test_a_figure_lies_in_its_interval_and_says_of_how_many_and_what(experiment, name, found):
    assert list(found) == ["value", "low", "high", "n", "unit"]
    assert all(math.isfinite(found[key]) for key in ("value", "low", "high"))
    assert found["low"] <= found["value"] <= found["high"]
    assert isinstance(found["n"], int) and found["n"] >= 1 and found["unit"].strip()
    if found["unit"] == "share":
        assert found["low"] >= -1 and found["high"] <= 1


# --- how a figure is made --------------------------------------------------------------------------


def test_a_share_has_wilsons_interval():
    found, (low, high) = of_share(Share(9, 40)), wilson_interval(9, 40)
    assert found == {"value": 0.225, "low": round(low, 4), "high": round(high, 4), "n": 40, "unit": "share"}


def test_an_interval_that_misses_the_value_is_widened_to_it():
    assert figure(2.0, (0.5, 1.5), 7, "bits") == {"value": 2.0, "low": 0.5, "high": 2.0, "n": 7, "unit": "bits"}
    assert exact(3, 2, "MB") == {"value": 3.0, "low": 3.0, "high": 3.0, "n": 2, "unit": "MB"}


def test_a_mean_is_that_of_its_items_and_its_interval_shrinks_with_their_number():
    few, many = (of_mean(np.tile([0.0, 1.0], count), "nats") for count in (10, 1000))
    assert few["value"] == many["value"] == 0.5 and (few["n"], many["n"]) == (20, 2000)
    assert (many["high"] - many["low"]) / (few["high"] - few["low"]) == pytest.approx(0.1, abs=0.03)


def test_a_ratio_weighs_long_texts_more():
    found = of_ratio([10, 90], [10, 30], "bits per byte")
    assert (found["value"], found["low"], found["high"]) == (2.5, 1.0, 3.0)  # the ratios are 1 and 3


def test_a_difference_of_means_draws_each_side_alone():
    found = difference_of_means([5.0, 7.0], [1.0, 1.0, 1.0], "bits")
    assert found == {"value": 5.0, "low": 4.0, "high": 6.0, "n": 5, "unit": "bits"}


def test_an_interval_over_runs_holds_what_seeds_differ_by():
    bits, lengths = np.array([[20.0, 20.0], [24.0, 24.0], [22.0, 22.0]]), np.array([10.0, 10.0])
    found, alone = of_runs(bits, lengths), of_runs(bits[:1], lengths)
    half = 4.3027 * 0.2 / math.sqrt(3)  # Student's t of two degrees, the deviation of 2.0, 2.4 and 2.2
    assert (found["value"], found["low"], found["high"]) == (2.2, round(2.2 - half, 4), round(2.2 + half, 4))
    assert (alone["value"], alone["low"], alone["high"]) == (2.0, 2.0, 2.0)


def test_two_figures_agree_where_their_difference_is_within_both_intervals_together():
    def of(value, half):
        return figure(value, (value - half, value + half), 9, "bits")

    assert agree(of(1.0, 0.3), of(1.49, 0.4)) and not agree(of(1.0, 0.3), of(1.51, 0.4))  # √(0.3² + 0.4²) = 0.5
    assert agree(of(1.0, 0.0), of(1.0, 0.0)) and not agree(of(1.0, 0.0), of(1.1, 0.0))
    skewed = figure(1.0, (0.9, 2.0), 9, "bits")  # far upwards, little downwards
    assert agree(skewed, of(1.9, 0.0)) and not agree(skewed, of(0.8, 0.0))


def test_beginnings_of_addresses_end_at_a_character():
    texts = shipped_addresses(500)
    assert len(texts) == 24 and max(byte_counts(texts)) <= 500 < sum(byte_counts(texts)) / 20
    assert all(whole.startswith(text) for text, whole in zip(texts, shipped_addresses(), strict=True))


def test_what_is_intact_is_counted_once_and_in_bytes():
    assert intact(["aa", "aa", "é", "xxxx"], ["aa", "é", "b"]) == pytest.approx(4 / 10)


def test_no_two_canaries_have_one_secret_and_each_frame_has_as_many_of_each_number_of_copies():
    for seed in (1, 2, 3, 4, 5):
        planted = canaries(Size(), seed)
        assert len({canary.secret for canary in planted}) == len(planted) == 16
        kinds = [(canary.frame.split()[0], copies) for canary, copies in planted.items()]
        assert len(set(kinds)) == 16


# --- how the file is written -----------------------------------------------------------------------


def test_one_experiment_is_put_beside_the_others_in_their_order(tmp_path):
    path, one = tmp_path / "challenges.json", {"rho": exact(1, 2, "bits")}
    challenges.record("factuality", one, path)
    challenges.record("bias", {"d": exact(3, 4, "nats")}, path)
    challenges.record("factuality", one | {"more": exact(5, 6, "MB")}, path)
    assert list(challenges.recorded(path)) == ["bias", "factuality"]
    assert challenges.recorded(path)["factuality"]["more"]["n"] == 6
    assert json.loads(path.read_text(encoding="utf-8"))["made_by"] == "python -m tools.challenges"
    assert [entry.name for entry in tmp_path.iterdir()] == ["challenges.json"]  # nothing half-written is left


def test_an_experiment_that_there_is_not_is_refused(capsys):
    assert challenges.main(["fairness"]) == 1
    assert "There is no fairness here; expected bias, factuality" in capsys.readouterr().err
