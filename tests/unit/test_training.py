"""`fit` on models small enough to work out by hand: schedule, best weights, interruption, bad numbers, resuming."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from torch import nn

from course_utils.checkpoints import CheckpointError
from course_utils.errors import CourseError
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.parallel_training import Processes
from course_utils.paths import REPOSITORY
from course_utils.seeding import generator
from course_utils.text.batches import streams, windows
from course_utils.training import CarriedState, FitConfig, History, TrainingError, fit, training_flops
from tools.verified import Verified

TEXT = torch.arange(2000) * 7 % 11                                  # a rule that a network can find out


def network(dropout: float = 0.0, seed: int = 1) -> RecurrentLM:
    return RecurrentLM(RecurrentConfig(11, "gru", embedding=6, width=8, layers=2, dropout=dropout), generator(seed))


def mean_nats(model) -> float:
    return model.token_nats(TEXT[None, :200], TEXT[None, 1:201]).mean().item()


class Scale(nn.Module):
    """loss = mean of (w · x): its gradient is the mean of x, whatever w is."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, targets: torch.Tensor):
        return x, (self.w * x).mean()


def ones(step: int):
    return torch.ones(2, 3), torch.zeros(2, 3, dtype=torch.int64)


# --- the schedule


def test_the_learning_rate_rises_in_a_line_and_falls_as_half_a_cosine():
    config = FitConfig(steps=100, learning_rate=1.0, warmup=0.2, final=0.1)
    assert config.learning_rate_at(0.0) < 0.01
    assert config.learning_rate_at(0.1) == pytest.approx(0.5, abs=0.01)
    assert config.learning_rate_at(0.2) == pytest.approx(1.0)
    assert config.learning_rate_at(0.6) == pytest.approx(0.1 + 0.9 / 2)
    assert config.learning_rate_at(1.0) == pytest.approx(0.1)


def test_a_run_makes_the_steps_it_was_told_to_and_counts_its_tokens():
    history = fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(steps=7))
    assert (history.steps, history.tokens) == (7, 7 * 4 * 16)
    assert history.tokens_per_second == pytest.approx(history.tokens / history.seconds)


def test_targets_that_are_no_token_are_not_counted():
    def batches(step):
        return torch.ones(2, 3), torch.tensor([[1, -100, -100], [1, 1, -100]])

    assert fit(Scale(), batches, FitConfig(steps=5)).tokens == 5 * 3


def test_a_run_of_seconds_ends_by_the_clock():
    begun = time.monotonic()
    history = fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(seconds=0.5))
    assert 0.5 <= time.monotonic() - begun < 10
    assert history.steps > 1


def test_the_first_steps_of_adamw_are_of_the_size_of_the_learning_rate():
    model = Scale()
    fit(model, ones, FitConfig(steps=3, learning_rate=0.1, warmup=0.0, final=1.0))
    assert model.w.item() == pytest.approx(-0.3, rel=1e-4)          # the gradient is 1, and Adam divides by its size


def test_the_gradient_is_clipped_to_the_norm_that_was_asked_for():
    seen = []

    class Loud(Scale):
        def forward(self, x, targets):
            if self.w.grad is not None:
                seen.append(self.w.grad.norm().item())
            return x, (1000 * self.w * x).mean()

    fit(Loud(), ones, FitConfig(steps=3, clip=0.5))
    assert seen == pytest.approx([0.5, 0.5])


def test_biases_do_not_decay_and_matrices_do():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix, self.bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))

        def forward(self, x, targets):
            return x, 0 * (self.matrix.sum() + self.bias.sum())

    model = Idle()
    fit(model, ones, FitConfig(steps=4, learning_rate=0.1, warmup=0.0, final=1.0, weight_decay=0.5))
    torch.testing.assert_close(model.matrix.data, torch.full((2, 2), 0.95**4))
    assert torch.equal(model.bias.data, torch.ones(2))


@pytest.mark.slow
def test_it_learns():
    model = network()
    before = mean_nats(model)
    fit(model, windows(TEXT, 8, 32, seed=1), FitConfig(steps=150, learning_rate=1e-2))
    assert mean_nats(model) < 0.5 * before


# --- the best weights


def test_afterwards_the_model_has_the_weights_of_its_best_validation():
    model, kept = Scale(), []

    def validate(model):
        kept.append(model.w.item())
        return [3.0, 1.0, 2.0][len(kept) - 1]

    history = fit(model, ones, FitConfig(steps=3, learning_rate=0.1, validate_every=1), validate=validate)
    assert history.best == (2, 1.0)
    assert model.w.item() == kept[1] != kept[2]


def test_without_validation_it_has_the_last_ones():
    model = Scale()
    fit(model, ones, FitConfig(steps=2, learning_rate=0.1, warmup=0.0, final=1.0))
    assert model.w.item() == pytest.approx(-0.2, rel=1e-4)


def test_the_end_is_validated_also_where_no_interval_ends_there():
    history = fit(Scale(), ones, FitConfig(steps=5, validate_every=2), validate=lambda model: 1.0)
    assert [step for step, _ in history.validation] == [2, 4, 5]


def test_an_interrupted_run_keeps_its_best_weights_and_says_so(capsys):
    model, kept = Scale(), []

    def validate(model):
        kept.append(model.w.item())
        if len(kept) == 3:
            raise KeyboardInterrupt
        return 1.0 if len(kept) == 1 else 2.0

    history = fit(model, ones, FitConfig(steps=100, learning_rate=0.1, validate_every=1), validate=validate)
    assert history.interrupted and history.steps == 3
    assert model.w.item() == kept[0]
    assert str(history).startswith("interrupted after 3 steps")
    assert capsys.readouterr().out.startswith("Interrupted after 3 steps: what follows has the model as it is.")


def test_an_interrupt_before_the_first_step_is_made_stops_the_cell_as_well(tmp_path):
    def batches(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Scale(), batches, FitConfig(steps=3), folder=tmp_path)
    assert fit(Scale(), ones, FitConfig(steps=3), folder=tmp_path).steps == 3


def test_whoever_looks_on_is_told_of_each_step_and_that_it_ended():
    class Onlooker:
        steps, closed = [], 0

        def update(self, step, losses, validation):
            self.steps.append((step, len(losses)))

        def close(self):
            self.closed += 1

    watch = Onlooker()
    fit(Scale(), ones, FitConfig(steps=3), watch=watch)
    assert watch.steps == [(1, 1), (2, 2), (3, 3)] and watch.closed == 1


def test_the_model_is_trained_on_accelerates_device_and_comes_back_to_its_own(monkeypatch):
    moves = []
    model = Scale()
    monkeypatch.setattr(model, "to", lambda device: moves.append(str(device)) or model)
    fit(model, ones, FitConfig(steps=1))
    assert len(moves) == 2 and moves[-1] == "cpu"


# --- numbers that are none


def test_a_loss_that_is_no_number_stops_the_run_with_the_step_the_rate_and_what_to_try():
    def batches(step):
        x, targets = ones(step)
        return x * (math.nan if step == 4 else 1.0), targets

    with pytest.raises(TrainingError, match=r"loss is nan at step 4, at a learning rate of .*Try a tenth") as error:
        fit(Scale(), batches, FitConfig(steps=10, learning_rate=0.02))
    assert "smaller clip (now 1)" in str(error.value)


def test_an_infinite_loss_stops_it_as_well_and_the_weights_before_it_are_kept():
    model = Scale()

    def batches(step):
        return (torch.full((1, 1), math.inf if step == 2 else 1.0), torch.zeros(1, 1, dtype=torch.int64))

    with pytest.raises(TrainingError, match="at step 2"):
        fit(model, batches, FitConfig(steps=10, learning_rate=0.1, warmup=0.0, final=1.0))
    assert model.w.item() == pytest.approx(-0.2, rel=1e-4)


# --- going on where it was killed


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from tests.unit.test_training import RESUMED, network, TEXT, mean_nats
    from course_utils.text.batches import streams
    from course_utils.training import CarriedState, fit

    calls = []
    def batches(step):
        if step == 17:
            os.kill(os.getpid(), signal.SIGKILL)
        return streams(TEXT, 4, 16)(step)

    fit(network(dropout=0.3), batches, RESUMED, validate=mean_nats, loss=CarriedState(), folder=Path(sys.argv[1]))
"""
RESUMED = FitConfig(steps=30, learning_rate=1e-2, validate_every=6, checkpoint_every=5, seed=3)
VERIFIES = [
    Verified("all", "a training run that was killed and resumed", "the run that was not", "equal, bit for bit"),
]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_that_was_killed_and_resumed_ends_bit_for_bit_where_the_whole_run_ends(tmp_path):
    whole = network(dropout=0.3)
    expected = fit(whole, streams(TEXT, 4, 16), RESUMED, validate=mean_nats, loss=CarriedState())

    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    killed = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.stem for path in tmp_path.glob("*.json")] == ["step-00000015"]

    again = network(dropout=0.3, seed=9)                            # other weights, for the checkpoint's to replace
    history = fit(again, streams(TEXT, 4, 16), RESUMED, validate=mean_nats, loss=CarriedState(), folder=tmp_path)
    assert history.losses == expected.losses
    assert history.validation == expected.validation
    assert history.tokens == expected.tokens
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize("forgotten", ["optimizer", "random", "loss"])
def test_a_checkpoint_that_lacks_a_part_would_end_elsewhere(forgotten, tmp_path, monkeypatch):
    """The test above could not tell if dropout, momentum or carried state did not matter: they do."""
    whole = fit(network(dropout=0.3), streams(TEXT, 4, 16), RESUMED, loss=CarriedState())
    short = dataclasses.replace(RESUMED, checkpoint_every=15)

    def stop_at_16(step):
        if step == 16:
            raise KeyboardInterrupt
        return streams(TEXT, 4, 16)(step)

    fit(network(dropout=0.3), stop_at_16, short, loss=CarriedState(), folder=tmp_path)
    from course_utils import checkpoints

    part = checkpoints.part
    if forgotten == "random":
        monkeypatch.setattr(Processes, "set_random_state", lambda self, kept: None)
    else:
        monkeypatch.setattr(checkpoints, "part", lambda name, t: {} if name == forgotten else part(name, t))
    resumed = fit(network(dropout=0.3), streams(TEXT, 4, 16), short, loss=CarriedState(), folder=tmp_path)
    assert resumed.losses[:15] == whole.losses[:15]
    assert resumed.losses[16:] != whole.losses[16:]


def test_a_finished_run_returns_at_once_with_what_it_was(tmp_path):
    config = FitConfig(steps=4, learning_rate=1e-2)
    first = fit(network(), windows(TEXT, 4, 16, seed=1), config, folder=tmp_path)

    def no_batches(step):
        raise AssertionError("nothing was left to do")

    model = network(seed=5)
    second = fit(model, no_batches, config, folder=tmp_path)
    assert second.losses == first.losses


def test_a_folder_with_a_run_of_other_settings_is_refused_and_left_alone(tmp_path):
    fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(steps=2), folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match="holds a run with other settings"):
        fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(steps=3), folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_damaged_checkpoint_is_named(tmp_path):
    fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(steps=2), folder=tmp_path)
    (tmp_path / "step-00000002.safetensors").write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="step-00000002.safetensors is damaged"):
        fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(steps=2), folder=tmp_path)


def test_only_the_newest_checkpoint_is_kept_and_it_holds_no_pickle(tmp_path):
    fit(network(), windows(TEXT, 4, 16, seed=1), FitConfig(steps=9, checkpoint_every=3), folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000009.json", "step-00000009.safetensors"]
    facts = json.loads((tmp_path / "step-00000009.json").read_text())
    assert facts["config"]["steps"] == 9 and len(facts["history"]["losses"]) == 9


# --- randomness, cost, settings


def test_dropout_is_seeded_by_the_run_and_the_global_generator_is_left_as_it_was():
    model = network(dropout=0.5)
    before = torch.get_rng_state()
    first = fit(model, windows(TEXT, 4, 16, seed=1), FitConfig(steps=3, seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert fit(network(dropout=0.5), windows(TEXT, 4, 16, seed=1), FitConfig(steps=3, seed=1)).losses == first.losses
    other = fit(network(dropout=0.5), windows(TEXT, 4, 16, seed=1), FitConfig(steps=3, seed=2))
    assert other.losses != first.losses


def test_training_costs_six_operations_for_each_weight_that_multiplies_and_token():
    model = nn.Sequential(nn.Embedding(100, 5), nn.Linear(5, 3), nn.Linear(3, 2))
    assert training_flops(model, tokens=10) == 6 * (5 * 3 + 3 * 2) * 10


def test_the_carried_state_goes_on_and_its_gradient_does_not():
    model, loss = network(), CarriedState()
    loss(model, streams(TEXT, 4, 16)(0))
    assert loss.state.shape == (2, 4, 8) and not loss.state.requires_grad
    first = loss.state.clone()
    loss(model, streams(TEXT, 4, 16)(1))
    assert not torch.equal(first, loss.state)


def test_a_carried_state_of_an_lstm_survives_being_kept():
    lstm = RecurrentLM(RecurrentConfig(11, "lstm", embedding=6, width=8), generator(1))
    loss, copy = CarriedState(), CarriedState()
    loss(lstm, streams(TEXT, 4, 16)(0))
    copy.load_state_dict(loss.state_dict())
    assert len(copy.state) == 2 and all(torch.equal(a, b) for a, b in zip(copy.state, loss.state, strict=True))
    assert CarriedState().state_dict() == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "either steps or seconds"),
        ({"steps": 1, "seconds": 1.0}, "either steps or seconds"),
        ({"steps": 0}, "nothing to do in 0"),
        ({"seconds": -1.0}, "nothing to do in -1.0"),
        ({"steps": 1, "learning_rate": 0.0}, "have to be above 0"),
        ({"steps": 1, "clip": 0.0}, "have to be above 0"),
        ({"steps": 1, "accumulate": 0}, "accumulate is 0; expected 1 batch a step or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(CourseError, match=message):
        FitConfig(**wrong)


def test_a_history_of_nothing_has_no_best_and_no_speed():
    assert (History().steps, History().best, History().tokens_per_second) == (0, None, 0.0)


def test_in_bfloat16_the_products_are_rounded_and_the_weights_stay_in_float32():
    seen = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x, targets):
            y = self.layer(x)
            seen.append(y.dtype)
            return y, y.float().square().mean()

    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        model = Watched()
        fit(model, ones, FitConfig(steps=2, precision=precision))
        assert set(seen) == {dtype} and model.layer.weight.dtype == torch.float32
        seen.clear()
    with pytest.raises(CourseError, match="precision is 'float16'; expected float32 or bfloat16"):
        FitConfig(steps=1, precision="float16")
