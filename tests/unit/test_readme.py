"""The generated parts of README.md are current, and a stale one is noticed."""

import pytest

from course_utils.leaderboard import Result
from tools import readme

TEXT = readme.README.read_text(encoding="utf-8")


def test_the_map_the_yardstick_and_the_strip_are_those_of_the_committed_results():
    assert readme.is_current(TEXT), "README.md is stale: run `make readme`"


def test_a_changed_figure_makes_the_readme_stale():
    stale = TEXT.replace("| 8.000 |", "| 7.999 |")
    assert stale != TEXT
    assert not readme.is_current(stale)


def test_a_missing_part_is_named():
    with pytest.raises(SystemExit, match="<!-- yardstick -->"):
        readme.written(TEXT.replace("<!-- yardstick -->", ""))


def test_every_lesson_that_has_a_cost_is_linked_and_every_link_leads_to_a_notebook():
    linked = [lesson.slug for lesson in readme.LESSONS if f"(notebooks/{lesson.slug}.ipynb)" in TEXT]
    assert linked == sorted(path.stem for path in readme.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def test_the_yardstick_shows_size_and_training_once_a_result_states_its_training():
    counted = Result("5-gram", "01", 1.3229, "t", 7_569_526)
    trained = Result("LSTM", "03", 1.7, "t", 920_064, training_tokens=20_000_000)
    assert readme.ranking([counted]).split("\n") == [
        "| model | lesson | bits per byte |", "|---|---|---|", "| 5-gram | 01 | 1.323 |"
    ]  # fmt: skip
    assert readme.ranking([trained, counted]).split("\n") == [
        "| model | lesson | bits per byte | parameters | train tokens |",
        "|---|---|---|---|---|",
        "| 5-gram | 01 | 1.323 | 7,569,526 | – |",
        "| LSTM | 03 | 1.700 | 920,064 | 20 M |",
    ]
