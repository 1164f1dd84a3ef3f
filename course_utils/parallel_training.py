"""Several processes that train one model: what each reads, what they tell one another, and a model cut into shards.

`accelerate launch` or `torchrun` starts them. Every batch is cut by rows, so any number of processes learns what one
learns; a run whose rows need one another is refused. Under `scale/fsdp.yaml` each holds a share of every block alone:
see `sharding`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils.errors import CourseError
from course_utils.fit_config import FitConfig
from course_utils.models.drawn import DrawnLoss

NOT_COUNTED = -100                                                 # a target that is no token: padding, or no question
BATCH_NORMS = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d
Batch = tuple[torch.Tensor, ...]


class Processes:
    """The processes of a run, most often one, and the place of this one among them."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.device = accelerator, accelerator.device
        self.count, self.place = accelerator.num_processes, accelerator.process_index
        asked = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"      # what `accelerate launch` sets
        self.sharded = asked and torch.distributed.is_available() and torch.distributed.is_initialized()

    @property
    def first(self) -> bool:
        """Whether this is the process that validates, saves and shows."""
        return self.place == 0

    def rows(self, batches: Callable[[int], Batch], number: int) -> tuple[Batch, int]:
        """This process's rows of a batch, and how many targets count in them.

        A source that has `rows(number, place, count)` reads no others; where there are fewer rows than processes, it
        gives the last ones a row whose targets do not count.
        """
        if self.count > 1 and not hasattr(batches, "rows"):
            return own_rows(batches(number), self.place, self.count)
        batch = batches(number) if self.count == 1 else batches.rows(number, self.place, self.count)
        return busy(batch), counted_targets(batch)

    def summed(self, number: float) -> float:
        """The sum of what all processes say."""
        return number if self.count == 1 else self.accelerator.reduce(self._told(number), reduction="sum").item()

    def agreed(self, number: float) -> float:
        """What the first process says, for all of them."""
        return number if self.count == 1 else broadcast(self._told(number)).item()

    def meet(self) -> None:
        """Wait until all processes have come this far."""
        self.accelerator.wait_for_everyone()

    def check_alike(self, steps: int, folder: Path) -> None:
        """Raises CourseError in all processes where one of them sees a checkpoint of other steps than the first."""
        first = self.agreed(steps)
        if self.summed(steps != first):
            raise CourseError(
                f"{folder.name}/ has a checkpoint of {steps} steps for process {self.place} and of {first:.0f} for the "
                "first; expected one folder that all processes see."
            )

    def _told(self, number: float) -> torch.Tensor:
        return torch.tensor([number], dtype=torch.float64, device=self.device)

    # --- the model

    def take(self, model: nn.Module) -> nn.Module:
        """The model to train, on the device: the one given, or a copy of it of which this process holds a share."""
        return _sharding().shards(model, self.device, self.count) if self.sharded else model.to(self.device)

    def whole(self, tensors: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """Tensors by name, with those that lie in shards put together; all processes have to ask at once."""
        return _sharding().whole(tensors) if self.sharded else tensors

    def placed(
        self, tensors: Mapping[str, torch.Tensor], like: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """The way back from `whole`: each tensor cut as the one of its name in `like` is."""
        return _sharding().placed(tensors, like) if self.sharded else tensors

    def share_gradients(self, model: nn.Module) -> None:
        """Each process has the gradient of its own rows: go on with the sum, so that all keep the same weights."""
        if self.count == 1 or self.sharded:                        # shards have added up theirs on the way back
            return
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        flat = self.accelerator.reduce(torch.cat([each.flatten() for each in gradients]), reduction="sum")
        for gradient, part in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    @property
    def divided(self) -> int:
        """What a gradient is divided by on its way: shards take the mean over the processes, and a sum is wanted."""
        return self.count if self.sharded else 1

    # --- dropout's randomness, of which each process has its own

    def random_state(self) -> dict[str, torch.Tensor]:
        """The state of torch's generators in all processes, by name; those of the first one without a number."""
        own = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state()
        if self.count == 1:
            return own
        everywhere = {kind: self.accelerator.gather(state[None].to(self.device)).cpu() for kind, state in own.items()}
        return {
            f"{kind}-{place}" if place else kind: state
            for kind, states in everywhere.items()
            for place, state in enumerate(states)
        }

    def set_random_state(self, kept: Mapping[str, torch.Tensor]) -> None:
        """Go on with the kept state; a process that was not there then keeps the seed that it began with."""
        ending = f"-{self.place}" if self.place else ""
        if (state := kept.get(f"cpu{ending}")) is not None:
            torch.set_rng_state(state)
        if (state := kept.get(f"cuda{ending}")) is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state)


def _sharding():
    """The module of that name; importing it takes a second and a half, which a run without shards does without."""
    from course_utils import sharding

    return sharding


# --- what is refused --------------------------------------------------------------------------------


def check_together(processes: Processes, model: nn.Module, config: FitConfig, loss: object, folder: object) -> None:
    """Raises CourseError for what several processes cannot do together, and for a precision set in two ways."""
    asked = os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()               # what `accelerate launch` sets
    if asked != "no" and (asked, config.precision) != ("bf16", "bfloat16"):
        raise CourseError(
            f"The launcher says mixed_precision {asked!r}, FitConfig precision {config.precision!r}; expected 'no', or "
            "'bf16' beside 'bfloat16'. Change one of them."
        )
    if processes.sharded and config.optimizer != "adamw":
        raise CourseError(f"optimizer is {config.optimizer!r}, which turns whole matrices; in shards expected 'adamw'.")
    if processes.count > 1 and (why := _whole_batches(model, loss, folder)):
        raise CourseError(f"{why}; expected one process. Start it without a launcher.")


def _whole_batches(model: nn.Module, loss: object, folder: object) -> str:
    """Why processes that read only some rows of a batch would learn something else; "" where they would not."""
    if isinstance(loss, DrawnLoss):
        return "This loss draws noise for a whole batch, and each process would draw that of the first rows for its own"
    if any(isinstance(part, BATCH_NORMS) for part in model.modules()):
        return "Batch norm takes its means over a whole batch, and each process has only some of the rows"
    if folder and hasattr(loss, "state_dict"):
        return "This loss carries a state from row to row, of which a checkpoint would hold the first process's alone"
    return ""


def check_alone(what: str, why: str) -> None:
    """Raises CourseError where a launcher has started several processes, for work that they cannot share."""
    count = int(os.environ.get("WORLD_SIZE", "1"))                 # every launcher sets it
    if count > 1:
        raise CourseError(f"{what} cannot be shared by {count} processes: {why}. Start it without a launcher.")


# --- a batch by rows --------------------------------------------------------------------------------


def counted_targets(batch: Batch) -> int:
    """How many targets of a batch count; they are its last tensor."""
    return int((batch[-1] != NOT_COUNTED).sum())


def own_rows(batch: Batch, place: int, count: int) -> tuple[Batch, int]:
    """Every `count`-th row from `place` on, and how many targets count there.

    Where there are fewer rows than processes, the last ones get the first row and 0: in a step all have to take part.
    """
    heights = {len(tensor) for tensor in batch}
    if len(heights) != 1:
        raise CourseError(f"The batch's tensors have {sorted(heights)} rows; expected alike, to share them by rows.")
    if place >= heights.pop():
        return busy(tuple(tensor[:1] for tensor in batch)), 0
    rows = tuple(tensor[place::count] for tensor in batch)
    return busy(rows), counted_targets(rows)


def busy(batch: Batch) -> Batch:
    """The batch; where no target counts, with targets that do: the mean of no losses is no number, not even times 0."""
    return batch if counted_targets(batch) else (*batch[:-1], batch[-1].masked_fill(batch[-1] == NOT_COUNTED, 0))


# --- less memory, more time -------------------------------------------------------------------------


@contextmanager
def recomputed(model: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Within, each block keeps only what came into it, and computes the rest again on the way back (Chen et al. 2016).

    The blocks are what lies in the model's lists (`nn.ModuleList`). Raises CourseError for a model that has none.
    """
    blocks = blocks_of(model) if wanted else []
    if wanted and not blocks:
        raise CourseError("The model has no list of blocks (nn.ModuleList) to compute twice; leave out "
                          "checkpoint_activations.")  # fmt: skip
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The modules in the outermost lists of a model."""
    if isinstance(model, nn.ModuleList):
        return list(model)
    return [block for child in model.children() for block in blocks_of(child)]
