"""Lesson 12, the generative adversarial network: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson12.judging import DIVERGENCE, HALF, LOSSES
from course_utils.exercises.lesson12.playing import AVERAGE, MODES, TURNS
from course_utils.exercises.lesson12.quiz import QUIZ
from course_utils.exercises.lesson12.steadying import PENALTY, STRETCH

EXERCISES = (
    DIVERGENCE,
    HALF,
    LOSSES,
    TURNS,
    PENALTY,
    STRETCH,
    AVERAGE,
    MODES,
)

__all__ = ["EXERCISES", "QUIZ"]
