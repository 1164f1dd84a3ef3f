"""The cases that an assignment is graded on: the exercise's hidden ones, their random numbers drawn by a secret.

Where a case draws its input from a seed, the secret takes part in that seed: who reads the course's package does not
know the input. Where it is written out, it stays as it is. What was drawn is only taken if it can grade: the reference
passes, no known mistake does, and no constant.
"""

import hashlib
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from course_utils.errors import CourseError
from course_utils.exercises.checks import examine
from course_utils.exercises.compare import difference
from course_utils.exercises.running import call
from course_utils.exercises.specs import Case, Exercise

DRAWS = 20  # before an exercise is taken as it stands in the package


def read_secret(path: Path) -> str:
    """The instructor's secret. Raises CourseError where the course folder has none yet."""
    if not path.exists():
        raise CourseError(f"expected the secret of the graded cases at {path}, got nothing; type `make assignments`.")
    return path.read_text(encoding="utf-8").strip()


def ensure_secret(path: Path) -> str:
    """The instructor's secret, made where there is none: 32 random characters, in a folder for their owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)                            # submissions and grades will lie here too
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16) + "\n", encoding="utf-8")
    return read_secret(path)


@cache
def graded(exercise: Exercise, secret: str) -> Exercise:
    """The exercise as it is graded: its hidden cases redrawn, or unchanged where none of them draws anything."""
    for number in range(DRAWS):
        key = f"{secret}/{exercise.id}/{number}"
        redrawn = tuple(Case(partial(_redrawn, case.arguments, key)) for case in exercise.hidden)
        drawn = replace(exercise, hidden=redrawn)
        if not is_secret(drawn, exercise):
            return exercise
        if can_grade(drawn):
            return drawn
    return exercise


def is_secret(drawn: Exercise, exercise: Exercise) -> bool:
    """True where at least one graded input differs from the one in the package."""
    pairs = zip(drawn.hidden, exercise.hidden, strict=True)
    return any(difference(case.arguments(), public.arguments()) for case, public in pairs)


def can_grade(exercise: Exercise) -> bool:
    """True where the hidden cases let the reference pass, and no known mistake, no constant and no visible case."""
    if not examine(exercise, exercise.reference, hidden=True).passed:
        return False
    results = [call(exercise.reference, case.arguments(), exercise.seconds).value for case in exercise.hidden]
    varied = any(difference(results[0], other) for other in results[1:])
    return varied and _are_new(exercise) and not _lets_a_mistake_pass(exercise)


def _are_new(exercise: Exercise) -> bool:
    return all(difference(new.arguments(), old.arguments()) for new in exercise.hidden for old in exercise.cases)


def _lets_a_mistake_pass(exercise: Exercise) -> bool:
    return any(examine(exercise, mistake.wrong, hidden=True).passed for mistake in exercise.misconceptions)


def _redrawn(arguments: Callable[[], tuple], key: str) -> tuple:
    with _seeded_by(key):
        return arguments()


@contextmanager
def _seeded_by(key: str) -> Iterator[None]:
    """Within, each generator that an exercise's case asks for is seeded from its own seed and the key."""

    def mixed(seed: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{key}/{seed}".encode()).digest()[:6], "big")

    def reseeded(make: Callable) -> Callable:
        return lambda seed: make(mixed(seed))

    lessons = [module for name, module in sys.modules.items() if name.startswith("course_utils.exercises.lesson")]
    with ExitStack() as stack:
        for module in (module for module in lessons if hasattr(module, "generator")):
            stack.enter_context(patch.object(module, "generator", reseeded(module.generator)))
        stack.enter_context(patch.object(np.random, "default_rng", reseeded(np.random.default_rng)))
        yield
