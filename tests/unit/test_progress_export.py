"""A reader's export and a teacher's table: what they say, what they keep to themselves, and what is refused."""

import csv
import getpass
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import __version__
from course_utils.exercises import export_progress, handing_in, record
from course_utils.exercises.handing_in import ExportError, checksum, read_export, write_export
from course_utils.exercises.specs import all_exercises, lesson_exercises, lesson_quiz
from course_utils.paths import REPOSITORY
from tools import class_report


@pytest.fixture
def some_progress():
    """Two exercises done, one tried, three hints, a right and a wrong answer, a prediction in two lessons."""
    record.record_check("1.1", True)
    record.record_check("1.2", False)
    record.record_check("2.1", True)
    record.record_check("1.99", True)                          # no exercise of this version
    record.record_hints("1.2", 2)
    record.record_hints("1.3", 1)
    right = lesson_quiz(1)[0].answer
    record.record_answer("01", 1, right)
    record.record_answer("01", 2, 99)
    record.record_guess("1.a", "my secret guess")
    record.record_guess("12.a", "another")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A working folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_export_says_what_is_done_and_where_it_is(some_progress, elsewhere, capsys):
    export_progress("Ada Lovelace")
    path = elsewhere / "progress-Ada-Lovelace.json"
    total = len(all_exercises())
    assert capsys.readouterr().out == f"{path}: 2 of {total} exercises done. Hand in this file.\n"
    content = read_export(path)
    first = content["lessons"]["01"]
    assert (content["name"], content["course"], content["format"]) == ("Ada Lovelace", __version__, 1)
    assert first["exercises"]["1.1"] == {"state": "done", "hints": 0}
    assert first["exercises"]["1.2"] == {"state": "attempted", "hints": 2}
    assert first["exercises"]["1.3"] == {"state": "open", "hints": 1}
    assert list(first["exercises"]) == [exercise.id for exercise in lesson_exercises(1)]
    assert first["quiz"] == {"right": 1, "questions": len(lesson_quiz(1))}
    assert [content["lessons"][label]["predictions"] for label in ("01", "02", "12")] == [1, 0, 1]
    assert path.stat().st_size < 20_000


def test_the_export_tells_nothing_else_of_the_reader_or_the_machine(some_progress, elsewhere):
    text = write_export("Ada", elsewhere).read_text()
    for secret in ("secret guess", str(Path.home()), str(REPOSITORY), os.uname().nodename, f'"{getpass.getuser()}"'):
        assert secret not in text
    assert set(json.loads(text)) == {"format", "name", "course", "written", "lessons", "checksum"}


def test_a_second_export_replaces_the_first_and_nobody_else_on_the_machine_may_read_it(elsewhere):
    write_export("Ada", elsewhere)
    record.record_check("1.1", True)
    path = write_export("Ada", elsewhere)
    assert list(elsewhere.iterdir()) == [path]
    assert read_export(path)["lessons"]["01"]["exercises"]["1.1"]["state"] == "done"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Çağla Öztürk", "progress-Çağla-Öztürk.json"),
        ("../../x y", "progress-x-y.json"),
        ("  a \n b ", "progress-a-b.json"),
    ],
)
def test_any_name_makes_a_file_in_the_folder_that_was_meant(name, file, elsewhere):
    path = write_export(name, elsewhere)
    assert path.parent == elsewhere and path.name == file
    assert read_export(path)["name"] == " ".join(name.split())


@pytest.mark.parametrize("name", ["", "   ", "///", None, 7, "x" * 61, "a\x1b[31mb"])
def test_what_is_no_name_is_refused_in_a_line(name, elsewhere, capsys):
    export_progress(name)
    assert f"export_progress: the name is {name!r}; expected a name of 1 to 60" in capsys.readouterr().out
    assert not list(elsewhere.iterdir())


def test_a_folder_that_cannot_be_written_is_named(elsewhere, capsys):
    export_progress("Ada", elsewhere / "absent")
    assert capsys.readouterr().out.startswith(f"export_progress: {elsewhere / 'absent'} cannot be written (")


def test_an_edited_export_is_refused_and_one_that_was_only_laid_out_anew_is_not(some_progress, elsewhere):
    path = write_export("Ada", elsewhere)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True))
    assert read_export(path)["name"] == "Ada"
    path.write_text(path.read_text().replace('"attempted"', '"done"'))
    with pytest.raises(ExportError, match="progress-Ada.json was changed after it was written"):
        read_export(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"exercises": {}}', b"\xff\x00", b"[" * 100_000], ids=range(6))
def test_what_is_no_export_is_refused_by_name(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(ExportError, match="other.json"):
        read_export(path)


def signed(content: dict, path: Path) -> Path:
    """An export whose checksum fits, whatever it says."""
    path.write_text(json.dumps({**content, "checksum": checksum(content)}))
    return path


def test_an_export_of_a_later_version_says_what_to_do(tmp_path):
    path = signed({"format": handing_in.FORMAT + 1, "course": "7.0"}, tmp_path / "new.json")
    with pytest.raises(ExportError, match="version '7.0' of the course; update yours"):
        read_export(path)


@pytest.mark.parametrize(
    "part",
    [
        {"lessons": []}, {"lessons": {"01": {}}}, {"name": 3}, {"name": "a\x1b[2J"}, {"written": None}, {"more": 1},
        {"course": "\ud800"}, {"written": "2026\x1b[1A\x1b[2K"}, {"course": "9" * 61}, {"lessons": {"99": {}}},
    ],
    ids=range(10),
)
def test_an_export_made_by_hand_that_says_what_none_says_is_refused_though_its_checksum_fits(part, elsewhere, tmp_path):
    content = handing_in.exported("Ada") | part
    with pytest.raises(ExportError, match=r"hand.json is not made by export_progress: .+; ask"):
        read_export(signed(content, tmp_path / "hand.json"))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"exercises": {"1.1": {"state": "perfect", "hints": 0}}}, "a state"),
        ({"exercises": {"1.1": {"state": "done", "hints": 0, "more": 1}}}, "a part"),
        ({"exercises": {"2.1": {"state": "done", "hints": 0}}}, "an exercise"),
        ({"exercises": {"1.1\n": {"state": "done", "hints": 0}}}, "an exercise"),
        ({"exercises": {"1.1": {"state": "done", "hints": True}}}, "a count"),
        ({"quiz": {"right": 6, "questions": 5}}, "a count"),
        ({"predictions": 1000}, "a count"), ({"predictions": -1}, "a count"), ({"predictions": 0.5}, "a count"),
    ],
    ids=range(9),
)  # fmt: skip
def test_a_lesson_made_by_hand_that_says_what_none_says_is_refused(part, named, elsewhere, tmp_path):
    content = handing_in.exported("Ada")
    content["lessons"]["01"] |= part
    with pytest.raises(ExportError, match=f"lesson 01 has {named} that it never writes"):
        read_export(signed(content, tmp_path / "hand.json"))


def exercise(state: str, hints: int) -> dict:
    """What an export says of one exercise."""
    return {"state": state, "hints": hints}


def student(name: str, *states: tuple[str, int], course: str = "0.1.0") -> dict:
    """What an export of two small lessons says: 1.1, 1.2 and 2.1."""
    first, second, third = (exercise(*pair) for pair in states)
    quiz = {"right": 3, "questions": 5}
    lessons = {
        "01": {"exercises": {"1.1": first, "1.2": second}, "quiz": quiz, "predictions": 1},
        "02": {"exercises": {"2.1": third}, "quiz": quiz, "predictions": 0},
    }
    return {"format": 1, "name": name, "course": course, "written": "2026-01-02T10:00:00+00:00", "lessons": lessons}


@pytest.fixture
def class_folder(tmp_path) -> Path:
    """Three students, of whom two have one name and one lies deeper, and two files that are no exports."""
    folder = tmp_path / "class"
    (folder / "a\x1b7").mkdir(parents=True)
    signed(student("zoe", ("done", 0), ("attempted", 3), ("done", 0)), folder / "z.json")
    signed(student("=Ada", ("done", 0), ("attempted", 2), ("open", 1)), folder / "a.json")
    signed(student("zoe", ("done", 0), ("done", 0), ("attempted", 0)), folder / "a\x1b7" / "other.json")
    (folder / "broken.json").write_text("{")
    (folder / "notes.txt").write_text("not read")
    return folder


def test_the_table_has_a_row_a_student_and_goes_on_where_an_export_is_damaged(class_folder, tmp_path, capsys):
    assert class_report.main([str(class_folder), "--csv", str(tmp_path / "class.csv")]) == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    totals = ["done", "tried", "hints", "quiz", "predicted", "written", "course"]
    assert lines[0].split() == ["student", "01", "02", *totals]
    assert lines[1].split() == ["of", "2", "1", "3", "10"]
    assert lines[2].split() == ["=Ada", "1", "0", "1", "1", "3", "6", "1", "2026-01-02", "0.1.0"]
    assert lines[3].split() == ["zoe", "(a?7/other)", "2", "0", "2", "1", "0", "6", "1", "2026-01-02", "0.1.0"]
    assert lines[4].split() == ["zoe", "(class/z)", "1", "1", "2", "1", "3", "6", "1", "2026-01-02", "0.1.0"]
    assert len({len(line) for line in (lines[0], *lines[2:5])}) <= 2
    assert said.err.count("left out: ") == 1 and "broken.json cannot be read" in said.err
    assert "2 exports are of zoe: a student who handed in twice is counted twice" in said.err
    with (tmp_path / "class.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[2][0] == "'=Ada"                               # no formula to a spreadsheet
    assert [len(row) for row in rows] == [10] * 5


def test_a_forged_export_is_named_and_left_out_and_can_neither_end_the_table_nor_write_into_it(class_folder, capsys):
    class_report.main([str(class_folder)])
    table = capsys.readouterr().out
    honest = student("eve", ("done", 0), ("done", 0), ("done", 0))
    lesson = {"exercises": {}, "quiz": {"right": 0, "questions": 0}, "predictions": 0}
    signed(honest | {"course": "\ud800"}, class_folder / "surrogate.json")
    signed(honest | {"written": "\x1b[2J\x1b[H"}, class_folder / "escapes.json")
    signed(honest | {"lessons": honest["lessons"] | {"01\x1b[1A": lesson}}, class_folder / "lesson.json")
    signed({"format": 2, "course": "\x1b[2J\ud800"}, class_folder / "later.json")
    assert class_report.main([str(class_folder)]) == 1
    said = capsys.readouterr()
    assert said.out == table
    assert "\x1b" not in said.err
    for name in ("surrogate", "escapes", "lesson"):
        assert f"{name}.json is not made by export_progress: " in said.err
    assert "later.json is from version " in said.err


@pytest.mark.parametrize("start", class_report.FORMULA_STARTS)
def test_no_cell_of_the_spreadsheet_is_a_formula(start, tmp_path):
    class_report.write_csv([[f"{start}1+1"]], tmp_path / "class.csv")
    assert (tmp_path / "class.csv").read_text(encoding="utf-8-sig").lstrip('"').startswith("'")


def test_below_the_table_stands_what_the_class_finds_hard_the_hardest_first(class_folder):
    students, _ = class_report.read(class_report.exports([class_folder]))
    ends = [(line.split()[0], line[-6:]) for line in class_report.stuck(students)]
    assert ends == [("1.2", "2 of 3"), ("2.1", "1 of 3")]
    ends = [(line.split()[0], line.split()[-1]) for line in class_report.most_hinted(students)]
    assert ends == [("1.2", "5"), ("2.1", "1")]


def test_exports_of_two_versions_are_counted_together_and_that_is_said(tmp_path, capsys):
    signed(student("a", ("done", 0), ("open", 0), ("open", 0)), tmp_path / "a.json")
    newer = student("b", ("done", 0), ("open", 0), ("open", 0), course="0.2.0")
    newer["lessons"]["02"]["exercises"]["2.99"] = exercise("attempted", 0)
    signed(newer, tmp_path / "b.json")
    assert class_report.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    out = capsys.readouterr().out
    assert "These come from versions 0.1.0, 0.2.0 of the course" in out
    assert "2.99  (not in this version)" in out


def test_without_any_sound_export_there_is_no_table(tmp_path, capsys):
    assert class_report.main([str(tmp_path)]) == 1
    assert "No export could be read" in capsys.readouterr().err


def test_a_teacher_runs_it_as_a_command_on_what_a_reader_wrote(some_progress, elsewhere):
    write_export("Ada", elsewhere)
    command = [sys.executable, "-m", "tools.class_report", str(elsewhere)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2].startswith("Ada ")
