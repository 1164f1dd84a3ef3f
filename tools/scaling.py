"""Train 21 small transformers on budgets of bytes and write data/results/scaling.json, from which lesson 10 fits a law.

It took 28 minutes on one busy core. Every finished run is kept at once: stop it and start it again as you like.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from course_utils import leaderboard
from course_utils.recipes import scaling
from course_utils.text import load_sotu


def planned() -> list[tuple[int, int]]:
    """(width, bytes) of each run: the grid by budget, then the one that is held out of the fit."""
    return [*((width, tokens) for tokens in scaling.BUDGETS for width in scaling.SIZES), scaling.HELD_OUT]


def facts() -> dict:
    """What all runs have in common; a file with other facts is of no use."""
    splits = load_sotu()
    settings = {name.lower(): getattr(scaling, name) for name in ("CONTEXT", "BATCH", "VALIDATION_BYTES", "SEED")}
    text = {part: leaderboard.fingerprint(getattr(splits, part)) for part in ("train", "validation")}
    return {"made_by": "python -m tools.scaling", "machine": leaderboard.machine()} | settings | text


def measured(path: Path) -> list[dict]:
    """Make the runs that `path` lacks, and write it after each."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    same = {name: value for name, value in kept.items() if name != "runs"} == facts()
    rows = kept["runs"] if same else []
    done = {(row["width"], row["budget"]) for row in rows}
    for width, budget in planned():
        if (width, budget) in done:
            continue
        row = asdict(scaling.measure_run(width, budget))
        rows.append({"budget": budget} | row | {"loss": round(row["loss"], 5), "seconds": round(row["seconds"], 1)})
        write(path, rows)
        print(json.dumps(rows[-1]), flush=True)
    return rows


def write(path: Path, rows: list[dict]) -> None:
    """The file, whole or not at all: a line for each run."""
    head = json.dumps(facts(), indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f'{head},\n "runs": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    os.replace(temporary, path)


def main() -> int:
    """Command line. Returns the exit status."""
    torch.set_num_threads(1)
    measured(scaling.RESULT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
