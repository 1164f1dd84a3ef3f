"""One right call of a function, the same call broken, and what is thought of the outcome."""

import math
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator
from tests.bad_input.breaking import LONG, NOT_FINITE, TYPE, Breakage, breakages
from tests.bad_input.callables import ROOT

LOOKED_AT = 20                                                      # items of an endless result
PYTHONS_OWN = (TypeError, AttributeError)                           # what Python says of None, or of a text, itself
EXPECTATION = re.compile(
    r"\b(expected|expects|should|must|needs?|has to|have to|at least|at most|the nearest is)\b"
    r"((?!, got)[^.;]|\.(?=\S))+"                                  # up to the end of its clause
)
CAME = re.compile(
    r"\d|['\"“]|\(\)|\[\]|\{\}|torch\.\w+|\b(None|True|False|NoneType|bool|float|int|str|nan|inf|infinity)\b"
    r"|\b(no|none|nothing|empty|blank)\b"
)
WITHOUT_EXPECTATION = ("FitConfig takes either steps or seconds", "There is nothing to do in ")    # fit_config.py


@dataclass(frozen=True)
class Made:
    """An argument that is made anew for each call and never broken: a model, a generator, a vocabulary."""

    make: Callable[[], object]


RANDOM = Made(lambda: generator(0))


@dataclass(frozen=True)
class Case:
    """A right call of `name`, a path below course_utils; `on` makes the object that a method belongs to.

    `then` goes on with the result, as batches are asked for a step; `infinite`: -inf is an answer; `whole`: arguments
    that are not broken, because the function does not promise to look at them, or single mistakes that it answers on
    purpose, as "mask: all false"; `slow`: a model reads each letter, so no long text comes; `right` is what must hold
    of a result.
    """

    name: str
    arguments: Mapping[str, object]
    on: Callable[[], object] | None = None
    then: Callable[[object], object] | None = None
    infinite: bool = False
    whole: frozenset[str] = frozenset()
    slow: bool = False
    right: Callable[[object, Mapping], bool] | None = None

    @property
    def covers(self) -> str:
        """The name of the function that is called: of an inherited method, that of the class which writes it."""
        if self.on is None:
            return self.name
        function = getattr(type(self.on()), self.name.rpartition(".")[2])
        return f"{function.__module__}.{function.__qualname__}".removeprefix(ROOT)

    def mistakes(self) -> list[tuple[str, Breakage]]:
        """Each argument with each thing that can be wrong with it."""
        broken = [(key, value) for key, value in self.arguments.items() if key not in self.whole]
        made = [(key, mistake) for key, value in broken for mistake in breakages(value)]
        made = [(key, mistake) for key, mistake in made if f"{key}: {mistake.says}" not in self.whole]
        return [(key, mistake) for key, mistake in made if not (self.slow and LONG in mistake.says)]

    def call(self, mistakes: Mapping[str, Breakage]) -> object:
        """The result of the call with these arguments broken."""
        arguments = {key: value.make() if isinstance(value, Made) else value for key, value in self.arguments.items()}
        arguments |= {key: mistake.broken() for key, mistake in mistakes.items()}
        result = _function(self.name, self.on)(**arguments)
        result = result if self.then is None else self.then(result)
        return list(islice(result, LOOKED_AT)) if isinstance(result, Iterator) else result


def _function(name: str, on: Callable | None) -> Callable:
    """What a dotted name below course_utils stands for; the method of a fresh object where `on` makes one."""
    return pkgutil.resolve_name(ROOT + name) if on is None else getattr(on(), name.rpartition(".")[2])


def fault_of(case: Case, mistakes: Mapping[str, Breakage]) -> str | None:
    """What is wrong with how the function takes these mistakes; None where it answers, or says what is wrong."""
    kinds = {mistake.kind for mistake in mistakes.values()}
    told = ", ".join(f"{key}: {mistake.says}" for key, mistake in mistakes.items()) or "a right call"
    try:
        result = case.call(mistakes)
    except CourseError as error:
        return None if mistakes and is_sentence(str(error)) else f"{case.name} ({told}) says only: {str(error)[:150]}"
    except Exception as error:
        if TYPE in kinds and isinstance(error, PYTHONS_OWN):
            return None
        return f"{case.name} ({told}) raises {type(error).__name__}: {str(error)[:150]}"
    if NOT_FINITE not in kinds and any(_bad(number, case.infinite) for number in numbers_in(result)):
        return f"{case.name} ({told}) gives numbers that are not finite"
    if not mistakes and case.right is not None and not case.right(result, case.arguments):
        return f"{case.name} gives another result than it should"
    return None


def is_sentence(text: str) -> bool:
    """Whether a message says what came, and then what was expected; or what was expected, and then what it got.

    Tested: five words or more, with an end; one of the words for an expectation; and before it, or behind a "got", a
    sign of what came: a number, a quotation, a dtype, a bracket with nothing in it, or a word for nothing. Not tested:
    whether the number is the one that came, whether what is expected is right, and whether it says what to do.
    """
    if len(text.split()) < 5 or text.rstrip()[-1] not in ".?)":
        return False
    if text.startswith(WITHOUT_EXPECTATION):
        return True
    expectation = EXPECTATION.search(text)
    if expectation is None:
        return False
    got = re.search(r"\bgot\b.*", text[expectation.end() :])
    return bool(CAME.search(text[: expectation.start()]) or got and CAME.search(got[0]))


def _bad(number: float, infinite: bool) -> bool:
    return math.isnan(number) or (math.isinf(number) and not infinite)


def numbers_in(result) -> Iterator[float]:
    """The numbers of a result; of an array only whether there is a nan or an infinity."""
    if isinstance(result, torch.Tensor):
        if result.is_floating_point() and not result.is_mkldnn:
            yield from _signs(result.detach().double())
    elif isinstance(result, np.ndarray):
        if result.dtype.kind == "f":
            yield from _signs(torch.as_tensor(result).double())
    elif isinstance(result, float | np.floating):
        yield float(result)
    elif isinstance(result, Mapping):
        yield from (number for value in result.values() for number in numbers_in(value))
    elif isinstance(result, list | tuple):
        yield from (number for value in result[:LOOKED_AT] for number in numbers_in(value))
    elif is_dataclass(result) and not isinstance(result, type):
        yield from (number for part in fields(result) for number in numbers_in(getattr(result, part.name)))


def _signs(x: torch.Tensor) -> Iterator[float]:
    if x.isnan().any():
        yield math.nan
    if x.isinf().any():
        yield math.inf
