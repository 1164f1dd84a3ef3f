"""From bytes to the numbers a model reads, and back: 256 levels on a grid from -1 (black) to 1 (white)."""

import torch

from course_utils.errors import CourseError
from course_utils.shapes import check_shape

LEVELS = 256
STEP = 2 / (LEVELS - 1)                    # from one level to the next in [-1, 1]


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Images (N, C, H, W), uint8, as float32 in [-1, 1]: level 0 is -1, level 255 is 1.

    Raises CourseError for other numbers: images that are floats already would come out nearly all -1.
    """
    check_shape(images, "N C H W", "images")
    if images.dtype != torch.uint8:
        raise CourseError(f"images are {images.dtype}; expected uint8, levels 0 to 255.")
    return images.float() * STEP - 1


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """Images (N, C, H, W) in [-1, 1] as uint8: the nearest of the 256 levels, so `to_bytes(to_float(x))` is x.

    Raises CourseError where they are no floats, or one lies more than half a level outside, or is not a number.
    """
    check_shape(images, "N C H W", "images")
    if not images.is_floating_point():
        raise CourseError(f"images are {images.dtype}; expected floats in [-1, 1].")
    inside = images.abs() <= 1 + STEP / 2                          # False for nan
    if not inside.all():
        low, high = images.min().item(), images.max().item()
        raise CourseError(
            f"images lie between {low:.3g} and {high:.3g}; expected [-1, 1]. Clamp what a model has made: "
            "images.clamp(-1, 1)."
        )
    return ((images.float() + 1) / STEP).round().clamp(0, LEVELS - 1).to(torch.uint8)


def over_white(images: torch.Tensor) -> torch.Tensor:
    """Pictures with transparency (N, 4, H, W), uint8, laid on white: (N, 3, H, W), uint8."""
    check_shape(images, "N 4 H W", "images")
    if images.dtype != torch.uint8:
        raise CourseError(f"images are {images.dtype}; expected uint8, levels 0 to 255.")
    colour, opacity = images[:, :3].float(), images[:, 3:].float() / (LEVELS - 1)   # (N, 3, H, W), (N, 1, H, W)
    return (colour * opacity + (LEVELS - 1) * (1 - opacity)).round().to(torch.uint8)
