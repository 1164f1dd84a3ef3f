"""LoRA: it starts as nothing, learns through few numbers, and can be added into the matrices."""

import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.lora import LoRALinear, add_lora, load_lora, lora_weights, merge_lora
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

NAMES = ("query", "value", "gate", "down")


def small_model() -> Transformer:
    return Transformer(TransformerConfig(40, 16, 32, 4, 2, **LLAMA), generator(0))


def some_ids(seed: int = 1) -> torch.Tensor:
    return torch.randint(40, (8, 12), generator=generator(seed))


def disturbed(model: nn.Module) -> nn.Module:
    """With corrections that are not zero, as after training."""
    random = generator(5)
    for module in model.modules():
        if isinstance(module, LoRALinear):
            nn.init.normal_(module.up, 0.0, 0.1, generator=random)
    return model


def test_a_layer_is_the_base_plus_the_scaled_product_worked_out_by_hand():
    base = nn.Linear(2, 2, bias=False)
    base.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    layer = LoRALinear(base, rank=1, alpha=3.0, generator=generator(0))
    layer.down.data, layer.up.data = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0], [0.5]])
    # A·x = 1·1 + 2·2 = 5; B·5 = (0, 2.5); 3/1 times that is (0, 7.5)
    assert layer(torch.tensor([1.0, 2.0])).tolist() == [1.0, 9.5]
    assert layer.weight.tolist() == [[1.0, 0.0], [1.5, 4.0]]


def test_before_training_the_model_is_what_it_was():
    plain, corrected = small_model(), small_model()
    add_lora(corrected, NAMES, rank=4, generator=generator(1))
    assert torch.equal(plain(some_ids())[0], corrected(some_ids())[0])


def test_only_the_corrections_learn_and_they_do():
    model = small_model()
    frozen = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    count = add_lora(model, ("query", "value"), rank=4, generator=generator(1))
    assert count == 2 * 2 * (4 * 32 + 32 * 4)                      # two layers, two matrices, A and B of each
    ids, optimizer = some_ids(), torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 0.05)
    losses = []
    for _ in range(20):
        loss = model(ids[:, :-1], ids[:, 1:])[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3
    assert all(torch.equal(frozen[name.replace(".base", "")], tensor) for name, tensor in model.state_dict().items()
               if not name.endswith((".down", ".up")))  # fmt: skip


def test_a_gated_layer_that_multiplies_by_its_weight_itself_learns_too():
    model = small_model()
    add_lora(model, ("gate",), rank=2, generator=generator(1))
    model(some_ids(), some_ids(2))[1].backward()
    gate = model.blocks[0].feed_forward.gate
    assert gate.up.grad.abs().max() > 0 and gate.base.weight.grad is None


def test_merged_it_gives_the_same_numbers_and_no_layer_is_left():
    model = small_model()
    add_lora(model, NAMES, rank=4, generator=generator(1))
    before = disturbed(model)(some_ids())[0]
    merge_lora(model)
    assert not any(isinstance(module, LoRALinear) for module in model.modules())
    assert torch.allclose(model(some_ids())[0], before, atol=1e-5)
    assert model.state_dict().keys() == small_model().state_dict().keys()


def test_what_was_learned_can_be_carried_to_another_copy():
    first, second = small_model(), small_model()
    for model in (first, second):
        add_lora(model, NAMES, rank=4, generator=generator(1))
    learned = lora_weights(disturbed(first))
    assert sum(tensor.numel() for tensor in learned.values()) == sum(
        parameter.numel() for parameter in first.parameters() if parameter.requires_grad
    )
    load_lora(second, learned)
    assert torch.equal(first(some_ids())[0], second(some_ids())[0])


def test_weights_of_another_rank_or_of_other_layers_are_refused_and_change_nothing():
    model, wider, other = small_model(), small_model(), small_model()
    add_lora(model, ("query",), rank=4, generator=generator(1))
    add_lora(wider, ("query",), rank=8, generator=generator(1))
    add_lora(other, ("key",), rank=4, generator=generator(1))
    before = lora_weights(model)
    for stranger in (wider, other):
        with pytest.raises(ShapeError, match="another LoRA"):
            load_lora(model, lora_weights(disturbed(stranger)))
    assert all(torch.equal(before[name], tensor) for name, tensor in lora_weights(model).items())


def test_a_name_that_fits_no_layer_is_an_error_that_lists_the_layers_and_freezes_nothing():
    model = small_model()
    with pytest.raises(CourseError, match="named 'q_proj'.*query"):
        add_lora(model, ("q_proj",), rank=4, generator=generator(1))
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("rank", [0, -1, 33])
def test_a_rank_that_makes_no_sense_is_refused(rank):
    with pytest.raises(CourseError, match="expected 1 to 32"):
        add_lora(small_model(), ("query",), rank=rank, generator=generator(1))


def test_twice_is_refused():
    model = small_model()
    add_lora(model, ("query",), rank=4, generator=generator(1))
    with pytest.raises(CourseError, match="merge_lora"):
        add_lora(model, ("value",), rank=4, generator=generator(1))
