"""A reader's progress as one file for a teacher, and the way back: written by a lesson, read by `tools.class_report`.

It holds the name that the reader gives, and of each lesson which exercises are done or tried, with how many hints, the
quiz answers that are right, and how many predictions were made. No guess, no code, nothing of the machine. The checksum
shows that a file was changed by accident; whoever wants to cheat can work it out anew.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from course_utils import __version__
from course_utils.errors import CourseError
from course_utils.exercises import record
from course_utils.exercises.quizzes import right_answers
from course_utils.exercises.specs import lesson_exercises, lesson_quiz
from course_utils.lessons import LESSONS, Lesson

FORMAT = 1
LONGEST_NAME = 60
STATES = ("done", "attempted")
TEXTS = ("name", "course", "written")
LABELS = {lesson.label for lesson in LESSONS}


class ExportError(CourseError):
    """An export cannot be written or read; the message says which and what to do."""


def export_progress(name: str, folder: str | Path = ".") -> None:
    """Write your progress to one file for your teacher, and print where it is. `name` is what stands in the list."""
    try:
        path = write_export(name, Path(folder))
    except ExportError as error:
        print(f"export_progress: {error}")
        return
    exercises = [state for lesson in read_export(path)["lessons"].values() for state in lesson["exercises"].values()]
    done = sum(exercise["state"] == "done" for exercise in exercises)
    print(f"{path.resolve()}: {done} of {len(exercises)} exercises done. Hand in this file.")


def write_export(name: str, folder: Path) -> Path:
    """Write the export, whole or not at all, in place of an older one by that name; its path.

    Raises ExportError where the name is none or the folder cannot be written.
    """
    plain = " ".join(name.split()) if isinstance(name, str) else ""
    stem = re.sub(r"[^\w-]+", "-", plain).strip("-")
    if not stem or not _is_line(plain):
        raise ExportError(f"the name is {name!r}; expected a name of 1 to {LONGEST_NAME} letters.")
    path = folder / f"progress-{stem}.json"
    content = exported(plain)
    text = json.dumps({**content, "checksum": checksum(content)}, indent=1, ensure_ascii=False) + "\n"
    try:
        record.replace(path, text.encode())
    except OSError as error:
        raise ExportError(f"{folder.resolve()} cannot be written ({error.strerror}); name another folder.") from error
    return path


def exported(name: str) -> dict:
    """What an export says, its checksum left out."""
    kept = record.read()
    return {
        "format": FORMAT,
        "name": name,
        "course": __version__,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "lessons": {lesson.label: _lesson(lesson, kept) for lesson in LESSONS},
    }


def _lesson(lesson: Lesson, kept: dict) -> dict:
    """One lesson: all its exercises, the open ones too, so that a teacher's table needs no list of its own."""
    exercises = {
        exercise.id: {
            "state": state if (state := kept["exercises"].get(exercise.id)) in STATES else "open",
            "hints": hints if _is_count(hints := kept["hints"].get(exercise.id)) else 0,
        }
        for exercise in lesson_exercises(lesson.number)
    }
    quiz = {"right": right_answers(lesson.label), "questions": len(lesson_quiz(lesson.number))}
    predictions = sum(guess.partition(".")[0] == str(lesson.number) for guess in kept["guesses"])
    return {"exercises": exercises, "quiz": quiz, "predictions": predictions}


def checksum(content: dict) -> str:
    """The sha256 of what an export says, however its lines are broken."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_export(path: Path) -> dict:
    """What an export says. Raises ExportError where it is damaged, changed, forged, or of a later version."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ExportError(f"{path} cannot be read ({error}); ask for it again.") from error
    if not isinstance(found, dict) or "checksum" not in found or not _is_count(found.get("format")):
        raise ExportError(f"{path} is not what export_progress writes; ask for the file that it names.")
    if found["format"] > FORMAT:
        raise ExportError(f"{path} is from version {found.get('course')!a:.20} of the course; update yours to read it.")
    content = {key: value for key, value in found.items() if key != "checksum"}
    if wrong := _amiss(content):
        raise ExportError(f"{path} is not made by export_progress: {wrong}; ask for the file that it writes.")
    if found["checksum"] != checksum(content):
        raise ExportError(f"{path} was changed after it was written: its checksum does not fit; ask for it again.")
    return content


def _amiss(content: dict) -> str:
    """What of an export no reader's course writes, "" where nothing: its texts and counts go into a teacher's table."""
    try:
        wrong = [f"the {key} is no line of text" for key in TEXTS if not _is_line(content[key])]
        for label, lesson in content["lessons"].items():
            if label not in LABELS:
                return f"{label!a:.20} is no lesson of this version"
            wrong += [f"lesson {label} has {what} that it never writes" for what in _amiss_in(label, lesson)]
    except (AttributeError, KeyError, TypeError):
        return "parts of it are missing or of another kind"
    if content.keys() != {"format", *TEXTS, "lessons"}:
        wrong.append("there is a part that it never writes")
    return wrong[0] if wrong else ""


def _amiss_in(label: str, lesson: dict) -> list[str]:
    """What stands in one lesson of an export that is never written there. Raises what a missing part raises."""
    exercises, quiz = lesson["exercises"], lesson["quiz"]
    counts = [lesson["predictions"], quiz["right"], quiz["questions"], *(each["hints"] for each in exercises.values())]
    kinds = {
        "an exercise": all(re.fullmatch(rf"{int(label)}\.[0-9]{{1,2}}", id_) for id_ in exercises),
        "a state": all(each["state"] in (*STATES, "open") for each in exercises.values()),
        "a count": all(map(_is_count, counts)) and quiz["right"] <= quiz["questions"],
        "a part": all(each.keys() == {"state", "hints"} for each in exercises.values())
        and quiz.keys() == {"right", "questions"} and lesson.keys() == {"exercises", "quiz", "predictions"},
    }  # fmt: skip
    return [what for what, sound in kinds.items() if not sound]


def _is_line(text: object) -> bool:
    """True for a text that a terminal shows as it is: nothing in it moves the cursor or cannot be encoded."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_NAME and text.isprintable()


def _is_count(count: object) -> bool:
    return type(count) is int and 0 <= count < 1000
