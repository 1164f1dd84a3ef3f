"""Where models are trained, and that what a GPU gave says so."""

import json

import pytest
import torch
from accelerate.state import PartialState

from course_utils import devices, doctor, leaderboard
from course_utils.devices import accelerator, device, device_label, gpu_label
from course_utils.errors import CourseError
from course_utils.leaderboard import Result
from course_utils.training import FitConfig, History, fit
from tests.unit.test_training import Scale, ones


@pytest.fixture
def gpu(monkeypatch):
    """A machine on which torch says that it sees one GPU."""
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")


@pytest.fixture
def no_gpu(monkeypatch):
    """A machine without a GPU and with two cores."""
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(devices, "available_cores", lambda: 2)


def test_a_gpu_is_taken_where_torch_sees_one(gpu):
    assert (device().type, gpu_label(), device_label()) == ("cuda", "GPU 0", "GPU 0")


def test_without_a_gpu_it_is_the_cpu_and_the_label_counts_its_cores(no_gpu):
    assert (device().type, gpu_label(), device_label()) == ("cpu", "", "2 cores, CPU")


def test_an_apple_gpu_has_to_be_asked_for(no_gpu, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device().type == "cpu"
    monkeypatch.setenv("COURSE_DEVICE", "mps")
    assert (device().type, device_label()) == ("mps", "Apple GPU")


def test_the_environment_keeps_a_gpu_out_of_use(gpu, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert device().type == "cpu" and "CPU" in device_label()


@pytest.mark.parametrize(("told", "taken"), [("true", "cpu"), ("1", "cpu"), ("false", "cuda")])
def test_accelerate_that_is_told_to_leave_gpus_alone_is_obeyed(gpu, monkeypatch, told, taken):
    monkeypatch.setenv("ACCELERATE_USE_CPU", told)                 # as `accelerate launch` sets it from use_cpu
    assert device().type == taken


@pytest.mark.parametrize(
    ("name", "words"),
    [("gpu", "'gpu'; expected one of cpu, cuda, mps"), ("cuda", "'cuda', but torch sees no such GPU here; unset it")],
)
def test_a_device_that_is_unknown_or_not_here_is_refused_with_what_to_do(no_gpu, monkeypatch, name, words):
    monkeypatch.setenv("COURSE_DEVICE", name)
    with pytest.raises(CourseError, match=words):
        device()
    row = doctor.device_row()
    assert row.status == "no" and words.split(",")[0].split(";")[0] in row.value and row.advice == "unset COURSE_DEVICE"


def test_the_doctor_names_the_device_that_training_takes(gpu, monkeypatch):
    assert doctor.device_row().value == "GPU 0 (cuda)"
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert doctor.device_row().value.startswith("CPU (")


def test_what_a_gpu_trained_says_so_and_what_the_cpu_trained_says_nothing(no_gpu, monkeypatch):
    trained = fit(Scale(), ones, FitConfig(steps=2))
    assert trained.device == "" and " on " not in str(trained)
    assert str(History([1.0], device="GPU 0")).endswith("; on GPU 0")


def test_a_result_carries_the_gpu_it_was_measured_beside_and_its_table_shows_it(gpu, monkeypatch):
    own = Result("own", "07", 2.0, "t")
    other = Result("other", "07", 2.1, "t", machine="2 cores, CPU, 2 threads")
    assert own.machine == "GPU 0"
    assert "GPU 0" in leaderboard.table([own, other])
    assert "machine" not in leaderboard.table([other])


def test_results_that_came_with_the_course_do_not_take_the_readers_gpu_for_theirs(gpu, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    row = {"name": "gzip", "lesson": "01", "bits_per_byte": 2.5, "test": "t", "parameters": 0}
    (tmp_path / "leaderboard_01.json").write_text(json.dumps([row]))
    assert leaderboard.load("01")[0].machine == ""


def test_accelerate_follows_the_device_and_a_change_within_a_session_asks_for_a_restart(no_gpu, monkeypatch):
    assert accelerator().device == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setenv("COURSE_DEVICE", "mps")                     # accelerate holds on to the CPU that it began with
    with pytest.raises(CourseError, match="to go on 'mps', but began elsewhere in this session; restart the kernel"):
        accelerator()


def test_a_gpu_that_accelerate_already_holds_cannot_be_left_within_a_session(no_gpu, monkeypatch):
    held = accelerator().state
    monkeypatch.setattr(held, "device", torch.device("cuda"))
    monkeypatch.setitem(PartialState._shared_state, "device", torch.device("cuda"))
    with pytest.raises(CourseError, match="to go on 'cpu', but began elsewhere in this session; restart the kernel"):
        accelerator()
