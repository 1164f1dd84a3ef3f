"""Every public function, class and method of the course that takes text, arrays, shapes or numbers, by a walk."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import cache

import torch

import course_utils

KINDS = (
    "str", "bytes", "int", "float", "Tensor", "ndarray", "Sequence", "Iterable", "Collection", "list[", "tuple[",
    "dict[", "Mapping", "csr_array",
)  # fmt: skip
ROOT = course_utils.__name__ + "."


def modules() -> list[str]:
    """The names of all modules below `course_utils`, without that beginning."""
    return [found.name.removeprefix(ROOT) for found in pkgutil.walk_packages(course_utils.__path__, ROOT)]


@cache
def callables_of(module: str) -> dict[str, Callable]:
    """What a module defines for others and that takes such arguments: `module.name` or `module.Class.name`."""
    space = importlib.import_module(ROOT + module)
    own = {name: value for name, value in vars(space).items() if getattr(value, "__module__", None) == space.__name__}
    found = {f"{module}.{path}": value for name, value in own.items() for path, value in _parts(name, value)}
    return {path: value for path, value in found.items() if takes_what_can_be_wrong(value)}


def is_record(value: Callable) -> bool:
    """Whether it is a dataclass that keeps what it is given and looks at nothing: results, and rows of a table."""
    return is_dataclass(value) and not hasattr(value, "__post_init__")


def _parts(name: str, value) -> Iterator[tuple[str, Callable]]:
    """A function as it is; a class as its constructor and each public method that it writes itself."""
    if name.startswith("_") or not callable(value) or inspect.isclass(value) and issubclass(value, BaseException):
        return
    yield name, value
    for method, function in vars(value).items() if inspect.isclass(value) else ():
        plain = function.__func__ if isinstance(function, classmethod | staticmethod) else function
        public = method == "__call__" or not method.startswith("_")
        if public and inspect.isfunction(plain) and plain.__module__ == value.__module__:
            yield f"{name}.{method}", plain


def takes_what_can_be_wrong(function: Callable) -> bool:
    """Whether one of its parameters is text, an array, a shape or a number by its annotation, or has no annotation."""
    if inspect.isclass(function) and function.__init__ is torch.nn.Module.__init__:
        return False                                               # some versions of it take *args, and refuse them
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return False
    return any(_matters(parameter) for parameter in parameters if parameter.name not in ("self", "cls"))


def _matters(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return True
    written = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return any(kind in written for kind in KINDS)
