"""Measure the four families of image models and what they are compared with: `python -m tools.image_yardstick`.

Writes `data/results/images.json`: for each of three seeds all measures of 500 images; bits per dimension of 500 test
images; what training took, and how many parameters draw. Seconds and memory of drawing are not kept: they are another
machine's. Takes some minutes.
"""

import argparse
import sys

import torch

from course_utils.checkpoints import write_json
from course_utils.errors import CourseError
from course_utils.image_yardstick import (
    DRAWN,
    FAMILIES,
    REFERENCES,
    SEEDS,
    ImageMeasures,
    Yardstick,
    drawing_network,
    over_seeds,
)
from course_utils.paths import RESULTS
from course_utils.recipes import about

SHOWN = ("frechet", "precision", "recall", "density", "coverage", "label_entropy")
BITS = ("bits_per_dim", "bits_per_dim_low", "bits_per_dim_high")


def as_numbers(measures: ImageMeasures) -> dict[str, float]:
    """The values of all measures, without their intervals."""
    return {name: getattr(measures, name).value for name in (*SHOWN, "kernel")}


def training_of(family: str) -> dict:
    """What training took, and bits per dimension where there is a likelihood, as written beside the checkpoint."""
    known = about(FAMILIES[family])
    costs = {name: known[name] for name in ("steps", "training_flops", "seconds", "hardware")}
    costs["parameters"] = sum(parameter.numel() for parameter in drawing_network(family).parameters())
    return costs | {name: known["metrics"][name] for name in BITS if name in known["metrics"]}


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.image_yardstick", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="processor cores to use")
    torch.set_num_threads(parser.parse_args(arguments).threads)
    try:
        rule, measured = Yardstick(), {}
        for name in (*REFERENCES, *FAMILIES):
            measured[name] = [as_numbers(one) for one in over_seeds(rule, name)]
            distances = ", ".join(f"{one['frechet']:.2f}" for one in measured[name])
            print(f"{name}: Fréchet distance {distances}", flush=True)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    training = {family: training_of(family) for family in FAMILIES}
    write_json(RESULTS / "images.json", {"images": DRAWN, "seeds": SEEDS, "measures": measured, "training": training})
    return 0


if __name__ == "__main__":
    sys.exit(main())
