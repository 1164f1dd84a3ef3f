"""Lesson 07, the transformer: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson07.blocks import BLOCK, SWIGLU
from course_utils.exercises.lesson07.caching import CACHE, SHARE
from course_utils.exercises.lesson07.costs import FLOPS, PARAMETERS
from course_utils.exercises.lesson07.norms import LAYER_NORM, RMS_NORM
from course_utils.exercises.lesson07.quiz import QUIZ
from course_utils.exercises.lesson07.writing import SAMPLE, WRITE

EXERCISES = (
    LAYER_NORM,
    BLOCK,
    RMS_NORM,
    SWIGLU,
    SHARE,
    PARAMETERS,
    FLOPS,
    CACHE,
    SAMPLE,
    WRITE,
)

__all__ = ["EXERCISES", "QUIZ"]
