"""Attention on tiny tensors worked out by hand: mixture, masks, heads, cache, what order it is blind to, bad input."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.attention import (
    MultiHeadAttention,
    causal_mask,
    check_each_sees,
    fused_attention,
    merge_heads,
    padding_mask,
    repeat_heads,
    scaled_dot_product_attention,
    split_heads,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

FORMULAS = (scaled_dot_product_attention, fused_attention)
B, H, T, S, K = 2, 3, 4, 5, 8


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def parts(length: int = T, keys: int = S):
    """A query, keys and values of one batch."""
    return noise(B, H, length, K), noise(B, H, keys, K, seed=2), noise(B, H, keys, K, seed=3)


def by_rows(*rows):
    """One batch, one head: (1, 1, T, K) from the rows."""
    return torch.tensor([[list(rows)]])


@torch.no_grad()
def layer(**sizes) -> MultiHeadAttention:
    """A small layer with all its numbers drawn from one generator."""
    chance, made = generator(5), MultiHeadAttention(**({"width": 12, "heads": 4} | sizes))
    for parameter in made.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=chance) / 3)
    return made.eval()


# --- the formula by hand

QUERY = by_rows([2 * math.log(3), 0.0, 0.0, 0.0])                   # K = 4, so the scores are halved: ln 3 and 0
KEYS = by_rows([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])
VALUES = by_rows([8.0, 0.0], [0.0, 4.0])


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_mixture_is_that_of_the_softmax_of_the_products_over_root_k(formula):
    mixed, _ = formula(QUERY, KEYS, VALUES)                         # weights e^(ln 3) : e^0 = 3 : 1
    assert mixed.flatten().tolist() == pytest.approx([6.0, 1.0])


def test_the_weights_are_returned_and_sum_to_one_over_the_keys():
    _, weights = scaled_dot_product_attention(QUERY, KEYS, VALUES)
    assert weights.flatten().tolist() == pytest.approx([0.75, 0.25])
    _, weights = scaled_dot_product_attention(*parts())
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T))
    assert fused_attention(*parts())[1] is None                     # the kernel never holds them


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_bias_is_added_to_the_scores(formula):
    mixed, _ = formula(QUERY, KEYS, VALUES, bias=torch.tensor([0.0, math.log(3)]))
    assert mixed.flatten().tolist() == pytest.approx([4.0, 2.0])    # 3 : 3


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_bias_and_a_mask_go_together(formula):
    bias, mask = torch.tensor([5.0, 0.0]), torch.tensor([False, True])
    assert formula(QUERY, KEYS, VALUES, mask, bias)[0].flatten().tolist() == [0.0, 4.0]


@pytest.mark.parametrize("formula", FORMULAS)
def test_values_may_be_of_another_width_than_keys(formula):
    query, key, _ = parts()
    assert formula(query, key, noise(B, H, S, 2))[0].shape == (B, H, T, 2)


def test_gradients_reach_queries_keys_and_values():
    given = [part.requires_grad_() for part in parts()]
    scaled_dot_product_attention(*given)[0].square().sum().backward()
    assert all(part.grad.abs().sum() > 0 for part in given)


# --- masks by hand


def test_the_causal_mask_is_a_lower_triangle():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_with_a_past_the_queries_are_the_last_positions():
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True, True, True, True]]
    assert causal_mask(1, 3).all()


def test_the_padding_mask_is_true_on_what_is_real():
    mask = padding_mask(torch.tensor([2, 3]), 3)
    assert mask.shape == (2, 1, 1, 3)
    assert mask.flatten(1).tolist() == [[True, True, False], [True, True, True]]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_masked_key_is_as_if_it_were_not_there(formula):
    query, key, value = parts()
    mask = padding_mask(torch.tensor([3, 3]), S)
    expected, _ = formula(query, key[:, :, :3], value[:, :, :3])
    torch.testing.assert_close(formula(query, key, value, mask)[0], expected)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_first_query_under_a_causal_mask_gets_the_first_value(formula):
    query, key, value = parts(S)
    mixed, _ = formula(query, key, value, causal_mask(S))
    torch.testing.assert_close(mixed[:, :, 0], value[:, :, 0])


def test_what_comes_later_changes_nothing_under_a_causal_mask():
    query, key, value = parts(S)
    changed = [part.clone() for part in (key, value)]
    for part in changed:
        part[:, :, 3:] = 100.0
    before = scaled_dot_product_attention(query, key, value, causal_mask(S))[0]
    after = scaled_dot_product_attention(query, *changed, causal_mask(S))[0]
    assert torch.equal(before[:, :, :3], after[:, :, :3])
    assert not torch.allclose(before[:, :, 3:], after[:, :, 3:])


def test_masks_combine_by_and():
    mask = causal_mask(3) & padding_mask(torch.tensor([3, 2]), 3)
    assert mask.shape == (2, 1, 3, 3)
    assert mask[1, 0].tolist() == [[True, False, False], [True, True, False], [True, True, False]]


@pytest.mark.parametrize("shape", [(T, S), (1, S), (S,), (), (B, 1, 1, S), (B, H, T, S), (1, 1, T, 1), (H, T, S)])
def test_every_mask_that_spreads_is_taken(shape):
    mask = torch.ones(shape, dtype=torch.bool)
    torch.testing.assert_close(
        scaled_dot_product_attention(*parts(), mask), scaled_dot_product_attention(*parts()), rtol=0, atol=0
    )


# --- heads


def test_heads_are_stretches_of_the_width():
    x = torch.arange(12.0).view(1, 2, 6)
    assert split_heads(x, 3).tolist() == [[[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10, 11]]]]
    assert torch.equal(merge_heads(split_heads(x, 3)), x)


def test_each_key_head_serves_neighbouring_query_heads():
    x = torch.arange(2.0).view(1, 2, 1, 1)
    assert repeat_heads(x, 3).flatten().tolist() == [0, 0, 0, 1, 1, 1]
    assert repeat_heads(x, 1) is x


def test_grouped_query_attention_is_full_attention_whose_key_and_value_heads_repeat():
    grouped, full = layer(key_value_heads=2), layer()
    with torch.no_grad():
        for name in ("query", "output"):
            getattr(full, name).weight.copy_(getattr(grouped, name).weight)
        for name in ("key", "value"):
            rows = getattr(grouped, name).weight.unflatten(0, (2, 3))               # (G, K, D)
            getattr(full, name).weight.copy_(rows.repeat_interleave(2, dim=0).flatten(0, 1))
    x = noise(2, 5, 12)
    torch.testing.assert_close(grouped(x, mask=causal_mask(5))[0], full(x, mask=causal_mask(5))[0])


def test_grouped_heads_keep_smaller_keys_and_values():
    _, _, (key, value) = layer(key_value_heads=1)(noise(2, 5, 12))
    assert key.shape == value.shape == (2, 1, 5, 3)


def test_the_layer_is_projection_attention_projection():
    made, x = layer(bias=True), noise(2, 5, 12)
    heads = [split_heads(part(x), 4) for part in (made.query, made.key, made.value)]
    mixed, _ = scaled_dot_product_attention(*heads)
    torch.testing.assert_close(made(x)[0], made.output(mixed.transpose(1, 2).reshape(2, 5, 12)))


def test_a_head_width_of_ones_own_need_not_divide_the_width():
    assert layer(width=10, heads=3, head_width=2)(noise(1, 4, 10))[0].shape == (1, 4, 10)


@pytest.mark.parametrize("attention", FORMULAS)
def test_ones_own_formula_is_the_one_that_runs(attention):
    seen = []

    def spy(*arguments):
        seen.append(len(arguments))
        return attention(*arguments)

    layer(attention=spy)(noise(1, 4, 12))
    assert seen == [4]                                              # query, key, value, mask: no bias was given


# --- the cache


@pytest.mark.parametrize("key_value_heads", [4, 2, 1])
def test_one_position_at_a_time_with_a_past_gives_the_same_as_all_at_once(key_value_heads):
    made, x, past, steps = layer(key_value_heads=key_value_heads), noise(2, 6, 12), None, []
    for t in range(6):
        out, _, past = made(x[:, t : t + 1], mask=causal_mask(1, t + 1), past=past)
        steps.append(out)
    whole, _, (key, value) = made(x, mask=causal_mask(6))
    torch.testing.assert_close(torch.cat(steps, dim=1), whole)
    torch.testing.assert_close(past, (key, value))


def test_several_positions_may_follow_a_past():
    made, x = layer(), noise(2, 6, 12)
    _, _, past = made(x[:, :4], mask=causal_mask(4))
    rest, _, _ = made(x[:, 4:], mask=causal_mask(2, 6), past=past)
    torch.testing.assert_close(rest, made(x, mask=causal_mask(6))[0][:, 4:])


def test_turn_is_applied_to_queries_and_new_keys_and_not_to_values_or_the_past():
    made, x = layer(), noise(1, 3, 12)
    _, _, plain = made(x)
    _, _, (key, value) = made(x, turn=lambda part: 2 * part, past=plain)
    torch.testing.assert_close(key, torch.cat([plain[0], 2 * plain[0]], dim=2))
    torch.testing.assert_close(value, torch.cat([plain[1], plain[1]], dim=2))


# --- what it is blind to


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("seed", range(3))
def test_keys_and_values_in_another_order_change_nothing(formula, seed):
    query, key, value = parts()
    order = torch.randperm(S, generator=generator(seed))
    torch.testing.assert_close(formula(query, key[:, :, order], value[:, :, order])[0], formula(query, key, value)[0])
    assert not torch.allclose(formula(query, key[:, :, order.roll(1)], value)[0], formula(query, key, value)[0])


@pytest.mark.parametrize("seed", range(3))
def test_positions_in_another_order_give_the_results_in_that_order(seed):
    made, x = layer(bias=True), noise(2, 6, 12)
    order = torch.randperm(6, generator=generator(seed))
    torch.testing.assert_close(made(x[:, order])[0], made(x)[0][:, order])


def test_under_a_causal_mask_order_matters():
    made, x, mask = layer(), noise(2, 6, 12), causal_mask(6)
    assert not torch.allclose(made(x.flip(1), mask=mask)[0], made(x, mask=mask)[0].flip(1), atol=1e-2)


# --- bad input


@pytest.mark.parametrize("formula", FORMULAS)
def test_parts_that_do_not_fit_are_refused_with_both_shapes(formula):
    query, key, value = parts()
    with pytest.raises(ShapeError, match=r"query should have shape \(B, H, T, K\); got \(3, 4, 8\)"):
        formula(query[0], key, value)
    with pytest.raises(ShapeError, match=r"key should have shape \(2, 3, S, 8\); got \(2, 3, 5, 7\)"):
        formula(query, key[..., :7], value)
    with pytest.raises(ShapeError, match=r"key should have shape .* got \(2, 1, 5, 8\)"):
        formula(query, key[:, :1], value)                           # repeat_heads first: nothing spreads in silence
    with pytest.raises(ShapeError, match=r"value should have shape \(2, 3, 5, K\); got \(2, 3, 4, 8\)"):
        formula(query, key, value[:, :, :4])


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("odd", range(3))
def test_mixed_dtypes_are_refused(formula, odd):
    given = list(parts())
    given[odd] = given[odd].to(torch.bfloat16)
    with pytest.raises(CourseError, match="expected one dtype.*to\\(query.dtype\\)"):
        formula(*given)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8])
def test_a_mask_of_numbers_is_refused(formula, dtype):
    with pytest.raises(CourseError, match="expected torch.bool, True where attention is allowed"):
        formula(*parts(), torch.ones(T, S, dtype=dtype))


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("shape", [(S, T), (T, S - 1), (B, S), (B, 1, S), (2 * B, 1, 1, S), (1, B, H, T, S)])
def test_a_mask_that_does_not_spread_is_refused(formula, shape):
    with pytest.raises(ShapeError, match=r"expected one that spreads to \(B, H, T, S\) = \(2, 3, 4, 5\)"):
        formula(*parts(), torch.ones(shape, dtype=torch.bool))


def test_masks_that_make_no_sense_are_refused():
    with pytest.raises(ShapeError, match="4 queries are the last of 3 keys"):
        causal_mask(4, 3)
    for lengths in ([0, 2], [2, 4]):                                # an empty row would have nothing to look at
        with pytest.raises(CourseError, match="expected 1 to 3"):
            padding_mask(torch.tensor(lengths), 3)
    with pytest.raises(ShapeError, match="lengths should have shape"):
        padding_mask(torch.tensor([[1]]), 3)


def test_a_query_that_sees_no_key_is_named_and_its_row_is_nan_by_the_formula_alone():
    mask = causal_mask(T, S)
    mask[1] = False
    with pytest.raises(CourseError, match="mask has no True in 1 of 4 rows; expected at least one in each"):
        check_each_sees(mask)
    weights = scaled_dot_product_attention(*parts(), mask)[1]
    assert weights[:, :, 1].isnan().all() and not weights[:, :, [0, 2, 3]].isnan().any()
    for fits in (None, causal_mask(T, S), padding_mask(torch.tensor([1, S]), S), mask[:0]):
        check_each_sees(fits)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ShapeError, match="width of 7 does not split into 2 heads"):
        split_heads(torch.zeros(1, 3, 7), 2)
    with pytest.raises(ShapeError, match=r"x should have shape \(B, T, D\)"):
        split_heads(torch.zeros(3, 8), 2)
    with pytest.raises(ShapeError, match=r"x should have shape \(B, H, T, K\)"):
        merge_heads(torch.zeros(3, 4, 8))
    with pytest.raises(CourseError, match="width of 10 does not split into 4 heads"):
        MultiHeadAttention(10, 4)
    for shared in (3, 0, 8):
        with pytest.raises(CourseError, match=f"4 heads cannot share {shared} key/value heads"):
            MultiHeadAttention(12, 4, key_value_heads=shared)
