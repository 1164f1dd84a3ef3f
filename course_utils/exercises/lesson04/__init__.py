"""Lesson 04, sequence to sequence and attention: its exercises in the order of the notebook, and its quiz."""

from course_utils.exercises.lesson04.attending import ADDITIVE_SCORES, DOT_ATTENTION, MIXTURE
from course_utils.exercises.lesson04.batches import PAD_BATCH, SHIFT
from course_utils.exercises.lesson04.decoding import BEAM_STEP, MARK
from course_utils.exercises.lesson04.measuring import CLIPPED_PRECISION, EDIT_DISTANCE
from course_utils.exercises.lesson04.quiz import QUIZ

EXERCISES = (
    EDIT_DISTANCE,
    PAD_BATCH,
    SHIFT,
    MIXTURE,
    DOT_ATTENTION,
    ADDITIVE_SCORES,
    MARK,
    BEAM_STEP,
    CLIPPED_PRECISION,
)

__all__ = ["EXERCISES", "QUIZ"]
