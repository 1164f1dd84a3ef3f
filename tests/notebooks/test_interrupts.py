"""The stop button while a lesson trains, in a real kernel: it stops at once, says so, and breaks nothing."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from course_utils.paths import NOTEBOOKS
from tools.notebooks.execute import kernel_environment
from tools.notebooks.files import Notebook, lesson_paths

CELL_SECONDS = 120
SECONDS_TO_STOP = 10                                 # until it says so; what follows in the cell takes its own time
HALF_WRITTEN = ("*.part", "*.tmp", "*.incomplete")


@dataclass(frozen=True)
class Training:
    """A cell of a lesson that trains, by a line in it, and the cell that sets its length, where that is another.

    follow: how many cells after it run with what a stopped training left; later ones may ask for steps not reached.
    """

    lesson: str
    trains: str
    length: str = ""
    follow: int = 3

    @property
    def sets_length(self) -> str:
        """A line of the cell that sets how long it trains."""
        return self.length or self.trains


TRAININGS = [
    Training("03", "history = fit(small, windows("),                          # carried by a live curve alone
    Training("07", "history = fit(small, windows("),                          # with a validation that writes text
    Training("12", "play(game, batches, STEPS, look)", "STEPS, N = budget(", follow=0),      # two players in turns
]


@dataclass
class Kernel:
    """A kernel with a page before it: runs sources and remembers what they showed."""

    manager: KernelManager
    client: BlockingKernelClient

    def run(self, source: str, seen: Callable[[dict], None] = lambda message: None) -> dict:
        """Run a cell to its end; the kernel's reply."""
        return self.client.execute_interactive(source, timeout=CELL_SECONDS, output_hook=seen)["content"]

    def profile(self, name: str) -> None:
        """How much work the next cells do."""
        self.run(f"import os; os.environ['COURSE_PROFILE'] = {name!r}")


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of the smallest profile in the lessons' folder, with nothing of who runs it."""
    manager, client = start_new_kernel(env=kernel_environment(tmp_path, "smoke", offline=True), cwd=str(NOTEBOOKS))
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def cells_of(lesson: str) -> list[str]:
    """The sources of a lesson's code cells."""
    (path,) = lesson_paths([lesson])
    return [cell.source for _, cell in Notebook(path).cells("code")]


def place(cells: list[str], line: str) -> int:
    """Where the one cell with this line stands."""
    (found,) = [number for number, source in enumerate(cells) if line in source]
    return found


class Presser:
    """Somebody who presses stop half a second after the first picture of the curve, and notes when what is said."""

    def __init__(self, manager: KernelManager):
        self.manager, self.pressed, self.stopped = manager, 0.0, 0.0

    def __call__(self, message: dict) -> None:
        content = message["content"]
        if content.get("text", "").startswith("Interrupted after ") or content.get("ename") == "KeyboardInterrupt":
            self.stopped = time.monotonic()
        if not self.pressed and "image/png" in content.get("data", {}):
            time.sleep(0.5)
            self.manager.interrupt_kernel()
            self.pressed = time.monotonic()


def half_written(folders: list[Path]) -> set[Path]:
    """Files in these folders that somebody has begun and not put in place."""
    return {path for folder in folders for pattern in HALF_WRITTEN for path in folder.rglob(pattern)}


@pytest.mark.slow
@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.lesson)
def test_a_training_stops_at_once_says_so_and_the_next_cells_run_and_then_all_again(training, kernel, tmp_path):
    cells = cells_of(training.lesson)
    trains, length = place(cells, training.trains), place(cells, training.sets_length)
    for source in cells[:length]:
        assert kernel.run(source)["status"] == "ok", source

    kernel.profile("quick")
    for source in cells[length:trains]:
        assert kernel.run(source)["status"] == "ok", source
    kernel.run("from course_utils.exercises import record; record.record_check('1.1', True)")
    presser = Presser(kernel.manager)
    kernel.run(cells[trains], presser)
    assert presser.pressed and 0 < presser.stopped - presser.pressed < SECONDS_TO_STOP

    assert kernel.manager.is_alive()
    assert half_written([tmp_path, NOTEBOOKS]) == set()
    assert json.loads((tmp_path / "progress" / "progress.json").read_text())["exercises"] == {"1.1": "done"}
    kernel.profile("smoke")
    for source in [*cells[trains + 1 : trains + 1 + training.follow], *cells[length : trains + 4]]:
        reply = kernel.run(source)
        assert reply["status"] == "ok", f"{source}\n{reply.get('ename')}: {reply.get('evalue')}"
