"""What takes longest in `make test`: the seconds of each file of tests and of each notebook, from JUnit's report.

    make test ARGS=--junitxml=build/tests.xml && .venv/bin/python -m tools.durations build/tests.xml
    nox -s lowest && .venv/bin/python -m tools.durations build/ends/lowest.xml --at "the lowest versions"

Writes `data/results/durations.json`. Two processes run the tests: all files together take twice the time that passes.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from course_utils.checkpoints import write_json
from course_utils.devices import device_label
from course_utils.paths import REPOSITORY, RESULTS

RECORD = RESULTS / "durations.json"
SHOWN = 12
TARGET = 45                                          # minutes, on two cores


def measured(report: Path, versions: str) -> dict:
    """What the record keeps of a report: tests, minutes, and the seconds of each kind and of the longest files.

    Raises SystemExit where there is no such report, or it is of a part of the tests only.
    """
    if not report.exists():
        raise SystemExit(f"There is no report {report}; type: make test ARGS=--junitxml={report}")
    suite = ElementTree.parse(report).getroot().find("testsuite")
    seconds, tests = Counter(), 0
    for case in suite.iter("testcase"):
        seconds[file_of(case.get("classname"))] += float(case.get("time"))
        tests += 1
    kinds = Counter()
    for file, spent in seconds.items():
        kinds["/".join(file.split("/")[: 1 + file.startswith("tests/")])] += spent
    if missing := {"notebooks", "tests/unit", "tests/browser"} - kinds.keys():
        raise SystemExit(f"{report} has nothing of {', '.join(sorted(missing))}; expected a report of all tests.")
    return {
        "machine": device_label(),
        "versions": versions,
        "tests": tests,
        "minutes": round(float(suite.get("time")) / 60),
        "kinds": {kind: round(spent) for kind, spent in kinds.most_common()},
        "longest": {file: round(spent) for file, spent in seconds.most_common(SHOWN)},
    }


def file_of(classname: str) -> str:
    """The path in the repository that JUnit's dotted name of a module, a class in it, or a notebook stands for."""
    if classname.endswith(".ipynb"):
        return classname.removesuffix(".ipynb").replace(".", "/") + ".ipynb"
    parts = classname.split(".")
    while parts and not (REPOSITORY / "/".join(parts)).with_suffix(".py").exists():
        parts.pop()                                                # a class of tests
    return "/".join(parts) + ".py" if parts else classname


def sentence(record: dict) -> str:
    """How long all tests took together."""
    took = f"{record['tests']:,} tests in {record['minutes']} minutes (target: {TARGET})"
    return f"What takes longest: {took}, at {record['versions']}"


def table(record: dict) -> str:
    """A Markdown table: kinds of tests first, then the longest files."""
    lines = ["| | minutes of one core |", "|---|---|"]
    lines += [f"| {kind} | {spent / 60:.1f} |" for kind, spent in record["kinds"].items()]
    lines += [f"| [{Path(file).name}]({file}) | {spent / 60:.1f} |" for file, spent in record["longest"].items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.durations", description=__doc__)
    parser.add_argument("report", type=Path, help="JUnit's report of all tests")
    parser.add_argument("--at", default="the locked versions", help="the versions that the tests ran with")
    options = parser.parse_args(arguments)
    record = measured(options.report, options.at)
    write_json(RECORD, record)
    print(sentence(record), table(record), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
