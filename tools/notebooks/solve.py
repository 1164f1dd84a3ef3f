"""Notebooks with the exercises solved, for the continuous check that they can be and for whoever teaches."""

import os
import re
from pathlib import Path

from nbformat import NotebookNode

from course_utils.exercises.specs import find
from tools.notebooks.files import NotebookError, as_text, output_text, read, tag_value, write_text

LINK = re.compile(r"(\]\(|(?:src|href)=\")([^)\s#\"]+)")
VERDICT = re.compile(r"^  (ok|no|--) ", re.MULTILINE)


def solve(path: Path, folder: Path, all_paths: list[Path]) -> Path:
    """Write a copy with solutions in place of stubs, without outputs, to `folder`; returns its path.

    Links that would lead nowhere are turned to the originals; `all_paths` are the notebooks that have a copy there.
    Raises UnknownExerciseError for a stub that belongs to no exercise.
    """
    target = folder / path.name
    if target.resolve() == path.resolve():
        raise NotebookError(f"{path.name}: the solved notebook would replace the lesson; name another folder.")
    notebook = inject(read(path))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(
                lambda found: found[1] + _turned(found[2], path.parent, folder, all_paths), cell.source
            )
        else:
            cell.outputs, cell.execution_count = [], None
    write_text(target, as_text(notebook))
    return target


def inject(notebook: NotebookNode) -> NotebookNode:
    """Put the reference solution into each cell tagged `exercise:ID`, in place."""
    for cell in notebook.cells:
        if exercise_id := tag_value(cell, "exercise"):
            cell.source = find(exercise_id).solution_source()
    return notebook


def _turned(link: str, old: Path, new: Path, copied: list[Path]) -> str:
    """A link as it must be written from the new folder."""
    target = (old / link).resolve()
    if ":" in link or not target.exists() or target in [path.resolve() for path in copied]:
        return link
    return Path(os.path.relpath(target, new.resolve())).as_posix()


def unsolved(notebook: NotebookNode) -> list[str]:
    """Findings on an executed notebook: check cells that are not green, and exercises without a check cell."""
    findings, checked = [], set()
    for number, cell in enumerate(notebook.cells, start=1):
        if exercise_id := tag_value(cell, "check"):
            checked.add(exercise_id)
            report = "\n".join(output_text(output) for output in cell.outputs)
            if not is_green(report):
                findings.append(f"Cell {number}: the check of {exercise_id} is not green:\n{report}")
    stubs = {tag_value(cell, "exercise") for cell in notebook.cells} - {None}
    return findings + [f"Exercise {exercise_id} has no check cell." for exercise_id in sorted(stubs - checked)]


def is_green(report: str) -> bool:
    """True where a check's report has lines that say ok and none that says no or "not attempted"."""
    verdicts = set(VERDICT.findall(report))
    return verdicts == {"ok"} and "not attempted" not in report
