"""Lesson 16, the capstone: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson16.citing import CITED
from course_utils.exercises.lesson16.comparing import LUCK, WORTH
from course_utils.exercises.lesson16.copying import COPIED
from course_utils.exercises.lesson16.cutting import CUT
from course_utils.exercises.lesson16.deciding import UNKNOWN
from course_utils.exercises.lesson16.quiz import QUIZ

EXERCISES = (COPIED, CUT, CITED, UNKNOWN, LUCK, WORTH)

__all__ = ["EXERCISES", "QUIZ"]
