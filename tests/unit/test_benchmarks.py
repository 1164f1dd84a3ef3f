"""Paired timing, on contestants whose times are known."""

import json
import time

import pytest
import torch
import transformers

from benchmarks import training_step, writing
from benchmarks.__main__ import main
from benchmarks.paired import Spread, Timing, memory_bandwidth, race
from course_utils import leaderboard


def test_a_spread_is_the_middle_the_lowest_and_the_highest():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_ratios_are_taken_within_a_round():
    timing = Timing({"ours": [1.0, 10.0, 2.0], "theirs": [2.0, 20.0, 3.0]})
    assert timing.faster("ours", "theirs") == Spread(2.0, 1.5, 2.0)  # a busy second round changes nothing
    assert timing.faster("theirs", "ours").median == 0.5
    assert timing.rate("ours", 100) == Spread(50.0, 10.0, 100.0)


def test_everybody_runs_once_a_round_and_once_to_warm_up_in_alternating_order():
    runs = []
    timing = race({"a": lambda: runs.append("a"), "b": lambda: runs.append("b")}, rounds=3)
    assert "".join(runs) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(seconds) for name, seconds in timing.seconds.items()} == {"a": 3, "b": 3}


def test_who_sleeps_twice_as_long_is_half_as_fast():
    timing = race({"short": lambda: time.sleep(0.02), "long": lambda: time.sleep(0.04)}, rounds=3)
    assert timing.faster("short", "long").median == pytest.approx(2, rel=0.3)


def test_memory_bandwidth_is_within_what_machines_have():
    assert 1e8 < memory_bandwidth(megabytes=64, rounds=3) < 1e13


@pytest.mark.slow
def test_the_tables_are_printed_and_kept(tmp_path, monkeypatch, capsys):
    """The whole command with little to do; what it measures is `make bench`'s business."""
    threads = torch.get_num_threads()
    for name, value in (("PROMPT", 16), ("LENGTH", 12)):
        monkeypatch.setattr(writing, name, value)
    monkeypatch.setattr(training_step, "BATCH", 2)
    out = tmp_path / "bench.json"
    try:
        assert main(["--rounds", "1", "--bytes", "2000", "--threads", "1", "--out", str(out)]) == 0
    finally:
        torch.set_num_threads(threads)
    made, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert made["writing"]["same_tokens"]["float32"]
    names = [row["name"] for row in made["writing"]["rows"]]
    assert names == ["transformers float32", "transformers bfloat16", "ours float32", "ours bfloat16", "ours int8"]
    assert all(name in printed for name in names)
    for row in made["writing"]["rows"]:
        assert row["tokens_per_second"]["low"] > 0 and 0 < row["share_of_bandwidth"] < 5
    assert [row["precision"] for row in made["training"]["rows"]] == list(training_step.PRECISIONS)
    assert 0.3 < made["quality"]["float32"] < 3
    assert abs(made["quality"]["int8"] / made["quality"]["float32"] - 1) < 0.02


def test_one_part_is_measured_again_and_the_rest_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(training_step, "BATCH", 1)
    out = tmp_path / "bench.json"
    conditions = {"machine": leaderboard.machine(), "threads": torch.get_num_threads(), "rounds": 1}
    versions = {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__}
    out.write_text(json.dumps(conditions | {"versions": versions, "training": "old", "quality": "kept"}))
    again = ["training", "--rounds", "1", "--threads", str(torch.get_num_threads()), "--out", str(out)]
    assert main(again) == 0
    made = json.loads(out.read_text())
    assert made["quality"] == "kept" and made["training"]["rows"][0]["precision"] == "float32"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["writing"], "measure all parts together"),
        (["training", "--rounds", "3"], "measure all parts together"),
        (["speed"], "no part 'speed'; expected writing, training, quality"),
    ],
)
def test_parts_of_another_run_or_of_no_name_are_refused_before_any_is_measured(arguments, reason, tmp_path, capsys):
    out = tmp_path / "bench.json"
    out.write_text(json.dumps({"rounds": 2}))
    before = out.read_bytes()
    with pytest.raises(SystemExit):
        main([*arguments, "--threads", str(torch.get_num_threads()), "--out", str(out)])
    assert reason in capsys.readouterr().err
    assert out.read_bytes() == before
