"""How a batch is shared by rows, what several processes refuse, blocks that are computed twice, and older settings."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_utils import train
from course_utils.checkpoints import CheckpointError
from course_utils.errors import CourseError
from course_utils.fit_config import YOUNGER
from course_utils.parallel_training import Processes, blocks_of, check_together, own_rows, recomputed
from course_utils.training import CarriedState, FitConfig, fit
from tests.support.together import batches, model

pytestmark = pytest.mark.usefixtures("one_thread")
PADDED = torch.tensor([[1, 2], [-100, -100], [3, -100]])


def test_each_process_gets_rows_of_its_own_and_counts_their_targets():
    inputs = torch.arange(6).view(3, 2)
    (first, targets), counted = own_rows((inputs, PADDED), 0, 2)
    assert first.tolist() == [[0, 1], [4, 5]] and targets.tolist() == [[1, 2], [3, -100]] and counted == 3


def test_rows_without_a_target_get_some_and_count_for_nothing():
    (_, targets), counted = own_rows((torch.zeros(3, 2), PADDED), 1, 2)
    assert targets.tolist() == [[0, 0]] and counted == 0           # else their mean would be 0 / 0


def test_a_process_without_a_row_computes_the_first_one_for_nothing():
    (inputs, targets), counted = own_rows((torch.tensor([[7]]), torch.tensor([[8]])), 1, 2)
    assert (inputs.tolist(), targets.tolist(), counted) == ([[7]], [[8]], 0)


def test_tensors_of_unlike_height_cannot_be_shared_by_rows():
    with pytest.raises(CourseError, match=r"tensors have \[2, 3\] rows; expected alike"):
        own_rows((torch.zeros(2, 1), torch.zeros(3, 1)), 0, 2)


def test_what_several_processes_cannot_do_is_refused_with_what_to_do():
    together = SimpleNamespace(count=2, sharded=True)
    with pytest.raises(CourseError, match="optimizer is 'muon'.*in shards expected 'adamw'"):
        check_together(together, FitConfig(steps=1, optimizer="muon"), None, None)
    with pytest.raises(CourseError, match="carries a state from batch to batch.*Start it without a launcher"):
        check_together(together, FitConfig(steps=1), CarriedState(), "folder")
    check_together(SimpleNamespace(count=1, sharded=False), FitConfig(steps=1), CarriedState(), "folder")


def test_all_go_by_what_the_first_says_and_one_alone_by_itself():
    alone = Processes(SimpleNamespace(device=torch.device("cpu"), num_processes=1, process_index=0))
    assert (alone.summed(0.1), alone.agreed(0.1), alone.first, alone.sharded) == (0.1, 0.1, True, False)


@pytest.mark.parametrize("own", [2, 4])
def test_where_one_process_sees_another_checkpoint_all_stop_and_none_is_left_waiting(own, tmp_path, monkeypatch):
    here = Processes(SimpleNamespace(device=torch.device("cpu"), num_processes=2, process_index=1))
    monkeypatch.setattr(here, "agreed", lambda steps: 4)
    monkeypatch.setattr(here, "summed", lambda differs: 1)         # with own 4, it is another one that differs
    with pytest.raises(CourseError, match=f"run/ has a checkpoint of {own} steps for process 1 and of 4 for the first"):
        here.check_alike(own, tmp_path / "run")
    monkeypatch.setattr(here, "summed", lambda differs: differs)
    here.check_alike(4, tmp_path / "run")


# --- batches one after another


def test_a_step_without_any_target_stops_the_run_and_a_batch_without_one_does_not():
    def without(step):
        inputs, targets = batches(4)(step)
        return inputs, torch.full_like(targets, -100)

    with pytest.raises(CourseError, match="The loss is nan at step 0"):
        fit(model(), without, FitConfig(steps=2, accumulate=2))
    every_second = [batches(4)(0), without(1)]
    history = fit(model(), lambda step: every_second[step % 2], FitConfig(steps=2, accumulate=2))
    assert history.tokens == 2 * int((every_second[0][1] != -100).sum())
    assert history.losses == fit(model(), lambda step: every_second[0], FitConfig(steps=2)).losses


# --- computed twice


def kept_bytes(network: nn.Module, twice: bool) -> int:
    """How much a forward pass keeps in memory for the way back, the weights left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    storages = {}

    def keep(tensor):
        if (where := tensor.untyped_storage()).data_ptr() not in weights:
            storages[where.data_ptr()] = (where.nbytes(), tensor)  # held, so that no other takes its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), recomputed(network, twice):
        network(*batches(8)(0))
    return sum(size for size, _ in storages.values())


def test_blocks_that_are_computed_twice_keep_less_than_half():
    network = model()
    less, more = kept_bytes(network, twice=True), kept_bytes(network, twice=False)
    print(f"kept for the way back: {less:,} bytes in place of {more:,}")
    assert less < 0.5 * more


def test_with_dropout_too_they_learn_the_same_bit_for_bit():
    once, twice = model(dropout=0.3), model(dropout=0.3)
    first = fit(once, batches(4), FitConfig(steps=4, learning_rate=1e-2))
    second = fit(twice, batches(4), FitConfig(steps=4, learning_rate=1e-2, checkpoint_activations=True))
    assert first.losses == second.losses
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), twice.parameters(), strict=True))


def test_afterwards_the_blocks_are_as_they_were():
    network = model()
    with recomputed(network):
        assert "forward" in vars(network.blocks[0])
    assert "forward" not in vars(network.blocks[0]) and len(blocks_of(network)) == 2


def test_a_model_without_blocks_is_refused():
    with pytest.raises(CourseError, match="has no list of blocks .*leave out checkpoint_activations"), recomputed(
        nn.Linear(2, 2)
    ):
        pass


# --- older settings


def test_a_run_from_before_a_setting_goes_on_and_one_that_now_sets_it_is_refused(tmp_path):
    settings = {"steps": 3, "learning_rate": 1e-2}
    first = fit(model(), batches(4), FitConfig(**settings), folder=tmp_path)
    record = tmp_path / "step-00000003.json"
    facts = json.loads(record.read_text())
    facts["config"] = {name: value for name, value in facts["config"].items() if name not in YOUNGER}
    record.write_text(json.dumps(facts))
    assert fit(model(), batches(4), FitConfig(**settings), folder=tmp_path).losses == first.losses
    with pytest.raises(CheckpointError, match="holds a run with other settings"):
        fit(model(), batches(4), FitConfig(**settings, accumulate=2), folder=tmp_path)


# --- trials


@pytest.mark.parametrize("flag", [["--precision", "float32"], ["--accumulate", "2"], ["--checkpoint-activations"]])
def test_a_shipped_checkpoint_is_made_with_no_settings_but_its_recipes(flag, capsys):
    with pytest.raises(SystemExit):
        train.main(["gpt_sotu", *flag])
    assert "with other settings give --steps as well" in capsys.readouterr().err


def test_a_recipe_that_is_no_single_fit_has_no_trial(capsys):
    assert train.main(["fashion_gan", "--steps", "2", "--threads", "1"]) == 1
    assert "fashion_gan is not made in steps of one loss" in capsys.readouterr().err
