"""The three worked examples: whole projects with finished cards, which answer the same after they were reloaded."""

import json

import pytest
import torch

from course_utils import examples, recipes
from course_utils.assistant import Helper, assistant
from course_utils.checkpoints import read_json
from course_utils.examples import (
    course_helper,
    course_task,
    key_of,
    lesson_index,
    middle_paragraph,
    note_groups,
    speech_task,
    speech_writer,
    stored_vectors,
    tune_task,
    tune_writer,
)
from course_utils.paths import CHECKPOINTS
from course_utils.project import Index, Project, load_project, save_project
from course_utils.report import choose_least
from course_utils.text.lesson_texts import lesson_passages
from tests.support.talking import Words

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def projects() -> dict[str, Project]:
    return {"speech": speech_writer(), "tune": tune_writer(), "helper": course_helper()}


def reloaded(folder, project: Project) -> Project:
    save_project(folder, project)
    return load_project(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "begin"), [("speech", "The state of the Union"), ("tune", "M:6/8\nL:1/8\nK:D\n")])
def test_a_writer_writes_the_same_after_it_was_saved_and_loaded(projects, tmp_path, name, begin):
    project = projects[name]
    back = reloaded(tmp_path / name, project)
    first, second = assistant(project), assistant(back)
    assert first.answer(begin, 2) == second.answer(begin, 2) != first.answer(begin, 3)
    assert (back.settings, back.card, back.sheet) == (project.settings, project.card, project.sheet)
    assert {path.suffix for path in (tmp_path / name).iterdir()} == {".json", ".safetensors"}


def test_the_helper_reads_and_cites_the_same_after_it_was_saved_and_loaded(projects, tmp_path):
    engine = Words("It is so.")
    engine.context = 2048
    bots = [Helper(each, engine) for each in (projects["helper"], reloaded(tmp_path / "helper", projects["helper"]))]
    question = "What do the letters GPT stand for?"
    readings = [bot.read([{"role": "user", "content": question}]) for bot in bots]
    assert readings[0] == readings[1] and len(readings[0].passages) == projects["helper"].settings.passages
    assert bots[0].answer(question) == bots[1].answer(question)
    assert bots[1].sources(readings[1])[0].startswith("00 · Start here, Three words")


def test_its_folder_holds_no_chat_model(projects, tmp_path):
    save_project(tmp_path / "helper", projects["helper"])
    assert sum(path.stat().st_size for path in (tmp_path / "helper").iterdir()) < 3e6
    assert json.loads((tmp_path / "helper" / "model.json").read_text())["settings"] == {"name": "smollm2"}


@pytest.mark.parametrize(("name", "checkpoint"), [("speech", "gpt_sotu_bpe"), ("tune", "lstm_tunes")])
def test_the_figures_of_a_card_are_those_of_the_checkpoints_record(projects, name, checkpoint):
    about, card = read_json(CHECKPOINTS / f"{checkpoint}.json"), projects[name].card
    assert f"bits_per_byte {about['metrics']['bits_per_byte']:.4g}" in card.overall_results
    assert f"{about['parameters']:,} parameters" in card.architecture
    assert f"{about['steps']:,} steps" in card.training and about["data_sha256"] in card.training


def test_the_weights_are_those_that_the_course_ships(projects):
    shipped = recipes.load("lstm_tunes").state_dict()
    own = projects["tune"].model().state_dict()
    assert own.keys() == shipped.keys() and all(torch.equal(own[name], shipped[name]) for name in own)


def test_the_counts_of_the_sheets_are_those_of_the_data(projects):
    assert "249: 200 for train, 25 for validation, 24 for test" in projects["speech"].sheet.instances
    assert "3,564 for train, 180 for validation, 204 for test" in projects["tune"].sheet.instances


# --- what their reports measure


def test_no_held_out_text_and_no_continuation_is_in_training():
    task = speech_task()
    assert len(task.held_out) == len(task.beginnings) == len(task.people) == 24
    assert not [text for text in task.held_out if text in task.training]
    for begin, rest, whole in zip(task.beginnings, task.people, task.held_out, strict=True):
        assert begin + rest in whole and len(begin.split()) <= 9 and len(rest.split()) >= 30


def test_tunes_are_asked_for_in_thirty_headings_and_cut_into_groups_of_notes():
    task = tune_task()
    assert len(task.beginnings) == len(set(task.beginnings)) == len(task.people) == 30
    assert note_groups("d2e dcB|A2\nB|") == ["d2e ", "dcB|", "A2\n", "B|"]
    assert all("".join(task.cut(text)) == text for text in task.held_out)
    assert not [text for text in task.people if text.startswith("M:")]


def test_the_middle_paragraph_is_a_long_one():
    long = ["w " * 120 + str(n) for n in range(3)]
    assert middle_paragraph("\n\n".join(["short", long[0], "short", long[1], long[2]])) == long[1]
    assert middle_paragraph("one\n\ntwo words\n\nthree\n\n") == "two words"


def test_the_questions_of_the_report_are_not_those_that_chose_the_settings():
    chosen, reported = course_task("validation").questions, course_task().questions
    assert not {each.text for each in chosen} & {each.text for each in reported}
    assert all(each.part == "test" for each in reported)


def test_the_least_cosine_is_the_one_that_the_validation_questions_choose(projects):
    bot = Helper(projects["helper"], Words())
    chosen = choose_least(bot, course_task("validation").questions)
    assert projects["helper"].settings.least == pytest.approx(chosen.least, abs=0.005)


# --- the index


def test_all_passages_of_the_lessons_come_with_a_vector():
    absent = [each.source for each in lesson_passages() if key_of(each.text) not in stored_vectors()]
    assert not absent, f"{len(absent)} passages have changed; store them anew with `python -m tools.lesson_index`"


def test_only_what_has_changed_is_embedded(monkeypatch):
    passages, embedded = lesson_passages([0])[:2], []
    monkeypatch.setattr(examples, "stored_vectors", lambda: {key_of(passages[0].text): torch.tensor([1.0, 0.0])})

    class Encoder:
        """Remembers what it was given."""

        def vectors(self, texts):
            embedded.extend(texts)
            return torch.tensor([[0.0, 1.0]] * len(texts))

    monkeypatch.setattr(examples, "load_minilm", Encoder)
    index = lesson_index(passages)
    assert isinstance(index, Index) and embedded == [passages[1].text]
    assert index.vectors.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert index.sources == tuple(passage.source for passage in passages)


def test_stored_vectors_are_those_of_the_encoder():
    from course_utils.encoders import load_minilm

    passages = lesson_passages([6])[:3]
    index = lesson_index(passages)
    fresh = load_minilm().vectors([passage.text for passage in passages])
    assert torch.nn.functional.cosine_similarity(index.vectors, fresh).min() > 0.999
