"""Lesson 08, pretrained generation: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson08.asking import FITTED, PROMPT
from course_utils.exercises.lesson08.choosing import KEPT, MIN_P, NUCLEUS, WARM
from course_utils.exercises.lesson08.quiz import QUIZ
from course_utils.exercises.lesson08.searching import ACCEPT, BEAM, FORBIDDEN

EXERCISES = (
    WARM,
    NUCLEUS,
    MIN_P,
    KEPT,
    BEAM,
    FORBIDDEN,
    ACCEPT,
    PROMPT,
    FITTED,
)

__all__ = ["EXERCISES", "QUIZ"]
