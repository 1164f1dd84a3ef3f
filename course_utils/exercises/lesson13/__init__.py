"""Lesson 13, diffusion: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson13.choosing import FEWEST
from course_utils.exercises.lesson13.guiding import GUIDED, VELOCITY
from course_utils.exercises.lesson13.learning import BEST_GUESS, LOSS
from course_utils.exercises.lesson13.noising import ALPHA_BAR, Q_SAMPLE
from course_utils.exercises.lesson13.quiz import QUIZ
from course_utils.exercises.lesson13.stepping import DDIM, POSTERIOR

EXERCISES = (
    ALPHA_BAR,
    Q_SAMPLE,
    POSTERIOR,
    LOSS,
    BEST_GUESS,
    DDIM,
    FEWEST,
    GUIDED,
    VELOCITY,
)

__all__ = ["EXERCISES", "QUIZ"]
