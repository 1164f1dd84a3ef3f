"""Executing, solving and writing the first cell of notebooks, on small notebooks in a folder of their own."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.exercises.specs import lesson_exercises
from tools.notebooks import first_cell
from tools.notebooks.execute import execute, run
from tools.notebooks.files import NotebookError, as_text, lesson_paths, read, write_text
from tools.notebooks.solve import is_green, solve, unsolved

LINE = first_cell.line("https://example.org/course.git", "v1.2")


def save(folder: Path, *cells: NotebookNode | str, name: str = "01_toy.ipynb") -> Path:
    """Write a notebook; text stands for a code cell."""
    nodes = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    path = folder / name
    path.write_text(as_text(new_notebook(cells=nodes)), encoding="utf-8")
    return path


@pytest.mark.slow
def test_execute_writes_outputs_and_costs_and_a_second_run_changes_no_byte(tmp_path: Path):
    path = save(tmp_path, "print(6 * 7)", "held = bytearray(300_000_000)\nimport time; time.sleep(0.3)", "len(held)")
    cost = execute(path, results=tmp_path / "lessons.json")
    text, cells = path.read_text(), read(path).cells
    assert cells[0].outputs[0].text == "42\n" and [cell.execution_count for cell in cells] == [1, 2, 3]
    table = json.loads((tmp_path / "lessons.json").read_text())
    assert table["01_toy"]["seconds"] == round(cost.seconds) and 0.3 <= table["01_toy"]["peak_gb"] < 1
    execute(path, results=tmp_path / "lessons.json")
    assert path.read_text() == text


@pytest.mark.slow
def test_memory_of_child_processes_is_counted(tmp_path: Path):
    child = "import time; held = bytearray(500_000_000); time.sleep(1)"
    path = save(tmp_path, f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}]).returncode")
    assert run(read(path), path.name, folder=tmp_path).peak_gb > 0.5


@pytest.mark.slow
def test_a_widget_leaves_neither_state_nor_an_id_that_changes(tmp_path: Path):
    path = save(tmp_path, "from ipywidgets import interact\n@interact(n=(1, 5))\ndef square(n=2):\n    print(n * n)")
    execute(path, results=tmp_path / "lessons.json")
    assert "model_id" not in path.read_text() and "widgets" not in read(path).metadata
    assert "IntSlider(value=2" in path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ValueError('no such thing')", "cell 2: .*no such thing"),
        ("import sys; print('careful', file=sys.stderr)", "Cell 2 writes to stderr: 'careful'"),
        (
            "import os; print(os.path.join(os.sep, 'home', 'ada', 'x'))",
            "Cell 2 shows a path of one machine: '/home/ada'",
        ),
        ("import time; time.sleep(30)", "cell 2: it ran longer than 2 seconds"),
        ("import os; os._exit(1)", "cell 2: the kernel died"),
    ],
    ids=["error", "stderr", "path", "slow", "dead"],
)
def test_a_run_that_must_not_be_kept_leaves_the_old_file_and_names_the_cell(tmp_path: Path, source: str, words: str):
    path = save(tmp_path, "first = 1", source)
    before = path.read_bytes()
    with pytest.raises(NotebookError, match=f"(?s){words}"):
        execute(path, results=tmp_path / "lessons.json", cell_seconds=2)
    assert path.read_bytes() == before and not (tmp_path / "lessons.json").exists()


@pytest.mark.slow
def test_the_kernel_sees_the_profile_the_offline_switch_and_an_empty_progress_folder(tmp_path: Path):
    names = ("COURSE_PROFILE", "COURSE_OFFLINE")
    path = save(
        tmp_path,
        f"import os\nprint([os.environ.get(name) for name in {names}], os.path.exists(os.environ['COURSE_PROGRESS']))",
    )
    notebook = read(path)
    run(notebook, path.name, profile="smoke", offline=True, folder=tmp_path)
    assert notebook.cells[0].outputs[0].text == "['smoke', '1'] False\n"


def test_a_write_that_is_interrupted_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_lessons_are_found_by_the_start_of_their_names_and_an_unknown_name_lists_them(tmp_path: Path):
    for name in ("02_b.ipynb", "01_a.ipynb", "notes.ipynb"):
        save(tmp_path, name=name)
    assert [path.name for path in lesson_paths(folder=tmp_path)] == ["01_a.ipynb", "02_b.ipynb"]
    assert [path.name for path in lesson_paths(["02"], tmp_path)] == ["02_b.ipynb"]
    with pytest.raises(NotebookError, match="no notebook begins with '07'; there are 01_a, 02_b"):
        lesson_paths(["07"], tmp_path)


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path):
    (tmp_path / "01_x.ipynb").write_text("{")
    with pytest.raises(NotebookError, match="01_x.ipynb cannot be read as a notebook"):
        read(tmp_path / "01_x.ipynb")


def test_solve_puts_the_solution_in_place_of_the_stub_and_turns_links(tmp_path: Path):
    exercise = lesson_exercises(1)[0]
    stub = new_code_cell(exercise.stub, metadata={"tags": [f"exercise:{exercise.id}"]})
    text = "[lesson](02_b.ipynb#top) [about](../README.md) [web](https://example.org/a) [gone](gone.md)"
    lessons = tmp_path / "notebooks"
    lessons.mkdir()
    (tmp_path / "README.md").write_text("")
    path, other = save(lessons, new_markdown_cell(text), stub), save(lessons, name="02_b.ipynb")
    cells = read(solve(path, tmp_path / "out" / "solved", [path, other])).cells
    assert cells[1].source == exercise.solution_source() != exercise.stub
    assert cells[0].source == text.replace("../README.md", "../../README.md")
    assert read(path).cells[1].source == exercise.stub


def test_solve_refuses_to_replace_the_lesson(tmp_path: Path):
    path = save(tmp_path, "1")
    with pytest.raises(NotebookError, match="would replace the lesson"):
        solve(path, tmp_path, [path])


@pytest.mark.parametrize(
    ("report", "green"),
    [
        ("1.2 counts\n  ok    dict of 3 · values in 2 cases", True),
        ("1.2 counts\n  ok    shape (2, 4)\n  no    values: expected 1, got 2", False),
        ("1.2 counts\n  --    not attempted yet", False),
        ("1.2 counts", False),
        ("", False),
    ],
)
def test_a_check_is_green_only_where_it_says_ok_and_never_no(report: str, green: bool):
    assert is_green(report) is green


def test_a_stub_without_a_check_cell_and_a_check_that_fails_are_both_found():
    stub = new_code_cell("", metadata={"tags": ["exercise:1.1"]})
    failing = new_output("stream", name="stdout", text="1.2 x\n  no    values: expected 1, got 2\n")
    check = new_code_cell("", metadata={"tags": ["check:1.2"]}, outputs=[failing])
    found = unsolved(new_notebook(cells=[stub, check]))
    assert "the check of 1.2 is not green" in found[0] and found[1] == "Exercise 1.1 has no check cell."


def test_first_cell_is_rewritten_once_and_only_where_it_is_tagged(tmp_path: Path):
    path = save(tmp_path, new_markdown_cell("# T"), new_code_cell("old", metadata={"tags": ["colab"]}), "mine")
    assert first_cell.rewrite(path, LINE) is True
    assert [cell.source for cell in read(path).cells] == ["# T", LINE, "mine"]
    assert first_cell.rewrite(path, LINE) is False
    with pytest.raises(NotebookError, match="not tagged 'colab'"):
        first_cell.rewrite(save(tmp_path, "mine"), LINE)


@pytest.mark.parametrize("tag", ["", "v1; rm x", "$(x)", 'v"1'])
def test_a_tag_that_would_break_the_command_is_refused(tag: str):
    with pytest.raises(NotebookError, match="cannot stand in the first cell"):
        first_cell.line("https://example.org/course.git", tag)


def fake_git(folder: Path) -> Path:
    """A `git` that notes how it was called and makes a course of two modules as its clone; returns the notes' path."""
    notes = folder / "git-calls.txt"
    script = f"""#!{sys.executable}
import pathlib, sys
open({str(notes)!r}, "a").write(" ".join(sys.argv[1:-1]) + "\\n")
tools = pathlib.Path(sys.argv[-1], "tools")
tools.mkdir(parents=True)
(tools / "__init__.py").write_text("")
(tools / "colab.py").write_text("print('set up')")
(tools.parent / "only_in_the_clone.py").write_text("")
"""
    (folder / "git").write_text(script)
    (folder / "git").chmod(stat.S_IRWXU)
    return notes


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Colab is Linux, and so is its shell")
def test_on_colab_the_first_cell_clones_once_sets_up_and_makes_the_clone_importable(tmp_path: Path, monkeypatch):
    stub = tmp_path / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("")
    notes = fake_git(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = save(tmp_path, "import google.colab", LINE, LINE, "import only_in_the_clone")
    notebook = read(path)
    run(notebook, path.name, folder=tmp_path)
    assert notes.read_text() == "clone -q -c advice.detachedHead=false --depth 1 -b v1.2 https://example.org/course.git\n"
    assert ["".join(output.text for output in cell.outputs).strip() for cell in notebook.cells[1:3]] == [
        "set up",
        "set up",
    ]


@pytest.mark.slow
def test_elsewhere_the_first_cell_does_and_prints_nothing(tmp_path: Path, monkeypatch):
    notes = fake_git(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    path = save(tmp_path, "import os; before = os.getcwd()", LINE, "print(os.getcwd() == before)")
    notebook = read(path)
    run(notebook, path.name, folder=tmp_path)
    assert notebook.cells[1].outputs == [] and notebook.cells[2].outputs[0].text == "True\n"
    assert not notes.exists()
