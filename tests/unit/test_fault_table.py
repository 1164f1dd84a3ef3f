"""The table of faults: tries and lost ones are counted, across processes too, and every fault named has its test."""

import json
import os

import pytest

from course_utils.paths import REPOSITORY
from tests.support import memory_cap
from tests.support.fault_table import Tries
from tools import faults
from tools.notebooks.files import lesson_paths

pytest_plugins = ["pytester"]
LEAST = {                                                          # what the full run makes, the small one does not
    "kill -9 while training": 100,
    "kernel interrupted in a cell that trains": 100,
    "kill -9 during a download": 100,
    "kill -9 while progress is kept": 100,
    "kill -9 while a checkpoint or project is saved": 100,
    memory_cap.FAULT: len(lesson_paths()),
}
TOY = '''
import pytest

@pytest.mark.fault("kept")
@pytest.mark.parametrize("number", [1, 2])
def test_of_one_try(number): ...

@pytest.mark.fault("lost")
def test_of_many(tries):
    for number in tries(few=10, full=20):
        tries.count(kept=number % 5 != 0, what=f"number {number}")

@pytest.mark.fault("broken")
def test_that_breaks_in_its_third(tries):
    for number in tries(few=2, full=2):
        tries.count(kept=True)
    raise OSError("the third")

@pytest.fixture
def torn(): raise OSError

@pytest.mark.fault("broken")
def test_whose_fixture_breaks(torn): ...

@pytest.mark.fault("skipped")
def test_skipped(): pytest.skip()

def test_of_no_fault(): ...
'''


@pytest.mark.parametrize("processes", [0, 1], ids=["here", "in another process"])
def test_each_test_reports_its_tries_and_one_that_lost_any_fails(pytester, monkeypatch, processes):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("COURSE_FAULT_TRIES", raising=False)
    pytester.makepyfile(TOY)
    options = ["-p", "xdist", "-n", str(processes), "-p", "tests.support.fault_table", "--fault-rows", "rows.json"]
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=3, failed=2, skipped=1, errors=1)
    result.stdout.fnmatch_lines(["*2 of 10 tries lost: number 0; number 5", "faults: 3 kinds, 16 tries, 4 lost"])
    rows = faults.summed(json.loads((pytester.path / "rows.json").read_text()), by=("fault",))
    assert [tuple(row.values()) for row in rows] == [("broken", 4, 2), ("kept", 2, 0), ("lost", 10, 2)]


def test_the_full_run_makes_all_tries(monkeypatch):
    monkeypatch.setenv("COURSE_FAULT_TRIES", "few")
    assert list(Tries()(few=2, full=5)) == [0, 1]
    monkeypatch.setenv("COURSE_FAULT_TRIES", "full")
    assert list(Tries()(few=2, full=5)) == [0, 1, 2, 3, 4]


def test_names_are_read_from_the_files_and_have_to_stand_there(tmp_path):
    file = tmp_path / "test_toy.py"
    file.write_text(TOY)
    assert faults.named(file) == ["broken", "kept", "lost", "skipped"]
    file.write_text('NAME = "x"\n@pytest.mark.fault(NAME)\ndef test_x(): ...\n')
    expected = r"test_toy.py, line 2: expected pytest.mark.fault of one literal string, got pytest.mark.fault\(NAME\)"
    with pytest.raises(SystemExit, match=expected):
        faults.named(file)


def test_a_run_of_some_files_keeps_the_other_rows_and_names_a_fault_without_a_try(monkeypatch, tmp_path, capsys):
    def row(fault, tests, tries, lost=0):
        return {"fault": fault, "tests": tests, "tries": tries, "lost": lost}

    known = {"tests/a.py": ["hub", "disk"], "tests/b.py": ["hub"]}
    monkeypatch.setattr(faults, "RESULT", tmp_path / "faults.json")
    monkeypatch.setattr(faults, "declared", lambda: known)
    faults.write([row("disk", "tests/a.py", 9), row("gone", "tests/b.py", 9), row("hub", "tests/b.py", 3)])
    ran = [row("hub", "tests/a.py", 1), row("hub", "tests/a.py", 2)]
    monkeypatch.setattr(faults, "measured", lambda files: (ran, 0))
    assert faults.main(["tests/a.py"]) == 1
    assert faults.committed() == [row("hub", "tests/a.py", 3), row("hub", "tests/b.py", 3)]
    printed = capsys.readouterr()
    assert printed.out == "| what fails | tries | lost |\n|---|---|---|\n| [hub](tests/a.py) | 6 | 0 |\n"
    assert printed.err == "Not tried: disk (tests/a.py).\n"
    monkeypatch.setattr(faults, "measured", lambda files: ([row("hub", "tests/b.py", 1, lost=1)], 0))
    known["tests/a.py"] = ["hub"]
    assert faults.main(["tests/b.py"]) == 1
    assert "| [hub](tests/a.py) | 4 | 1 |" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="No fault is named in tests/c.py"):
        faults.main(["tests/c.py"])


def test_every_fault_of_the_committed_table_has_its_test_and_the_reverse_and_nothing_was_lost():
    rows = faults.committed()
    known = {(fault, path) for path, names in faults.declared().items() for fault in names}
    assert {(row["fault"], row["tests"]) for row in rows} == known, "run `make faults`"
    assert all(row["tries"] > 0 and row["lost"] == 0 for row in rows)
    tries = {row["fault"]: row["tries"] for row in faults.summed(rows, by=("fault",))}
    assert {fault: least for fault, least in LEAST.items() if tries[fault] < least} == {}, "run `make faults`"
