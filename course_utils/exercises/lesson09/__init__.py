"""Lesson 09, architectures: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson09.conditioning import CROSS_ATTENTION, SHIFT_RIGHT
from course_utils.exercises.lesson09.embedding import EMBED, SEARCH
from course_utils.exercises.lesson09.hiding import SPANS
from course_utils.exercises.lesson09.masks import MASKS
from course_utils.exercises.lesson09.quiz import QUIZ
from course_utils.exercises.lesson09.scoring import ANSWER, MACRO_F1
from course_utils.exercises.lesson09.writing import WRITE

EXERCISES = (
    MASKS,
    EMBED,
    SEARCH,
    MACRO_F1,
    SPANS,
    CROSS_ATTENTION,
    SHIFT_RIGHT,
    WRITE,
    ANSWER,
)

__all__ = ["EXERCISES", "QUIZ"]
