"""The suite at both ends of the declared versions, beside each other: `python -m tools.ends`, after `nox`.

Reads what the sessions of noxfile.py left in build/ends/: JUnit's reports, the numbers of the lessons, the versions.
Puts it into `data/results/versions.json` and compares the ends there: they need not run on one day, nor on one machine.
"""

import argparse
import json
import platform
import shutil
import sys
import tomllib
from collections import Counter
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

from packaging.requirements import Requirement

from course_utils.checkpoints import read_json, write_json
from course_utils.paths import REPOSITORY, RESULTS
from tools import numbers

ENDS = REPOSITORY / "build" / "ends"
RECORD = RESULTS / "versions.json"
SHOWN = (
    "torch", "transformers", "numpy", "keras", "huggingface_hub", "jupyterlab", "ipykernel", "ipywidgets", "nbval",
)
HARMLESS = "numbers_apart"                           # each within its band of the committed one
PART = "-part-"                                      # NAME.xml is the report of all tests, NAME-part-2.xml of a few


# --- what a session had ---------------------------------------------------------------------------


def declared() -> list[str]:
    """Names of all packages that pyproject.toml declares, for readers and tests."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return sorted({Requirement(line).name for lines in lists for line in lines})


def begin(name: str) -> None:
    """Remove what an earlier run of an end left: all its tests are about to run."""
    shutil.rmtree(ENDS / name, ignore_errors=True)
    for path in ENDS.glob(f"{name}*.xml"):
        path.unlink()


def describe(path: Path) -> None:
    """Write the Python and the versions of what is installed here."""
    installed = {}
    for name in declared():
        try:
            installed[name] = version(name).partition("+")[0]
        except PackageNotFoundError:                 # an extra that this end has no use for
            continue
    write_json(path, {"python": platform.python_version(), "packages": installed})


# --- one end --------------------------------------------------------------------------------------


def ends(recorded: dict[str, dict]) -> dict[str, dict]:
    """The lowest end, then the newest on each Python: those on record, with what sessions left since."""
    names = recorded.keys() | {path.stem.partition(PART)[0] for path in ENDS.glob("*.xml")}
    return {name: end(name, recorded.get(name)) for name in sorted(names)}


def end(name: str, recorded: dict | None) -> dict:
    """What the record keeps of an end: its versions, tests by file, all that did not pass, numbers by lesson.

    A report of all tests begins anew; in one of a few, each file is as a whole what it was there. Raises SystemExit
    where there is neither a record nor a report of all, and where a few ran with other versions than the others.
    """
    whole, parts = ENDS / f"{name}.xml", sorted(ENDS.glob(f"{name}{PART}*.xml"), key=_number)
    if not whole.exists() and not recorded:
        raise SystemExit(f"expected a report of all tests in {whole}; type: nox -s {name}")
    kept = recorded
    if whole.exists():
        kept = {"minutes": 0, "files": {}, "again": [], "not_passed": {}, "numbers": {}, **_versions(name)}
        kept = with_report(kept, whole) | {"minutes": round(float(_suite(whole).get("time")) / 60)}
    for part in parts:
        if (now := _versions(name)) != (before := {key: kept[key] for key in now}):
            raise SystemExit(f"{part.name} ran with {now}, the other tests with {before}; type: nox -s {name}")
        kept = with_report(kept, part)
    for path in sorted((ENDS / name).glob("[0-9][0-9].json")):
        kept["numbers"][path.stem] = of_lesson(path)
    return kept


def with_report(kept: dict, report: Path) -> dict:
    """An end with a report more: its files of tests in the place of what they were before."""
    cases = {_test(case): _outcome(case) for case in _suite(report).iter("testcase")}
    tests: dict[str, list[str]] = {}
    for test in cases:
        tests.setdefault(test.partition("::")[0], []).append(test)
    again = sorted({*kept["again"], *(tests.keys() & kept["files"].keys())})
    others = {test: outcome for test, outcome in kept["not_passed"].items() if test.partition("::")[0] not in tests}
    not_passed = others | {test: outcome for test, outcome in cases.items() if outcome != "passed"}
    files = kept["files"] | {file: [len(names), _digest(names)] for file, names in tests.items()}
    return kept | {"files": files, "again": again, "not_passed": dict(sorted(not_passed.items()))}


def of_lesson(path: Path) -> dict:
    """How many numbers of a lesson were compared, and those of them that came out otherwise than committed."""
    came = [numbers.Number(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    strays = [number for number in came if number.kind in ("compared", "gone") and number.committed != number.came]
    count = sum(number.kind == "compared" for number in came)
    return {"compared": count, "strays": {number.name: list(number[1:]) for number in strays}}


def _suite(report: Path) -> ElementTree.Element:
    return ElementTree.parse(report).getroot().find("testsuite")


def _test(case: ElementTree.Element) -> str:
    """FILE::NAME; FILE::FILE where a file was skipped before its tests were known, as pytest.importorskip does."""
    return f"{case.get('classname') or case.get('name')}::{case.get('name')}"


def _outcome(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    return "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


def _digest(names: list[str]) -> str:
    return sha256("\n".join(sorted(names)).encode()).hexdigest()[:8]


def _number(part: Path) -> int:
    return int(part.stem.rpartition("-")[2])


def _versions(name: str) -> dict:
    found = read_json(ENDS / f"{name}.json")
    packages = {package: found["packages"][package] for package in SHOWN if package in found["packages"]}
    return {"python": found["python"], "packages": packages}


# --- two ends -------------------------------------------------------------------------------------


def strays(kept: dict) -> dict[str, numbers.Number]:
    """The numbers of all lessons that came out otherwise than committed, by their names."""
    lessons = kept["numbers"].values()
    return {name: numbers.Number(name, *rest) for lesson in lessons for name, rest in lesson["strays"].items()}


def out_of_band(kept: dict) -> list[str]:
    """Those of them that did so by more than their band."""
    return [name for name, number in strays(kept).items() if numbers.out_of_band(number)]


def counts(kept: dict) -> Counter:
    """How many tests of an end passed, failed and were skipped."""
    others = Counter(kept["not_passed"].values())
    return others + Counter(passed=sum(count for count, _ in kept["files"].values()) - others.total())


def other_tests(one: dict, other: dict) -> list[str]:
    """Files and lessons that do not have the same tests at two ends, but for those that one of them leaves out."""
    files = sorted((one["files"].keys() | other["files"].keys()) - {*left_out(one), *left_out(other)})
    return [file for file in files if one["files"].get(file) != other["files"].get(file)]


def left_out(kept: dict) -> list[str]:
    """Files that were skipped as a whole: what they compare with is not packaged for that Python."""
    return [file for file in kept["files"] if kept["not_passed"].get(f"{file}::{file}") == "skipped"]


def differing(one: dict, other: dict) -> list[str]:
    """Cells of lessons that came out otherwise at one of two ends."""
    tests = sorted(test for test in one["not_passed"].keys() | other["not_passed"].keys() if ".ipynb" in test)
    pairs = {test: [kept["not_passed"].get(test, "passed") for kept in (one, other)] for test in tests}
    return [f"{test}: {first} and {second}" for test, (first, second) in pairs.items() if first != second]


def apart(one: dict, other: dict) -> list[str]:
    """Numbers of lessons that came out further from each other than their band is wide."""
    first, second = strays(one), strays(other)
    both = [name for name in first if name in second]
    pairs = [first[name]._replace(committed=first[name].came, came=second[name].came) for name in both]
    return [f"{pair.name}: {pair.committed} and {pair.came}" for pair in pairs if numbers.out_of_band(pair)]


def findings(kept: dict[str, dict]) -> dict[str, list[str]]:
    """What is wrong with the ends on record, by its kind, and what differs between the lowest and each other one."""
    sessions = [session for session in ("lowest", "newest") if not any(name.startswith(session) for name in kept)]
    pairs = [(kept["lowest"], end) for name, end in kept.items() if name != "lowest"] if "lowest" in kept else []
    failed = [[test for test, outcome in end["not_passed"].items() if outcome == "failed"] for end in kept.values()]
    return {
        "missing": [f"nox -s {session}" for session in sessions],
        "failed": [*chain(*failed)],
        "out_of_band": [*chain(*map(out_of_band, kept.values()))],
        "other_tests": [*chain(*(other_tests(*pair) for pair in pairs))],
        "cells_that_differ": [*chain(*(differing(*pair) for pair in pairs))],
        HARMLESS: [*chain(*(apart(*pair) for pair in pairs))],
    }


# --- told -----------------------------------------------------------------------------------------


def table(record: dict) -> str:
    """The ends beside each other as a Markdown table: versions, what became of tests and numbers, minutes."""
    kept = record["ends"]
    lines = [f"| | {' | '.join(kept)} |", "|---" * (1 + len(kept)) + "|"]
    rows = {"Python": [end["python"] for end in kept.values()]}
    rows |= {package: [end["packages"].get(package, "–") for end in kept.values()] for package in SHOWN}
    for outcome in ("passed", "failed", "skipped"):
        rows[f"tests {outcome}"] = [f"{counts(end)[outcome]:,}" for end in kept.values()]
    names = [[file.rpartition(".")[2] for file in left_out(end)] for end in kept.values()]
    rows["files skipped as a whole"] = [", ".join(files) or "none" for files in names]
    again = [sum(end["files"][file][0] for file in end["again"]) for end in kept.values()]
    rows["of these run again, after a mend"] = [f"{count:,}" for count in again]
    compared = [sum(lesson["compared"] for lesson in end["numbers"].values()) for end in kept.values()]
    rows["numbers of lessons compared"] = [f"{count:,}" for count in compared]
    rows["numbers out of their bands"] = [str(len(out_of_band(end))) for end in kept.values()]
    rows["minutes"] = [str(end["minutes"]) for end in kept.values()]
    return "\n".join(lines + [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()])


def sentence(record: dict) -> str:
    """The record in a few words: which ends, what failed at them, what differs between them."""
    kept = record["ends"].values()
    tests, failed = sum(counts(end).total() for end in kept), sum(counts(end)["failed"] for end in kept)
    pythons = " and ".join(end["python"].rpartition(".")[0] for end in kept)
    differ = "the other end not yet" if record["missing"] else f"{record['cells_that_differ']} cells of lessons differ"
    names = " and ".join(name.partition("-")[0] for name in record["ends"]).capitalize()
    return f"{names} versions, on Python {pythons}: {tests:,} tests, {failed} failed, {differ}"


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status: 1 where an end is missing, a test failed or ran at one end only, a cell is
    otherwise, or a number is out of its band."""
    parser = argparse.ArgumentParser(prog="python -m tools.ends", description=__doc__.partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=["compare", "begin", "part"], default="compare")
    parser.add_argument("end", nargs="?", help="whose tests are about to run: all of them, or a part")
    options = parser.parse_args(arguments)
    if options.command != "compare":
        if options.command == "begin":
            begin(options.end)
        describe(ENDS / f"{options.end}.json")
        return 0
    kept = ends(read_json(RECORD)["ends"] if RECORD.exists() else {})
    found = findings(kept)
    record = {kind: len(lines) for kind, lines in found.items()} | {"ends": kept}
    write_json(RECORD, record)
    print(*(f"{kind}: {line}" for kind, lines in found.items() for line in lines), table(record), sep="\n")
    return any(lines for kind, lines in found.items() if kind != HARMLESS)


if __name__ == "__main__":
    sys.exit(main())
