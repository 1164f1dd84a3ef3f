"""Embed every Wikipedia introduction with MiniLM and write data/wiki_minilm.*; some minutes on one core."""

import sys

import torch
from tqdm import tqdm

from course_utils import checkpoints, tasks
from course_utils.paths import DATA
from course_utils.recipes.base import sha256
from course_utils.semantic_search import WIKI_INDEX, packed
from course_utils.text import load_wiki

AT_ONCE = 256


def main() -> int:
    """Command line. Returns the exit status."""
    torch.set_num_threads(1)
    texts = [article["extract"] for article in load_wiki()]
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))                  # of like length, so little padding
    rows: dict[int, torch.Tensor] = {}
    for first in tqdm(range(0, len(order), AT_ONCE), WIKI_INDEX):
        chosen = order[first : first + AT_ONCE]
        rows |= dict(zip(chosen, tasks.embed([texts[i] for i in chosen]), strict=True))
    numbers, scales = packed(torch.stack([rows[i] for i in range(len(texts))]))
    checkpoints.write_tensors(DATA / f"{WIKI_INDEX}.safetensors", {"numbers": numbers, "scales": scales})
    facts = {
        "name": WIKI_INDEX,
        "title": "Embeddings of the Wikipedia introductions",
        "made_by": "python -m tools.wiki_index",
        "model": "minilm, mean of all tokens, length 1, a byte a number",
        "texts": len(texts),
        "data_sha256": sha256("\n".join(texts)),
    }
    checkpoints.write_json(DATA / f"{WIKI_INDEX}.json", facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
