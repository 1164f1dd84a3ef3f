"""Assignments by nbgrader: what students get, and what five submissions are given, one of them hostile."""

import hashlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
import torch
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator

from course_utils.exercises.compare import difference
from course_utils.exercises.specs import Case, find, lesson_exercises
from course_utils.lessons import LESSONS
from tools.assignments import sandbox
from tools.assignments.answers import read
from tools.assignments.build import build, chosen_lessons
from tools.assignments.cases import can_grade, graded
from tools.assignments.grading import verdict
from tools.assignments.notebook import id_of, points, source_notebook, total_points

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore::RuntimeWarning")]

SLUG = "01_ngrams"
EXERCISES = lesson_exercises(1)
CANARY = "canary-4f1d9c"
SECRET = "the secret of a test"
LOOP = "def conditional_probability(tokens, context, word):\n    while True:\n        pass\n"


def attack(canary: Path) -> str:
    """A cell that prints and raises what it can read of the machine it is graded on, and writes to the canary alone."""
    return f'''
def count_ngrams(tokens, n):
    found = []
    for path in ("{canary}", "/outside{canary}", "/proc/1/root{canary}", "/etc/passwd"):
        try:
            found.append(open(path).read(200))
        except OSError as error:
            found.append(str(error))
    print(found)
    try:
        open("{canary}", "w").write("overwritten")
    finally:
        raise ValueError(str(found)[:1500])
'''


FORGE = '''
import builtins, json, os, sys
for number in range(3, 64):
    try:
        os.write(number, json.dumps({"value": 1.0, "iterated": False, "after": [], "printed": ""}).encode() + b"\\n")
    except OSError:
        pass
builtins.isinstance = lambda *_: True

class Agreeable(float):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True

def bits_per_byte(log_probs, text):
    return Agreeable("nan")
'''
PATCH = '''
import course_utils.exercises.checks as checks
checks.examine = lambda *_, **__: type("Report", (), {"passed": True, "text": ""})
def interpolate(estimates, weights, vocabulary_size):
    return 0.0
'''
MEMORY = '''
def kneser_ney_discounts(counts):
    return len(bytearray(64 << 30))
'''
QUIT = '''
import os
def continuation_counts(bigrams):
    os._exit(0)
'''


def hostile_answers(canary: Path) -> dict[str, str]:
    """The cells of the hostile submission, by exercise; 1.3 and 1.5 are honest and right."""
    right = {number: find(number).solution_source() for number in ("1.3", "1.5")}
    bad = {"1.1": attack(canary), "1.2": LOOP, "1.4": FORGE, "1.6": PATCH, "1.7": MEMORY, "1.8": QUIT}
    return right | bad


def cell_of(notebook: nbformat.NotebookNode, grade_id: str) -> nbformat.NotebookNode:
    """The cell with this id of nbgrader's."""
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def hand_in(course: Path, student: str, answers: dict[str, str], change=lambda notebook: None) -> None:
    """Put a submission into the course folder: the released notebook with these cells filled in."""
    notebook = nbformat.read(course / "release" / SLUG / f"{SLUG}.ipynb", as_version=4)
    for number, source in answers.items():
        cell_of(notebook, id_of("answer", find(number))).source = source
    change(notebook)
    path = course / "submitted" / student / SLUG / f"{SLUG}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def without_cells_of_1_2(notebook: nbformat.NotebookNode) -> None:
    """Delete the cells of exercise 1.2, the graded one too."""
    gone = [id_of(kind, find("1.2")) for kind in ("answer", "test")]
    notebook.cells = [one for one in notebook.cells if one.metadata.get("nbgrader", {}).get("grade_id") not in gone]


def with_tests_of_its_own(notebook: nbformat.NotebookNode) -> None:
    """Give the graded cell of 1.2 a hundred points and no test; begin with a cell that writes a file, and a script."""
    cell = cell_of(notebook, id_of("test", find("1.2")))
    cell.source, cell.metadata.nbgrader.points = "pass", 100
    notebook.cells.insert(0, nbformat.v4.new_code_cell("open('written-by-a-submission', 'w').close()"))
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("<script>steal()</script><img src=x onerror='steal()'>"))


def run_nbgrader(course: Path, *arguments: str) -> subprocess.CompletedProcess:
    """nbgrader's own command, in the course folder."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)


def digest(folder: Path) -> str:
    """A hash of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder in which nbgrader has graded five submissions and written the feedback."""
    folder = tmp_path_factory.mktemp("course")
    build(chosen_lessons(["01"]), folder)
    canary = folder / "canary"
    canary.write_text(CANARY)
    right = {exercise.id: exercise.solution_source() for exercise in EXERCISES}
    hand_in(folder, "perfect", right)
    hand_in(folder, "empty", {})
    hand_in(folder, "half", {number: right[number] for number in ("1.2", "1.4", "1.6", "1.8")})
    hand_in(folder, "deleted", right, without_cells_of_1_2)
    hand_in(folder, "hostile", hostile_answers(canary), with_tests_of_its_own)
    (folder / "submitted" / "hostile" / SLUG / "notes.txt").symlink_to(canary)
    before = digest(folder / "source")
    for command in ("autograde", "generate_feedback"):
        done = run_nbgrader(folder, command, SLUG)
        assert done.returncode == 0, done.stderr
        print(*[line for line in done.stderr.splitlines() if "exercises right" in line], sep="\n")
    assert digest(folder / "source") == before
    return folder


def scores(course: Path, student: str) -> dict[str, float]:
    """The points of a submission by exercise, as they stand in nbgrader's gradebook."""
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grades = gradebook.find_submission_notebook(SLUG, SLUG, student).grades
        return {one.name.removeprefix("test-").replace("-", "."): one.score for one in grades}


def test_a_perfect_submission_has_all_points(course):
    assert scores(course, "perfect") == {exercise.id: points(exercise) for exercise in EXERCISES}
    assert sum(scores(course, "perfect").values()) == total_points(LESSONS[1]) == 29


def test_an_empty_submission_has_none(course):
    assert scores(course, "empty") == dict.fromkeys((exercise.id for exercise in EXERCISES), 0)


def test_a_half_right_submission_has_the_points_of_its_right_half(course):
    assert scores(course, "half") == {"1.1": 0, "1.2": 4, "1.3": 0, "1.4": 4, "1.5": 0, "1.6": 4, "1.7": 0, "1.8": 4}


def test_a_deleted_cell_counts_as_0_and_the_rest_as_it_is(course):
    full = {exercise.id: points(exercise) for exercise in EXERCISES}
    assert scores(course, "deleted") == full | {"1.2": 0}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        assert not gradebook.find_submission(SLUG, "deleted").needs_manual_grade


def test_a_hostile_submission_has_the_points_of_its_honest_cells_alone(course):
    honest = {number: points(find(number)) for number in ("1.3", "1.5")}
    assert scores(course, "hostile") == dict.fromkeys((exercise.id for exercise in EXERCISES), 0) | honest


def test_what_a_submission_reads_of_the_machine_appears_nowhere(course):
    assert (course / "canary").read_text() == CANARY
    files = [path for path in course.rglob("*") if path.is_file() and path.resolve() != (course / "canary").resolve()]
    assert any(path.suffix == ".html" for path in files) and course / "gradebook.db" in files
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    assert not [path for path in files if b"root:x:0" in path.read_bytes()]


def test_no_cell_runs_but_those_of_exercises(course):
    assert not list(course.rglob("written-by-a-submission"))


def test_feedback_names_the_mistake_and_keeps_the_secret(course):
    feedback = (course / "feedback" / "hostile" / SLUG / f"{SLUG}.html").read_text()
    assert "is there a loop that never ends?" in feedback
    assert "No module named" in feedback and "course_utils.exercises" in feedback
    assert (course / "secret").read_text().strip() not in feedback
    assert "steal()" in feedback and not re.search(r"<script>steal|<img[^>]*onerror", feedback)


def test_the_attack_reads_and_writes_where_there_is_no_sandbox(tmp_path):
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    report = verdict("1.1", attack(canary), SECRET, "limits")
    assert CANARY in report.text and canary.read_text() == "overwritten"


def test_a_loop_is_stopped_when_the_time_of_its_exercise_is_up():
    exercise = replace(find("1.2"), seconds=1.0)
    lines = sandbox.run(LOOP, exercise, ())
    assert lines.cut == "time" and lines.lines == ()


def test_without_a_sandbox_nothing_is_graded(monkeypatch):
    monkeypatch.setattr(sandbox, "NAMESPACES", ["--no-such-namespace"])
    with pytest.raises(sandbox.SandboxError, match="expected a sandbox of Linux namespaces(.|\n)*Nothing was graded"):
        verdict("1.2", find("1.2").solution_source(), SECRET)


def test_the_instructors_notebook_passes_nbgraders_validation(course):
    done = run_nbgrader(course, "validate", f"source/{SLUG}/{SLUG}.ipynb")
    assert "Success! Your notebook passes all the tests." in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course folder with the assignments of all lessons."""
    folder = tmp_path_factory.mktemp("released")
    build(list(LESSONS), folder)
    return folder


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_students_get_stubs_and_neither_solutions_nor_hidden_tests(released, lesson):
    notebook = nbformat.read(released / "release" / lesson.slug / f"{lesson.slug}.ipynb", as_version=4)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    for exercise in lesson_exercises(lesson.number):
        assert cell_of(notebook, id_of("answer", exercise)).source.strip() == exercise.stub.strip()
        tests = cell_of(notebook, id_of("test", exercise))
        assert tests.source.count("\n") == 0 and tests.metadata.nbgrader.points == points(exercise)
    assert not [mark for mark in ("SOLUTION", "HIDDEN TESTS", "examine") if mark in json.dumps(notebook)]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_instructors_have_every_solution_and_hidden_test(lesson):
    notebook = source_notebook(lesson)
    MetadataValidator().validate_nb(notebook)
    for exercise in lesson_exercises(lesson.number):
        assert exercise.solution_source() in cell_of(notebook, id_of("answer", exercise)).source
        assert f'examine(find("{exercise.id}")' in cell_of(notebook, id_of("test", exercise)).source


@pytest.mark.parametrize("number", ["2.1", "5.6"])
def test_graded_inputs_depend_on_the_secret_and_are_neither_the_visible_nor_the_packages_own(number):
    exercise, drawn, other = find(number), graded(find(number), SECRET), graded(find(number), "another secret")
    for case in drawn.hidden:
        known = (*exercise.cases, *exercise.hidden, *other.hidden)
        assert all(difference(case.arguments(), one.arguments()) for one in known)
        assert difference(case.arguments(), case.arguments()) is None
    assert can_grade(drawn)


def test_cases_that_let_a_known_mistake_pass_cannot_grade():
    exercise = find("1.2")
    assert can_grade(exercise)
    assert not can_grade(replace(exercise, hidden=exercise.hidden[:1]))


VALUES = '''
import numpy, torch
from collections import Counter
from fractions import Fraction

def bits_on_paper():
    yield [(1, None, 2.5), {3, 4}, Counter("aab"), Fraction(1, 3)]
    yield [numpy.arange(3), torch.ones(2, 1, dtype=torch.bfloat16)]
'''


def test_results_come_out_of_the_sandbox_as_they_were():
    exercise = replace(find("1.3"), hidden=(Case(tuple),), seconds=60.0)
    (answer,) = read(sandbox.run(VALUES, exercise, ()), 1)
    plain, arrays = answer.value
    assert answer.iterated and plain == [(1, None, 2.5), {3, 4}, Counter("aab"), Fraction(1, 3)]
    assert difference([np.arange(3), torch.ones(2, 1, dtype=torch.bfloat16)], arrays) is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no json", "JSONDecodeError"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"value": {"is": "array", "dtype": "|O", "shape": [1], "of": "AAAAAAAAAAA="}, "iterated": 0}', "ValueError"),
        (b'{"value": {"is": "array", "dtype": "<f4", "shape": [1], "of": "AAAAAA==", "torch": "load"}}', "ValueError"),
        (b'{"error": "SystemExit", "arguments": 3}', "TypeError"),
    ],
    ids=["text", "nesting", "objects", "a function of torch", "arguments"],
)
def test_a_forged_line_is_an_error_of_the_submission(line, reason):
    (answer,) = read(sandbox.Lines((line,)), 1)
    assert str(answer.error) == f"an answer that cannot be read: {reason}"


def test_calls_without_an_answer_are_errors_or_overran():
    ended, stopped = read(sandbox.Lines(()), 2), read(sandbox.Lines((), "time"), 2)
    assert [str(answer.error) for answer in ended] == ["the process ended without an answer"] * 2
    assert [answer.cut for answer in stopped] == ["time"] * 2


RUNS_ON = """
import ctypes, os, signal
def continuation_counts(bigrams):
    ctypes.CDLL(None).prctl(1, 0)                       # not to die with the parent
    if os.fork() == 0:
        os.setsid()
    os.kill(os.getppid(), signal.SIGKILL)
    while True:
        pass
"""


def test_nothing_of_a_submission_runs_on_after_it_was_graded():
    lines = sandbox.run(RUNS_ON, replace(find("1.8"), seconds=1.0), ())
    assert lines.lines == ()
    gone_by = time.monotonic() + 10
    while any(str(sandbox.RUNNER) in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < gone_by
        time.sleep(0.1)
