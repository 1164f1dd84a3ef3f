"""Every parity test declares what it verifies; the declarations can be read, and name the tolerances asserted."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from course_utils.lessons import LESSONS
from tools import verified
from tools.verified import EVERYWHERE, Verified, declared, number

MODULES = verified.modules()
ROWS = [row for path in MODULES for row in declared(path)]
DECLARING = '''
TOLERANCE = 1e-5
CLOSE = {"rtol": 0.0, "atol": 1e-4}
LOW, HIGH = 2e-3, 3
VERIFIES = [
    Verified("06", "attention", "`torch`", TOLERANCE),
    Verified("06", "its gradient", "`torch`", CLOSE["atol"], "of the spread"),
    Verified("all", "the rest", "a guess", LOW),
]
assert_close(ours, theirs, **CLOSE)
assert abs(ours - theirs) < TOLERANCE
assert abs(ours - wrong) > LOW
assert not allclose(ours, wrong, atol=LOW) and ours != approx(wrong, HIGH)
'''


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", sorted(verified.TESTS.glob("parity/test_*.py")), ids=name)
def test_every_parity_module_declares_what_it_verifies(path):
    assert declared(path), f"{path.name}: declare it at its top, as tools/verified.py says"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_tolerance_is_a_constant_that_an_assertion_uses_or_words_without_a_number(path):
    asserted = verified.asserted(tree(path))
    for code, row in zip(verified.tolerances(tree(path)), declared(path), strict=True):
        if isinstance(row.within, str):
            assert not re.search(r"\d", row.within), row
        else:
            assert row.within > 0 and set(verified.names(code)) and set(verified.names(code)) <= asserted, row


def test_what_is_read_without_an_import_is_what_the_module_says():
    path = verified.TESTS / "parity" / "test_intervals_scipy.py"
    assert declared(path) == importlib.import_module("tests.parity.test_intervals_scipy").VERIFIES


def test_rows_are_of_a_lesson_or_of_the_whole_and_none_is_there_twice():
    assert {row.lesson for row in ROWS} <= {EVERYWHERE, *(lesson.label for lesson in LESSONS)}
    claims = [(row.what, row.against, row.within) for row in ROWS]
    assert len(set(claims)) == len(claims)
    assert not [row for row in ROWS if "|" in "".join(map(str, row)) or "\n" in "".join(map(str, row))]


def test_names_numbers_and_entries_of_dictionaries_are_read(tmp_path):
    (tmp_path / "test_toy.py").write_text(DECLARING)
    assert declared(tmp_path / "test_toy.py") == [
        Verified("06", "attention", "`torch`", 1e-5),
        Verified("06", "its gradient", "`torch`", 1e-4, "of the spread"),
        Verified("all", "the rest", "a guess", 2e-3),
    ]
    asserted = verified.asserted(tree(tmp_path / "test_toy.py"))
    assert asserted >= {"TOLERANCE", "CLOSE"} and not asserted & {"LOW", "HIGH"}


@pytest.mark.parametrize("within", ["UNKNOWN", "max(1, 2)", 'TOLERANCE, "of it", "and more"'])
def test_a_row_that_cannot_be_read_is_named_with_what_was_expected(tmp_path, within):
    (tmp_path / "test_toy.py").write_text(
        f'TOLERANCE = 1e-5\nVERIFIES = [Verified("06", "attention", "`torch`", {within})]\n'
    )
    with pytest.raises(SystemExit, match=r"test_toy.py: expected rows of VERIFIES made of strings and constants"):
        declared(tmp_path / "test_toy.py")


def test_tolerances_are_written_as_people_write_them():
    written = [number(tolerance) for tolerance in (1e-3, 5e-4, 1e-12, 2e-3, 0.1, 1)]
    assert written == ["1e-3", "5e-4", "1e-12", "0.002", "0.1", "1"]


def test_the_table_has_a_row_for_each_comparison_by_lesson_with_a_link_to_its_tests(monkeypatch, tmp_path):
    folder = tmp_path / "parity"
    folder.mkdir()
    (folder / "test_toy.py").write_text(DECLARING)
    (folder / "test_silent.py").write_text("TOLERANCE = 1e-5\n")
    monkeypatch.setattr(verified, "TESTS", tmp_path)
    monkeypatch.setattr(verified, "REPOSITORY", tmp_path)
    assert verified.table(everywhere=False).split("\n") == [
        "| lesson | what | verified against | within |",
        "|---|---|---|---|",
        "| 06 | [attention](parity/test_toy.py) | `torch` | 1e-5 |",
        "| 06 | [its gradient](parity/test_toy.py) | `torch` | 1e-4 of the spread |",
    ]
    assert verified.table(everywhere=True).split("\n")[2:] == ["| [the rest](parity/test_toy.py) | a guess | 0.002 |"]
