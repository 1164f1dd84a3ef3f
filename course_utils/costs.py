"""What training a language model costs: parameters and tokens to operations, hours, money, energy and carbon.

Every constant stands in a table with its source and year. The results are estimates of the final run alone: what was
tried before it, the making of the machines and the use of the model afterwards are not in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from course_utils.errors import CourseError

TRAINING_FLOPS = 6                                                 # for a parameter and a token: forward 2, backward 4
INFERENCE_FLOPS = 2                                                # a multiplication and an addition
SECONDS_PER_HOUR, HOURS_PER_DAY = 3600, 24


@dataclass(frozen=True)
class Constant:
    """A number that somebody published, its unit, and where."""

    value: float
    unit: str
    source: str
    year: int


@dataclass(frozen=True)
class Accelerator:
    """A processor: floating-point operations a second of dense 16-bit matrix products at most, and watts at most."""

    name: str
    flops_per_second: float
    watts: float
    source: str
    year: int


ACCELERATORS: Mapping[str, Accelerator] = MappingProxyType(
    {
        "H100": Accelerator("NVIDIA H100 SXM, bfloat16", 989e12, 700, "NVIDIA H100 data sheet", 2023),
        "A100": Accelerator("NVIDIA A100 SXM, bfloat16", 312e12, 400, "NVIDIA A100 data sheet", 2020),
        "V100": Accelerator("NVIDIA V100 SXM2, float16", 125e12, 300, "NVIDIA V100 data sheet", 2018),
        "T4": Accelerator("NVIDIA T4, float16", 65e12, 70, "NVIDIA T4 data sheet", 2019),
    }
)

GRIDS: Mapping[str, Constant] = MappingProxyType(
    {
        "world": Constant(473, "g CO2e/kWh", "electricity in 2024: Ember, Global Electricity Review 2025", 2025),
        "United States": Constant(
            384, "g CO2e/kWh", "electricity in 2024: Ember, Global Electricity Review 2025", 2025
        ),
        "France": Constant(
            56, "g CO2e/kWh", "electricity in 2023: Ember and Energy Institute, by Our World in Data", 2024
        ),
    }
)

CONSTANTS: Mapping[str, Constant] = MappingProxyType(
    {
        "utilisation": Constant(
            0.40, "of the peak", "38 to 43 % in training Llama 3 405B: Dubey et al., arXiv:2407.21783, table 4", 2024
        ),
        "pue": Constant(
            1.10, "building/computers", "one of Google's: Thoppilan et al. (LaMDA), arXiv:2201.08239", 2022
        ),
        "pue, all data centres": Constant(
            1.56, "building/computers", "mean of a survey: Uptime Institute, Global Data Center Survey", 2024
        ),
        "grams_per_kwh": GRIDS["world"],
        "dollars_per_hour": Constant(
            3.93, "US dollars/hour", "one of 8 H100 in a p5.48xlarge: Amazon EC2 Capacity Blocks, 31.464 an hour", 2025
        ),
    }
)


@dataclass(frozen=True)
class Assumptions:
    """What an estimate takes for granted; each default stands in `CONSTANTS` with its source.

    utilisation: the share of the accelerator's peak that a run keeps up, also called MFU. pue: power usage
    effectiveness, all energy of the building over that of its computers. dollars_per_hour: of one accelerator; prices
    change with month, place and contract: put in yours. Raises CourseError for what cannot be.
    """

    utilisation: float = CONSTANTS["utilisation"].value
    pue: float = CONSTANTS["pue"].value
    grams_per_kwh: float = CONSTANTS["grams_per_kwh"].value
    dollars_per_hour: float = CONSTANTS["dollars_per_hour"].value

    def __post_init__(self):
        if not 0 < self.utilisation <= 1:
            raise CourseError(f"utilisation is {self.utilisation}; expected a share of the peak, above 0 and up to 1.")
        if not 1 <= self.pue < float("inf"):
            raise CourseError(f"pue is {self.pue}; expected 1 or more: a building uses what its computers use.")
        for name in ("grams_per_kwh", "dollars_per_hour"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise CourseError(f"{name} is {getattr(self, name)}; expected 0 or more.")


DEFAULT = Assumptions()


def on_grid(assumptions: Assumptions, grid: str) -> Assumptions:
    """The same with the electricity of a grid in `GRIDS`. Raises CourseError for one that is not there."""
    if grid not in GRIDS:
        raise CourseError(f"{grid!r} is not in the table; expected one of {', '.join(GRIDS)}.")
    return replace(assumptions, grams_per_kwh=GRIDS[grid].value)


@dataclass(frozen=True)
class Cost:
    """What a number of operations takes on one kind of accelerator."""

    flops: float
    accelerator: Accelerator
    hours: float
    dollars: float
    kilowatt_hours: float
    kilograms: float

    def days(self, count: int) -> float:
        """How long it takes `count` accelerators together. Raises CourseError for fewer than one."""
        if count < 1:
            raise CourseError(f"count is {count}; expected 1 accelerator or more.")
        return self.hours / count / HOURS_PER_DAY


def training_flops(parameters: float, tokens: float) -> float:
    """6·N·D operations to train N parameters on D tokens (Kaplan et al. 2020, section 2.1).

    Attention's products of queries and keys are left out: a few in a hundred for large models and short contexts.
    """
    _check(parameters, tokens)
    return TRAINING_FLOPS * float(parameters) * tokens


def inference_flops(parameters: float, tokens: float) -> float:
    """2·N operations for each token read or written, with what was read kept in a cache."""
    _check(parameters, tokens)
    return INFERENCE_FLOPS * float(parameters) * tokens


def cost_of(flops: float, accelerator: str = "H100", assumptions: Assumptions = DEFAULT) -> Cost:
    """Hours of one accelerator, US dollars, kWh with the building's share, kg of CO2 equivalents.

    The accelerator is taken to draw its full power all the time; processors, memory and network beside it are not
    counted, and neither are runs that failed. Raises CourseError for an accelerator that is not in the table.
    """
    if accelerator not in ACCELERATORS:
        raise CourseError(f"{accelerator!r} is not in the table; expected one of {', '.join(ACCELERATORS)}.")
    if not 0 < flops < float("inf"):
        raise CourseError(f"flops is {flops}; expected a number of operations above 0.")
    device = ACCELERATORS[accelerator]
    hours = flops / (device.flops_per_second * assumptions.utilisation) / SECONDS_PER_HOUR
    energy = hours * device.watts / 1000 * assumptions.pue
    carbon = energy * assumptions.grams_per_kwh / 1000
    return Cost(flops, device, hours, hours * assumptions.dollars_per_hour, energy, carbon)


def training_cost(
    parameters: float, tokens: float, accelerator: str = "H100", assumptions: Assumptions = DEFAULT
) -> Cost:
    """`cost_of` training N parameters on D tokens. Raises CourseError where one of them is not above 0."""
    return cost_of(training_flops(parameters, tokens), accelerator, assumptions)


def _check(parameters: float, tokens: float) -> None:
    if not (0 < parameters < float("inf") and 0 < tokens < float("inf")):
        raise CourseError(f"{parameters} parameters, {tokens} tokens; expected both above 0, such as 135e6 and 2e12.")


# --- beside what was published --------------------------------------------------------------------


@dataclass(frozen=True)
class PublishedRun:
    """A run that others made: what they say of it, None where they do not say. tonnes: of CO2 equivalents."""

    name: str
    parameters: float
    tokens: float
    source: str
    year: int
    flops: float | None = None
    accelerator: str | None = None
    hours: float | None = None
    tonnes: float | None = None


LLAMA_2 = "model card of Llama 2; Touvron et al., arXiv:2307.09288, table 2"
LLAMA_3 = "model card of Llama 3.1"
PUBLISHED = (
    PublishedRun(
        "GPT-3 175B", 175e9, 300e9,
        "Brown et al., arXiv:2005.14165, table D.1; hours and carbon: Patterson et al. 2021, arXiv:2104.10350, table 4",
        2020, flops=3.14e23, accelerator="V100", hours=14.8 * 24 * 10_000, tonnes=552,
    ),
    PublishedRun("Chinchilla 70B", 70e9, 1.4e12, "Hoffmann et al., arXiv:2203.15556", 2022, flops=5.76e23),
    PublishedRun("Llama 2 7B", 7e9, 2e12, LLAMA_2, 2023, accelerator="A100", hours=184_320, tonnes=31.22),
    PublishedRun("Llama 2 13B", 13e9, 2e12, LLAMA_2, 2023, accelerator="A100", hours=368_640, tonnes=62.44),
    PublishedRun("Llama 2 70B", 70e9, 2e12, LLAMA_2, 2023, accelerator="A100", hours=1_720_320, tonnes=291.42),
    PublishedRun("Llama 3.1 8B", 8e9, 15e12, LLAMA_3, 2024, accelerator="H100", hours=1.46e6, tonnes=420),
    PublishedRun("Llama 3.1 70B", 70e9, 15e12, LLAMA_3, 2024, accelerator="H100", hours=7.0e6, tonnes=2040),
    PublishedRun(
        "Llama 3.1 405B", 405e9, 15.6e12, f"{LLAMA_3}; tokens and operations: Dubey et al., arXiv:2407.21783",
        2024, flops=3.8e25, accelerator="H100", hours=30.84e6, tonnes=8930,
    ),
    PublishedRun("SmolLM2 135M", 135e6, 2e12, "model card of SmolLM2-135M", 2024, accelerator="H100"),
)  # fmt: skip


def implied_utilisation(run: PublishedRun) -> float:
    """The share of the peak that the published hours amount to: operations over what the accelerators could have done.

    Where failures, waiting or other runs are in the hours, it lies below what the run kept up; few papers say so.
    Raises CourseError for a run without published hours.
    """
    if run.hours is None:
        raise CourseError(f"The hours of {run.name} were not published; expected a run that has them.")
    most = ACCELERATORS[run.accelerator].flops_per_second * run.hours * SECONDS_PER_HOUR
    return training_flops(run.parameters, run.tokens) / most
