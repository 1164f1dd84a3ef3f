"""What two processes do in the tests of scaling out; a launcher starts them with `-m tests.support.together FOLDER`.

Each process writes what it saw of every run to `FOLDER/NAME-PLACE.json` and `.safetensors`.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from course_utils import checkpoints, train
from course_utils.devices import accelerator
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.parallel_training import Processes
from course_utils.recipes.base import nats_per_target
from course_utils.seeding import generator
from course_utils.text.batches import NO_TARGET, windows
from course_utils.training import FitConfig, fit

IDS = torch.arange(3000) * 7 % 13
SETTINGS = FitConfig(steps=6, learning_rate=1e-2, validate_every=3, seed=2)
TRIAL = ["gpt_sotu", "--steps", "2", "--precision", "float32", "--threads", "1"]
SIZES = TransformerConfig(13, context=16, width=16, heads=2, layers=2, inner=24, **LLAMA)


def model(dropout: float = 0.0) -> Transformer:
    """A small Llama, always from the same weights."""
    return Transformer(replace(SIZES, dropout=dropout), generator(3))


def batches(rows: int) -> Callable:
    """Batches of so many rows, of which some are padded: the first of each to its last target, in turn to none."""
    source = windows(IDS, rows, 16, seed=5)

    def at(step: int):
        inputs, targets = source(step)
        targets = targets.clone()
        targets[0, step % 3 :] = NO_TARGET
        return inputs, targets

    return at


def halves(step: int):
    """The batches of `batches(6)`, each in two parts of unlike size: parts 2·n and 2·n + 1 are batch n."""
    whole, cut = batches(6)(step // 2), 2
    return tuple(tensor[:cut] if step % 2 == 0 else tensor[cut:] for tensor in whole)


def nats(trained: Transformer) -> float:
    """The validation: nats per target of two batches that no run learns from."""
    return nats_per_target(trained, lambda step: batches(4)(1000 + step), 2)


RUNS = {
    "whole": (batches(6), SETTINGS),
    "accumulated": (halves, replace(SETTINGS, accumulate=2)),
    "recomputed": (batches(6), replace(SETTINGS, checkpoint_activations=True)),
    "idle": (lambda step: tuple(tensor[:1] for tensor in batches(2)(3 * step + 2)), SETTINGS),
}


def run(name: str, folder: Path | None = None, steps: int | None = None, dropout: float = 0.0):
    """One of `RUNS`, stopped after `steps`; its history and model."""
    source, settings = RUNS[name]
    trained, batches_read = model(dropout), settings.accumulate

    def until(number: int):
        if steps is not None and number >= steps * batches_read:
            raise KeyboardInterrupt
        return source(number)

    history = fit(trained, until, replace(settings, checkpoint_every=2), validate=nats, folder=folder)
    return history, trained


def write(folder: Path, name: str, place: int, history, trained) -> None:
    """What a process saw of a run."""
    seen = {"losses": history.losses, "validation": history.validation, "tokens": history.tokens}
    checkpoints.write_json(folder / f"{name}-{place}.json", seen)
    checkpoints.write_tensors(folder / f"{name}-{place}.safetensors", trained.state_dict())


def main(folder: Path) -> None:
    """Every run; one that goes on where a single process stopped; and one that is stopped here, for it to go on."""
    together = Processes(accelerator())
    for name in RUNS:
        write(folder, name, together.place, *run(name))
    write(folder, "gone on", together.place, *run("whole", folder / "begun alone"))
    run("whole", folder / "begun together", steps=4)
    write(folder, "dropout", together.place, *run("whole", dropout=0.3))
    run("whole", folder / "dropout", steps=4, dropout=0.3)
    write(folder, "dropout, gone on", together.place, *run("whole", folder / "dropout", dropout=0.3))
    held = sum(getattr(each, "_local_tensor", each).numel() for each in together.take(model()).parameters())
    checkpoints.write_json(folder / f"held-{together.place}.json", held)
    train.main([*TRIAL, "--out", str(folder)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
