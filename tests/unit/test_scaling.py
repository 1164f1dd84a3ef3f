"""Scaling laws: known constants found again, intervals that hold the truth, and the optimum where it is by search."""

import json
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.recipes import scaling as recipe
from course_utils.scaling import (
    CHINCHILLA,
    LEAST_SQUARES,
    Law,
    PowerLaw,
    bootstrap_law,
    bootstrap_power_law,
    compute_optimal,
    fit_law,
    fit_power_law,
)
from course_utils.seeding import generator
from course_utils.viz import scaling_curves
from tools import scaling as tool

TRUTH = Law(E=1.0, A=30.0, B=400.0, alpha=0.4, beta=0.45)
PARAMETERS = np.repeat([7e3, 14e3, 38e3, 83e3, 2e5], 4)
TOKENS = np.tile([15e4, 3e5, 6e5, 12e5], 5)
LOSSES = TRUTH.loss(PARAMETERS, TOKENS)


def noise(seed: int, share: float, shape) -> np.ndarray:
    """Factors around 1."""
    return np.exp(share * np.random.default_rng(seed).standard_normal(shape))


# --- known constants


def test_the_loss_of_a_law_is_the_formula():
    # 2 + 8/16^0.5 + 9/27^(1/3) = 2 + 2 + 3
    assert Law(2, 8, 9, 0.5, 1 / 3).loss(16, 27) == pytest.approx(7)
    assert PowerLaw(2, 8, 0.5).loss(np.array([16, 64])) == pytest.approx([4, 3])


def test_without_noise_the_constants_are_found_again():
    assert astuple(fit_law(PARAMETERS, TOKENS, LOSSES)) == pytest.approx(astuple(TRUTH), rel=1e-5)


@pytest.mark.parametrize("name", CHINCHILLA)
def test_the_published_constants_are_found_again_from_runs_of_the_published_sizes(name):
    law = CHINCHILLA[name].law
    sizes, budgets = np.repeat(np.geomspace(7e7, 1.6e10, 6), 5), np.tile(np.geomspace(5e9, 5e11, 5), 6)
    assert astuple(fit_law(sizes, budgets, law.loss(sizes, budgets))) == pytest.approx(astuple(law), rel=1e-5)


@settings(deadline=None, max_examples=10)
@given(st.floats(0.5, 2.0), st.floats(0.2, 0.8), st.floats(0.5, 3.0))
def test_any_power_law_is_found_again(lowest, exponent, span):
    amount = np.geomspace(1e9, 1e12, 8)
    truth = PowerLaw(lowest, span * 1e9**exponent, exponent)                  # a height of `span` at the first amount
    assert astuple(fit_power_law(amount, truth.loss(amount))) == pytest.approx(astuple(truth), rel=1e-3)


def test_a_run_that_went_wrong_pulls_less_on_the_huber_loss_than_on_squares():
    losses = LOSSES * noise(1, 0.002, len(LOSSES))
    losses[-1] *= 1.3
    far = TRUTH.loss(1e6, 5e6)
    huber, squares = (fit_law(PARAMETERS, TOKENS, losses, delta).loss(1e6, 5e6) for delta in (1e-3, LEAST_SQUARES))
    assert abs(huber / far - 1) < 0.02 < abs(squares / far - 1)


def test_the_order_of_the_runs_does_not_matter():
    losses, order = LOSSES * noise(2, 0.01, len(LOSSES)), np.random.default_rng(0).permutation(len(LOSSES))
    one, other = fit_law(PARAMETERS, TOKENS, losses), fit_law(PARAMETERS[order], TOKENS[order], losses[order])
    assert astuple(one) == pytest.approx(astuple(other), rel=1e-4)


# --- how sure


@pytest.mark.slow
def test_intervals_of_ninety_in_a_hundred_hold_the_truth_about_as_often():
    amount, truth = np.geomspace(1e9, 1e12, 16), PowerLaw(1.0, 1e9**0.3 * 2, 0.3)
    held = []
    for seed in range(25):
        losses = truth.loss(amount) * noise(seed, 0.01, len(amount))
        fit = bootstrap_power_law(amount, losses, generator(seed), samples=40, delta=LEAST_SQUARES)
        low, high = fit.interval("alpha")
        held.append(low <= truth.alpha <= high)
    assert sum(held) >= 18                                           # of 25; 22.5 expected, its standard deviation 1.5


@pytest.mark.slow
def test_a_forecast_holds_a_new_run_about_as_often_as_it_says():
    held, rng = 0, np.random.default_rng(7)
    for seed in range(10):
        losses = LOSSES * noise(seed, 0.01, len(LOSSES))
        fit = bootstrap_law(PARAMETERS, TOKENS, losses, generator(seed), samples=40, delta=LEAST_SQUARES)
        _, low, high = fit.foretell(4e5, 2.4e6)
        runs = TRUTH.loss(4e5, 2.4e6) * np.exp(0.01 * rng.standard_normal(50))
        held += np.mean((low <= runs) & (runs <= high)) / 10
    assert 0.75 < held <= 0.99


def test_more_noise_makes_wider_intervals_and_none_makes_none():
    widths = []
    for share in (0.0, 0.003, 0.03):
        fit = bootstrap_law(PARAMETERS, TOKENS, LOSSES * noise(3, share, len(LOSSES)), generator(1), samples=10)
        loss, low, high = fit.foretell(4e5, 2.4e6)
        assert low <= loss <= high
        widths.append(high - low)
    assert widths[0] < 1e-4 < 3 * widths[1] < widths[2]


def test_the_same_seed_gives_the_same_intervals():
    losses = LOSSES * noise(4, 0.01, len(LOSSES))
    first, again, other = (bootstrap_law(PARAMETERS, TOKENS, losses, generator(s), samples=10) for s in (1, 1, 2))
    assert first == again and first.interval("E") != other.interval("E")


# --- the optimum


@pytest.mark.parametrize("law", [TRUTH, CHINCHILLA["Hoffmann"].law, CHINCHILLA["Besiroglu"].law])
@pytest.mark.parametrize("flops", [1e15, 1e21])
def test_the_optimum_is_where_a_search_over_all_sizes_finds_it(law, flops):
    parameters, tokens = compute_optimal(law, flops)
    assert 6 * parameters * tokens == pytest.approx(flops)
    sizes = parameters * np.geomspace(0.01, 100, 4001)               # steps of 0.23 %
    assert sizes[np.argmin(law.loss(sizes, flops / 6 / sizes))] == pytest.approx(parameters, rel=3e-3)


def test_the_replication_and_not_the_first_constants_arrives_at_the_chinchilla_that_was_built():
    # 70 billion parameters, 1.4 trillion tokens, 5.76e23 operations.
    parameters, tokens = compute_optimal(CHINCHILLA["Besiroglu"].law, 5.76e23)
    assert (parameters, tokens) == pytest.approx((70e9, 1.4e12), rel=0.06)
    assert compute_optimal(CHINCHILLA["Hoffmann"].law, 5.76e23)[0] < 40e9


# --- what cannot be fitted


@pytest.mark.parametrize(
    "parameters, tokens, losses, words",
    [
        (PARAMETERS[:5], TOKENS[:5], LOSSES[:5], "5 runs cannot fix 5 constants; expected at least 6"),
        (PARAMETERS, TOKENS, -LOSSES, "losses are -3.*expected all above 0"),
        (PARAMETERS, TOKENS, np.where(TOKENS > 1e6, np.nan, LOSSES), "losses are nan"),
        (0 * PARAMETERS, TOKENS, LOSSES, "amounts are 0.0"),
        (PARAMETERS, TOKENS[:7], LOSSES, "one number for each run"),
        (PARAMETERS[:8], TOKENS[:8], LOSSES[:8], "takes 3 sizes or budgets"),
    ],
)
def test_runs_that_fix_no_law_are_refused(parameters, tokens, losses, words):
    with pytest.raises(CourseError, match=words):
        fit_law(parameters, tokens, losses)


def test_other_numbers_that_cannot_be_are_refused():
    with pytest.raises(CourseError, match="flops is 0"):
        compute_optimal(TRUTH, 0)
    with pytest.raises(CourseError, match="delta is 0"):
        fit_law(PARAMETERS, TOKENS, LOSSES, delta=0)
    with pytest.raises(CourseError, match="samples is 0"):
        bootstrap_law(PARAMETERS, TOKENS, LOSSES, generator(0), samples=0)
    fit = bootstrap_power_law(TOKENS[:4], [4.0, 3.0, 2.5, 2.3], generator(0), samples=2)
    for name in ("beta", "loss"):
        with pytest.raises(CourseError, match=f"no '{name}'; expected one of E, A, alpha"):
            fit.interval(name)
    with pytest.raises(CourseError, match="level=90"):
        fit.interval("alpha", level=90)


# --- the runs


def test_parameters_are_counted_without_the_embedding_and_sizes_are_a_factor_of_two_to_three_apart():
    counts = []
    for width in recipe.WIDTHS:
        config = recipe.config_of(width)
        matrices = 4 * width**2 + 3 * width * config.inner_width        # attention, and the feed-forward layer's three
        counts.append(config.layers * (matrices + 2 * width) + width)   # two norms a layer, and the last
    assert counts == [6736, 13944, 37856, 83280, 201280, 443232]
    assert all(2 < larger / smaller < 3 for smaller, larger in zip(counts, counts[1:], strict=False))


def test_a_short_run_learns_and_counts_what_it_did(monkeypatch):
    text = np.frombuffer(b"We the people of the United States, in order to form a more perfect union. " * 200, np.uint8)
    monkeypatch.setattr(recipe, "_bytes", lambda part: recipe.torch.from_numpy(text.astype(np.int64)))
    run, longer = recipe.measure_run(16, 5_000), recipe.measure_run(16, 15_000)
    assert (run.parameters, run.stored, run.tokens) == (6736, 6736 + 256 * 16, 4096)
    assert run.flops == 6 * 6736 * 4096
    assert longer.loss < run.loss < np.log(256)


def test_impossible_runs_are_refused():
    with pytest.raises(CourseError, match="no model of width 17; expected one of 16, 24"):
        recipe.measure_run(17, 10_000)
    with pytest.raises(CourseError, match="less than one step of 1024"):
        recipe.measure_run(16, 1000)


@pytest.fixture
def quick(monkeypatch):
    """A tool whose runs take no time; the list of those it made."""
    made = []

    def run(width, budget):
        made.append((width, budget))
        return recipe.Run(width, 12 * width**2, 14 * width**2, budget, 6.0 * budget, 2.0, 0.5)

    monkeypatch.setattr(recipe, "measure_run", run)
    monkeypatch.setattr(tool, "facts", lambda: {"made_by": "a test", "seed": 1})
    return made


def test_a_stopped_measurement_goes_on_where_it_was(tmp_path, quick, capsys):
    path = tmp_path / "scaling.json"
    tool.measured(path)
    everything = json.loads(path.read_text())
    path.write_text(json.dumps(everything | {"runs": everything["runs"][:-2]}))
    quick.clear()
    tool.measured(path)
    assert quick == tool.planned()[-2:]
    assert json.loads(path.read_text()) == everything


def test_runs_made_under_other_conditions_are_not_kept(tmp_path, quick, capsys):
    path = tmp_path / "scaling.json"
    tool.measured(path)
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    quick.clear()
    tool.measured(path)
    assert len(quick) == len(recipe.SIZES) * len(recipe.BUDGETS) + 1


def test_stored_runs_come_with_the_held_out_one_apart_and_a_missing_one_is_named(tmp_path, quick, capsys):
    path = tmp_path / "scaling.json"
    tool.measured(path)
    fitted, held_out = recipe.stored_runs(path)
    assert [(run.width, run.tokens) for run in (*fitted, held_out)][-2:] == [(64, 1_200_000), recipe.HELD_OUT]
    everything = json.loads(path.read_text())
    path.write_text(json.dumps(everything | {"runs": everything["runs"][1:]}))
    with pytest.raises(CourseError, match="lacks 1 of 21 runs, the first of width 16 on 150,000 bytes"):
        recipe.stored_runs(path)


# --- the measurements that came with the course


def test_the_stored_losses_fall_with_size_and_with_data():
    fitted, held_out = recipe.stored_runs()
    losses = np.array([run.loss for run in fitted]).reshape(len(recipe.SIZES), len(recipe.BUDGETS))
    assert (np.diff(losses, axis=0) < 0).all() and (np.diff(losses, axis=1) < 0).all()
    assert held_out.loss < losses.min() and held_out.flops > 2 * max(run.flops for run in fitted)


@pytest.mark.slow
def test_the_law_lies_within_three_in_a_hundred_of_every_stored_run_and_foretells_the_larger_one():
    fitted, held_out = recipe.stored_runs()
    columns = np.array([(run.parameters, run.tokens, run.loss) for run in fitted]).T
    fit = bootstrap_law(*columns, generator(1), samples=100)
    assert np.abs(fit.law.loss(*columns[:2]) / columns[2] - 1).max() < 0.03
    loss, _, _ = fit.foretell(held_out.parameters, held_out.tokens)
    assert loss == pytest.approx(held_out.loss, rel=0.05)


# --- the picture


def test_the_picture_shows_points_lines_and_the_run_foretold():
    figure = scaling_curves(
        {"7 k": ([1e5, 2e5], [2.0, 1.8])}, {"7 k": ([1e5, 2e5], [2.01, 1.8])}, "bytes", held_out=(4e5, 1.6),
        foretold=(1.65, 1.6, 1.7),
    )  # fmt: skip
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["7 k", "measured,\nheld out", "foretold"]
    assert axes.lines[0].get_color() == axes.lines[1].get_color()


def test_the_picture_refuses_what_it_cannot_draw():
    with pytest.raises(CourseError, match="0 sizes cannot be told apart"):
        scaling_curves({}, {}, "bytes")
    with pytest.raises(CourseError, match="has no logarithm"):
        scaling_curves({"a": ([0, 1], [2.0, 1.8])}, {}, "bytes")
