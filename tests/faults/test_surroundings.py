"""The course where its makers never sat: in other folders, locales and time zones, and where little may be written."""

import ast
import json
import os
import subprocess
import sys
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest

from course_utils.paths import REPOSITORY
from tests.browser.lab import free_port
from tests.support import odd_places
from tests.support.fresh_environment import COURSE, NO_NETWORK, lay, pack

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and locales of Unix")
SECONDS = 500                                        # a busy machine is no fault
VISIT = [sys.executable, "-m", "tests.faults.first_visit"]
LESSON = [sys.executable, "-m", "tests.faults.lesson_run", "01"]
CODE = ("course_utils", "tools", "benchmarks", "classroom", "docs")


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """The course in a folder with blanks, a quote, letters beyond Latin-1 and nothing fetched."""
    return odd_places.copy_course(tmp_path_factory.mktemp("checkout"))


def ran(command: list[str], folder: Path, environment: dict[str, str], **more) -> subprocess.CompletedProcess:
    """A command that ended, in a folder, with these variables alone and the course that lies there."""
    paths = os.pathsep.join([str(folder), str(NO_NETWORK)])
    environment = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    options = {"capture_output": True, "encoding": "utf-8", "errors": "replace", "timeout": SECONDS, **more}
    return subprocess.run(command, cwd=folder, env=environment, check=False, **options)


def outcome(command: list[str], folder: Path, environment: dict[str, str], **more) -> object:
    """What a command printed as JSON; it must have had nothing to complain about."""
    done = ran(command, folder, environment, **more)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory) -> dict[str, str]:
    """What a visit of this checkout comes to in the surroundings of this run."""
    progress = tmp_path_factory.mktemp("ordinary") / "progress"
    return outcome(VISIT, REPOSITORY, {**os.environ, "COURSE_PROGRESS": str(progress)})


# ---- other languages and hours, and next to nothing around


@pytest.mark.parametrize(
    ("language", "zone"),
    [
        pytest.param(language, zone, marks=[pytest.mark.fault("other locale"), pytest.mark.fault("other time zone")])
        for language, zone in zip(
            odd_places.LOCALES, ("Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu"), strict=True
        )
    ],
)
def test_a_first_visit_comes_to_the_same_in_every_language_and_at_every_hour(
    ordinary, language, zone, tmp_path, progress_folder
):
    settings = odd_places.locale_environment(language, tmp_path) | {"TZ": zone}
    assert outcome(VISIT, REPOSITORY, {**os.environ, **settings}) == ordinary


@pytest.mark.fault("no DISPLAY, HOME, USER or stdin")
def test_a_first_visit_needs_no_display_no_home_no_name_and_no_keyboard(ordinary, progress_folder):
    environment = odd_places.bare_environment() | {"COURSE_PROGRESS": str(progress_folder)}
    command = ["sh", "-c", 'umask 077; exec "$@" <&-', "sh", *VISIT]
    assert outcome(command, REPOSITORY, environment) == ordinary
    assert all(path.stat().st_mode & 0o077 == 0 for path in progress_folder.iterdir())


def of_unnamed_encoding(source: str) -> list[int]:
    """Lines of Python code that read or write a text file in whatever encoding the machine prefers."""
    lines = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        named = "encoding" in {keyword.arg for keyword in call.keywords}
        words = [str(word.value) for word in call.args if isinstance(word, ast.Constant)]
        of_bytes = any(set(word) <= set("rwxab+") and "b" in word for word in words)
        texts = ("read_text", "write_text") if isinstance(call.func, ast.Attribute) else ("open", "fdopen")
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in (*texts, "fdopen") and not (named or of_bytes):
            lines.append(call.lineno)
    return lines


def test_every_text_file_is_read_and_written_in_an_encoding_that_the_code_names():
    good, bad = "p.write_text('b', encoding='utf-8'); open('a', 'rb'); os.open(a, b)", "open('a'); p.read_text()"
    assert of_unnamed_encoding(f"{good}\n{bad}") == [2, 2]
    files = [path for folder in CODE for path in (REPOSITORY / folder).rglob("*.py")]
    found = {str(path): of_unnamed_encoding(path.read_text(encoding="utf-8")) for path in files}
    assert {path: lines for path, lines in found.items() if lines and "colab.py" not in path} == {}


# ---- closed folders


def closed(how: str, folder: Path, command: list[str]) -> list[str]:
    """A command that can write nothing in `folder`, which lies read-only in one of two ways."""
    if how == "mount" and odd_places.can_mount(folder):
        return odd_places.mounted_read_only(folder, command)
    odd_places.close(folder)
    return odd_places.bound_by_permissions(command)


@pytest.mark.fault("read-only checkout")
@pytest.mark.parametrize("how", ["mount", "modes"])
def test_a_read_only_checkout_is_read_and_the_progress_is_kept_in_the_home(ordinary, course, how, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = odd_places.bare_environment(home)
    try:
        shut = closed(how, course, [])
        writes = ran([*shut, "sh", "-c", "echo x > written"], course, environment)
        assert outcome([*shut, *VISIT], course, environment) == ordinary
    finally:
        odd_places.reopen(course)
    assert writes.returncode != 0 and not (course / "written").exists()
    (kept,) = home.rglob("progress.json")
    assert json.loads(kept.read_text(encoding="utf-8"))["exercises"] == {"1.1": "done"}


@pytest.mark.fault("home folder without write permission")
def test_with_a_home_that_cannot_be_written_progress_says_one_line_and_everything_goes_on(ordinary, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    odd_places.close(home)
    visit = odd_places.bound_by_permissions(VISIT)
    done = ran(visit, REPOSITORY, odd_places.bare_environment(home) | {"MPLCONFIGDIR": str(tmp_path / "fonts")})
    came_to = json.loads(done.stdout)
    said = [line for name in ("check", "wrong") for line in came_to[name].splitlines() if str(home) in line]
    assert len(said) == 2 and all(line.startswith("  progress is not kept: ") for line in said)
    without = {name: text for name, text in came_to.items() if name not in ("check", "wrong", "progress")}
    assert without.items() <= ordinary.items()
    assert came_to["check"].startswith(ordinary["check"]) and "0 of " in came_to["progress"]
    assert list(home.iterdir()) == [] and "Traceback" not in done.stderr


# ---- a folder with blanks, a quote and letters of another script

DIFFICULT_FOLDER = pytest.mark.fault("path with spaces and non-ASCII letters")


@DIFFICULT_FOLDER
def test_every_make_target_names_the_folder_in_quotes(course):
    makefile = (course / "Makefile").read_text(encoding="utf-8")
    targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    settings = [f"VENV={course}/a b/é", "LESSON=06", "REPO=ada/course"]
    for target in targets:
        done = ran(["make", "--no-print-directory", "--dry-run", target, *settings], course, dict(os.environ))
        assert done.returncode == 0, done.stderr
        left = done.stdout.replace(f'"{course}', "").replace(f"{course}/build", "")
        assert course.name not in left, f"make {target}: {left}"


def set_up(course: Path, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The set-up's command into an environment of a difficult name, and variables for which pip asks nobody.

    All packages but setuptools lie in a layer below that environment, so nothing large is installed.
    """
    (folder / "layer").mkdir()
    (folder / "wheels").mkdir()
    lay(folder / "layer", [COURSE, "setuptools", "pip"])
    setuptools = metadata.distribution("setuptools")
    pack(setuptools, folder / "wheels")
    (course / "requirements.lock").write_text(f"setuptools=={setuptools.version}\n", encoding="utf-8")
    environment = odd_places.bare_environment(folder) | {
        "PYTHONPATH": os.pathsep.join([str(folder / "layer"), str(NO_NETWORK)]),
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), "PIP_CONFIG_FILE": os.devnull,
        "PYTHONIOENCODING": "ascii",
    }  # fmt: skip
    return [sys.executable, "-m", "tools.bootstrap", "--venv", str(folder / "a b" / "é 课"), "learner"], environment


@pytest.mark.slow
@DIFFICULT_FOLDER
def test_the_set_up_makes_an_environment_of_such_a_name_from_which_the_course_is_found(course, tmp_path):
    command, environment = set_up(course, tmp_path)
    first, second = (ran(command, course, environment) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "Installing 1 packages" in first.stdout and "Installing" not in second.stdout
    python = tmp_path / "a b" / "é 课" / "bin" / "python"
    where = [str(python), "-c", "import course_utils; print(ascii(course_utils.__file__))"]
    found = ran(where, tmp_path, environment)
    assert found.stdout.strip() == ascii(str(course / "course_utils" / "__init__.py")), found.stderr


@DIFFICULT_FOLDER
def test_the_site_is_laid_out_in_and_from_such_a_folder(course, tmp_path):
    script = "import pathlib; from tools.site.staging import stage; stage(pathlib.Path('build/a site é'))"
    done = ran([sys.executable, "-c", script], course, odd_places.bare_environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    laid_out = course / "build" / "a site é"
    pages = {path.name for path in laid_out.rglob("*.ipynb")}
    assert pages == {path.name for path in (course / "notebooks").iterdir()} and (laid_out / "index.md").exists()


@pytest.mark.slow
@DIFFICULT_FOLDER
def test_the_chat_page_is_served_from_such_a_folder(course, tmp_path):
    environment = odd_places.bare_environment(tmp_path) | {"PYTHONPATH": f"{course}{os.pathsep}{NO_NETWORK}"}
    command = [sys.executable, "-m", "tools.chat_page", "--no-browser", f"--port={free_port()}"]
    with subprocess.Popen(
        command, cwd=course, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as server:
        try:
            address = next(line.strip() for line in server.stdout if "http://" in line)
            with urllib.request.urlopen(address, timeout=SECONDS) as page:
                text = page.read().decode()
        finally:
            server.terminate()
    assert "Chat with your assistant" in text and "Traceback" not in text


# ---- all of it at once


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.fault("a lesson in all of these at once")
def test_a_whole_lesson_has_the_same_verdicts_where_everything_is_odd_at_once(course, tmp_path):
    usual = ran(LESSON, REPOSITORY, dict(os.environ))
    home = tmp_path / "home"
    home.mkdir()
    odd = odd_places.bare_environment(home) | odd_places.locale_environment("C", tmp_path)
    odd_places.close(course)
    try:
        command = odd_places.bound_by_permissions(LESSON)
        done = ran(command, course, odd | {"TZ": "Pacific/Kiritimati"}, stdin=subprocess.DEVNULL)
    finally:
        odd_places.reopen(course)
    assert (usual.returncode, done.returncode) == (0, 0), usual.stderr + done.stderr
    assert json.loads(done.stdout) == json.loads(usual.stdout)
