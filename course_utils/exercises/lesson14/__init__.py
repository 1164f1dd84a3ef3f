"""Lesson 14, the comparison: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson14.comparing import FAIR, PARETO
from course_utils.exercises.lesson14.distances import FEW, FRECHET
from course_utils.exercises.lesson14.filling import FILL
from course_utils.exercises.lesson14.foreign import FOREIGN
from course_utils.exercises.lesson14.neighbours import NEIGHBOURS
from course_utils.exercises.lesson14.pixels import BITS, CHAIN
from course_utils.exercises.lesson14.quiz import QUIZ

EXERCISES = (
    CHAIN,
    BITS,
    FRECHET,
    FEW,
    NEIGHBOURS,
    FAIR,
    PARETO,
    FILL,
    FOREIGN,
)

__all__ = ["EXERCISES", "QUIZ"]
