"""The table of well-known models: whole, in order, and shown as it is."""

import re
from dataclasses import replace

import pytest

from course_utils.architectures import KINDS, MODELS, amount, of_kind, rows
from course_utils.costs import PUBLISHED
from course_utils.errors import CourseError
from course_utils.viz.models_table import HEAD, models_table


def test_every_kind_has_models_and_no_name_stands_twice():
    assert sum(len(of_kind(kind)) for kind in KINDS) == len(MODELS)
    assert all(len(of_kind(kind)) >= 3 for kind in KINDS)
    assert len({model.name for model in MODELS}) == len(MODELS)


def test_the_table_is_in_order_of_time_and_each_row_has_a_source_with_a_year():
    assert [model.year for model in MODELS] == sorted(model.year for model in MODELS)
    for model in MODELS:
        assert re.search(r"20\d\d$", model.source)
        assert not model.arxiv or re.fullmatch(r"\d{4}\.\d{5}", model.arxiv)


def test_what_the_source_material_names_is_there():
    named = " ".join(model.name for model in MODELS)
    assert all(name in named for name in ("GPT-3", "LaMDA", "PaLM", "BERT", "T5", "LLaMA", "Mistral"))


def test_no_more_is_active_than_there_is_and_tokens_are_reckoned_on_what_is_active():
    assert all(model.active is None or model.active < model.parameters for model in MODELS)
    by_name = {model.name: model for model in MODELS}
    assert by_name["Chinchilla"].tokens_per_parameter == pytest.approx(20)
    assert by_name["DeepSeek-V3"].tokens_per_parameter == pytest.approx(400)
    assert by_name["Mistral 7B"].tokens_per_parameter is None


@pytest.mark.parametrize(
    ("name", "run"),
    [("GPT-3", "GPT-3 175B"), ("Chinchilla", "Chinchilla 70B"), ("Llama 3.1 405B", "Llama 3.1 405B")],
)
def test_the_numbers_are_those_of_the_table_of_costs_where_both_have_a_model(name, run):
    model = next(model for model in MODELS if model.name == name)
    known = next(each for each in PUBLISHED if each.name == run)
    assert (model.parameters, model.tokens) == (known.parameters, known.tokens)


@pytest.mark.parametrize(
    ("number", "text"), [(340e6, "340 M"), (1.5e9, "1.5 B"), (15.6e12, "15.6 T"), (12.0, "12"), (None, "–")]
)
def test_amounts_are_written_as_people_say_them(number, text):
    assert amount(number) == text


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(CourseError, match="expected encoder, decoder, encoder–decoder"):
        of_kind("transformer")


def test_the_table_is_shown_whole_and_nothing_of_it_is_taken_for_markup():
    evil = replace(MODELS[0], name="<script>alert(1)</script>", data="a & b")
    shown = models_table([evil, *MODELS])
    assert "<script>" not in shown.html and "&lt;script&gt;" in shown.html and "a &amp; b" in shown.html
    lines = str(shown.text).splitlines()
    assert len(lines) == len(MODELS) + 2 and lines[0].split()[:2] == list(HEAD[:2])
    assert all(row[0] in line for row, line in zip(rows(), lines[2:], strict=True))
