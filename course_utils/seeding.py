"""Randomness with a name: every random choice in the course takes a generator made here."""

from numbers import Integral

import torch

from course_utils.errors import CourseError


def generator(seed: int, device: str = "cpu") -> torch.Generator:
    """A fresh torch generator; the same seed gives the same numbers on one machine and one torch version.

    Raises CourseError for a seed that is no whole number.
    """
    if not isinstance(seed, Integral):
        raise CourseError(f"seed is {seed!r:.40}; expected a whole number, such as 1.")
    try:
        return torch.Generator(device=device).manual_seed(int(seed))
    except RuntimeError as error:
        raise CourseError(f"The device is {device!r:.40}; expected 'cpu', or a GPU that is here.") from error
