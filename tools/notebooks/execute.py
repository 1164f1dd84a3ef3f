"""Run a notebook from top to bottom in a fresh kernel, and measure the seconds and the memory that takes."""

import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import psutil
from jupyter_client import AsyncKernelClient
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode

from course_utils.paths import NOTEBOOKS, REPOSITORY, RESULTS
from tools.notebooks.files import NotebookError, as_text, read, tidy, write_text
from tools.notebooks.stored import refused_outputs

LESSONS = RESULTS / "lessons.json"
MACHINE = f"{os.cpu_count()} cores"
CELL_SECONDS = 300
POLL_SECONDS = 0.25
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Cost:
    """What a run took: seconds, kernel start included, and the most resident memory (10⁹ bytes), children included."""

    seconds: float
    peak_gb: float


class PollingClient(NotebookClient):
    """A client that asks for the kernel's answer again and again instead of waiting for it once.

    With `@interact` cells the waiting client now and then misses the answer and sits out the whole cell timeout
    (nbclient issue 312).
    """

    async def async_start_new_kernel_client(self) -> AsyncKernelClient:
        """Start the kernel's client, its shell channel replaced by one that polls."""
        client = await super().async_start_new_kernel_client()
        get_message = client.shell_channel.get_msg

        async def poll(timeout: float | None = None):
            end = None if timeout is None else time.monotonic() + timeout
            while True:
                wait = POLL_SECONDS if end is None else max(0, min(POLL_SECONDS, end - time.monotonic()))
                try:
                    return await get_message(timeout=wait)
                except Empty:
                    if end is not None and time.monotonic() >= end:
                        raise

        client.shell_channel.get_msg = poll
        return client

    start_new_kernel_client = run_sync(async_start_new_kernel_client)


class MemoryMeter:
    """Watches a process and its children from a thread; `peak` is the most bytes they had in memory together.

    `each` is told what they hold at every look.
    """

    def __init__(self, each: Callable[[int], None] = lambda held: None):
        self.peak, self._each = 0, each
        self._ended = threading.Event()
        self._watch = None

    def start(self, process_id: int) -> None:
        """Begin to watch."""
        self._watch = threading.Thread(target=self._look, args=(psutil.Process(process_id),), daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()
        if self._watch:
            self._watch.join()

    def _look(self, process: psutil.Process) -> None:
        while not self._ended.wait(0.1):
            try:
                family = [process, *process.children(recursive=True)]
                held = sum(member.memory_info().rss for member in family)
            except psutil.NoSuchProcess:  # one of them ended between the two lines
                continue
            self.peak = max(self.peak, held)
            self._each(held)


def kernel_environment(home: Path, profile: str, offline: bool, results: Path | None = None) -> dict[str, str]:
    """Environment of a kernel that knows nothing of who runs it: no progress, no results, no settings of IPython's."""
    python_path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    private = {"COURSE_PROGRESS": str(home / "progress"), "IPYTHONDIR": str(home / "ipython")}
    private["COURSE_RESULTS"] = str(results or home / "results")
    network = {"COURSE_OFFLINE": "1"} if offline else {}
    return {**os.environ, "PYTHONPATH": python_path, "COURSE_PROFILE": profile, **private, **network}


def run(
    notebook: NotebookNode,
    name: str,
    *,
    profile: str = "quick",
    offline: bool = False,
    folder: Path = NOTEBOOKS,
    cell_seconds: float = CELL_SECONDS,
    results: Path | None = None,
) -> Cost:
    """Execute all cells in place, from `folder`; what they save for the leaderboard goes to `results`.

    Raises NotebookError naming the cell that raised, hung or died.
    """
    meter, begun = MemoryMeter(), [0]
    client = PollingClient(
        notebook,
        timeout=cell_seconds,
        record_timing=False,
        coalesce_streams=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        on_notebook_start=lambda notebook: meter.start(client.km.provisioner.pid),
        on_cell_start=lambda cell, cell_index: begun.append(cell_index + 1),
    )
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        try:
            client.execute(env=kernel_environment(Path(home), profile, offline, results))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise NotebookError(f"{name}, cell {begun[-1]}: {_reason(error, cell_seconds)}") from error
        finally:
            meter.stop()
    return Cost(time.monotonic() - start, meter.peak / 1e9)


def _reason(error: Exception, cell_seconds: float) -> str:
    if isinstance(error, CellTimeoutError):
        return f"it ran longer than {cell_seconds:g} seconds and was stopped."
    if isinstance(error, DeadKernelError):
        return "the kernel died; the usual cause is too little memory."
    return COLOUR.sub("", str(error)).strip()


def execute(path: Path, results: Path = LESSONS, cell_seconds: float = CELL_SECONDS) -> Cost:
    """Execute a lesson and write its outputs and its cost. Raises NotebookError, the old file untouched, where a cell
    raises, writes to stderr or prints a path of this machine."""
    notebook = read(path)
    cost = run(notebook, path.name, cell_seconds=cell_seconds, folder=path.parent, results=results.parent)
    tidy(notebook)
    if findings := refused_outputs(notebook):
        raise NotebookError(f"{path.name} is not written: " + " ".join(findings))
    write_text(path, as_text(notebook))
    record(path.stem, cost, results)
    return cost


def record(slug: str, cost: Cost, results: Path = LESSONS) -> None:
    """Note a lesson's cost in the table of measured costs."""
    table = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    table[slug] = {"machine": MACHINE, "peak_gb": round(cost.peak_gb, 2), "seconds": round(cost.seconds)}
    write_text(results, json.dumps(table, indent=1, sort_keys=True) + "\n")
