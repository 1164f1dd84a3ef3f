"""How hard the course is to read: the figures are right and current, and no sentence is long."""

import json

import pytest

from course_utils.paths import DATA, REPOSITORY
from tools import readability
from tools.notebooks.files import Notebook, lesson_paths
from tools.notebooks.prose import LONGEST_SENTENCE, sentences, words

GRADES = (3.5, 7.0)                                                # school years by Kincaid, for every lesson
EASE = 75                                                          # "fairly easy" begins at 70, on Flesch's scale
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "classroom").rglob("*.md")),
    REPOSITORY / "docs" / "index.md",
    DATA / "README.md",
    DATA / "checkpoints" / "README.md",
    *sorted((DATA / "cards").glob("*.md")),
]


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    """The figures of the lessons as they stand."""
    return readability.measured()


def test_the_committed_figures_are_those_of_the_lessons(measured):
    committed = readability.FILE.read_text(encoding="utf-8")
    assert committed == readability.as_json(measured), "type: python -m tools.readability"


def test_every_lesson_is_plain_english(measured):
    assert len(measured) == 17
    for lesson, figures in measured.items():
        assert GRADES[0] <= figures["grade"] <= GRADES[1], (lesson, figures)
        assert figures["reading_ease"] >= EASE, (lesson, figures)
        assert figures["longest_sentence"] <= LONGEST_SENTENCE, (lesson, figures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_no_sentence_of_a_page_has_more_than_40_words(page):
    text = page.read_text(encoding="utf-8")
    assert not [sentence for sentence in sentences(text) if words(sentence) > LONGEST_SENTENCE]


def test_no_sentence_of_a_notebook_has_more_than_40_words():
    cells = [(path.name, cell) for path in lesson_paths() for _, cell in Notebook(path).cells("markdown")]
    long = [(name, text) for name, cell in cells for text in sentences(cell.source) if words(text) > LONGEST_SENTENCE]
    assert len(cells) > 500 and not long


@pytest.mark.parametrize(
    ("word", "count"),
    [("cat", 1), ("because", 2), ("probability", 5), ("Model’s", 2), ("softmax", 2), ("tokenizers", 4), ("logits", 2),
     ("unscheduled", 3), ("mistabled", 3), ("xz", 1)],
)  # fmt: skip
def test_syllables_are_those_of_the_dictionary_or_else_groups_of_vowels(word, count):
    assert readability.syllables(word) == count


def test_figures_are_those_of_the_published_formulas():
    figures = readability.figures(["The cat sat on the mat.", "It was happy."])
    assert figures == {
        "sentences": 2, "words": 9, "words_per_sentence": 4.5, "longest_sentence": 6,
        "reading_ease": 108.3, "grade": -0.7,                      # 10 syllables: 206.835 − 1.015 · 4.5 − 84.6 · 10 / 9
    }  # fmt: skip


def test_a_number_and_a_name_of_code_are_words_of_one_syllable():
    assert readability.syllables_of("It has 1,024 tokens in x – here") == 8


def test_the_legend_and_the_references_are_not_measured(tmp_path):
    texts = ["**Notation.** Letters for looking up.", "# Title\n\nRead this.", "It ends.\n\n## References\n\n- Elman."]
    cells = [{"cell_type": "markdown", "id": f"c{i}", "metadata": {}, "source": text} for i, text in enumerate(texts)]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (tmp_path / "00_one.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    assert readability.prose_of(Notebook(tmp_path / "00_one.ipynb")) == ["Read this.", "It ends."]


def test_the_tool_writes_the_file_and_says_when_it_is_not_current(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(readability, "measured", lambda: {"00_one": readability.figures(["Read this."])})
    file = tmp_path / "readability.json"
    assert readability.main(["--check"], file) == 1
    assert "readability.json is not current; type: python -m tools.readability" in capsys.readouterr().out
    assert readability.main([], file) == 0 and readability.main(["--check"], file) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["00_one"]["words"] == 2
