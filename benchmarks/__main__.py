"""Print the tables and write them to `data/results/bench.json`: `python -m benchmarks`, about ten minutes."""

import argparse
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


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="paired runs of each contestant")
    parser.add_argument("--bytes", type=int, help="measure the quality on so many bytes of the test text, not on all")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="processor cores to use")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file for the result")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    busy = os.getloadavg()[0]
    made = {
        "machine": leaderboard.machine(),
        "threads": options.threads,
        "load_before": round(busy, 2),
        "versions": {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__},
        "rounds": options.rounds,
        "quality_bytes": options.bytes,
    }
    print(f"{made['machine']}, {options.threads} threads, versions {made['versions']}, load before {busy:.2f}")
    made |= {
        "writing": _writing(options.rounds),
        "training": _training(options.rounds),
        "quality": _quality(options.bytes),
    }
    checkpoints.write_json(options.out, made)
    print(f"\nwritten: {options.out.name}")
    return 0


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
