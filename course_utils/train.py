"""Make a shipped checkpoint again, by its recipe: `python -m course_utils.train lstm_sotu`.

The run can be stopped and started again: it goes on from its last checkpoint in `build/training/NAME`. At the end the
weights, rounded to fp16, and what is to be known of them are written to `data/checkpoints/`.
"""

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from course_utils import checkpoints, leaderboard
from course_utils.errors import CourseError
from course_utils.paths import CHECKPOINTS, REPOSITORY
from course_utils.recipes import RECIPES, Prepared, Recipe, find, load_from
from course_utils.recipes.base import flops_of_tokens
from course_utils.training import History

WORK = REPOSITORY / "build" / "training"


def make(recipe: Recipe, out: Path, work: Path) -> dict:
    """Train by the recipe, write `NAME.safetensors` and `NAME.json` to `out`, and return what the latter says.

    The metrics are those of the rounded weights, as they are loaded back from `out`.
    """
    prepared, model = recipe.prepare(), recipe.model()
    history = recipe.train(recipe, model, prepared, work / recipe.name)
    print(history, flush=True)
    if history.interrupted:
        raise SystemExit(f"Stopped. The same command goes on from {work / recipe.name}.")
    weights = {name: tensor.to(torch.float16) for name, tensor in recipe.weights(model).items()}
    checkpoints.write_tensors(out / f"{recipe.name}.safetensors", weights)
    known = describe(recipe, prepared, history, load_from(recipe, out))
    checkpoints.write_json(out / f"{recipe.name}.json", known)
    return known


def describe(recipe: Recipe, prepared: Prepared, history: History, model) -> dict:
    """Everything that is to be known of a checkpoint: recipe, data, seed, cost, hardware, metrics."""
    return {
        "name": recipe.name,
        "title": recipe.title,
        "made_by": f"python -m course_utils.train {recipe.name}",
        "recipe": {"model": asdict(recipe.config), "fit": asdict(recipe.fit)},
        "data_sha256": prepared.data,
        "seed": recipe.fit.seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": history.steps,
        **seen(recipe, prepared, history),
        "training_flops": recipe.cost(model, prepared, history),
        "seconds": round(history.seconds),
        "hardware": f"{leaderboard.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__.partition("+")[0],
        "validation": history.validation,
        "metrics": recipe.measure(model),
    }


def seen(recipe: Recipe, prepared: Prepared, history: History) -> dict[str, int]:
    """How much the model learned from: tokens, or images where it reads no tokens."""
    if recipe.cost is flops_of_tokens:
        return {"training_tokens": history.tokens}
    return {"training_images": history.steps * len(prepared.batches(0)[0])}


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.train", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"one of {', '.join(RECIPES)}")
    parser.add_argument("--out", type=Path, default=CHECKPOINTS, help="folder for the result")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for the checkpoints on the way")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="processor cores to use")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        for name in options.names:
            print(make(find(name), options.out, options.work)["metrics"], flush=True)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
