"""What an exercise is, and how one is found by its id. Data only: running and judging are in `running` and `checks`."""

import ast
import difflib
import importlib
import importlib.util
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS

KINDS = ("write", "debug", "predict")


class UnknownExerciseError(CourseError):
    """No exercise or quiz has this id; the message names the nearest one."""


@dataclass(frozen=True)
class Case:
    """One call of the exercise's function.

    `arguments` builds the positional arguments afresh each time, so that a function which changes them spoils nothing.
    """

    arguments: Callable[[], tuple]


@dataclass(frozen=True)
class Invariant:
    """A fact that every right result has: a sentence, and `holds(result, *arguments) -> bool`."""

    sentence: str
    holds: Callable[..., bool]


@dataclass(frozen=True)
class Misconception:
    """A usual mistake: a wrong implementation (for a `predict` exercise, a wrong value) and what to tell its author.

    `sentence` is text, or a function of the case's arguments that returns text with the values worked in.
    """

    name: str
    wrong: Any
    sentence: str | Callable[..., str]

    def explain(self, arguments: tuple = ()) -> str:
        """The sentence for one set of arguments."""
        return self.sentence(*arguments) if callable(self.sentence) else self.sentence


@dataclass(frozen=True)
class Exercise:
    """One exercise. `cases` and `hidden` go from the smallest to the largest, so that a report shows the smallest.

    kind: "write" (fill in a stub), "debug" (mend a stub that is wrong) or "predict" (a value worked out on paper).
    reference: the right function, or the right value of a `predict` exercise.
    imports: the lines a notebook has run before the stub; the stub and the solution may use these names and no others.
    solution: the source to show, where the reference's own source does not stand alone.
    tolerance: relative, for floating-point values. seconds: the time a check may take in all.
    """

    id: str
    title: str
    minutes: int
    difficulty: int
    stub: str
    reference: Any
    hints: tuple[str, ...]
    misconceptions: tuple[Misconception, ...]
    cases: tuple[Case, ...] = ()
    hidden: tuple[Case, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    imports: tuple[str, ...] = ()
    kind: str = "write"
    solution: str = ""
    tolerance: float = 1e-6
    seconds: float = 10.0

    @property
    def name(self) -> str:
        """The name that the stub defines: of its last function or class, or of the variable it assigns."""
        statement = ast.parse(self.stub).body[-1]
        return statement.targets[0].id if isinstance(statement, ast.Assign) else statement.name

    @property
    def heading(self) -> str:
        """The Markdown heading that stands above the exercise in its notebook."""
        stars = "●" * self.difficulty + "○" * (3 - self.difficulty)
        title = self.title[0].upper() + self.title[1:]
        return f"### Exercise {self.id} · {title}  ·  {self.minutes} min  ·  {stars}"

    def given(self) -> Any:
        """What the stub defines, as the reader first finds it."""
        names: dict[str, Any] = {}
        exec("\n".join([*self.imports, self.stub]), names)
        return names[self.name]

    def solution_source(self) -> str:
        """Source text that can stand in the stub's place: it needs `imports` and nothing else."""
        return (self.solution or textwrap.dedent(inspect.getsource(self.reference))).strip("\n")


@dataclass(frozen=True)
class Option:
    """One answer of a quiz question, and why it is right or wrong."""

    text: str
    explanation: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """One quiz question; exactly one of its options is right."""

    text: str
    options: tuple[Option, ...]

    @property
    def answer(self) -> int:
        """The number of the right option, counted from 1."""
        return 1 + [option.right for option in self.options].index(True)


def lesson_module(number: int):
    """The module that holds a lesson's `EXERCISES` and `QUIZ`, or None where the lesson has none yet."""
    name = f"course_utils.exercises.lesson{number:02d}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def lesson_exercises(number: int) -> tuple[Exercise, ...]:
    """The exercises of one lesson in order; empty where the lesson has none yet."""
    return getattr(lesson_module(number), "EXERCISES", ())


def lesson_quiz(number: int) -> tuple[Question, ...]:
    """The quiz of one lesson; empty where the lesson has none yet."""
    return getattr(lesson_module(number), "QUIZ", ())


def all_exercises() -> tuple[Exercise, ...]:
    """Every exercise of the course, lesson by lesson."""
    return tuple(exercise for lesson in LESSONS for exercise in lesson_exercises(lesson.number))


def find(exercise_id: str) -> Exercise:
    """The exercise with this id. Only its own lesson is imported. Raises UnknownExerciseError with the nearest id."""
    wanted = str(exercise_id)
    lesson = wanted.partition(".")[0]
    if lesson.isdecimal():
        for exercise in lesson_exercises(int(lesson)):
            if exercise.id == wanted:
                return exercise
    raise UnknownExerciseError(f'there is no exercise "{wanted}"; {_nearest(wanted)}')


def _nearest(wanted: str) -> str:
    ids = [exercise.id for exercise in all_exercises()]
    close = difflib.get_close_matches(wanted, ids, n=1, cutoff=0.0)
    return f'the nearest is "{close[0]}".' if close else "no lesson has exercises yet."
