"""The suite at both ends of the declared versions, beside each other: `python -m tools.ends`, after `nox`.

Reads what the sessions of noxfile.py left in build/ends/: JUnit's reports, the numbers of the lessons, the versions.
Writes `data/results/versions.json`.
"""

import argparse
import platform
import sys
import tomllib
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from packaging.requirements import Requirement

from course_utils.checkpoints import read_json, write_json
from course_utils.paths import REPOSITORY, RESULTS
from tools import numbers

ENDS = REPOSITORY / "build" / "ends"
RECORD = RESULTS / "versions.json"
SHOWN = ("torch", "transformers", "numpy", "keras", "huggingface_hub", "jupyterlab", "ipywidgets", "nbval")


class End(NamedTuple):
    """One session: the Python and packages it had, what became of each test, and how long all took together."""

    name: str
    python: str
    packages: dict[str, str]
    outcomes: dict[str, str]                         # test -> passed, failed, skipped
    again: int                                       # how many of the tests were run again after the others, for a mend
    seconds: float

    @property
    def cells(self) -> dict[str, str]:
        """Of the outcomes, those of the lessons' cells, compared by nbval."""
        return {test: outcome for test, outcome in self.outcomes.items() if ".ipynb" in test}


def declared() -> list[str]:
    """Names of all packages that pyproject.toml declares, for readers and tests."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return sorted({Requirement(line).name for lines in lists for line in lines})


def describe(path: Path) -> None:
    """Write the Python and the versions of what is installed here."""
    installed = {}
    for name in declared():
        try:
            installed[name] = version(name).partition("+")[0]
        except PackageNotFoundError:                 # an extra that this end has no use for
            continue
    write_json(path, {"python": platform.python_version(), "packages": installed})


def load_all() -> tuple[End, list[End]]:
    """The lowest end, and the newest on each Python. Raises SystemExit where either is missing."""
    names = sorted({path.stem.rpartition("-")[0] for path in ENDS.glob("*.xml")})
    newest = [name for name in names if name.startswith("newest")]
    for session, found in (("lowest", "lowest" in names), ("newest", newest)):
        if not found:
            raise SystemExit(f"expected the report of the session {session} in {ENDS}; type: nox -s {session}")
    return load("lowest"), [load(name) for name in newest]


def load(name: str) -> End:
    """What a session left, in one report or in several: a test that was run again is what it was the last time.

    A notebook is always run as a whole: what an earlier report says of it counts no more.
    """
    outcomes, again, seconds = {}, set(), 0.0
    for path in sorted(ENDS.glob(f"{name}-*.xml"), key=lambda path: int(path.stem.rpartition("-")[2])):
        suite = ElementTree.parse(path).getroot().find("testsuite")
        came = {f"{case.get('classname')}::{case.get('name')}": _outcome(case) for case in suite.iter("testcase")}
        again |= outcomes.keys() & came.keys()
        whole = {test.partition("::")[0] for test in came if ".ipynb" in test}
        outcomes = {test: outcome for test, outcome in outcomes.items() if test.partition("::")[0] not in whole} | came
        seconds += float(suite.get("time"))
    return End(name, **read_json(ENDS / f"{name}.json"), outcomes=outcomes, again=len(again), seconds=seconds)


def _outcome(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    return "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Tests that came out otherwise, or are not there, in one of two ends."""
    tests = sorted(one.keys() | other.keys())
    return [f"{test}: {one.get(test)} and {other.get(test)}" for test in tests if one.get(test) != other.get(test)]


def apart(one: End, other: End) -> list[str]:
    """Numbers of the lessons that came out further from each other than their band is wide."""
    first, second = ({number.name: number for number in numbers.load(ENDS / end.name)} for end in (one, other))
    both = [name for name in first if name in second]
    pairs = [first[name]._replace(committed=first[name].came, came=second[name].came) for name in both]
    return [f"{pair.name}: {pair.committed} and {pair.came}" for pair in pairs if numbers.out_of_band(pair)]


def summary(end: End) -> dict:
    """What the record keeps of an end."""
    came = numbers.load(ENDS / end.name)
    return {
        "python": end.python,
        "packages": {name: end.packages[name] for name in SHOWN if name in end.packages},
        "outcomes": dict(Counter(end.outcomes.values())),
        "run_again": end.again,
        "cells": dict(Counter(end.cells.values())),
        "numbers_compared": sum(number.kind == "compared" for number in came),
        "numbers_out_of_band": sum(map(numbers.out_of_band, came)),
        "minutes": round(end.seconds / 60),
    }


def table(record: dict) -> str:
    """The ends beside each other as a Markdown table: versions, what became of tests and numbers, minutes."""
    ends = {name: facts for name, facts in record.items() if isinstance(facts, dict)}
    lines = [f"| | {' | '.join(ends)} |", "|---" * (1 + len(ends)) + "|"]
    rows = {"Python": [facts["python"] for facts in ends.values()]}
    rows |= {package: [facts["packages"].get(package, "–") for facts in ends.values()] for package in SHOWN}
    for outcome in ("passed", "skipped", "failed"):
        rows[f"tests {outcome}"] = [f"{facts['outcomes'].get(outcome, 0):,}" for facts in ends.values()]
    rows["tests run again, after a mend"] = [f"{facts['run_again']:,}" for facts in ends.values()]
    rows["cells of lessons passed"] = [f"{facts['cells'].get('passed', 0):,}" for facts in ends.values()]
    rows["numbers of lessons compared"] = [f"{facts['numbers_compared']:,}" for facts in ends.values()]
    rows["numbers out of their bands"] = [str(facts["numbers_out_of_band"]) for facts in ends.values()]
    rows["minutes"] = [str(facts["minutes"]) for facts in ends.values()]
    return "\n".join(lines + [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()])


def sentence(record: dict) -> str:
    """The record in a few words: how many ends, what failed at them, what differs between them."""
    ends = [facts for facts in record.values() if isinstance(facts, dict)]
    tests = sum(sum(facts["outcomes"].values()) for facts in ends)
    failed = sum(facts["outcomes"].get("failed", 0) for facts in ends)
    pythons = " and ".join(facts["python"].rpartition(".")[0] for facts in ends)
    differ = f"{record['cells_that_differ']} cells of lessons differ"
    return f"Lowest and newest versions, on Python {pythons}: {tests:,} tests, {failed} failed, {differ}"


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status: 1 where a test failed or ran at one end only, a cell is otherwise, or a
    number is out of its band."""
    parser = argparse.ArgumentParser(prog="python -m tools.ends", description=__doc__.partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=["compare", "describe"], default="compare")
    parser.add_argument("file", nargs="?", type=Path, help="where `describe` writes the versions")
    options = parser.parse_args(arguments)
    if options.command == "describe":
        describe(options.file)
        return 0
    lowest, newest = load_all()
    record = {end.name: summary(end) for end in (lowest, *newest)}
    cells = [line for end in newest for line in differing(lowest.cells, end.cells)]
    alone = [test for end in newest for test in sorted(lowest.outcomes.keys() ^ end.outcomes.keys())]
    far = [line for end in newest for line in apart(lowest, end)]
    record |= {"tests_at_one_end_only": len(alone), "cells_that_differ": len(cells), "numbers_apart": len(far)}
    print(*(f"{test}: at one end only" for test in alone), *cells, *far, sep="\n")
    for name, facts in record.items():
        print(name, facts)
    write_json(RECORD, record)
    failed = [test for end in (lowest, *newest) for test, outcome in end.outcomes.items() if outcome == "failed"]
    wrong = any(record[end.name]["numbers_out_of_band"] for end in (lowest, *newest))
    return bool(failed or wrong or cells or alone)


if __name__ == "__main__":
    sys.exit(main())
