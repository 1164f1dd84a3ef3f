"""Draw the images by which the slow families are compared, and keep them: `python -m tools.image_samples`.

Either takes some minutes on one core. The file is
`data/results/image_samples.npz`, uint8, three seeds of 500 images each.
"""

import argparse
import sys
import time

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.image_yardstick import DRAWN, KEPT, SAMPLES, SEEDS, draw


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.image_samples", description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"of {', '.join(KEPT)}; all of them by default")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="processor cores to use")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    arrays = dict(np.load(SAMPLES, allow_pickle=False)) if SAMPLES.exists() else {}
    try:
        for family in options.families or KEPT:
            for seed in SEEDS:
                start = time.monotonic()
                arrays[f"{family}_{seed}"] = draw(family, DRAWN, seed).numpy()
                print(f"{family}, seed {seed}: {DRAWN} images in {time.monotonic() - start:.0f} s", flush=True)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    np.savez_compressed(SAMPLES, **arrays)
    print(f"{SAMPLES.name}: {SAMPLES.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
