"""The reader's own progress: one small JSON file, shared by all notebooks that are open.

Every change is made under a file lock on what the file holds at that moment, and put in place by one rename, so two
notebooks lose nothing and a killed one leaves the old file. Where the folder cannot be written the course goes on
without: `change` returns the reason as one line instead of raising.
"""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from course_utils.paths import progress_dir

SECONDS_FOR_LOCK = 5.0
EMPTY = {"exercises": {}, "hints": {}, "guesses": {}, "quizzes": {}}


def progress_file() -> Path:
    """Where the progress is kept."""
    return progress_dir() / "progress.json"


def read() -> dict:
    """The progress: `exercises`, `hints`, `guesses` and `quizzes`, each a dict; empty where there is no sound file."""
    try:
        kept = json.loads(progress_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    kept = kept if isinstance(kept, dict) else {}
    return {part: kept[part] if isinstance(kept.get(part), dict) else {} for part in EMPTY}


def change(edit: Callable[[dict], None]) -> str:
    """Apply `edit` to the progress and keep it. Returns "" or, where it could not be kept, one line that says why."""
    try:
        folder = progress_dir()
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "progress.json.lock", timeout=SECONDS_FOR_LOCK):
            kept = read()
            edit(kept)
            _replace(progress_file(), json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True))
    except OSError as error:  # filelock.Timeout is one too
        reason = error.strerror or type(error).__name__
        return f"progress is not kept: {progress_dir()} ({reason}); set COURSE_PROGRESS to a folder you can write to"
    return ""


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix="progress-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def record_check(exercise_id: str, passed: bool) -> str:
    """Keep that an exercise was tried or done. Done stays done."""

    def edit(kept):
        if passed or kept["exercises"].get(exercise_id) != "done":
            kept["exercises"][exercise_id] = "done" if passed else "attempted"

    return change(edit)


def record_hints(exercise_id: str, shown: int) -> str:
    """Keep how many hints of an exercise have been shown."""
    return change(lambda kept: kept["hints"].__setitem__(exercise_id, shown))


def record_guess(prediction_id: str, guess: str) -> str:
    """Keep the guess at a prediction; a later one takes its place."""
    return change(lambda kept: kept["guesses"].__setitem__(prediction_id, guess))


def record_answer(quiz_id: str, question: int, option: int) -> str:
    """Keep the option (from 1) chosen for a question (from 1) of a quiz."""
    return change(lambda kept: kept["quizzes"].setdefault(quiz_id, {}).__setitem__(str(question), option))


def hints_shown(exercise_id: str) -> int:
    """How many hints of an exercise have been shown."""
    shown = read()["hints"].get(exercise_id, 0)
    return shown if isinstance(shown, int) else 0


def guess_kept(prediction_id: str) -> str | None:
    """The guess that was kept for a prediction, or None."""
    return read()["guesses"].get(prediction_id)


def answers_kept(quiz_id: str) -> dict[int, int]:
    """Question number → option number, both from 1, of a quiz."""
    kept = read()["quizzes"].get(quiz_id)
    kept = kept if isinstance(kept, dict) else {}
    return {int(question): option for question, option in kept.items() if question.isdecimal()}
