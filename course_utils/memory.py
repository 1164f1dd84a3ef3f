"""Memory that nobody holds any more, given back to the system."""

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Hand freed memory back. Linux's C library keeps it for the next array, and it counts as used until then.

    Worth it where a model of hundreds of megabytes was only passed through. Does nothing where there is no such call.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
