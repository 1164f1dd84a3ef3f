"""Say what shape was expected before torch or NumPy complains in its own words."""

from course_utils.errors import CourseError


class ShapeError(CourseError):
    """An array does not have the shape that was asked for."""


def check_shape(array, pattern: str, name: str) -> None:
    """Check `array` against a pattern of letters and numbers, such as `"B T 64"`.

    A number must match exactly, a letter stands for any size, and the same letter must stand for the same size.
    Raises ShapeError with both shapes.
    """
    wanted, got, sizes = pattern.split(), tuple(array.shape), {}
    fits = len(wanted) == len(got)
    for want, size in zip(wanted, got, strict=False):
        expected = int(want) if want.isdigit() else sizes.setdefault(want, size)
        fits = fits and expected == size
    if not fits:
        raise ShapeError(f"{name} should have shape ({', '.join(wanted)}); got {got}.")
