"""What the formulas of diffusion ask of images, noise and ᾱ before they calculate with them.

Notation: ᾱ, what is left of the image's power, from 1, the image, to 0, noise.
"""

import torch

from course_utils.errors import CourseError
from course_utils.shapes import ShapeError, check_floats


def check_same(first: torch.Tensor, second: torch.Tensor, name: str) -> None:
    """Raises ShapeError or CourseError where the second is not of the first one's shape, or one holds no floats."""
    check_floats("…", images=first)
    check_floats("…", **{name: second})
    if first.shape != second.shape:
        raise ShapeError(f"{name} should have shape {tuple(first.shape)}; got {tuple(second.shape)}.")


def check_left(alpha_bar: torch.Tensor, like: torch.Tensor, above_0: bool = False, below_1: bool = False) -> None:
    """Raises where ᾱ does not spread to `like`, or is not from 0 to 1; the ends are out where they are divided by."""
    sides = zip(reversed(alpha_bar.shape), reversed(like.shape), strict=False)
    if alpha_bar.ndim > like.ndim or any(one not in (1, other) for one, other in sides):
        raise ShapeError(
            f"alpha_bar has shape {tuple(alpha_bar.shape)}; expected one that spreads to {tuple(like.shape)}. "
            "Schedule.at(step, like) makes it."
        )
    low = alpha_bar > 0 if above_0 else alpha_bar >= 0
    high = alpha_bar < 1 if below_1 else alpha_bar <= 1
    if not alpha_bar.is_floating_point() or not bool((low & high).all()):
        raise CourseError(
            f"alpha_bar is {alpha_bar.dtype}, from {alpha_bar.min()} to {alpha_bar.max()}; expected floats from 0 to 1"
            f"{', 0 left out' if above_0 else ''}{', 1 left out' if below_1 else ''}."
        )
