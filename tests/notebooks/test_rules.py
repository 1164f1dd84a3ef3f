"""Every lesson keeps every rule of style: one test for each pair, so that a report is a list of what to mend."""

import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.paths import REPOSITORY
from tools.notebooks.files import Notebook, lesson_paths
from tools.notebooks.rules import RULES, Rule


@pytest.fixture(scope="module")
def notebooks() -> dict[Path, Notebook]:
    """Each lesson's notebook, parsed once."""
    return {path: Notebook(path) for path in lesson_paths()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_lesson_keeps_the_rule(path: Path, rule: Rule, notebooks: dict[Path, Notebook]):
    findings = rule(notebooks[path])
    assert not findings, f"{rule.__doc__}\n" + "\n".join(findings)


def test_there_are_lessons_to_check():
    assert [path.stem for path in lesson_paths()][:2] == ["00_start_here", "01_ngrams"]


def test_ruff_finds_nothing_in_the_notebooks():
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--no-cache", "notebooks"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
