"""Assignments by nbgrader: what students get, and what five submissions are given, one of them hostile."""

import hashlib
import json
import re
import stat
import subprocess
import sys
from dataclasses import replace
from html import escape
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator

from course_utils.exercises.compare import difference
from course_utils.exercises.specs import find, lesson_exercises
from course_utils.lessons import LESSONS
from course_utils.paths import REPOSITORY
from tools.assignments import sandbox
from tools.assignments.build import COURSE_FOLDER, build, chosen_lessons
from tools.assignments.cases import can_grade, ensure_secret, graded
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
LIVE = (
    "<script>steal()</script><img src=x onerror='steal()'>",
    "\xa0\n[x](javascript:steal())",
    "![p](https://evil.example/p.png)",
    r"$$\href{javascript:steal()}{x}$$",
)
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
    """Give the graded cell of 1.2 a hundred points and no test; begin with a cell that writes a file, and live text."""
    cell = cell_of(notebook, id_of("test", find("1.2")))
    cell.source, cell.metadata.nbgrader.points = "pass", 100
    notebook.cells.insert(0, nbformat.v4.new_code_cell("open('written-by-a-submission', 'w').close()"))
    notebook.cells[:0] = [nbformat.v4.new_markdown_cell(text) for text in LIVE]
    notebook.cells.insert(0, nbformat.v4.new_raw_cell(LIVE[0], metadata={"raw_mimetype": "text/html"}))


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


def test_feedback_shows_a_students_text_as_typed_and_the_courses_own_as_text(course):
    feedback = (course / "feedback" / "hostile" / SLUG / f"{SLUG}.html").read_text()
    assert all(f"<pre><code>{escape(text, quote=False)}" in feedback for text in LIVE)
    assert not re.search(r"<script>steal|<img[^>]*onerror|href=\"javascript|src=\"https://evil", feedback)
    assert re.search(r"<h1[^>]*>Assignment 01", feedback)


def test_a_submission_that_is_a_link_is_refused(course):
    path = course / "submitted" / "linked" / SLUG / f"{SLUG}.ipynb"
    path.parent.mkdir(parents=True)
    path.symlink_to(course / "submitted" / "perfect" / SLUG / path.name)
    done = run_nbgrader(course, "autograde", SLUG, "--student", "linked")
    assert done.returncode != 0 and f"got a link at {path}" in done.stderr
    assert not list((course / "autograded" / "linked").rglob("*.ipynb"))


def test_the_course_folder_is_its_owners_alone_and_outlives_make_clean(tmp_path):
    (tmp_path / "grading").mkdir(mode=0o755)
    ensure_secret(tmp_path / "grading" / "secret")
    assert stat.S_IMODE((tmp_path / "grading").stat().st_mode) == 0o700
    deleted = subprocess.run(["make", "-n", "clean-all"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    first = COURSE_FOLDER.relative_to(REPOSITORY).parts[0]
    assert "rm -rf build" in deleted.stdout and first not in re.split(r"[\s/]", deleted.stdout)
    assert f"{first}/" in (REPOSITORY / ".gitignore").read_text().split("\n")


def test_the_table_in_the_text_is_that_of_the_exercises():
    text = (REPOSITORY / "classroom" / "assignments.md").read_text()
    rows = [[int(one) for one in re.findall(r"\d+", line)] for line in text.split("\n") if re.match(r"\| \d\d ", line)]
    for lesson, (number, count, worth, drawn, public, values) in zip(LESSONS, rows, strict=True):
        on_paper = sum(exercise.kind == "predict" for exercise in lesson_exercises(lesson.number))
        assert (number, count, worth) == (lesson.number, len(lesson_exercises(lesson.number)), total_points(lesson))
        assert (values, drawn + public) == (on_paper, count - on_paper)
    assert "| all | " + " | ".join(str(sum(column)) for column in list(zip(*rows, strict=True))[1:]) + " |" in text


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
