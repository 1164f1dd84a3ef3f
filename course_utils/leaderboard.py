"""One table for every model of the course: bits per byte on the same held-out bytes."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter

import torch
from matplotlib.figure import Figure

from course_utils.devices import device_label, gpu_label
from course_utils.errors import CourseError
from course_utils.generation import generate, sample
from course_utils.paths import RESULTS, progress_dir
from course_utils.viz import bars
from course_utils.viz.points import named_points


@dataclass(frozen=True)
class Result:
    """One measured model. `test`: fingerprint of the text it was measured on; `parameters`: stored numbers, or 0.

    Where they were measured, and 0 or "" elsewhere: the tokens it was trained on (each counted as often as it was
    read), the floating-point operations and the seconds that took, the tokens it writes a second, and on which machine;
    where there is a GPU, that is its name unless another is given.
    """

    name: str
    lesson: str
    bits_per_byte: float
    test: str
    parameters: int = 0
    training_tokens: int = 0
    training_flops: float = 0.0
    seconds: float = 0.0
    tokens_per_second: float = 0.0
    machine: str = field(default_factory=gpu_label)


ALWAYS_SAVED = ("name", "lesson", "bits_per_byte", "test", "parameters")
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def fingerprint(text: str) -> str:
    """Twelve hexadecimal digits that change when the text does."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def last_of_each(results: Iterable[Result]) -> list[Result]:
    """One result for each name, the last: a cell that appends its result may be run again."""
    return list({result.name: result for result in results}.values())


def ranked(results: Iterable[Result]) -> list[Result]:
    """Best first, the last result of each name. Raises CourseError if they were not all measured on the same text."""
    results = sorted(last_of_each(results), key=lambda result: result.bits_per_byte)
    broken = [result.name for result in results if math.isnan(result.bits_per_byte)]
    if broken:
        raise CourseError(f"{broken[0]} has no number for bits per byte (nan) and cannot be ranked; leave it out.")
    if len({result.test for result in results}) > 1:
        raise CourseError("These results are of different test texts and cannot be ranked; measure all on the same.")
    return results


def short(count: float) -> str:
    """A count in three digits: 20 M for 20,000,000, 1.81 M for 1,812,131."""
    rounded = float(f"{count:.3g}")
    unit, name = next(((unit, name) for unit, name in UNITS if rounded >= unit), (1, ""))
    return f"{rounded / unit:g} {name}".rstrip()


def power(number: float) -> str:
    """A large number by its power of ten: 1.1e14. Raises CourseError where it is not finite."""
    if not math.isfinite(number):
        raise CourseError(f"The number is {number}; expected a finite one, for it has no power of ten.")
    digits, exponent = f"{number:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


@dataclass(frozen=True)
class Column:
    """How a table shows one field of its results: heading, width in characters, and what becomes of a value."""

    heading: str
    width: int
    write: Callable


COLUMNS = {
    "bits_per_byte": Column("bits per byte", 13, "{:.3f}".format),
    "parameters": Column("parameters", 14, "{:,}".format),
    "training_tokens": Column("train tokens", 15, short),
    "training_flops": Column("train FLOPs", 14, power),
    "tokens_per_second": Column("tokens/s", 11, "{:,.0f}".format),
    "seconds": Column("seconds", 10, "{:,.0f}".format),
    "machine": Column("machine", 36, str),
}
SHOWN = ("bits_per_byte", "parameters")
SHOWN_WHERE_KNOWN = ("training_tokens", "training_flops", "tokens_per_second")


def columns_for(results: Sequence[Result], columns: Sequence[str] | None = None) -> list[str]:
    """The fields to show: those asked for, else `SHOWN` and what any result has of `SHOWN_WHERE_KNOWN`.

    The machine is shown where one of them was a GPU. Raises CourseError for a field that there is no column for.
    """
    unknown = [name for name in columns or () if name not in COLUMNS]
    if unknown:
        raise CourseError(f"There is no column {unknown[0]!r}; expected some of {', '.join(COLUMNS)}.")
    known = [name for name in SHOWN_WHERE_KNOWN if any(getattr(result, name) for result in results)]
    known += ["machine"] if any(result.machine and "CPU" not in result.machine for result in results) else []
    return [*SHOWN, *known] if columns is None else list(columns)


def cell(result: Result, column: str) -> str:
    """One value as a table shows it, – where nothing was measured."""
    value = getattr(result, column)
    return COLUMNS[column].write(value) if value or column == "bits_per_byte" else "–"


def table(results: Iterable[Result], columns: Sequence[str] | None = None) -> str:
    """The ranking as plain text, a row for each name; `columns` names the fields to show, see `COLUMNS`."""
    results = ranked(results)
    shown = columns_for(results, columns)
    rows = [("model", "lesson", *(COLUMNS[name].heading for name in shown))]
    rows += [(result.name, result.lesson, *(cell(result, name) for name in shown)) for result in results]
    widths = [COLUMNS[name].width for name in shown]
    return "\n".join(
        f"{name:<34}{lesson:<8}" + "".join(f"{text:>{width}}" for text, width in zip(cells, widths, strict=True))
        for name, lesson, *cells in rows
    )


def chart(results: Iterable[Result], highlight: Iterable[str] = ()) -> Figure:
    """The ranking as bars, shorter is better."""
    values = {result.name: result.bits_per_byte for result in ranked(results)}
    return bars(values, "bits per byte of test text (less is better)", highlight=list(highlight), digits=3)


def against_compute(results: Iterable[Result]) -> Figure:
    """Bits per byte against the operations that training took. Raises CourseError where no result states them."""
    points = {result.name: (result.training_flops, result.bits_per_byte) for result in ranked(results)}
    points = {name: point for name, point in points.items() if point[0] > 0}
    if not points:
        raise CourseError("None of these results says what its training cost; give training_flops=… to Result.")
    y_label = "bits per byte of test text\n(less is better; not from 0)"
    return named_points(points, "floating-point operations of training", y_label)


def tokens_per_second(model, prompt: Sequence[int], length: int, generator: torch.Generator) -> float:
    """How fast a model writes: `length` sampled tokens, the reading of `prompt` included, over the seconds they took.

    One token is written before, so that nothing is timed that happens only once. Raises CourseError for a length
    below 1.
    """
    if length < 1:
        raise CourseError(f"length is {length}; expected 1 token or more to measure speed by.")
    generate(model, prompt, 1, sample, generator)
    begun = perf_counter()
    generate(model, prompt, length, sample, generator)
    return length / (perf_counter() - begun)


def machine() -> str:
    """This machine in general words: "2 cores, CPU", or the name of its GPU."""
    return device_label()


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
    rows = [asdict(result).items() for result in last_of_each(results)]
    text = json.dumps([{k: v for k, v in row if v or k in ALWAYS_SAVED} for row in rows], indent=1) + "\n"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return path


def load(lesson: str) -> list[Result]:
    """A lesson's results: the reader's own where they ran it, else those that came with the course.

    Own ones of a part of the test text, as a short profile leaves them, are passed over, in one line that says so.
    """
    own, shipped = (_stored(folder / f"leaderboard_{lesson}.json") for folder in (results_dir(), RESULTS))
    if not own and not shipped:
        raise CourseError(f"There are no results of lesson {lesson} yet; run its notebook first.")
    if own and shipped and own[0].test != shipped[0].test:
        print(f"Lesson {lesson} was run on a part of the test text; here stand the results that come with the course.")
        return shipped
    return own or shipped


def _stored(path: Path) -> list[Result]:
    """The results in a file; none where there is no such file."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [Result(**{"machine": "", **row}) for row in rows]
