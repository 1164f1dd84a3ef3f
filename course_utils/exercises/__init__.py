"""Exercises that diagnose: what a notebook calls. `from course_utils.exercises import check, hint, predict, quiz`."""

from course_utils.exercises.checks import check, hint, solution
from course_utils.exercises.handing_in import export_progress
from course_utils.exercises.overview import progress
from course_utils.exercises.predictions import predict, reveal
from course_utils.exercises.quizzes import quiz

__all__ = ["check", "export_progress", "hint", "predict", "progress", "quiz", "reveal", "solution"]
