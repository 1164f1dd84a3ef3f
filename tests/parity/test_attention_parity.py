"""Our attention against torch's kernel and layer; and that the comparison tells every usual mistake from the truth."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils.models import attention
from course_utils.models.attention import (
    MultiHeadAttention,
    causal_mask,
    fused_attention,
    padding_mask,
    repeat_heads,
    scaled_dot_product_attention,
)
from course_utils.seeding import generator
from tools.verified import Verified

B, H, T, K = 3, 4, 7, 6
D = H * K
CLOSE = {"rtol": 0.0, "atol": 1e-5}
VERIFIES = [
    Verified(
        "06",
        "attention, one head and many: values and weights",
        "`torch`'s kernel and `nn.MultiheadAttention`, weights copied",
        CLOSE["atol"],
    ),
]
LENGTHS = torch.tensor([7, 3, 5])
MASKS = {
    "none": None,
    "causal": causal_mask(T),
    "padding": padding_mask(LENGTHS, T),
    "both": causal_mask(T) & padding_mask(LENGTHS, T),
}
EVERYWHERE = torch.ones(T, T, dtype=torch.bool)


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def parts(heads: int = H) -> tuple[torch.Tensor, ...]:
    """A query of H heads, keys and values of `heads`."""
    return noise(B, H, T, K, seed=1), noise(B, heads, T, K, seed=2), noise(B, heads, T, K, seed=3)


def agrees(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """The comparison of this file: within 1e-5 everywhere."""
    return torch.allclose(ours, theirs, **CLOSE)


# --- the formula and torch's kernel


@pytest.mark.parametrize("formula", [scaled_dot_product_attention, fused_attention])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_the_mixture_is_that_of_torchs_kernel(formula, mask):
    expected = functional.scaled_dot_product_attention(*parts(), attn_mask=mask)
    torch.testing.assert_close(formula(*parts(), mask)[0], expected, **CLOSE)


def test_the_causal_mask_is_torchs_is_causal():
    expected = functional.scaled_dot_product_attention(*parts(), is_causal=True)
    torch.testing.assert_close(scaled_dot_product_attention(*parts(), causal_mask(T))[0], expected, **CLOSE)


@pytest.mark.parametrize("mask", [None, MASKS["both"]], ids=["no mask", "mask"])
def test_a_bias_is_what_torch_adds_as_a_mask_of_numbers(mask):
    bias = noise(1, H, T, T, seed=4)
    hidden = bias if mask is None else bias.masked_fill(~mask, float("-inf"))
    expected = functional.scaled_dot_product_attention(*parts(), attn_mask=hidden)
    for formula in (scaled_dot_product_attention, fused_attention):
        torch.testing.assert_close(formula(*parts(), mask, bias)[0], expected, **CLOSE)


@pytest.mark.parametrize("groups", [1, 2])
def test_repeated_heads_are_torchs_grouped_query_attention(groups):
    query, key, value = parts(groups)
    expected = functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    ours = scaled_dot_product_attention(
        query, repeat_heads(key, H // groups), repeat_heads(value, H // groups), causal_mask(T)
    )
    torch.testing.assert_close(ours[0], expected, **CLOSE)


def test_the_gradients_agree_too():
    ours, theirs = ([part.requires_grad_() for part in parts()] for _ in range(2))
    scaled_dot_product_attention(*ours, MASKS["both"])[0].square().sum().backward()
    functional.scaled_dot_product_attention(*theirs, attn_mask=MASKS["both"]).square().sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_large_scores_do_not_overflow():
    query, key, value = parts()
    ours = scaled_dot_product_attention(1000 * query, key, value, MASKS["both"])[0]
    expected = functional.scaled_dot_product_attention(1000 * query, key, value, attn_mask=MASKS["both"])
    assert ours.isfinite().all()
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


# --- the layer


@torch.no_grad()
def pair(bias: bool) -> tuple[MultiHeadAttention, nn.MultiheadAttention]:
    """Our layer, and torch's with the same weights."""
    ours, theirs = MultiHeadAttention(D, H, bias=bias), nn.MultiheadAttention(D, H, bias=bias, batch_first=True)
    chance = generator(5)
    for parameter in ours.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=chance) / math.sqrt(D))
    projections = (ours.query, ours.key, ours.value)
    state = {"in_proj_weight": torch.cat([one.weight for one in projections]), "out_proj.weight": ours.output.weight}
    if bias:
        state |= {"in_proj_bias": torch.cat([one.bias for one in projections]), "out_proj.bias": ours.output.bias}
    theirs.load_state_dict(state)
    return ours.eval(), theirs.eval()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_the_layer_and_its_weights_are_those_of_torch(bias, causal, padded):
    ours, theirs = pair(bias)
    ours.attention = scaled_dot_product_attention
    x = noise(B, T, D, seed=6)
    name = {(True, False): "causal", (False, True): "padding", (True, True): "both"}.get((causal, padded), "none")
    expected, weights = theirs(
        x, x, x,
        key_padding_mask=~MASKS["padding"][:, 0, 0] if padded else None,            # torch: True where hidden
        attn_mask=~causal_mask(T) if causal else None,
        average_attn_weights=False,
    )
    mixed, looked, _ = ours(x, mask=MASKS[name])
    torch.testing.assert_close(mixed, expected, **CLOSE)
    torch.testing.assert_close(looked, weights, **CLOSE)


def test_so_is_cross_attention_into_another_sequence():
    ours, theirs = pair(bias=True)
    x, memory = noise(B, 2, D, seed=6), noise(B, T, D, seed=7)
    hidden = ~MASKS["padding"][:, 0, 0]
    expected, _ = theirs(x, memory, memory, key_padding_mask=hidden)
    torch.testing.assert_close(ours(x, memory, MASKS["padding"])[0], expected, **CLOSE)


# --- the comparison tells mistakes from the truth


def scores(query, key, width=None):
    return query @ key.transpose(-2, -1) / math.sqrt(width or query.shape[-1])


def hide(found, mask):
    return found.masked_fill(~mask, float("-inf"))


FORMULA_MUTATIONS = {
    "mask dropped": lambda q, k, mask: scores(q, k).softmax(-1),
    "scale dropped": lambda q, k, mask: hide(q @ k.transpose(-2, -1), mask).softmax(-1),
    "divided by K": lambda q, k, mask: hide(scores(q, k, K**2), mask).softmax(-1),
    "scaled by the model's width": lambda q, k, mask: hide(scores(q, k, D), mask).softmax(-1),
    "softmax over the queries": lambda q, k, mask: hide(scores(q, k), mask).softmax(-2).nan_to_num(),
    "softmax over the heads": lambda q, k, mask: hide(scores(q, k), mask).softmax(1).nan_to_num(),
    "mask inverted": lambda q, k, mask: hide(scores(q, k), ~mask).softmax(-1).nan_to_num(),
    "mask after the softmax": lambda q, k, mask: scores(q, k).softmax(-1) * mask,
    "masked scores are 0": lambda q, k, mask: (scores(q, k) * mask).softmax(-1),
    "future leaks by one": lambda q, k, mask: hide(scores(q, k), EVERYWHERE.tril(1)).softmax(-1),
    "own position hidden": lambda q, k, mask: hide(scores(q, k), EVERYWHERE.tril(-1)).softmax(-1).nan_to_num(),
    "keys look at queries": lambda q, k, mask: hide(scores(k, q), mask).softmax(-1),
}


@pytest.mark.parametrize("mutation", FORMULA_MUTATIONS.values(), ids=FORMULA_MUTATIONS.keys())
def test_a_mistake_in_the_formula_is_told_apart_under_a_causal_mask(mutation):
    query, key, value = parts()
    expected = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert agrees(scaled_dot_product_attention(query, key, value, causal_mask(T))[0], expected)
    assert not agrees(mutation(query, key, causal_mask(T)) @ value, expected)


PADDING_MISTAKES = ("mask dropped", "mask inverted", "mask after the softmax", "masked scores are 0")


@pytest.mark.parametrize("name", PADDING_MISTAKES)
def test_a_mistake_with_the_mask_is_told_apart_under_padding(name):
    query, key, value = parts()
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=MASKS["padding"])
    assert not agrees(FORMULA_MUTATIONS[name](query, key, MASKS["padding"]) @ value, expected)


LAYER_MUTATIONS = {
    "heads not transposed back": ("merge_heads", lambda x: x.reshape(x.shape[0], x.shape[2], -1)),
    "heads cut from the length": ("split_heads", lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1)),
    "heads interleaved": ("split_heads", lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)),
    "heads in reverse": ("merge_heads", lambda x: x.flip(1).transpose(1, 2).flatten(2)),
}


@pytest.mark.parametrize("mutation", LAYER_MUTATIONS.values(), ids=LAYER_MUTATIONS.keys())
def test_a_mistake_with_the_heads_is_told_apart(mutation, monkeypatch):
    ours, theirs = pair(bias=False)
    x = noise(B, T, D, seed=6)
    expected, _ = theirs(x, x, x, need_weights=False)
    assert agrees(ours(x)[0], expected)
    monkeypatch.setattr(attention, *mutation)
    assert not agrees(ours(x)[0], expected)


REPEAT_MUTATIONS = {
    "side by side": lambda x, times: x.repeat(1, times, 1, 1),
    "in reverse": lambda x, times: x.flip(1).repeat_interleave(times, dim=1),
}


@pytest.mark.parametrize("mistake", REPEAT_MUTATIONS.values(), ids=REPEAT_MUTATIONS.keys())
def test_key_heads_repeated_in_the_wrong_order_are_told_apart(mistake):
    query, key, value = parts(2)
    expected = functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    assert not agrees(scaled_dot_product_attention(query, mistake(key, 2), mistake(value, 2))[0], expected)
