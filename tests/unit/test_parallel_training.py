"""How a batch is shared by rows, what several processes refuse, blocks that are computed twice, and older settings."""

import json
import re
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_utils import train
from course_utils.checkpoints import CheckpointError
from course_utils.errors import CourseError
from course_utils.fit_config import YOUNGER
from course_utils.images.corpora import as_wide_as_fashion, load_digits
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.models.drawn import DrawnLoss
from course_utils.models.encoder import EncoderBlock
from course_utils.models.encoder_decoder import Layer
from course_utils.models.transformer import Block
from course_utils.parallel_training import Processes, blocks_of, check_together, own_rows, recomputed
from course_utils.paths import REPOSITORY
from course_utils.recipes import RECIPES, fashion_classifier, fashion_images
from course_utils.recipes.fashion_images import ClassLoss
from course_utils.seeding import generator
from course_utils.training import CarriedState, FitConfig, fit, own_loss
from tests.support.together import batches, model

pytestmark = pytest.mark.usefixtures("one_thread")
PADDED = torch.tensor([[1, 2], [-100, -100], [3, -100]])
ONE, TWO, SHARDED = (SimpleNamespace(count=count, sharded=cut) for count, cut in ((1, False), (2, False), (2, True)))
ONE_STEP = FitConfig(steps=1)
SHARDS = REPOSITORY / "scale" / "fsdp.yaml"


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
    with pytest.raises(CourseError, match="optimizer is 'muon'.*in shards expected 'adamw'"):
        check_together(SHARDED, model(), FitConfig(steps=1, optimizer="muon"), None, None)
    with pytest.raises(CourseError, match="carries a state from row to row.*Start it without a launcher"):
        check_together(TWO, model(), ONE_STEP, CarriedState(), "folder")
    check_together(TWO, model(), ONE_STEP, CarriedState(), None)
    check_together(ONE, model(), ONE_STEP, CarriedState(), "folder")


@pytest.mark.parametrize("folder", [None, "folder"])
def test_noise_and_means_of_a_whole_batch_are_refused_with_and_without_a_folder(folder):
    normed = Classifier(ClassifierConfig(), generator(0))
    with pytest.raises(CourseError, match="draws noise for a whole batch.*Start it without a launcher"):
        check_together(TWO, model(), ONE_STEP, ClassLoss(1), folder)
    with pytest.raises(CourseError, match="Batch norm takes its means over a whole batch.*without a launcher"):
        check_together(TWO, normed, ONE_STEP, own_loss, folder)
    for network, loss in ((model(), DrawnLoss(1)), (normed, own_loss)):
        check_together(ONE, network, ONE_STEP, loss, folder)


@pytest.mark.parametrize(
    ("launcher", "own", "refused"),
    [
        ("no", "float32", False), ("no", "bfloat16", False), ("bf16", "bfloat16", False),
        ("bf16", "float32", True), ("fp16", "float32", True), ("fp16", "bfloat16", True),
    ],
)  # fmt: skip
def test_the_launcher_rounds_only_where_the_settings_say_so(launcher, own, refused, monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launcher)
    expected = pytest.raises(CourseError, match=f"says mixed_precision '{launcher}', FitConfig precision '{own}'")
    with expected if refused else nullcontext():
        check_together(ONE, model(), FitConfig(steps=1, precision=own), own_loss, None)


def test_a_model_without_the_blocks_that_are_cut_is_refused(monkeypatch):
    from course_utils import sharding

    monkeypatch.setenv("FSDP_TRANSFORMER_CLS_TO_WRAP", "EncoderBlock,Layer")
    with pytest.raises(CourseError, match=r"Transformer has no block of the classes that are cut: .*Name its own"):
        sharding.shards(model(), torch.device("cpu"), 1)


def test_the_blocks_of_every_transformer_are_named_in_the_settings_for_shards():
    named = re.search("fsdp_transformer_layer_cls_to_wrap: (.*)", SHARDS.read_text(encoding="utf-8")).group(1)
    assert {each.__name__ for each in (Block, EncoderBlock, Layer)} == set(named.split(","))


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


@pytest.mark.parametrize("trial", [[], ["--steps", "2"]])
@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.alone])
def test_a_recipe_that_one_process_has_to_make_is_refused_before_anything_is_read(name, trial, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(train, "accelerator", lambda: SimpleNamespace(num_processes=2, is_main_process=False))
    assert train.main([name, *trial, "--threads", "1", "--out", "none", "--work", "none"]) == 1
    assert f"{name} cannot be shared by 2 processes: {RECIPES[name].alone}. Start it" in capsys.readouterr().err


FAMILIES = "fashion_vae", "fashion_diffusion", "fashion_transformer"


@pytest.mark.parametrize("name", ["rnn_sotu", "gpt_sotu", "fashion_classifier", *FAMILIES])
def test_what_a_recipe_says_of_itself_is_what_fit_says(name, monkeypatch):
    corpus, recipe = as_wide_as_fashion(load_digits()), RECIPES[name]
    for module in (fashion_images, fashion_classifier):            # the clothes are an asset
        monkeypatch.setattr(module, "load_fashion", lambda stand_in: corpus)
    with pytest.raises(CourseError, match="expected one process") if recipe.alone else nullcontext():
        check_together(TWO, recipe.model(), recipe.fit, recipe.prepare().loss, "folder")


def test_a_recipe_that_is_no_single_fit_has_no_trial(capsys):
    assert train.main(["fashion_gan", "--steps", "2", "--threads", "1"]) == 1
    assert "fashion_gan is not made in steps of one loss" in capsys.readouterr().err
