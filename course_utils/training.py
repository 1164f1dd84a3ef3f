"""One `fit` for every model that keeps the contract `model(*batch) -> (logits, loss)`.

AdamW or Muon, a warm-up and a cosine decay of the learning rate, clipping, validation, the best weights kept,
checkpoints from which a killed run goes on bit for bit. On Hugging Face accelerate: `device()` and several
processes are the same call; processes started together (by `torchrun`) learn from a batch each.
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
from course_utils.optimizers import OPTIMIZERS
from course_utils.text.batches import Batches

NOT_COUNTED = -100                                                 # a target that is no token: padding, or no question
LOG_SECONDS, PAGE_SECONDS = 30.0, 0.2                              # between two updates in a log file, and on a page
INTERRUPTED = "Interrupted after {:,} steps: what follows has the model as it is. Run the cell again for the whole run."


class TrainingError(CourseError):
    """Training cannot go on; the message says at which step and what to try."""


@dataclass(frozen=True)
class FitConfig:
    """How to train: for `steps` steps, or for `seconds` (then the schedule follows the clock and no two runs agree).

    learning_rate is the highest; it rises over the first `warmup` share of the run and falls as a cosine to `final`
    times itself. clip: the gradient's longest norm. validate_every and checkpoint_every are in steps; 0 is only at the
    end, and never. seed: of the dropout. precision: float32, or bfloat16 for the products of the loss (autocast); the
    weights, the optimizer and the validation stay in float32. optimizer: adamw, or muon for the matrices.
    """

    steps: int | None = None
    seconds: float | None = None
    learning_rate: float = 2e-3
    warmup: float = 0.05
    final: float = 0.05
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    validate_every: int = 0
    checkpoint_every: int = 0
    seed: int = 0
    precision: str = "float32"
    optimizer: str = "adamw"

    def __post_init__(self):
        if self.precision not in ("float32", "bfloat16"):
            raise CourseError(f"precision is {self.precision!r}; expected float32 or bfloat16.")
        if self.optimizer not in OPTIMIZERS:
            raise CourseError(f"optimizer is {self.optimizer!r}; expected {' or '.join(OPTIMIZERS)}.")
        if (self.steps is None) == (self.seconds is None):
            raise CourseError("FitConfig takes either steps or seconds; give one of them.")
        amount = self.steps if self.steps is not None else self.seconds
        if amount <= 0:
            raise CourseError(f"There is nothing to do in {amount} steps or seconds; give more.")
        if self.learning_rate <= 0 or self.clip <= 0:
            raise CourseError(f"learning_rate {self.learning_rate} and clip {self.clip} have to be above 0.")

    def progress(self, step: int, seconds: float) -> float:
        """The share of the run that is done, 0 to 1."""
        return min(1.0, step / self.steps if self.steps is not None else seconds / self.seconds)

    def learning_rate_at(self, progress: float) -> float:
        """Up in a line over the warm-up, then down as half a cosine."""
        if progress < self.warmup:
            return self.learning_rate * (progress + 1e-3) / (self.warmup + 1e-3)
        falling = (progress - self.warmup) / max(1 - self.warmup, 1e-9)
        return self.learning_rate * (self.final + (1 - self.final) * (1 + math.cos(math.pi * falling)) / 2)


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
    is on the device where it was before.
    `folder`: where checkpoints go, and from where a run that was killed goes on; a finished one returns at once.
    Raises TrainingError where the loss is not a number, CheckpointError where `folder` holds another run.
    """
    run = _Run(model, config, validate, loss, folder, watch)
    with _own_dropout(config.seed + run.accelerator.process_index):
        run.resume()
        try:
            while not run.finished:
                run.step(batches)
        except KeyboardInterrupt:
            run.history.interrupted = True
            print(INTERRUPTED.format(run.history.steps))           # the cell goes on, and may never look at the history
        finally:
            run.close()
        run.end()
    return run.history


@contextmanager
def _own_dropout(seed: int) -> Iterator[None]:
    """torch draws dropout from one global generator: seed it inside, and give it back as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


class _Run:
    """One run of `fit`: the model, the optimizer, the clock and what was kept."""

    def __init__(self, model, config: FitConfig, validate, loss, folder: Path | None, watch: Watcher | None):
        self.config, self.validate, self.loss, self.watch = config, validate, loss, watch
        self.folder = None if folder is None else Path(folder)
        self.accelerator = accelerator()
        self.home = next(model.parameters()).device
        self.model, self.best = model.to(self.accelerator.device), None
        self.history = History(device=gpu_label())
        make = OPTIMIZERS[config.optimizer]
        optimizer = make(model, config.learning_rate, config.weight_decay, config.betas)
        self.optimizer = self.accelerator.prepare(optimizer)
        self.before, self.began, self.bar = 0.0, time.perf_counter(), _bar(config)

    # --- going on

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.began

    @property
    def finished(self) -> bool:
        return self.config.progress(self.history.steps, self.seconds) >= 1

    def step(self, batches: Batches) -> None:
        """One batch: loss, gradient, clipping, update; then whatever is due."""
        number, processes = self.history.steps, self.accelerator.num_processes
        batch = batches(number * processes + self.accelerator.process_index)
        batch = tuple(tensor.to(self.accelerator.device) for tensor in batch)
        rate = self.config.learning_rate_at(self.config.progress(number, self.seconds))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            loss = self.loss(self.model, batch)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(_not_a_number(value, number, rate, self.config.clip))
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        if processes > 1:
            self._share_gradients()
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.history.losses.append(value)
        self.history.tokens += processes * int((batch[-1] != NOT_COUNTED).sum())
        self._after_step()

    def _share_gradients(self) -> None:
        """Each process has learned from a batch of its own: go on with the mean, so that all keep the same weights."""
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")

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
        value = float(self.validate(self.model))
        self.history.validation.append((self.history.steps, value))
        if math.isfinite(value) and self.history.best == self.history.validation[-1]:
            self.best = {name: tensor.detach().clone() for name, tensor in _changing(self.model).items()}

    def end(self) -> None:
        """Put the best weights in place."""
        if self.best is not None:
            self._load(self.best)
        self.model.eval()

    # --- being seen

    def _show(self) -> None:
        history = self.history
        done = history.steps if self.config.steps is not None else min(self.seconds, self.config.seconds)
        recent = history.losses[-50:]
        speed = f"{history.tokens_per_second:,.0f} tokens/s"
        self.bar.set_postfix_str(f"loss {sum(recent) / len(recent):.3f}, {speed}", refresh=False)
        self.bar.update(done - self.bar.n)
        if self.watch:
            self.watch.update(history.steps, history.losses, history.validation)

    def close(self) -> None:
        """End what was shown and bring the model back to where it was, whatever happened."""
        self.model.to(self.home)
        self.bar.close()
        if self.watch:
            self.watch.close()

    # --- being kept

    def save(self) -> None:
        """Keep everything that decides how the run goes on."""
        if not self.accelerator.is_main_process:
            return
        tensors = checkpoints.flattened("model", _changing(self.model))
        tensors |= checkpoints.flattened("best", self.best or {})
        tensors |= checkpoints.flattened("optimizer", self.optimizer.state_dict()["state"])
        tensors |= checkpoints.flattened("random", _random_state())
        if hasattr(self.loss, "state_dict"):
            tensors |= checkpoints.flattened("loss", self.loss.state_dict())
        facts = {"config": asdict(self.config), "history": asdict(self.history)}
        checkpoints.save_state(self.folder, self.history.steps, tensors, facts)

    def resume(self) -> None:
        """Go on where the folder's checkpoint ends; from the beginning where there is none."""
        kept = checkpoints.load_state(self.folder) if self.folder else None
        if kept is None:
            return
        tensors, facts = kept
        if tuple(facts["config"].items()) != tuple(_as_json(asdict(self.config)).items()):
            raise checkpoints.CheckpointError(
                f"{self.folder.name}/ holds a run with other settings, {facts['config']}; expected "
                f"{asdict(self.config)}. Name another folder, or delete that one."
            )
        self.history = History(**{"device": self.history.device, **facts["history"]})
        self.history.validation = [tuple(pair) for pair in self.history.validation]
        self.before = self.history.seconds
        self._load(checkpoints.part("model", tensors))
        self.best = checkpoints.part("best", tensors) or None
        state = checkpoints.state_of_optimizer(checkpoints.part("optimizer", tensors))
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        _set_random_state(checkpoints.part("random", tensors))
        if hasattr(self.loss, "load_state_dict"):
            self.loss.load_state_dict(
                {name: tensor.to(self.accelerator.device) for name, tensor in checkpoints.part("loss", tensors).items()}
            )

    def _load(self, changing: dict[str, torch.Tensor]) -> None:
        self.model.load_state_dict({**self.model.state_dict(), **changing})


def _changing(model: nn.Module) -> dict[str, torch.Tensor]:
    """Everything that training may change: parameters that are frozen are where they came from."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def _not_a_number(value: float, step: int, rate: float, clip: float) -> str:
    return (
        f"The loss is {value} at step {step}, at a learning rate of {rate:.2g}. Try a tenth of that learning rate, "
        f"a longer warm-up or a smaller clip (now {clip:g}); if it is so at step 0, look for bad numbers in the batch."
    )


def _random_state() -> dict[str, torch.Tensor]:
    on_gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"cpu": torch.get_rng_state()} | ({} if on_gpu is None else {"cuda": on_gpu})


def _set_random_state(kept: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(kept["cpu"])
    if "cuda" in kept and torch.cuda.is_available():
        torch.cuda.set_rng_state(kept["cuda"])


def _as_json(facts: dict) -> dict:
    """Facts as they come back from JSON: tuples are lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}


def _bar(config: FitConfig) -> tqdm:
    """A bar on a page or a terminal; in a log file one line every half minute."""
    ipython = sys.modules.get("IPython")
    watched = sys.stderr.isatty() or hasattr(ipython and ipython.get_ipython(), "kernel")
    total, unit = (config.steps, "step") if config.steps is not None else (config.seconds, "s")
    wait = PAGE_SECONDS if watched else LOG_SECONDS
    return tqdm(total=total, unit=unit, leave=False, mininterval=wait, miniters=0, dynamic_ncols=watched)


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
