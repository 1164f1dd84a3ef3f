"""Lesson 01, n-grams: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson01.counting import CONDITIONAL_PROBABILITY, COUNT_NGRAMS
from course_utils.exercises.lesson01.measuring import BITS_PER_BYTE, UNIFORM_BITS
from course_utils.exercises.lesson01.quiz import QUIZ
from course_utils.exercises.lesson01.smoothing import (
    ADD_K,
    CONTINUATION_COUNTS,
    INTERPOLATE,
    KNESER_NEY_DISCOUNTS,
)

EXERCISES = (
    COUNT_NGRAMS,
    CONDITIONAL_PROBABILITY,
    UNIFORM_BITS,
    BITS_PER_BYTE,
    ADD_K,
    INTERPOLATE,
    KNESER_NEY_DISCOUNTS,
    CONTINUATION_COUNTS,
)

__all__ = ["EXERCISES", "QUIZ"]
