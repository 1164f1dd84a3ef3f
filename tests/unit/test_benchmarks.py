"""Paired timing, on contestants whose times are known."""

import time

import pytest

from benchmarks.paired import Spread, Timing, memory_bandwidth, race


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
