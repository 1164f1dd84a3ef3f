"""Command line: `python -m tools.assignments 06` writes an assignment, no number all; `--table` counts their cases."""

import argparse
import sys
from pathlib import Path

from course_utils.errors import CourseError
from tools.assignments.build import COURSE_FOLDER, build, chosen_lessons, row
from tools.assignments.cases import ensure_secret

HEADER = """\
| lesson | exercises | points | cases by the secret | cases of the package | values on paper |
|---|---|---|---|---|---|"""


def print_table(lessons, secret: str) -> None:
    """What each assignment is worth and graded on, as a Markdown table with a last line of sums."""
    rows = [row(lesson, secret) for lesson in lessons]
    print(HEADER)
    for one in rows:
        print(f"| {one.lesson.label} | {one.exercises} | {one.points} | {one.secret} | {one.public} | {one.values} |")
    sums = [sum(getattr(one, name) for one in rows) for name in ("exercises", "points", "secret", "public", "values")]
    print("| all | " + " | ".join(map(str, sums)) + " |")


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.assignments", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="number of a lesson, such as 06; none for all")
    parser.add_argument("--out", type=Path, default=COURSE_FOLDER, help="the course folder to write")
    parser.add_argument("--table", action="store_true", help="print what is graded on what, and write no assignment")
    arguments = parser.parse_args()
    try:
        lessons = chosen_lessons(arguments.lessons)
        if arguments.table:
            print_table(lessons, ensure_secret(arguments.out / "secret"))
            return 0
        build(lessons, arguments.out)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(lessons)} of nbgrader's assignments: source/ and release/ in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
