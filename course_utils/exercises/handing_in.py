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
    if not stem or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise ExportError(f"the name is {name!r}; expected a name of 1 to {LONGEST_NAME} letters.")
    path = folder / f"progress-{stem}.json"
    content = exported(plain)
    text = json.dumps({**content, "checksum": checksum(content)}, indent=1, ensure_ascii=False) + "\n"
    try:
        record.replace(path, text.encode())
        path.chmod(0o644)                            # a teacher reads it too
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
            "hints": hints if isinstance(hints := kept["hints"].get(exercise.id), int) else 0,
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
    """What an export says. Raises ExportError where it is damaged, was changed, or comes from a later version."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ExportError(f"{path} cannot be read ({error}); ask for it again.") from error
    if not isinstance(found, dict) or "checksum" not in found or not isinstance(found.get("format"), int):
        raise ExportError(f"{path} is not what export_progress writes; ask for the file that it names.")
    if found["format"] > FORMAT:
        raise ExportError(f"{path} is from version {found.get('course')} of the course; update yours to read it.")
    content = {key: value for key, value in found.items() if key != "checksum"}
    if found["checksum"] != checksum(content) or not _well_formed(content):
        raise ExportError(f"{path} was changed after it was written: its checksum does not fit; ask for it again.")
    return content


def _well_formed(content: dict) -> bool:
    """True where everything that a table reads is there and of its kind."""
    try:
        texts = [content["name"], content["course"], content["written"]]
        lessons = list(content["lessons"].values())
        exercises = [exercise for lesson in lessons for exercise in lesson["exercises"].values()]
        counts = [lesson["predictions"] for lesson in lessons] + [exercise["hints"] for exercise in exercises]
        counts += [lesson["quiz"][key] for lesson in lessons for key in ("right", "questions")]
        states = {exercise["state"] for exercise in exercises}
    except (AttributeError, KeyError, TypeError):
        return False
    kinds = all(isinstance(text, str) for text in texts) and all(isinstance(count, int) for count in counts)
    return kinds and states <= {*STATES, "open"} and content["name"].isprintable()
