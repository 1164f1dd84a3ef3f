"""`python -m benchmarks gpu`: its trial on a CPU from end to end, what a failing section leaves, and the page of it."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as bench
from benchmarks import gpu, gpu_speed, in_shards, on_gpu
from benchmarks.place import SIZES, Place
from course_utils import checkpoints
from course_utils.models.attention import causal_mask, fused_attention
from course_utils.paths import REPOSITORY, RESULTS
from course_utils.seeding import generator
from tools import scale_table

TINY = Place("cpu", tiny=True)
ABSENT = (                                                         # what a machine that is lent for its GPU may lack
    "IPython", "bertviz", "gguf", "ipywidgets", "jupyterlab", "keras", "matplotlib", "nltk", "sacrebleu", "voila",
)  # fmt: skip
SECONDS = 250                                                      # two idle cores take 30
NO_FSDP = pytest.mark.skipif(os.name == "nt", reason="processes talk through gloo, which is not built for Windows")


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch, one_thread):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")                     # the command sets it; here it is put back


# --- the trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """The record of a trial, by the command, where packages that it should do without cannot be imported."""
    folder = tmp_path_factory.mktemp("trial")
    for name in ABSENT:
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name!r}', name={name!r})\n")
    command = [sys.executable, "-m", "benchmarks", "gpu", "--tiny", "--device", "cpu", "--seconds", str(SECONDS)]
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--out", str(folder)], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / gpu.RECORD


@NO_FSDP
@pytest.mark.slow
def test_a_trial_leaves_the_figures_of_every_section_and_no_error(trial):
    record = json.loads(trial.read_text(encoding="utf-8"))
    assert list(record) == list(gpu.sections(TINY))
    assert all("error" not in found and len(found) > 1 for found in record.values())
    fit, blocks, shards = record["fit"], record["recompute"], record["fsdp"]
    assert fit["float32_losses_apart_from_cpu"] == fit["float32_weights_apart_from_cpu"] == 0     # here both are it
    assert fit["float32_twice_equal"] and fit["accumulated_losses_apart"] < 1e-5
    assert 0 < fit["bfloat16_losses_apart_from_float32"] < 0.1
    assert all(record["resume"][name] == {"losses_equal": True, "weights_apart": 0} for name in on_gpu.PRECISIONS)
    assert (blocks["losses_equal"], blocks["weights_apart"], shards["weights_apart"]) == (True, 0, 0)
    raced = [one for part in ("speed tiny", "compiled") for one in record[part].values() if isinstance(one, dict)]
    assert len(raced) == 3 + 4 and {one["parameters"] for one in raced} == {raced[0]["parameters"]}
    assert all(0 < one["low"] <= one["tokens_per_second"] <= one["high"] for one in raced)
    assert set(gpu_speed.RUNS) < set(record["fit's own speed"])


@NO_FSDP
@pytest.mark.slow
def test_the_page_can_be_drawn_from_what_a_trial_writes(trial, monkeypatch):
    monkeypatch.setattr(scale_table, "GPU_RECORD", trial)
    page = scale_table.measured()
    for who in (gpu_speed.OURS, gpu_speed.CAUSAL, gpu_speed.THEIRS):
        assert f"| tiny | 4 × 32 | {who} | " in page
    assert all(f"| `fit`, {name} | " in page for name in gpu_speed.RUNS) and "ends: True." in page


# --- the command


def finds(place):
    yield {"first": 1}
    yield {"second": 2}


def fails(place):
    yield {"first": 1}
    raise ValueError("no such thing")


def hangs(place):
    yield {"first": 1}
    time.sleep(30)


def run(out: Path, *arguments: str) -> int:
    return bench.main(["gpu", "--tiny", "--device", "cpu", "--out", str(out), *arguments])


@pytest.mark.slow
def test_a_section_that_fails_leaves_its_error_and_what_it_had_and_the_rest_go_on(tmp_path, monkeypatch, capsys):
    toys = {"bad": (60, fails), "good": (60, finds)}
    monkeypatch.setattr(gpu, "sections", lambda place: toys)
    assert run(tmp_path) == 1
    record = json.loads((tmp_path / gpu.RECORD).read_text())
    assert record["bad"]["first"] == 1 and record["bad"]["error"].endswith("ValueError: no such thing\n")
    assert record["good"]["second"] == 2 and "failed: bad" in capsys.readouterr().out
    del toys["bad"]
    assert run(tmp_path) == 0


def test_a_section_is_on_disk_when_the_next_begins(tmp_path, monkeypatch):
    def looks(place):
        yield {"there": list(json.loads((tmp_path / gpu.RECORD).read_text()))}

    monkeypatch.setattr(gpu, "sections", lambda place: {"one": (60, finds), "two": (60, looks)})
    assert run(tmp_path) == 0
    assert json.loads((tmp_path / gpu.RECORD).read_text())["two"]["there"] == ["one"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no clock that interrupts")
def test_a_section_that_takes_longer_than_it_may_is_ended(monkeypatch):
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 0.0)
    found = gpu.measured(hangs, TINY, 0.2)
    assert found["first"] == 1 and "OutOfTime: It took more than 0 s." in found["error"]
    assert 0.2 <= found["section_seconds"] < 10


def test_what_no_time_is_left_for_is_not_begun():
    found = gpu.measured(finds, TINY, gpu.LEAST_SECONDS - 1)
    assert "first" not in found and "Give more --seconds." in found["error"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["gpu"], "torch sees no GPU here; for a trial: --tiny --device cpu --out FOLDER"),
        (["gpu", "--tiny", "--device", "cpu"], "what a trial finds is no record"),
        (["writing", "gpu"], "there is no part 'gpu'; expected writing"),
    ],
)
def test_what_would_not_be_a_record_is_refused(arguments, reason, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        bench.main(arguments)
    assert reason in capsys.readouterr().err


# --- what is measured


def test_the_attention_that_is_told_it_is_causal_is_the_one_that_sees_the_mask():
    query, key, value = torch.randn(3, 2, 4, 7, 8, generator=generator(1))
    expected, _ = fused_attention(query, key, value, causal_mask(7))
    mixed, weights = gpu_speed.causal(query, key, value, causal_mask(7))
    assert weights is None and torch.allclose(mixed, expected, atol=1e-6)


def test_the_step_of_fit_is_the_median_without_the_first_two():
    clock = gpu_speed.Clock()
    clock.moments = [0.0, 50.0, 51.0, 53.0, 54.0, 56.5]            # seconds: 50, then 1, 2, 1, 2.5
    assert clock.seconds == 1.5


def test_a_run_is_stopped_between_two_checkpoints(tmp_path):
    config = replace(on_gpu.settings(TINY), checkpoint_every=2)
    history = on_gpu.stopped(TINY, on_gpu.batches(TINY), config, tmp_path)
    assert history.interrupted and history.steps == 5
    assert {path.stem for path in tmp_path.iterdir()} == {"step-00000004"}


def test_a_launcher_that_makes_no_shards_is_no_measurement(monkeypatch):
    def launched(command, place):
        folder = Path(command[-2])
        checkpoints.write_json(folder / in_shards.SEEN, {"losses": [], "sharded": False})
        checkpoints.write_tensors(folder / in_shards.WEIGHTS, {})

    monkeypatch.setattr(in_shards, "launched", launched)
    with pytest.raises(AssertionError, match="expected one in shards"):
        list(in_shards.fsdp(TINY))


def test_what_the_launcher_says_is_told_where_it_fails():
    with pytest.raises(RuntimeError, match="status 3:\nno port"):
        in_shards.launched([sys.executable, "-c", "print('no port'); raise SystemExit(3)"], TINY)


# --- the record


def test_the_record_is_of_the_sizes_that_the_page_states():
    record = json.loads((RESULTS / gpu.RECORD).read_text(encoding="utf-8"))
    for name, size in SIZES.items():
        found, config = record[f"speed {name}"], size.config
        inside = 12 * config.layers * config.width**2              # attention 4·D², feed-forward 8·D²
        attention = 4 * config.layers * config.context * config.width
        multiplied = inside + config.vocabulary_size * config.width
        assert found["batch"] == size.batch and found["flops_per_token"] == 3 * (2 * multiplied + attention)


def test_a_record_with_an_error_is_not_put_on_the_page(tmp_path, monkeypatch):
    record = tmp_path / gpu.RECORD
    record.write_text(json.dumps({"machine": {"gpu": "H100"}, "fit": {"error": "out of memory"}}))
    monkeypatch.setattr(scale_table, "GPU_RECORD", record)
    with pytest.raises(SystemExit, match="gpu.json: fit has an error for figures"):
        scale_table.measured()
