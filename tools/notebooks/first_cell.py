"""The first code cell of every notebook, one line, written from `[tool.course]` in pyproject.toml.

On Colab it fetches the course at one tag and installs what Colab lacks. Everywhere else it does nothing.
"""

import tomllib
from pathlib import Path

from nbformat import NotebookNode

from course_utils.paths import REPOSITORY
from tools.notebooks.files import Notebook, NotebookError, as_text, read, tags, write_text

TAG = "colab"
CLONE = "~/generative-ai-course"
FAILED = "The course is not set up; the lines above say why. Run this cell again once the network answers."
# The inner lines are IPython's. The folder is tested first, so that running the cell again fetches nothing again. The
# last thing that a reader sees where a step fails is one sentence.
TEMPLATE = (
    'if "google.colab" in __import__("sys").modules: get_ipython().run_cell('
    '"!(test -d {clone} || git clone -q -c advice.detachedHead=false --depth 1 -b {tag} {repository} {clone})'
    " && cd {clone} && python -m tools.colab || (echo '{failed}'; false)\\n"
    "if _exit_code == 0: get_ipython().run_line_magic('cd', '-q {clone}')\")"
)


def setting(pyproject: Path = REPOSITORY / "pyproject.toml") -> dict[str, str]:
    """The repository's address and the tag, from `[tool.course]`. Raises NotebookError where one is missing."""
    course = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {}).get("course", {})
    if missing := {"repository", "tag"} - set(course):
        raise NotebookError(f"pyproject.toml has no {' and no '.join(sorted(missing))} under [tool.course].")
    return course


def line(repository: str, tag: str) -> str:
    """The cell's one line of Python. Raises NotebookError where the values could not stand in a shell command."""
    for value in (repository, tag):
        if not value or set(value) & set(" \"'\\$`;&|<>(){}*?!\n"):
            raise NotebookError(f"{value!r} cannot stand in the first cell; expected no space, quote or shell sign.")
    return TEMPLATE.format(clone=CLONE, repository=repository, tag=tag, failed=FAILED)


def rewrite(path: Path, text: str) -> bool:
    """Put the line into the notebook's first code cell; True where that changed the file.

    Raises NotebookError where that cell does not carry the tag `colab`: it would be somebody's work.
    """
    notebook = read(path)
    cell = first_code_cell(notebook)
    if cell is None or TAG not in tags(cell):
        raise NotebookError(f"{path.name}: the first code cell is not tagged {TAG!r}; add one that is.")
    if cell.source == text:
        return False
    cell.source = text
    write_text(path, as_text(notebook))
    return True


def first_code_cell(notebook: NotebookNode) -> NotebookNode | None:
    """The first code cell, or None."""
    return next((cell for cell in notebook.cells if cell.cell_type == "code"), None)


def colab_line_first(notebook: Notebook) -> list[str]:
    """The first code cell is the tagged line, as `make first-cell` writes it."""
    course = setting()
    cell = first_code_cell(notebook.node)
    if cell is not None and TAG in tags(cell) and cell.source == line(course["repository"], course["tag"]):
        return []
    return ["The first code cell is not the line that `make first-cell` writes."]
