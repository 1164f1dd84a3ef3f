"""A lesson as the site shows it: no kernel behind it, so what needs one is folded up, explained or left out."""

import hashlib
import html
import re
from base64 import b64decode

import nbformat
from nbformat import NotebookNode

from course_utils.exercises.specs import find
from course_utils.viz.style import SPOKEN
from tools.notebooks.files import tag_value, tags
from tools.notebooks.first_cell import TAG

WIDGET = re.compile(r"\w+\((children|value|description|options)=")
PROGRESS_BAR = re.compile(r"[^\n]*\d+%\|.*\| \d+/\d+ \[[^\n]*\]\s*")
SPOKEN_ALT = re.compile(rf'<p style="{re.escape(SPOKEN)}">Figure: (.*)</p>', re.DOTALL)
WIDGET_NOTE = (
    '<p class="course-note">Here a running notebook shows sliders or boxes. The next cell draws the same for one '
    "setting.</p>"
)
COLAB_PROMPT = "the cell for Google Colab"


def page(notebook: NotebookNode) -> NotebookNode:
    """The notebook as a page, changed in place. Raises UnknownExerciseError for a check that belongs to no exercise."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.outputs = readable(cell.outputs)
        if TAG in tags(cell):
            fold(cell, COLAB_PROMPT)
        if exercise_id := tag_value(cell, "check"):
            cells.append(nbformat.v4.new_markdown_cell(solution(exercise_id), id=f"solution-{len(cells)}"))
    notebook.cells = cells
    return notebook


def fold(cell: NotebookNode, name: str) -> None:
    """Show the cell's source only on request, under this name."""
    cell.metadata["tags"] = [*tags(cell), "hide-input"]
    cell.metadata["mystnb"] = {"code_prompt_show": f"Show {name}", "code_prompt_hide": f"Hide {name}"}


def solution(exercise_id: str) -> str:
    """Markdown of a folded box with a right answer."""
    exercise = find(exercise_id)
    lines = [f"`````{{dropdown}} Solution to {exercise_id}", ":class-container: course-solution", ""]
    return "\n".join([*lines, "```python", exercise.solution_source(), "```", "`````"])


def readable(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs that say something where nothing runs; a sentence in place of a widget.

    The hidden sentence below a figure is left out where the figure carries it as its alt text: it would be read twice.
    """
    known = set(figures(outputs).values())
    return [described(output) for output in outputs if not (is_progress_bar(output) or spoken_alt(output) in known)]


def is_progress_bar(output: NotebookNode) -> bool:
    """Whether an output is the text of a tqdm bar, which stands where it began."""
    return PROGRESS_BAR.fullmatch(only_text(output)) is not None


def described(output: NotebookNode) -> NotebookNode:
    """The output, or a note where it is the text of a widget."""
    if not WIDGET.match(only_text(output)):
        return output
    return nbformat.v4.new_output("display_data", {"text/html": WIDGET_NOTE, "text/plain": "sliders or boxes"})


def only_text(output: NotebookNode) -> str:
    """The text of an output that has nothing but text; "" of any other, and of what was printed."""
    data = output.get("data", {})
    return data["text/plain"] if set(data) == {"text/plain"} else ""


def spoken_alt(output: NotebookNode) -> str | None:
    """The alt text in the hidden sentence below a figure; None where an output is no such sentence."""
    found = SPOKEN_ALT.fullmatch(output.get("data", {}).get("text/html", ""))
    return html.unescape(found[1]) if found else None


def figures(outputs: list[NotebookNode]) -> dict[str, str]:
    """For every picture that has an alt text: the sha256 of its file, by which Sphinx knows it, and the text."""
    known = {}
    for output in outputs:
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            known[hashlib.sha256(b64decode(output.data["image/png"])).hexdigest()] = alt
    return known
