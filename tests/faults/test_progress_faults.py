"""The progress file when things go wrong: killed writers, many at once, other versions, damage, a disk that is full."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.exercises import progress, record
from course_utils.paths import REPOSITORY

WRITER = """
import sys
from course_utils.exercises import record
record.SECONDS_FOR_LOCK = 90                         # on a busy machine the eighth waits long
for i in range(20):
    assert record.record_check(f"{sys.argv[1]}.{i}", True) == ""
"""
FULL_DISK = """
import resource, signal
from course_utils.exercises import record
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
print(record.record_guess("1.b", "x" * 5000))
"""


def start(folder: Path, *command: str) -> subprocess.Popen:
    """A Python process that keeps its progress in a folder."""
    command, environment = [sys.executable, *command], {**os.environ, "COURSE_PROGRESS": str(folder)}
    return subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


@pytest.mark.fault("kill -9 while progress is kept")
def test_a_writer_killed_at_any_moment_leaves_a_whole_file_with_all_that_it_was_told_is_kept(progress_folder, tries):
    writers = start(progress_folder, "tests/faults/killed_writers.py", str(len(tries(few=50, full=100))))
    printed, _ = writers.communicate(timeout=200)
    assert writers.returncode == 0
    counts = [json.loads(line) for line in printed.splitlines()]
    for told, kept in counts:
        tries.count(told <= kept <= told + 1, f"told that {told} are kept, found {kept}")
    assert tries.made == len(tries(few=50, full=100))
    assert sum(kept for _, kept in counts) > tries.made
    assert record.record_check("1.1", True) == ""
    assert {path.name for path in progress_folder.iterdir()} - {"progress.json.lock"} == {"progress.json"}


@pytest.mark.fault("eight notebooks keep progress at once")
def test_eight_notebooks_at_once_lose_nothing(progress_folder):
    writers = [start(progress_folder, "-c", WRITER, str(number)) for number in range(8)]
    assert [writer.wait(timeout=100) for writer in writers] == [0] * 8
    kept = record.read()["exercises"]
    assert kept == {f"{number}.{i}": "done" for number in range(8) for i in range(20)}


@pytest.mark.fault("disk full while progress is kept")
def test_a_disk_that_takes_no_more_leaves_the_old_file_and_says_so(progress_folder):
    record.record_check("1.1", True)
    before = record.progress_file().read_bytes()
    said, _ = start(progress_folder, "-c", FULL_DISK).communicate(timeout=60)
    assert said.startswith(f"progress is not kept: {progress_folder} (")
    assert record.progress_file().read_bytes() == before
    assert not list(progress_folder.glob("*.part"))


LATER = {
    "version": 9,
    "exercises": {"1.1": "done", "1.77": "done", "99.1": "reviewed"},
    "minutes": {"01": 42},
    "theme": "dark",
}


def test_what_a_later_version_wrote_is_still_there_after_this_one_has_written(progress_folder, capsys):
    progress_folder.mkdir()
    record.progress_file().write_text(json.dumps(LATER))
    assert record.record_check("1.2", True) == ""
    assert record.record_guess("1.a", "75") == ""
    kept = json.loads(record.progress_file().read_text())
    assert kept == {
        **LATER,
        "exercises": {**LATER["exercises"], "1.2": "done"},
        "guesses": {"1.a": "75"},
        "hints": {},
        "quizzes": {},
    }
    progress()
    assert capsys.readouterr().out.startswith("Your progress: 2 of ")


def test_a_file_of_the_first_version_goes_on_and_gets_its_version(progress_folder):
    progress_folder.mkdir()
    first = {"exercises": {"1.1": "done"}, "hints": {"1.1": 2}, "guesses": {}, "quizzes": {"01": {"1": 2}}}
    record.progress_file().write_text(json.dumps(first))
    assert record.read() == first
    assert record.record_check("1.2", False) == ""
    kept = json.loads(record.progress_file().read_text())
    assert kept == {**first, "exercises": {"1.1": "done", "1.2": "attempted"}, "version": record.VERSION}


DAMAGE = [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'{"exercises": 3, "hints": {"1.1": 2}}']


@pytest.mark.fault("progress file damaged")
@pytest.mark.parametrize("content", DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_file_is_put_aside_as_it_was_and_one_line_says_where(content, progress_folder, capsys):
    progress_folder.mkdir()
    record.progress_file().write_bytes(content)
    assert record.read()["exercises"] == {}
    assert record.damage() == [f"The progress file is damaged; the next change puts it aside: {record.progress_file()}"]
    said = record.record_check("1.1", True)
    aside = progress_folder / "progress-damaged-1.json"
    assert said == f"the progress file was damaged: it is now {aside}, and what could be read of it is kept"
    assert aside.read_bytes() == content
    assert record.record_check("1.2", True) == ""
    assert record.read()["exercises"] == {"1.1": "done", "1.2": "done"}
    progress()
    assert capsys.readouterr().out.endswith(f"A damaged progress file was put aside: {aside}\n")


def test_the_sound_parts_of_a_damaged_file_are_kept_and_each_damage_has_its_own_file(progress_folder):
    progress_folder.mkdir()
    for number in (1, 2):
        record.progress_file().write_text('{"exercises": {"1.1": "done"}, "hints": [], "later": 1}')
        assert f"progress-damaged-{number}.json" in record.record_check("1.2", True)
        assert record.read()["exercises"] == {"1.1": "done", "1.2": "done"}
        assert record.read()["later"] == 1
        assert len(record.damage()) == number


def refuse(*_):
    """What reading a file of somebody else's does; root may read everything, so a real one proves little."""
    raise PermissionError(13, "Permission denied")


def test_a_file_that_cannot_be_read_is_left_alone(progress_folder, monkeypatch):
    record.record_check("1.1", True)
    before = record.progress_file().read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert record.read()["exercises"] == {}
        assert record.damage() == [f"The progress file cannot be read (Permission denied): {record.progress_file()}"]
        assert f"progress is not kept: {progress_folder} (Permission denied)" in record.record_check("1.2", True)
    assert record.progress_file().read_bytes() == before
