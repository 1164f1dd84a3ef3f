"""Predictions, quizzes and the map: plain text, widgets, and what is kept."""

import ipywidgets
import pytest

from course_utils.exercises import predict, progress, quiz, record, reveal, showing
from course_utils.exercises.predictions import prediction_widget
from course_utils.exercises.quizzes import listing, quiz_widget, right_answers
from course_utils.exercises.specs import Option, Question, find, lesson_quiz
from course_utils.lessons import LESSONS

OPTIONS = ["50 of 100", "75 of 100", "90 of 100"]


def parts(widget, kind):
    """All parts of a kind inside a widget, in order."""
    inside = [part for child in getattr(widget, "children", ()) for part in parts(child, kind)]
    return [widget, *inside] if isinstance(widget, kind) else inside


@pytest.fixture
def shown(monkeypatch):
    """What a notebook page would receive."""
    bundles = []
    monkeypatch.setattr(showing, "in_notebook", lambda: True)
    monkeypatch.setattr("course_utils.exercises.predictions.in_notebook", lambda: True)
    monkeypatch.setattr("course_utils.exercises.quizzes.in_notebook", lambda: True)
    monkeypatch.setattr(showing, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_a_guess_is_kept_and_shown_beside_what_came_out(capsys):
    predict("1.a", "How often?", OPTIONS, guess=2)
    reveal("1.a", "52 of 100")
    assert capsys.readouterr().out == "Kept: 75 of 100.\nYour guess: 75 of 100. It came out: 52 of 100.\n"


def test_without_a_guess_only_the_outcome_is_shown(capsys):
    reveal("1.a", "52 of 100")
    assert capsys.readouterr().out == "No guess kept. It came out: 52 of 100.\n"


def test_a_guess_that_is_no_option_is_told_what_is(capsys):
    predict("1.a", "How often?", OPTIONS, guess=4)
    assert capsys.readouterr().out == "predict: guess is 4; expected a number from 1 to 3.\n"
    assert record.guess_kept("1.a") is None


def test_outside_a_notebook_the_question_is_plain_text(capsys):
    predict("1.a", "How often?", OPTIONS)
    printed = capsys.readouterr().out
    assert printed.startswith("Predict first. How often?\n  1  50 of 100\n  2  75 of 100\n  3  90 of 100\n")


def test_the_text_of_a_widget_does_not_depend_on_what_was_kept(shown):
    predict("1.a", "How often?", OPTIONS)
    quiz("01")
    record.record_guess("1.a", OPTIONS[0])
    record.record_answer("01", 1, 2)
    predict("1.a", "How often?", OPTIONS)
    quiz("01")
    assert shown[0]["text/plain"] == shown[2]["text/plain"]
    assert shown[1]["text/plain"] == shown[3]["text/plain"] == listing("01", lesson_quiz(1))
    assert all(bundle[showing.WIDGET_VIEW]["model_id"] for bundle in shown)


def test_choosing_a_button_keeps_the_guess_and_choosing_again_changes_it():
    widget = prediction_widget("1.a", "How often?", OPTIONS)
    (buttons,) = parts(widget, ipywidgets.RadioButtons)
    assert buttons.value is None
    buttons.value = OPTIONS[2]
    buttons.value = OPTIONS[1]
    assert record.guess_kept("1.a") == OPTIONS[1]
    assert "Kept: 75 of 100." in parts(widget, ipywidgets.HTML)[-1].value
    (again,) = parts(prediction_widget("1.a", "How often?", OPTIONS), ipywidgets.RadioButtons)
    assert again.value == OPTIONS[1]


def test_html_of_the_question_and_the_guess_is_escaped():
    widget = prediction_widget("1.a", "<script>x</script>", ["<b>1</b>", "2"])
    parts(widget, ipywidgets.RadioButtons)[0].value = "<b>1</b>"
    html = "".join(part.value for part in parts(widget, ipywidgets.HTML))
    assert "<script>" not in html
    assert "<b>1</b>" not in html
    assert "&lt;b&gt;1&lt;/b&gt;" in html


def test_a_quiz_answers_at_once_and_keeps_the_answer():
    questions = lesson_quiz(1)
    widget = quiz_widget("01", questions)
    buttons, notes = parts(widget, ipywidgets.RadioButtons), parts(widget, ipywidgets.HTML)[1::2]
    wrong = next(place for place in (1, 2, 3) if place != questions[0].answer)
    buttons[0].value = wrong
    assert notes[0].value.startswith("Not so. ")
    buttons[0].value = questions[0].answer
    assert notes[0].value.startswith("Right. ")
    assert right_answers("01") == 1
    assert parts(quiz_widget("01", questions), ipywidgets.RadioButtons)[0].value == questions[0].answer


def test_a_quiz_can_be_answered_in_text(capsys):
    answers = [question.answer for question in lesson_quiz(0)]
    quiz("00", answers=answers)
    assert capsys.readouterr().out.count("Right. ") == 5
    quiz(0, answers=[answers[0], 99, *answers[2:]])
    assert "2. expected a number from 1 to 3, got 99.\n" in capsys.readouterr().out
    quiz("00", answers=[1])
    assert capsys.readouterr().out == "quiz: expected 5 answers, got 1.\n"


def test_the_listing_does_not_tell_the_answer():
    text = listing("09", [Question("Which?", (Option("this", "Because.", right=True), Option("that", "No.")))])
    assert text.startswith("Quiz 09\n\n1. Which?\n   1  this\n   2  that\n")
    assert "Because" not in text


@pytest.mark.parametrize("lesson", ["99", "", "x", "17"])
def test_a_lesson_without_a_quiz_is_one_clear_line(lesson, capsys):
    quiz(lesson)
    assert capsys.readouterr().out.startswith(f'quiz: lesson "{lesson}" has no quiz; ')


def test_the_map_counts_what_is_done(capsys):
    record.record_check("1.2", True)
    record.record_check("1.3", False)
    record.record_answer("01", 1, lesson_quiz(1)[0].answer)
    record.record_answer("01", 2, 1)
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Your progress: 1 of ")
    assert any(line.startswith("01  N-grams") and "○●◐○○○○○" in line and "quiz 1 of 5" in line for line in lines)
    assert len(lines) == len(LESSONS) + 2


def test_the_map_as_html_escapes_and_says_the_state_in_words(shown):
    record.record_check(find("1.2").id, True)
    progress()
    assert '<span title="1.2 done">●</span>' in shown[0]["text/html"]
    assert shown[0]["text/plain"].startswith("Your progress: ")


@pytest.mark.parametrize(
    "damage", [{"exercises": {"1.1": ["x"]}}, {"quizzes": {"01": {"a": 1, "2": "b"}}}, {"hints": 4}]
)
def test_a_strange_record_does_not_break_the_map(damage, capsys):
    record.change(lambda kept: kept.update(damage))
    progress()
    assert "Your progress" in capsys.readouterr().out
