"""A card is whole or it is refused, with all that it lacks; what is written is what is read back."""

import json
from dataclasses import fields, replace

import pytest

from course_utils.cards import CardError, DataSheet, ModelCard, known_facts, lack
from course_utils.checkpoints import CheckpointError, read_json
from course_utils.paths import CHECKPOINTS

CARDS = [ModelCard, DataSheet]
SHIPPED = sorted(path.stem for path in CHECKPOINTS.glob("*.safetensors"))


def about(name: str) -> dict:
    """As `recipes.about`, without loading what the recipes need."""
    return read_json(CHECKPOINTS / f"{name}.json")


def answers(card) -> dict[str, str]:
    """An answer to every question, each another one."""
    return {
        each.name: f"Door {number}" if each.metadata["short"] else f"This is answer number {number}, as a sentence."
        for number, each in enumerate(fields(card))
    }


@pytest.mark.parametrize("card", CARDS)
def test_a_finished_card_comes_back_from_both_files(card, tmp_path):
    told = answers(card) | {"licence": "  CC BY 4.0 – für alle\r\n"}
    made = card.of(told)
    assert made.licence == "CC BY 4.0 – für alle"
    for path in (tmp_path / "new" / "card.md", tmp_path / "new" / "card.json"):
        made.write(path)
        assert card.read(path) == made
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["card.json", "card.md"]


def test_an_answer_of_many_lines_comes_back():
    told = answers(ModelCard) | {
        "caveats": "Two things:\n\n- it repeats itself, #1 of all complaints;\n- it invents.",
        "overall_results": "| measure | value |\n|---|---|\n| bits per byte | 1.26 |",
    }
    made = ModelCard.of(told)
    assert ModelCard.from_markdown(made.markdown()) == made
    assert ModelCard.from_markdown(made.markdown().replace("\n", "\r\n")) == made


def test_the_markdown_has_the_sections_of_the_paper_in_order():
    sections = [line[3:] for line in ModelCard.of(answers(ModelCard)).markdown().splitlines() if line.startswith("## ")]
    assert sections == [
        "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
        "Quantitative analyses", "Ethical considerations", "Caveats and recommendations",
    ]
    sheet = DataSheet.of(answers(DataSheet)).markdown()
    assert sheet.startswith("# Data sheet\n\n## Motivation\n\n### Name\n\nDoor 0\n")


def test_a_card_saved_by_an_editor_of_windows_comes_back(tmp_path):
    made = ModelCard.of(answers(ModelCard))
    (tmp_path / "card.md").write_bytes(b"\xef\xbb\xbf" + made.markdown().replace("\n", "\r\n").encode())
    assert ModelCard.read(tmp_path / "card.md") == made


@pytest.mark.parametrize("card", CARDS)
def test_a_template_is_refused_with_every_one_of_its_fields(card):
    with pytest.raises(CardError) as refused:
        card.from_markdown(card.template())
    assert refused.value.lacking == tuple(each.name for each in fields(card))
    assert all(each.metadata["question"] in str(refused.value) for each in fields(card))


def test_a_template_keeps_what_is_known_and_lists_the_rest():
    told = answers(ModelCard)
    absent = told.pop("caveats")
    with pytest.raises(CardError) as refused:
        ModelCard.from_markdown(ModelCard.template(told))
    assert refused.value.lacking == ("caveats",)
    finished = ModelCard.template(told).replace("TODO What else should a user know, and check before using it?", absent)
    assert ModelCard.from_markdown(finished) == ModelCard.of({**told, "caveats": absent})


def test_absent_empty_and_insufficient_fields_are_listed_together():
    told = answers(DataSheet) | {"people": "TODO ask Ana.", "errors": "  ", "licence": "…"}
    del told["consent"]
    with pytest.raises(CardError, match="4 of its fields") as refused:
        DataSheet.of(told)
    assert refused.value.lacking == ("errors", "people", "consent", "licence")


@pytest.mark.parametrize(
    "text",
    [
        "", " \n ", "What is it for?", "TODO", "Works well. TBD.", "It was made by …", "First … then more of it.",
        "It is for ...", "More information needed", "Lorem ipsum dolor sit amet.", "Made by <your name> in a course.",
        "Ask [name of the licence] for terms.", "None.", "n/a", "-", "?", "Good text.", "There is no full stop here",
        "A heading follows here.\n## Section\nThis ends well.", None, 7,
    ],
)  # fmt: skip
def test_text_of_a_template_is_no_answer(text):
    assert lack(text, "What is it for?", short=False)
    assert lack(text, "What is it for?", short=True) or text in ("Good text.", "There is no full stop here")


@pytest.mark.parametrize(
    "text",
    [
        "It writes speeches, and so on…", "She said “wait... what?” and left the room.", "Nothing of it is sensitive.",
        "See <https://example.org> for all of it.", "It was methodologically sound, as todo lists are.",
        "Is it for you, or for others?", "No person is named in it.",
    ],
)  # fmt: skip
def test_a_real_sentence_is_an_answer(text):
    assert lack(text, "What is it for?", short=False) is None


def test_a_card_cannot_be_made_around_the_check():
    whole = ModelCard.of(answers(ModelCard))
    with pytest.raises(CardError, match="intended_uses is empty: What is it for"):
        replace(whole, intended_uses="")
    with pytest.raises(CardError, match="colour is no field"):
        ModelCard.of({**answers(ModelCard), "colour": "blue"})


def test_markdown_that_is_no_card_is_refused(tmp_path):
    whole = ModelCard.of(answers(ModelCard)).markdown()
    with pytest.raises(CardError, match="expected '# Data sheet'"):
        DataSheet.from_markdown(whole)
    with pytest.raises(CardError, match="'### Caveats' is there twice"):
        ModelCard.from_markdown(f"{whole}\n### Caveats\n\nThis is said a second time.\n")
    with pytest.raises(CardError, match="Weather is no field"):
        ModelCard.from_markdown(f"{whole}\n### Weather\n\nThis is about something else.\n")
    with pytest.raises(CardError, match=r"expected \.md or \.json"):
        ModelCard.read(tmp_path / "card.txt")
    with pytest.raises(CardError, match=r"card\.md cannot be read"):
        ModelCard.read(tmp_path / "card.md")


def test_json_that_is_no_card_is_refused(tmp_path):
    path = tmp_path / "card.json"
    for wrong in ([], {}, {"kind": "model card", "version": 2, "answers": answers(ModelCard)},
                  DataSheet.of(answers(DataSheet)).as_json()):  # fmt: skip
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(CardError, match="expected 'model card', version 1"):
            ModelCard.read(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"card\.json"):
        ModelCard.read(path)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_known_of_every_checkpoint_may_stand_in_its_card(name):
    known = known_facts(about(name))
    with pytest.raises(CardError) as refused:
        ModelCard.of(known)
    assert set(refused.value.lacking) == {each.name for each in fields(ModelCard)} - known.keys()
    assert ModelCard.of({**answers(ModelCard), **known}).training == known["training"]


def test_the_known_facts_are_those_of_the_file():
    known, told = known_facts(about("gpt_sotu_bpe")), about("gpt_sotu_bpe")
    assert "3,049,920 parameters" in known["architecture"] and "width 192" in known["architecture"]
    assert f"{told['training_tokens']:,} tokens" in known["training"] and told["data_sha256"] in known["training"]
    assert f"bits_per_byte {told['metrics']['bits_per_byte']:.4g}" in known["overall_results"]
    with pytest.raises(CardError, match="seed, metrics are not told"):
        known_facts({name: value for name, value in told.items() if name not in ("seed", "metrics")})
