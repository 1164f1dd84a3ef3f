"""Batches are a function of the step, and targets are the inputs one place on."""

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.text.batches import streams, windows

IDS = torch.arange(1000)


@pytest.mark.parametrize("source", [windows(IDS, 4, 10, seed=1), streams(IDS, 4, 10)], ids=["windows", "streams"])
def test_a_target_is_the_id_that_follows_its_input_and_a_step_always_gives_the_same_batch(source):
    inputs, targets = source(7)
    assert inputs.shape == targets.shape == (4, 10) and inputs.dtype == torch.int64
    assert torch.equal(targets, inputs + 1)
    assert all(torch.equal(a, b) for a, b in zip(source(7), (inputs, targets), strict=True))
    assert not torch.equal(source(8)[0], inputs)


def test_windows_reach_both_ends_of_the_text():
    starts = torch.cat([windows(torch.arange(13), 8, 10, seed=1)(step)[0][:, 0] for step in range(20)])
    assert set(starts.tolist()) == {0, 1, 2}


def test_another_seed_gives_other_windows_at_every_step():
    first, other = windows(IDS, 4, 10, seed=1), windows(IDS, 4, 10, seed=2)
    seen = [tuple(first(step)[0][:, 0].tolist()) for step in range(50)]
    assert not set(seen) & {tuple(other(step)[0][:, 0].tolist()) for step in range(50)}


def test_each_stream_goes_on_where_it_ended_and_begins_again_after_the_last():
    source = streams(IDS, 2, 100)                                   # rows of 500 ids: 4 whole steps
    rows = torch.cat([source(step)[0] for step in range(4)], dim=1)
    assert torch.equal(rows, torch.stack([torch.arange(400), 500 + torch.arange(400)]))
    assert torch.equal(source(4)[0], source(0)[0])


def test_the_shortest_text_makes_one_window_and_a_shorter_one_is_refused():
    inputs, targets = windows(torch.arange(4), 1, 3, seed=1)(0)
    assert (inputs.tolist(), targets.tolist()) == ([[0, 1, 2]], [[1, 2, 3]])
    for source in (windows, streams):
        with pytest.raises(CourseError, match=r"ids have shape \(3,\); expected one axis and at least 4 of them"):
            source(torch.arange(3), 1, 3, *([1] if source is windows else []))
        with pytest.raises(CourseError, match="expected one axis"):
            source(torch.empty(0, dtype=torch.int64), 1, 3, *([1] if source is windows else []))


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(CourseError, match="batch is 0 and length 3; expected 1 or more of each"):
        streams(IDS, 0, 3)
