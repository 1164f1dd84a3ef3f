"""Measure the experiments of lesson 15 at full size and write data/results/challenges.json.

`python -m tools.challenges` measures all of them, `python -m tools.challenges bias` one; what others the file holds
stays. Each figure has its interval of 95 %: {experiment: {figure: {value, low, high, n, unit}}}. On one idle core each
takes a few minutes, memorization and data a quarter of an hour each.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

import torch

from course_utils import leaderboard
from course_utils.errors import CourseError
from course_utils.paths import RESULTS
from tools.challenges_figures import Measured

CHALLENGES = RESULTS / "challenges.json"
EXPERIMENTS = ("bias", "factuality", "safety", "memorization", "efficiency", "interpretability", "data")


def measured(experiment: str) -> Measured:
    """The figures of one experiment, by the module that is named after it."""
    return importlib.import_module(f"tools.challenges_{experiment}").measure()


def recorded(path: Path = CHALLENGES) -> dict[str, Measured]:
    """What the file holds: nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8"))["experiments"] if path.exists() else {}


def record(experiment: str, figures: Measured, path: Path = CHALLENGES) -> None:
    """Put one experiment into the file, a line for each figure; the file is written whole or not at all."""
    kept = recorded(path) | {experiment: figures}
    facts = {"made_by": "python -m tools.challenges", "machine": leaderboard.machine()}
    lines = ",\n".join(f'  "{name}": {_block(kept[name])}' for name in EXPERIMENTS if name in kept)
    head = json.dumps(facts, indent=1).removesuffix("\n}")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f'{head},\n "experiments": {{\n{lines}\n }}\n}}\n', encoding="utf-8")
    os.replace(temporary, path)


def _block(figures: Measured) -> str:
    lines = ",\n".join(f'   "{name}": {json.dumps(figure, ensure_ascii=False)}' for name, figure in figures.items())
    return f"{{\n{lines}\n  }}"


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.challenges", description=__doc__)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help=f"of {', '.join(EXPERIMENTS)}; else all")
    chosen = parser.parse_args(arguments).experiments or EXPERIMENTS
    unknown = sorted(set(chosen) - set(EXPERIMENTS))
    torch.set_num_threads(1)
    try:
        if unknown:
            raise CourseError(f"There is no {', '.join(unknown)} here; expected {', '.join(EXPERIMENTS)}.")
        for experiment in chosen:
            record(experiment, measured(experiment))
            print(f"{experiment}: {len(recorded()[experiment])} figures", flush=True)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
