"""Print the tables and write them to `data/results/bench.json`: `python -m benchmarks`, about ten minutes."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch
import transformers

from benchmarks import quality, training_step, writing
from benchmarks.paired import Spread
from course_utils import checkpoints, leaderboard
from course_utils.paths import REPOSITORY

RESULTS = REPOSITORY / "data" / "results" / "bench.json"


PARTS = ("writing", "training", "quality")
CONDITIONS = ("machine", "threads", "versions", "rounds")          # alike for all parts of one table


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"what to measure, of {', '.join(PARTS)}; the rest stays as it was")
    parser.add_argument("--rounds", type=int, default=7, help="paired runs of each contestant")
    parser.add_argument("--bytes", type=int, help="measure the quality on so many bytes of the test text, not on all")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="processor cores to use")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file for the result")
    options = parser.parse_args(arguments)
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]!r}; expected {', '.join(PARTS)}")
    torch.set_num_threads(options.threads)
    conditions = {
        "machine": leaderboard.machine(),
        "threads": options.threads,
        "versions": {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__},
        "rounds": options.rounds,
    }
    made = conditions if set(parts) == set(PARTS) else _kept(options.out, conditions, parser)
    print(*(f"{name} {value}" for name, value in conditions.items()), f"load {os.getloadavg()[0]:.2f}", sep=", ")
    if "writing" in parts:
        made |= {"writing": _writing(options.rounds)}
    if "training" in parts:
        made |= {"training": _training(options.rounds)}
    if "quality" in parts:
        made |= {"quality_bytes": options.bytes, "quality": _quality(options.bytes)}
    checkpoints.write_json(options.out, made)
    print(f"\nwritten: {options.out.name}")
    return 0


def _kept(record: Path, conditions: dict, parser: argparse.ArgumentParser) -> dict:
    """What is on record, for some of its parts to be measured again. An error where it was made otherwise."""
    made = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for name in CONDITIONS:
        if made.get(name) != conditions[name]:
            was = f"{record.name} has {name} {made.get(name)}, and here it is {conditions[name]}"
            parser.error(f"{was}; measure all parts together: python -m benchmarks")
    return made


def _writing(rounds: int) -> dict:
    rows, known = writing.measure(rounds)
    print(f"\nSmolLM2 writes {writing.LENGTH} tokens after {writing.PROMPT}, greedily: median of {rounds} (low … high)")
    print(f"{'':22}{'tokens/s':>22}{'× transformers f32':>24}{'× transformers bf16':>24}{'of bandwidth':>14}")
    for row in rows:
        against = "".join(f"{_spread(spread, 2):>24}" for spread in row.against.values())
        rate = _spread(row.tokens_per_second, 1)
        print(f"{row.name:22}{rate:>22}{against}{row.share_of_bandwidth:>14.0%}")
    print(f"memory is read at {known['bandwidth'] / 1e9:.1f} GB/s; same tokens as transformers: {known['same_tokens']}")
    return {"rows": [asdict(row) for row in rows], **known}


def _training(rounds: int) -> dict:
    rows, parameters = training_step.measure(rounds)
    print(f"\nOne training step of a GPT of {parameters:,} parameters, {training_step.TOKENS:,} tokens")
    print(f"{'':22}{'ours, tokens/s':>26}{'transformers':>26}{'× transformers':>22}")
    for row in rows:
        ours, theirs = _spread(row["ours"], 0), _spread(row["theirs"], 0)
        print(f"{row['precision']:22}{ours:>26}{theirs:>26}{_spread(row['faster'], 2):>22}")
    return {
        "parameters": parameters,
        "rows": [{key: asdict(v) if isinstance(v, Spread) else v for key, v in row.items()} for row in rows],
    }


def _quality(n_bytes: int | None) -> dict[str, float]:
    measured = quality.measure(n_bytes)
    print("\nSmolLM2 on the test addresses, bits per byte")
    for precision, bits in measured.items():
        print(f"{precision:22}{bits:10.4f}{100 * (bits / measured['float32'] - 1):+10.2f} %")
    return measured


def _spread(spread: Spread, digits: int) -> str:
    return f"{spread.median:,.{digits}f} ({spread.low:,.{digits}f} … {spread.high:,.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
