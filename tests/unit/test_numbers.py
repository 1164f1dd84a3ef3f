"""The numbers of the lessons by name: which are compared, within what, and what two runs differ in."""

import json
import math
from pathlib import Path

import pytest

from course_utils.checkpoints import read_json
from course_utils.paths import RESULTS
from tools import numbers
from tools.notebooks.files import lesson_paths, read
from tools.numbers import BANDS, Number, bands, compared, differing, load, main, out_of_band, text_of

STATED = {
    "within": 0.05,
    "cells": {
        "02/wild": {"within": 0.5, "why": "explodes"},
        "02/free": {"within": math.inf, "why": "chance"},
        "02/ends": {"within": 0.5, "units": 5, "why": "near 0"},
    },
    "texts": {"02/text": "what a model writes"},
}


def one(committed: str, came: str, cell: str = "cell") -> Number:
    """The last number of a cell that prints one line."""
    return compared("02", cell, committed, came, STATED)[-1]


@pytest.mark.parametrize(
    ("committed", "came", "outside"),
    [
        ("loss 1.234", "loss 1.234", False),
        ("loss 1.234", "loss 1.290", False),                       # 4.5 %
        ("loss 1.234", "loss 1.300", True),                        # 5.3 %
        ("loss 0.02", "loss 0.04", False),                         # two units in the last place
        ("loss 0.02", "loss 0.05", True),
        ("7,569 words", "7,569 words", False),
        ("7,569 words", "7,000 words", True),
        ("change −0.50", "change 0.50", True),
        ("rate 2.0e-03", "rate 2.2e-03", False),
        ("rate 2.0e-03", "rate 2.3e-03", True),
        ("loss 1.234", "loss nan", True),
        ("loss 1.234", "loss inf", True),
        ("loss nan", "loss nan", False),
        ("loss nan", "loss 1.234", True),
        ("the middle at ( 0.97)", "the middle at (-0.97)", True),
        ("by seed: [1. 0.82 0.90]", "by seed: [0.98 1. 0.91]", False),
        ("by seed: [0.82 0.98]", "by seed: [0.83 1.  ]", False),
        ("loss 1.234", "", True),                                  # it has to come again
        ("loss 1.234", "a loss of 1.234", True),
        ("loss 1.234; 12 s", "12 s", True),
        ("12.5 s", "", True),
        ("| seconds | 1.5 |", "", False),
    ],
)
def test_a_number_may_lie_a_share_of_itself_or_two_last_units_from_the_committed_one(committed, came, outside):
    assert out_of_band(one(committed, came)) == outside


def test_a_cell_may_have_a_wider_band():
    assert out_of_band(one("longest 100.0", "longest 140.0"))
    assert not out_of_band(one("longest 100.0", "longest 140.0", "wild"))
    assert out_of_band(one("longest 100.0", "longest 160.0", "wild"))


def test_a_cell_may_allow_more_units_in_the_last_place():
    assert out_of_band(one("ends at +0.00", "ends at +0.05"))
    assert not out_of_band(one("ends at +0.00", "ends at +0.05", "ends"))
    assert out_of_band(one("ends at +0.00", "ends at +0.06", "ends"))


def test_beside_a_time_the_other_numbers_of_a_line_are_compared():
    line = "500 steps, 38,000 tokens, 12 s (3,166/s); best validation 1.234 at step 500"
    kinds = [number.kind for number in compared("02", "cell", line, line, STATED)]
    assert kinds == ["compared", "compared", "time", "time", "compared", "compared"]
    assert out_of_band(compared("02", "cell", line, line.replace("1.234", "9.999"), STATED)[4])


def test_a_number_without_a_band_is_listed_and_not_compared():
    number = one("the middle 1.0", "the middle 9.0", "free")
    assert number.kind == "listed" and not out_of_band(number)


def test_a_measured_line_of_other_words_fails_but_where_a_model_writes():
    for came in ("", "it wins by 1.2", "the season is 12.3 long"):
        assert one("a season of 12.3", came).kind == "gone" and out_of_band(one("a season of 12.3", came))
        assert one("a season of 12.3", came, "text").kind == "words differ"
    assert str(one("loss 1.2", "")).endswith("1.2 is committed, and no line of these words came out")


@pytest.mark.parametrize("line", ["| seconds | 15 |", "15 s for all", "22.2 tokens/s", "1.4 times as fast", "0.5 GB"])
def test_times_and_speeds_are_counted_and_not_compared(line):
    number = one(line, line.replace("1", "9").replace("2", "7").replace("5", "8"))
    assert number.kind == "time" and not out_of_band(number)


def test_a_line_that_says_something_else_is_counted_and_not_compared():
    number = one("in 1932 he wrote", "in 1960 she sang")
    assert number.kind == "words differ" and not out_of_band(number)


def test_a_number_is_named_by_lesson_cell_and_words_and_keeps_its_place():
    found = compared("07", "c-1", "RNN 2.26 bits, 3 seeds", "RNN 2.27 bits, 3 seeds", STATED)
    assert [number.name for number in found] == [f"07/c-1/0 RNN # bits, # seeds [{place}]" for place in (0, 1)]
    assert [(number.committed, number.came) for number in found] == [("2.26", "2.27"), ("3", "3")]


def test_a_line_that_is_missing_or_too_many_is_seen_as_other_words():
    for two, kind in (("loss 1.0\nloss 2.0", "gone"), ("loss 1\nloss 2", "words differ")):
        first = two.splitlines()[0]
        assert [number.kind for number in compared("07", "c", two, first, STATED)] == ["compared", kind]
        assert [number.kind for number in compared("07", "c", first, two, STATED)] == ["compared", "words differ"]


def test_progress_bars_pages_and_widgets_are_no_numbers():
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "loss 1.0\n"},
        {"output_type": "stream", "name": "stderr", "text": "warned 3 times"},
        {"output_type": "display_data", "data": {"text/plain": "  0%|   | 0/400 [00:00<?, ?step/s]"}},
        {"output_type": "display_data", "data": {"text/plain": "<IPython.core.display.HTML object>"}},
        {"output_type": "display_data", "data": {"text/plain": "interactive(children=(IntSlider(value=289),))"}},
        {"output_type": "display_data", "data": {"text/plain": "Figure: two curves, 40 steps."}},
        {"output_type": "execute_result", "data": {"text/plain": "Bits(1.2)", "text/markdown": "| bits | 1.2 |"}},
    ]
    assert text_of(outputs) == "loss 1.0\n\nFigure: two curves, 40 steps.\n| bits | 1.2 |"


def run_of(folder: Path, values: list[str]) -> Path:
    folder.mkdir()
    rows = [Number(f"02/c/{i} loss #", "1.0", value, 0.05, "compared")._asdict() for i, value in enumerate(values)]
    (folder / "02.json").write_text(json.dumps(rows))
    return folder


def test_two_runs_are_compared_to_the_last_digit_and_what_one_lacks_is_named(tmp_path, monkeypatch, capsys):
    first, second = run_of(tmp_path / "a", ["1.00", "1.01"]), run_of(tmp_path / "b", ["1.00", "1.02", "1.03"])
    assert differing(load(first), load(second)) == [
        "02/c/2 loss #: only in one of the runs",
        "02/c/1 loss #: 1.01 and 1.02",
    ]
    assert main([str(first), "--against", str(second)]) == 1
    monkeypatch.setattr(numbers, "RECORD", tmp_path / "twice.json")
    assert main([str(first), "--against", str(first), "--record"]) == 0
    assert "2 compared; 0 differ between the runs" in capsys.readouterr().out
    assert json.loads((tmp_path / "twice.json").read_text()) == {"made_by": "nox -s twice", "compared": 2, "differ": []}


def test_the_committed_record_of_two_runs_has_no_number_that_differs():
    committed = read_json(RESULTS / "twice.json")
    assert committed["compared"] > 2_000 and committed["differ"] == []
    assert committed.keys() - {"made_by", "differ"} <= numbers.KINDS.keys()


def test_a_number_that_differs_stands_in_the_table_of_two_runs():
    record = {"compared": 2, "time": 1, "differ": ["02/c/1 loss #: 1.01 and 1.02"]}
    assert numbers.sentence(record) == "All lessons two times: 2 numbers compared, 1 differ"
    assert numbers.table(record).endswith("| 02/c/1 loss #: 1.01 and 1.02 | differs |")
    assert "| not compared: seconds, speeds and gigabytes | 1 |" in numbers.table(record)


def test_the_list_names_every_number_and_fails_where_one_is_out_of_its_band(tmp_path, capsys):
    assert main([str(run_of(tmp_path / "a", ["1.01", "1.30"]))]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "02/c/0 loss #\t1.0\t1.01\t±5%",
        "02/c/1 loss #\t1.0\t1.30\t±5%",
        "2 compared; 1 out of their bands",
    ]
    with pytest.raises(SystemExit, match="expected the numbers of a run in .*none.*type: make test"):
        load(tmp_path / "none")


def test_every_band_belongs_to_a_cell_that_there_is_is_wider_than_the_usual_one_and_says_why():
    ids = {f"{path.stem[:2]}/{cell['id']}" for path in lesson_paths() for cell in read(path).cells}
    stated = bands()
    assert set(stated["cells"]) | set(stated["texts"]) <= ids, BANDS.name
    assert all(len(why) > 10 for why in stated["texts"].values())
    assert all(band["within"] > stated["within"] and len(band["why"]) > 10 for band in stated["cells"].values())
