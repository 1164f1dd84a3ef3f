"""From a long text of ids to batches. A source of batches is a function of the step, so that it holds no state.

A run that is killed and resumed at step 700 asks for batch 700 and gets the one it would have got.
"""

from collections.abc import Callable

import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator

Batches = Callable[[int], tuple[torch.Tensor, ...]]


def windows(ids: torch.Tensor, batch: int, length: int, seed: int) -> Batches:
    """Random windows of a text. `windows(...)(step)` is (inputs, targets), each (B, T) int64.

    ids (N,); targets[b, t] is the id that follows inputs[b, t]. Raises CourseError for a text too short for a window.
    """
    _check(ids, batch, length, batch_needs=1)
    offsets = torch.arange(length)

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(len(ids) - length, (batch, 1), generator=generator(mixed(seed, step)))
        return ids[starts + offsets], ids[starts + offsets + 1]

    return at


def streams(ids: torch.Tensor, batch: int, length: int) -> Batches:
    """The text as B parallel streams, read in order: row b of step n + 1 goes on where row b of step n ended.

    For a network that carries its state from batch to batch. After the last whole step the streams begin again.
    """
    _check(ids, batch, length, batch_needs=batch)
    rows = ids[: len(ids) // batch * batch].view(batch, -1)             # (B, N // B)
    steps = (rows.shape[1] - 1) // length

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        begin = step % steps * length
        return rows[:, begin : begin + length], rows[:, begin + 1 : begin + length + 1]

    return at


def mixed(seed: int, step: int) -> int:
    """One number for a seed and a step, so that neighbouring seeds do not share their batches."""
    return (seed * 1_000_003 + step) % 2**63


def _check(ids: torch.Tensor, batch: int, length: int, batch_needs: int) -> None:
    if batch < 1 or length < 1:
        raise CourseError(f"batch is {batch} and length {length}; expected 1 or more of each.")
    needed = batch_needs * (length + 1)
    if ids.ndim != 1 or len(ids) < needed:
        raise CourseError(
            f"ids have shape {tuple(ids.shape)}; expected one axis and at least {needed} of them for "
            f"{batch} × {length}. Give a longer text, or make smaller batches."
        )
