"""Lesson 15, challenges: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson15.bias import EFFECT, ODDS

EXERCISES = (
    ODDS,
    EFFECT,
)

__all__ = ["EXERCISES"]
