"""Shared helpers of the course. A lesson imports what it needs by name: `from course_utils.text import load_sotu`."""

__version__ = "0.1.0"
