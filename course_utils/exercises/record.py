"""The reader's own progress: one small JSON file, shared by all notebooks that are open.

Every change is made under a file lock on what the file holds at that moment, and put in place by one rename, so two
notebooks lose nothing and a killed one leaves the old file. Where the folder cannot be written the course goes on
without: `change` returns the reason as one line instead of raising.

The file outlives versions of the course. A version may add parts, and entries to them; it never gives an old name a new
meaning. What another version wrote stays in the file untouched, the exercises included that this one does not have.
"""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from course_utils.paths import progress_dir

VERSION = 2                                          # of the file; the first one did not write its version down
SECONDS_FOR_LOCK = 10.0
PARTS = ("exercises", "hints", "guesses", "quizzes")
PUT_ASIDE = "progress-damaged-{}.json"


def progress_file() -> Path:
    """Where the progress is kept."""
    return progress_dir() / "progress.json"


def read() -> dict:
    """The progress: `exercises`, `hints`, `guesses`, `quizzes`, each a dict, and whatever another version keeps there.

    What cannot be read counts as empty.
    """
    try:
        return _sound_parts(_load())
    except OSError:
        return _sound_parts({})


def change(edit: Callable[[dict], None]) -> str:
    """Apply `edit` to the progress and keep it. Returns "" or, where something is amiss, one line that says what.

    A damaged file is put aside before a sound one takes its place.
    """
    try:
        folder = progress_dir()
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "progress.json.lock", timeout=SECONDS_FOR_LOCK):
            _sweep(folder)
            found = _load()
            aside = None if _is_sound(found) else _put_aside(folder)
            kept = _sound_parts(found)
            kept["version"] = max(VERSION, _version(kept))
            edit(kept)
            text = json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True)
            replace(progress_file(), text.encode(errors="surrogatepass"))
    except OSError as error:  # filelock.Timeout is one too
        reason = error.strerror or type(error).__name__
        return f"progress is not kept: {progress_dir()} ({reason}); set COURSE_PROGRESS to a folder you can write to"
    if aside:
        return f"the progress file was damaged: it is now {aside}, and what could be read of it is kept"
    return ""


def damage() -> list[str]:
    """A line where the file is damaged or cannot be read, and one for each damaged file that was put aside."""
    path = progress_file()
    try:
        lines = [] if _is_sound(_load()) else [f"The progress file is damaged; the next change puts it aside: {path}"]
    except OSError as error:
        lines = [f"The progress file cannot be read ({error.strerror}): {path}"]
    aside = sorted(progress_dir().glob(PUT_ASIDE.format("*")))
    return lines + [f"A damaged progress file was put aside: {path}" for path in aside]


def _load() -> object:
    """What the file holds: {} where there is none, None where it is damaged. Raises OSError where it cannot be read."""
    try:
        return json.loads(progress_file().read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        return None


def _is_sound(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(found.get(part, {}), dict) for part in PARTS)


def _sound_parts(found: object) -> dict:
    """What was found, with an empty part for each that is missing or damaged."""
    found = found if isinstance(found, dict) else {}
    parts = {part: found[part] if isinstance(found.get(part), dict) else {} for part in PARTS}
    return {**found, **parts}


def _version(kept: dict) -> int:
    version = kept.get("version")
    return version if isinstance(version, int) else 1


def _put_aside(folder: Path) -> Path:
    """Copy the file to the first free name for damaged ones. The lock is held, so nobody else takes that name."""
    number = 1
    while (aside := folder / PUT_ASIDE.format(number)).exists():
        number += 1
    replace(aside, progress_file().read_bytes())
    return aside


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written. The lock is held, so nobody is writing."""
    for left in folder.glob("progress-*.part"):
        left.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Put content in a file's place, whole or not at all. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix="progress-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())                  # or a power cut may leave the new name on an empty file
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

    def edit(kept):
        answers = kept["quizzes"].get(quiz_id)
        kept["quizzes"][quiz_id] = {**(answers if isinstance(answers, dict) else {}), str(question): option}

    return change(edit)


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
