"""The reader's map of the course: which exercises are done, tried or open, and how the quizzes went."""

from html import escape

from course_utils.exercises import record
from course_utils.exercises.quizzes import right_answers
from course_utils.exercises.showing import show
from course_utils.exercises.specs import lesson_exercises, lesson_quiz
from course_utils.lessons import LESSONS, Lesson

MARKS = {"done": "●", "attempted": "◐", "open": "○"}


def progress() -> None:
    """Show the map of the course with what is done."""
    kept = record.read()["exercises"]
    rows = [_row(lesson, kept) for lesson in LESSONS]
    damage = record.damage()
    show("\n".join([_plain(rows), *damage]), html=_html(rows) + "".join(f"<p>{escape(line)}</p>" for line in damage))


def _row(lesson: Lesson, kept: dict) -> tuple[Lesson, list[tuple[str, str]], str]:
    """A lesson, its exercises as (id, state), and its quiz in words."""
    states = [(exercise.id, _state(kept.get(exercise.id))) for exercise in lesson_exercises(lesson.number)]
    questions = len(lesson_quiz(lesson.number))
    if not questions:
        return lesson, states, ""
    answered = bool(record.answers_kept(lesson.label))
    return lesson, states, f"{right_answers(lesson.label)} of {questions}" if answered else "open"


def _state(kept: object) -> str:
    return kept if kept in ("done", "attempted") else "open"


def _total(rows) -> str:
    states = [state for _, exercises, _ in rows for _, state in exercises]
    return f"{states.count('done')} of {len(states)} exercises done"


def _legend() -> str:
    return "  ".join(f"{mark} {state}" for state, mark in MARKS.items())


def _plain(rows) -> str:
    width = max(len(lesson.title) for lesson, _, _ in rows)
    widest = max(len(exercises) for _, exercises, _ in rows)
    lines = [f"Your progress: {_total(rows)}"]
    for lesson, exercises, quiz in rows:
        marks = "".join(MARKS[state] for _, state in exercises)
        quiz_text = f"quiz {quiz}" if quiz else ""
        lines.append(f"{lesson.label}  {lesson.title:{width}}  {marks:{widest}}  {quiz_text}".rstrip())
    return "\n".join([*lines, _legend()])


def _html(rows) -> str:
    body = "".join(_html_row(*row) for row in rows)
    names = ("", "lesson", "exercises", "quiz")
    head = "<tr>" + "".join(f"<th style='text-align:left'>{name}</th>" for name in names) + "</tr>"
    return f"<p><b>Your progress:</b> {_total(rows)}</p><table>{head}{body}</table><p>{_legend()}</p>"


def _html_row(lesson: Lesson, exercises: list[tuple[str, str]], quiz: str) -> str:
    marks = " ".join(f'<span title="{escape(id_)} {state}">{MARKS[state]}</span>' for id_, state in exercises)
    cells = (lesson.label, escape(lesson.title), marks, escape(quiz))
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
