"""The settings of a training run, and its learning rate."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from course_utils.errors import CourseError
from course_utils.optimizers import OPTIMIZERS
from course_utils.shapes import check_number

YOUNGER = {"accumulate": 1, "checkpoint_activations": False}       # what records from before these settings lack


@dataclass(frozen=True)
class FitConfig:
    """How to train: for `steps` steps, or for `seconds` (then the schedule follows the clock and no two runs agree).

    learning_rate is the highest; it rises over the first `warmup` share of the run and falls as a cosine to `final`
    times itself. clip: the gradient's longest norm. validate_every and checkpoint_every are in steps; 0 is only at the
    end, and never. seed: of the dropout. precision: float32, or bfloat16 for the products of the loss (autocast); the
    weights, the optimizer and the validation stay in float32. optimizer: adamw, or muon for the matrices. accumulate:
    how many batches a step learns from, one after another. checkpoint_activations: blocks are computed twice, to keep
    less of them in memory.
    """

    steps: int | None = None
    seconds: float | None = None
    learning_rate: float = 2e-3
    warmup: float = 0.05
    final: float = 0.05
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    validate_every: int = 0
    checkpoint_every: int = 0
    seed: int = 0
    precision: str = "float32"
    optimizer: str = "adamw"
    accumulate: int = 1
    checkpoint_activations: bool = False

    def __post_init__(self):
        if self.precision not in ("float32", "bfloat16"):
            raise CourseError(f"precision is {self.precision!r}; expected float32 or bfloat16.")
        if self.optimizer not in OPTIMIZERS:
            raise CourseError(f"optimizer is {self.optimizer!r}; expected {' or '.join(OPTIMIZERS)}.")
        if (self.steps is None) == (self.seconds is None):
            raise CourseError("FitConfig takes either steps or seconds; give one of them.")
        amount = self.steps if self.steps is not None else self.seconds
        if amount <= 0:
            raise CourseError(f"There is nothing to do in {amount} steps or seconds; give more.")
        check_number(0, 1, warmup=self.warmup, final=self.final)
        check_number(0, math.inf, weight_decay=self.weight_decay)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise CourseError(f"betas are {self.betas}; expected two numbers, 0 or more and below 1.")
        if self.accumulate < 1:
            raise CourseError(f"accumulate is {self.accumulate}; expected 1 batch a step or more.")
        if not 0 < self.learning_rate < math.inf or not self.clip > 0:
            raise CourseError(f"learning_rate {self.learning_rate} and clip {self.clip} have to be above 0.")

    def progress(self, step: int, seconds: float) -> float:
        """The share of the run that is done, 0 to 1."""
        return min(1.0, step / self.steps if self.steps is not None else seconds / self.seconds)

    def learning_rate_at(self, progress: float) -> float:
        """Up in a line over the warm-up, then down as half a cosine."""
        check_number(0, 1, progress=progress)
        if progress < self.warmup:
            return self.learning_rate * (progress + 1e-3) / (self.warmup + 1e-3)
        falling = (progress - self.warmup) / max(1 - self.warmup, 1e-9)
        return self.learning_rate * (self.final + (1 - self.final) * (1 + math.cos(math.pi * falling)) / 2)


def as_recorded(config: FitConfig) -> dict:
    """The settings as they come back from JSON: tuples are lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(config).items()}


def complete(record: Mapping) -> dict:
    """Settings on record, with those that it is too old to name."""
    return {**YOUNGER, **record}
