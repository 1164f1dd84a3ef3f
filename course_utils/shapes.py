"""Say what shape or number was expected before torch or NumPy complains in its own words."""

import math
from functools import lru_cache
from numbers import Integral, Real

import torch

from course_utils.errors import CourseError

ANY_AXES = "…"


class ShapeError(CourseError):
    """An array does not have the shape that was asked for."""


def check_shape(array, pattern: str, name: str) -> None:
    """Check `array` against a pattern of letters and numbers, such as `"B T 64"`.

    A number must match exactly, a letter stands for any size, and the same letter must stand for the same size.
    Raises ShapeError with both shapes.
    """
    _check(array, _axes(pattern), name, {})


def check_shapes(patterns: str, **arrays) -> None:
    """Check several arrays at once: `check_shapes("B T D, B", x=x, lengths=lengths)`. A letter means one size in all.

    `…` before the other axes stands for any number of axes, the same in all arrays. A plus, as in `B+`, asks for a size
    of 1 or more. An array that is None is left out. Raises ShapeError with both shapes.
    """
    sizes: dict = {}
    for wanted, (name, array) in zip(_parsed(patterns), arrays.items(), strict=True):
        if array is not None:
            _check(array, wanted, name, sizes)


def check_floats(patterns: str, **tensors) -> None:
    """`check_shapes` for what is calculated with: raises CourseError for whole numbers, and for true and false."""
    check_shapes(patterns, **tensors)
    for name, tensor in tensors.items():
        if tensor is not None and not tensor.dtype.is_floating_point:
            raise CourseError(f"{name} holds {tensor.dtype}; expected floats. Convert it: {name}.float().")


def check_whole(patterns: str, **arrays) -> None:
    """`check_shapes` for ids, labels and counts: raises CourseError for floats, and for true and false."""
    check_shapes(patterns, **arrays)
    for name, array in arrays.items():
        if array is not None and 0 not in array.shape and not _is_whole(array.dtype):
            raise CourseError(f"{name} holds {array.dtype}; expected whole numbers, such as int64.")


def _is_whole(kind) -> bool:
    """Whether a dtype of torch or NumPy is one of whole numbers."""
    return str(kind).removeprefix("torch.").startswith(("int", "uint"))


@lru_cache(maxsize=1024)
def _parsed(patterns: str) -> tuple[tuple, ...]:
    return tuple(_axes(pattern) for pattern in patterns.split(","))


@lru_cache(maxsize=1024)
def _axes(pattern: str) -> tuple[tuple[str, int, int | None], ...]:
    """Each axis as it is written, the least size it may have, and the size itself where it is a number."""
    axes = [axis.rstrip("+") for axis in pattern.split()]
    least = [int(axis.endswith("+")) for axis in pattern.split()]
    return tuple((axis, few, int(axis) if axis.isdigit() else None) for axis, few in zip(axes, least, strict=True))


def _check(array, wanted: tuple, name: str, sizes: dict) -> None:
    """Raises ShapeError where the array is none, or its shape does not fit; notes in `sizes` what letters stand for."""
    got = getattr(array, "shape", None)
    if got is None or isinstance(array, type):
        raise ShapeError(f"{name} should be a tensor or an array of shape ({_told(wanted)}); got {_short(array)}.")
    axes, shape, known = wanted, tuple(got), len(sizes)
    if axes and axes[0][0] == ANY_AXES:
        before = len(shape) - len(axes) + 1
        leading, shape, axes = shape[: max(0, before)], shape[max(0, before) :], axes[1:]
        fits = sizes.setdefault(ANY_AXES, leading) == leading and not (wanted[0][1] and 0 in leading)
    else:
        fits = True
    fits = fits and len(axes) == len(shape)
    for (axis, least, number), size in zip(axes, shape, strict=False):
        expected = sizes.setdefault(axis, size) if number is None else number
        fits = fits and expected == size and size >= least
    if not fits:
        raise ShapeError(f"{name} should have shape ({_told(wanted)}){_known(wanted, sizes, known)}; got {tuple(got)}.")


def _told(wanted: tuple) -> str:
    return ", ".join(axis for axis, *_ in wanted)


def _known(wanted: tuple, sizes: dict, count: int) -> str:
    """What the letters stood for before, the first `count` of the sizes, in words; and which must not be 0."""
    before = dict(list(sizes.items())[:count])
    told = [f"{axis} = {before[axis]}" for axis, *_ in wanted if axis in before]
    told += [f"{axis} of 1 or more" for axis, least, _ in wanted if least and axis not in before]
    return f", {' and '.join(told)}" if told else ""


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


# --- what is in an array, and numbers -------------------------------------------------------------


def check_alike(**tensors) -> None:
    """Raises CourseError where tensors to be multiplied differ in precision; autocast takes care of it by itself."""
    kinds = {name: tensor.dtype for name, tensor in tensors.items() if tensor is not None}
    if len(set(kinds.values())) > 1 and not any(map(_autocast, tensors.values())):
        got = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise CourseError(f"{got}; expected one dtype. Convert the other: x.to(weight.dtype).")


def _autocast(tensor) -> bool:
    return tensor is not None and torch.is_autocast_enabled(tensor.device.type)


def check_finite(**arrays) -> None:
    """Raises CourseError where an array holds a nan or an infinity: what is computed from it would be nan as well."""
    for name, array in arrays.items():
        total = float(array.sum()) if array is not None else 0.0
        if not math.isfinite(total):
            raise CourseError(f"{name} holds nan or infinity; expected numbers. Look where they come from: x.isnan().")


def check_counts(least: int = 1, **counts) -> None:
    """Raises CourseError where a count or size is no whole number, or less than `least`; None is left out."""
    for name, count in counts.items():
        if count is not None and not (isinstance(count, Integral) and count >= least):
            raise CourseError(f"{name} is {_short(count)}; expected a whole number, {least} or more.")


def check_number(low: float, high: float, **numbers) -> None:
    """Raises CourseError where a number is none, or not from `low` to `high`; None is left out."""
    for name, number in numbers.items():
        if number is not None and not (isinstance(number, Real) and low <= number <= high):
            raise CourseError(f"{name} is {_short(number)}; expected a number from {low:g} to {high:g}.")
