"""Measure compressors on the test text, cold and primed, and write data/results/compressors.json.

Lessons read the stored numbers: priming takes long, and no reader needs the package of PPMd. PPMd, variant I (Shkarin
2002), predicts the next byte from the last few, as the n-gram models do: it is the strongest of those here.
"""

import json
import sys
from functools import partial

import pyppmd

from course_utils import metrics
from course_utils.leaderboard import fingerprint
from course_utils.paths import RESULTS
from course_utils.text import load_sotu

COMPRESSORS = RESULTS / "compressors.json"
ORDERS = (12, 8)
MEMORY = 1 << 30                                                   # bytes; when they are full PPMd would start over


def bits_per_byte(text: str, order: int, primed_with: str = "") -> float:
    """Bits per byte of a text under PPMd which has just read `primed_with`, whose own size is taken off."""
    data, before = text.encode(), primed_with.encode()
    return 8 * (size(before + data, order) - (size(before, order) if before else 0)) / len(data)


def size(data: bytes, order: int) -> int:
    """Bytes that PPMd makes of these."""
    return len(pyppmd.compress(data, max_order=order, mem_size=MEMORY, variant="I"))


def measured(train: str, test: str) -> dict:
    """What compressors.json says: each compressor cold and primed, made with what, and of which text."""
    ways = {name: partial(metrics.compressed_bits_per_byte, compressor=name) for name in metrics.COMPRESSORS}
    ways |= {f"PPMd, order {order}": partial(bits_per_byte, order=order) for order in ORDERS}
    bits = {name: {"cold": way(test), "primed": way(test, primed_with=train)} for name, way in ways.items()}
    made = {"made_by": "python -m tools.compressors", "version": f"pyppmd {pyppmd.__version__}"}
    return bits | made | {"test": fingerprint(test)}


def main() -> int:
    """Command line. Returns the exit status."""
    splits = load_sotu()
    text = json.dumps(measured(splits.train, splits.test), indent=1) + "\n"
    COMPRESSORS.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
