"""What every fault test reports: which fault, how many tries, how many lost. A plugin that tests/conftest.py loads.

    @pytest.mark.fault("hub answers 500")              the test is one try of this fault
    def test_...(): ...

    @pytest.mark.fault("kill -9 while training")
    def test_...(tries):
        for number in tries(few=10, full=100):         100 under COURSE_FAULT_TRIES=full, which `make faults` sets
            tries.count(kept=resumed == whole, what=f"try {number}")

A test fails that lost a try. The name is a literal string: `tools/faults.py` finds it without importing anything.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SHOWN = 5                                                          # lost tries that a failing test names


@dataclass
class Tries:
    """The tries of one test, counted while it makes them."""

    made: int = 0
    lost: list[str] = field(default_factory=list)

    def __call__(self, few: int, full: int) -> range:
        """The numbers of the tries to make."""
        return range(full if os.environ.get("COURSE_FAULT_TRIES") == "full" else few)

    def count(self, kept: bool, what: str = "") -> None:
        """Count one try; it is lost unless `kept`, and `what` then says more."""
        self.made += 1
        if not kept:
            self.lost.append(what or f"try {self.made}")


TRIES = pytest.StashKey[Tries]()


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Tries:
    """For a test of several tries: how many to make, and the count of those that were lost."""
    return request.node.stash.setdefault(TRIES, Tries())


# --- in the process that runs the test ------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Fail the test that lost a try."""
    result = yield
    counted = item.stash.get(TRIES, Tries())
    if counted.lost:
        said = "; ".join(counted.lost[:SHOWN])
        pytest.fail(f"{len(counted.lost)} of {counted.made} tries lost: {said}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Hang a row for each fault of the test on its report, which xdist carries to the first process."""
    report = yield
    ended = report.when == "call" or (report.when == "setup" and report.failed)
    for marker in item.iter_markers("fault") if ended and not report.skipped else ():
        made, lost = score(item.stash.get(TRIES, Tries()), report.failed)
        row = {"fault": marker.args[0], "tests": item.location[0], "tries": made, "lost": lost}
        report.user_properties.append(("fault", row))
    return report


def score(counted: Tries, failed: bool) -> tuple[int, int]:
    """Tries and lost ones of a test: a failure for another reason than a lost try is one more, and lost."""
    if failed and not counted.lost:
        return counted.made + 1, 1
    return max(counted.made, 1), len(counted.lost)


# --- in the first process -------------------------------------------------------------------------


class Collector:
    """Keeps the rows of all reports, and says at the end what they come to."""

    def __init__(self):
        self.rows: list[dict] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what hangs on one report."""
        self.rows += [row for name, row in report.user_properties if name == "fault"]

    def pytest_terminal_summary(self, terminalreporter, config: pytest.Config) -> None:
        """One line; and the rows, where a file for them is named."""
        if config.getoption("--fault-rows"):
            Path(config.getoption("--fault-rows")).write_text(json.dumps(self.rows), encoding="utf-8")
        if self.rows:
            kinds = len({row["fault"] for row in self.rows})
            made, lost = (sum(row[column] for row in self.rows) for column in ("tries", "lost"))
            terminalreporter.write_line(f"faults: {kinds} kinds, {made} tries, {lost} lost")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that `python -m tools.faults` gives."""
    parser.addoption("--fault-rows", metavar="FILE", help="write a row of JSON for each fault of each test")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the reports of this run."""
    config.pluginmanager.register(Collector())
