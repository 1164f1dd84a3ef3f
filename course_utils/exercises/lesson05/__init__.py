"""Lesson 05, tokens, embeddings, positions: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson05.meaning import NEAREST, PMI_ON_PAPER, POSITIVE_PMI, SKIP_PAIRS
from course_utils.exercises.lesson05.merging import COUNT_PAIRS, ENCODE, MERGE
from course_utils.exercises.lesson05.placing import ROTARY, SINUSOIDAL
from course_utils.exercises.lesson05.quiz import QUIZ

EXERCISES = (
    COUNT_PAIRS,
    MERGE,
    ENCODE,
    PMI_ON_PAPER,
    POSITIVE_PMI,
    NEAREST,
    SKIP_PAIRS,
    SINUSOIDAL,
    ROTARY,
)

__all__ = ["EXERCISES", "QUIZ"]
