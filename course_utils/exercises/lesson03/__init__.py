"""Lesson 03, LSTM and GRU: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson03.cells import COUNT_PARAMETERS, GRU_STEP, LSTM_STEP
from course_utils.exercises.lesson03.memory import HALF_LIFE, LAST_MEMORIES, OPEN_FORGET_GATES
from course_utils.exercises.lesson03.quiz import QUIZ
from course_utils.exercises.lesson03.tunes import NOTE_FREQUENCY, WRONG_BARS

EXERCISES = (
    HALF_LIFE,
    LSTM_STEP,
    OPEN_FORGET_GATES,
    GRU_STEP,
    COUNT_PARAMETERS,
    LAST_MEMORIES,
    NOTE_FREQUENCY,
    WRONG_BARS,
)

__all__ = ["EXERCISES", "QUIZ"]
