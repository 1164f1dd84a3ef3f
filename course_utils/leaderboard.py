"""One table for every model of the course: bits per byte on the same held-out bytes."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.paths import RESULTS, progress_dir
from course_utils.viz import bars


@dataclass(frozen=True)
class Result:
    """One measured model. `test`: fingerprint of the text it was measured on; `parameters`: stored numbers, or 0."""

    name: str
    lesson: str
    bits_per_byte: float
    test: str
    parameters: int = 0


def fingerprint(text: str) -> str:
    """Twelve hexadecimal digits that change when the text does."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def last_of_each(results: Iterable[Result]) -> list[Result]:
    """One result for each name, the last: a cell that appends its result may be run again."""
    return list({result.name: result for result in results}.values())


def ranked(results: Iterable[Result]) -> list[Result]:
    """Best first, the last result of each name. Raises CourseError if they were not all measured on the same text."""
    results = sorted(last_of_each(results), key=lambda result: result.bits_per_byte)
    if len({result.test for result in results}) > 1:
        raise CourseError("These results are of different test texts and cannot be ranked; measure all on the same.")
    return results


def table(results: Iterable[Result]) -> str:
    """The ranking as plain text, a row for each name."""
    rows = [f"{'model':<34}{'lesson':<8}{'bits per byte':>13}{'parameters':>14}"]
    for result in ranked(results):
        parameters = f"{result.parameters:,}" if result.parameters else "–"
        rows.append(f"{result.name:<34}{result.lesson:<8}{result.bits_per_byte:>13.3f}{parameters:>14}")
    return "\n".join(rows)


def chart(results: Iterable[Result], highlight: Iterable[str] = ()) -> Figure:
    """The ranking as bars, shorter is better."""
    values = {result.name: result.bits_per_byte for result in ranked(results)}
    return bars(values, "bits per byte of test text (less is better)", highlight=list(highlight), digits=3)


def stored_compressors(test: str) -> dict[str, float]:
    """Bits per byte of compressors that take long or are not installed, measured by `python -m tools.compressors`.

    Named like "PPMd, order 12" (which has read nothing before) and "PPMd, order 12, primed" (with the training text).
    Raises CourseError if they were measured on another text than `test`.
    """
    stored = json.loads((RESULTS / "compressors.json").read_text(encoding="utf-8"))
    if stored["test"] != fingerprint(test):
        raise CourseError(
            f"The compressors were measured on the text {stored['test']}, not on this one, {fingerprint(test)}; "
            "give load_sotu().test, or measure them again with `python -m tools.compressors`."
        )
    values: dict[str, float] = {}
    for name, measured in stored.items():
        if isinstance(measured, dict):
            values |= {name: measured["cold"], f"{name}, primed": measured["primed"]}
    return values


def results_dir() -> Path:
    """Where a lesson's own results go: `$COURSE_RESULTS` (the maintainers' run), else the reader's progress folder."""
    return Path(os.environ.get("COURSE_RESULTS") or progress_dir() / "results")


def save(lesson: str, results: Iterable[Result]) -> Path:
    """Write a lesson's results, the last of each name, as JSON, whole or not at all."""
    path = results_dir() / f"leaderboard_{lesson}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(result) for result in last_of_each(results)], indent=1) + "\n"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return path


def load(lesson: str) -> list[Result]:
    """A lesson's results: the reader's own where they ran it, else those that came with the course."""
    for folder in (results_dir(), RESULTS):
        path = folder / f"leaderboard_{lesson}.json"
        if path.exists():
            return [Result(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    raise CourseError(f"There are no results of lesson {lesson} yet; run its notebook first.")
