"""Ctrl-C, and the stop button of a notebook, held back where they would break more than they stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
