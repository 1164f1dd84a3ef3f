"""A report's numbers, on projects so small that each can be worked out by hand."""

import json
import math

import pytest
import torch

from course_utils.assistant import NOT_SAID, SOURCES, Found, Helper, Writer
from course_utils.errors import CourseError
from course_utils.intervals import wilson_interval
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.project import Index, Project, Settings, Shipped
from course_utils.report import (
    Asking,
    Measure,
    Report,
    Writing,
    at_least,
    choose_least,
    copied_lengths,
    evaluate,
    first_sentence,
    holding,
    of_ratio,
    spread,
)
from course_utils.seeding import generator
from course_utils.text.course_questions import Question
from course_utils.text.vocabulary import ByteVocabulary
from tests.support.talking import Words, card, embed

CONFIG = RecurrentConfig(256, "rnn", embedding=4, width=6)


# --- a helper


INDEX = Index(
    ("Accra is the capital of Ghana.", "Max Born was born in 1882, not in Accra.", "Tea is a drink."),
    ("01 · A", "02 · B", "03 · C"),
    torch.eye(3),
)
QUESTIONS = (
    Question("test", "Ghana?", ("Accra",), 1),
    Question("test", "born?", ("1882",), 2),
    Question("test", "tea?", ("a hot drink",), None),
    Question("test", "something else?"),
    Question("test", "Ghana's king?"),
)


class Knows(Helper):
    """A helper whose answers are given: with passages, and without."""

    ANSWERS = {"Ghana?": "It is Accra.", "born?": "In 1999. Or 1882.", "tea?": "Tea.", "Ghana's king?": "Unknown."}

    def write(self, reading: Found, seed=None):
        if reading.said:
            yield reading.said
            return
        question = reading.messages[-1]["content"].rpartition("Question: ")[2]
        yield self.ANSWERS[question] if reading.passages else "Paris." if question != "tea?" else "A hot drink."
        if reading.passages:
            yield self.citations(reading)

    def without_passages(self):
        return Closed(self.project, self.engine, self._embed)


class Closed(Knows):
    """The same without passages."""

    def read(self, messages):
        return Found(tuple(messages), "", 0, 0)


@pytest.fixture
def helper() -> Knows:
    settings = Settings(longest=8, passages=2, least=0.3, system="Be brief.")
    return Knows(Project(Shipped("smollm2"), {}, Shipped("smollm2"), settings, card(), INDEX), Words(), embed)


@pytest.fixture
def report(helper) -> Report:
    return evaluate(helper.project, Asking(QUESTIONS), bot=helper)


def test_accuracy_is_of_the_first_sentence_with_passages_and_without(report):
    assert [each.right for each in report.answered[:3]] == [True, False, False]          # 1882 came too late
    assert [each.right_without for each in report.answered[:3]] == [False, False, True]
    assert report.measure("right with passages").value == pytest.approx(1 / 3)
    assert report.measure("right without passages").value == pytest.approx(1 / 3)
    difference = report.measure("difference, paired")
    assert difference.value == 0 and (difference.low, difference.high) == (-1, 1) and difference.count == 3
    row = report.measure("right with passages")
    assert (row.low, row.high) == wilson_interval(1, 3)


def test_recall_asks_for_the_lesson_where_the_question_names_one(helper, report):
    assert holding(helper, QUESTIONS[0]) == {0}                    # Accra stands in 1 too, but that is lesson 02
    assert holding(helper, Question("test", "Ghana?", ("Accra",), None)) == {0, 1}
    assert report.measure("recall at 1").value == pytest.approx(2 / 3)
    assert report.measure("recall at 2").value == pytest.approx(2 / 3)


def test_sources_that_hold_the_answer_are_counted_over_all_sources(report):
    holds = [each.holds for each in report.answered[:3]]
    assert holds == [(True, True), (True, False), (False, False)]
    assert report.measure("sources that hold the answer").value == pytest.approx(3 / 6)


def test_who_says_that_it_is_not_there_is_counted_apart(report):
    assert [each.answer for each in report.answered[3:]] == [NOT_SAID, "Unknown."]
    assert report.measure("says it is not there, though it is").value == 0
    assert report.measure("says it is not there, and it is not").value == 1
    assert report.measure("the same without passages").value == 0
    assert not any(each.right or each.right_without for each in report.answered[3:])


def test_answers_are_kept_without_their_list_of_sources(report):
    assert report.answered[0].sources == ("01 · A", "02 · B")
    assert not [each for each in report.answered if SOURCES.strip() in each.answer + each.without]


def test_most_takes_as_many_of_either_kind(helper):
    small = evaluate(helper.project, Asking(QUESTIONS), most=2, bot=helper)
    assert [each.question for each in small.answered] == ["Ghana?", "born?", "something else?", "Ghana's king?"]
    assert spread("abcdefghij", 4) == ["a", "c", "f", "h"] and spread("ab", 5) == spread("ab", None) == ["a", "b"]


def test_what_is_judged_ends_with_the_first_sentence():
    assert first_sentence(" Dr. no, 3.9 million. It is\nmore") == "Dr. no, 3.9 million."
    assert first_sentence("39\n\n40") == "39"


def test_the_least_cosine_tells_questions_apart_best(helper):
    # Cosines of the best passages: Ghana and born 2/√5 = 0.89, tea 1, something else −0.58, Ghana's king 0.89.
    chosen = choose_least(helper, QUESTIONS)
    assert chosen.least == pytest.approx((2 / 5**0.5 - 3**-0.5) / 2)
    assert (chosen.asked.hits, chosen.asked.count, chosen.refused.hits, chosen.refused.count) == (3, 3, 1, 2)
    assert at_least([(0.1, True), (0.5, True), (0.3, False)], 0.3).refused.hits == 0     # at the cosine it is asked
    with pytest.raises(CourseError, match="nothing to count"):
        choose_least(helper, QUESTIONS[:3])


# --- a writer


class Says(Writer):
    """A writer whose texts are given, with a model that finds all bytes equally likely."""

    def __init__(self, project: Project, *says: str):
        super().__init__(project)
        self.says = says

    def answer(self, text: str, seed: int | None = None) -> str:
        return self.says[seed - self.project.settings.seed]


TRAINING = "we the people of the land and the people of the sea"
TASK = Writing(
    held_out=("one text", "another one"),
    training=TRAINING,
    beginnings=("Here ", "There "),
    people=("of the sky and of the rain", "of all"),
    cut=lambda text: [f"{word} " for word in text.split()],
    run=3,
    whole=lambda texts: (1.0, float("sea" in texts[0])),
)


@pytest.fixture
def written() -> Report:
    model = RecurrentLM(CONFIG, generator(1))
    with torch.no_grad():
        for parameter in model.output.parameters():
            parameter.zero_()
    project = Project(CONFIG, model.state_dict(), ByteVocabulary(), Settings(seed=4), card())
    return evaluate(project, TASK, bot=Says(project, "the people of the sea ", "my land my land "))


def test_a_model_that_knows_nothing_needs_eight_bits_a_byte(written):
    bits = written.measure("bits per byte of unread text")
    assert bits.value == pytest.approx(8) and bits.low == pytest.approx(8) and bits.count == 2


def test_copied_runs_are_counted_beside_those_of_people(written):
    # "the people of", "people of the", "of the sea" of three runs; "my land my", "land my land" none of two.
    assert written.measure("runs of 3 copied, of what it writes").value == pytest.approx(2 / 5)
    assert written.measure("longest copied run, of what it writes").value == 4
    assert written.measure("runs of 3 copied, of what people wrote").value == 0
    assert written.measure("longest copied run, of what people wrote").value == 2


def test_people_are_read_no_longer_than_what_was_written(written):
    assert written.measure("diversity of what people wrote").value == pytest.approx(1)   # five words; the next is "the"
    expected = (1 + (1 - 1 / 3) * 1 * 1) / 2                       # of three pairs "my land" comes twice
    assert written.measure("diversity of what it writes").value == pytest.approx(expected)


def test_whole_texts_are_counted_with_their_beginning(written):
    assert written.measure("all bars right").value == 0.5 and written.measure("can be read as ABC").value == 1
    assert written.written == ("Here the people of the sea ", "There my land my land ")


def test_lengths_of_copies_are_the_longest_from_each_piece_on():
    assert copied_lengths(["a", "b", "x", "b", "c"], "abc") == [2, 1, 0, 2, 1]
    assert copied_lengths([], "abc") == []


def test_copied_lengths_agree_with_trying_all_of_them():
    drawn = torch.randint(3, (60,), generator=generator(1)).tolist()
    training = "".join("abc"[i] for i in torch.randint(3, (40,), generator=generator(2)).tolist())
    pieces = ["abc"[i] for i in drawn]
    longest = [max(n for n in range(60 - i + 1) if "".join(pieces[i : i + n]) in training) for i in range(60)]
    assert copied_lengths(pieces, training) == longest


def test_a_ratio_is_of_sums_and_leaves_out_what_has_nothing_in_it():
    row = of_ratio("x", [1, 0, 0], [1, 3, 0])
    assert row.value == pytest.approx(1 / 4) and row.count == 2
    assert of_ratio("x", [1], [4]).low is None                     # one item has no interval
    with pytest.raises(CourseError, match="nothing to divide by"):
        of_ratio("x", [0], [0])


# --- the report itself


def test_it_is_shown_as_text_and_as_markdown(report):
    text, markdown = str(report), report.markdown()
    assert text.splitlines()[0] == report.title and "right with passages" in text
    assert markdown.splitlines()[2] == "| measure | value | 95 % interval | items |"
    assert f"| {' | '.join(report.measures[0].cells)} |" in markdown and report._repr_markdown_() == markdown
    assert Measure("a", 0.256, 0.1, 0.5, 1200).cells == ("a", "26%", "10% to 50%", "1,200")
    assert Measure("a", 2.0, None, None, 3, "bits").cells == ("a", "2.000", "–", "3")


def test_it_goes_to_json_and_comes_back(report, written, tmp_path):
    for number, each in enumerate((report, written)):
        each.write(tmp_path / f"{number}.json")
        assert Report.read(tmp_path / f"{number}.json") == each
        json.loads((tmp_path / f"{number}.json").read_text())
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(CourseError, match=r"none\.json is no report"):
        Report.read(tmp_path / "none.json")
    with pytest.raises(CourseError, match="There is no measure 'beauty'; there are recall at 1"):
        report.measure("beauty")


def test_no_value_is_without_a_number(report, written):
    for each in (*report.measures, *written.measures):
        assert math.isfinite(each.value), each.name
        assert each.low is None or each.low <= each.value <= each.high, each.name


def test_a_task_for_the_other_kind_is_refused(helper):
    with pytest.raises(CourseError, match="Writing does not fit a Knows"):
        evaluate(helper.project, TASK, bot=helper)
    with pytest.raises(CourseError, match="as many of the last two"):
        Writing(("a",), "b", ("c", "d"), ("e",))


def test_a_helper_without_passages_has_nothing_to_report():
    project = Project(Shipped("smollm2"), {}, Shipped("smollm2"), Settings(longest=8), card())
    with pytest.raises(CourseError, match="no passages to look things up in"):
        evaluate(project, Asking(QUESTIONS), bot=Helper(project, Words(), embed))




def test_a_ratio_of_nothing_seen_has_the_interval_of_none_among_as_many_items():
    none = of_ratio("copied", [0, 0, 0, 0], [9, 8, 7, 6])
    assert none.value == 0.0 and (none.low, none.high) == wilson_interval(0, 4)
    assert none.high > 0.4                                          # four items rule out little
