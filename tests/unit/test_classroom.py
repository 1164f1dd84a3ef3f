"""The teacher's plans hold every lesson; minutes and seconds are those of its exercises and of its last run."""

import importlib
import json
import re

import pytest

from course_utils.lessons import LESSONS
from course_utils.paths import REPOSITORY, RESULTS

PLANS = (REPOSITORY / "classroom" / "README.md").read_text(encoding="utf-8")
LABELS = [lesson.label for lesson in LESSONS]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    part = PLANS.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def exercises(label: str):
    return importlib.import_module(f"course_utils.exercises.lesson{label}").EXERCISES


def test_the_fourteen_weeks_hold_every_lesson_once_and_in_order():
    weeks = rows("Fourteen weeks")
    assert [int(week[0]) for week in weeks] == list(range(1, 15))
    assert [label for week in weeks for label in week[1].split(", ")] == LABELS


@pytest.mark.parametrize("week", rows("Fourteen weeks"), ids=lambda week: f"week {week[0]}")
def test_a_week_names_the_minutes_of_its_exercises_and_about_the_seconds_of_its_lessons(week):
    labels, costs = week[1].split(", "), json.loads((RESULTS / "lessons.json").read_text())
    minutes = sum(each.minutes for label in labels for each in exercises(label))
    seconds = sum(costs[lesson.slug]["seconds"] for lesson in LESSONS if lesson.label in labels)
    assert week[3] == f"{minutes} min"
    assert int(week[2].removesuffix(" s")) == pytest.approx(seconds, rel=0.25)


@pytest.mark.parametrize("week", rows("Fourteen weeks"), ids=lambda week: f"week {week[0]}")
def test_the_exercises_that_a_week_names_are_those_of_its_lessons(week):
    known = {each.id for label in week[1].split(", ") for each in exercises(label)}
    named = re.findall(r"\b\d+\.\d+\b", " ".join(week[4:]))
    assert named and set(named) <= known
    if "the rest" not in week[5] and week[0] not in ("1", "14"):
        first, last = exercises(week[1])[0].id, exercises(week[1])[-1].id
        assert (named[0], named[-1]) == (first, last)


def test_the_grades_of_the_prose_are_those_of_the_lessons():
    figures = json.loads((RESULTS / "readability.json").read_text(encoding="utf-8"))
    grades = sorted(figure["grade"] for figure in figures.values())
    assert f"of grades {grades[0]:.1f} to {grades[-1]:.1f}" in PLANS


def test_three_days_are_eighteen_hours_at_most_and_name_what_is_read_afterwards():
    blocks = rows("Three days")
    for day in ("1", "2", "3"):
        assert 300 <= sum(int(block[3]) for block in blocks if block[0] == day) <= 360
    taught = [block[2] for block in blocks]
    left = re.search(r"Lessons ([\d, and]+) are for reading afterwards", PLANS)[1]
    assert sorted([*taught, *re.findall(r"\d\d", left)]) == LABELS
