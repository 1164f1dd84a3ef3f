"""Ctrl-C is held back where it would break more than it stops, and comes after."""

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


@pytest.mark.slow
@pytest.mark.fault("kernel interrupted in an import")
@pytest.mark.parametrize(
    ("inside", "statement"),
    [
        ("accelerate.big_modeling", "from course_utils.training import fit"),
        ("torch._inductor.config", "from course_utils.pretrained import load_decoder"),
        ("torch._inductor.config", ADAM),
    ],
)
def test_a_package_whose_import_was_interrupted_can_be_imported_again(inside: str, statement: str):
    command = [sys.executable, "-c", TWICE.format(statement), inside]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=200)
    assert done.stdout.split() == ["stopped", "imported"], done.stderr[-2000:]
