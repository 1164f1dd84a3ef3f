"""Read and write notebooks so that a change in one cell is a change in a few lines of the file."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.errors import CourseError
from course_utils.paths import NOTEBOOKS

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
CELL_METADATA = ("jupyter", "tags")


class NotebookError(CourseError):
    """A notebook cannot be used as it is; the message names the notebook and the cell."""


@dataclass(frozen=True)
class Notebook:
    """One notebook file and what it holds. Cells are counted from 1, Markdown included."""

    path: Path

    @cached_property
    def node(self) -> NotebookNode:
        """The parsed content."""
        return read(self.path)

    @property
    def number(self) -> int | None:
        """The number of its lesson, from the file's name; None where the name begins with none."""
        digits = self.path.name.split("_")[0]
        return int(digits) if digits.isdecimal() else None

    def cells(self, kind: str | None = None) -> list[tuple[int, NotebookNode]]:
        """Pairs of cell number and cell, of one kind ("code", "markdown") or of all."""
        numbered = enumerate(self.node.cells, start=1)
        return [(number, cell) for number, cell in numbered if kind in (None, cell.cell_type)]

    def outputs(self) -> Iterator[tuple[int, NotebookNode]]:
        """Pairs of cell number and output, for every output of every code cell."""
        for number, cell in self.cells("code"):
            for output in cell.outputs:
                yield number, output


def lesson_paths(names: list[str] | None = None, folder: Path = NOTEBOOKS) -> list[Path]:
    """The lessons' notebooks in order, or those whose names begin so. Raises NotebookError where one name fits none."""
    everything = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    chosen = set()
    for name in names or []:
        fitting = {path for path in everything if path.name.startswith(Path(name).name)}
        if not fitting:
            stems = ", ".join(path.stem for path in everything) or "none"
            raise NotebookError(f"no notebook begins with {name!r}; there are {stems}.")
        chosen |= fitting
    return sorted(chosen) if names else everything


def tags(cell: NotebookNode) -> list[str]:
    """The cell's tags."""
    return cell.metadata.get("tags", [])


def tag_value(cell: NotebookNode, kind: str) -> str | None:
    """What follows `kind:` in a tag of the cell: "1.2" for kind "exercise" and tag `exercise:1.2`; None without one."""
    return next((tag.partition(":")[2] for tag in tags(cell) if tag.startswith(f"{kind}:")), None)


def output_text(output: NotebookNode) -> str:
    """Everything in an output that a reader could read as text; pictures left out."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return "\n".join([output.ename, output.evalue, *output.traceback])
    return "\n".join(
        str(value) for kind, value in output.data.items() if not kind.startswith("image/") or "svg" in kind
    )


def read(path: Path) -> NotebookNode:
    """Parse a notebook. Raises NotebookError where the file is not one."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise NotebookError(f"{path.name} cannot be read as a notebook: {error}") from error


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Take out, in place, what differs from run to run and says nothing: versions, timings, widget state and ids."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def as_text(notebook: NotebookNode) -> str:
    """The text of the file: indented by one, keys sorted, one newline at the end."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: whoever reads it, or kills this, finds the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
