"""One `fit` for every model that keeps the contract `model(*batch) -> (logits, loss)`.

AdamW or Muon, a warm-up and a cosine decay of the learning rate, clipping, validation, the best weights kept,
checkpoints from which a killed run goes on bit for bit. On Hugging Face accelerate: `device()` and several
processes are the same call; those started together share the rows of every batch and learn what one learns, or say
why they cannot.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional
from tqdm.auto import tqdm

from course_utils import checkpoints
from course_utils.devices import accelerator, gpu_label
from course_utils.errors import CourseError
from course_utils.fit_config import FitConfig, as_recorded, complete
from course_utils.interrupts import held_back
from course_utils.optimizers import OPTIMIZERS
from course_utils.parallel_training import Processes, check_together, recomputed
from course_utils.text.batches import Batches

LOG_SECONDS, PAGE_SECONDS = 30.0, 0.2                              # between two updates in a log file, and on a page
INTERRUPTED = "Interrupted after {:,} steps: what follows has the model as it is. Run the cell again for the whole run."


class TrainingError(CourseError):
    """Training cannot go on; the message says at which step and what to try."""


@dataclass
class History:
    """What happened: a loss for each step (nats per token), (step, value) of each validation, tokens and seconds.

    device: the GPU it happened on, "" for the CPU.
    """

    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    device: str = ""

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.losses)

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, value) of the lowest validation, or None where there was none."""
        return min(self.validation, key=lambda pair: pair[1], default=None)

    @property
    def tokens_per_second(self) -> float:
        """Targets learned from in a second, validation included in the time."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        done = f"{self.steps:,} steps, {self.tokens:,} tokens, {self.seconds:.0f} s ({self.tokens_per_second:,.0f}/s)"
        best = f"; best validation {self.best[1]:.4f} at step {self.best[0]:,}" if self.best else ""
        place = f"; on {self.device}" if self.device else ""
        return f"{'interrupted after ' if self.interrupted else ''}{done}{best}{place}"


class Watcher(Protocol):
    """Somebody who looks on, such as `viz.LiveCurve`."""

    def update(self, step: int, losses: list[float], validation: list[tuple[int, float]]) -> None: ...

    def close(self) -> None: ...


class CarriedState:
    """A loss for text read in order (`streams`): the hidden state goes on from batch to batch, its gradient does not.

    That is truncated backpropagation through time (Williams and Peng 1990). The model needs `run(ids, state)`.
    """

    def __init__(self):
        self.state = None

    def __call__(self, model: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        inputs, targets = batch
        logits, state = model.run(inputs, self.state)
        several = isinstance(state, tuple)
        self.state = tuple(part.detach() for part in state) if several else state.detach()
        return functional.cross_entropy(logits.transpose(1, 2), targets)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The state by number, for a checkpoint."""
        parts = self.state if isinstance(self.state, tuple) else (self.state,)
        return {} if self.state is None else {str(number): part for number, part in enumerate(parts)}

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take the state up again."""
        parts = tuple(tensors[key] for key in sorted(tensors))
        self.state = None if not parts else parts if len(parts) > 1 else parts[0]


def own_loss(model: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The loss that the model itself gives, by the contract."""
    return model(*batch)[1]


def fit(
    model: nn.Module,
    batches: Batches,
    config: FitConfig,
    *,
    validate: Callable[[nn.Module], float] | None = None,
    loss: Callable[[nn.Module, tuple[torch.Tensor, ...]], torch.Tensor] = own_loss,
    folder: Path | None = None,
    watch: Watcher | None = None,
) -> History:
    """Train `model` in place on `batches(step)`, whose last tensor holds the targets, and return what happened.

    `validate(model)` gives a number, less is better; afterwards the model has its best weights, also after Ctrl-C, and
    is on the device where it was before. A Ctrl-C before the end of the first step goes on up, as KeyboardInterrupt.
    `folder`: where checkpoints go, and from where a run that was killed goes on; a finished one returns at once.
    Raises TrainingError where the loss is not a number, CheckpointError where `folder` holds another run, and
    CourseError for what several processes cannot share.
    """
    run = _Run(model, config, validate, loss, folder, watch)
    with _own_dropout(config.seed + run.processes.place), recomputed(run.model, config.checkpoint_activations):
        run.resume()
        try:
            while not run.finished:
                run.step(batches)
        except KeyboardInterrupt:
            if not run.history.steps:                              # nothing is learned that the cell could go on with
                raise
            run.history.interrupted = True
            print(INTERRUPTED.format(run.history.steps))           # the cell goes on, and may never look at the history
        finally:
            run.close()
        run.end()
    return run.history


@contextmanager
def _own_dropout(seed: int) -> Iterator[None]:
    """torch draws dropout from one global generator: seed it inside, and give it back as it was."""
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_available() else []):
        torch.manual_seed(seed)
        yield


class _Run:
    """One run of `fit`: the model, the optimizer, the clock and what was kept."""

    def __init__(self, model, config: FitConfig, validate, loss, folder: Path | None, watch: Watcher | None):
        self.config, self.validate, self.loss, self.watch = config, validate, loss, watch
        self.folder = None if folder is None else Path(folder)
        self.accelerator = accelerator()
        self.processes, self.given = Processes(self.accelerator), model
        check_together(self.processes, model, config, loss, self.folder)
        self.home = next(model.parameters()).device
        self.model, self.best = self.processes.take(model), None
        self.history = History(device=gpu_label())
        make = OPTIMIZERS[config.optimizer]
        with held_back():                                          # the first one has torch import its compiler
            optimizer = make(self.model, config.learning_rate, config.weight_decay, config.betas)
        self.optimizer = optimizer if self.processes.sharded else self.accelerator.prepare(optimizer)
        self.before, self.began, self.bar = 0.0, time.perf_counter(), _bar(config, self.processes.first)

    # --- going on

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.began

    @property
    def progress(self) -> float:
        """The share of the run that is done; in a run by the clock, by that of the first process."""
        seconds = self.seconds if self.config.seconds is None else self.processes.agreed(self.seconds)
        return self.config.progress(self.history.steps, seconds)

    @property
    def finished(self) -> bool:
        return self.progress >= 1

    def step(self, batches: Batches) -> None:
        """One update: loss and gradient of its batches, clipping, new weights; then whatever is due."""
        rate = self.config.learning_rate_at(self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        value, targets = self._learn(batches)
        if not math.isfinite(value):
            raise TrainingError(_not_a_number(value, self.history.steps, rate, self.config.clip))
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.history.losses.append(value)
        self.history.tokens += targets
        self._after_step()

    def _learn(self, batches: Batches) -> tuple[float, int]:
        """Leave the gradient of the mean loss over all targets of the step; return that mean, and how many there are.

        Batches weigh as much as they have targets that count, so it is the same however the targets are shared out.
        """
        together, accumulate = self.processes, self.config.accumulate
        first = self.history.steps * accumulate
        parts = [together.rows(batches, first + number) for number in range(accumulate)]
        targets = int(together.summed(sum(counted for _, counted in parts)))
        value = torch.zeros((), device=together.device)
        for number, (batch, counted) in enumerate(parts):
            loss = self._loss(batch) * (counted / targets if targets else math.nan)
            if number == 0:
                self.optimizer.zero_grad()
            self.accelerator.backward(loss * together.divided)
            value += loss.detach()
        together.share_gradients(self.model)
        return together.summed(value.item()), targets

    def _loss(self, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        batch = tuple(tensor.to(self.processes.device) for tensor in batch)
        with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            return self.loss(self.model, batch)

    def _after_step(self) -> None:
        steps, config = self.history.steps, self.config
        last = self.finished
        if self.validate and (last or (config.validate_every and steps % config.validate_every == 0)):
            self._validate()
        self.history.seconds = self.seconds
        if self.folder and (last or (config.checkpoint_every and steps % config.checkpoint_every == 0)):
            self.save()
        self._show()

    def _validate(self) -> None:
        """By the first process alone, on the whole model; all keep the weights that it finds the best."""
        model = self._whole_model()
        place = next(model.parameters()).device
        value = float(self.validate(model.to(self.processes.device))) if self.processes.first else math.nan
        value = self.processes.agreed(value)
        model.to(place)                                            # one in shards lies whole elsewhere
        self.history.validation.append((self.history.steps, value))
        if math.isfinite(value) and self.history.best == self.history.validation[-1]:
            self.best = {name: tensor.detach().clone() for name, tensor in _changing(model).items()}

    def _whole_model(self) -> nn.Module:
        """The model that `fit` was given, with the weights as they are now."""
        if self.model is not self.given:
            self.given.load_state_dict(self.processes.whole(self.model.state_dict()))
        return self.given

    def end(self) -> None:
        """Put the best weights in place."""
        model = self._whole_model()
        if self.best is not None:
            model.load_state_dict({**model.state_dict(), **self.best})
        model.eval()

    # --- being seen

    def _show(self) -> None:
        history = self.history
        done = history.steps if self.config.steps is not None else min(self.seconds, self.config.seconds)
        recent = history.losses[-50:]
        speed = f"{history.tokens_per_second:,.0f} tokens/s"
        self.bar.set_postfix_str(f"loss {sum(recent) / len(recent):.3f}, {speed}", refresh=False)
        self.bar.update(done - self.bar.n)
        if self.watch and self.processes.first:
            self.watch.update(history.steps, history.losses, history.validation)

    def close(self) -> None:
        """End what was shown and bring the model back to where it was, whatever happened."""
        self.given.to(self.home)
        self.bar.close()
        if self.watch:
            self.watch.close()

    # --- being kept

    def save(self) -> None:
        """Keep everything that decides how the run goes on: put together by all processes, written by the first."""
        tensors = checkpoints.flattened("model", self.processes.whole(_changing(self.model)))
        tensors |= checkpoints.flattened("best", self.best or {})
        tensors |= self.processes.whole(checkpoints.flattened("optimizer", self.optimizer.state_dict()["state"]))
        tensors |= checkpoints.flattened("random", self.processes.random_state())
        if hasattr(self.loss, "state_dict"):
            tensors |= checkpoints.flattened("loss", self.loss.state_dict())
        facts = {"config": asdict(self.config), "history": asdict(self.history)}
        if self.processes.first:
            checkpoints.save_state(self.folder, self.history.steps, tensors, facts)

    def resume(self) -> None:
        """Go on where the folder's checkpoint ends; from the beginning where there is none."""
        if not self.folder:
            return
        self.processes.meet()                                      # the first may still be writing the one before
        kept = checkpoints.load_state(self.folder)
        self.processes.check_alike(0 if kept is None else len(kept[1]["history"]["losses"]), self.folder)
        if kept is None:
            return
        tensors, facts = kept
        if complete(facts["config"]) != as_recorded(self.config):
            raise checkpoints.CheckpointError(
                f"{self.folder.name}/ holds a run with other settings, {facts['config']}; expected "
                f"{asdict(self.config)}. Name another folder, or delete that one."
            )
        self.history = History(**{"device": self.history.device, **facts["history"]})
        self.history.validation = [tuple(pair) for pair in self.history.validation]
        self.before = self.history.seconds
        present = self.model.state_dict()
        self.model.load_state_dict({**present, **self.processes.placed(checkpoints.part("model", tensors), present)})
        self.best = checkpoints.part("best", tensors) or None
        self._load_optimizer(checkpoints.state_of_optimizer(checkpoints.part("optimizer", tensors)))
        self.processes.set_random_state(checkpoints.part("random", tensors))
        if hasattr(self.loss, "load_state_dict"):
            self.loss.load_state_dict(
                {name: tensor.to(self.accelerator.device) for name, tensor in checkpoints.part("loss", tensors).items()}
            )

    def _load_optimizer(self, state: dict[int, dict[str, torch.Tensor]]) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        for number, each in state.items():
            like = {name: parameters[number] for name, tensor in each.items() if tensor.ndim}
            state[number] = self.processes.placed(each, like)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def _changing(model: nn.Module) -> dict[str, torch.Tensor]:
    """Everything that training may change: parameters that are frozen are where they came from."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def _not_a_number(value: float, step: int, rate: float, clip: float) -> str:
    return (
        f"The loss is {value} at step {step}, at a learning rate of {rate:.2g}. Try a tenth of that learning rate, "
        f"a longer warm-up or a smaller clip (now {clip:g}); if it is so at step 0, look for bad numbers in the batch."
    )


def _bar(config: FitConfig, shown: bool) -> tqdm:
    """A bar on a page or a terminal; in a log file one line every half minute."""
    ipython = sys.modules.get("IPython")
    watched = sys.stderr.isatty() or hasattr(ipython and ipython.get_ipython(), "kernel")
    total, unit = (config.steps, "step") if config.steps is not None else (config.seconds, "s")
    often = {"mininterval": PAGE_SECONDS if watched else LOG_SECONDS, "miniters": 0}
    return tqdm(total=total, unit=unit, leave=False, dynamic_ncols=watched, disable=not shown, **often)


# --- what it cost ---------------------------------------------------------------------------------


def training_flops(model: nn.Module, tokens: int) -> float:
    """Floating-point operations to train on so many tokens: 6 for each weight that multiplies, and token.

    Two for the product and the sum going forward, four going back (Kaplan et al. 2020). Embedding tables are looked
    up, not multiplied, and biases are left out. A model that counts for itself, `flops_per_token(length)`, is asked:
    attention multiplies more than its weights.
    """
    if hasattr(model, "flops_per_token"):
        return 3.0 * model.flops_per_token(model.context) * tokens
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    multiplied = sum(p.numel() for p in model.parameters() if p.ndim > 1 and id(p) not in tables)
    return 6.0 * multiplied * tokens
