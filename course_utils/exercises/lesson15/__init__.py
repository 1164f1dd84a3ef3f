"""Lesson 15, challenges: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson15.bias import EFFECT, ODDS
from course_utils.exercises.lesson15.exposed import EXPOSURE
from course_utils.exercises.lesson15.facts import CALIBRATION, RECALL

EXERCISES = (
    ODDS,
    EFFECT,
    CALIBRATION,
    RECALL,
    EXPOSURE,
)

__all__ = ["EXERCISES"]
