"""The rubric: what a program can look at in a folder gets points, the rest is left to the teacher."""

import pytest

from course_utils.cards import DataSheet
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.project import Project, Settings, save_project
from course_utils.report import Measure, Report
from course_utils.rubric import MOST, ROWS, grade, grades_markdown, rubric_markdown
from course_utils.sampling import Sampling
from course_utils.seeding import generator
from course_utils.text.vocabulary import ByteVocabulary, CharVocabulary
from tests.support.talking import card, sheet

SURE = [
    Measure("bits per byte of unread text", 2.0, 1.9, 2.1, 24, "bits"),
    Measure("diversity", 0.9, 0.8, 1.0, 24, "index"),
]
COPIED = Measure("runs of 8 copied, of what it writes", 0.01, 0.0, 0.02, 24)


def project(vocabulary=None, data_sheet: DataSheet | None = None) -> Project:
    vocabulary = ByteVocabulary() if vocabulary is None else vocabulary
    config = RecurrentConfig(len(vocabulary), "gru", embedding=4, width=6)
    weights = RecurrentLM(config, generator(1)).state_dict()
    return Project(config, weights, vocabulary, Settings(longest=6, sampling=Sampling()), card(), sheet=data_sheet)


@pytest.fixture
def folder(tmp_path):
    save_project(tmp_path / "mine", project(data_sheet=sheet()))
    return tmp_path / "mine"


def points(folder, report=None) -> dict[str, int | None]:
    return {each.row.criterion: each.points for each in grade(folder, report)}


def reported(tmp_path, *measures: Measure):
    Report("mine", measures).write(tmp_path / "report.json")
    return tmp_path / "report.json"


def test_a_whole_project_with_a_good_report_gets_all_points_of_the_program(folder, tmp_path):
    grades = grade(folder, reported(tmp_path, *SURE, COPIED))
    assert [each.points for each in grades if each.row.check] == [MOST] * 5
    assert [each.points for each in grades if not each.row.check] == [None] * 7


def test_without_a_report_nothing_is_measured(folder):
    found = points(folder)
    assert (found["Measured"], found["What it is worth"]) == (0, 0) and found["Cards"] == 2


def test_a_project_without_a_data_sheet_gets_one_point_for_its_cards(tmp_path):
    save_project(tmp_path / "mine", project())
    assert points(tmp_path / "mine")["Cards"] == 1


def test_few_items_or_no_interval_get_fewer_points(folder, tmp_path):
    few = [Measure(each.name, each.value, each.low, each.high, 5) for each in (*SURE, COPIED)]
    assert points(folder, reported(tmp_path, *few))["Measured"] == 1
    bare = Measure(COPIED.name, COPIED.value, None, None, 1)
    found = points(folder, reported(tmp_path, bare))
    assert (found["Measured"], found["What it is worth"]) == (0, 1)


def test_a_damaged_folder_gets_nothing_and_the_reason_is_said(folder):
    (folder / "generation.json").write_text("{}")
    grades = grade(folder)
    assert [each.points for each in grades if each.row.check] == [0] * 5
    assert "generation.json" in grades[0].seen and "generation.json" in grades_markdown(grades)
    assert points(folder.parent / "nothing")["It can be taken along"] == 0


def test_a_project_of_other_signs_is_asked_in_its_own(tmp_path):
    save_project(tmp_path / "mine", project(CharVocabulary("ABC|")))
    assert points(tmp_path / "mine")["It answers the same again"] == 2


def test_a_broken_report_counts_as_none(folder, tmp_path):
    (tmp_path / "report.json").write_text("[")
    assert points(folder, tmp_path / "report.json")["Measured"] == 0


def test_both_tables_have_a_line_for_each_row(folder):
    rubric, grades = rubric_markdown(), grades_markdown(grade(folder))
    assert len(rubric.splitlines()) == 2 + len(ROWS)
    assert {line.count("|") for line in rubric.splitlines()} == {7}
    assert len(grades.splitlines()) == 2 + len(ROWS) + 2
    assert grades.splitlines()[-1] == "6 of 10 points by the program; 7 rows are yours."


def test_each_row_says_what_earns_what():
    for row in ROWS:
        assert len({row.zero, row.one, row.two}) == 3 and all((row.zero, row.one, row.two, row.shown)), row.criterion
    assert len({row.criterion for row in ROWS}) == len(ROWS) == 12
