"""A teacher's table out of many exports of `export_progress`: a row a student, and what the class finds hard.

    python -m tools.class_report folder                    every .json in it, however deep
    python -m tools.class_report one.json other.json --csv class.csv

An export that is damaged or forged is named and left out, and the exit status is 1; the others are counted.
"""

import argparse
import csv
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from course_utils.exercises.handing_in import ExportError, read_export
from course_utils.exercises.specs import UnknownExerciseError, find

HARDEST = 10
WIDEST_NAME = 24
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")


@dataclass(frozen=True)
class Student:
    """One export: the name it goes by in the table, and what it says."""

    name: str
    content: dict

    def exercises(self, label: str | None = None) -> dict[str, dict]:
        """The exercises of a lesson, or of all, by id."""
        lessons = self.content["lessons"]
        chosen = lessons.values() if label is None else filter(None, [lessons.get(label)])
        return {id_: exercise for lesson in chosen for id_, exercise in lesson["exercises"].items()}

    def done(self, label: str | None = None) -> int:
        """How many exercises of a lesson, or of all, are done."""
        return sum(exercise["state"] == "done" for exercise in self.exercises(label).values())

    def totals(self) -> dict[str, str | int]:
        """What stands at the end of the row."""
        lessons, exercises = self.content["lessons"].values(), self.exercises().values()
        return {
            "done": self.done(),
            "tried": sum(exercise["state"] == "attempted" for exercise in exercises),
            "hints": sum(exercise["hints"] for exercise in exercises),
            "quiz": sum(lesson["quiz"]["right"] for lesson in lessons),
            "predicted": sum(lesson["predictions"] for lesson in lessons),
            "written": self.content["written"][:10],
            "course": self.content["course"],
        }


def exports(paths: list[Path]) -> list[Path]:
    """The files that are meant: a folder stands for every .json in it, also in the folders that a website makes."""
    return [file for path in paths for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]


def read(files: list[Path]) -> tuple[list[Student], list[str]]:
    """The students by name, and a sentence for each export that had to be left out."""
    found, refused = [], []
    for file in files:
        try:
            found.append((file, read_export(file)))
        except ExportError as error:
            refused.append(str(error))
    often = Counter(content["name"] for _, content in found)
    students = []
    for file, content in found:
        name = content["name"]
        place = _visible(Path(file.parent.name, file.stem).as_posix())
        students.append(Student(name if often[name] == 1 else f"{name} ({place})", content))
    return sorted(students, key=lambda student: student.name.casefold()), refused


def twice(students: list[Student]) -> list[str]:
    """A sentence for each name that more than one export has: two students, or one who handed in twice."""
    often = Counter(student.content["name"] for student in students)
    return [
        f"{count} exports are of {name}: a student who handed in twice is counted twice; take the older file away."
        for name, count in often.items()
        if count > 1
    ]


def table(students: list[Student]) -> list[list[str]]:
    """Head, the row of what there is, and a row a student: exercises done in each lesson, then the totals."""
    labels = sorted({label for student in students for label in student.content["lessons"]})
    there = [max(len(student.exercises(label)) for student in students) for label in labels]
    questions = max(
        sum(lesson["quiz"]["questions"] for lesson in student.content["lessons"].values()) for student in students
    )
    rows = [["student", *labels, *students[0].totals()], ["of", *there, sum(there), "", "", questions, "", "", ""]]
    for student in students:
        rows.append([student.name, *(student.done(label) for label in labels), *student.totals().values()])
    return [[str(cell) for cell in row] for row in rows]


def as_text(rows: list[list[str]]) -> str:
    """The rows for a terminal: names to the left, numbers to the right."""
    rows = [[_shown(row[0]), *row[1:]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *numbers in rows:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def write_csv(rows: list[list[str]], path: Path) -> None:
    """The rows for a spreadsheet, which must not take a name for a formula."""
    safe = [[f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in row] for row in rows]
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # the mark tells Excel that it is UTF-8
        csv.writer(file).writerows(safe)


def stuck(students: list[Student]) -> list[str]:
    """The exercises most often tried and not done, a line each."""
    counts = Counter(
        id_ for student in students for id_, exercise in student.exercises().items() if exercise["state"] == "attempted"
    )
    return [f"{_titled(id_)}  {count} of {len(students)}" for id_, count in _largest(counts)]


def most_hinted(students: list[Student]) -> list[str]:
    """The exercises for which most hints were asked, a line each."""
    hints = Counter()
    for student in students:
        hints.update({id_: exercise["hints"] for id_, exercise in student.exercises().items() if exercise["hints"] > 0})
    return [f"{_titled(id_)}  {count}" for id_, count in _largest(hints)]


def _largest(counts: Counter) -> list[tuple[str, int]]:
    """The largest counts; of equal ones the earlier exercise first."""
    place = {id_: tuple(map(int, id_.split("."))) for id_ in counts}
    return sorted(counts.items(), key=lambda item: (-item[1], place[item[0]]))[:HARDEST]


def _titled(id_: str) -> str:
    try:
        title = find(id_).title
    except UnknownExerciseError:  # of another version of the course
        title = "(not in this version)"
    return f"  {id_:5} {_short(title, 44):44}"


def _short(text: str, width: int = WIDEST_NAME) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _shown(name: str) -> str:
    """A name for a terminal: cut where it is long, and its file whole, which tells it from another of that name."""
    name, bracket, place = name.partition(" (")
    return _short(name) + bracket + place


def _visible(text: str) -> str:
    """The name of a file, which its sender chose, without what a terminal would obey or cannot show."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def report(students: list[Student]) -> str:
    """The table, and below it what the class finds hard."""
    hard = {"Tried and not done, students:": stuck(students), "Hints asked for:": most_hinted(students)}
    parts = [as_text(table(students)), *("\n".join([title, *lines]) for title, lines in hard.items() if lines)]
    versions = sorted({student.content["course"] for student in students})
    if len(versions) > 1:
        parts.append(f"These come from versions {', '.join(versions)} of the course: not all had the same exercises.")
    return "\n\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status: 1 where an export was left out, or where there was none."""
    parser = argparse.ArgumentParser(prog="python -m tools.class_report", description="A table out of many exports.")
    parser.add_argument("paths", nargs="+", type=Path, help="exports, or folders of them")
    parser.add_argument("--csv", type=Path, help="write the table there as well")
    chosen = parser.parse_args(arguments)
    students, refused = read(exports(chosen.paths))
    if students:
        print(report(students))
        if chosen.csv:
            write_csv(table(students), chosen.csv)
    for sentence in twice(students) + [f"left out: {sentence}" for sentence in refused]:
        print(_visible(sentence), file=sys.stderr)
    if not students:
        print("No export could be read; expected files that export_progress wrote.", file=sys.stderr)
    return 1 if refused or not students else 0


if __name__ == "__main__":
    sys.exit(main())
