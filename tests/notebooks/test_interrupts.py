"""The stop button while a lesson trains, in a real kernel: it stops at once, says so, and breaks nothing."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from course_utils.paths import NOTEBOOKS
from tests.support.kernels import STOPPED, Kernel, fresh_kernel
from tools.notebooks.files import Notebook, lesson_paths

FOLLOW = 3                                           # cells after it, that run with what a stopped training left
SECONDS_TO_STOP = 10                                 # until it says so; what follows in the cell takes its own time
HALF_WRITTEN = ("*.part", "*.tmp", "*.incomplete")


@dataclass(frozen=True)
class Training:
    """A cell of a lesson that trains, by a line in it, and the cell that sets its length, where that is another."""

    lesson: str
    trains: str
    length: str = ""

    @property
    def sets_length(self) -> str:
        """A line of the cell that sets how long it trains."""
        return self.length or self.trains


TRAININGS = [
    Training("03", "history = fit(small, windows("),                          # carried by a live curve alone
    Training("07", "history = fit(small, windows("),                          # with a validation that writes text
    Training("12", "play(game, batches, STEPS, look)", "STEPS, N = budget("),                # two players in turns
]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of the smallest profile."""
    with fresh_kernel(tmp_path, "smoke") as fresh:
        yield fresh


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
        if content.get("text", "").startswith(STOPPED) or content.get("ename") == "KeyboardInterrupt":
            self.stopped = time.monotonic()
        if not self.pressed and "image/png" in content.get("data", {}):
            time.sleep(0.5)
            self.manager.interrupt_kernel()
            self.pressed = time.monotonic()


def half_written(folders: list[Path]) -> set[Path]:
    """Files in these folders that somebody has begun and not put in place."""
    return {path for folder in folders for pattern in HALF_WRITTEN for path in folder.rglob(pattern)}


@pytest.mark.slow
@pytest.mark.fault("kernel interrupted in a cell that trains")
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
    reply = kernel.run(cells[trains], presser)
    assert reply.get("ename") in (None, "KeyboardInterrupt"), reply["evalue"]
    assert presser.pressed and 0 < presser.stopped - presser.pressed < SECONDS_TO_STOP

    assert kernel.manager.is_alive()
    assert half_written([tmp_path, NOTEBOOKS]) == set()
    assert json.loads((tmp_path / "progress" / "progress.json").read_text())["exercises"] == {"1.1": "done"}
    kernel.profile("smoke")
    for source in [*cells[trains + 1 : trains + 1 + FOLLOW], *cells[length : trains + 1 + FOLLOW]]:
        reply = kernel.run(source)
        assert reply["status"] == "ok", f"{source}\n{reply.get('ename')}: {reply.get('evalue')}"
