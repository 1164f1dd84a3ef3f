"""Lesson 11, variational autoencoders: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson11.bounds import BOUND, ELBO
from course_utils.exercises.lesson11.gradients import FLIPS
from course_utils.exercises.lesson11.levels import LEVELS
from course_utils.exercises.lesson11.normals import DIVERGENCE, DRAW
from course_utils.exercises.lesson11.quiz import QUIZ
from course_utils.exercises.lesson11.training import LOSS, UNITS

EXERCISES = (
    LEVELS,
    ELBO,
    DIVERGENCE,
    DRAW,
    FLIPS,
    LOSS,
    UNITS,
    BOUND,
)

__all__ = ["EXERCISES", "QUIZ"]
