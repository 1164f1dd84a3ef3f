"""A decoder less one part: that the part is gone, and that everything else still works."""

from dataclasses import replace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.ablations import REMOVALS, without
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator

CONFIG = TransformerConfig(11, context=12, width=8, heads=2, layers=2)


def text(seed, length=7):
    return torch.randint(11, (1, length), generator=generator(seed))


def changed(model, place):
    """At which positions the logits change when the token at `place` does."""
    ids = text(1)
    other = ids.clone()
    other[0, place] = (ids[0, place] + 1) % 11
    with torch.no_grad():
        difference = (model(ids)[0] - model(other)[0]).abs().amax(dim=-1)[0]
    return (difference > 1e-6).nonzero()[:, 0].tolist()


@pytest.mark.parametrize("part", REMOVALS)
def test_it_gives_a_loss_and_gradients(part):
    model, ids = without(part, CONFIG, generator(1)), text(2)
    logits, loss = model(ids, ids)
    loss.backward()
    assert logits.shape == (1, 7, 11) and loss.isfinite()
    assert any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("part", [part for part in REMOVALS if part != "mask"])
def test_reading_token_by_token_gives_what_reading_at_once_does(part):
    model, ids = without(part, CONFIG, generator(1)).eval(), text(3)
    memory = None
    for token in ids[0].tolist():
        probability, memory = model.read([token], memory)
    with torch.no_grad():
        assert torch.allclose(probability, model(ids)[0][0, -1].softmax(-1), atol=1e-5)


@pytest.mark.parametrize("part", [part for part in REMOVALS if part not in ("mask", "attention")])
def test_the_past_is_seen_and_the_future_is_not(part):
    assert changed(without(part, CONFIG, generator(1)), 3) == [3, 4, 5, 6]


def test_without_attention_each_position_sees_itself():
    assert changed(without("attention", CONFIG, generator(1)), 3) == [3]


def test_without_the_mask_the_past_sees_the_future():
    assert changed(without("mask", CONFIG, generator(1)), 3) == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("part", "same"), [("positions", True), ("norm", False)])
def test_only_without_positions_the_order_of_the_past_does_not_matter(part, same):
    model, ids = without(part, replace(CONFIG, layers=1), generator(1)), text(4)
    with torch.no_grad():
        difference = model(ids)[0][0, -1] - model(ids[:, [1, 0, 2, 3, 4, 5, 6]])[0][0, -1]
    assert bool(difference.abs().max() < 1e-5) is same


def test_without_sums_what_came_in_is_lost():
    model = without("residual", CONFIG, generator(1))
    block, x = model.blocks[0], torch.randn(1, 4, 8, generator=generator(5))
    with torch.no_grad():
        block.feed_forward.down.weight.zero_()
        assert block(x)[0].abs().max() == 0                        # with sums it would be x and what attention found
        assert Transformer(CONFIG, generator(1)).blocks[0](x)[0].abs().max() > 0


def test_without_norms_no_norm_is_left():
    names = [name for name, _ in without("norm", CONFIG, generator(1)).named_parameters()]
    assert not [name for name in names if "norm" in name]


def test_without_the_feed_forward_layer_its_weights_are_gone():
    full, less = Transformer(CONFIG, generator(1)), without("feed-forward", CONFIG, generator(1))
    inner = sum(p.numel() for block in full.blocks for p in block.feed_forward.parameters())
    assert full.parameter_count - less.parameter_count == inner


def test_an_unknown_part_is_named_with_those_there_are():
    with pytest.raises(CourseError, match=r"'heads' to remove; expected one of attention, feed-forward"):
        without("heads", CONFIG, generator(1))
