"""A row of boxes: the stages that something goes through, one after the other."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.viz.canvas import INPUT, Canvas
from course_utils.viz.style import COLOURS, GREY, WIDTH

MOST = 8                                                           # more boxes than that are too narrow to read
MARGIN, GAP = 0.08, 0.2                                            # inches: at both sides, between boxes


def stages(names: Sequence[str], notes: Sequence[str] = (), here: int | None = None) -> Figure:
    """A box for each name, an arrow from each to the next, and below each its note, in grey; `here` is orange.

    A line break within a name or note is kept. Raises CourseError for fewer than two names or more than eight, for
    notes that are not as many as the names, and where there is no box number `here`.
    """
    if not 2 <= len(names) <= MOST:
        raise CourseError(f"{len(names)} stages do not make a readable row; expected 2 to {MOST}.")
    if len(notes) not in (0, len(names)):
        raise CourseError(f"{len(notes)} notes for {len(names)} stages; expected one for each, or none.")
    if here is not None and not 0 <= here < len(names):
        raise CourseError(f"here is {here}; expected the number of a stage, 0 to {len(names) - 1}, or None.")
    page, step = Canvas(1.35 if notes else 1.0), (WIDTH - 2 * MARGIN + GAP) / len(names)
    row, half = (0.92 if notes else 0.5), (step - GAP) / 2
    for number, name in enumerate(names):
        x = MARGIN + half + step * number
        page.box(x, row, "", COLOURS[1] if number == here else INPUT, width=2 * half, height=0.62)
        page.text(x, row, name, size=9)
        if notes:
            page.text(x, 0.3, notes[number], GREY, 8)
        if number:
            page.line([(x - half - GAP, row), (x - half, row)])
    return page.figure
