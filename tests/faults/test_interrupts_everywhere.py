"""The stop button in every cell that trains or works for a while: it stops, says so, and the lesson goes on to its end.

`make test` presses it once in each of the first such cells of one lesson, `make faults` three times in every one.
"""

import os
import random
import re
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.support.kernels import Kernel, Stopping, fresh_kernel
from tools.notebooks.files import Notebook, lesson_paths, tags

FEW, FEW_CELLS = ["03"], 4
LATEST = (0.3, 0.9, 2.7)                             # seconds after which stop is pressed at the latest, each time
SHOWN = 5
SHORTEST = 0.02                                      # the kernel itself takes so long to begin
SECONDS_TO_STOP = 5                                  # of the kernel's own processor time, at the very most
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
    return "does not stop" if stopping.seconds > SECONDS_TO_STOP else ""


def run(kernel: Kernel, source: str, delay: float | None = None) -> Stopping:
    """Run a cell, with stop pressed after `delay` seconds where one is given."""
    stopping = Stopping(kernel.manager, delay)
    try:
        kernel.run(source, stopping)
    except TimeoutError:
        stopping.errors.append("TimeoutError: the kernel does not answer")
    return stopping


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("kernel interrupted in a cell that trains")
@pytest.mark.parametrize("lesson", lessons())
def test_every_cell_that_works_for_a_while_stops_and_runs_again_to_the_lessons_end(lesson: str, tmp_path: Path, tries):
    chance, (path,) = random.Random(lesson), lesson_paths([lesson])
    answers: dict[str, float] = {}
    with fresh_kernel(tmp_path, "smoke") as kernel:
        for number, cell in cells_as_far_as(path, len(tries(few=FEW_CELLS, full=1000))):
            presses = tries(few=1, full=len(LATEST)) if works_for_a_while(cell) else ()
            for latest in presses:
                stopping = run(kernel, cell.source, chance.uniform(SHORTEST, LATEST[latest]))
                if stopping.heard or stopping.errors:              # else the cell was faster
                    tries.count(not amiss(stopping), f"lesson {lesson}, cell {number}: {amiss(stopping)}")
                    answers[f"cell {number}, time {latest + 1}"] = stopping.seconds
            again = run(kernel, cell.source)
            assert not again.errors, f"lesson {lesson}, cell {number}, run again: {again.errors[0]}"
    assert answers
    slowest = sorted(answers, key=answers.get)[-SHOWN:]
    print(f"lesson {lesson}, {len(answers)} answers, slowest:", *(f"{name}: {answers[name]:.1f} s" for name in slowest))
