"""Memory that nobody holds goes back to the system."""

import platform
import subprocess
import sys

import pytest

from course_utils.memory import give_back
from course_utils.paths import REPOSITORY

CHILD = """
import re
import torch
from course_utils.memory import give_back

def held():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1]) / 1000

del_me = torch.ones(7_000_000)                                     # once freed, smaller arrays come from the heap
del del_me
arrays = [torch.ones(250_000) for _ in range(300)]                 # a megabyte each
last = arrays[-1]
del arrays                                                         # the last one keeps the heap from shrinking
before = held()
give_back()
print(before - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library is asked")
def test_freed_arrays_below_one_that_is_held_are_given_back():
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert float(done.stdout) > 200                                # of 299 MB


def test_where_there_is_no_such_library_nothing_happens(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    give_back()
