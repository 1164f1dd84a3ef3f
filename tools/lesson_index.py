"""Embed every passage of the lessons with MiniLM and write data/lessons_minilm.*; a minute on one core."""

import sys

import torch

from course_utils import checkpoints
from course_utils.encoders import load_minilm
from course_utils.examples import LESSON_INDEX, key_of
from course_utils.paths import DATA
from course_utils.semantic_search import packed
from course_utils.text.lesson_texts import lesson_passages


def main() -> int:
    """Command line. Returns the exit status."""
    torch.set_num_threads(1)
    texts = list(dict.fromkeys(passage.text for passage in lesson_passages()))
    numbers, scales = packed(load_minilm().vectors(texts))
    checkpoints.write_tensors(DATA / f"{LESSON_INDEX}.safetensors", {"numbers": numbers, "scales": scales})
    facts = {
        "name": LESSON_INDEX,
        "title": "Embeddings of the lessons' passages",
        "made_by": "python -m tools.lesson_index",
        "model": "minilm, mean of all tokens, length 1, a byte a number",
        "passages": [key_of(text) for text in texts],
    }
    checkpoints.write_json(DATA / f"{LESSON_INDEX}.json", facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
