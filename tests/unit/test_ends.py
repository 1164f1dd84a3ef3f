"""Two ends of the declared versions beside each other: what sessions left goes on record, and what differs is named."""

import json
import shutil
from pathlib import Path

import pytest

from course_utils.checkpoints import read_json
from course_utils.paths import RESULTS
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
    (folder / f"{name}.xml").write_text(REPORT.format(seconds=120, outcome=outcome, cell=cell))
    (folder / f"{name}.json").write_text(json.dumps({"python": "3.11.7", "packages": {"torch": "2.9.0", "tqdm": "4"}}))
    number = Number("01/c/0 loss # [0]", "1.0", came, 0.05, "compared")
    (folder / name / "01.json").write_text(json.dumps([number._asdict()]))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(ends, "ENDS", tmp_path / "ends")
    monkeypatch.setattr(ends, "RECORD", tmp_path / "versions.json")
    return tmp_path / "ends"


def record() -> dict:
    return json.loads(ends.RECORD.read_text())


def test_two_ends_that_agree_are_green_and_on_record(folder):
    leave(folder, "lowest")
    leave(folder, "newest-3.13", outcome='<skipped message="no"/>', came="1.04")
    assert ends.main([]) == 0
    lowest, newest = record()["ends"].values()
    assert all(record()[kind] == 0 for kind in ("failed", "out_of_band", "other_tests", "cells_that_differ"))
    assert lowest["python"] == "3.11.7" and lowest["packages"] == {"torch": "2.9.0"} and lowest["minutes"] == 2
    assert lowest["not_passed"] == {} and lowest["numbers"] == {"01": {"compared": 1, "strays": {}}}
    assert newest["not_passed"] == {"tests.unit.test_a::test_two": "skipped"}
    assert newest["numbers"]["01"]["strays"] == {"01/c/0 loss # [0]": ["1.0", "1.04", 0.05, "compared", 2]}
    assert lowest["files"] == newest["files"] and lowest["files"]["tests.unit.test_a"][0] == 2


@pytest.mark.parametrize(("end", "fault"), [("outcome", "<failure/>"), ("outcome", "<error/>"), ("cell", "<failure/>")])
def test_an_end_where_a_test_fails_is_red(folder, end, fault):
    leave(folder, "lowest")
    leave(folder, "newest-3.13", **{end: fault})
    assert ends.main([]) == 1


def test_a_cell_that_comes_out_otherwise_is_named(folder, capsys):
    leave(folder, "lowest")
    leave(folder, "newest-3.13", cell='<skipped message="no"/>')
    assert ends.main([]) == 1
    said = "cells_that_differ: notebooks.01_ngrams.ipynb::Cell 3: passed and skipped\n"
    assert capsys.readouterr().out.startswith(said)


def test_two_numbers_further_apart_than_their_band_are_named_and_one_that_leaves_it_is_red(folder, capsys):
    leave(folder, "lowest", came="0.96")
    leave(folder, "newest-3.12", came="1.04")                      # each within 5 % of 1.0, and not of each other
    assert ends.main([]) == 0 and record()["numbers_apart"] == 1
    assert capsys.readouterr().out.startswith("numbers_apart: 01/c/0 loss # [0]: 0.96 and 1.04\n")
    leave(folder, "newest-3.13", came="2.0")
    assert ends.main([]) == 1 and record()["out_of_band"] == 1


def test_the_committed_record_has_no_failure_and_no_number_out_of_its_band():
    committed = read_json(RESULTS / "versions.json")
    found = ends.findings(committed["ends"])
    assert {kind: len(lines) for kind, lines in found.items()} | {"ends": committed["ends"]} == committed
    assert not any(lines for kind, lines in found.items() if kind != ends.HARMLESS)
    for end in committed["ends"].values():                         # KenLM cannot be built on 3.13
        assert ends.left_out(end) == ([] if end["python"] < "3.13" else ["tests.parity.test_kenlm"])


def part(folder: Path, name: str, case: str, outcome: str = "") -> None:
    """What a session of a few tests leaves."""
    case = f"<testcase {case}>{outcome}</testcase>"
    (folder / f"{name}-part-1.xml").write_text(f'<testsuites><testsuite time="9">{case}</testsuite></testsuites>')


BOTH = 'classname="tests.unit.test_a" name="test_one"/><testcase classname="tests.unit.test_a" name="test_two"'


def test_a_file_that_was_mended_counts_as_what_it_was_the_last_time_and_is_counted(folder):
    for end in ("lowest", "newest-3.13"):
        leave(folder, end, outcome="<failure/>")
    part(folder, "lowest", BOTH)
    part(folder, "newest-3.13", BOTH, "<error/>")
    for _ in range(2):                                             # read twice they count no more than once
        assert ends.main([]) == 1
        lowest, newest = record()["ends"].values()
        assert dict(ends.counts(lowest)) == {"passed": 3} and dict(ends.counts(newest)) == {"passed": 2, "failed": 1}
        assert "| of these run again, after a mend | 2 | 2 |" in ends.table(record())


def test_an_end_on_record_stays_where_its_reports_are_gone_and_is_mended_by_a_report_of_a_few(folder, capsys):
    leave(folder, "lowest", outcome="<failure/>", came="2.0")
    assert ends.main([]) == 1                                      # and no newest end at all
    said = "missing: nox -s newest\nfailed: tests.unit.test_a::test_two\nout_of_band: 01/c/0 loss # [0]\n"
    assert capsys.readouterr().out.startswith(said)
    shutil.rmtree(folder)                                          # another day, another machine
    leave(folder, "newest-3.13")
    assert ends.main([]) == 1
    assert record()["failed"] == record()["out_of_band"] == 1 and not record()["missing"]
    leave(folder, "lowest")
    (folder / "lowest.xml").unlink()
    part(folder, "lowest", BOTH)
    assert ends.main([]) == 0 and record()["ends"]["lowest"]["minutes"] == 2


def test_a_few_tests_that_ran_with_other_versions_do_not_count(folder):
    leave(folder, "newest-3.13")
    ends.main([])
    (folder / "newest-3.13.xml").unlink()
    part(folder, "newest-3.13", BOTH)
    (folder / "newest-3.13.json").write_text(json.dumps({"python": "3.11.7", "packages": {"torch": "2.9.1"}}))
    with pytest.raises(SystemExit, match=r"newest-3.13-part-1.xml ran with .*2.9.1.*2.9.0.*type: nox -s newest-3.13"):
        ends.main([])


def test_a_few_tests_alone_are_no_end(folder):
    leave(folder, "lowest")
    (folder / "lowest.xml").unlink()
    part(folder, "lowest", BOTH)
    with pytest.raises(SystemExit, match=r"expected a report of all tests in .*lowest.xml; type: nox -s lowest"):
        ends.main([])


def test_a_cell_that_a_notebook_no_longer_has_counts_no_more_once_the_notebook_is_run_again(folder):
    leave(folder, "lowest", cell="<failure/>")
    leave(folder, "newest-3.13")
    for end in ("lowest", "newest-3.13"):
        part(folder, end, 'classname="notebooks.01_ngrams.ipynb" name="Cell 2"')
    assert ends.main([]) == 0 and record()["ends"]["lowest"]["not_passed"] == {}


def test_an_end_in_parts_is_whole_only_with_all_of_them(folder, capsys):
    leave(folder, "lowest")
    leave(folder, "newest-3.13")
    part(folder, "newest-3.13", 'classname="tests.unit.test_a" name="test_two"')
    assert ends.main([]) == 1
    assert capsys.readouterr().out.startswith("other_tests: tests.unit.test_a\n")
    part(folder, "newest-3.13", BOTH)
    assert ends.main([]) == 0


def test_a_file_that_one_end_leaves_out_as_a_whole_is_named_and_not_compared(folder):
    leave(folder, "lowest")
    leave(folder, "newest-3.13")
    part(folder, "lowest", 'classname="tests.parity.test_b" name="test_three"')
    assert ends.main([]) == 1 and record()["other_tests"] == 1
    skipped = '<skipped message="collection skipped"/>'          # pytest gives the name of the file as that of a test
    part(folder, "newest-3.13", 'classname="" name="tests.parity.test_b"', skipped)
    assert ends.main([]) == 0
    lines = ends.table(record()).split("\n")
    assert "| tests skipped | 0 | 1 |" in lines and "| files skipped as a whole | none | test_b |" in lines


def test_the_record_is_told_in_a_sentence_and_a_table_and_hides_no_failure(folder):
    leave(folder, "lowest", outcome="<failure/>")
    leave(folder, "newest-3.13", outcome='<skipped message="no"/>', came="2.0")
    ends.main([])
    assert ends.sentence(record()) == (
        "Lowest and newest versions, on Python 3.11 and 3.11: 6 tests, 1 failed, 0 cells of lessons differ"
    )
    alone = {"missing": 1, "ends": {"newest-3.13": record()["ends"]["newest-3.13"]}}
    assert ends.sentence(alone) == "Newest versions, on Python 3.11: 3 tests, 0 failed, the other end not yet"
    lines = ends.table(record()).split("\n")
    assert lines[:2] == ["| | lowest | newest-3.13 |", "|---|---|---|"]
    for line in ("| torch | 2.9.0 | 2.9.0 |", "| keras | – | – |", "| tests failed | 1 | 0 |", "| minutes | 2 | 2 |"):
        assert line in lines
    assert "| numbers out of their bands | 0 | 1 |" in lines


@pytest.mark.parametrize(("command", "left"), [("part", True), ("begin", False)])
def test_a_run_of_all_begins_anew_and_one_of_a_few_keeps_the_rest_and_both_write_down_the_versions(
    folder, command, left
):
    leave(folder, "lowest")
    leave(folder, "newest-3.13")
    part(folder, "lowest", BOTH)
    assert ends.main([command, "lowest"]) == 0
    described = json.loads((folder / "lowest.json").read_text())
    assert {"torch", "transformers", "pytest", "nbval"} <= described["packages"].keys() <= set(ends.declared())
    gone = ["lowest.xml", "lowest-part-1.xml", "lowest/01.json"]
    assert [(folder / name).exists() for name in gone] == [left] * 3
    assert (folder / "newest-3.13.xml").exists() and (folder / "newest-3.13" / "01.json").exists()
