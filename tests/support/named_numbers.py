"""A pytest plugin beside nbval: each number that a lesson measures is compared with the committed one.

    pytest -p tests.support.named_numbers --nbval notebooks

nbval compares the cells that print verdicts, to the letter, and passes over those that measure. Here the numbers of
the latter are compared too: within a band, for other processors and versions round otherwise. A number's name is its
lesson, its cell and the words of its line. `tests/notebooks/bands.toml` states the bands, and why some are wide. Times
and speeds are counted and not compared, nor are lines whose words differ (a text that a model wrote), unless a decimal
number stood in them: such a line has to come again. A number that turns into nan or inf fails.

With COURSE_NUMBERS=folder, each lesson's numbers are written there; `python -m tools.numbers` lists them.
"""

import os
from collections import defaultdict
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell

from course_utils.checkpoints import write_json
from tools.numbers import Number, bands, compared, out_of_band, text_of

SECONDS_FOR_OUTPUT = 60                              # nbval itself waits five, which a busy machine passes now and then
ALL = 0                                              # messages wait for nbval, which reads when the cell has ended; of
#                                                      ZeroMQ's usual thousand a long progress bar loses the last
NUMBERS = pytest.StashKey[dict[str, list[Number]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no numbers."""
    config.stash[NUMBERS] = defaultdict(list)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Run a cell, then compare the numbers that it printed, if nbval leaves them alone."""
    if isinstance(item, IPyNbCell):
        item.output_timeout = SECONDS_FOR_OUTPUT
        item.parent.kernel.kc.iopub_channel.socket.rcvhwm = ALL
    result = yield
    if isinstance(item, IPyNbCell) and not item.options["check"] and item.cell.execution_count is not None:
        _compare(item)
    return result


def _compare(item: IPyNbCell) -> None:
    lesson = item.path.stem[:2]
    numbers = compared(lesson, item.cell["id"], text_of(item.cell.outputs), text_of(item.test_outputs), bands())
    item.config.stash[NUMBERS][lesson] += numbers
    if wrong := [number for number in numbers if out_of_band(number)]:
        raise AssertionError("\n".join(["Numbers out of their bands:", *map(str, wrong)]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what was compared, one file a lesson: all cells of a lesson run in one process."""
    if folder := os.environ.get("COURSE_NUMBERS"):
        for lesson, numbers in session.config.stash[NUMBERS].items():
            write_json(Path(folder) / f"{lesson}.json", [number._asdict() for number in numbers])
