"""The notebook of an assignment, as its instructor has it: a lesson's exercises, each with its solution and tests.

nbgrader makes the students' version of it: it takes out what stands between the marks of solutions and hidden tests.
"""

import math

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.nbgraderformat import SCHEMA_VERSION

from course_utils.exercises.specs import Exercise, lesson_exercises
from course_utils.lessons import Lesson
from tools.notebooks.files import METADATA

INTRODUCTION = """\
# Assignment {lesson.label} · {lesson.title}

The {count} exercises of lesson {lesson.label}, {points} points. The lesson says what they are about.

- Each exercise is graded alone, by the one cell that you fill in. Keep helpers and further imports in that cell.
- `check` shows what is wrong, on cases that you may see. The points are given on other cases, all within {seconds:g} s.
- An exercise is right or it is not. Plain Python only: a line that begins with `%` or `!` counts as an error.
"""
TESTS = """\
# {points} points, given on other cases than those of the check above
### BEGIN HIDDEN TESTS
from course_utils.exercises.checks import examine
from course_utils.exercises.specs import find

report = examine(find("{exercise.id}"), {exercise.name}, hidden=True)
assert report.passed, report.text
### END HIDDEN TESTS"""


def points(exercise: Exercise) -> int:
    """What an exercise is worth: a point for each ● of its difficulty, and one for every five minutes begun."""
    return exercise.difficulty + math.ceil(exercise.minutes / 5)


def total_points(lesson: Lesson) -> int:
    """What an assignment is worth."""
    return sum(map(points, lesson_exercises(lesson.number)))


def assignment_imports(lesson: int) -> tuple[str, ...]:
    """The imports at the top of an assignment: those of all its exercises, each once."""
    return tuple(dict.fromkeys(line for exercise in lesson_exercises(lesson) for line in exercise.imports))


def source_notebook(lesson: Lesson) -> NotebookNode:
    """The instructor's notebook of a lesson's exercises, without outputs."""
    exercises = lesson_exercises(lesson.number)
    seconds = max(exercise.seconds for exercise in exercises)
    text = INTRODUCTION.format(lesson=lesson, count=len(exercises), points=total_points(lesson), seconds=seconds)
    imports = ["from course_utils.exercises import check, hint", *assignment_imports(lesson.number)]
    cells = [new_markdown_cell(text.strip()), _cell("given", "\n".join(imports), locked=True)]
    for exercise in exercises:
        cells += exercise_cells(exercise)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:03d}"                  # the same source gives the same file
    return new_notebook(cells=cells, metadata=from_dict(METADATA))


def exercise_cells(exercise: Exercise) -> list[NotebookNode]:
    """The four cells of an exercise: heading, stub and solution, the visible check, the graded tests."""
    solution = f"### BEGIN SOLUTION\n{exercise.solution_source()}\n### END SOLUTION"
    tests = TESTS.format(exercise=exercise, points=points(exercise))
    return [
        new_markdown_cell(exercise.heading),
        _cell(id_of("answer", exercise), f"{exercise.stub.strip()}\n{solution}", solution=True),
        _cell(id_of("check", exercise), f'check("{exercise.id}", {exercise.name})', locked=True),
        _cell(id_of("test", exercise), tests, locked=True, grade=True, points=points(exercise)),
    ]


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's id of a cell, "" where it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def id_of(kind: str, exercise: Exercise) -> str:
    """nbgrader's id for a cell of an exercise, which may hold no dot: "answer-1-2" for the kind "answer"."""
    return f"{kind}-{exercise.id.replace('.', '-')}"


def exercise_id(grade_id: str, kind: str) -> str | None:
    """The exercise to which the cell of this kind with this id belongs; None where it is of another kind."""
    return grade_id.removeprefix(f"{kind}-").replace("-", ".") if grade_id.startswith(f"{kind}-") else None


def _cell(grade_id: str, source: str, **what: bool | int) -> NotebookNode:
    told = {"schema_version": SCHEMA_VERSION, "grade_id": grade_id, "task": False}
    marks = dict.fromkeys(("grade", "locked", "solution"), False)
    return new_code_cell(source, metadata={"nbgrader": {**told, **marks, **what}})
