"""What came out of the sandbox, as Python values again. It is plain data: reading it runs nothing of the submission."""

import base64
import builtins
import json
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tools.assignments.sandbox import Lines

DTYPES = "biufcUS"                                      # numbers and text: no dtype that holds Python objects


@dataclass(frozen=True)
class Answer:
    """One call in the sandbox. after: the arguments as the call left them; cut: why it never came back, else ""."""

    value: Any = None
    error: Exception | None = None
    iterated: bool = False
    after: tuple = ()
    printed: str = ""
    cut: str = ""


def read(lines: Lines, count: int) -> list[Answer]:
    """The answers to `count` calls. Calls that are missing were cut off, or the process ended before them.

    A submission can write what it likes, so a line that makes no sense is an error of the submission's.
    """
    answers = [_answer(line) for line in lines.lines[:count]]
    if len(answers) == 1 and answers[0].error:          # the cell itself failed, before any call
        answers *= count
    missing = Answer(cut=lines.cut) if lines.cut == "time" else Answer(error=_lost(lines.cut))
    return answers + [missing] * (count - len(answers))


def _lost(cut: str) -> Exception:
    return RuntimeError("the result is too large" if cut == "size" else "the process ended without an answer")


def _answer(line: bytes) -> Answer:
    try:
        told = json.loads(line)
        printed = str(told.get("printed", ""))
        if "error" in told:
            return Answer(error=error(str(told["error"]), told["arguments"]), printed=printed)
        after = tuple(value(one) for one in told.get("after", ()))
        return Answer(value(told["value"]), None, bool(told["iterated"]), after, printed)
    except Exception as reason:
        return Answer(error=RuntimeError(f"an answer that cannot be read: {type(reason).__name__}"))


def error(name: str, arguments: list) -> Exception:
    """The exception of this name; of a name that Python itself does not know, one that is called so."""
    known = getattr(builtins, name, None)
    if not (isinstance(known, type) and issubclass(known, Exception)):
        known = named(name, Exception)
    try:
        return known(*arguments)
    except TypeError:                                   # one that takes other arguments, such as UnicodeDecodeError
        return named(name, Exception)(*arguments)


def value(told: Any) -> Any:
    """The value that the sandbox told of; of a type that no exercise asks for, an empty object of a type called so."""
    if not isinstance(told, dict):
        return told
    kind, of = told["is"], told.get("of")
    if kind in ("list", "tuple", "set"):
        return {"list": list, "tuple": tuple, "set": set}[kind](value(one) for one in of)
    if kind == "mapping":
        pairs = {value(key): value(one) for key, one in of}
        return Counter(pairs) if told["name"] == "Counter" else pairs
    if kind == "fraction":
        return Fraction(*of)
    return array(told) if kind in ("array", "number") else named(str(told["name"]), object)()


def array(told: dict) -> Any:
    """A NumPy array, a NumPy number or a torch tensor from its bytes. Raises ValueError for what is neither."""
    dtype = np.dtype(told["dtype"])
    if dtype.kind not in DTYPES:
        raise ValueError(f"expected numbers, got {dtype}")
    whole = np.frombuffer(base64.b64decode(told["of"]), dtype=dtype).reshape(told["shape"]).copy()
    if "torch" in told:
        import torch  # takes two seconds, so only for the lessons that use it

        wanted = getattr(torch, told["torch"])
        if not isinstance(wanted, torch.dtype):
            raise ValueError(f"expected a dtype of torch, got {wanted}")
        return torch.from_numpy(whole).to(wanted).requires_grad_(bool(told.get("grad")))
    return whole if told["is"] == "array" else whole[()]


def named(name: str, base: type) -> type:
    """A type that has nothing but this name."""
    return type(name[:60] or "Unnamed", (base,), {})
