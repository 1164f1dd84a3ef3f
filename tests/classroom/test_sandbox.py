"""The sandbox of the assignments: what stays in it, what comes out of it, and what it says where it cannot be had."""

import errno
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import cloudpickle
import numpy as np
import psutil
import pytest
import torch

from course_utils.exercises.checks import examine
from course_utils.exercises.compare import difference
from course_utils.exercises.specs import Case, find, lesson_exercises
from course_utils.lessons import LESSONS
from course_utils.paths import REPOSITORY
from tools.assignments import runner, sandbox
from tools.assignments.answers import read
from tools.assignments.cases import graded
from tools.assignments.grading import Replay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXERCISES = [exercise for lesson in LESSONS for exercise in lesson_exercises(lesson.number)]
WITH_CODE = [exercise for exercise in EXERCISES if exercise.kind != "predict"]
SHARED = '''
import mmap
def kneser_ney_discounts(counts):
    return len(mmap.mmap(-1, 64 << 30))
'''


def test_memory_that_is_shared_is_limited_too():
    (answer,) = read(sandbox.run(SHARED, replace(find("1.7"), hidden=(Case(lambda: (None,)),)), ()), 1)
    assert isinstance(answer.error, OSError) and "Cannot allocate memory" in str(answer.error)


NESTED = """
from dataclasses import replace
from course_utils.exercises.specs import Case, find
from tools.assignments import sandbox
shown = sandbox.readable()
sandbox.readable = lambda: [*shown, "{folder}"]
cell = '''
import os
def bits_on_paper():
    try:
        open("{folder}/inner disk/new", "w")
    except OSError as error:
        return [os.listdir("{folder}/inner disk"), error.errno]
'''
print(sandbox.run(cell, replace(find("1.3"), hidden=(Case(tuple),)), ()).lines)
"""


def test_what_is_mounted_within_a_shown_folder_is_shown_read_only(tmp_path):
    (tmp_path / "inner disk").mkdir()
    mount = 'mount -t tmpfs -o noexec nested "$1/inner disk" && touch "$1/inner disk/there" && exec "$2" -c "$3"'
    command = ["unshare", *sandbox.NAMESPACES[:3], "sh", "-c", mount, "sh", tmp_path, sys.executable]
    script = NESTED.format(folder=tmp_path)
    done = subprocess.run([*command, script], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert f'["there"]}}, {errno.EROFS}]' in done.stdout, done.stdout + done.stderr


def test_where_apparmor_forbids_namespaces_the_sentence_says_how_to_allow_them(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "NAMESPACES", ["--no-such-namespace"])
    monkeypatch.setattr(sandbox, "APPARMOR", tmp_path / sandbox.APPARMOR.name)
    sandbox.APPARMOR.write_text("1\n")
    with pytest.raises(sandbox.SandboxError, match="sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"):
        sandbox.run("", find("1.3"), ())


VALUES = '''
import numpy, torch
from collections import Counter
from fractions import Fraction

def bits_on_paper():
    yield [(1, None, 2.5), {3, 4}, Counter("aab"), Fraction(1, 3)]
    yield [numpy.arange(3), torch.ones(2, 1, dtype=torch.bfloat16)]
'''


def test_results_come_out_of_the_sandbox_as_they_were():
    exercise = replace(find("1.3"), hidden=(Case(tuple),), seconds=60.0)
    (answer,) = read(sandbox.run(VALUES, exercise, ()), 1)
    plain, arrays = answer.value
    assert answer.iterated and plain == [(1, None, 2.5), {3, 4}, Counter("aab"), Fraction(1, 3)]
    assert difference([np.arange(3), torch.ones(2, 1, dtype=torch.bfloat16)], arrays) is None


@pytest.mark.parametrize("exercise", WITH_CODE, ids=lambda exercise: exercise.id)
def test_a_right_answer_is_still_right_when_it_has_been_plain_data(exercise):
    drawn = graded(exercise, "the secret of a test")
    packed = [cloudpickle.dumps(case.arguments()) for case in drawn.hidden]
    lines = [runner.as_line(runner.tried(exercise.reference, one)).encode() for one in packed]
    report = examine(drawn, Replay(drawn, read(sandbox.Lines(tuple(lines)), len(lines))), hidden=True)
    assert report.passed, report.text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no json", "JSONDecodeError"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"value": {"is": "array", "dtype": "|O", "shape": [1], "of": "AAAAAAAAAAA="}, "iterated": 0}', "ValueError"),
        (b'{"value": {"is": "array", "dtype": "<f4", "shape": [1], "of": "AAAAAA==", "torch": "load"}}', "ValueError"),
        (b'{"error": "SystemExit", "arguments": 3}', "TypeError"),
    ],
    ids=["text", "nesting", "objects", "a function of torch", "arguments"],
)
def test_a_forged_line_is_an_error_of_the_submission(line, reason):
    (answer,) = read(sandbox.Lines((line,)), 1)
    assert str(answer.error) == f"an answer that cannot be read: {reason}"


def test_calls_without_an_answer_are_errors_or_overran():
    ended, stopped = read(sandbox.Lines(()), 2), read(sandbox.Lines((), "time"), 2)
    assert [str(answer.error) for answer in ended] == ["the process ended without an answer"] * 2
    assert [answer.cut for answer in stopped] == ["time"] * 2


RUNS_ON = """
import ctypes, os, signal
def continuation_counts(bigrams):
    ctypes.CDLL(None).prctl(1, 0)                       # not to die with the parent
    if os.fork() == 0:
        os.setsid()
    os.kill(os.getppid(), signal.SIGKILL)
    while True:
        pass
"""


def test_nothing_of_a_submission_runs_on_after_it_was_graded():
    lines = sandbox.run(RUNS_ON, replace(find("1.8"), seconds=1.0), ())
    assert lines.lines == ()
    gone_by = time.monotonic() + 10
    while any(str(sandbox.RUNNER) in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < gone_by
        time.sleep(0.1)
