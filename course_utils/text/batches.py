"""From ids to batches: windows of a long text, or pairs of short ones. A source of batches is a function of the step.

So it holds no state: a run that is killed and goes on at step 700 asks for batch 700 and gets the one it would get.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.shapes import check_counts, check_whole

Batches = Callable[[int], tuple[torch.Tensor, ...]]

PAD, START, END = 0, 1, 2
NO_TARGET = -100          # what `cross_entropy` leaves out
POOL = 50                 # batches that are sorted by length together


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


# --- pairs ----------------------------------------------------------------------------------------


def padded(rows: Sequence[Sequence[int]], padding: int = PAD, dtype: torch.dtype = torch.int16) -> torch.Tensor:
    """(N, longest) of the rows, filled up; int16 is enough for ids below 32,768 and -100, a quarter of the memory."""
    if not rows:
        raise CourseError("expected at least one sequence, got none.")
    longest = max(map(len, rows))
    try:
        return torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows], dtype=dtype)
    except (RuntimeError, ValueError, TypeError) as error:
        most = torch.iinfo(dtype).max
        raise CourseError(f"A row has no ids: {error}; expected numbers up to {most:,}, or a wider dtype.") from error


class PairBatches:
    """Sources and targets as ids, without start and end, cut into batches of pairs of like length.

    Every pair comes once an epoch, in an order of its own. source is ids, end, padding (0); inputs are start, ids,
    padding; targets are ids, end, and -100 where there is nothing to predict.
    """

    def __init__(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], batch: int, seed: int):
        if not sources or batch < 1:
            raise CourseError(f"expected at least one pair and a batch of at least 1; got {len(sources)} and {batch}.")
        if len(sources) != len(targets):
            raise CourseError(f"{len(sources)} sources and {len(targets)} targets; expected one target to each source.")
        self.source = padded([[*row, END] for row in sources])                       # (N, longest)
        self.inputs = padded([[START, *row] for row in targets])
        self.targets = padded([[*row, END] for row in targets], NO_TARGET)
        self.source_lengths = (self.source != PAD).sum(1)                            # (N,)
        self.target_lengths = (self.inputs != PAD).sum(1)
        self.batch = batch
        self.seed = seed
        self.steps_per_epoch = -(-len(sources) // batch)
        self._order = lru_cache(maxsize=1)(self._shuffled)

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Source (B, S), inputs (B, T), targets (B, T), int64, no wider than the longest; the same for the same step.

        The smallest batch of an epoch holds what is left over. Raises CourseError for a negative step.
        """
        if step < 0:
            raise CourseError(f"expected a step of 0 or more, got {step}.")
        epoch, place = divmod(step, self.steps_per_epoch)
        rows = self._order(epoch)[place]
        source, target = self.source_lengths[rows].max(), self.target_lengths[rows].max()
        widths = (self.source, source), (self.inputs, target), (self.targets, target)
        return tuple(ids[rows, :width].long() for ids, width in widths)

    def _shuffled(self, epoch: int) -> tuple[torch.Tensor, ...]:
        """The rows of each batch of an epoch."""
        lengths = self.source_lengths * (self.targets.shape[1] + 1) + self.target_lengths   # first by source
        return of_like_length(lengths, self.batch, generator(mixed(self.seed, epoch)))


def of_like_length(lengths: torch.Tensor, batch: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """The N rows of an epoch in batches: shuffled, sorted by `lengths` (N,) within pools, cut, the batches shuffled.

    The smallest batch holds what is left over.
    """
    check_whole("N+", lengths=lengths)
    check_counts(batch=batch)
    shuffled = torch.randperm(len(lengths), generator=generator)
    pool = torch.arange(len(shuffled)) // (POOL * batch)
    key = pool * (lengths.max() + 1) + lengths[shuffled]
    batches = shuffled[key.argsort(stable=True)].split(batch)
    return tuple(batches[i] for i in torch.randperm(len(batches), generator=generator))
