"""Passages of lessons: cut where a heading, a paragraph or a sentence ends, each with a source that can be followed."""

import json

import pytest

from course_utils.errors import CourseError
from course_utils.grounded import is_right
from course_utils.lessons import LESSONS
from course_utils.paths import REPOSITORY
from course_utils.text.course_questions import PARTS, load_questions
from course_utils.text.lesson_texts import (
    FEWEST,
    MOST,
    joined,
    lesson_passages,
    passages_of,
    plain,
    source_link,
    words_in,
)

CELLS = [
    "# 06 · Self-attention\n\nYou will look.\n\n*Runs in 54 s and 1.3 GB on two cores.*",
    "**Notation.** The letters.\n\n| symbol | meaning |\n|---|---|\n| $B$ | batch |\n\nThe first cell is for Colab.",
    "## The scale\n\nWhy divide?\n\n### Exercise 6.1 · On paper  ·  5 min  ·  ●○○\n\nDo it on paper.",
    "Because scores grow.\n\n## Quiz",
    "One question.\n\n## References\n\n- Vaswani et al., 2017",
]


@pytest.fixture(scope="module")
def passages():
    return lesson_passages()


def test_headings_divide_and_exercises_quiz_notation_and_references_are_left_out():
    found = passages_of(LESSONS[6], CELLS)
    assert [(passage.section, passage.text) for passage in found] == [
        ("", "You will look."),
        ("The scale", "Why divide? Because scores grow. One question."),
    ]
    assert [passage.source for passage in found] == ["06 · Self-attention", "06 · Self-attention, The scale"]


def test_the_parts_of_a_long_section_are_numbered():
    cell = "## Long\n\n" + "\n\n".join(["word " * 99 + "end."] * 3)
    found = passages_of(LESSONS[0], [cell])
    assert [passage.source for passage in found] == [f"00 · Start here, Long, part {n}" for n in (1, 2, 3)]
    assert {words_in(passage.text) for passage in found} == {100}


def test_marks_of_markdown_go_and_formulas_and_code_stay():
    assert plain("See [the **data** card](../data/README.md), *not* `a*b*c`.") == "See the data card, not `a*b*c`."
    assert plain("*France is **the** city*") == "France is the city"
    assert plain("$$a * b * c$$\nand $W_q$") == "$$a * b * c$$ and $W_q$"
    assert plain("- one\n- two\n1. three\n> four") == "one two three four"
    assert plain("| measure | asks | good is |\n|---|---:|---|\n| BLEU | runs | high |") == (
        "measure: asks, good is. BLEU: runs, high."
    )


def test_paragraphs_are_joined_and_cut_by_words():
    forty, hundred = "a " * 39 + "end.", "b " * 99 + "end."
    assert [words_in(text) for text in joined([forty, forty, forty, forty])] == [120, 40]
    assert [words_in(text) for text in joined([hundred, hundred])] == [100, 100]        # 100 are enough: not filled up
    assert [words_in(text) for text in joined([forty, "B " * 59 + "end. " + "C " * 59 + "end."])] == [100, 60]
    assert [words_in(text) for text in joined(["d " * 200 + "end."])] == [201]           # a sentence is never cut
    assert joined([]) == []


def test_no_word_of_a_section_is_lost_or_doubled(passages):
    paragraphs = ["First sentence here. Second one. " * 20, "Third. " * 30, "Fourth is longer than that. " * 40]
    assert " ".join(joined(paragraphs)).split() == " ".join(paragraphs).split()


def test_the_lessons_make_some_hundred_passages_of_the_length_that_was_asked_for(passages):
    lengths = [words_in(passage.text) for passage in passages]
    assert 300 < len(passages) < 900
    assert max(lengths) <= MOST + 50 and sum(length > MOST for length in lengths) <= 5
    assert sum(FEWEST <= length <= MOST for length in lengths) > 0.8 * len(lengths)


def test_each_passage_has_a_source_of_its_own_that_leads_to_a_notebook(passages):
    sources = [passage.source for passage in passages]
    assert len(set(sources)) == len(sources)
    assert {passage.lesson.number for passage in passages} == set(range(15))
    assert all((REPOSITORY / source_link(source)).exists() for source in sources)
    assert source_link("06 · Self-attention, The formula") == "notebooks/06_attention.ipynb"
    with pytest.raises(CourseError, match="names no lesson"):
        source_link("99 · Nothing")


def test_no_exercise_and_no_reference_is_among_them(passages):
    assert not [passage for passage in passages if "●" in passage.text or "arXiv:" in passage.text]
    assert not [passage for passage in passages if passage.section.startswith(("Exercise", "References", "Quiz"))]


def test_a_lesson_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CourseError, match=r"06_attention\.ipynb is not in"):
        lesson_passages([6], tmp_path)


def test_code_cells_are_not_read(tmp_path):
    code = {"cell_type": "code", "source": ["secret()"]}
    text = {"cell_type": "markdown", "source": ["## A\n\n", "Text."]}
    (tmp_path / "00_start_here.ipynb").write_text(json.dumps({"cells": [code, text]}))
    assert [passage.text for passage in lesson_passages([0], tmp_path)] == ["Text."]


# --- the questions on them


def test_every_answer_stands_in_a_passage_of_its_lesson(passages):
    for question in [*load_questions("validation"), *load_questions("test")]:
        if question.answerable:
            own = [passage.text for passage in passages if passage.lesson.number == question.lesson]
            assert any(is_right(text, question.accepted) for text in own), question.text


def test_no_question_is_in_both_parts_and_both_have_unanswerable_ones():
    parts = [load_questions(part) for part in PARTS]
    texts = [{question.text for question in questions} for questions in parts]
    assert not texts[0] & texts[1]
    for questions in parts:
        assert sum(question.answerable for question in questions) >= 20
        assert sum(not question.answerable for question in questions) >= 5


def test_no_question_gives_its_answer_away():
    for part in PARTS:
        for question in load_questions(part):
            assert not question.answerable or not is_right(question.text, question.accepted), question.text


def test_other_parts_and_broken_lines_are_refused(tmp_path):
    with pytest.raises(CourseError, match="validation or test"):
        load_questions("train")
    (tmp_path / "some.tsv").write_text("# a remark\ntest\tWhat?\tthat\t\n")
    with pytest.raises(CourseError, match="no answer where there is no lesson"):
        load_questions("test", tmp_path / "some.tsv")
