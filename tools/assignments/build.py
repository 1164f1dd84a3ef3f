"""Write the course folder for nbgrader: instructor's and students' versions, the settings, the secret."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from course_utils.errors import CourseError
from course_utils.exercises.specs import lesson_exercises
from course_utils.lessons import LESSONS, Lesson
from course_utils.paths import REPOSITORY
from tools.assignments.cases import ensure_secret, graded
from tools.assignments.notebook import source_notebook, total_points
from tools.notebooks.files import as_text, write_text

SETTINGS = REPOSITORY / "classroom" / "nbgrader_config.py"
COURSE_FOLDER = REPOSITORY / "grading"                 # not in build/, which `make clean` deletes


@dataclass(frozen=True)
class Row:
    """What one assignment holds: its exercises, and how many of them are graded on secret, public or no cases."""

    lesson: Lesson
    exercises: int
    points: int
    secret: int
    public: int
    values: int


def chosen_lessons(names: list[str]) -> list[Lesson]:
    """The lessons whose notebooks begin with one of the names; all without a name. Raises CourseError for no lesson."""
    for name in names:
        if not any(lesson.slug.startswith(name) for lesson in LESSONS):
            raise CourseError(f"expected a lesson, 00 to 16, got {name!r}; type make assignments LESSON=06.")
    return [lesson for lesson in LESSONS if not names or any(lesson.slug.startswith(name) for name in names)]


def build(lessons: list[Lesson], folder: Path = COURSE_FOLDER) -> None:
    """Write the instructor's notebooks, and let nbgrader make the students' versions of them.

    A secret and a gradebook that are there already stay. Raises CourseError where nbgrader refuses a notebook.
    """
    ensure_secret(folder / "secret")
    shutil.copyfile(SETTINGS, folder / SETTINGS.name)
    for lesson in lessons:
        write_text(folder / "source" / lesson.slug / f"{lesson.slug}.ipynb", as_text(source_notebook(lesson)))
    nbgrader = api(folder)
    for lesson in lessons:
        done = nbgrader.generate_assignment(lesson.slug, force=True, create=True)
        if not done["success"]:
            raise CourseError(f"nbgrader could not make the assignment {lesson.slug}:\n{done['log']}")


def api(folder: Path) -> NbGraderAPI:
    """nbgrader for a course folder, with the settings that lie in it."""
    settings = PyFileConfigLoader(SETTINGS.name, path=str(folder)).load_config()
    settings.merge(Config(NbGraderAPI={"log_level": logging.ERROR}))
    return NbGraderAPI(CourseDirectory(config=settings), config=settings)


def row(lesson: Lesson, secret: str) -> Row:
    """What an assignment is graded on."""
    exercises = lesson_exercises(lesson.number)
    functions = [exercise for exercise in exercises if exercise.kind != "predict"]
    drawn = sum(graded(exercise, secret) is not exercise for exercise in functions)
    values = len(exercises) - len(functions)
    return Row(lesson, len(exercises), total_points(lesson), drawn, len(functions) - drawn, values)
