"""Measure the course's models beside their peers, print what is found, write `data/results/bench.json` and draw it.

`python -m benchmarks` measures all parts: on two idle cores a quarter of an hour for the times, and half an hour for
the bits. A part can be measured again alone. `python -m benchmarks gpu` measures a GPU, and nothing else.
"""

import argparse
import importlib
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import torch

from benchmarks.paired import Measured, Spread
from benchmarks.processor import processor
from course_utils import checkpoints
from course_utils.devices import device_label
from course_utils.paths import RESULTS

PARTS = {                                                          # part -> module whose `measure(rounds)` measures it
    "writing": "benchmarks.writing",
    "training": "benchmarks.training_step",
    "recurrent": "benchmarks.recurrent",
    "counting": "benchmarks.counting",
    "merging": "benchmarks.merging",
    "denoising": "benchmarks.denoising",
    "scale": "benchmarks.scaling_out",
}
QUALITY = "quality"                                                # what fewer bits cost: measured once, on no clock
GPU = "gpu"                                                        # its own module: other options, another record
CONDITIONS = ("machine", "processor", "threads", "versions", "rounds")  # alike for all parts of one table
PEERS = (
    "torch", "transformers", "llama-cpp-python", "llms-from-scratch", "x-transformers", "nltk", "kenlm", "tokenizers",
    "diffusers", "denoising-diffusion-pytorch",
)


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == [GPU]:
        return _module("benchmarks.gpu").main(arguments[1:])
    parser, names = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__), [*PARTS, QUALITY]
    parser.add_argument("parts", nargs="*", help=f"what to measure, of {', '.join(names)}; the rest stays as it was")
    parser.add_argument("--rounds", type=int, default=7, help="paired runs of each contestant")
    parser.add_argument("--bytes", type=int, help="measure the quality on so many bytes of the test text, not on all")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="processor cores to use")
    parser.add_argument("--out", type=Path, default=RESULTS / "bench.json", help="file for the result, and its picture")
    options = parser.parse_args(arguments)
    parts = options.parts or names
    if unknown := set(parts) - set(names):
        parser.error(f"there is no part {sorted(unknown)[0]!r}; expected {', '.join(names)}, or {GPU} first and alone")
    use(options.threads)
    conditions = conditions_of(options)
    made = conditions if set(parts) == set(names) else _kept(options.out, conditions, parser)
    print(*(f"{name} {value}" for name, value in conditions.items()), f"load {os.getloadavg()[0]:.2f}", sep="\n")
    for part in parts:
        made |= {part: _part(part, options.rounds)} if part in PARTS else _quality(options.bytes)
        checkpoints.write_json(options.out, made)                  # a run that is stopped keeps what it has
    _module("benchmarks.drawing").draw(made, options.out.with_suffix(".png"))
    print(f"\nwritten: {options.out.name}, {options.out.with_suffix('.png').name}")
    return 0


def use(threads: int) -> None:
    """So many cores for everybody: torch, and the peers written in Rust, which read it when they begin to work."""
    torch.set_num_threads(threads)
    os.environ["RAYON_NUM_THREADS"] = str(threads)


def conditions_of(options: argparse.Namespace) -> dict:
    """What a time depends on."""
    versions = {}
    for name in PEERS:
        try:
            versions[name] = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            versions[name] = None
    values = device_label(), processor(), options.threads, versions, options.rounds
    return dict(zip(CONDITIONS, values, strict=True))


def _kept(record: Path, conditions: dict, parser: argparse.ArgumentParser) -> dict:
    """What is on record, for some of its parts to be measured again. An error where it was made otherwise."""
    made = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for name in CONDITIONS:
        if made.get(name) != conditions[name]:
            was = f"{record.name} has {name} {made.get(name)}, and here it is {conditions[name]}"
            parser.error(f"{was}; measure all parts together: python -m benchmarks")
    return made


def _module(name: str) -> ModuleType:
    """Imported when it is asked for: a machine with a GPU may have nothing that draws, and no peer."""
    return importlib.import_module(name)


def _part(part: str, rounds: int) -> dict:
    print(f"\n{part}", flush=True)
    found: Measured = _module(PARTS[part]).measure(rounds)
    for one in found.contests:
        against = f"{one.ours} beside {one.peer}"
        goal = "" if one.target is None else f"   target {one.target:g}: {'met' if one.met else 'missed'}"
        rates = f"{_spread(one.rate)} and {_spread(one.peer_rate)} {one.unit}"
        print(f"  {one.task}, {against}: {rates}; {_spread(one.faster)} times as fast{goal}")
        if one.met is False and one.spent:
            print("    our time: " + ", ".join(f"{name} {share:.0%}" for name, share in one.spent.items()))
    for one in found.growth:
        times = ", ".join(f"{size:,}: {seconds:.3g} s" for size, seconds in zip(one.sizes, one.seconds, strict=True))
        print(f"  {one.task}, {one.who}: time grows as {one.size} to the power {one.slope:.2f} ({times})")
    for name, value in found.known.items():
        print(f"  {name}: {value}")
    return found.record()


def _quality(n_bytes: int | None) -> dict:
    measured = _module("benchmarks.quality").measure(n_bytes)
    print("\nSmolLM2 on the test addresses, bits per byte")
    for precision, bits in measured.items():
        print(f"{precision:22}{bits:10.4f}{100 * (bits / measured['float32'] - 1):+10.2f} %")
    return {"quality_bytes": n_bytes, QUALITY: measured}


def _spread(spread: Spread) -> str:
    return f"{_digits(spread.median)} ({_digits(spread.low)} … {_digits(spread.high)})"


def _digits(value: float) -> str:
    """Three digits, or all before the point where these are more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
