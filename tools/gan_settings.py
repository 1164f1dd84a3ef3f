"""Train the GAN of clothes with five settings, one of which was shipped: `python -m tools.gan_settings`.

Writes `data/results/gan_settings.json`, so that lesson 14 can say how much of the GAN's place is the family's and how
much is the care that went into its settings. Each setting takes the same operations as the shipped one: on a GPU two
to five minutes, on one core about forty. Every finished one is kept at once: stop it and start it again as you like.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from course_utils.checkpoints import read_json, write_json
from course_utils.paths import REPOSITORY, RESULTS
from course_utils.recipes import Recipe
from course_utils.recipes.fashion_gan import FASHION_GAN, FIT
from course_utils.train import make

RESULT = RESULTS / "gan_settings.json"
WORK = REPOSITORY / "build" / "training" / "gan_settings"
TRIED = ((0.05, 2e-4), (0.2, 2e-4), (1.0, 2e-4), (0.2, 4e-4), (1.0, 4e-4))             # weight of R1, learning rate


def recipe_with(r1: float, rate: float) -> Recipe:
    """The shipped recipe with another weight of the R1 penalty and another learning rate of both players."""
    game = replace(FIT.game, r1=r1, generator_rate=rate, discriminator_rate=rate)
    return replace(FASHION_GAN, fit=replace(FIT, game=game))


def measured(path: Path, work: Path) -> list[dict]:
    """Train the settings that `path` lacks, and write it after each: a row with its Fréchet distance and interval."""
    rows = read_json(path)["settings"] if path.exists() else []
    for r1, rate in TRIED:
        if any((row["r1"], row["rate"]) == (r1, rate) for row in rows):
            continue
        folder = work / f"r1-{r1}-rate-{rate}"
        folder.mkdir(parents=True, exist_ok=True)
        known = make(recipe_with(r1, rate), folder, folder)
        rows.append(row_of(r1, rate, known))
        write_json(path, {"made_by": "python -m tools.gan_settings", "settings": rows})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def row_of(r1: float, rate: float, known: dict) -> dict:
    """What is kept of a training: its setting, cost and distance."""
    return {"r1": r1, "rate": rate} | {name: known[name] for name in ("steps", "training_flops")} | known["metrics"]


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    argparse.ArgumentParser(prog="python -m tools.gan_settings", description=__doc__).parse_args(arguments)
    measured(RESULT, WORK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
