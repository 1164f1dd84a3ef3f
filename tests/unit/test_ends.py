"""Two ends of the declared versions beside each other: what a session left is read, and what differs is named."""

import json
from pathlib import Path

import pytest

from tools import ends
from tools.numbers import Number

REPORT = """<testsuites><testsuite time="{seconds}">
<testcase classname="tests.unit.test_a" name="test_one" time="1"/>
<testcase classname="tests.unit.test_a" name="test_two" time="1">{outcome}</testcase>
<testcase classname="notebooks.01_ngrams.ipynb" name="Cell 3" time="1">{cell}</testcase>
</testsuite></testsuites>"""


def leave(folder: Path, name: str, *, outcome: str = "", cell: str = "", came: str = "1.0") -> None:
    """What a session leaves: the report, the versions, the numbers of a lesson."""
    (folder / name).mkdir(parents=True)
    (folder / f"{name}-1.xml").write_text(REPORT.format(seconds=120, outcome=outcome, cell=cell))
    (folder / f"{name}.json").write_text(json.dumps({"python": "3.11.7", "packages": {"torch": "2.9.0", "tqdm": "4"}}))
    number = Number("01/c/0 loss # [0]", "1.0", came, 0.05, "compared")
    (folder / name / "01.json").write_text(json.dumps([number._asdict()]))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(ends, "ENDS", tmp_path / "ends")
    monkeypatch.setattr(ends, "RECORD", tmp_path / "versions.json")
    return tmp_path / "ends"


def test_two_ends_that_agree_are_green_and_on_record(folder, capsys):
    leave(folder, "lowest")
    leave(folder, "newest-3.13", outcome='<skipped message="no"/>', came="1.04")
    assert ends.main([]) == 0
    record = json.loads(ends.RECORD.read_text())
    assert record["cells_that_differ"] == record["numbers_apart"] == 0
    assert record["lowest"] == {
        "python": "3.11.7",
        "packages": {"torch": "2.9.0"},
        "outcomes": {"passed": 3},
        "run_again": 0,
        "cells": {"passed": 1},
        "numbers_compared": 1,
        "numbers_out_of_band": 0,
        "minutes": 2,
    }
    assert record["newest-3.13"]["outcomes"] == {"passed": 2, "skipped": 1}


@pytest.mark.parametrize(("end", "fault"), [("outcome", "<failure/>"), ("outcome", "<error/>"), ("cell", "<failure/>")])
def test_an_end_where_a_test_fails_is_red(folder, end, fault):
    leave(folder, "lowest")
    leave(folder, "newest-3.13", **{end: fault})
    assert ends.main([]) == 1


def test_a_cell_that_comes_out_otherwise_is_named(folder, capsys):
    leave(folder, "lowest")
    leave(folder, "newest-3.13", cell='<skipped message="no"/>')
    assert ends.main([]) == 1
    assert capsys.readouterr().out.startswith("notebooks.01_ngrams.ipynb::Cell 3: passed and skipped\n")


def test_two_numbers_further_apart_than_their_band_are_named_and_one_that_leaves_it_is_red(folder, capsys):
    leave(folder, "lowest", came="0.96")
    leave(folder, "newest-3.12", came="1.04")                      # each within 5 % of 1.0, and not of each other
    assert ends.main([]) == 0 and json.loads(ends.RECORD.read_text())["numbers_apart"] == 1
    assert capsys.readouterr().out.startswith("01/c/0 loss # [0]: 0.96 and 1.04\n")
    leave(folder, "newest-3.13", came="2.0")
    assert ends.main([]) == 1
    assert json.loads(ends.RECORD.read_text())["newest-3.13"]["numbers_out_of_band"] == 1


def test_a_test_that_was_mended_counts_as_what_it_was_the_last_time_and_is_counted(folder):
    for end in ("lowest", "newest-3.13"):
        leave(folder, end, outcome="<failure/>")
    for end, last in (("lowest", ""), ("newest-3.13", "<error/>")):
        case = f'<testcase classname="tests.unit.test_a" name="test_two" time="1">{last}</testcase>'
        report = f'<testsuites><testsuite time="9">{case}</testsuite></testsuites>'
        (folder / f"{end}-2.xml").write_text(report)
    assert ends.main([]) == 1
    record = json.loads(ends.RECORD.read_text())
    assert record["lowest"]["outcomes"] == {"passed": 3} and record["lowest"]["run_again"] == 1
    assert record["newest-3.13"]["outcomes"] == {"passed": 2, "failed": 1}
    assert "| tests run again, after a mend | 1 | 1 |" in ends.table(record)


def test_a_cell_that_a_notebook_no_longer_has_counts_no_more_once_the_notebook_is_run_again(folder):
    leave(folder, "lowest", cell="<failure/>")
    leave(folder, "newest-3.13")
    for end in ("lowest", "newest-3.13"):
        case = '<testcase classname="notebooks.01_ngrams.ipynb" name="Cell 2" time="1"/>'
        (folder / f"{end}-2.xml").write_text(f'<testsuites><testsuite time="9">{case}</testsuite></testsuites>')
    assert ends.main([]) == 0
    assert "notebooks.01_ngrams.ipynb::Cell 3" not in ends.load("lowest").outcomes
    assert len(ends.load("lowest").outcomes) == 3


def test_an_end_in_parts_is_whole_only_with_all_of_them(folder, capsys):
    leave(folder, "lowest")
    leave(folder, "newest-3.13")
    whole = (folder / "newest-3.13-1.xml").read_text()
    lines = whole.split("\n")
    (folder / "newest-3.13-1.xml").write_text("\n".join([lines[0], *lines[2:]]))
    assert ends.main([]) == 1
    assert capsys.readouterr().out.startswith("tests.unit.test_a::test_one: at one end only\n")
    (folder / "newest-3.13-10.xml").write_text("\n".join([*lines[:2], *lines[4:]]))
    assert ends.main([]) == 0
    record = json.loads(ends.RECORD.read_text())
    assert record["newest-3.13"] == record["lowest"] | {"minutes": 4}


def test_the_record_is_told_in_a_sentence_and_a_table_and_hides_no_failure(folder):
    leave(folder, "lowest", outcome="<failure/>")
    leave(folder, "newest-3.13", outcome='<skipped message="no"/>', came="2.0")
    ends.main([])
    record = json.loads(ends.RECORD.read_text())
    assert ends.sentence(record) == (
        "Lowest and newest versions, on Python 3.11 and 3.11: 6 tests, 1 failed, 0 cells of lessons differ"
    )
    lines = ends.table(record).split("\n")
    assert lines[:2] == ["| | lowest | newest-3.13 |", "|---|---|---|"]
    for line in ("| torch | 2.9.0 | 2.9.0 |", "| keras | – | – |", "| tests failed | 1 | 0 |", "| minutes | 2 | 2 |"):
        assert line in lines
    assert "| numbers out of their bands | 0 | 1 |" in lines


@pytest.mark.parametrize("missing", ["lowest", "newest"])
def test_without_the_report_of_an_end_it_says_which_session_to_run(folder, missing):
    leave(folder, {"lowest": "newest-3.13", "newest": "lowest"}[missing])
    with pytest.raises(SystemExit, match=f"expected the report of the session {missing} .*type: nox -s {missing}"):
        ends.main([])


def test_the_versions_of_all_declared_packages_are_written(tmp_path):
    assert ends.main(["describe", str(tmp_path / "end.json")]) == 0
    described = json.loads((tmp_path / "end.json").read_text())
    assert {"torch", "transformers", "pytest", "nbval"} <= described["packages"].keys() <= set(ends.declared())
