"""What a lesson's run on a GPU is held against, and what the record says of those that were made."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import gpu_lessons
from tools.gpu_lessons import LISTS, RECORD, beside, main, sentence
from tools.notebooks.files import lesson_paths

MEASURES = {"tags": [gpu_lessons.MEASURES]}


def cell(text: str, **metadata):
    """A cell that has run and printed a text."""
    printed = [new_output("stream", name="stdout", text=text)]
    return new_code_cell("", outputs=printed, execution_count=1, metadata=metadata, id="an-id")


def compared(committed, came) -> dict:
    return beside("99", new_notebook(cells=[committed]), new_notebook(cells=[came]))


def test_a_verdict_that_comes_out_otherwise_is_named():
    found = compared(cell("it is more: True\nand less: True\n"), cell("it is more: True\nand less: False\n"))
    assert (found["cells"], found["verdicts"]) == (1, 2)
    assert found["verdicts otherwise"] == ["an-id: and less: False"]


def test_a_measured_number_may_differ_within_its_band_and_no_further():
    near = compared(cell("loss 2.000\n", **MEASURES), cell("loss 2.001\n", **MEASURES))
    far = compared(cell("loss 2.000\n", **MEASURES), cell("loss 9.000\n", **MEASURES))
    assert (near["numbers"], near["numbers out of band"]) == (1, [])
    assert far["numbers"] == 1 and "9.000 came out" in far["numbers out of band"][0]


def test_what_a_reader_solves_and_what_did_not_run_is_not_compared():
    unsolved, solved = cell("done: False\n", tags=["check:9.1"]), cell("done: True\n", tags=["check:9.1"])
    assert compared(unsolved, solved)["verdicts"] == 0
    after = cell("done: True\n")
    after.execution_count = None
    assert compared(cell("done: True\n"), after)["cells"] == 0


def test_without_a_gpu_nothing_runs_and_it_says_why(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    with pytest.raises(SystemExit):
        main(["00"])
    assert "torch sees no GPU here, or COURSE_DEVICE is cpu" in capsys.readouterr().err


def test_the_record_is_of_lessons_that_there_are_and_has_no_finding():
    lessons = json.loads(RECORD.read_text(encoding="utf-8"))["lessons"]
    assert lessons.keys() <= {path.stem for path in lesson_paths()}
    assert {name: found[kind] for name, found in lessons.items() for kind in LISTS if found[kind]} == {}
    assert all(found["cells"] and found["numbers"] and found["machine"]["gpu"] for found in lessons.values())


def test_the_sentence_names_the_lessons_that_are_missing():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    fewer = {name: found for name, found in record["lessons"].items() if name != "00_start_here"}
    said = sentence({"lessons": fewer})
    assert said.startswith(f"{len(fewer)} lessons (not yet 00") and "0 failed" in said
