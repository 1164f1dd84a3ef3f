"""Making, loading and describing a checkpoint, with a recipe of seconds."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from course_utils import train
from course_utils.checkpoints import CheckpointError
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.recipes import Prepared, Recipe, about, load, load_from
from course_utils.recipes.base import sha256
from course_utils.seeding import generator
from course_utils.text.batches import windows
from course_utils.training import FitConfig

IDS = torch.arange(500) * 7 % 11
CONFIG = RecurrentConfig(11, "rnn", embedding=4, width=5)


def nats(model) -> float:
    return model.token_nats(IDS[None, :99], IDS[None, 1:100]).mean().item()


def recipe(config=CONFIG) -> Recipe:
    return Recipe(
        "toy",
        "A toy",
        config,
        FitConfig(steps=6, learning_rate=1e-2, validate_every=3, checkpoint_every=2, seed=4),
        lambda: RecurrentLM(config, generator(4)),
        lambda: Prepared(windows(IDS, 2, 8, seed=1), nats, sha256("the ids")),
        lambda model: {"nats": nats(model), "test": "abc"},
    )


def test_making_a_checkpoint_writes_halves_and_everything_that_is_to_be_known(tmp_path):
    known = train.make(recipe(), tmp_path / "out", tmp_path / "work")
    assert json.loads((tmp_path / "out" / "toy.json").read_text()) == json.loads(json.dumps(known))
    assert known["recipe"]["model"] == asdict(CONFIG)
    assert (known["steps"], known["training_tokens"], known["seed"]) == (6, 6 * 2 * 8, 4)
    assert known["data_sha256"] == sha256("the ids")
    model = load_from(recipe(), tmp_path / "out")
    assert known["metrics"] == {"nats": nats(model), "test": "abc"}   # of the rounded weights, as they are loaded
    assert all(torch.equal(p, p.half().float()) for p in model.parameters())
    assert not model.training


def test_making_it_again_gives_the_same_weights(tmp_path):
    for name in ("one", "two"):
        train.make(recipe(), tmp_path / name, tmp_path / f"{name}_work")
    first, second = ((tmp_path / name / "toy.safetensors").read_bytes() for name in ("one", "two"))
    assert first == second


def test_a_checkpoint_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(CheckpointError, match="toy.safetensors is missing; make it with `python -m "):
        load_from(recipe(), tmp_path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    train.make(recipe(), tmp_path, tmp_path / "work")
    with pytest.raises(CheckpointError, match="does not fit its recipe"):
        load_from(recipe(replace(CONFIG, width=6)), tmp_path)


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "toy.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(CheckpointError, match="toy.safetensors is damaged"):
        load_from(recipe(), tmp_path)


def test_an_unknown_name_lists_the_names_there_are():
    for ask in (load, about):
        with pytest.raises(CheckpointError, match="no checkpoint 'gpt5'; there are rnn_sotu, gru_sotu"):
            ask("gpt5")


def test_the_command_line_refuses_an_unknown_name(capsys):
    assert train.main(["nothing"]) == 1
    assert "There is no checkpoint 'nothing'; there are rnn_sotu" in capsys.readouterr().err
