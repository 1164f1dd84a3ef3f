"""Grade a submission: each exercise's cell runs in the sandbox, its results are compared out here."""

import inspect
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Enum, Unicode

from course_utils.errors import CourseError
from course_utils.exercises.checks import Report, examine
from course_utils.exercises.compare import difference
from course_utils.exercises.running import TimeUpError
from course_utils.exercises.specs import Exercise, find, lesson_exercises
from course_utils.exercises.wording import is_tensor
from course_utils.lessons import LESSONS
from tools.assignments import answers, sandbox
from tools.assignments.cases import graded, read_secret
from tools.assignments.notebook import assignment_imports, exercise_cells, exercise_id, grade_id, source_notebook
from tools.assignments.runner import as_line
from tools.assignments.runner import plain as told

DELETED = ("  no    the cell of this exercise is not in the submission",)


class Replay:
    """A function that has run already: each call gives what came out of the sandbox next."""

    def __init__(self, exercise: Exercise, done: list[answers.Answer]):
        self.__name__ = exercise.name
        self.__signature__ = inspect.signature(exercise.reference)
        self._left: Iterator[answers.Answer] = iter(done)

    def __call__(self, *arguments: Any) -> Any:
        answer = next(self._left)
        print(answer.printed, end="")
        if answer.cut:
            raise TimeUpError
        if answer.error:
            raise answer.error
        for argument, after in zip(arguments, answer.after, strict=False):
            leave_as(argument, after)
        return iter(answer.value) if answer.iterated else answer.value


def leave_as(argument: Any, after: Any) -> None:
    """Change an argument, in place, into what the submission made of it."""
    plain = isinstance(argument, list | dict | set | np.ndarray) or is_tensor(argument)
    # A function within it comes back as an object of that name: what it told of both is the same.
    if not plain or difference(argument, after, 0.0) is None or as_line(told(argument)) == as_line(told(after)):
        return
    if isinstance(argument, list):
        argument[:] = after if isinstance(after, list) else []
    elif isinstance(argument, dict | set):
        argument.clear()
        argument.update(after if isinstance(after, Mapping | set) else ())
    else:
        argument[...] = 0 if argument.shape != after.shape else after


def verdict(number: str, source: str | None, secret: str, kind: str = "namespaces") -> Report:
    """Judge the submitted source of one exercise, None where its cell is gone, on the graded cases."""
    exercise = find(number)
    if source is None:
        return Report(exercise, "open", DELETED)
    if exercise.kind != "predict":
        exercise = graded(exercise, secret)
    lines = sandbox.run(source, exercise, assignment_imports(int(number.split(".")[0])), kind)
    done = answers.read(lines, max(1, len(exercise.hidden)))
    if exercise.kind != "predict":
        return examine(exercise, Replay(exercise, done), hidden=True)
    if done[0].cut or done[0].error:
        return Report(exercise, "attempted", (f"  no    {done[0].error or 'the time was up'}",))
    return examine(exercise, done[0].value)


class GradeInSandbox(NbGraderPreprocessor):
    """Stands where nbgrader would execute the submission: nothing of it runs but exercises' cells, in the sandbox."""

    sandbox = Enum(sandbox.KINDS, "namespaces", help="what keeps a submission in").tag(config=True)
    secret_file = Unicode("secret", help="file with the secret of the graded cases").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Give each test cell the report of its exercise as output, and an error where it is not right."""
        folder, lesson = Path(resources["metadata"]["path"]), LESSONS[int(resources["nbgrader"]["assignment"][:2])]
        refuse_links(folder.parents[2] / "submitted" / folder.parent.name / lesson.slug / f"{lesson.slug}.ipynb")
        drop_other_files(folder)
        show_as_typed(nb, source_notebook(lesson))
        restore_tests(nb, lesson.number)
        secret, begun, right = read_secret(Path(self.secret_file)), time.monotonic(), []
        sources = {exercise_id(grade_id(cell), "answer"): cell.source for cell in nb.cells if cell.cell_type == "code"}
        for cell in (cell for cell in nb.cells if cell.cell_type == "code"):
            cell.outputs, cell.execution_count = [], None
            if tested := exercise_id(grade_id(cell), "test"):
                report = verdict(tested, sources.get(tested), secret, self.sandbox)
                cell.outputs = outputs(report)
                right.append(report.passed)
        student, seconds = resources["nbgrader"]["student"], time.monotonic() - begun
        self.log.info("%s: %d of %d exercises right, %.1f s", student, sum(right), len(right), seconds)
        return nb, resources


def refuse_links(path: Path) -> None:
    """Raises CourseError where a submission is a link, or lies in one: what it leads to is not the student's."""
    for one in (path, path.parent, path.parent.parent):
        if one.is_symlink():
            raise CourseError(f"expected a submitted file, got a link at {one}; ask for the notebook itself.")


def drop_other_files(folder: Path) -> None:
    """Delete what was handed in beside notebooks: nbgrader copies it into the feedback, links to your files too."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".ipynb" and path.name != "timestamp.txt":
            path.unlink()


def show_as_typed(notebook: NotebookNode, own: NotebookNode) -> None:
    """Make all text that is not the course's own a block of code: links, HTML and formulas would act in feedback."""
    texts = {cell.source for cell in own.cells if cell.cell_type == "markdown"}
    for cell in (cell for cell in notebook.cells if cell.cell_type != "code"):
        cell.cell_type = "markdown"                     # a raw cell may be HTML
        cell.pop("attachments", None)
        if cell.source not in texts:
            cell.source = indent(cell.source, " " * 4, lambda line: True)


def restore_tests(notebook: NotebookNode, lesson: int) -> None:
    """Put test cells that were deleted to the end: without one, nbgrader waits for points by hand."""
    there = {grade_id(cell) for cell in notebook.cells}
    tests = [exercise_cells(exercise)[-1] for exercise in lesson_exercises(lesson)]
    notebook.cells += [cell for cell in tests if grade_id(cell) not in there]


def outputs(report: Report) -> list[NotebookNode]:
    """A report as a cell's outputs: text, and where the exercise is not right an error, which nbgrader counts as 0."""
    if report.passed:
        return [new_output("stream", name="stdout", text=report.text + "\n")]
    return [new_output("error", ename="NotRight", evalue=report.exercise.id, traceback=report.text.split("\n"))]
