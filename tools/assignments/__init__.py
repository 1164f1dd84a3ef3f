"""Assignments for nbgrader, made of the course's own exercises, and their grading in a sandbox."""
