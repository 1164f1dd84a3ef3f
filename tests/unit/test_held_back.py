"""Ctrl-C is held back where it would break more than it stops, and comes after; in a finalizer it is not lost."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from course_utils.interrupts import held_back
from course_utils.paths import REPOSITORY

TWICE = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)      # in the midst of the import
sys.meta_path.insert(0, Finder())
try:
    {0}
except KeyboardInterrupt:
    print("stopped")
{0}
print("imported")
"""

FINALIZER = """
import os, signal, time
import course_utils.interrupts
class Garbage:
    def __del__(self):
        {0}
        for _ in range(10):
            pass
try:
    Garbage()                                        # gone at once
    time.sleep(5)
    print("went on")
except KeyboardInterrupt:
    print("stopped")
"""
ADAM = "import torch; from course_utils.adversarial import adam; adam(torch.nn.Linear(1, 1), 1.0, (0.0, 0.0))"


@pytest.fixture(autouse=True)
def _pythons_own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_what_is_inside_is_done_whole_and_the_interrupt_comes_after_it():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with held_back():
            press()
            done.append("whole")
        done.append("too far")
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens_and_the_handler_is_back():
    with held_back():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_inside_comes_out_as_it_is_and_the_handler_is_back():
    with pytest.raises(ValueError, match="of the import"), held_back():
        raise ValueError("of the import")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_may_use_it_and_leaves_the_handler_alone():
    seen = []

    def work() -> None:
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.parametrize(
    ("inside", "printed", "said"),
    [("os.kill(os.getpid(), signal.SIGINT)", "stopped\n", ""), ("raise OSError('full')", "went on\n", "OSError: full")],
)
def test_an_interrupt_in_a_finalizer_comes_after_it_and_an_error_there_is_still_said(inside, printed, said):
    command = [sys.executable, "-c", FINALIZER.format(inside)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.stdout == printed and said in done.stderr and ("Exception ignored" in done.stderr) == bool(said)


@pytest.mark.slow
@pytest.mark.fault("kernel interrupted in an import")
@pytest.mark.parametrize(
    ("inside", "statement"),
    [
        ("accelerate.big_modeling", "from course_utils.training import fit"),
        ("torch._inductor.config", "from course_utils.pretrained import load_decoder"),
        pytest.param("torch._inductor.config", ADAM, id="a step of Adam"),
        ("scipy.ndimage.filters", "from course_utils.images.corpora import load_digits; load_digits()"),
    ],
)
def test_a_package_whose_import_was_interrupted_can_be_imported_again(inside: str, statement: str):
    command = [sys.executable, "-c", TWICE.format(statement), inside]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=200)
    assert done.stdout.split() == ["stopped", "imported"], done.stderr[-2000:]
