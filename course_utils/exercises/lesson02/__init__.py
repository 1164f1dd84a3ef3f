"""Lesson 02, recurrent networks: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson02.cells import HIDDEN_STATES, NEXT_TOKEN_LOSS, RNN_STEP
from course_utils.exercises.lesson02.gradients import PIECEWISE_GRADIENT, RECURRENT_GRADIENT
from course_utils.exercises.lesson02.quiz import QUIZ
from course_utils.exercises.lesson02.stability import CLIP_BY_NORM, SPECTRAL_RADIUS, STEPS_TO_ONE_PER_CENT

EXERCISES = (
    RNN_STEP,
    HIDDEN_STATES,
    NEXT_TOKEN_LOSS,
    RECURRENT_GRADIENT,
    PIECEWISE_GRADIENT,
    SPECTRAL_RADIUS,
    STEPS_TO_ONE_PER_CENT,
    CLIP_BY_NORM,
)

__all__ = ["EXERCISES", "QUIZ"]
