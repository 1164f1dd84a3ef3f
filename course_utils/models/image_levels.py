"""Images as the models see them: numbers in [−1, 1] on a grid of 256 levels, and what a density says of a level.

A byte has 256 levels, a density gives each single number probability 0. So the probability of a level is the density's
mass between the middles to its neighbours: a proper discrete likelihood, which bits per dimension need. The lowest
and the highest level also get what lies beyond them (Salimans et al. 2017, PixelCNN++).

Notation: B images, C channels, H × W pixels.
"""

import math

import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.images.pixels import LEVELS, STEP
from course_utils.models.drawn import uniform
from course_utils.shapes import check_counts, check_floats, check_shape

BEYOND = 1e-4                                                      # of 1: what rounding may add
OFF_GRID = 0.04                                                    # of a level: half precision moves one by up to 0.031
LOG_SCALES = (-7.0, 20.0)                                          # at e⁻⁷ one level has all; beyond e²⁰ none has any


def check_images(images: torch.Tensor, channels: int, size: int) -> None:
    """Raises ShapeError for another shape than (B, channels, size, size), CourseError for none or out of [−1, 1]."""
    check_shape(images, f"B {channels} {size} {size}", "images")
    check_counts(images=len(images))
    check_range(images)


def check_range(images: torch.Tensor) -> None:
    """Raises CourseError for bytes, for numbers out of [−1, 1] and for nan; images of any shape."""
    if not images.is_floating_point():
        raise CourseError(f"images are {images.dtype}; expected floats in [-1, 1]. Make them with pixels.to_float.")
    if images.numel() and not -1 - BEYOND <= float(images.min()) <= float(images.max()) <= 1 + BEYOND:
        low, high = float(images.min()), float(images.max())
        raise CourseError(
            f"images go from {low:.3g} to {high:.3g}; expected [-1, 1]. Bytes go through pixels.to_float, samples "
            "through clamp(-1, 1)."
        )


def to_levels(images: torch.Tensor, levels: int = LEVELS) -> torch.Tensor:
    """Numbers in [−1, 1] to the whole numbers 0 … levels − 1, of the same shape.

    Raises CourseError for numbers out of range, and between two levels: there they have no likelihood.
    """
    check_counts(2, levels=levels)
    check_range(images)
    scaled = (images.float() + 1) / 2 * (levels - 1)
    whole = scaled.round()
    if images.numel() and float((scaled - whole).abs().max()) > OFF_GRID:
        raise CourseError(
            f"images lie between the {levels} levels; expected numbers that were bytes. image_levels.to_grid(images, "
            f"{levels}) takes the nearest level."
        )
    return whole.long()


def from_levels(ids: torch.Tensor, levels: int = LEVELS) -> torch.Tensor:
    """Whole numbers 0 … levels − 1 to numbers in [−1, 1], of the same shape; the same as `pixels.to_float` gives."""
    check_counts(2, levels=levels)
    return ids.float() * (2 / (levels - 1)) - 1


def check_on_grid(images: torch.Tensor) -> None:
    """Raises what `to_levels` raises: an image that is between two of the 256 levels has no likelihood."""
    to_levels(images)


def to_grid(images: torch.Tensor, levels: int = LEVELS) -> torch.Tensor:
    """The nearest level, in [−1, 1]."""
    check_range(images.clamp(-1, 1))
    check_counts(2, levels=levels)
    return from_levels(((images.clamp(-1, 1) + 1) / (2 / (levels - 1))).round(), levels)


def bits_per_dimension(nats: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """(B,) −ln p of each image, nats, as bits for each of its numbers, as many as each of `images` has: 8 unread."""
    check_floats("B+, N+ C+ H+ W+", nats=nats, images=images)
    return nats / (math.log(2) * images[0].numel())


def logistic_log_probability(images: torch.Tensor, mean: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """ln of a logistic density's mass on each number's level, nats; all three of one shape, and so the result.

    The mass is σ(a) − σ(b) with a and b the level's upper and lower edge, seen from the mean in units of the scale.
    Written as σ(a) · σ(−b) · (1 − e^(b−a)), which keeps its digits where σ(a) and σ(b) are both nearly 0 or 1.
    A logarithm of the scale outside LOG_SCALES counts as the nearer end of it.
    """
    check_floats("…, …, …", images=images, mean=mean, log_scale=log_scale)
    inverse = (-log_scale.clamp(*LOG_SCALES)).exp()
    upper, lower = (images + STEP / 2 - mean) * inverse, (images - STEP / 2 - mean) * inverse
    first, last = images < -1 + STEP / 2, images > 1 - STEP / 2
    below_upper = functional.logsigmoid(upper).masked_fill(last, 0.0)                   # the last has no upper edge
    above_lower = functional.logsigmoid(-lower).masked_fill(first, 0.0)                 # the first has no lower one
    between = torch.log(-torch.expm1(-STEP * inverse)).expand_as(upper).masked_fill(first | last, 0.0)
    return below_upper + above_lower + between


def draw_logistic(mean: torch.Tensor, log_scale: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One image from the distribution that `logistic_log_probability` scores, on the grid of levels."""
    check_floats("…, …", mean=mean, log_scale=log_scale)
    share = uniform(mean.shape, generator, mean.device).clamp(1e-6, 1 - 1e-6)
    return to_grid(mean + log_scale.clamp(*LOG_SCALES).exp() * torch.logit(share))


def gaussian_log_probability(images: torch.Tensor, mean: torch.Tensor, deviation: float) -> torch.Tensor:
    """ln of a normal density's mass on each number's level, nats, in float64. images and mean of one shape.

    The edges are mirrored to the left of the mean first: there Φ is small, and ln Φ keeps its digits.
    """
    check_floats("…, …", images=images, mean=mean)
    if not deviation > 0:
        raise CourseError(f"deviation is {deviation}; expected a number above 0.")
    images, mean = images.double(), mean.double()
    upper, lower = (images + STEP / 2 - mean) / deviation, (images - STEP / 2 - mean) / deviation
    upper = upper.masked_fill(images > 1 - STEP / 2, math.inf)
    lower = lower.masked_fill(images < -1 + STEP / 2, -math.inf)
    right = upper + lower > 0
    upper, lower = torch.where(right, -lower, upper), torch.where(right, -upper, lower)
    log_upper, log_lower = torch.special.log_ndtr(upper), torch.special.log_ndtr(lower)
    return log_upper + torch.log(-torch.expm1(log_lower - log_upper))
