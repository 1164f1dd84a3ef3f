"""The course helper with its real models: it answers as was recorded, better with passages, and the same reloaded."""

import pytest

from course_utils.assistant import SOURCES, Helper, assistant
from course_utils.examples import course_helper, course_task
from course_utils.intervals import wilson_interval
from course_utils.paths import RESULTS
from course_utils.project import load_project, save_project
from course_utils.report import Report, evaluate
from tools.verified import Verified

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.usefixtures("one_thread")]
AGAIN, UNLIKE = 9, 1                                             # asked again; so many may come out otherwise
VERIFIES = [
    Verified(
        "16",
        "the course helper's recorded answers",
        "the helper asked again, real models",
        UNLIKE,
        "answer in nine may differ",
    ),
]


@pytest.fixture(scope="module")
def helper() -> Helper:
    return assistant(course_helper())


@pytest.fixture(scope="module")
def recorded() -> Report:
    return Report.read(RESULTS / "capstone_helper.json")


@pytest.fixture(scope="module")
def again(helper) -> Report:
    return evaluate(helper.project, course_task(), most=AGAIN, bot=helper)


def test_the_record_is_of_all_test_questions(recorded):
    questions = course_task().questions
    assert {each.question for each in recorded.answered} == {question.text for question in questions}
    assert recorded.measure("right with passages").count == sum(question.answerable for question in questions)


def test_answers_come_out_as_they_were_recorded(recorded, again):
    before = {each.question: each for each in recorded.answered}
    pairs = [(before[each.question], each) for each in again.answered if each.accepted]
    assert len(pairs) == AGAIN
    assert all(one.sources == other.sources and one.holds == other.holds for one, other in pairs)
    assert sum(one.right != other.right for one, other in pairs) <= UNLIKE
    assert sum(one.right_without != other.right_without for one, other in pairs) <= UNLIKE


def test_what_is_measured_again_is_no_surprise_after_the_record(recorded, again):
    for name in ("right with passages", "right without passages"):
        row, fresh = recorded.measure(name), again.measure(name)
        low, high = wilson_interval(round(fresh.value * fresh.count), fresh.count)
        assert low <= row.high and row.low <= high, name
    difference, fresh = recorded.measure("difference, paired"), again.measure("difference, paired")
    assert fresh.low <= difference.high and difference.low <= fresh.high


def test_passages_help(recorded):
    assert recorded.measure("difference, paired").low > 0


def test_a_question_that_no_passage_is_near_is_not_answered(helper):
    assert SOURCES not in helper.answer("Who composed the Moonlight Sonata?")


def test_a_reloaded_helper_gives_the_same_answer_with_the_same_sources(helper, tmp_path):
    question = "What do the letters GPT stand for?"
    save_project(tmp_path / "helper", helper.project)
    answer = helper.answer(question)
    assert answer == assistant(load_project(tmp_path / "helper")).answer(question)
    assert answer.count("\n[") == helper.project.settings.passages
