"""The one base of every error that is meant for a reader."""


class CourseError(Exception):
    """Something went wrong and the message says what was expected, what came, and what to do."""
