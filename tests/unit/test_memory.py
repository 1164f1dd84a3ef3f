"""Memory: what some work holds at most, and what nobody holds goes back to the system."""

import platform
import subprocess
import sys

import pytest
import torch

from course_utils.memory import give_back, most_held
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


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library is asked")
def test_freed_arrays_below_one_that_is_held_are_given_back():
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert float(done.stdout) > 200                                # of 299 MB


def test_where_there_is_no_such_library_nothing_happens(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    give_back()


def test_arrays_that_are_alive_together_are_added_up_and_those_that_are_gone_are_not():
    def one_after_the_other():
        for _ in range(5):
            torch.ones(1_000)                                      # 4,000 bytes, gone at once

    assert most_held(one_after_the_other) == 4_000
    assert most_held(lambda: [torch.ones(1_000) for _ in range(5)]) == 20_000


def test_what_was_there_before_and_views_count_for_nothing():
    weight = torch.ones(50, 20)
    assert most_held(lambda: weight.t()[3:][0]) == 0
    assert most_held(lambda: weight.add_(1)) == 0
    assert most_held(lambda: (weight + 1).t()) == 4_000            # made once, seen twice


def test_a_network_holds_the_widest_two_of_its_layers():
    layers = torch.nn.Sequential(torch.nn.Linear(10, 100), torch.nn.Linear(100, 1)).requires_grad_(False)
    inputs = torch.ones(8, 10)
    assert most_held(lambda: layers(inputs)) == 8 * 100 * 4 + 8 * 1 * 4
