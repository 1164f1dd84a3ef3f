"""Results go in, a ranking comes out, and only models measured on the same text are ranked."""

import hashlib
import json
import math
import socket

import pytest
import torch
from matplotlib.text import Text

from course_utils import devices, leaderboard
from course_utils.errors import CourseError
from course_utils.leaderboard import (
    Result,
    against_compute,
    chart,
    fingerprint,
    load,
    machine,
    power,
    ranked,
    results_dir,
    save,
    short,
    stored_compressors,
    table,
    tokens_per_second,
)
from course_utils.paths import RESULTS
from course_utils.recipes import about
from course_utils.seeding import generator
from course_utils.text import load_sotu
from course_utils.viz import COLOURS
from course_utils.viz.points import named_points

TEST = fingerprint("the held-out text")
GZIP, NGRAM = Result("gzip", "01", 2.681, TEST), Result("5-gram", "01", 1.3229, TEST, 7_588_914)
LSTM = Result("LSTM", "03", 1.9, TEST, 1000)
TRAINED = Result("GRU", "03", 1.75, TEST, 920_064, 20_000_000, 1.1e14, 312.4, 1234.5, "2 cores, CPU")


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
    for show in (ranked, table, chart, against_compute):
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


def test_the_table_shows_training_and_speed_where_any_result_has_them():
    lines = table([GZIP, TRAINED, NGRAM]).split("\n")
    assert [line.split() for line in lines] == [
        ["model", "lesson", "bits", "per", "byte", "parameters", "train", "tokens", "train", "FLOPs", "tokens/s"],
        ["5-gram", "01", "1.323", "7,588,914", "–", "–", "–"],
        ["GRU", "03", "1.750", "920,064", "20", "M", "1.1e14", "1,234"],
        ["gzip", "01", "2.681", "–", "–", "–", "–"],
    ]
    assert len({len(line) for line in lines}) == 1
    assert "train FLOPs" not in table([Result("RNN", "02", 2.0, TEST, 1, training_tokens=5)])


def test_the_columns_of_the_table_can_be_chosen():
    lines = table([GZIP, TRAINED], columns=["seconds", "machine"]).split("\n")
    assert [line.split() for line in lines] == [
        ["model", "lesson", "seconds", "machine"],
        ["GRU", "03", "312", "2", "cores,", "CPU"],
        ["gzip", "01", "–", "–"],
    ]
    assert table([TRAINED], columns=[]).split() == ["model", "lesson", "GRU", "03"]
    with pytest.raises(CourseError, match="There is no column 'speed'; expected some of bits_per_byte, parameters,"):
        table([GZIP], columns=["seconds", "speed"])


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0"), (999, "999"), (1e3, "1 k"), (999_999, "1 M"), (1_812_131, "1.81 M"), (2e7, "20 M"), (2e12, "2 T")],
)
def test_a_count_is_written_in_three_digits(count, written):
    assert short(count) == written


@pytest.mark.parametrize(("number", "written"), [(1.1e14, "1.1e14"), (9.96e14, "1.0e15"), (123_456, "1.2e5")])
def test_a_large_number_is_written_by_its_power_of_ten(number, written):
    assert power(number) == written


def test_bits_that_are_no_number_cannot_be_ranked():
    with pytest.raises(CourseError, match="diverged has no number for bits per byte"):
        ranked([GZIP, Result("diverged", "02", math.nan, TEST), NGRAM])
    assert ranked([Result("unsmoothed", "01", math.inf, TEST), GZIP])[0] == GZIP


def test_the_picture_of_compute_names_the_results_that_state_theirs_alone():
    axes = against_compute([GZIP, TRAINED, NGRAM]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["GRU"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines] == [(1.1e14, 1.75)]
    assert axes.get_xscale() == "log" and axes.get_yscale() == "linear"
    with pytest.raises(CourseError, match="None of these results says what its training cost"):
        against_compute([GZIP, NGRAM])


def test_names_of_neighbouring_points_do_not_lie_on_each_other():
    points = {"one": (1e14, 1.740), "two": (1.1e14, 1.738), "three": (1e14, 1.741), "far": (1e16, 1.739)}
    figure = named_points(points, "x", "y")
    figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in figure.axes[0].texts}  # without their lines
    names = sorted(boxes)
    assert not any(boxes[a].overlaps(boxes[b]) for a in names for b in names if a < b)
    assert boxes["two"].y0 < boxes["one"].y0 < boxes["three"].y0
    assert {text.get_text() for text in figure.axes[0].texts if text.arrow_patch} == {"one", "three"}
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes.values())


def test_a_line_to_a_name_passes_behind_the_names_below_it():
    """The lines of the upper names are drawn first, and a name covers what is behind it."""
    points = {"low": (1e14, 1.740), "middle": (1.05e14, 1.741), "high": (1.1e14, 1.742)}
    drawn = named_points(points, "x", "y").axes[0].texts
    assert [text.get_text() for text in drawn] == ["high", "middle", "low"]
    assert all(text.get_bbox_patch().get_facecolor()[3] == 1 for text in drawn)


def test_a_name_does_not_lie_on_a_point_to_its_right():
    figure = named_points({"left one": (5e13, 1.56), "right": (6.6e13, 1.561), "low": (2e14, 1.26)}, "x", "y")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    name = next(text for text in axes.texts if text.get_text() == "left one")
    box, (x, y) = Text.get_window_extent(name), axes.transData.transform((6.6e13, 1.561))
    assert box.x0 < x < box.x1 and not box.y0 < y < box.y1


@pytest.mark.parametrize("points", [{}, {"free": (0.0, 1.0)}, {"a": (1.0, 1.0), "b": (-1.0, 1.0)}])
def test_points_without_a_logarithm_are_refused(points):
    with pytest.raises(CourseError, match=f"There are {len(points)} points; expected one or more, all with x above 0"):
        named_points(points, "x", "y")


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


def test_what_is_known_of_training_is_saved_with_a_result_and_results_from_before_still_load():
    path = save("03", [TRAINED, GZIP])
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored[0]["training_flops"] == 1.1e14 and stored[0]["machine"] == "2 cores, CPU"
    assert list(stored[1]) == ["name", "lesson", "bits_per_byte", "test", "parameters"]  # as lesson 01 always wrote it
    assert load("03") == [TRAINED, GZIP]


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


def test_own_results_of_a_part_of_the_test_text_are_passed_over_in_one_line_that_says_so(own_results, capsys):
    own_results.mkdir()
    (own_results / "leaderboard_01.json").write_text(json.dumps([vars(GZIP)]), encoding="utf-8")
    save("01", [Result("5-gram", "01", 0.9, fingerprint("the first addresses alone"))])
    assert load("01") == [GZIP]
    assert capsys.readouterr().out.startswith("Lesson 01 was run on a part of the test text;")


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


@pytest.mark.parametrize(("lesson", "cells"), [("02", ["rnn"]), ("03", ["gru", "lstm"])])
def test_the_committed_results_of_the_networks_are_those_of_their_checkpoints(lesson, cells, monkeypatch):
    monkeypatch.setattr(leaderboard, "RESULTS", RESULTS)
    results = {result.name: result for result in load(lesson)}
    assert list(results) == [f"{cell.upper()} of bytes" for cell in cells]
    for cell, result in zip(cells, results.values(), strict=True):
        known = about(f"{cell}_sotu")
        assert (result.lesson, result.parameters) == (lesson, known["parameters"])
        assert (result.bits_per_byte, result.test) == (known["metrics"]["bits_per_byte"], known["metrics"]["test"])
        assert (result.training_tokens, result.seconds) == (known["training_tokens"], known["seconds"])


def test_all_committed_results_are_of_one_text_so_that_they_can_be_ranked(monkeypatch):
    monkeypatch.setattr(leaderboard, "RESULTS", RESULTS)
    results = [result for lesson in ("01", "02", "03") for result in load(lesson)]
    assert {result.test for result in results} == {fingerprint(load_sotu().test)}
    assert len(ranked(results)) == len(results)


# --- speed and machine


class Writes:
    """Knows two tokens, both equally likely, and how often it was read."""

    reads = 0

    def read(self, ids, memory=None):
        self.reads += 1
        return torch.tensor([0.5, 0.5]), memory


def test_speed_is_tokens_over_seconds_and_one_token_is_written_before_the_clock_starts(monkeypatch):
    model, clock = Writes(), []

    def ticks():
        clock.append(model.reads)
        return 100.0 + 2.5 * len(clock)

    monkeypatch.setattr(leaderboard, "perf_counter", ticks)
    assert tokens_per_second(model, [0], 50, generator(0)) == 50 / 2.5
    assert clock == [1, 51]


def test_speed_needs_a_token_to_be_written():
    with pytest.raises(CourseError, match="length is 0; expected 1 token or more"):
        tokens_per_second(Writes(), [0], 0, generator(0))


@pytest.mark.parametrize(("cores", "words"), [(1, "1 core, CPU"), (2, "2 cores, CPU")])
def test_a_machine_without_gpu_is_its_number_of_cores(monkeypatch, cores, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "available_cores", lambda: cores)
    assert machine() == words


def test_a_machine_with_a_gpu_is_that_gpu_and_never_named_itself(monkeypatch):
    assert socket.gethostname() not in machine()
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    assert machine() == "GPU 0"
