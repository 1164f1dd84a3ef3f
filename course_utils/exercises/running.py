"""Call a reader's function without letting it hurt the session: time limit, exceptions kept, printing caught.

The function runs in a worker thread. That works the same in a kernel, in a script and on every system; signals do not.
A thread that overruns gets an exception put into it; one that sits in C code and cannot take it is left behind.
"""

import contextlib
import ctypes
import io
import linecache
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from course_utils.exercises.wording import without_addresses

KEPT_CHARACTERS = 2_000  # of what the function prints
KEPT_ITEMS = 100_000  # of what a Python generator yields
PATIENCE = 1.0  # seconds given to a thread to end after it was told to


class TimeUpError(BaseException):
    """Put into a thread that overran. Not an `Exception`, so that an `except Exception` there does not catch it."""


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a value, or an error, or neither because the time was up; and what it printed.

    `iterated` says that the value is what a Python generator yielded.
    """

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    printed: str = ""
    iterated: bool = False


class _Head(io.TextIOBase):
    """A stream that keeps the beginning of what is written: an endless loop that prints must not fill the memory."""

    def __init__(self):
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: KEPT_CHARACTERS - len(self.text)]
        return len(text)


def call(function: Callable, arguments: tuple, seconds: float) -> Outcome:
    """Call `function(*arguments)` for at most `seconds`. Never raises what the function raises."""
    result: dict[str, Any] = {}

    def work():
        try:
            value = function(*arguments)
            result["iterated"] = isinstance(value, Iterator)
            result["value"] = list(islice(value, KEPT_ITEMS)) if result["iterated"] else value
        except TimeUpError:
            result["timed_out"] = True
        except BaseException as error:  # also SystemExit: `exit()` in a function is an answer, not an order
            result["error"] = error

    head = _Head()
    worker = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(head), contextlib.redirect_stderr(head):
        worker.start()
        try:
            worker.join(seconds)
        finally:
            if worker.is_alive():
                _stop(worker)
                result = {"timed_out": True}
    return Outcome(**result, printed=head.text)


def _stop(worker: threading.Thread) -> None:
    """Put TimeUpError into a thread until it ends; a bare `except:` may swallow the first few."""
    end = time.monotonic() + PATIENCE
    while worker.is_alive() and time.monotonic() < end:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(TimeUpError))
        worker.join(0.02)


def error_line(function: Callable, error: BaseException) -> str:
    """An exception on one readable line, with the line of the reader's function where it came from."""
    message = without_addresses(str(error)).strip().split("\n")[0][:200]
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    place = _place(function, error)
    return f"{place}: {said}" if place else said


def _place(function: Callable, error: BaseException) -> str:
    code = getattr(function, "__code__", None)
    found, trace = None, error.__traceback__
    while code and trace:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace
        trace = trace.tb_next
    if not found:
        return ""
    inner = found.tb_frame.f_code
    source = linecache.getline(inner.co_filename, found.tb_lineno).strip()
    line = f"line {found.tb_lineno - inner.co_firstlineno + 1} of {inner.co_name}"
    return f"{line}, `{source if len(source) <= 60 else source[:59] + '…'}`" if source else line
