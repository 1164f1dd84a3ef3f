"""Lesson 10, how an LLM is trained: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson10.cleaning import MINIMA
from course_utils.exercises.lesson10.measuring import CLEAN
from course_utils.exercises.lesson10.preferring import BRADLEY_TERRY, DPO
from course_utils.exercises.lesson10.quiz import QUIZ
from course_utils.exercises.lesson10.scaling import COST, LAW
from course_utils.exercises.lesson10.tuning import LABELS, LORA, TRAINED

EXERCISES = (
    MINIMA,
    CLEAN,
    LAW,
    COST,
    LABELS,
    LORA,
    TRAINED,
    BRADLEY_TERRY,
    DPO,
)

__all__ = ["EXERCISES", "QUIZ"]
