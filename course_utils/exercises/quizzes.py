"""A short quiz at the end of a lesson: radio buttons that answer at once, and the same as plain text."""

from collections.abc import Sequence
from html import escape

import ipywidgets

from course_utils.errors import CourseError
from course_utils.exercises import record
from course_utils.exercises.showing import in_notebook, show
from course_utils.exercises.specs import Question, lesson_quiz


def quiz(lesson: str, answers: Sequence[int] | None = None) -> None:
    """Show the quiz of a lesson, "01". Where no buttons appear, `answers=[2, 1, ...]` answers all questions."""
    label = f"{int(lesson):02d}" if str(lesson).isdecimal() else str(lesson)
    questions = lesson_quiz(int(label)) if label.isdecimal() else ()
    if not questions:
        print(f'quiz: lesson "{lesson}" has no quiz; write the number of a lesson, as in quiz("01").')
    elif answers is not None:
        print(marked(label, questions, answers))
    else:
        show(listing(label, questions), widget=quiz_widget(label, questions) if in_notebook() else None)


def listing(label: str, questions: Sequence[Question]) -> str:
    """The questions and their options as text, without the answers."""
    lines = [f"Quiz {label}"]
    for number, question in enumerate(questions, start=1):
        lines += ["", f"{number}. {question.text}"]
        lines += [f"   {place}  {option.text}" for place, option in enumerate(question.options, start=1)]
    example = ", ".join(["1"] * min(2, len(questions)))
    return "\n".join([*lines, "", f'Where no buttons appear: quiz("{label}", answers=[{example}, ...]).'])


def marked(label: str, questions: Sequence[Question], answers: Sequence[int]) -> str:
    """Keep a list of answers, one number a question, and say of each whether it is right and why."""
    if len(answers) != len(questions):
        return f"quiz: expected {len(questions)} answers, got {len(answers)}."
    lines = []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), start=1):
        if answer not in range(1, len(question.options) + 1):
            lines.append(f"{number}. expected a number from 1 to {len(question.options)}, got {answer!r}.")
            continue
        trouble = record.record_answer(label, number, int(answer))
        lines.append(f"{number}. {feedback(question, answer)}" + (f" ({trouble})" if trouble else ""))
    return "\n".join(lines)


def feedback(question: Question, answer: int) -> str:
    """Whether option `answer` (from 1) is right, and why."""
    chosen = question.options[answer - 1]
    return f"{'Right.' if chosen.right else 'Not so.'} {chosen.explanation}"


def right_answers(label: str) -> int:
    """How many questions of a quiz the reader's last answers got right. Raises CourseError for no label as "01"."""
    if not label.isdecimal():
        raise CourseError(f"The label is {label!r:.60}; expected the number of a lesson, such as '01'.")
    questions = lesson_quiz(int(label))
    kept = record.answers_kept(label)
    return sum(kept.get(number) == question.answer for number, question in enumerate(questions, start=1))


def quiz_widget(label: str, questions: Sequence[Question]) -> ipywidgets.VBox:
    """All questions, each with its buttons and a line for the feedback."""
    kept = record.answers_kept(label)
    return ipywidgets.VBox(
        [
            question_widget(label, number, question, kept.get(number))
            for number, question in enumerate(questions, start=1)
        ]
    )


def question_widget(label: str, number: int, question: Question, kept: int | None) -> ipywidgets.VBox:
    """One question; choosing an option shows its explanation at once and keeps the answer."""
    places = range(1, len(question.options) + 1)
    buttons = ipywidgets.RadioButtons(
        options=[(option.text, place) for place, option in enumerate(question.options, start=1)],
        value=kept if kept in places else None,
    )
    buttons.layout.width = "auto"
    note = ipywidgets.HTML(escape(feedback(question, kept)) if kept in places else "")

    def answer(change):
        trouble = record.record_answer(label, number, change["new"])
        note.value = escape(" ".join(filter(None, (feedback(question, change["new"]), trouble))))

    buttons.observe(answer, names="value")
    return ipywidgets.VBox([ipywidgets.HTML(f"<b>{number}.</b> {escape(question.text)}"), buttons, note])
