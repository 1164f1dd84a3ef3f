"""Lesson 06, self-attention: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson06.formula import ATTENTION, ON_PAPER
from course_utils.exercises.lesson06.heads import MERGE_HEADS, SELF_ATTENTION, SPLIT_HEADS
from course_utils.exercises.lesson06.masks import CAUSAL_MASK, PADDING_MASK
from course_utils.exercises.lesson06.quiz import QUIZ
from course_utils.exercises.lesson06.reading import COST, LOOKED_AT

EXERCISES = (
    ON_PAPER,
    CAUSAL_MASK,
    PADDING_MASK,
    ATTENTION,
    SPLIT_HEADS,
    MERGE_HEADS,
    SELF_ATTENTION,
    COST,
    LOOKED_AT,
)

__all__ = ["EXERCISES", "QUIZ"]
