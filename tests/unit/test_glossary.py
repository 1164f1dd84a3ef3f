"""The glossary is made from the lessons: what is a term, what explains it, where it leads."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS
from course_utils.paths import NOTEBOOKS
from tools import glossary
from tools.glossary import Block, Meaning

KNOWN = {
    "arithmetic coding": 1, "attention sink": 6, "backpropagation through time": 2, "beam search": 4, "causal mask": 6,
    "classifier-free guidance": 13, "distillation": 15, "edit distance": 4, "evidence lower bound": 11,
    "gradient descent": 2, "hallucination": 15, "in-context learning": 8, "KV cache": 7, "LoRA": 10,
    "mode collapse": 12, "negative sampling": 5, "Pareto front": 14, "perplexity": 1, "residual stream": 7,
    "teacher forcing": 4, "temperature": 3, "token": 0, "top-p": 8, "transfer learning": 10, "Zipf's law": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def entries() -> list[glossary.Entry]:
    """The glossary of the lessons as they stand."""
    return glossary.entries()


@pytest.fixture(scope="module")
def page() -> str:
    """The glossary's page."""
    return glossary.markdown()


def headings(notebook: Path) -> set[str]:
    """The headings of a notebook as its page shows them."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "markdown")
    return {re.sub(r"[`*]", "", line).strip() for line in re.findall(r"^#+ (.*)$", source, re.MULTILINE)}


def of(text: str, number: int = 0, following: str = "") -> str:
    """The explanation by the sentence `number` of a paragraph, before a further one."""
    everything = [Block(LESSONS[0], "", part) for part in (text, following) if part]
    return glossary.explanation(everything, 0, number)


def test_well_known_terms_lead_to_the_lessons_that_explain_them(entries):
    found = {entry.term: entry.meanings[0].lesson.number for entry in entries}
    assert {term: found.get(term) for term in KNOWN} == KNOWN


def test_there_are_as_many_terms_as_a_reader_can_look_through(entries):
    assert 200 <= len(entries) <= 260


def test_no_term_and_no_abbreviation_stands_twice(page):
    terms = Counter(term.casefold() for term in re.findall(r"^\*\*(.+?)\*\*:", page, re.MULTILINE))
    assert len(terms) > 200 and not [term for term, times in terms.items() if times > 1]


def test_every_link_leads_to_a_heading_of_a_lesson(page):
    links = re.findall(r"\]\((notebooks/[^)#]+)(?:#([^)]+))?\)", page)
    assert len(links) > 250
    there = {path.name: headings(path) for path in NOTEBOOKS.glob("*.ipynb")}
    for path, anchor in links:
        titles = there[Path(path).name]
        assert not anchor or unquote(anchor) in {title.replace(" ", "-") for title in titles}, (path, anchor)


def test_the_page_is_in_alphabetical_order_under_its_letters(page):
    sections = re.findall(r"^## (.)$|^\*\*(.)", page, re.MULTILINE)
    letter, letters = "", []
    for heading, initial in sections:
        letter = heading or letter
        letters += [letter] if heading else []
        assert heading or glossary.sorting_key(initial).upper() in (letter, ""), (letter, initial)
    assert letters == sorted(set(letters))


def test_every_explanation_is_a_sentence_without_marks_of_bold(entries):
    for entry in entries:
        for meaning in entry.meanings:
            assert len(meaning.text.split()) >= 4 and "**" not in meaning.text, meaning
            assert meaning.text[-1] in glossary.ENDS and meaning.text.count("$") % 2 == 0, meaning


def test_a_term_that_loses_its_bold_in_the_lesson_leaves_the_glossary(entries, tmp_path):
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copyfile(path, tmp_path / path.name)
    lesson = tmp_path / "07_transformer.ipynb"
    lesson.write_text(lesson.read_text(encoding="utf-8").replace("**residual stream**", "residual stream"), "utf-8")
    before, after = ({entry.term for entry in found} for found in (entries, glossary.entries(tmp_path)))
    assert before - after == {"residual stream"} and not after - before


def test_a_lesson_is_named_as_using_a_term_only_after_the_one_that_explains_it(entries):
    later = {entry.term: [lesson.number for lesson in entry.also] for entry in entries}
    assert later["attention"] == sorted(later["attention"]) and len(later["attention"]) > 1
    for entry in entries:
        assert all(lesson.number > entry.meanings[0].lesson.number for lesson in entry.also), entry
        assert not {meaning.lesson for meaning in entry.meanings} & set(entry.also), entry


@pytest.mark.parametrize("bold", ["Predict first.", "Encoder self-attention:", "Why?", "`fit`", "$c$"])
def test_labels_and_bold_code_are_no_terms(bold):
    assert not glossary.is_term(bold)


def test_exercises_tables_and_the_legend_hold_no_terms(tmp_path):
    cells = [
        "**Notation.** A **legend**.",
        "# Title\n\n| a **cell** | b |",
        "## Part\n\nA **term** is here.",
        "### Exercise 0.1\n\nWrite a **loop** of it.",
        "And the part **goes on**.",
        "## References\n\n**Author**",
    ]
    node = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    node["cells"] = [{"cell_type": "markdown", "id": f"c{i}", "metadata": {}, "source": s} for i, s in enumerate(cells)]
    (tmp_path / f"{LESSONS[0].slug}.ipynb").write_text(json.dumps(node), encoding="utf-8")
    nothing = glossary.Extra(frozenset(), {}, {}, {}, {}, {})
    found = list(glossary.meanings(LESSONS[0], list(glossary.blocks(LESSONS[0], tmp_path)), nothing))
    assert found == [
        Meaning("term", LESSONS[0], "Part", "A term is here."),
        Meaning("goes on", LESSONS[0], "Part", "And the part goes on."),
    ]


@pytest.mark.parametrize(
    ("text", "number", "explained"),
    [
        ("It waits. This is the **pause** of a loop.", 1, "It waits. This is the pause of a loop."),
        ("It waits. The **pause** is an end of it.", 1, "The pause is an end of it."),
        ("Take the **mean**. It is the middle.", 0, "Take the mean. It is the middle."),
        ("- the **key** says what it is found by,", 0, "The key says what it is found by."),
        ("- **recall**: the share that was found (Lin 2004);", 0, "The share that was found (Lin 2004)"),
        ("**gelu** is the bend of a [network](x.md#y).", 0, "gelu is the bend of a network."),
        ("They said so (Fan et al. 2018) of **top-k** here.", 0, "They said so (Fan et al. 2018) of top-k here."),
    ],
)
def test_an_explanation_is_the_sentence_and_what_it_leans_on(text, number, explained):
    assert of(text, number) == explained


def test_a_formula_that_a_sentence_leads_to_belongs_to_the_explanation():
    assert of("The **rate** of it is", following="$$r = \\frac{a}{b}.$$") == "The rate of it is $r = \\frac{a}{b}$."
    assert of("The **rate** of it is large.", following="$$r = 2$$") == "The rate of it is large."


def test_whatever_the_extra_file_names_still_occurs_in_the_lessons(entries):
    known = glossary.extra()
    everything = [(lesson, block) for lesson in LESSONS for block in glossary.blocks(lesson)]
    sentences = [(lesson.label, sentence) for lesson, block in everything for sentence in block.sentences]
    bold = {f"{label} {found[1]}" for label, sentence in sentences for found in glossary.BOLD.finditer(sentence)}
    assert not (known.left_out | set(known.names)) - bold
    explained = {f"{meaning.lesson.label} {meaning.term}" for entry in entries for meaning in entry.meanings}
    assert not (set(known.definitions) | set(known.sentences) | set(known.added)) - explained
    assert not set(known.definitions) & set(known.sentences)
    assert not set(known.short.values()) - {entry.term for entry in entries}


def test_an_extra_file_with_other_tables_is_refused(tmp_path):
    (tmp_path / "extra.toml").write_text("[names]\n", encoding="utf-8")
    with pytest.raises(CourseError, match="extra.toml has names; expected added, definitions, left_out"):
        glossary.extra(tmp_path / "extra.toml")
