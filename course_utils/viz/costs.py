"""What a training run costs, as a table that follows four sliders, and the same table without them."""

import math
from html import escape

import ipywidgets

from course_utils import costs
from course_utils.costs import ACCELERATORS, GRIDS, Assumptions, Cost
from course_utils.viz.rich import SHEET, Rich, unset

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
WORDS = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"), (1, ""))
CLUSTER = 1024                                                     # accelerators that the time is reckoned with
DAYS = ((365, "years"), (1, "days"), (1 / 24, "hours"), (1 / 1440, "minutes"), (1 / 86_400, "seconds"))
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
CELL = "text-align:left;padding:3px 14px 3px 0;vertical-align:top;background-color:#ffffff;color:#000000"
LABEL, WIDE = {"description_width": "130px"}, {"width": "520px", "max_width": "100%"}
PARAMETERS, TOKENS = (5.0, 12.5), (6.0, 14.0)                      # powers of ten at both ends of the sliders


def cost_sheet(
    parameters: float = 135e6,
    tokens: float = 2e12,
    accelerator: str = "H100",
    grid: str = "world",
    assumptions: Assumptions = costs.DEFAULT,
) -> Rich:
    """The cost of training N parameters on D tokens as a table, a row for each step of the estimate and how it is made.

    grid: whose electricity, a name in `costs.GRIDS`; it takes the place of `grams_per_kwh`. Raises CourseError for
    numbers and names that cannot be.
    """
    return sheet(rows_of(parameters, tokens, accelerator, costs.on_grid(assumptions, grid), grid))


def rows_of(
    parameters: float, tokens: float, accelerator: str, assumptions: Assumptions, grid: str
) -> list[tuple[str, str, str]]:
    """(what, how much, how it is reckoned) for each row."""
    cost: Cost = costs.training_cost(parameters, tokens, accelerator, assumptions)
    device = cost.accelerator
    share, pue = f"{100 * assumptions.utilisation:.0f} %", f"{assumptions.pue:g}"
    peak = f"{device.flops_per_second / 1e12:g} TFLOP/s"
    return [
        ("Parameters N", counted(parameters), f"{rounded(tokens / parameters)} tokens for each"),
        ("Tokens D", counted(tokens), ""),
        ("Operations", power(cost.flops), "6 · N · D"),
        ("Accelerator-hours", counted(cost.hours), f"at {share} of {peak}, {device.name}"),
        (f"Time on {CLUSTER:,} of them", duration(cost.days(CLUSTER)), "where all of them work all the time"),
        ("US dollars", counted(cost.dollars), f"at {assumptions.dollars_per_hour:.2f} an hour: put in yours"),
        ("Energy", with_prefix(1000 * cost.kilowatt_hours, "Wh"), f"{device.watts:g} W each, × {pue} for the building"),
        ("Carbon", carbon(cost.kilograms), f"{assumptions.grams_per_kwh:g} g/kWh, {grid}"),
    ]


def sheet(rows: list[tuple[str, str, str]]) -> Rich:
    """Rows as a table in HTML, every character escaped, and as plain text."""
    lines = "".join(
        f'<tr><th scope="row" style="{CELL};font-weight:normal">{escape(what)}</th>'
        f'<td style="{CELL};font-weight:bold">{escape(amount)}</td>'
        f'<td style="{CELL};color:#595959">{escape(how)}</td></tr>'
        for what, amount, how in rows
    )
    caption = '<caption style="text-align:left;color:#595959">The final run alone, estimated</caption>'
    html = f'<div style="{SHEET}"><table style="border-collapse:collapse">{caption}<tbody>{lines}</tbody></table></div>'
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    text = "\n".join(f"{what:<{widths[0]}}  {amount:<{widths[1]}}  {how}".rstrip() for what, amount, how in rows)
    return Rich(unset(html), text)


def cost_calculator() -> "CostCalculator":
    """Sliders for parameters, tokens, utilisation and price, lists of accelerators and grids, and `cost_sheet`."""
    return CostCalculator()


class CostCalculator(ipywidgets.VBox):
    """The widget of `cost_calculator`."""

    def __init__(self):
        self.parameters = _slider("Parameters", 135e6, PARAMETERS)
        self.tokens = _slider("Tokens", 2e12, TOKENS)
        self.accelerator = _choice("Accelerator", [(device.name, key) for key, device in ACCELERATORS.items()])
        self.grid = _choice("Electricity of", list(GRIDS))
        self.utilisation = ipywidgets.FloatSlider(
            costs.DEFAULT.utilisation, min=0.05, max=0.7, step=0.01, description="Utilisation", readout_format=".0%",
            style=LABEL, layout=WIDE,
        )  # fmt: skip
        self.price = ipywidgets.BoundedFloatText(
            costs.DEFAULT.dollars_per_hour, min=0, max=1000, step=0.1, description="Dollars an hour", style=LABEL
        )
        self.sheet = ipywidgets.HTML()
        controls = [self.parameters, self.tokens, self.accelerator, self.utilisation, self.price, self.grid]
        for control in controls:
            control.observe(lambda _: self.draw(), "value")
        self.draw()
        super().__init__([*controls, self.sheet])

    def __repr__(self) -> str:
        return "A cost calculator: move the sliders. It needs a running notebook."

    def draw(self) -> None:
        """The table for what the sliders say."""
        assumptions = Assumptions(utilisation=self.utilisation.value, dollars_per_hour=self.price.value)
        values = self.parameters.value, self.tokens.value, self.accelerator.value, self.grid.value
        self.sheet.value = cost_sheet(*values, assumptions).html


def _slider(name: str, value: float, ends: tuple[float, float]) -> ipywidgets.FloatLogSlider:
    """A slider over powers of ten, a hundred places to each: fine enough for the defaults to keep three digits."""
    return ipywidgets.FloatLogSlider(
        value, base=10, min=ends[0], max=ends[1], step=0.01, description=name, readout_format=".3s", style=LABEL,
        layout=WIDE,
    )  # fmt: skip


def _choice(name: str, options: list) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=options, description=name, style=LABEL, layout=WIDE)


# --- numbers for people ---------------------------------------------------------------------------


def rounded(value: float) -> str:
    """Three digits that count, no power of ten: 0.0123, 12.3, 12,300."""
    if value == 0:
        return "0"
    value = float(f"{value:.3g}")                                  # first, since 0.9996 has a digit before the point
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(places, 0)}f}"


def counted(value: float) -> str:
    """Three digits and a word: 1.87 million."""
    unit, word = _unit(value, WORDS)
    return f"{rounded(value / unit)}{word}"


def with_prefix(value: float, unit: str) -> str:
    """Three digits and a prefix: 12.3 GWh."""
    size, prefix = _unit(value, PREFIXES)
    return f"{rounded(value / size)} {prefix}{unit}"


def carbon(kilograms: float) -> str:
    """CO2 equivalents in grams, kilograms or tonnes: 9,690 t CO2e."""
    amount = f"{counted(kilograms / 1000)} t" if kilograms >= 1000 else with_prefix(1000 * kilograms, "g")
    return f"{amount} CO2e"


def duration(days: float) -> str:
    """In the unit that keeps the number above 1: 1.11 hours."""
    size, name = _unit(days, DAYS)
    return f"{rounded(days / size)} {name}"


def power(value: float) -> str:
    """A large number by its power of ten: 3.15 × 10²³."""
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def _unit(value: float, units) -> tuple[float, str]:
    """The largest unit that the value, in three digits, is not below."""
    return next(((size, name) for size, name in units if float(f"{value / size:.3g}") >= 1), units[-1])
