"""Every rule for lessons must be able to fail: a lesson that keeps all of them is broken in one place at a time."""

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.notebooks import first_cell, prose, rules, stored, taught
from tools.notebooks.files import Notebook, as_text, tidy

ALT = "A bar chart of the five likeliest next words."
PICTURE = new_output(
    "display_data",
    data={"image/png": "iVBORw0KGgo=", "text/plain": f"Figure: {ALT}"},
    metadata={"image/png": {"alt": ALT}},
)


def code(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = ()) -> NotebookNode:
    """A code cell."""
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)} if tags else {})


def printed(text: str, name: str = "stdout") -> NotebookNode:
    """Something printed."""
    return new_output("stream", name=name, text=text)


def good_lesson() -> NotebookNode:
    """A small lesson that keeps every rule."""
    line = first_cell.line(**first_cell.setting())
    cells = [
        new_markdown_cell("# 99 · A good lesson\n\nCount words.\n\nRuns in 40 s and 1.0 GB on two cores."),
        code(line, tags=("colab",)),
        new_markdown_cell("**Notation.** `B` batch · `T` target length."),
        code('predict("99.1", "How many?")'),
        new_markdown_cell("Training comes first, the verdict after it."),
        code("train()", printed("took 3.1 s\n"), tags=("nbval-ignore-output",)),
        code("print(better)", printed("True\n")),
        new_markdown_cell("Now look. The next cell has a slider."),
        code("interact(draw, n=(1, 5))"),
        code("show(draw(2), alt=…)", PICTURE),
        new_markdown_cell("What came out, and the quiz."),
        code('reveal("99.1")'),
        code("quiz(99)"),
        new_markdown_cell("## References\n\n- Shannon 1948, [A mathematical theory](https://example.org/1948)"),
        new_markdown_cell("## What we have, and what is next\n\nCounting cannot generalise."),
    ]
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
    return tidy(new_notebook(cells=cells))


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[NotebookNode], Notebook]:
    """Writes a lesson whose measured cost is 40 seconds and 1 GB, and gives it to the rules."""
    costs = tmp_path / "lessons.json"
    costs.write_text(json.dumps({"good_lesson": {"seconds": 40, "peak_gb": 1.0}}))
    monkeypatch.setattr(taught, "COSTS", costs)

    def write(lesson: NotebookNode) -> Notebook:
        path = tmp_path / "good_lesson.ipynb"
        path.write_text(as_text(lesson), encoding="utf-8")
        return Notebook(path)

    return write


def test_a_good_lesson_keeps_every_rule(save):
    assert rules.findings(save(good_lesson())) == []


def edit(cell: int, old: str, new: str) -> Callable[[NotebookNode], None]:
    """A change of words in one cell, counted from 1."""

    def change(lesson: NotebookNode) -> None:
        assert old in lesson.cells[cell - 1].source
        lesson.cells[cell - 1].source = lesson.cells[cell - 1].source.replace(old, new)

    return change


def output(cell: int, *outputs: NotebookNode) -> Callable[[NotebookNode], None]:
    """A change of one cell's outputs."""
    return lambda lesson: lesson.cells[cell - 1].update(outputs=nbformat.from_dict(list(outputs)))


def tag(cell: int, name: str) -> Callable[[NotebookNode], None]:
    """One more tag on a cell."""
    return lambda lesson: lesson.cells[cell - 1].metadata.update(
        tags=[*lesson.cells[cell - 1].metadata.get("tags", []), name]
    )


def drop(cell: int) -> Callable[[NotebookNode], None]:
    """One cell less; the code cells after it keep their numbers."""
    return lambda lesson: lesson.cells.pop(cell - 1) and None


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
BARE_PICTURE = new_output("display_data", data={"image/png": "iVBORw0KGgo="})
VIEW = new_output(
    "display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "x"}
)

BREAKS = [
    (stored.executed_in_order, drop(4), "expected 2"),
    (stored.clean_outputs, output(7, ERROR), "Cell 7 ends in ValueError"),
    (stored.clean_outputs, output(7, printed("careful\n", "stderr")), "Cell 7 writes to stderr: 'careful'"),
    (stored.clean_outputs, output(7, printed("saved in /home/ada/course/x.json\n")), "'/home/ada'"),
    (stored.clean_outputs, output(7, printed("saved in C:\\Users\\ada\n")), "Cell 7 shows a path"),
    (stored.no_paths_in_source, edit(6, "train()", 'open("/home/ada/x")'), "Cell 6 names a path"),
    (stored.small, output(7, printed("x" * 400_000)), "outputs of cell 7"),
    (stored.empty_cells, edit(6, "train()", " "), "Cell 6 is empty"),
    (stored.nothing_skipped, tag(7, "nbval-skip"), "Cell 7 carries the tag nbval-skip"),
    (stored.measured_then_judged, tag(7, "nbval-ignore-output"), "Cell 6 is tagged nbval-ignore-output"),
    (stored.every_picture_has_alt_text, output(10, BARE_PICTURE), "Cell 10 shows a picture with alt text ''"),
    (stored.tidy_file, output(7, VIEW), "widget state"),
    (stored.tidy_file, lambda lesson: lesson.metadata.update(widgets={"a": 1}), "widget state"),
    (stored.tidy_file, lambda lesson: lesson.metadata.language_info.update(version="3.12.1"), "versions"),
    (first_cell.colab_line_first, edit(2, "google", "goggle"), "make first-cell"),
    (first_cell.colab_line_first, drop(2), "make first-cell"),
    (taught.title_and_promise, edit(1, "# 99", "99"), "title"),
    (taught.title_and_promise, edit(1, "\n\nCount words.\n\nRuns in 40 s and 1.0 GB on two cores.", ""), "promise"),
    (taught.costs_as_measured, edit(1, "40 s", "25 s"), "Cell 1 says 25 seconds, but 40 were measured"),
    (taught.costs_as_measured, edit(1, "40 s", "2 minutes"), "Cell 1 says 120 seconds"),
    (taught.costs_as_measured, edit(1, "1.0 GB", "1.6 GB"), "Cell 1 says 1.6 GB"),
    (taught.costs_as_measured, edit(1, "1.0 GB", "little memory"), "no line with the measured time"),
    (taught.notation_at_the_top, edit(3, "Notation", "Letters"), "legend"),
    (taught.small_cells, edit(6, "train()", "train()\n" * 26), "Cell 6 has 26 lines"),
    (taught.small_cells, edit(6, "train()", "x" * 121), "a line of 121 characters"),
    (taught.prose_between_code, drop(8), "Cell 8 is the third code cell in a row"),
    (taught.predicts_first, edit(4, "predict", "print"), "predict(…)"),
    (taught.predicts_first, edit(12, "reveal", "print"), "reveal(…)"),
    (taught.picture_after_widget, output(10, printed("a picture\n")), "Cell 9 is a widget"),
    (taught.has_a_quiz, edit(13, "quiz", "print"), "quiz(…)"),
    (taught.references_with_year_and_link, edit(14, "Shannon 1948", "Shannon"), "without year or link"),
    (taught.references_with_year_and_link, edit(14, "https://example.org/1948", "nowhere"), "without year or link"),
    (taught.references_with_year_and_link, edit(14, "References", "Thanks"), "References"),
    (taught.says_what_is_next, edit(15, "is next", "follows"), "next"),
    (prose.short_sentences, edit(5, "Training", "word " * 40 + "Training"), "Cell 5 has a sentence of 47 words"),
    (prose.no_cheer, edit(5, "Training", "Let's dive in. Training"), "Let's dive"),
    (prose.no_emoji, edit(5, "Training", "\U0001f680 Training"), "Cell 5 contains the emoji"),
    (prose.links_resolve, edit(5, "Training", "[Training](02_missing.ipynb#here)"), "02_missing.ipynb"),
    (prose.embedded_pictures_have_alt_text, edit(5, "Training", "![](https://example.org/a.png)"), "Cell 5"),
]


@pytest.mark.parametrize(
    ("rule", "change", "words"),
    BREAKS,
    ids=[f"{case[0].__name__}-{number}" for number, case in enumerate(BREAKS)],
)
def test_a_broken_lesson_is_found_by_the_rule_for_it(save, rule, change, words: str):
    lesson = good_lesson()
    change(lesson)
    findings = rule(save(lesson))
    assert len(findings) == 1 and words in findings[0], findings


def test_a_check_and_a_hint_count_as_one_cell_with_their_exercise(save):
    lesson = good_lesson()
    stub, check = code("def f(): ...", tags=("exercise:1.1",)), code('check("1.1", f)', tags=("check:1.1",))
    lesson.cells[3:4] = [stub, check, code('hint("1.1")'), code("f")]
    assert taught.prose_between_code(save(lesson)) == []
    lesson.cells[7:7] = [code("g")]
    assert taught.prose_between_code(save(lesson)) == ["Cell 8 is the third code cell in a row without prose between."]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("One. Two!\n\nThree?", ["One.", "Two!", "Three?"]),
        ("Count `a. b. c` and $p(w \\mid c). x$ here.", ["Count x and x here."]),
        ("Read [the paper](https://example.org/a.b).", ["Read the paper."]),
        ("# Heading. Not prose\n\n- one item\n- another", ["- one item", "- another"]),
        ("Before\n```python\nx = 1. \n```\n| a. | b. |\n\n$$x. y$$\nAfter", ["Before", "After"]),
        ("It costs 2.5 nats and ends.", ["It costs 2.5 nats and ends."]),
        ("**Bold.** Then.", ["**Bold.", "Then."]),
    ],
)
def test_sentences_are_what_a_reader_would_call_one(markdown: str, expected: list[str]):
    assert prose.sentences(markdown) == expected


def test_exercises_must_be_those_of_the_registry(tmp_path: Path):
    path = tmp_path / "01_toy.ipynb"
    lesson = new_notebook(cells=[code("def f(): ...", tags=("exercise:1.99",))])
    path.write_text(as_text(lesson))
    findings = taught.exercises_match_the_registry(Notebook(path))
    assert "Cell 1 is tagged exercise:1.99, but the lesson has no such exercise." in findings
    assert "Exercise 1.1 has 0 stubs and 0 check cells, expected one of each." in findings
