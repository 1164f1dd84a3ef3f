"""Questions on the lessons, with the answers that count, and questions that the lessons do not answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.paths import DATA

COURSE_QUESTIONS = DATA / "course_questions.tsv"
PARTS = ("validation", "test")


@dataclass(frozen=True)
class Question:
    """A question; the answers that count, none where the lessons do not say; the number of a lesson that says it."""

    part: str
    text: str
    accepted: tuple[str, ...] = ()
    lesson: int | None = None

    @property
    def answerable(self) -> bool:
        """Whether the lessons answer it."""
        return bool(self.accepted)


def load_questions(part: str, path: Path = COURSE_QUESTIONS) -> tuple[Question, ...]:
    """The questions of one part: "validation" to choose settings, "test" to report. Raises CourseError for another."""
    if part not in PARTS:
        raise CourseError(f"part is {part!r}; expected {' or '.join(PARTS)}.")
    lines = path.read_text(encoding="utf-8").splitlines()
    questions = [_question(line.split("\t")) for line in lines if line and not line.startswith("#")]
    return tuple(question for question in questions if question.part == part)


def answerable(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Those of the questions that the lessons answer."""
    return tuple(question for question in questions if question.answerable)


def _question(fields: Sequence[str]) -> Question:
    if len(fields) != 4 or fields[0] not in PARTS or bool(fields[2]) != bool(fields[3]):
        raise CourseError(
            f"A line of {COURSE_QUESTIONS.name} is {fields}; expected part, question, answers, lesson with tabs "
            "between, and no answer where there is no lesson."
        )
    part, text, accepted, lesson = fields
    return Question(part, text, tuple(accepted.split("|")) if accepted else (), int(lesson) if lesson else None)
