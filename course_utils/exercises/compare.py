"""Tell how a result differs from the expected one: type and shape first, then dtype, then values.

Numbers, text, lists, tuples, sets, mappings, NumPy arrays and torch tensors, nested in any way. torch is never imported
here: a tensor can only come from a session that has imported it.
"""

import math
import numbers
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from course_utils.exercises.wording import a, brief, is_tensor, same_looking

SMALL = 1e-6  # far above what rounding comes to, far below any difference that means something


@dataclass(frozen=True)
class Difference:
    """The first thing that differs: at which stage ("type", "shape", "dtype" or "values"), and in words."""

    stage: str
    words: str


def is_array(value) -> bool:
    """True for a NumPy array or a torch tensor that has at least one axis."""
    return (isinstance(value, np.ndarray) or is_tensor(value)) and value.ndim > 0


def is_number(value) -> bool:
    """True for a Python or NumPy number and for an array of no axes; False for bool."""
    if isinstance(value, np.ndarray) or is_tensor(value):
        return value.ndim == 0
    return isinstance(value, numbers.Number | np.number) and not isinstance(value, bool)


def to_numpy(value) -> np.ndarray:
    """The values of an array or tensor; dtypes that NumPy lacks (bfloat16) become float32."""
    if not is_tensor(value):
        return np.asarray(value)
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() and value.element_size() < 4 else value).numpy()


def facts(value) -> list[str]:
    """What can be said of a right result without its values, for the `ok` line: its type, or shape and dtype."""
    if is_array(value):
        return [f"shape {tuple(value.shape)}", f"dtype {_dtype(value)}"]
    if is_number(value):
        return ["a number"]
    if isinstance(value, list | tuple):
        return [f"{a(value)} of {len(value)}"]
    return [a(value)]


def difference(expected, got, tolerance: float = SMALL) -> Difference | None:
    """How `got` differs from `expected`, or None. The form of the whole is compared before any value.

    tolerance: relative; near 0, where a share of the value says nothing, numbers may differ by SMALL at most.
    A list will do where a tuple is expected, and any mapping where a Counter is: it is the values that matter.
    """
    return form_difference(expected, got) or value_difference(expected, got, tolerance)


def form_difference(expected, got, place: str = "") -> Difference | None:
    """A difference of type, shape, length or dtype, or None."""
    if not _same_kind(expected, got):
        return Difference("type", f"{_at(place)}expected {a(expected)}, got {a(got)}{_advice(expected, got)}")
    if is_array(expected):
        return _array_form(expected, got, place)
    if isinstance(expected, list | tuple):
        if len(expected) != len(got):
            return Difference("shape", f"{_at(place)}expected {len(expected)} items, got {len(got)}")
        inner = (form_difference(*pair, f"{place}[{i}]") for i, pair in enumerate(zip(expected, got, strict=True)))
        return next(filter(None, inner), None)
    return None


def _array_form(expected, got, place: str) -> Difference | None:
    if tuple(expected.shape) != tuple(got.shape):
        return Difference("shape", f"{_at(place)}expected {tuple(expected.shape)}, got {tuple(got.shape)}")
    if _dtype(expected) != _dtype(got):
        return Difference("dtype", f"{_at(place)}expected {_dtype(expected)}, got {_dtype(got)}")
    return None


def value_difference(expected, got, tolerance: float = SMALL, place: str = "") -> Difference | None:
    """The first value that differs, of two results of the same form, or None."""
    if is_array(expected):
        return _array_values(expected, got, tolerance, place)
    if is_number(expected):
        return None if numbers_agree(expected, got, tolerance) else _unequal(expected, got, place)
    if isinstance(expected, str):
        return _text_values(expected, got, place)
    if isinstance(expected, Mapping):
        return _mapping_values(expected, got, tolerance, place)
    if isinstance(expected, Sequence) and not isinstance(expected, bytes | range):
        pairs = enumerate(zip(expected, got, strict=True))
        inner = (value_difference(*pair, tolerance, f"{place}[{i}]") for i, pair in pairs)
        return next(filter(None, inner), None)
    if hasattr(expected, "get_state"):  # a torch generator: alike where both will draw the same numbers
        return value_difference(expected.get_state(), got.get_state(), tolerance, place)
    return None if expected == got else _unequal(expected, got, place)


def numbers_agree(expected, got, tolerance: float) -> bool:
    """True where two numbers are equal, both NaN, or within the tolerance. Whole numbers have to be equal.

    The absolute part stays small however wide the tolerance is: half a per cent of 3 would take 0 for 0.0002.
    """
    expected, got = (value.item() if hasattr(value, "item") else value for value in (expected, got))
    if isinstance(expected, int) and isinstance(got, int):
        return expected == got
    if isinstance(expected, complex) or isinstance(got, complex):
        return bool(np.isclose(got, expected, rtol=tolerance, atol=min(tolerance, SMALL)))
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    return math.isclose(expected, got, rel_tol=tolerance, abs_tol=min(tolerance, SMALL))


def _array_values(expected, got, tolerance: float, place: str) -> Difference | None:
    expected, got = to_numpy(expected), to_numpy(got)
    if expected.dtype.kind in "fc":
        agree = np.isclose(got, expected, rtol=tolerance, atol=min(tolerance, SMALL), equal_nan=True)
    else:
        agree = got == expected
    if agree.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~agree)[0])
    return _unequal(expected[index], got[index], f"{place}{list(index)}")


def _text_values(expected: str, got: str, place: str) -> Difference | None:
    if expected == got:
        return None
    start = next((i for i, pair in enumerate(zip(expected, got, strict=False)) if pair[0] != pair[1]), None)
    if start is None:
        start = min(len(expected), len(got))
    where = "" if len(expected) < 40 and len(got) < 40 else f" (they part at character {start})"
    return Difference("values", f"{_at(place)}expected {brief(expected)}, got {brief(got)}{where}")


def _mapping_values(expected: Mapping, got: Mapping, tolerance: float, place: str) -> Difference | None:
    # A Counter answers 0 for a key it does not have, so where one is expected a missing key means 0.
    counts = isinstance(expected, Counter)
    extra = sorted((key for key in got if key not in expected), key=repr)
    for key in [*expected, *extra]:
        inside = f"{place}[{brief(key)}]" if place else brief(key)
        if key not in got and not counts:
            return Difference("values", f"{_at(inside)}expected {brief(expected[key])}, but the key is missing")
        if key not in expected and not counts:
            return Difference("values", f"{_at(inside)}expected no such key, got {brief(got[key])}")
        pair = expected.get(key, 0), got.get(key, 0)
        found = form_difference(*pair, inside) or value_difference(*pair, tolerance, inside)
        if found:
            return found
    return None


def _unequal(expected, got, place: str) -> Difference:
    if is_number(expected):
        expected_text, got_text = same_looking(expected, got)
        return Difference("values", f"{_at(place)}expected {expected_text}, got {got_text}")
    return Difference("values", f"{_at(place)}expected {brief(expected)}, got {brief(got)}")


def _same_kind(expected, got) -> bool:
    if is_array(expected):
        return is_array(got) and is_tensor(expected) == is_tensor(got)
    if is_number(expected):
        return is_number(got)
    if isinstance(expected, bool | np.bool_):
        return isinstance(got, bool | np.bool_)
    if isinstance(expected, tuple):
        return isinstance(got, tuple | list)
    for kind in (str, bytes, list, Mapping, Set):
        if isinstance(expected, kind):
            return isinstance(got, kind)
    return type(expected) is type(got)


def _advice(expected, got) -> str:
    if got is None:
        return "; is a `return` missing?"
    if is_number(expected) and is_array(got):
        return f" of shape {tuple(got.shape)}"
    return ""


def _dtype(value) -> str:
    return str(value.dtype).removeprefix("torch.")


def _at(place: str) -> str:
    return f"at {place} " if place else ""
