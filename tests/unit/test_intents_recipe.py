"""The recipe of the LoRA for intents, with a decoder of seconds: what is kept, what is learned, what is counted."""

from dataclasses import replace

import pytest
import torch

from course_utils import train
from course_utils.checkpoints import CheckpointError, load_state, read_tensors
from course_utils.models.lora import LoRAConfig, add_lora, load_lora, lora_weights, merge_lora
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.recipes import Prepared, Recipe, intents, load_from
from course_utils.recipes.intents import CONFIG, INTENTS
from course_utils.seeding import generator
from course_utils.training import FitConfig, fit

SMALL = TransformerConfig(64, 32, 16, 4, 2, **LLAMA, tied=True)
FIT = FitConfig(steps=6, learning_rate=1e-2, validate_every=3, checkpoint_every=3, seed=2)


def decoder() -> Transformer:
    return Transformer(SMALL, generator(1))


def with_lora(rank: int = 2) -> Transformer:
    model = decoder()
    add_lora(model, ("query", "value"), rank, generator(3))
    return model


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(64, (4, 9), generator=generator(step))
    return ids[:, :-1], ids[:, 1:]


def nats(model) -> float:
    with torch.no_grad():
        return model(*batches(0))[1].item()


def toy(rank: int = 2) -> Recipe:
    return Recipe(
        "toy", "A toy", LoRAConfig("toy", ("query", "value"), rank), FIT, lambda: with_lora(rank),
        lambda: Prepared(batches, nats, "ids"),
        lambda model: {"nats": nats(model)}, lora_weights, load_lora,
    )  # fmt: skip


def test_the_checkpoint_holds_the_narrow_matrices_alone_and_gives_the_tuned_model_back(tmp_path):
    known = train.make(toy(), tmp_path / "out", tmp_path / "work")
    stored = read_tensors(tmp_path / "out" / "toy.safetensors")
    assert stored.keys() == lora_weights(with_lora()).keys()
    assert all(name.endswith((".down", ".up")) for name in stored)
    model = load_from(toy(), tmp_path / "out")
    assert nats(model) == known["metrics"]["nats"] < nats(decoder()) - 1e-3
    base = without_lora(model)
    assert all(torch.equal(tensor, base[name]) for name, tensor in decoder().state_dict().items())


def without_lora(model: Transformer) -> dict[str, torch.Tensor]:
    """The frozen tensors by the names they had before LoRA."""
    return {name.replace(".base.", "."): tensor for name, tensor in model.state_dict().items()}


def test_a_checkpoint_of_another_rank_is_refused(tmp_path):
    train.make(toy(), tmp_path / "out", tmp_path / "work")
    with pytest.raises(CheckpointError, match="does not fit its recipe"):
        load_from(toy(rank=3), tmp_path / "out")


def test_a_run_keeps_what_changes_alone_and_goes_on_bit_for_bit(tmp_path):
    whole = with_lora()
    history = fit(whole, batches, FIT, validate=nats)

    def stopping(step: int):
        if step == 4:
            raise RuntimeError("the power went out")
        return batches(step)

    with pytest.raises(RuntimeError, match="power"):
        fit(with_lora(), stopping, FIT, validate=nats, folder=tmp_path)
    tensors, _ = load_state(tmp_path)
    kept = {name.removeprefix("model/") for name in tensors if name.startswith("model/")}
    assert kept == lora_weights(whole).keys()
    again = with_lora()
    assert fit(again, batches, FIT, validate=nats, folder=tmp_path).losses == history.losses
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_recipe_fits_a_checkpoint_of_eight_megabytes_and_begins_as_the_plain_model(monkeypatch):
    assert 1.5e6 < numbers_learned() < 4e6
    monkeypatch.setattr(intents, "load_decoder", lambda name, context: (decoder(), None))
    small = intents.with_lora(replace(CONFIG, rank=2))
    assert nats(small) == nats(decoder())
    assert nats(merge_lora(small)) == pytest.approx(nats(decoder()), abs=1e-6)


def numbers_learned() -> int:
    """What LoRA learns of SmolLM2, from its sizes: D 576, keys and values 192, inner 1,536, 30 layers."""
    width, narrow, inner = 576, 192, 1536
    pairs = [(width, width), (width, narrow), (width, inner), (width, inner), (inner, width)]
    return 30 * CONFIG.rank * sum(wide + tall for wide, tall in pairs)


@pytest.mark.slow
def test_what_is_learned_is_the_action_and_its_end_and_no_test_instruction_is_trained_on():
    prepared = INTENTS.prepare()
    inputs, targets = prepared.batches(0)
    assert inputs.shape == targets.shape and len(inputs) == intents.BATCH
    said = [intents.tokenizer().decode(row[row != -100]) for row in targets]
    assert all(text.startswith('{"intent": "') and text.endswith("}<|im_end|>") for text in said)
    train_texts = {one.text for one in intents.load_intents().instructions("train", intents.TRAINING, intents.SEED)}
    assert not train_texts & {one.text for one in intents.test_instructions()}
