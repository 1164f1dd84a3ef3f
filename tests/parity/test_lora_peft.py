"""LoRA written out against peft, on a small network with the same A and B."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from course_utils.models.lora import add_lora, merge_lora
from course_utils.seeding import generator
from tools.verified import Verified

RANK, ALPHA, NAMES = 3, 12.0, ["query", "value"]
TOLERANCE = 1e-5
VERIFIES = [
    Verified("10", "LoRA: outputs, gradients, two steps, merged weights", "peft, with the same A and B", TOLERANCE),
]


class Two(nn.Module):
    """Two layers to correct and one to leave alone."""

    def __init__(self):
        super().__init__()
        self.query, self.value, self.output = nn.Linear(6, 8), nn.Linear(8, 5, bias=False), nn.Linear(5, 4)

    def forward(self, x):
        return self.output(torch.tanh(self.value(torch.tanh(self.query(x)))))


@pytest.fixture
def pair():
    """The same network twice, ours with LoRA and peft's, with the same A; B as each starts it; and an input."""
    base = Two()
    drawn = generator(1)
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=drawn))
    ours = copy.deepcopy(base)
    add_lora(ours, NAMES, RANK, generator(2), ALPHA)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=NAMES, lora_dropout=0.0)
    theirs = get_peft_model(copy.deepcopy(base), config)
    with torch.no_grad():
        for mine, other in layers(ours, theirs):
            other.lora_A["default"].weight.copy_(mine.down)
    return ours, theirs, torch.randn(7, 6, generator=drawn)


def layers(ours, theirs):
    return [(getattr(ours, name), getattr(theirs.base_model.model, name)) for name in NAMES]


def step(ours, theirs, x):
    """One step of gradient descent on each network."""
    for model in (ours, theirs):
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        model(x).square().mean().backward()
        torch.optim.SGD(learned, lr=0.1).step()


def same(ours, theirs, x):
    return torch.allclose(ours(x), theirs(x), rtol=0, atol=TOLERANCE)


def test_as_many_numbers_learn_and_both_begin_as_the_network_was(pair):
    ours, theirs, x = pair
    learned = [sum(p.numel() for p in model.parameters() if p.requires_grad) for model in (ours, theirs)]
    assert learned[0] == learned[1] == RANK * (6 + 8) + RANK * (8 + 5)
    assert same(ours, theirs, x)


def test_the_gradients_and_two_steps_are_those_of_peft(pair):
    ours, theirs, x = pair
    before = ours(x).detach()
    for _ in range(2):
        ours.zero_grad()
        theirs.zero_grad()
        step(ours, theirs, x)
        for mine, other in layers(ours, theirs):
            torch.testing.assert_close(mine.up.grad, other.lora_B["default"].weight.grad, rtol=0, atol=TOLERANCE)
            torch.testing.assert_close(mine.down.grad, other.lora_A["default"].weight.grad, rtol=0, atol=TOLERANCE)
    assert same(ours, theirs, x)
    assert not torch.allclose(ours(x), before, atol=1e-3)


def test_the_merged_network_is_that_of_peft(pair):
    ours, theirs, x = pair
    step(ours, theirs, x)
    assert same(merge_lora(ours), theirs.merge_and_unload(), x)


def test_an_alpha_that_is_not_divided_by_the_rank_is_noticed(pair):
    ours, theirs, x = pair
    step(ours, theirs, x)
    for mine, _ in layers(ours, theirs):
        mine.scale *= RANK
    assert not same(ours, theirs, x)


def test_a_b_that_does_not_begin_at_zero_is_noticed(pair):
    ours, theirs, x = pair
    with torch.no_grad():
        ours.query.up.fill_(0.1)
    assert not same(ours, theirs, x)
