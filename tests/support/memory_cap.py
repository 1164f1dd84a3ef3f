"""A pytest plugin: each lesson that nbval runs must stay under its stated memory and a fifth more.

    python -m pytest notebooks --nbval --nbval-current-env -p tests.support.memory_cap

What is stated stands in data/results/lessons.json. The kernel is put into a memory cgroup of its own where this process
may make one: there the system itself refuses what lies beyond the cap. Everywhere its memory is also read ten times a
second by the meter that measured what is stated. A kernel beyond its cap is ended, and its cell fails with one
sentence. The end of the run lists what every lesson reached.
"""

import json
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import psutil
import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from tools.notebooks.execute import LESSONS, MemoryMeter

CONTROLLERS = Path("/sys/fs/cgroup")
ROOM = 1.2                                           # of what is stated
STALE = 0.25                                         # of what is stated; the rules for notebooks allow as much
POLL_SECONDS = 0.25
SECONDS_TO_LEAVE = 5.0                               # until the last process of an ended kernel is gone
PROPERTY = "memory of a lesson"
PLUGIN = "tests/support/memory_cap.py"
FAULT = "memory capped at the stated peak and a fifth"                # its row in the table of faults
WATCH = pytest.StashKey["Watch"]()


class MemoryCapError(Exception):
    """A kernel passed its cap and was ended; the message says which, what was stated and what it reached."""


# ---- the cap that the system keeps -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class MemoryGroup:
    """A memory cgroup with one kernel in it; `limit` names the file of its limit, `events` that of its kills."""

    folder: Path
    limit: str
    events: str

    def hold(self, process_id: int, most: int) -> None:
        """Make the group, forbid it more than `most` bytes, and move a process in. Raises OSError."""
        self.folder.mkdir()
        (self.folder / self.limit).write_text(str(most), encoding="ascii")
        for swap in ("memory.swap.max", "memory.memsw.limit_in_bytes"):          # swap would let it grow on
            with suppress(OSError):
                (self.folder / swap).write_text("0" if "max" in swap else str(most), encoding="ascii")
        (self.folder / "cgroup.procs").write_text(str(process_id), encoding="ascii")

    def kills(self) -> int:
        """How many of its processes the system has ended because the group was full."""
        with suppress(OSError):
            lines = (self.folder / self.events).read_text(encoding="ascii").splitlines()
            return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        return 0

    def remove(self) -> None:
        """Take the group away once its last process has ended; one that stays is ended first."""
        end = time.monotonic() + SECONDS_TO_LEAVE
        while self.folder.exists() and time.monotonic() < end:
            with suppress(OSError):
                for left in (self.folder / "cgroup.procs").read_text(encoding="ascii").split():
                    os.kill(int(left), signal.SIGKILL)
            with suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.05)


def places(controllers: Path, memberships: str) -> Iterator[MemoryGroup]:
    """Where a group of ours could lie, likeliest first, by the text of /proc/self/cgroup; one name for each process."""
    of_controller = dict(line.split(":", 2)[1:] for line in memberships.splitlines() if line.count(":") >= 2)
    name = f"course-{os.getpid()}-{time.monotonic_ns()}"
    if "memory" in of_controller:                                                # version 1: below our own group
        root = controllers / "memory"
        for parent in (root / of_controller["memory"].lstrip("/"), root):
            yield MemoryGroup(parent / name, "memory.limit_in_bytes", "memory.oom_control")
    elif "" in of_controller:                                                    # version 2: only where none runs
        own = controllers / of_controller[""].lstrip("/")
        for parent in (own, own.parent, controllers):
            with suppress(OSError):
                if "memory" in (parent / "cgroup.subtree_control").read_text(encoding="ascii").split():
                    yield MemoryGroup(parent / name, "memory.max", "memory.events")


def held_by_the_system(process_id: int, most: int, controllers: Path) -> MemoryGroup | None:
    """A group of its own for a process; None where this one may not make any."""
    memberships = Path("/proc/self/cgroup")
    if not memberships.exists():
        return None
    for group in places(controllers, memberships.read_text(encoding="utf-8")):
        try:
            group.hold(process_id, most)
        except OSError:
            group.remove()
        else:
            return group
    return None


# ---- the cap that we keep --------------------------------------------------------------------------------------------


class Watch:
    """Keeps one lesson's kernel under its cap, and remembers the most it held."""

    def __init__(self, lesson: str, stated: float, kernel: RunningKernel, controllers: Path):
        self.lesson, self.stated, self.cap = lesson, stated, ROOM * stated
        self._process = psutil.Process(kernel.km.provisioner.pid)
        self._group = held_by_the_system(self._process.pid, int(self.cap * 1e9), controllers)
        self.keeper = "cgroup" if self._group else "watchdog"
        self._meter = MemoryMeter(self._look)
        self._get_message, kernel.get_message = kernel.get_message, self._poll
        self._kernel = kernel
        self._meter.start(self._process.pid)

    def _look(self, held: int) -> None:
        """End the kernel, with all that it started, where it holds too much."""
        if held > self.cap * 1e9:
            with suppress(psutil.NoSuchProcess):
                for member in [*self._process.children(recursive=True), self._process]:
                    member.kill()

    def _poll(self, stream: str, timeout: float | None = None) -> dict:
        """A message of the kernel's; nbval alone would wait for one of a dead kernel until the cell's time is over."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self._get_message(stream, timeout=max(0, min(POLL_SECONDS, end - time.monotonic())))
            except Empty:
                self.check()
                if not self._kernel.is_alive():
                    raise MemoryCapError(f"{self.lesson}: the kernel died in this cell, within its memory.") from None
                if time.monotonic() >= end:
                    raise

    @property
    def reached(self) -> float:
        """The most memory in GB so far; at least the cap where the system refused more."""
        return max(self._meter.peak / 1e9, self.cap if self._group and self._group.kills() else 0)

    def check(self) -> None:
        """Raise MemoryCapError where the kernel has passed its cap."""
        if self.reached >= self.cap:
            raise MemoryCapError(
                f"{self.lesson} states {self.stated:.2f} GB, may take {self.cap:.2f} GB and reached "
                f"{self.reached:.2f} GB: let it hold less, or measure it again with make notebooks."
            )

    def stop(self) -> None:
        """Watch no longer; to be called while the kernel lives."""
        self._meter.stop()

    def remove(self) -> None:
        """Clear the cgroup away; to be called once the kernel is gone."""
        if self._group:
            self._group.remove()


# ---- pytest ----------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for a table or a machine other than this one's."""
    parser.addoption("--stated-peaks", type=Path, default=LESSONS, help="table of the memory that lessons state")
    parser.addoption("--cgroups", type=Path, default=CONTROLLERS, help="where memory cgroups may be made")


def stated_peak(file: IPyNbFile) -> float | None:
    """The memory in GB that a lesson states, or None for a notebook that states none."""
    table = json.loads(file.config.option.stated_peaks.read_text(encoding="utf-8"))
    return table.get(file.path.stem, {}).get("peak_gb")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Begin to watch as soon as nbval has started a lesson's kernel."""
    result = yield
    if isinstance(item, IPyNbCell) and WATCH not in item.parent.stash and (stated := stated_peak(item.parent)):
        watch = Watch(item.parent.path.stem, stated, item.parent.kernel, item.config.option.cgroups)
        item.parent.stash[WATCH] = watch
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let the cell in which a kernel passed its cap fail with that sentence, and expect later ones to fail."""
    watch = item.parent.stash.get(WATCH, None) if isinstance(item, IPyNbCell) else None
    try:
        result = yield
        if watch:
            watch.check()
        return result
    except MemoryCapError as error:
        item.parent.timed_out = True                 # nbval's own word for "no cell after this one can pass"
        item.raise_cell_error(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After a lesson's last cell, tell what it reached; the report carries it from xdist's workers to the summary."""
    last = isinstance(item, IPyNbCell) and (nextitem is None or nextitem.parent is not item.parent)
    watch = item.parent.stash.get(WATCH, None) if last else None
    if watch:
        watch.stop()
        lost = int(watch.reached >= watch.cap)
        row = {"fault": FAULT, "tests": PLUGIN, "tries": 1, "lost": lost}
        told = [watch.lesson, watch.stated, watch.reached, watch.keeper]
        item.user_properties += [(PROPERTY, told), ("fault", row)]
    result = yield
    if watch:
        watch.remove()
    return result


def table(measured: list[tuple[str, float, float, str]]) -> list[str]:
    """Lines of what each lesson stated, might take and reached; what a stale figure is beside."""
    lines = [f"{'lesson':<24}{'stated':>8}{'cap':>8}{'reached':>9}{'share':>8}  kept by"]
    for lesson, stated, reached, keeper in sorted(measured):
        share = reached / stated
        note = f"  more than {STALE:.0%} off: make notebooks measures again" if abs(share - 1) > STALE else ""
        lines.append(f"{lesson:<24}{stated:>8.2f}{ROOM * stated:>8.2f}{reached:>9.2f}{share:>8.0%}  {keeper}{note}")
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what every lesson of this run reached, in GB."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind if hasattr(report, "when")]
    properties = {str(found): found for report in reports for found in getattr(report, "user_properties", [])}
    measured = [tuple(value) for name, value in properties.values() if name == PROPERTY]
    if measured:
        terminalreporter.section("memory of the lessons' kernels, in GB")
        for line in table(measured):
            terminalreporter.write_line(line)
