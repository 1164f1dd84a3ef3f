"""How the next token is chosen from what a model expects: the likeliest, or one drawn by its probability."""

import math
from dataclasses import dataclass
from numbers import Integral

import torch

from course_utils.errors import CourseError
from course_utils.shapes import check_counts, check_floats

ROUNDING = 1e-7                                                    # of a sum of float32 probabilities, relative


def greedy(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """The likeliest token, of equally likely ones the first. `probability` (V,)."""
    check_floats("V+", probability=probability)
    return int(probability.argmax())


def sample(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """A token drawn with the model's own probabilities (V,). Raises CourseError without a generator to draw with."""
    if generator is None:
        raise CourseError("sample draws at random; pass generator=generator(1), from course_utils.seeding.")
    check_floats("V+", probability=probability)
    try:
        return int(torch.multinomial(probability, 1, generator=generator))
    except RuntimeError as error:                                  # torch has looked at each: no need to do so twice
        checked(probability)
        raise CourseError(f"No token can be drawn from {len(probability)} probabilities: {error}.") from error


@dataclass(frozen=True)
class Sampling:
    """Draw from the model's probabilities, sharpened and cut off: temperature, then top-k, then top-p, then min-p.

    temperature: below 1 the likely tokens gain, above 1 the unlikely ones. top_k: keep the k likeliest tokens, and
    those as likely as the last of them (Fan et al. 2018). top_p: keep the fewest tokens, likeliest first, that together
    have at least this probability (Holtzman et al. 2020). min_p: keep the tokens that are at least this times as likely
    as the likeliest (Nguyen et al. 2024). Raises CourseError for values that make no sense.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self):
        if not 0 < self.temperature < math.inf:
            raise CourseError(f"temperature is {self.temperature}; expected a number above 0. Its limit is `greedy`.")
        if self.top_k is not None and not (isinstance(self.top_k, Integral) and self.top_k >= 1):
            raise CourseError(f"top_k is {self.top_k}; expected a whole number of tokens, 1 or more, or None for all.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise CourseError(f"top_p is {self.top_p}; expected a number above 0 and up to 1, or None for all.")
        if self.min_p is not None and not 0 < self.min_p <= 1:
            raise CourseError(f"min_p is {self.min_p}; expected a number above 0 and up to 1, or None for all.")

    def __call__(self, probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
        """A token drawn from `distribution`. Raises CourseError without a generator to draw with."""
        return sample(self.distribution(probability), generator)

    def distribution(self, probability: torch.Tensor) -> torch.Tensor:
        """(V,) the model's probabilities to those it is drawn from. What was impossible stays so.

        Raises CourseError where a probability is not a number.
        """
        kept = checked(probability).double()
        if self.temperature != 1:
            log_p = kept.log()
            kept = ((log_p - log_p.max()) / self.temperature).exp()  # the largest becomes 1, so nothing overflows
        if self.top_k is not None:
            kept = keep_likeliest(kept, self.top_k)
        if self.top_p is not None:
            kept = keep_nucleus(kept / kept.sum(), self.top_p)
        if self.min_p is not None:
            kept = keep_near_likeliest(kept, self.min_p)
        return (kept / kept.sum()).to(probability.dtype)


def keep_likeliest(probability: torch.Tensor, k: int) -> torch.Tensor:
    """(V,) with 0 for all that is less likely than the k-th likeliest token."""
    check_floats("V+", probability=probability)
    check_counts(k=k)
    kth = probability.topk(min(k, len(probability))).values[-1]
    return torch.where(probability < kth, 0.0, probability)


def keep_nucleus(probability: torch.Tensor, p: float) -> torch.Tensor:
    """(V,) with 0 for all but the fewest tokens, likeliest first, whose sum reaches p; at least one is kept."""
    check_floats("V+", probability=probability)
    ordered, places = probability.sort(descending=True, stable=True)
    before = ordered.cumsum(dim=0) - ordered                       # what the likelier tokens have together
    reached = before >= p * (1 - ROUNDING)                         # 0.7f + 0.2f must count as reaching 0.9
    return probability.index_fill(0, places[reached], 0.0)


def keep_near_likeliest(probability: torch.Tensor, share: float) -> torch.Tensor:
    """(V,) with 0 for all that is less than `share` times as likely as the likeliest token."""
    check_floats("V+", probability=probability)
    least = share * probability.max() * (1 - ROUNDING)
    return torch.where(probability < least, 0.0, probability)


def likeliest(probability: torch.Tensor, count: int) -> list[tuple[int, float]]:
    """The `count` likeliest tokens, each with its probability; of equal ones the lower id first, none impossible."""
    check_floats("V", probability=probability)
    check_counts(0, count=count)
    ordered, tokens = probability.sort(descending=True, stable=True)
    pairs = zip(tokens[:count].tolist(), ordered[:count].tolist(), strict=True)
    return [(token, p) for token, p in pairs if p > 0]


def checked(probability: torch.Tensor) -> torch.Tensor:
    """`probability` (V,) itself. Raises CourseError where one is not a number or is negative, or where all are 0."""
    check_floats("V", probability=probability)
    wrong = ~(probability.isfinite() & (probability >= 0))
    if wrong.any():
        token = int(wrong.int().argmax())
        raise CourseError(
            f"The model gives token {token} the probability {probability[token].item()}; expected 0 to 1. Its weights "
            "are broken, as after a training that diverged: load an earlier checkpoint, or train at a lower rate."
        )
    if not probability.any():
        raise CourseError(f"All {len(probability)} probabilities are 0; expected that they sum to 1.")
    return probability
