"""Lesson 15, challenges: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson15.bias import EFFECT, ODDS
from course_utils.exercises.lesson15.exposed import EXPOSURE
from course_utils.exercises.lesson15.facts import CALIBRATION, RECALL
from course_utils.exercises.lesson15.inside import INDUCTION, PROBE
from course_utils.exercises.lesson15.quiz import QUIZ
from course_utils.exercises.lesson15.rounding import ROUNDED
from course_utils.exercises.lesson15.teaching import TEACHER

EXERCISES = (
    ODDS,
    EFFECT,
    CALIBRATION,
    RECALL,
    EXPOSURE,
    ROUNDED,
    TEACHER,
    INDUCTION,
    PROBE,
)

__all__ = ["EXERCISES", "QUIZ"]
