"""Ctrl-C, and the stop button of a notebook: held back where they would break more than they stop, and never lost.

Where Ctrl-C falls into a finalizer, which cannot raise, Python prints it and goes on: while the garbage of a large
model is collected, more often than not. As soon as this module is imported, it is raised after the finalizer.
"""

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AFTER = 0.01                                                       # seconds until then; in a finalizer once more, again


@contextmanager
def held_back() -> Iterator[None]:
    """What is inside is done whole; a Ctrl-C that came meanwhile is raised after it, as KeyboardInterrupt.

    For the import of a package that imports itself in circles: cut in two, it cannot be imported again in its process;
    and for native code that makes another error of it.
    Outside the main thread, where no Ctrl-C arrives, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and before is not signal.SIG_IGN:
        raise KeyboardInterrupt


def _after_the_finalizer(ignored: "sys.UnraisableHookArgs") -> None:
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        threading.Timer(AFTER, _thread.interrupt_main).start()     # raised in here it would be lost once more
    else:
        _other_errors(ignored)


_other_errors, sys.unraisablehook = sys.unraisablehook, _after_the_finalizer
