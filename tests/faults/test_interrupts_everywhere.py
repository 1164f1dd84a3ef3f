"""The stop button in every cell that trains or works for a while: it stops, says so, and the lesson goes on to its end.

`make test` presses it once in each of the first such cells of one lesson, `make faults` three times in every one.
"""

import os
import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.support import kernels
from tests.support.fault_table import Tries
from tests.support.kernels import Kernel, Stopping, fresh_kernel
from tools.notebooks.files import Notebook, lesson_paths, tags

FEW, FEW_CELLS = ["03"], 4
LATEST = (0.3, 0.9, 2.7)                             # seconds after which stop is pressed at the latest, each time
SHOWN = 5
SHORTEST = 0.02                                      # the kernel itself takes so long to begin
SECONDS_TO_STOP = 5                                  # of the kernel's own processor time, at the very most
SECONDS_UNHEARD = 1                                  # of it, in which a cell ends by itself that was nearly done
WORTH_STOPPING = 1.5                                 # seconds of a cell in which stop has to have been pressed
WORKS = re.compile(r"\b(fit|play)\(")                # beside the tag of cells whose outputs are not compared


def lessons() -> list[str]:
    """The numbers of the lessons to press stop in."""
    full = os.environ.get("COURSE_FAULT_TRIES") == "full"
    return [path.name[:2] for path in lesson_paths()] if full else FEW


def works_for_a_while(cell: NotebookNode) -> bool:
    """Whether somebody might press stop in this cell."""
    return "nbval-ignore-output" in tags(cell) or WORKS.search(cell.source) is not None


def cells_as_far_as(path: Path, most: int) -> list[tuple[int, NotebookNode]]:
    """Number and cell of a lesson's code cells, as far as the `most`-th that works for a while, or to its end."""
    cells = Notebook(path).cells("code")
    places = [place for place, (_, cell) in enumerate(cells) if works_for_a_while(cell)]
    return cells[: places[most - 1] + 1] if most < len(places) else cells


def amiss(stopping: Stopping) -> str:
    """What should not have followed when stop was pressed; "" where all is well."""
    others = [error for error in stopping.errors if not error.startswith("KeyboardInterrupt")]
    if others:
        return f"ends in {others[0]}"
    most = SECONDS_TO_STOP if stopping.heard else SECONDS_UNHEARD
    return "" if stopping.seconds <= most else f"works on for {stopping.seconds:.1f} s"


def run(kernel: Kernel, source: str, delay: float | None = None) -> Stopping:
    """Run a cell, with stop pressed after `delay` seconds where one is given.

    Where stop falls between a cell's end and the answer, ipykernel says "KeyboardInterrupt caught in kernel", drops the
    answer, does no more and is ready for the next cell: the cell was not at work when stop was pressed.
    """
    stopping = Stopping(kernel.manager, delay)
    try:
        kernel.run(source, stopping)
    except TimeoutError:
        stopping.seconds = stopping.worked_on()
        if stopping.pressed and stopping.seconds <= SECONDS_UNHEARD and kernel.is_ready():
            stopping.pressed = False
        else:
            stopping.errors.append("TimeoutError: the kernel does not answer")
    return stopping


@dataclass
class Presser:
    """Presses stop in the cells of a lesson, and counts what came of it: `answers`, place -> seconds to stop."""

    kernel: Kernel
    lesson: str
    tries: Tries
    chance: random.Random
    answers: dict[str, float] = field(default_factory=dict)

    def press(self, number: int, cell: NotebookNode, earliest: float, latest: float) -> bool:
        """Run a cell and press stop at a moment between the two; whether it was still at work then."""
        stopping = run(self.kernel, cell.source, self.chance.uniform(earliest, latest))
        if stopping.pressed or stopping.errors:                    # else the cell was faster
            self.tries.count(not amiss(stopping), f"lesson {self.lesson}, cell {number}: {amiss(stopping)}")
            self.answers[f"cell {number}, answer {len(self.answers) + 1}"] = stopping.seconds
        return stopping.pressed

    def undisturbed(self, number: int, cell: NotebookNode) -> float:
        """Run a cell to its end; how long that took."""
        began = time.monotonic()
        again = run(self.kernel, cell.source)
        assert not again.errors, f"lesson {self.lesson}, cell {number}, run again: {again.errors[0]}"
        return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("kernel interrupted in a cell that trains")
@pytest.mark.parametrize("lesson", lessons())
def test_every_cell_that_works_for_a_while_stops_and_runs_again_to_the_lessons_end(lesson: str, tmp_path: Path, tries):
    (path,) = lesson_paths([lesson])
    with fresh_kernel(tmp_path, "smoke") as kernel:
        presser = Presser(kernel, lesson, tries, random.Random(lesson))
        for number, cell in cells_as_far_as(path, len(tries(few=FEW_CELLS, full=1000))):
            presses = tries(few=1, full=len(LATEST)) if works_for_a_while(cell) else ()
            hit = [presser.press(number, cell, SHORTEST, LATEST[place]) for place in presses]
            took = presser.undisturbed(number, cell)
            if presses and not any(hit) and took > WORTH_STOPPING:
                assert presser.press(number, cell, 0.1 * took, 0.4 * took), f"cell {number}: never at work"
                presser.undisturbed(number, cell)
    answers = presser.answers
    assert answers
    slowest = sorted(answers, key=answers.get)[-SHOWN:]
    print(f"lesson {lesson}, {len(answers)} answers, slowest:", *(f"{name}: {answers[name]:.1f} s" for name in slowest))


def test_a_cell_that_does_not_hear_the_stop_button_is_told_from_one_that_was_done(tmp_path: Path, monkeypatch):
    deaf = "import signal, time\nhears = signal.signal(signal.SIGINT, lambda *_: None)\nend = time.process_time() + 3\n"
    deaf += "while time.process_time() < end:\n    sum(range(10_000))\nsignal.signal(signal.SIGINT, hears)"
    with fresh_kernel(tmp_path, "smoke") as kernel:
        stopping = run(kernel, deaf, 0.5)
        assert stopping.pressed and not stopping.heard and amiss(stopping).startswith("works on for ")
        stopping = run(kernel, "for _ in range(10**9):\n    pass", 0.5)
        assert stopping.pressed and stopping.heard and amiss(stopping) == ""
        stopping = run(kernel, "1 + 1", 2.0)
        assert not stopping.pressed and amiss(stopping) == ""
        monkeypatch.setattr(kernels, "CELL_SECONDS", 5)
        monkeypatch.setattr(kernels, "READY_SECONDS", 60)
        silent = "ends in TimeoutError: the kernel does not answer"
        assert amiss(run(kernel, "time.sleep(7)")) == silent       # nobody pressed stop: it is the cell's own fault
        assert kernel.is_ready()
        assert amiss(run(kernel, deaf.replace("+ 3", "+ 7"), 0.5)) == silent  # ready again, but it worked on
        assert kernel.is_ready()
        monkeypatch.setattr(kernels, "READY_SECONDS", 3)
        stopping = run(kernel, deaf.replace("time.process_time() + 3", "float('inf')"), 0.5)
        assert stopping.pressed and amiss(stopping) == silent
