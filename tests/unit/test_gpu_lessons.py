"""What a lesson's run on a GPU is held against, and what the record says of those that were made."""

import json
from concurrent.futures import Future

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import gpu_lessons
from tools.gpu_lessons import LISTS, RECORD, beside, main, sentence
from tools.notebooks.files import lesson_paths, read

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
    assert found["verdicts otherwise"] == ["an-id: and less: True did not come"]


def test_of_two_verdicts_in_the_same_words_one_that_turns_is_named():
    found = compared(cell("equal: True\nequal: True\n"), cell("equal: False\nequal: True\n"))
    assert found["verdicts"] == 2 and found["verdicts otherwise"] == ["an-id: equal: True did not come"]


def test_a_measured_number_may_differ_within_its_band_and_no_further():
    near = compared(cell("loss 2.000\n", **MEASURES), cell("loss 2.001\n", **MEASURES))
    far = compared(cell("loss 2.000\n", **MEASURES), cell("loss 9.000\n", **MEASURES))
    assert (near["numbers"], near["numbers otherwise"]) == (1, [])
    assert far["numbers"] == 1 and "9.000 came out" in far["numbers otherwise"][0]


def test_a_line_that_is_gone_is_a_finding_whether_it_measures_or_judges():
    measured = compared(cell("loss 2.000\n", **MEASURES), cell("nothing\n", **MEASURES))
    assert measured["numbers"] == 1 and "no line of these words came out" in measured["numbers otherwise"][0]
    judged = compared(cell("it is more: True\n"), cell("it is less: True\n"))
    assert judged["verdicts otherwise"] == ["an-id: it is more: True did not come"]


def test_that_a_line_names_the_gpu_is_none():
    trained = "2 steps, 8 tokens, 1 s (8/s); best validation 1.4937 at step 2"
    found = compared(cell(f"{trained}\n", **MEASURES), cell(f"{trained}; on NVIDIA H200\n", **MEASURES))
    assert found["numbers otherwise"] == [] and found["numbers"] > 2


def test_what_a_reader_solves_and_what_did_not_run_is_not_compared():
    unsolved, solved = cell("done: False\n", tags=["check:9.1"]), cell("done: True\n", tags=["check:9.1"])
    assert compared(unsolved, solved)["verdicts"] == 0
    after = cell("done: False\n")
    after.execution_count = None
    found = compared(cell("done: True\n"), after)
    assert (found["cells"], found["not run"], found["verdicts"]) == (1, 1, 0)


def test_without_a_gpu_nothing_runs_and_it_says_why(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    with pytest.raises(SystemExit):
        main(["00"])
    assert "torch sees no GPU here, or COURSE_DEVICE is cpu" in capsys.readouterr().err


def test_a_cell_that_fails_is_named_and_the_next_one_runs(tmp_path, monkeypatch):
    path = tmp_path / "99_fails.ipynb"
    cells = [new_code_cell(source, id=name) for name, source in (("first", "1 / 0"), ("second", "print('a: True')"))]
    cells[1].outputs = [new_output("stream", name="stdout", text="a: True\n")]
    nbformat.write(new_notebook(cells=cells), path)
    found = gpu_lessons.lesson(path)
    assert found["failed"] == ["first: ZeroDivisionError: division by zero"]
    assert (found["cells"], found["not run"], found["verdicts"], found["verdicts otherwise"]) == (2, 0, 1, [])


def test_a_process_that_was_killed_is_a_lesson_that_failed():
    killed = Future()
    killed.set_exception(RuntimeError("terminated abruptly"))
    found = gpu_lessons.outcome(killed)
    assert found["failed"] == ["RuntimeError: terminated abruptly"] and found["cells"] == 0
    assert sentence({"lessons": {"00_start_here": found | {"machine": {"gpu": "one", "torch": "2"}}}})


def test_every_lesson_is_on_record_whole_and_what_was_found_says_what_became_of_it():
    lessons = json.loads(RECORD.read_text(encoding="utf-8"))["lessons"]
    cells = {path.stem: sum(cell.cell_type == "code" for cell in read(path).cells) for path in lesson_paths()}
    assert {name: found["cells"] for name, found in lessons.items()} == cells
    assert all(found["numbers"] and found["machine"]["gpu"] for found in lessons.values())
    with_findings = {name for name, found in lessons.items() if any(found[kind] for kind in (*LISTS, "not run"))}
    assert with_findings == {name for name, found in lessons.items() if "since" in found}


def test_the_sentence_names_the_lessons_that_are_missing():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    fewer = {name: found for name, found in record["lessons"].items() if name != "00_start_here"}
    said = sentence({"lessons": fewer})
    cells = sum(found["cells"] for found in fewer.values())
    assert said.startswith(f"{len(fewer)} lessons (not yet 00") and f" of {cells:,} cells " in said
