"""What can be wrong with an argument: for each kind of value, the mistakes that a reader makes with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

SHAPE, DTYPE, NUMBER, TEXT, NOT_FINITE, TYPE = "shape", "dtype", "number", "text", "not finite", "type"
OUTSIDE = 10**6                                                     # an id that no vocabulary here has
LONG = "one line of 100 kB"
TEXTS = {
    "no text": "",
    "blanks": " \t\n ",
    "half a character": "a \ud800 b",
    "a NUL": "a\x00b",
    "an emoji of many parts": "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "right to left": "\u202eשלום مرحبا",
    "letters and loose marks": "e\u0301\u0327 \u0301",
    "unknown words": "zzxqj qqwv",
    LONG: "word " * 20_000,
}


@dataclass(frozen=True)
class Breakage:
    """One mistake with one value; `kind` decides what may come of it."""

    kind: str
    says: str
    broken: Callable[[], object]


def breakages(value) -> list[Breakage]:
    """The mistakes that can be made with a value, by what it is; none for a model, a generator or a function."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return _of_array(value)
    if isinstance(value, str):
        return [Breakage(TEXT, says, lambda text=text: text) for says, text in TEXTS.items()] + _of_no_type(3)
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        return [Breakage(NUMBER, str(n), lambda n=n: n) for n in (-1, 0, 1)] + _of_no_type("2", 2.5)
    if isinstance(value, float):
        return _of_float() + _of_no_type("0.5")
    if isinstance(value, list | tuple):
        return _of_sequence(value)
    return []


def _of_no_type(*others) -> list[Breakage]:
    return [Breakage(TYPE, repr(other), lambda other=other: other) for other in (None, *others)]


def _of_float() -> list[Breakage]:
    numbers = [Breakage(NUMBER, str(number), lambda number=number: number) for number in (-1.0, 0.0, 1.0, 2.5)]
    wild = [Breakage(NOT_FINITE, str(x), lambda x=x: x) for x in (float("nan"), float("inf"), -float("inf"), 1e308)]
    return numbers + wild


def _of_array(value) -> list[Breakage]:
    """The array as a tensor, broken, and given back as what it was."""
    tensor = torch.as_tensor(value)
    back = (lambda x: x) if isinstance(value, torch.Tensor) else (lambda x: x.numpy())
    mistakes = _of_shape(tensor) + (_of_floats(tensor) if tensor.is_floating_point() else _of_whole(tensor))
    made = [Breakage(m.kind, m.says, lambda m=m: back(m.broken())) for m in mistakes]
    return made + [Breakage(TYPE, "a list", value.tolist)] + _of_no_type("text", 3)


def _of_shape(x: torch.Tensor) -> list[Breakage]:
    made = [Breakage(SHAPE, "an axis more", lambda: x[None])]
    if x.ndim and len(x):
        made.append(Breakage(SHAPE, "an axis less", lambda: x[0]))
    for axis in range(x.ndim):
        made += [
            Breakage(SHAPE, f"axis {axis} one longer", lambda axis=axis: torch.cat([x, x.narrow(axis, 0, 1)], axis)),
            Breakage(SHAPE, f"axis {axis} of length 1", lambda axis=axis: x.narrow(axis, 0, 1)),
            Breakage(SHAPE, f"axis {axis} empty", lambda axis=axis: x.narrow(axis, 0, 0)),
        ]
    return made


def _of_floats(x: torch.Tensor) -> list[Breakage]:
    return [
        Breakage(DTYPE, "doubles", x.double),
        Breakage(DTYPE, "whole numbers", x.long),
        Breakage(DTYPE, "true and false", x.bool),
        Breakage(NUMBER, "all negative", lambda: -x.abs()),
        Breakage(NUMBER, "all 0", lambda: x * 0),
        Breakage(NUMBER, "all 1", lambda: x * 0 + 1),
        Breakage(NOT_FINITE, "one nan", lambda: _with_first(x, float("nan"))),
        Breakage(NOT_FINITE, "one inf", lambda: _with_first(x, float("inf"))),
        Breakage(NOT_FINITE, "one -inf", lambda: _with_first(x, -float("inf"))),
        Breakage(NOT_FINITE, "huge", lambda: x * 1e30),
    ]


def _of_whole(x: torch.Tensor) -> list[Breakage]:
    if x.dtype == torch.bool:
        return [
            Breakage(DTYPE, "floats", x.float),
            Breakage(DTYPE, "whole numbers", x.long),
            Breakage(NUMBER, "all false", lambda: x & False),
            Breakage(NUMBER, "all true", lambda: x | True),
        ]
    outside = [] if x.dtype == torch.uint8 else [
        Breakage(NUMBER, "one -1", lambda: _with_first(x, -1)),
        Breakage(NUMBER, "one outside", lambda: _with_first(x.long(), OUTSIDE)),
    ]
    return outside + [
        Breakage(DTYPE, "floats", x.float),
        Breakage(DTYPE, "true and false", x.bool),
        Breakage(NUMBER, "all 0", lambda: x * 0),
    ]


def _with_first(x: torch.Tensor, number) -> torch.Tensor:
    changed = x.contiguous().clone()
    changed.view(-1)[:1] = number
    return changed


def _of_sequence(value: Sequence) -> list[Breakage]:
    """Another length, or one element that is broken as its own kind allows."""
    kind = type(value) if type(value) in (list, tuple) else tuple
    made = [Breakage(SHAPE, "empty", lambda: kind())] + _of_no_type(3)
    if value:
        made.append(Breakage(SHAPE, "one longer", lambda: kind([*value, value[-1]])))
        made.append(Breakage(SHAPE, "one alone", lambda: kind([value[0]])))
        made += [
            Breakage(m.kind, f"first is {m.says}", lambda m=m: kind([m.broken(), *value[1:]]))
            for m in breakages(value[0])
        ]
        if isinstance(value[0], str):
            made.append(Breakage(TYPE, "one text", lambda: value[0]))
        if isinstance(value[0], int):
            made.append(Breakage(NUMBER, "one outside", lambda: kind([OUTSIDE, *value[1:]])))
    return made
