"""Lesson 15, challenges: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson15.bias import EFFECT, ODDS
from course_utils.exercises.lesson15.facts import CALIBRATION, RECALL

EXERCISES = (
    ODDS,
    EFFECT,
    CALIBRATION,
    RECALL,
)

__all__ = ["EXERCISES"]
