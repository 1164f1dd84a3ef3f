"""What the exercises put on a page is the same in every run, so that strict nbval can compare it."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils.paths import REPOSITORY

CELLS = (
    "from course_utils.exercises import check, predict, progress, quiz, reveal",
    'predict("1.a", "How often?", ["50", "75"])',
    'reveal("1.a", 52)',
    'quiz("01")',
    "progress()",
    "def add_k(count, context_count, vocabulary_size, k):\n    return count / context_count",
    'check("1.5", add_k)',
    'check("1.1", lambda tokens, n: print(object(), 1 / 0))',
)


@pytest.mark.slow
def test_a_page_with_every_kind_of_output_passes_strict_nbval(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=60).execute()
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in notebook.cells]
    assert kinds == [[], ["display_data"], ["stream"], ["display_data"], ["display_data"], [], ["stream"], ["stream"]]

    nbformat.write(notebook, tmp_path / "page.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", "-q"]
    environment = {**os.environ, "COURSE_PROGRESS": str(tmp_path / "fresh")}
    again = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(tmp_path / "page.ipynb")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{len(CELLS)} passed" in again.stdout
