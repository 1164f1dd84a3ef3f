"""Every lesson has an outline, runs up to any cell before an exercise is solved, and says how long it takes.

Restart and run all is what `make test` does with each of them: nbval gives it a kernel of its own and compares outputs.
"""

import ast
import builtins
import re
import symtable
from collections import Counter
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.exercises import checks, showing, solution
from course_utils.exercises.specs import find, lesson_exercises
from tools.notebooks.files import Notebook, lesson_paths, tag_value
from tools.notebooks.prose import NOT_PROSE
from tools.notebooks.taught import DURATION, MEMORY

FENCED = NOT_PROSE[0][0]
HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$", re.MULTILINE)
UNDERLINED = re.compile(r"^[^\n|#>-][^\n]*\n(=+|-+)[ \t]*$", re.MULTILINE)  # the other way to write one
NAMES_OF_A_KERNEL = {*dir(builtins), "get_ipython", "display"}
# The live model takes the reader's functions where their checks pass, and the course's where not.
ASKS_FIRST = {"07_transformer": {"rms_norm", "swiglu", "sample"}}
IN_WORDS = {"an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
ESTIMATE = re.compile(r"Reading and (?:trying|exercises): about (?:(\d+) minutes|(\w+)( and a half)? hours?)")
NOTEBOOKS = [Notebook(path) for path in lesson_paths()]
EVERY_LESSON = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.path.stem)


# ---- the table of contents -------------------------------------------------------------------------------------------


def headings(notebook: Notebook) -> list[tuple[int, int, str]]:
    """Cell, level and text of each heading, as JupyterLab's panel and the site list them."""
    found = []
    for number, cell in notebook.cells("markdown"):
        text = FENCED.sub("", cell.source)
        found += [(number, len(marks), title) for marks, title in HEADING.findall(text)]
    return found


def outline_faults(notebook: Notebook) -> list[str]:
    """What would make the table of contents wrong: a second title, a level left out, two headings with one name."""
    found, faults = headings(notebook), []
    levels = [0, *(level for _, level, _ in found)]
    for (number, level, title), above in zip(found, levels, strict=False):
        if level > above + 1:
            faults.append(f"Cell {number}: {title!r} is of level {level} below one of level {above}.")
    if levels.count(1) != 1 or levels[1:2] != [1]:
        faults.append(f"There are {levels.count(1)} titles of level 1; expected one, and first.")
    twice = [title for title, count in Counter(title for _, _, title in found).items() if count > 1]
    faults += [f"{title!r} stands twice." for title in twice]
    texts = [(number, FENCED.sub("", cell.source)) for number, cell in notebook.cells("markdown")]
    return faults + [f"Cell {number} underlines a heading." for number, text in texts if UNDERLINED.search(text)]


@EVERY_LESSON
def test_the_headings_are_an_outline(notebook):
    assert not outline_faults(notebook)
    assert len(headings(notebook)) >= 8


# ---- run up to here --------------------------------------------------------------------------------------------------


def names(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell binds and that it uses, also inside its functions."""
    table = symtable.symtable(source, "cell", "exec")
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    inner = list(table.get_children())
    while inner:
        scope = inner.pop()
        inner += scope.get_children()
        used |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
    return bound, used


def unbound(notebook: Notebook) -> list[str]:
    """Each name that a cell uses and that neither it nor a cell above binds."""
    bound, faults = set(NAMES_OF_A_KERNEL), []
    for number, cell in notebook.cells("code"):
        own, used = names(cell.source)
        bound |= own
        faults += [f"Cell {number} uses {name}, which no cell up to it binds." for name in sorted(used - bound)]
    return faults


def leaning_on_stubs(notebook: Notebook) -> set[str]:
    """Names of stubs that other cells than checks use: such a cell would wait for the reader's edit."""
    stubs, leaning = set(), set()
    for _, cell in notebook.cells("code"):
        own, used = names(cell.source)
        if tag_value(cell, "exercise"):
            stubs |= own
        elif not tag_value(cell, "check"):
            stubs -= own
            leaning |= used & stubs
    return leaning


def does_something(source: str) -> list[str]:
    """The statements of a stub that do more than define: they would run, and could fail, before the reader begins."""
    defines = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return [
        ast.unparse(statement)
        for statement in ast.parse(source).body
        if not isinstance(statement, defines)
        and not (isinstance(statement, ast.Assign) and ast.unparse(statement.value) == "None")
    ]


@EVERY_LESSON
def test_no_cell_uses_a_name_that_only_a_later_cell_binds(notebook):
    assert not unbound(notebook)


@EVERY_LESSON
def test_no_cell_waits_for_an_exercise_to_be_solved(notebook):
    assert leaning_on_stubs(notebook) == ASKS_FIRST.get(notebook.path.stem, set())


@EVERY_LESSON
def test_a_stub_only_defines_so_that_it_fails_where_it_is_called_and_not_before(notebook):
    stubs = [cell.source for _, cell in notebook.cells("code") if tag_value(cell, "exercise")]
    assert len(stubs) == len(lesson_exercises(notebook.number))
    assert [line for stub in stubs for line in does_something(stub)] == []


# ---- minutes ---------------------------------------------------------------------------------------------------------


def estimated_minutes(text: str) -> float:
    """The minutes that a lesson's first cell says it takes to read and to do."""
    minutes, hours, half = ESTIMATE.search(" ".join(text.split())).groups()
    return float(minutes) if minutes else 60 * (IN_WORDS[hours] + 0.5 * bool(half))


@EVERY_LESSON
def test_the_first_cell_says_the_measured_time_and_estimates_more_minutes_than_its_exercises_need(notebook):
    text = notebook.node.cells[0].source
    assert DURATION.search(text) and MEMORY.search(text)
    exercises = sum(exercise.minutes for exercise in lesson_exercises(notebook.number))
    assert 1.2 * exercises < estimated_minutes(text) < 60 + 5 * exercises


# ---- each of these can fail ------------------------------------------------------------------------------------------


def lesson(*cells) -> Notebook:
    """A notebook that is in no file."""
    made = Notebook(Path("99_made_up.ipynb"))
    made.__dict__["node"] = new_notebook(cells=list(cells))
    return made


def code(source: str, tag: str = ""):
    """A code cell."""
    return new_code_cell(source, metadata={"tags": [tag]} if tag else {})


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (["# A", "### C"], "is of level 3 below one of level 1"),
        (["# A", "## B", "# C"], "There are 2 titles"),
        (["## B", "# A"], "expected one, and first"),
        (["# A", "## B", "## C\n\n## B"], "'B' stands twice"),
        (["# A", "B\n---"], "Cell 2 underlines"),
    ],
)
def test_a_broken_outline_is_noticed(texts, fault):
    assert any(fault in found for found in outline_faults(lesson(*map(new_markdown_cell, texts))))


def test_a_sign_in_code_is_no_heading():
    assert outline_faults(lesson(new_markdown_cell("# A\n\n```python\n# no heading\n### nor this\n```\n\n## B"))) == []


def test_a_name_of_a_later_cell_is_noticed_also_inside_a_function():
    early = lesson(code("def draw():\n    return [later for _ in range(3)]"), code("later = 1\nprint(draw())"))
    assert unbound(early) == ["Cell 1 uses later, which no cell up to it binds."]
    assert unbound(lesson(code("import os as system\nfor x in 'ab':\n    y = x"), code("print(system, x, y)"))) == []


def test_a_cell_that_waits_for_a_solution_is_noticed():
    stub, check = code("def f():\n    raise NotImplementedError", "exercise:9.9"), code('check("9.9", f)', "check:9.9")
    assert leaning_on_stubs(lesson(stub, check, code("print(f())"))) == {"f"}
    assert leaning_on_stubs(lesson(stub, check, code("f = 2\nprint(f)"))) == set()
    assert does_something("import os\ndef f(): ...\nx = None\nf()\ny = 3") == ["f()", "y = 3"]


# ---- solutions -------------------------------------------------------------------------------------------------------


@EVERY_LESSON
def test_no_lesson_shows_a_solution_unasked(notebook):
    calls = re.compile(r"^\s*solution\(", re.MULTILINE)
    assert [number for number, cell in notebook.cells("code") if calls.search(cell.source)] == []


def test_a_solution_is_folded_up_on_a_page_and_plain_elsewhere(monkeypatch, capsys):
    source = find("1.2").solution_source()
    solution("1.2")
    assert capsys.readouterr().out == f"{source}\n"
    bundles = []
    monkeypatch.setattr(showing, "in_notebook", lambda: True)
    monkeypatch.setattr(showing, "display", lambda bundle, raw: bundles.append(bundle))
    solution("1.2")
    (bundle,) = bundles
    assert bundle["text/plain"] == source
    assert bundle["text/html"].startswith("<details><summary>Solution of 1.2 ")  # and so not open
    assert checks.escape(source) in bundle["text/html"]
