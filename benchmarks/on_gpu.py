"""`fit` on a GPU: beside the CPU, beside itself, stopped and gone on with, and with blocks that are computed twice.

The text is the course's own code, byte by byte: it lies wherever this runs, and nothing has to be fetched.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from benchmarks.place import Place
from course_utils.models.transformer import Transformer
from course_utils.optimizers import OPTIMIZERS
from course_utils.paths import REPOSITORY
from course_utils.seeding import generator
from course_utils.text.batches import Batches, windows
from course_utils.training import FitConfig, History, fit

PRECISIONS = "float32", "bfloat16"
RECOMPUTED_STEPS, RECOMPUTED_IDS = 4, 200_000
DROPOUT = 0.1                                                      # draws from what a checkpoint has to keep


# --- what is trained


def model(place: Place, seed: int = 1, dropout: float = 0.0) -> Transformer:
    """A small Llama on the CPU."""
    return Transformer(replace(place.compared.config, dropout=dropout), generator(seed))


def settings(place: Place) -> FitConfig:
    """How it is trained, unless something is said to be otherwise."""
    return FitConfig(steps=place.steps, learning_rate=1e-3, seed=3)


def batches(place: Place, part: int = 1) -> Batches:
    """Windows of the course's code; of `part` 2 half as many in a batch."""
    files = sorted((REPOSITORY / "course_utils").rglob("*.py"))
    joined = bytearray(b"".join(path.read_bytes() for path in files))
    ids, size = torch.frombuffer(joined, dtype=torch.uint8).long(), place.compared
    return windows(ids, size.batch // part, size.config.context, seed=4)


# --- how far apart


def losses_apart(one: list[float], other: list[float]) -> float:
    """The largest difference of two runs' losses in any step, in nats."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def weights_apart(one: nn.Module, other: nn.Module) -> float:
    """The largest difference of any weight of two models."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max((a.cpu() - b.cpu()).abs().max().item() for a, b in pairs)


# --- what is measured


def beside_the_cpu(place: Place) -> Iterator[dict]:
    """The same run on the CPU, in bfloat16, once more, and with each batch in two halves."""
    ids, config = batches(place), settings(place)
    trained, by_hand, again = model(place), model(place), model(place)
    here = fit(trained, ids, config)
    there = on_cpu(by_hand, ids, config)
    yield {"float32_losses_apart_from_cpu": losses_apart(here.losses, there)}
    yield {"float32_weights_apart_from_cpu": weights_apart(trained, by_hand)}
    low = fit(model(place), ids, replace(config, precision="bfloat16"))
    yield {"bfloat16_losses_apart_from_float32": losses_apart(low.losses, here.losses)}
    once_more = fit(again, ids, config)
    yield {"float32_twice_equal": once_more.losses == here.losses and weights_apart(again, trained) == 0}
    yield accumulated(place)


def on_cpu(trained: Transformer, ids: Batches, config: FitConfig) -> list[float]:
    """The losses of what `fit` does, written out on the CPU: accelerate keeps one process on one device."""
    optimizer = OPTIMIZERS[config.optimizer](trained, config.learning_rate, config.weight_decay, config.betas)
    losses = []
    for number in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate_at(config.progress(number, 0))
        loss = trained(*ids(number))[1]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), config.clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def accumulated(place: Place) -> dict:
    """Two batches in one step beside one batch of both."""
    halves, config = batches(place, part=2), settings(place)

    def both(number: int) -> tuple[torch.Tensor, ...]:
        parts = zip(halves(2 * number), halves(2 * number + 1), strict=True)
        return tuple(torch.cat(pair) for pair in parts)

    together, apart = model(place), model(place)
    one, other = fit(together, both, config), fit(apart, halves, replace(config, accumulate=2))
    return {
        "accumulated_losses_apart": losses_apart(one.losses, other.losses),
        "accumulated_weights_apart": weights_apart(together, apart),
    }


def resumed(place: Place) -> Iterator[dict]:
    """A run that is stopped between two checkpoints and gone on with by a model of other weights, in each precision."""
    for precision in PRECISIONS:
        config = replace(settings(place), precision=precision, checkpoint_every=max(2, place.steps // 6))
        ids, whole, again = batches(place), model(place, dropout=DROPOUT), model(place, seed=9, dropout=DROPOUT)
        expected = fit(whole, ids, config)
        with TemporaryDirectory() as folder:
            stopped(place, ids, config, Path(folder))
            history = fit(again, ids, config, folder=Path(folder))
        same = history.losses == expected.losses
        yield {precision: {"losses_equal": same, "weights_apart": weights_apart(whole, again)}}


def stopped(place: Place, ids: Batches, config: FitConfig, folder: Path) -> History:
    """What becomes of a run that Ctrl-C ends some steps after its second checkpoint."""
    end = 2 * config.checkpoint_every + config.checkpoint_every // 2

    def until(number: int) -> tuple[torch.Tensor, ...]:
        if number == end:
            raise KeyboardInterrupt
        return ids(number)

    return fit(model(place, dropout=DROPOUT), until, config, folder=folder)


def recomputed(place: Place) -> Iterator[dict]:
    """Blocks computed once and twice: memory, seconds, losses, weights."""
    size, losses, models = place.recomputed, {}, {}
    ids = torch.randint(size.config.vocabulary_size, (RECOMPUTED_IDS,), generator=generator(1))
    for twice in (False, True):
        place.forget()
        models[twice], began = Transformer(size.config, generator(1)), time.perf_counter()
        config = FitConfig(
            steps=RECOMPUTED_STEPS, learning_rate=1e-4, precision="bfloat16", checkpoint_activations=twice
        )
        losses[twice] = fit(models[twice], windows(ids, size.batch, size.config.context, seed=1), config).losses
        seconds = time.perf_counter() - began
        yield {f"recomputed {twice}": {"peak_bytes": place.peak_bytes, "seconds": seconds}}
    yield {"losses_equal": losses[False] == losses[True], "losses_apart": losses_apart(losses[False], losses[True])}
    yield {"weights_apart": weights_apart(models[False], models[True])}
