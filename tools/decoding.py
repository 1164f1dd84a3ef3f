"""Let SmolLM2 continue many articles by every decoding strategy, and write data/results/decoding.json.

Lesson 08 measures a few passages itself and reads the many from there. It takes about a quarter of an hour on one core.
"""

import json
import sys
from dataclasses import asdict

import torch
from tqdm import tqdm

from course_utils import leaderboard, strategies
from course_utils.engine import Engine
from course_utils.models.fast_reading import FastReader
from course_utils.paths import RESULTS

DECODING = RESULTS / "decoding.json"
PASSAGES = 24


def measured(reader, tokenizer, count: int) -> dict:
    """What decoding.json says: for each strategy, and for people, the four figures of each passage, in their order."""
    found = strategies.passages(tokenizer, count)
    rows = {strategies.PEOPLE: [strategies.measure(reader, passage, passage.continuation) for passage in found]}
    for name, way in strategies.WAYS.items():
        written = [strategies.write(reader, passage, way, tokenizer.eos_token_id) for passage in tqdm(found, name)]
        rows[name] = [strategies.measure(reader, each, *text) for each, text in zip(found, written, strict=True)]
    return {name: columns([asdict(row) for row in measures]) for name, measures in rows.items()}


def columns(rows: list[dict]) -> dict[str, list]:
    """A list for each figure, one number a passage; a figure that nobody measured is left out."""
    measured = [name for name, value in rows[0].items() if value is not None]
    return {name: [round(row[name], 4) for row in rows] for name in measured}


def main() -> int:
    """Command line. Returns the exit status."""
    torch.set_num_threads(1)
    engine = Engine("smollm2", precision="int8", context=256)
    ways = measured(FastReader(engine.model), engine.tokenizer, PASSAGES)
    facts = {"made_by": "python -m tools.decoding", "machine": leaderboard.machine(), "passages": PASSAGES}
    DECODING.write_text(json.dumps(facts | {"ways": ways}, indent=None) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
