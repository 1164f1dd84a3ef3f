"""Surgery on single heads: that it does what it says, to those heads alone, and heals."""

from copy import deepcopy

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.ablations import NoAttention, without
from course_utils.models.attention import scaled_dot_product_attention
from course_utils.models.fast import FastDecoder
from course_utils.models.head_surgery import (
    ablated,
    attention_weights,
    even,
    every_head,
    mean_outputs,
    random_heads,
    shuffled,
    swapped,
    top_heads,
    weights_and_logits,
)
from course_utils.models.transformer import LLAMA, WRITTEN_OUT, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

GPT2 = TransformerConfig(11, context=12, width=8, heads=2, layers=2)
SMALL_LLAMA = TransformerConfig(11, context=12, width=16, heads=4, layers=3, key_value_heads=2, **LLAMA)
CONFIGS = pytest.mark.parametrize("config", [GPT2, SMALL_LLAMA])


def decoder(config, **parts):
    """A decoder whose weights are large enough for attention to matter."""
    model = Transformer(config, generator(1), **parts)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5)
    return model.eval()


def text(seed=2, count=3, length=7):
    return torch.randint(11, (count, length), generator=generator(seed))


@torch.no_grad()
def logits(model, ids):
    return model(ids)[0]


def test_every_head_of_every_layer():
    assert every_head(decoder(GPT2)) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_the_top_heads_come_largest_first():
    assert top_heads(torch.tensor([[0.1, 0.9, 0.2], [0.3, 0.0, 0.8]]), 3) == [(0, 1), (1, 2), (1, 0)]
    with pytest.raises(CourseError, match="count is 7; expected 1 to 6"):
        top_heads(torch.zeros(2, 3), 7)
    with pytest.raises(ShapeError, match="scores should have shape"):
        top_heads(torch.zeros(4, 2, 3), 1)


def test_random_heads_are_different_ones_out_of_those_given():
    among = [(0, 0), (0, 2), (1, 1)]
    assert sorted(random_heads(3, among, generator(1))) == among
    assert len({tuple(random_heads(1, among, generator(seed))) for seed in range(20)}) == 3
    with pytest.raises(CourseError, match="4 heads out of 3"):
        random_heads(4, among, generator(1))


@CONFIGS
def test_its_own_formula_in_a_heads_place_changes_nothing(config):
    model, ids = decoder(config).double(), text()                  # float32 sums differ by kernel and by processor
    own = logits(decoder(config).double(), ids)
    for heads in ([(1, 1)], every_head(model)):
        with swapped(model, heads, scaled_dot_product_attention) as same:
            torch.testing.assert_close(logits(same, ids), own, atol=1e-5, rtol=1e-5)


def test_all_heads_ablated_is_attention_that_adds_nothing():
    model, ids = decoder(SMALL_LLAMA), text()
    without_any = deepcopy(model)
    for block in without_any.blocks:
        block.attention = NoAttention()
    with ablated(model, every_head(model)):
        torch.testing.assert_close(logits(model, ids), logits(without_any, ids))
    assert (logits(model, ids) - logits(without_any, ids)).abs().max() > 0.1


@CONFIGS
def test_one_head_ablated_is_its_columns_of_the_output_matrix_at_zero(config):
    model, other, ids = decoder(config), decoder(config), text()
    with torch.no_grad():
        other.blocks[1].attention.output.weight[:, config.head_width : 2 * config.head_width] = 0
    with ablated(model, [(1, 1)]):
        torch.testing.assert_close(logits(model, ids), logits(other, ids))


def test_the_mean_output_is_what_the_weights_mix_on_average():
    model, ids = decoder(SMALL_LLAMA), text()
    mean = mean_outputs(model, ids)
    attention = model.blocks[0].attention
    with torch.no_grad():
        normed = model.blocks[0].attention_norm(model.embed(ids))
        value = attention.value(normed)[..., :4]                                    # of the first pair of heads
        mixed = attention_weights(model, ids)[:, 0, 1] @ value                      # (B, T, K)
    assert mean.shape == (3, 4, 4)
    torch.testing.assert_close(mean[0, 1], mixed.mean(dim=(0, 1)))


def test_with_its_mean_a_head_says_always_the_same_and_not_nothing():
    model, ids = decoder(GPT2), text()
    means = mean_outputs(model, ids)
    with ablated(model, [(0, 1)], means):
        assert torch.allclose(mean_outputs(model, text(9))[0, 1], means[0, 1], atol=1e-6)
        steady = logits(model, ids)
    with ablated(model, [(0, 1)]):
        assert mean_outputs(model, ids)[0, 1].abs().max() == 0
        assert (logits(model, ids) - steady).abs().max() > 1e-3


def test_means_of_another_model_are_refused():
    model, means = decoder(GPT2), torch.zeros(2, 4, 2)
    with pytest.raises(ShapeError, match="means should have shape"), ablated(model, [(0, 0)], means):
        pass


@CONFIGS
def test_weights_are_the_same_by_either_formula(config):
    ids = text()
    with torch.no_grad():
        expected = decoder(config, operations=WRITTEN_OUT).attention(ids)
    torch.testing.assert_close(attention_weights(decoder(config), ids), expected)
    weights, said = weights_and_logits(decoder(config), ids)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(said, logits(decoder(config), ids))


@pytest.mark.parametrize("parts", [{}, {"operations": WRITTEN_OUT}])
def test_even_attention_is_even_over_what_may_be_seen_in_that_head_alone(parts):
    model, ids = decoder(SMALL_LLAMA, **parts), text()
    before = attention_weights(model, ids)
    with swapped(model, [(1, 2)], even):
        after = attention_weights(model, ids)
    triangle = torch.ones(7, 7).tril()
    torch.testing.assert_close(after[:, 1, 2], (triangle / triangle.sum(dim=1, keepdim=True)).expand(3, 7, 7))
    torch.testing.assert_close(after[:, 1, [0, 1, 3]], before[:, 1, [0, 1, 3]])
    torch.testing.assert_close(after[:, 0], before[:, 0])
    assert (after[:, 2] - before[:, 2]).abs().max() > 1e-3         # the layers above read another stream


def test_shuffled_attention_has_the_same_weights_in_another_order_and_sees_no_future():
    model, ids = decoder(GPT2), text()
    before = attention_weights(model, ids)[:, 0, 0]
    with swapped(model, [(0, 0)], shuffled(generator(3))):
        after = attention_weights(model, ids)[:, 0, 0]
    torch.testing.assert_close(after.sort(dim=-1).values, before.sort(dim=-1).values)
    assert after.triu(1).abs().max() == 0
    assert (after - before).abs().max() > 0.01
    torch.testing.assert_close(after[:, 0], before[:, 0])          # the first position has but itself to look at


def test_what_shuffled_attention_mixes_is_what_its_weights_say():
    query, key, value = (torch.randn(2, 3, 5, 4, generator=generator(seed)) for seed in (1, 2, 3))
    mixed, weights = shuffled(generator(4))(query, key, value, torch.ones(5, 5, dtype=torch.bool).tril())
    torch.testing.assert_close(mixed, weights @ value)
    again, _ = shuffled(generator(4))(query, key, value, torch.ones(5, 5, dtype=torch.bool).tril())
    assert torch.equal(mixed, again)


def test_weights_of_an_ablated_head_are_those_it_would_have_had():
    model, ids = decoder(GPT2), text()
    with ablated(model, [(0, 1)]):
        torch.testing.assert_close(attention_weights(model, ids)[:, 0], attention_weights(decoder(GPT2), ids)[:, 0])


def test_the_model_is_itself_again_also_after_an_error():
    model, ids = decoder(GPT2), text()
    own, modes = [block.attention.attention for block in model.blocks], model.train().training
    with pytest.raises(ZeroDivisionError), swapped(model, [(0, 0)], even), ablated(model, [(1, 1)]):
        raise ZeroDivisionError
    attention_weights(model, ids)
    mean_outputs(model, ids)
    assert [block.attention.attention for block in model.blocks] == own
    assert model.training is modes is True


@pytest.mark.parametrize("heads", [[], [(2, 0)], [(0, 0), (0, 2)], [(-1, 0)]])
def test_heads_that_there_are_not_are_refused(heads):
    said = r"expected some \(layer, head\) from \(0, 0\) to \(1, 1\)"
    with pytest.raises(CourseError, match=said), ablated(decoder(GPT2), heads):
        pass


@pytest.mark.parametrize("other", [torch.nn.Linear(2, 2), without("attention", GPT2, generator(1))])
def test_what_has_no_heads_is_refused(other):
    with pytest.raises(CourseError, match="no heads of attention to look at; expected a Transformer"):
        attention_weights(other, text())


def test_the_fast_decoder_is_refused_in_words():
    fast = FastDecoder(decoder(SMALL_LLAMA))
    with pytest.raises(CourseError, match="This FastDecoder has no heads"), ablated(fast, [(0, 0)]):
        pass


def test_ids_that_it_cannot_read_are_refused():
    with pytest.raises(ShapeError, match="ids should have shape"):
        mean_outputs(decoder(GPT2), text()[0])
    with pytest.raises(CourseError, match=r"ids must lie in 0 … 10"):
        attention_weights(decoder(GPT2), text() + 5)
