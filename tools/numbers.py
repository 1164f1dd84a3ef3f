"""The numbers that the lessons measure: each by name, as committed, as it came out, and the band it has to lie in.

    make test                                          writes them to build/numbers/
    python -m tools.numbers                            lists them
    python -m tools.numbers --against other/numbers    names those that differ between two runs
    nox -s twice                                       makes two runs, and writes data/results/twice.json
"""

import argparse
import json
import math
import re
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

from course_utils.checkpoints import write_json
from course_utils.paths import REPOSITORY, RESULTS

FOLDER = REPOSITORY / "build" / "numbers"
RECORD = RESULTS / "twice.json"
KINDS = {                                            # of README's table
    "compared": "measured numbers, compared to the last digit",
    "listed": "not compared: without a band, for they depend on the machine",
    "time": "not compared: seconds, speeds and gigabytes",
    "words differ": "not compared: in lines whose words may differ",
}
BANDS = REPOSITORY / "tests" / "notebooks" / "bands.toml"
NUMBER = re.compile(r"(?<![\w.,])(?:[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|[-+−]?(?:nan|inf)\b)")
OF_TIME = re.compile(r"\s?(?:s|min|minutes?)\b|(?: ?\w+)?/s\b|(?: \w+){1,2} a second|( to #)? times as fast|\s?GB\b")
LINE_OF_TIMES = re.compile(r"\bms\b|\bseconds\b|\| [\w ]+ a second \||speed-up|÷|\btime to\b")
NOT_WORDS = ("<IPython", "interactive(")             # what stands for a page or a widget
BAR = re.compile(r"\?\s?(?:step|it)/s\]")            # a progress bar as it begins
DECIMAL = re.compile(r"(?<![\w.,])[-+−]?\d+\.\d")    # a line with one of these is a measurement, and has to come again
BARE_POINT = re.compile(r"#\.(?=\]| #)")             # numpy's way to write 1.0 in an array
PADDED = re.compile(r"(?<=[(\[]) | (?=[)\]])")          # numbers set below one another
LAST_DIGITS = 2                                      # so many units in the last printed place, or a cell's own `units`


class Number(NamedTuple):
    """A number of a lesson: `name` is lesson, cell and words of the line; `kind` says whether it is compared."""

    name: str
    committed: str
    came: str
    within: float
    kind: str                                        # compared, listed, time, words differ, gone
    units: int = LAST_DIGITS

    def __str__(self) -> str:
        if self.kind == "gone":
            return f"{self.name}: {self.committed} is committed, and no line of these words came out"
        return f"{self.name}: {self.committed} is committed, {self.came} came out, ±{self.within:.0%} is the band"


@cache
def bands() -> dict:
    """The bands: `within` for all; for single cells also `units`, and the reason; the cells whose words may differ."""
    return tomllib.loads(BANDS.read_text(encoding="utf-8"))


def text_of(outputs) -> str:
    """What a cell printed and the words of what it showed, a table by its rows; no progress bar, no HTML."""
    parts = []
    for output in outputs:
        if output.get("name") == "stdout":
            parts.append(output["text"])
        elif output["output_type"] in ("display_data", "execute_result"):
            parts.append(output["data"].get("text/markdown") or output["data"].get("text/plain", ""))
    lines = "\n".join(parts).splitlines()
    return "\n".join(line for line in lines if not line.startswith(NOT_WORDS) and not BAR.search(line))


def compared(lesson: str, cell: str, committed: str, came: str, stated: dict) -> list[Number]:
    """The numbers of one cell in order, line by line."""
    band = stated["cells"].get(f"{lesson}/{cell}", stated)
    within, units = band["within"], band.get("units", LAST_DIGITS)
    others_words = f"{lesson}/{cell}" in stated["texts"]
    numbers = []
    for place, (old, new) in enumerate(_pairs(committed.splitlines(), came.splitlines())):
        words, pairs = _words(old), _pairs(NUMBER.findall(old), NUMBER.findall(new))
        name = f"{lesson}/{cell}/{place} {words}"
        if words == _words(new):
            kinds = _kinds(words, within)
        else:
            gone = not others_words and DECIMAL.search(old) and not LINE_OF_TIMES.search(words)
            kinds = ["gone" if gone else "words differ"] * len(pairs)
        numbers += [Number(f"{name} [{i}]", *pair, within, kinds[i], units) for i, pair in enumerate(pairs)]
    return numbers


def _kinds(words: str, within: float) -> list[str]:
    """What each number of a line is, by the words about it."""
    usual = "listed" if math.isinf(within) else "compared"
    if LINE_OF_TIMES.search(words):
        return ["time"] * words.count("#")
    return ["time" if OF_TIME.match(after) else usual for after in _after(words)]


def _after(words: str) -> list[str]:
    """For each number of a line the words that follow it."""
    return [words[place + 1 :] for place, letter in enumerate(words) if letter == "#"]


def _pairs(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    """Side by side; what one of them lacks is empty."""
    longest = max(len(old), len(new))
    return list(zip(*(side + [""] * (longest - len(side)) for side in (old, new)), strict=True))


def _words(line: str) -> str:
    """A line with its numbers and its paddings left out."""
    return BARE_POINT.sub("#", PADDED.sub("", " ".join(NUMBER.sub("#", line).split())))


def out_of_band(number: Number) -> bool:
    """Whether a number that is compared lies too far from the committed one, is none any more, or is gone."""
    if number.kind != "compared" or number.committed == number.came:
        return number.kind == "gone"
    old, new = _value(number.committed), _value(number.came)
    allowed = max(number.within * abs(old), number.units * _last_place(number.committed))
    return not abs(new - old) <= allowed * (1 + 1e-9)


def _value(written: str) -> float:
    return float(written.replace(",", "").replace("−", "-"))


def _last_place(written: str) -> float:
    mantissa, _, exponent = written.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


# --- what came out ---------------------------------------------------------------------------------


def load(folder: Path) -> list[Number]:
    """The numbers of all lessons of a run. An error where there are none."""
    files = sorted(folder.glob("[0-9][0-9].json"))
    numbers = [Number(**row) for path in files for row in json.loads(path.read_text(encoding="utf-8"))]
    if not numbers:
        raise SystemExit(f"expected the numbers of a run in {folder}, found none; type: make test")
    return numbers


def differing(first: list[Number], second: list[Number]) -> list[str]:
    """The numbers that came out otherwise in another run, times and written texts aside; and those it lacks."""
    one, other = ({number.name: number for number in run if number.kind == "compared"} for run in (first, second))
    lines = [f"{name}: only in one of the runs" for name in sorted(one.keys() ^ other.keys())]
    both = [name for name in one if name in other]
    return lines + [f"{n}: {one[n].came} and {other[n].came}" for n in both if one[n].came != other[n].came]


def sentence(record: dict) -> str:
    """What two runs came to, in a few words."""
    return f"All lessons two times: {record['compared']:,} numbers compared, {len(record['differ'])} differ"


def table(record: dict) -> str:
    """A Markdown table: how many numbers of each kind, then those that differ."""
    lines = ["| numbers in the lessons' outputs | |", "|---|---|"]
    lines += [f"| {meaning} | {record.get(kind, 0):,} |" for kind, meaning in KINDS.items()]
    return "\n".join(lines + [f"| {line} | differs |" for line in record["differ"]])


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.numbers", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where a run wrote its numbers")
    parser.add_argument("--against", type=Path, help="where another run wrote its own: name what differs")
    parser.add_argument("--record", action="store_true", help=f"write what two runs came to to {RECORD.name}")
    options = parser.parse_args(arguments)
    numbers = load(options.folder)
    kinds = Counter(number.kind for number in numbers)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    if options.against:
        lines = differing(numbers, load(options.against))
        print(*lines, f"{counts}; {len(lines)} differ between the runs", sep="\n")
        if options.record:
            write_json(RECORD, {"made_by": "nox -s twice", **kinds, "differ": lines})
        return bool(lines)
    wrong = [number for number in numbers if out_of_band(number)]
    for number in numbers:
        if number.kind == "compared":
            print(f"{number.name}\t{number.committed}\t{number.came}\t±{number.within:.0%}")
    print(f"{counts}; {len(wrong)} out of their bands")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
