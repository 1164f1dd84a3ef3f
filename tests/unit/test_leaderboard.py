"""Results go in, a ranking comes out, and only models measured on the same text are ranked."""

import hashlib
import json

import pytest

from course_utils import leaderboard
from course_utils.errors import CourseError
from course_utils.leaderboard import (
    Result,
    chart,
    fingerprint,
    load,
    ranked,
    results_dir,
    save,
    stored_compressors,
    table,
)
from course_utils.paths import RESULTS
from course_utils.text import load_sotu
from course_utils.viz import COLOURS

TEST = fingerprint("the held-out text")
GZIP, NGRAM = Result("gzip", "01", 2.681, TEST), Result("5-gram", "01", 1.3229, TEST, 7_588_914)
LSTM = Result("LSTM", "03", 1.9, TEST, 1000)


@pytest.fixture(autouse=True)
def own_results(monkeypatch, tmp_path):
    """Results of this test alone, whatever the machine has set."""
    monkeypatch.delenv("COURSE_RESULTS", raising=False)
    monkeypatch.setattr(leaderboard, "RESULTS", tmp_path / "came with the course")
    return tmp_path / "came with the course"


def test_the_ranking_puts_the_fewest_bits_first():
    assert ranked([GZIP, NGRAM, LSTM]) == [NGRAM, LSTM, GZIP]
    assert ranked(iter([GZIP, NGRAM])) == [NGRAM, GZIP]
    assert ranked([]) == []


def test_results_on_different_texts_are_not_ranked():
    elsewhere = Result("cheater", "02", 0.1, fingerprint("an easier text"))
    for show in (ranked, table, chart):
        with pytest.raises(CourseError, match="different test texts"):
            show([GZIP, elsewhere])


def test_of_results_with_the_same_name_the_last_counts_everywhere():
    old = Result("5-gram", "01", 0.5, fingerprint("an older text"))
    again = [old, GZIP, NGRAM]
    assert ranked(again) == [NGRAM, GZIP]
    assert table(again) == table([NGRAM, GZIP])
    assert [label.get_text() for label in chart(again).axes[0].get_yticklabels()] == ["5-gram", "gzip"]
    save("01", again)
    assert load("01") == [NGRAM, GZIP]
    assert again == [old, GZIP, NGRAM]


def test_the_table_is_plain_text_in_columns():
    lines = table([GZIP, NGRAM]).split("\n")
    assert [line.split() for line in lines] == [
        ["model", "lesson", "bits", "per", "byte", "parameters"],
        ["5-gram", "01", "1.323", "7,588,914"],
        ["gzip", "01", "2.681", "–"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_the_chart_has_a_bar_for_each_model_best_on_top_and_highlights_the_readers():
    axes = chart([GZIP, NGRAM], highlight=(name for name in ["gzip"])).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["5-gram", "gzip"]
    assert [bar.get_width() for bar in axes.patches] == [1.3229, 2.681]
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.texts] == ["1.323", "2.681"]
    red = tuple(int(COLOURS[1][i : i + 2], 16) / 255 for i in (1, 3, 5))
    assert [bar.get_facecolor()[:3] == pytest.approx(red) for bar in axes.patches] == [False, True]


def test_a_fingerprint_changes_with_the_text_and_only_with_it():
    assert fingerprint("año") == hashlib.sha256("año".encode()).hexdigest()[:12]
    assert fingerprint("a") != fingerprint("a ")


def test_what_is_saved_is_loaded(progress_folder):
    path = save("01", [GZIP, NGRAM])
    assert path == progress_folder / "results" / "leaderboard_01.json"
    assert load("01") == [GZIP, NGRAM]
    assert json.loads(path.read_text(encoding="utf-8"))[1] == {
        "name": "5-gram", "lesson": "01", "bits_per_byte": 1.3229, "test": TEST, "parameters": 7_588_914
    }  # fmt: skip


def test_saving_again_replaces_and_leaves_nothing_else_behind():
    folder = save("01", [GZIP]).parent
    save("01", iter([NGRAM]))
    assert load("01") == [NGRAM]
    assert [path.name for path in folder.iterdir()] == ["leaderboard_01.json"]


def test_results_that_cannot_be_written_leave_the_old_ones_whole():
    save("01", [GZIP])
    with pytest.raises(TypeError):
        save("01", [Result("broken", "01", object(), TEST)])
    assert load("01") == [GZIP]


def test_the_maintainers_run_writes_where_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "given"))
    assert results_dir() == tmp_path / "given"
    assert save("02", [LSTM]) == tmp_path / "given" / "leaderboard_02.json"
    assert load("02") == [LSTM]


def test_the_readers_own_results_go_before_those_of_the_course(own_results):
    own_results.mkdir()
    (own_results / "leaderboard_01.json").write_text(json.dumps([vars(GZIP)]), encoding="utf-8")
    assert load("01") == [GZIP]
    save("01", [NGRAM])
    assert load("01") == [NGRAM]


def test_a_lesson_without_results_is_named():
    with pytest.raises(CourseError, match="no results of lesson 07 yet; run its notebook"):
        load("07")


def test_stored_compressors_are_for_the_text_they_were_measured_on_alone(own_results):
    own_results.mkdir()
    stored = {"PPMd, order 2": {"cold": 2.5, "primed": 1.5}, "made_by": "hand", "test": TEST}
    (own_results / "compressors.json").write_text(json.dumps(stored), encoding="utf-8")
    assert stored_compressors("the held-out text") == {"PPMd, order 2": 2.5, "PPMd, order 2, primed": 1.5}
    with pytest.raises(CourseError, match=f"the text {TEST}, not on this one, {fingerprint('x')};.*load_sotu"):
        stored_compressors("x")


def test_the_committed_numbers_of_the_compressors_are_of_the_test_text(monkeypatch):
    monkeypatch.setattr(leaderboard, "RESULTS", RESULTS)
    stored = stored_compressors(load_sotu().test)
    compressors = ("gzip", "bz2", "xz", "PPMd, order 12", "PPMd, order 8")
    assert set(stored) == {name + primed for name in compressors for primed in ("", ", primed")}
    assert min(stored, key=stored.get) == "PPMd, order 12, primed"


def test_the_committed_results_of_lesson_01_were_measured_on_the_test_text_and_kneser_ney_wins(monkeypatch):
    monkeypatch.setattr(leaderboard, "RESULTS", RESULTS)
    results = load("01")
    best = {result.name: result.bits_per_byte for result in ranked(results)}
    assert {result.test for result in results} == {fingerprint(load_sotu().test)}
    assert min(best, key=best.get) == "5-gram, Kneser–Ney"
    assert best["5-gram, Kneser–Ney"] < min(best["gzip, primed"], best["bz2, primed"], best["xz, primed"])
