"""The map of the course: seventeen lessons in five eras, and which of them lead where."""

import matplotlib
from matplotlib.figure import Figure

from course_utils.lessons import LESSONS
from course_utils.viz.style import COLOURS, GREY, STYLE, new_figure

ERAS = (
    ("Counting and recurrence", range(0, 5)),
    ("The transformer", range(5, 8)),
    ("Pretrained models", range(8, 11)),
    ("Images", range(11, 15)),
    ("The world, and your own", range(15, 17)),
)
ERA_COLOURS = (*COLOURS[:4], COLOURS[-1])


def course_map(here: int | None = None) -> Figure:
    """One row an era, one box a lesson; the lesson `here` is filled in."""
    figure, axes = new_figure(height=4.5)
    with matplotlib.rc_context(STYLE):
        axes.set(xlim=(-1.55, 5), ylim=(len(ERAS) - 0.5, -0.5))
        axes.axis("off")
        for row, ((era, numbers), colour) in enumerate(zip(ERAS, ERA_COLOURS, strict=True)):
            label = era.replace(" and ", "\nand ").replace(", ", ",\n")
            axes.text(-1.55, row, label, va="center", color=colour, weight="bold")
            for column, number in enumerate(numbers):
                _box(axes, column, row, LESSONS[number], colour, filled=number == here)
    return figure


def _box(axes, column: int, row: int, lesson, colour: str, filled: bool) -> None:
    box = matplotlib.patches.FancyBboxPatch(
        (column + 0.02, row - 0.36), 0.94, 0.72, boxstyle="round,pad=0,rounding_size=0.06",
        edgecolor=colour, facecolor=colour if filled else "white", linewidth=1.4,
    )  # fmt: skip
    axes.add_patch(box)
    ink = "white" if filled else "black"
    axes.text(column + 0.08, row - 0.30, lesson.label, color=ink if filled else GREY, va="top", fontsize=8.5)
    axes.text(column + 0.08, row - 0.09, _short(lesson.title), color=ink, va="top", fontsize=8.2, linespacing=1.05)


def _short(title: str) -> str:
    words, lines = title.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 16:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
