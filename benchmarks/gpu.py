"""What a GPU shows, in under six minutes on an H100: `fit` beside the CPU and beside itself, and how fast it trains.

Writes `gpu.json`, a section at a time. One that fails, or takes longer than it may, leaves its error there, and the
others go on. Needs no network and no assets; `python -m tools.scale_table` writes the record into scale/README.md.
"""

import argparse
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path

import torch

from benchmarks import gpu_speed, in_shards, on_gpu
from benchmarks.place import Place
from course_utils import checkpoints
from course_utils.devices import device_label
from course_utils.paths import RESULTS

RECORD = "gpu.json"
SECONDS, LEAST_SECONDS, AGAIN = 330.0, 5.0, 10.0
PACKAGES = "transformers", "accelerate"
MATRIX, PRODUCTS = 8192, 20                                        # how fast the GPU is without any model
Section = Callable[[Place], Iterator[dict]]


def sections(place: Place) -> dict[str, tuple[float, Section]]:
    """What is measured, in this order: name -> seconds it may take, and what yields each figure as it is found."""
    speeds = {f"speed {name}": (45, partial(gpu_speed.bare_steps, name=name)) for name in place.sizes}
    return {
        "machine": (60, machine),
        "fit": (60, on_gpu.beside_the_cpu),
        "resume": (60, on_gpu.resumed),
        "recompute": (60, on_gpu.recomputed),
        **speeds,
        "fit's own speed": (60, gpu_speed.of_fit),
        "fsdp": (60, in_shards.fsdp),
        "compiled": (150, gpu_speed.compiled_steps),               # last: it takes long
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns 1 where a section failed, else 0."""
    place, seconds, out = _options(arguments)
    os.environ["COURSE_DEVICE"] = place.device                     # for `fit`
    end, record = time.monotonic() + seconds, {}
    for name, (limit, section) in sections(place).items():
        left = end - time.monotonic()
        print(f"{name}, with {left:.0f} s left", flush=True)
        record[name] = measured(section, place, left if place.tiny else min(limit, left))
        checkpoints.write_json(out / RECORD, record)
        print(*(f"  {key}: {value}" for key, value in record[name].items()), sep="\n", flush=True)
    failed = [name for name, found in record.items() if "error" in found]
    print(f"written: {RECORD}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def _options(arguments: list[str] | None) -> tuple[Place, float, Path]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu is for a trial")
    parser.add_argument("--tiny", action="store_true", help="a trial: models so small that a CPU has done in a minute")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for everything; what would come later fails")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"folder for {RECORD}")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; for a trial: --tiny --device cpu --out FOLDER")
    if options.out == RESULTS and (options.tiny or options.device == "cpu"):
        parser.error("what a trial finds is no record; say where it goes: --out FOLDER")
    return Place(options.device, options.tiny), options.seconds, options.out


# --- one section


class OutOfTime(BaseException):
    """A section takes longer than it may. No Exception, so that no library takes it for an error of its own."""


def measured(section: Section, place: Place, seconds: float) -> dict:
    """What a section yields; where it fails, its error beside what it had found."""
    found, began = {}, time.monotonic()
    try:
        place.forget()
        with limited(seconds):
            for part in section(place):
                found |= part
    except (Exception, OutOfTime) as error:
        found["error"] = "".join(traceback.format_exception(error))[-3000:]
    return found | {"section_seconds": round(time.monotonic() - began, 1)}


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises OutOfTime after so many seconds, and again every ten; on Windows, which has no such clock, never."""
    if seconds < LEAST_SECONDS:
        raise OutOfTime(f"{seconds:.0f} s are left; expected {LEAST_SECONDS:.0f} or more. Give more --seconds.")

    def stop(*_) -> None:
        raise OutOfTime(f"It took more than {seconds:.0f} s.")

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def machine(place: Place) -> Iterator[dict]:
    """What a time depends on, and what a bare product of two matrices comes to."""
    yield {"torch": torch.__version__} | {name: metadata.version(name) for name in PACKAGES}
    yield {"python": sys.version.split()[0], "gpu": device_label()}
    if place.device == "cuda":
        yield {"gpu_memory": torch.cuda.get_device_properties(0).total_memory}
    side = 64 if place.tiny else MATRIX
    one, other = (torch.randn(side, side, device=place.device, dtype=torch.bfloat16) for _ in range(2))
    products = gpu_speed.repeated(lambda: one @ other, PRODUCTS, place)
    products()
    began = time.perf_counter()
    products()
    yield {"matmul_tflops": PRODUCTS * 2 * side**3 / (time.perf_counter() - began) / 1e12}
