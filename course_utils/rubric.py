"""How a capstone project is graded: what earns a point, where it shows, and what a program can look at by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_utils.assistant import assistant
from course_utils.errors import CourseError
from course_utils.folders import MANIFEST
from course_utils.project import Project, load_project
from course_utils.report import Report
from course_utils.text.vocabulary import CharVocabulary

MOST = 2                                                           # points for each row
SAFE = (".json", ".safetensors")
ENOUGH_MEASURES, ENOUGH_ITEMS = 3, 20
TRUTH = ("difference, paired", "runs of")                          # how measures of what is worth and copied begin
TRIED = "The state of the work is"                                 # what a project is asked twice


@dataclass(frozen=True)
class Handed:
    """What was handed in: the folder, the project in it and its report, or None with the reason why there is none."""

    folder: Path
    project: Project | None
    report: Report | None
    trouble: str = ""


Check = Callable[[Handed], tuple[int, str]]                        # points, and what was seen


@dataclass(frozen=True)
class Row:
    """One criterion: what earns 0, 1 and 2 points, where it shows, and the check that a program makes, if it can."""

    criterion: str
    zero: str
    one: str
    two: str
    shown: str
    check: Check | None = None


@dataclass(frozen=True)
class Graded:
    """Points for one row and what was seen; points is None where the teacher has to judge."""

    row: Row
    points: int | None
    seen: str


# --- what a program can look at ---------------------------------------------------------------------------


def _whole(handed: Handed) -> tuple[int, str]:
    if handed.project is None:
        return 0, handed.trouble
    others = sorted(path.name for path in handed.folder.iterdir() if path.suffix not in SAFE)
    if others:
        return 1, f"it loads, and holds {', '.join(others)} besides"
    return 2, f"it loads; every file is as {MANIFEST} says, safetensors and JSON alone"


def _cards(handed: Handed) -> tuple[int, str]:
    if handed.project is None:
        return 0, handed.trouble
    return (1, "a model card, no data sheet") if handed.project.sheet is None else (2, "a model card and a data sheet")


def _same(handed: Handed) -> tuple[int, str]:
    if handed.project is None:
        return 0, handed.trouble
    bot, text = assistant(handed.project), _asked(handed.project)
    try:
        first, second = bot.answer(text), bot.answer(text)
    except CourseError as error:
        return 1, f"it loads, and does not answer {text!r}: {error}"
    return (2, "the same answer twice") if first == second else (0, "two answers to one question with one seed")


def _asked(project: Project) -> str:
    """A text that the project can read: TRIED, or a sign of its own where it does not know these letters."""
    signs = project.tokenizer.tokens if isinstance(project.tokenizer, CharVocabulary) else None
    return TRIED if signs is None or set(TRIED) <= set(signs) else signs[-1]


def _measured(handed: Handed) -> tuple[int, str]:
    if handed.report is None:
        return 0, "no report"
    sure = [each for each in handed.report.measures if each.low is not None]
    items = max((each.count for each in sure), default=0)
    seen = f"{len(sure)} measures with an interval, of {items} items at most"
    return (2 if len(sure) >= ENOUGH_MEASURES and items >= ENOUGH_ITEMS else 1 if sure else 0), seen


def _truth(handed: Handed) -> tuple[int, str]:
    if handed.report is None:
        return 0, "no report"
    found = [each for each in handed.report.measures if each.name.startswith(TRUTH)]
    seen = ", ".join(f"{each.name}: {each.cells[1]} ({each.interval})" for each in found) or "neither is measured"
    return (2 if found and all(each.low is not None for each in found) else 1 if found else 0), seen


ROWS = (
    Row(
        "It can be taken along",
        "The folder does not load.",
        "It loads, and holds files of other kinds.",
        "It loads, and holds safetensors and JSON alone.",
        "load_project(folder)",
        _whole,
    ),
    Row(
        "It answers the same again",
        "The same seed gives another answer.",
        "It loads, and the question of the check does not suit it.",
        "The same seed gives the same answer.",
        "assistant(project).answer(…), twice",
        _same,
    ),
    Row(
        "Cards",
        "No finished model card.",
        "A finished model card.",
        "A finished model card and a data sheet.",
        "model_card.json, data_sheet.json",
        _cards,
    ),
    Row(
        "Measured",
        "No number with an interval.",
        "Some numbers with an interval.",
        f"{ENOUGH_MEASURES} measures or more with an interval, one over {ENOUGH_ITEMS} items or more.",
        "the report",
        _measured,
    ),
    Row(
        "What it is worth",
        "Neither what the passages add nor what is copied was measured.",
        "One of them, without an interval.",
        "The paired difference with and without passages, or the share that is copied, with an interval.",
        "the report: difference, paired; runs copied",
        _truth,
    ),
    Row(
        "Its texts",
        "Where they come from is not said.",
        "Their origin and licence are said.",
        "Also what is wrong with them and whom they leave out, with an example from them.",
        "data sheet: selection, errors, people, licence",
    ),
    Row(
        "A part of your own",
        "A worked example with another name.",
        "Other texts, or other settings, chosen for a reason.",
        "A tokenizer, an index, a correction or a model made for it, and its effect measured.",
        "notebook, model.json, tokenizer.json, passages.json",
    ),
    Row(
        "Chosen on other data than reported",
        "Settings were chosen on what is reported.",
        "Validation and test are apart.",
        "Also each choice shows what was tried, and with which result.",
        "notebook; data sheet: splits",
    ),
    Row(
        "A fair opponent",
        "No comparison.",
        "Compared with something simpler.",
        "Compared with the simplest thing that could do the job, on the same items; the verdict follows the interval.",
        "notebook, report",
    ),
    Row(
        "Where it fails",
        "Only good examples.",
        "Bad examples too.",
        "Kinds of failures are counted, and one is explained by an experiment.",
        "notebook; model card: results by factor",
    ),
    Row(
        "Harm",
        "Nothing, or general words.",
        "Names who could be harmed by this model, and how.",
        "Also what was done about it, and a test that shows whether it helped.",
        "model card: ethical considerations, out of scope",
    ),
    Row(
        "It can be used by others",
        "It does not run on another machine.",
        "It runs in the app, and says what it is.",
        "Also a stranger could repeat the report from the notebook.",
        "make app; notebook, run from top to bottom",
    ),
)


def grade(folder: Path, report: Path | None = None) -> tuple[Graded, ...]:
    """Each row with the points of its check; None where the teacher judges. Loads the model, which takes seconds."""
    handed = _handed(Path(folder), report)
    return tuple(
        Graded(row, *row.check(handed)) if row.check else Graded(row, None, "for the teacher to judge") for row in ROWS
    )


def _handed(folder: Path, report: Path | None) -> Handed:
    try:
        project, trouble = load_project(folder), ""
    except CourseError as error:
        project, trouble = None, str(error)
    try:
        read = None if report is None else Report.read(Path(report))
    except CourseError as error:
        read, trouble = None, trouble or str(error)
    return Handed(folder, project, read, trouble)


def rubric_markdown(rows: tuple[Row, ...] = ROWS) -> str:
    """The rubric as a table in Markdown."""
    head = ["criterion", "0 points", "1 point", "2 points", "where it shows", "looked at by"]
    who = ["the teacher" if row.check is None else "a program" for row in rows]
    lines = [[r.criterion, r.zero, r.one, r.two, r.shown, by] for r, by in zip(rows, who, strict=True)]
    return _table([head, ["---"] * len(head), *lines])


def grades_markdown(grades: tuple[Graded, ...]) -> str:
    """The grades as a table in Markdown, with the points so far."""
    given = [each.points for each in grades if each.points is not None]
    lines = [[g.row.criterion, "?" if g.points is None else str(g.points), g.seen] for g in grades]
    total = f"{sum(given)} of {MOST * len(given)} points by the program; {len(grades) - len(given)} rows are yours."
    return f"{_table([['criterion', 'points', 'what was seen'], ['---', '---:', '---'], *lines])}\n\n{total}"


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in row)} |" for row in rows)
