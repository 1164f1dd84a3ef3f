"""Imports go down the list of rooms in CONTRIBUTING.md, and never up."""

import ast
import re
from pathlib import Path

import pytest

from course_utils.paths import REPOSITORY

COURSE = REPOSITORY / "course_utils"
WITHOUT_ENDING = r"\(over ([^)]*)\)"                               # `(over sampling, reading)` names rooms too


def rooms() -> dict[str, int]:
    """The line of each room in the list, the uppermost 0."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, after = text.partition("imports only go down this list:\n")
    lines = after.partition("\ndata/")[0].splitlines()
    return {room: place for place, line in enumerate(lines) for room in rooms_of(line)}


def rooms_of(line: str) -> set[str]:
    named = re.findall(r"([a-z_0-9]+)(?:\.py|/)", line)
    return {*named, *re.findall(r"[a-z_0-9]+", " ".join(re.findall(WITHOUT_ENDING, line)).replace(".py", ""))}


def imported_rooms(source: str) -> list[tuple[int, str]]:
    """Line and room of every import from the course, wherever it stands in a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "course_utils":
            modules = [f"course_utils.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        found += [(node.lineno, module.split(".")[1]) for module in modules if module.startswith("course_utils.")]
    return found


def going_up(path: Path, source: str, places: dict[str, int]) -> list[str]:
    """The imports of a file that lead to a room above its own; what the list does not name is not judged."""
    own = places.get(path.relative_to(COURSE).parts[0].removesuffix(".py"))
    if own is None:
        return []
    return [f"{path.name}:{line} {room}" for line, room in imported_rooms(source) if places.get(room, own) < own]


def test_every_room_in_the_list_is_there():
    assert len(rooms()) > 40
    absent = [room for room in rooms() if not (COURSE / room).is_dir() and not (COURSE / f"{room}.py").is_file()]
    assert not absent, f"CONTRIBUTING.md lists {absent}"


def test_imports_only_go_down_the_list():
    files = sorted(COURSE.rglob("*.py"))
    wrong = [line for path in files for line in going_up(path, path.read_text(encoding="utf-8"), rooms())]
    assert not wrong, f"imports from a room further up in CONTRIBUTING.md's list: {wrong}"


@pytest.mark.parametrize(
    "line",
    ["import course_utils.training", "from course_utils import training", "from course_utils.training import fit"],
)
def test_an_import_that_goes_up_is_found_also_within_a_function(line):
    path = COURSE / "models" / "x.py"
    assert going_up(path, f"def late():\n    {line}\n", rooms()) == ["x.py:2 training"]
    assert going_up(COURSE / "recipes" / "x.py", line, rooms()) == []
