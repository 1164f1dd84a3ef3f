"""The progress file: shared by notebooks, never half written, never in the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import paths
from course_utils.exercises import check, hint, record
from course_utils.exercises.specs import find


def test_nothing_is_kept_before_anything_is_done(progress_folder):
    assert record.read() == {"exercises": {}, "hints": {}, "guesses": {}, "quizzes": {}}
    assert not progress_folder.exists()


def test_progress_lies_in_the_users_own_folder_and_not_in_the_course(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert paths.REPOSITORY not in paths.progress_dir().parents
    if sys.platform.startswith("linux"):
        assert paths.progress_dir() == tmp_path / "generative-ai-course"


def test_what_is_kept_is_read_back_whatever_its_letters():
    assert record.record_guess("1.a", "52 de 100, ¿quizás?") == ""
    assert record.record_hints("1.1", 2) == ""
    assert record.record_answer("01", 3, 2) == ""
    assert record.guess_kept("1.a") == "52 de 100, ¿quizás?"
    assert record.hints_shown("1.1") == 2
    assert record.answers_kept("01") == {3: 2}


def test_an_answer_to_a_quiz_that_was_damaged_begins_its_answers_anew():
    record.change(lambda kept: kept["quizzes"].update({"01": [1, 2]}))
    assert record.record_answer("01", 3, 2) == ""
    assert record.answers_kept("01") == {3: 2}


def test_what_a_killed_process_left_half_written_is_swept_away_and_what_others_put_there_is_not(progress_folder):
    progress_folder.mkdir()
    for name in ("progress-abc.part", "notes.part", "progress-damaged-1.json"):
        (progress_folder / name).write_text("x")
    record.record_check("1.1", True)
    assert {path.name for path in progress_folder.iterdir()} - {"progress.json", "progress.json.lock"} == {
        "notes.part",
        "progress-damaged-1.json",
    }


def test_hints_are_counted_on_where_the_file_had_to_be_mended(progress_folder, capsys):
    progress_folder.mkdir()
    (progress_folder / "progress.json").write_text("{")
    hint("1.2")
    printed = capsys.readouterr().out
    assert "1.2 hint 1 of 3" in printed and "hint 2 of 3" not in printed
    assert "the progress file was damaged" in printed


@pytest.mark.slow
def test_two_processes_at_once_lose_nothing(progress_folder):
    code = (
        "import sys; from course_utils.exercises import record; record.SECONDS_FOR_LOCK = 50\n"
        "for i in range(60): assert record.record_check(f'{sys.argv[1]}.{i}', True) == ''\n"
    )
    environment = {**os.environ, "COURSE_PROGRESS": str(progress_folder), "PYTHONPATH": str(paths.REPOSITORY)}
    writers = [subprocess.Popen([sys.executable, "-c", code, name], env=environment) for name in ("1", "2")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    kept = json.loads((progress_folder / "progress.json").read_text())
    assert kept["exercises"] == {f"{name}.{i}": "done" for name in "12" for i in range(60)}
    assert {path.name for path in progress_folder.iterdir()} <= {"progress.json", "progress.json.lock"}


@pytest.fixture
def unwritable(tmp_path, monkeypatch) -> Path:
    """A progress folder that not even root can make: its parent is a file."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "progress"
    monkeypatch.setenv("COURSE_PROGRESS", str(folder))
    return folder


def test_a_folder_that_cannot_be_written_costs_one_line(unwritable, capsys):
    check("1.5", find("1.5").reference)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"  progress is not kept: {unwritable} (")
    assert "set COURSE_PROGRESS" in lines[-1]
    assert len(lines) == 3


def test_a_read_only_folder_costs_one_line(monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(record.tempfile, "mkstemp", refuse)  # root may write everywhere, so a real one proves little
    assert "(Permission denied)" in record.record_check("1.1", True)


def test_a_full_disk_leaves_the_old_file(progress_folder, monkeypatch):
    record.record_check("1.1", True)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left on device" in record.record_check("1.2", True)
    assert record.read()["exercises"] == {"1.1": "done"}
    assert not list(progress_folder.glob("*.part"))


def test_a_lock_that_another_process_holds_is_not_waited_for_for_ever(progress_folder, monkeypatch):
    monkeypatch.setattr(record, "SECONDS_FOR_LOCK", 0.1)
    record.record_check("1.1", True)
    with record.FileLock(progress_folder / "progress.json.lock"):
        assert record.record_check("1.2", True).startswith("progress is not kept")


def test_all_hints_are_shown_at_once_where_their_number_cannot_be_kept(unwritable, capsys):
    hint("1.2")
    printed = capsys.readouterr().out
    assert all(f"1.2 hint {number} of 3" in printed for number in (1, 2, 3))
