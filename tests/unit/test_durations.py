"""What takes longest: a report is summed by file and by kind; one of some tests only is refused."""

import json

import pytest

from tools import durations

CASES = {
    "tests.unit.test_ends": 3.0,
    "tests.unit.test_ends.TestOfAClass": 4.0,
    "tests.browser.test_lessons": 90.0,
    "notebooks.01_ngrams.ipynb": 60.0,
    "notebooks.02_recurrent.ipynb": 61.0,
}


def report(folder, cases: dict[str, float]):
    """A report as pytest writes it: two tests in each module, the seconds in halves."""
    lines = [f'<testcase classname="{name}" name="x" time="{spent / 2}"/>' * 2 for name, spent in cases.items()]
    path = folder / "tests.xml"
    path.write_text(f'<testsuites><testsuite time="119">{"".join(lines)}</testsuite></testsuites>')
    return path


def test_seconds_are_summed_by_file_and_by_kind_the_longest_first(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(durations, "RECORD", tmp_path / "durations.json")
    monkeypatch.setattr(durations, "SHOWN", 3)
    assert durations.main([str(report(tmp_path, CASES))]) == 0
    record = json.loads(durations.RECORD.read_text())
    assert record["tests"] == 10 and record["minutes"] == 2
    assert list(record["kinds"].items()) == [("notebooks", 121), ("tests/browser", 90), ("tests/unit", 7)]
    longest = {"tests/browser/test_lessons.py": 90, "notebooks/02_recurrent.ipynb": 61, "notebooks/01_ngrams.ipynb": 60}
    assert list(record["longest"].items()) == list(longest.items())
    printed = capsys.readouterr().out
    assert printed.startswith("What takes longest: 10 tests in 2 minutes (target: 45), at the locked versions\n")
    assert "| notebooks | 2.0 |" in printed


def test_the_versions_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(durations, "RECORD", tmp_path / "durations.json")
    durations.main([str(report(tmp_path, CASES)), "--at", "the lowest versions"])
    assert durations.sentence(json.loads(durations.RECORD.read_text())).endswith(", at the lowest versions")


def test_a_class_of_tests_counts_for_its_file():
    assert durations.file_of("tests.unit.test_ends.TestOfAClass") == "tests/unit/test_ends.py"


def test_a_report_of_some_tests_or_of_none_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="nothing of tests/browser; expected a report of all tests"):
        durations.measured(report(tmp_path, {name: 1.0 for name in CASES if "browser" not in name}), "any versions")
    with pytest.raises(SystemExit, match="There is no report .*make test ARGS=--junitxml"):
        durations.measured(tmp_path / "none.xml", "any versions")
