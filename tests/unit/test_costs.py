"""What training costs: by hand, beside what others published, and as a table on a page."""

import dataclasses
from html.parser import HTMLParser

import pytest

from course_utils import costs
from course_utils.costs import (
    ACCELERATORS,
    CONSTANTS,
    GRIDS,
    PUBLISHED,
    Assumptions,
    cost_of,
    implied_utilisation,
    inference_flops,
    on_grid,
    training_cost,
    training_flops,
)
from course_utils.errors import CourseError
from course_utils.viz import cost_calculator, cost_sheet
from course_utils.viz.costs import carbon, counted, duration, power, rounded, rows_of, sheet, with_prefix

RUNS = {run.name: run for run in PUBLISHED}


def named(runs) -> list:
    return [pytest.param(run, id=run.name) for run in runs]


# --- by hand


def test_operations_are_six_a_parameter_and_token_to_train_and_two_to_use():
    assert training_flops(1000, 50) == 300_000
    assert inference_flops(1000, 50) == 100_000


def test_a_large_model_does_not_overflow_whole_numbers():
    assert training_flops(405 * 10**9, 10**13) == pytest.approx(2.43e25)


def test_hours_money_energy_and_carbon_by_hand():
    # A100 at half of 312 TFLOP/s does 5.616e17 an hour: 10 hours, 4 kWh, 6 with the building, 1.2 kg, 20 dollars.
    assumptions = Assumptions(utilisation=0.5, pue=1.5, grams_per_kwh=200, dollars_per_hour=2)
    cost = cost_of(5.616e18, "A100", assumptions)
    found = cost.hours, cost.dollars, cost.kilowatt_hours, cost.kilograms
    assert found == pytest.approx((10, 20, 6, 1.2), rel=1e-9)
    assert cost.days(5) == pytest.approx(2 / 24)


def test_half_the_utilisation_takes_twice_as_much_of_everything_but_operations():
    slow, fast = (training_cost(1e9, 2e10, "H100", Assumptions(utilisation=share)) for share in (0.2, 0.4))
    for name in ("hours", "dollars", "kilowatt_hours", "kilograms"):
        assert getattr(slow, name) == pytest.approx(2 * getattr(fast, name))
    assert slow.flops == fast.flops


def test_a_grid_changes_the_carbon_alone():
    world, france = (training_cost(1e9, 2e10, "H100", on_grid(costs.DEFAULT, name)) for name in ("world", "France"))
    assert france.kilograms / world.kilograms == pytest.approx(56 / 473)
    assert dataclasses.replace(france, kilograms=world.kilograms) == world


# --- beside what was published


@pytest.mark.parametrize("run", named(run for run in PUBLISHED if run.flops))
def test_operations_are_within_three_in_a_hundred_of_the_published(run):
    assert training_flops(run.parameters, run.tokens) == pytest.approx(run.flops, rel=0.03)


@pytest.mark.parametrize("name", ["Llama 2 7B", "Llama 2 13B", "Llama 2 70B", "Llama 3.1 405B"])
def test_hours_at_the_default_utilisation_are_within_a_sixth_of_the_published(name):
    run = RUNS[name]
    assert training_cost(run.parameters, run.tokens, run.accelerator).hours == pytest.approx(run.hours, rel=1 / 6)


@pytest.mark.parametrize("run", named(run for run in PUBLISHED if run.hours))
def test_hours_are_within_a_factor_of_three_of_every_published_run(run):
    hours = training_cost(run.parameters, run.tokens, run.accelerator).hours
    assert 1 / 3 < hours / run.hours < 3


@pytest.mark.parametrize("run", named(run for run in PUBLISHED if run.tonnes))
def test_published_hours_give_the_published_carbon_within_two_fifths_on_the_grid_of_the_world(run):
    kilowatt_hours = run.hours * ACCELERATORS[run.accelerator].watts / 1000 * costs.DEFAULT.pue
    assert kilowatt_hours * GRIDS["world"].value / 1e6 == pytest.approx(run.tonnes, rel=0.4)


def test_the_utilisation_of_gpt_3_is_the_one_that_was_measured():
    # 24.6 TFLOP/s of a V100's 125: Patterson et al. 2021, table 4.
    assert implied_utilisation(RUNS["GPT-3 175B"]) == pytest.approx(24.6 / 125, rel=0.01)


def test_no_published_run_had_more_than_half_of_the_peak():
    shares = [implied_utilisation(run) for run in PUBLISHED if run.hours]
    assert len(shares) == 7 and all(0.1 < share < 0.5 for share in shares)


def test_a_run_whose_hours_nobody_published_has_no_utilisation():
    with pytest.raises(CourseError, match="hours of Chinchilla 70B were not published"):
        implied_utilisation(RUNS["Chinchilla 70B"])


# --- the tables


def test_every_constant_and_accelerator_says_where_it_stands_and_since_when():
    for entry in (*CONSTANTS.values(), *GRIDS.values(), *ACCELERATORS.values(), *PUBLISHED):
        assert len(entry.source) > 10 and 2015 < entry.year < 2027, entry


def test_the_tables_cannot_be_written_to():
    with pytest.raises(TypeError):
        ACCELERATORS["mine"] = ACCELERATORS["H100"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        CONSTANTS["pue"].value = 1.0


# --- what cannot be


@pytest.mark.parametrize("numbers", [(0, 1e9), (1e9, -1), (float("nan"), 1e9), (1e9, float("inf"))])
def test_sizes_that_cannot_be_are_refused(numbers):
    for count in (training_flops, inference_flops):
        with pytest.raises(CourseError, match="expected both above 0"):
            count(*numbers)


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("utilisation", 0.0, "share of the peak"),
        ("utilisation", 40, "share of the peak"),
        ("pue", 0.9, "1 or more"),
        ("grams_per_kwh", -1.0, "0 or more"),
        ("dollars_per_hour", float("nan"), "0 or more"),
    ],
)
def test_assumptions_that_cannot_be_are_refused(field, value, words):
    with pytest.raises(CourseError, match=words):
        Assumptions(**{field: value})


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(CourseError, match="'abacus' is not in the table; expected one of H100, A100"):
        training_cost(1e9, 1e9, "abacus")
    with pytest.raises(CourseError, match="expected one of world"):
        cost_sheet(1e9, 1e9, grid="moon")
    with pytest.raises(CourseError, match="1 accelerator or more"):
        training_cost(1e9, 1e9).days(0)
    with pytest.raises(CourseError, match="operations above 0"):
        cost_of(0)


# --- on the page


class Cells(HTMLParser):
    """The texts of a page, and the tags that are open at its end."""

    def __init__(self, html: str):
        super().__init__()
        self.texts, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_numbers_are_written_with_three_digits_and_a_unit():
    assert [rounded(value) for value in (0, 0.01234, 12.34, 12_345)] == ["0", "0.0123", "12.3", "12,300"]
    assert [counted(value) for value in (999, 999_600, 2e12)] == ["999", "1.00 million", "2.00 trillion"]
    assert [with_prefix(value, "Wh") for value in (0.05, 876e3, 20.5e9)] == ["0.0500 Wh", "876 kWh", "20.5 GWh"]
    assert [carbon(value) for value in (0.0233, 414, 9.69e6)] == ["23.3 g CO2e", "414 kg CO2e", "9,690 t CO2e"]
    assert [duration(days) for days in (1080, 3, 0.0463)] == ["2.96 years", "3.00 days", "1.11 hours"]
    assert power(3.15e23) == "3.15 × 10²³"


def test_the_sheet_says_the_same_in_html_and_in_plain_text():
    shown = cost_sheet(405e9, 15.6e12)
    page = Cells(shown.html)
    assert page.open == []
    for row in rows_of(405e9, 15.6e12, "H100", costs.DEFAULT, "world"):
        for text in filter(None, row):
            assert text in page.texts and text in shown.text
    assert "26.6 million" in shown.text and "3.79 × 10²⁵" in shown.text


def test_whatever_stands_in_a_row_is_escaped():
    shown = sheet([("<script>alert(1)</script>", "a & b", "")])
    assert "<script>" not in shown.html and "&lt;script&gt;" in shown.html and "a &amp; b" in shown.html
    assert "<script>alert(1)</script>  a & b" in shown.text


def test_the_calculator_begins_with_the_sheet_at_its_defaults():
    assert cost_calculator().sheet.value == cost_sheet().html


def test_the_calculator_follows_every_one_of_its_controls():
    calculator = cost_calculator()
    for control, value in [
        (calculator.parameters, 7e9),
        (calculator.tokens, 1e11),
        (calculator.accelerator, "A100"),
        (calculator.utilisation, 0.3),
        (calculator.price, 2.0),
        (calculator.grid, "France"),
    ]:
        before = calculator.sheet.value
        control.value = value
        assert calculator.sheet.value != before
    assumptions = Assumptions(utilisation=0.3, dollars_per_hour=2.0)
    assert calculator.sheet.value == cost_sheet(7e9, 1e11, "A100", "France", assumptions).html


def test_both_ends_of_the_sliders_can_be_shown():
    calculator = cost_calculator()
    for slider in (calculator.parameters, calculator.tokens):
        for end in (slider.min, slider.max):
            slider.value = 10**end
            assert Cells(calculator.sheet.value).open == []
