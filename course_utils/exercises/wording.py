"""Values in words: short, on one line, and the same in every run (no addresses, no set order)."""

import re
from collections.abc import Mapping, Set

import numpy as np

LIMIT = 60
LIMIT_OF_INPUT = 90
VALUES_SHOWN = 16
ADDRESS = re.compile(r"\b(?: at)? ?0x[0-9a-fA-F]+")


def without_addresses(text: str) -> str:
    """The text less the memory addresses that Python puts into the names of objects."""
    return ADDRESS.sub("", text)


def is_tensor(value) -> bool:
    """True for a torch tensor; torch itself need not be imported to know."""
    return type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach")


def number_text(value, digits: int = 4) -> str:
    """A number to read: whole numbers exactly, others to a few significant digits."""
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.{digits}g}" if isinstance(value, float | complex) else str(value)


def same_looking(expected, got) -> tuple[str, str]:
    """Two unequal numbers with just as many digits as it takes to tell them apart."""
    for digits in (4, 6, 8, 12, 17):
        texts = number_text(expected, digits), number_text(got, digits)
        if texts[0] != texts[1]:
            return texts
    return repr(expected), repr(got)


def a(value) -> str:
    """What kind of thing a value is, with its article: "a list", "a NumPy array", "a number"."""
    if value is None:
        return "None"
    if isinstance(value, bool | np.bool_):
        return "True or False"
    if is_tensor(value):
        return "a torch tensor"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    if isinstance(value, int | float | np.number):
        return "a number"
    name = {"str": "text (str)"}.get(type(value).__name__)
    return name or _with_article(type(value).__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def brief(value, limit: int = LIMIT) -> str:
    """A value in at most `limit` characters. Arrays of more than 16 values are named by their shape."""
    if isinstance(value, float | np.number):
        text = number_text(value)
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        text = _brief_array(value)
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{brief(key)}: {brief(item)}" for key, item in _few(value.items())) + "}"
    elif isinstance(value, list | tuple):
        text = _brackets(value).format(", ".join(brief(item) for item in _few(value)))
    elif isinstance(value, Set):
        text = "{" + ", ".join(sorted(brief(item) for item in value)) + "}"
    elif callable(value):
        text = getattr(value, "__name__", type(value).__name__)
    else:
        text = repr(value) if type(value).__repr__ is not object.__repr__ else a(value)
    text = without_addresses(text).replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def call_text(names: list[str], arguments: tuple) -> str:
    """The arguments of a call, by name: `tokens = ['a', 'b'], n = 2`."""
    return ", ".join(f"{name} = {brief(value, LIMIT_OF_INPUT)}" for name, value in zip(names, arguments, strict=False))


def _few(items):
    return list(items)[: LIMIT + 1]


def _brackets(value) -> str:
    if isinstance(value, list):
        return "[{}]"
    return "({},)" if len(value) == 1 else "({})"


def _brief_array(value) -> str:
    values = value.tolist()
    if np.prod(value.shape) <= VALUES_SHOWN:
        return brief(values, LIMIT_OF_INPUT)
    shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    return f"{a(value)} {shape} of {dtype}"
