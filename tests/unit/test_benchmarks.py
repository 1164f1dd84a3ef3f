"""Paired timing, on contestants whose times are known; every part of `make bench` once, with little to do."""

import json
import math
import re
import sys
import time
from types import ModuleType

import pytest
import torch
from PIL import Image

from benchmarks import __main__ as bench
from benchmarks import counting, denoising, drawing, install, merging, processor, quality
from benchmarks.paired import (
    Contest,
    Growth,
    Measured,
    Spread,
    Timing,
    growth,
    memory_bandwidth,
    operators,
    peer,
    race,
    shares,
)
from course_utils.paths import RESULTS
from course_utils.text import train_bpe
from tools import speed


def test_a_spread_is_the_middle_the_lowest_and_the_highest():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_ratios_are_taken_within_a_round():
    timing = Timing({"ours": [1.0, 10.0, 2.0], "theirs": [2.0, 20.0, 3.0]})
    assert timing.faster("ours", "theirs") == Spread(2.0, 1.5, 2.0)  # a busy second round changes nothing
    assert timing.faster("theirs", "ours").median == 0.5
    assert timing.rate("ours", 100) == Spread(50.0, 10.0, 100.0)


def test_everybody_runs_once_a_round_and_once_to_warm_up_in_alternating_order():
    runs = []
    timing = race({"a": lambda: runs.append("a"), "b": lambda: runs.append("b")}, rounds=3)
    assert "".join(runs) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(seconds) for name, seconds in timing.seconds.items()} == {"a": 3, "b": 3}


def test_who_sleeps_twice_as_long_is_half_as_fast():
    timing = race({"short": lambda: time.sleep(0.02), "long": lambda: time.sleep(0.04)}, rounds=3)
    assert timing.faster("short", "long").median == pytest.approx(2, rel=0.3)


def test_memory_bandwidth_is_within_what_machines_have():
    assert 1e8 < memory_bandwidth(megabytes=64, rounds=3) < 1e13



# --- contests, growth, profiles


def contest(median: float, target: float | None, task: str = "run", spent: dict | None = None) -> Contest:
    rates = Spread(10.0, 9.0, 11.0), Spread(5.0, 4.0, 6.0), Spread(median, median / 2, median * 2)
    return Contest(task, "ours", "theirs", "miles/s", *rates, target, spent)


def test_who_was_given_less_work_is_compared_by_the_item():
    timing = Timing({"ours": [2.0, 4.0], "theirs": [3.0, 3.0]}).each({"ours": 100, "theirs": 10})
    made = Contest.of(timing, "count", "ours", "theirs", 1, "words/s", target=10.0)
    assert made.rate == Spread(37.5, 25.0, 50.0)
    assert made.faster.high == pytest.approx(15) and made.faster.low == pytest.approx(7.5)


@pytest.mark.parametrize(("median", "target", "met"), [(2.0, 2.0, True), (1.99, 2.0, False), (0.1, None, None)])
def test_a_target_is_met_from_its_number_on(median, target, met):
    assert contest(median, target).met is met


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_slope_is_the_power_with_which_time_grows(power):
    sizes = [10, 20, 40, 80]
    grown = Growth.of("sort", "ours", "words", sizes, [0.003 * size**power for size in sizes])
    assert grown.slope == pytest.approx(power, abs=1e-9)


def test_everybody_runs_at_every_size_and_the_median_of_the_rounds_is_kept():
    runs = []
    makers = {name: lambda size, name=name: lambda: runs.append((name, size)) for name in "ab"}
    found = growth("run", "miles", makers, [1, 2, 4], rounds=2)
    assert [one.who for one in found] == ["a", "b"] and found[0].sizes == [1, 2, 4]
    assert {run: runs.count(run) for run in runs} == {(name, size): 3 for name in "ab" for size in (1, 2, 4)}


def test_shares_are_of_the_parts_together_the_largest_first():
    found = shares({"short": lambda: time.sleep(0.01), "long": lambda: time.sleep(0.04)}, rounds=1)
    assert list(found) == ["long", "short"]
    assert sum(found.values()) == pytest.approx(1) and found["long"] > 0.6


def test_the_time_of_operators_is_told_apart_by_their_names():
    big, small = torch.ones(400, 400), torch.ones(4)
    found = operators(lambda: (big @ big, small.exp()), {"products": ("mm",), "bends": ("exp",)})
    assert list(found)[0] == "products" and set(found) == {"products", "bends", "everything else"}
    assert sum(found.values()) == pytest.approx(1)


def test_a_peer_that_is_not_installed_is_named_with_how_to_install_it(capsys):
    assert peer("no_such_peer", "no-such-peer") is None
    printed = capsys.readouterr().out
    assert "no-such-peer is not installed" in printed and "python -m benchmarks.install" in printed
    assert peer("json", "json") is json


def test_peers_are_installed_by_name_without_what_they_would_bring_along():
    command = install.command()
    assert "--no-deps" in command
    peers = {re.split("[<>=;]", word)[0] for word in command[command.index("--no-deps") + 1 :]}
    assert {"kenlm", "denoising-diffusion-pytorch"} <= peers and not peers & {"torch", "torchvision", "tensorflow"}


# --- the command: parts, the record, the picture


@pytest.fixture
def toy_parts(monkeypatch):
    """Every part replaced by one that says how often it was measured; quality by known numbers."""
    measured = []

    def module(part: str) -> ModuleType:
        made = ModuleType(f"toy_{part}")
        made.measure = lambda rounds: measured.append((part, rounds)) or Measured(
            [contest(2.0, 1.5, f"{part} a"), contest(0.5, 1.0, f"{part} b", {"waiting": 0.7, "working": 0.3})],
            [Growth.of(f"{part} a", "ours", "miles", [1, 2, 4], [1.0, 2.0, 4.0])],
            {"parameters": 3},
        )
        return made

    for part in bench.PARTS:
        monkeypatch.setitem(sys.modules, f"toy_{part}", module(part))
        monkeypatch.setitem(bench.PARTS, part, f"toy_{part}")
    monkeypatch.setattr(quality, "measure", lambda n_bytes: {"float32": 0.9, "int8": 0.909})
    monkeypatch.setattr(bench, "use", lambda threads: None)
    return measured


def run(out, *arguments: str) -> int:
    return bench.main([*arguments, "--rounds", "2", "--threads", "1", "--out", str(out)])


def test_all_parts_are_measured_printed_kept_and_drawn(toy_parts, tmp_path, capsys):
    out = tmp_path / "bench.json"
    assert run(out, "--bytes", "2000") == 0
    made, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert toy_parts == [(part, 2) for part in bench.PARTS]
    assert len(drawing.contests(made)) == 2 * len(bench.PARTS) and len(drawing.growths(made)) == len(bench.PARTS)
    assert made["counting"]["known"] == {"parameters": 3} and made["quality_bytes"] == 2000
    assert "target 1.5: met" in printed and "target 1: missed" in printed and "waiting 70%, working 30%" in printed
    assert "to the power 1.00 (1: 1 s, 2: 2 s, 4: 4 s)" in printed and "+1.00 %" in printed
    picture = Image.open(tmp_path / "bench.png")
    assert picture.width > 800 and len(picture.convert("RGB").getcolors(1 << 20)) > 5
    assert drawing.is_of(made, tmp_path / "bench.png")
    made["merging"]["growth"][0]["slope"] = 3.0
    assert not drawing.is_of(made, tmp_path / "bench.png") and not drawing.is_of(made, tmp_path / "none.png")


def test_one_part_is_measured_again_and_the_rest_stays(toy_parts, tmp_path):
    out = tmp_path / "bench.json"
    run(out)
    before = json.loads(out.read_text())
    before["training"]["known"] = "old"
    out.write_text(json.dumps(before))
    assert run(out, "counting") == 0
    assert toy_parts[len(bench.PARTS) :] == [("counting", 2)]
    assert json.loads(out.read_text())["training"]["known"] == "old"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["writing"], "measure all parts together"),
        (["speed"], "no part 'speed'; expected writing, training, recurrent, counting"),
    ],
)
def test_parts_of_another_run_or_of_no_name_are_refused_before_any_is_measured(
    arguments, reason, toy_parts, tmp_path, capsys
):
    out = tmp_path / "bench.json"
    out.write_text(json.dumps({"rounds": 3}))
    before = out.read_bytes()
    with pytest.raises(SystemExit):
        run(out, *arguments)
    assert reason in capsys.readouterr().err
    assert out.read_bytes() == before and toy_parts == []


# --- what README.md shows of it


def test_the_picture_is_that_of_the_committed_record():
    record = RESULTS / "bench.json"
    assert drawing.is_of(json.loads(record.read_text(encoding="utf-8")), record.with_suffix(".png"))


def test_the_table_says_of_each_contest_whether_its_target_is_met_and_why_not():
    rows = [vars(contest(3.0, 2.0, "fly")), vars(contest(1.5, 2.0, "swim", {"a": 0.1, "b": 0.6, "c": 0.3}))]
    rows = [row | {name: vars(row[name]) for name in ("rate", "peer_rate", "faster")} for row in rows]
    fly, swim = speed.table(rows).split("\n")[2:]
    assert fly == "| fly | ours: 10 miles/s | theirs: 5 | 3 (1.5–6) | ≥ 2 | met (not in every round) |"
    assert swim == "| swim | ours: 10 miles/s | theirs: 5 | 1.5 (0.75–3) | ≥ 2 | **missed** (not in every round) |"
    assert speed.missed(rows)[0] == "Missed: swim, beside theirs. By its profile, ours spends 60% on b and 30% on c."
    assert "1 of 2 targets are met" in speed.picture(rows)


@pytest.mark.parametrize(
    ("low", "median", "high", "told"),
    [
        (2.0, 3.0, 4.0, "met"),
        (1.99, 3.0, 4.0, "met (not in every round)"),
        (1.0, 1.5, 2.0, "**missed** (not in every round)"),
        (1.0, 1.5, 1.99, "**missed**"),
    ],
)
def test_a_target_that_some_rounds_miss_and_others_meet_is_marked(low, median, high, told):
    assert speed.verdict({"target": 2.0, "faster": {"low": low, "median": median, "high": high}}) == told


def test_the_table_says_in_which_precisions_the_tokens_are_those_of_the_peer():
    def told(same: dict[str, bool]) -> str:
        return " ".join(speed.alike({"known": {"same_tokens": same}})).strip()

    beside = "Beside transformers in the same precision, ours writes"
    both = f"{beside} the same tokens in float32 and other tokens in bfloat16."
    assert told({"float32": True, "bfloat16": False}) == both
    assert told({"float32": True, "bfloat16": True}) == f"{beside} the same tokens in float32 and bfloat16."
    assert told({"bfloat16": False}) == f"{beside} other tokens in bfloat16."
    assert speed.alike(None) == [] == speed.alike({"known": {"same_tokens": {}}})


def test_all_missed_targets_are_explained_in_one_line():
    rows = [vars(contest(1.0, 2.0, task, {"a": 0.6, "b": 0.4})) for task in ("fly", "swim")]
    rows = [row | {"faster": vars(row["faster"])} for row in rows]
    line, empty = speed.missed(rows)
    assert line.count("Missed: ") == 2 and "\n" not in line and empty == ""


def test_the_processor_is_shown_where_a_record_names_it():
    made = {"versions": {"torch": "2.0", "kenlm": None}}
    assert speed.measured_on(made) == ("The versions measured", "torch 2.0.")
    title, text = speed.measured_on(made | {"processor": "Epyc 7, AVX2"})
    assert title.startswith("The processor") and text == "Epyc 7, AVX2. torch 2.0."


def test_a_processor_is_named_with_its_wide_instructions_and_by_numbers_where_its_name_has_none():
    xeon = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Intel(R) Xeon(R) Processor\n"
    flags = "flags\t\t: fpu avx2 avx512f amx_tile\n"
    other = "\nmodel name\t: of a second core\n"
    assert processor.named(xeon + flags + other) == "Intel Xeon Processor, family 6, model 207, AVX2, AVX-512, AMX"
    assert processor.named("model\t: 1\nmodel name\t: AMD EPYC 7763 64-Core Processor\nflags\t: avx2\n") == (
        "AMD EPYC 7763 64-Core Processor, AVX2"
    )
    assert processor.named("") == processor.named("BogoMIPS\t: 50\nFeatures\t: fp asimd\n") == ""


def test_where_no_file_names_the_processor_python_does(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "LINUX_SAYS", tmp_path / "none")
    monkeypatch.setattr(processor.platform, "processor", lambda: "arm")
    assert processor.processor() == "arm"


def test_a_second_of_ours_is_marked_otherwise_and_both_are_named():
    rows = {
        "write": [{"who": who, "slope": 0.0} for who in ("theirs", "ours int8", "ours int4")],
        "train": [{"who": who, "slope": 0.0} for who in ("ours", "nn.LSTM")],
    }
    assert drawing.marks(rows["write"]) == [drawing.PEER, drawing.FIRST, drawing.SECOND]
    assert list(drawing.legend(rows).values()) == ["ours (of two: int8)", "ours (int4)", "a peer"]
    assert list(drawing.legend({"train": rows["train"]}).values()) == ["ours", "a peer"]


def test_marks_that_stand_close_are_spread_around_the_middle_of_their_row():
    assert drawing.offsets([1.0, 0.5, 0.99, 0.1]) == [drawing.STEP / 2, 0, -drawing.STEP / 2, 0]
    assert drawing.offsets([1.0, 1.05, 1.1]) == [-drawing.STEP, 0, drawing.STEP] and drawing.offsets([]) == []


# --- our parts, on very little


def test_counting_races_fit_and_scoring_on_the_same_words(monkeypatch):
    for name, value in {"WORDS": 3000, "SIZES": (500, 1000, 2000), "SCORED": 400, "SCORED_BY_NLTK": 2}.items():
        monkeypatch.setattr(counting, name, value)
    found = counting.measure(1)
    assert [(one.task.split()[0], one.peer) for one in found.contests][:2] == [("fit", "NLTK"), ("score", "NLTK")]
    assert set(found.contests[0].spent) == {"words to ids", "counting", "discounts"}
    assert {one.who for one in found.growth} == {"ours", "NLTK"}


def test_the_plain_trainer_and_encoder_do_what_ours_do():
    text = "low lower lowest newer newest wider widest " * 3
    assert merging.plain_training(text, 12)[:4] == train_bpe(text, 4)
    learned = train_bpe(text, 12)
    tokens = merging.plain_encoding(text, {merge: rank for rank, merge in enumerate(learned)})
    assert b"".join(tokens) == text.encode() and b" lowe" in tokens
    ours = merging.BytePairVocabulary(learned)
    assert [ours.token_bytes[i] for i in ours.encode(text).ids] == tokens


LINES = "first line\n\nsecond  line \n  indented\nit's\n\n\n\tthe last\n"


@pytest.mark.parametrize("text", [LINES, pytest.param(f"\n{LINES * 3}", id="lines, three times"), "one line", ""])
def test_the_peer_learns_and_encodes_the_same_by_lines_as_at_once(text, monkeypatch):
    by_lines = merging.their_training(text, 20)().to_str()
    ids = merging.their_encoding(text, by_lines)()
    assert ids == merging.Tokenizer.from_str(by_lines).encode(text).ids
    monkeypatch.setattr(merging, "LINE", re.compile("(?!)"))        # splits nothing
    assert merging.their_training(text, 20)().to_str() == by_lines


def test_a_cut_where_pieces_reach_across_would_change_the_ids():
    """Behind a line end, where `splitlines` cuts, the spaces of the next line are no longer one piece with it."""
    pieces = [piece for line in LINES.splitlines(keepends=True) for piece in merging.bpe_pieces(line)]
    assert pieces != merging.bpe_pieces(LINES)
    assert [p for line in merging.LINE.split(LINES) for p in merging.bpe_pieces(line)] == merging.bpe_pieces(LINES)


def test_merging_races_training_and_encoding_on_the_same_text(monkeypatch):
    small = {"CHARACTERS": 6000, "MERGES": 40, "PLAIN_CHARACTERS": 500, "PLAIN_MERGES": 5, "ENCODED": 500}
    for name, value in (small | {"SIZES": (1000, 2000, 4000), "VOCABULARIES": (270, 280, 290)}).items():
        monkeypatch.setattr(merging, name, value)
    found = merging.measure(1)
    peers = [(one.task.split()[0], one.peer) for one in found.contests]
    assert peers == [(task, who) for task in ("train", "encode") for who in ("tokenizers", "plain Python")]
    assert len(found.growth) == 4


def test_the_networks_that_diffuse_cost_the_same_within_a_tenth_and_draw_images():
    entrants = {name: make(28) for name, make in denoising.makers().items()}
    sizes = {name: denoising.size(entrant) for name, entrant in entrants.items()}
    for name, entrant in entrants.items():
        assert sizes[name]["megaflops"] == pytest.approx(sizes["ours"]["megaflops"], rel=0.05)
        assert sizes[name]["parameters"] == pytest.approx(sizes["ours"]["parameters"], rel=0.1)
        assert math.isfinite(entrant.loss(denoising._images(2, 28)).item())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoising, "STEPS_BACK", 2)
        for make in denoising.makers().values():
            drawn = make(16).sample(2)
            assert drawn.shape == (2, 1, 16, 16) and drawn.isfinite().all()


def test_loading_the_peer_leaves_no_torchvision_behind_that_is_none():
    missing = "torchvision" not in sys.modules
    seen = denoising.without_torchvision(lambda: sys.modules["torchvision"])
    assert isinstance(seen, ModuleType)
    assert not missing or "torchvision" not in sys.modules


def test_denoising_races_a_step_and_a_sample(monkeypatch):
    small = {"BATCH": 2, "IMAGES": 1, "STEPS_BACK": 2, "SIZES": (8, 12, 16), "BATCHES": (1, 2, 3), "BATCH_OF_SIZES": 1}
    for name, value in small.items():
        monkeypatch.setattr(denoising, name, value)
    found = denoising.measure(1)
    targets = {(one.task.split()[0], one.peer): one.target for one in found.contests}
    assert targets[("sample", "diffusers")] == 1.2 and targets[("train", "diffusers")] is None
    assert set(found.known["size"]) == set(denoising.makers()) and found.contests[-1].spent["convolutions"] > 0
