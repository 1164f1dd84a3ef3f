"""Make a shipped checkpoint again, by its recipe: `python -m course_utils.train lstm_sotu`.

The run can be stopped and started again: it goes on from its last checkpoint in `build/training/NAME`. At the end the
weights, rounded to fp16, and what is to be known of them are written to `data/checkpoints/`. `--steps 20` is a trial,
which prints the loss of each step and ships nothing. `accelerate launch -m course_utils.train …` and `torchrun -m …`
share the batches of most recipes among several processes, which learn what one learns: see `scale/README.md`.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from course_utils import checkpoints, leaderboard
from course_utils.devices import accelerator
from course_utils.errors import CourseError
from course_utils.parallel_training import check_alone
from course_utils.paths import CHECKPOINTS, REPOSITORY
from course_utils.recipes import RECIPES, Prepared, Recipe, find, load_from
from course_utils.recipes.base import flops_of_tokens
from course_utils.training import FitConfig, History

WORK = REPOSITORY / "build" / "training"


def make(recipe: Recipe, out: Path, work: Path) -> dict:
    """Train by the recipe, write `NAME.safetensors` and `NAME.json` to `out`, and return what the latter says.

    The metrics are those of the rounded weights, as they are loaded back from `out`. Of several processes the first
    does all but the training; the others return nothing. Raises CourseError in several for what one has to make.
    """
    check_shared(recipe)
    prepared, model = recipe.prepare(), recipe.model()
    history = recipe.train(recipe, model, prepared, work / recipe.name)
    say(history)
    if history.interrupted:
        raise SystemExit(f"Stopped. The same command goes on from {work / recipe.name}.")
    if not accelerator().is_main_process:
        return {}
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


def attempt(recipe: Recipe, changes: dict, out: Path | None) -> dict:
    """Train by the recipe's FitConfig with `changes`, without validation; return what was seen.

    `out` gets the weights of each process in float32. Raises CourseError for a recipe that has no FitConfig, and in
    several processes for one that they cannot share.
    """
    check_shared(recipe)
    if not isinstance(recipe.fit, FitConfig):
        raise CourseError(f"{recipe.name} is not made in steps of one loss; expected a name that is, as gpt_sotu.")
    shorter = replace(recipe, fit=replace(recipe.fit, **changes))
    prepared, model, together = replace(recipe.prepare(), validate=None), recipe.model(), accelerator()
    history = shorter.train(shorter, model, prepared, None)
    if out:
        checkpoints.write_tensors(out / f"{recipe.name}-{together.process_index}.safetensors", recipe.weights(model))
    measured = {"tokens": history.tokens, "tokens_per_second": history.tokens_per_second}
    return {"name": recipe.name, "processes": together.num_processes, "losses": history.losses, **measured}


def check_shared(recipe: Recipe) -> None:
    """Raises CourseError in one of several processes where one alone has to make it; before anything is read."""
    if recipe.alone:
        check_alone(recipe.name, recipe.alone)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, read."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.train", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"one of {', '.join(RECIPES)}")
    parser.add_argument("--out", type=Path, help="folder for the result")
    parser.add_argument("--work", type=Path, help="folder for the checkpoints on the way")
    parser.add_argument("--threads", type=int, help="processor cores to use")
    trial = parser.add_argument_group("a trial, whose losses are printed and whose weights go to --out alone")
    trial.add_argument("--steps", type=int, help="how many steps")
    trial.add_argument("--precision", help="float32 or bfloat16, in place of the recipe's")
    trial.add_argument("--accumulate", type=int, help="batches a step, in place of the recipe's")
    trial.add_argument("--checkpoint-activations", action="store_true", default=None, help="less memory, more time")
    options = parser.parse_args(arguments)
    if options.steps is None and changes_of(options):
        parser.error("a shipped checkpoint is made as its recipe says; with other settings give --steps as well")
    return options


def changes_of(options: argparse.Namespace) -> dict:
    """What a trial changes in the recipe's FitConfig."""
    named = ("steps", "precision", "accumulate", "checkpoint_activations")
    return {name: getattr(options, name) for name in named if getattr(options, name) is not None}


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    options = options_of(arguments)
    try:
        alone = accelerator().num_processes == 1                   # else the launcher has shared out the cores
        torch.set_num_threads(options.threads or (os.cpu_count() if alone else torch.get_num_threads()))
        for name in options.names:
            if options.steps is None:
                say(make(find(name), options.out or CHECKPOINTS, options.work or WORK).get("metrics"))
            else:
                say(json.dumps(attempt(find(name), changes_of(options), options.out)))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def say(what: object) -> None:
    """Print it, once for all processes."""
    if accelerator().is_main_process:
        print(what, flush=True)


if __name__ == "__main__":
    sys.exit(main())
