"""The lens, induction heads and swaps of attention, on random decoders and on an induction network made by hand."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.interpretability import (
    Lens,
    copy_nats,
    induction_scores,
    logit_lens,
    look_through,
    moved,
    repeated_tokens,
    residual_streams,
    total_variation,
)
from course_utils.models.attention import scaled_dot_product_attention
from course_utils.models.head_surgery import ablated, even, every_head, shuffled, top_heads
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

GPT2 = TransformerConfig(11, context=12, width=8, heads=2, layers=2)
SMALL_LLAMA = TransformerConfig(11, context=12, width=16, heads=4, layers=3, key_value_heads=2, tied=False, **LLAMA)
KINDS, LENGTH = 6, 12                                               # tokens, and positions, of the network made by hand


def decoder(config):
    return Transformer(config, generator(1)).eval()


def text(seed=2, count=3, length=7):
    return torch.randint(11, (count, length), generator=generator(seed))


@torch.no_grad()
def induction_network():
    """Two layers of two heads. Head (0, 0) fetches the token before; (1, 0) looks for it and says what followed.

    The stream has four stretches, each one-hot: token, position, token before, answer. (0, 1) and (1, 1) do nothing.
    """
    width = 3 * KINDS + LENGTH                                                      # 30, so K is 15
    config = TransformerConfig(KINDS, LENGTH, width, heads=2, layers=2, norm="rms", bias=False, tied=False)
    model = Transformer(config, generator(1)).eval()
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            parameter.zero_()
    token, position = range(KINDS), range(KINDS, KINDS + LENGTH)
    before, answer = range(position.stop, position.stop + KINDS), range(width - KINDS, width)
    model.embedding.weight[:, token] = torch.eye(KINDS)
    model.position.weight[:, position] = torch.eye(LENGTH)
    model.output.weight[:, answer] = 10 * torch.eye(KINDS)
    for block, asked, told, written in (
        (model.blocks[0], position, position, before),
        (model.blocks[1], token, before, answer),
    ):
        layer = block.attention
        shift = torch.diag(torch.ones(LENGTH - 1), 1) if asked is position else torch.eye(KINDS)
        layer.query.weight[: len(asked), asked] = 20 * shift                        # position t asks for t − 1
        layer.key.weight[: len(told), told] = torch.eye(len(told))
        layer.value.weight[:KINDS, token] = torch.eye(KINDS)
        layer.output.weight[written, :KINDS] = torch.eye(KINDS)
    model.blocks[1].attention.key.weight[:KINDS, KINDS] = -5                        # no token stands before the first
    return model


COPIES = repeated_tokens(8, 6, range(KINDS), generator(3))

# --- lens ---


@pytest.mark.parametrize("config", [GPT2, SMALL_LLAMA])
def test_the_lens_at_the_last_layer_is_what_the_model_says(config):
    model, ids = decoder(config), text()
    streams = residual_streams(model, ids)
    assert streams.shape == (config.layers + 1, 3, 7, config.width)
    with torch.no_grad():
        torch.testing.assert_close(streams[0], model.embed(ids))
        torch.testing.assert_close(logit_lens(model, streams[-1]), model(ids)[0])


def test_each_stream_is_the_one_before_and_what_its_block_adds():
    model, ids = decoder(SMALL_LLAMA), text(length=1)
    streams = residual_streams(model, ids)
    with torch.no_grad():
        for number, block in enumerate(model.blocks):
            torch.testing.assert_close(block(streams[number], turn=model.turn(0, 1))[0], streams[number + 1])


def test_looking_leaves_no_hook_and_no_mode_behind():
    model = decoder(GPT2).train()
    look_through(model, [1, 2, 3])
    assert model.training
    assert not [block for block in model.blocks if block._forward_hooks or block._forward_pre_hooks]


def test_ranks_and_layers_of_an_answer_by_hand():
    lens = Lens(torch.tensor([[3.0, 1, 2, 0], [0, 1, 2, 0], [0, 3, 2, 2], [0, 0, 1, 0], [0, 0, 9, 0]]))
    assert lens.answer == 2
    assert lens.ranks == [2, 1, 2, 1, 1]
    assert (lens.first, lens.settled) == (1, 3)
    assert lens.probabilities[3] == pytest.approx(math.e / (math.e + 3))


def test_of_equals_the_lower_id_comes_first():
    lens = Lens(torch.tensor([[0.0, 0, 0, 0], [5, 0, 5, 5], [1, 7, 7, 7]]))
    assert lens.answer == 1 and lens.ranks == [2, 4, 1]


def test_an_answer_that_is_there_from_the_beginning_is_settled_at_zero():
    assert Lens(torch.tensor([[1.0, 0], [2, 0]])).settled == 0


def test_through_the_lens_the_network_made_by_hand_knows_at_its_second_block():
    lens = look_through(induction_network(), [4, 2, 0, 5, 4])
    assert lens.answer == 2                                        # what followed the first 4
    assert lens.settled == 2 and lens.probabilities[:2] == pytest.approx([1 / KINDS] * 2)


def test_streams_of_another_width_and_no_text_are_refused():
    with pytest.raises(ShapeError, match=r"\(…, 8\); got \(2, 9\)"):
        logit_lens(decoder(GPT2), torch.zeros(2, 9))
    with pytest.raises(CourseError, match="no ids to look at"):
        look_through(decoder(GPT2), [])
    with pytest.raises(CourseError, match="at most 12"):
        residual_streams(decoder(GPT2), text(length=13))


# --- induction ---


def test_each_text_is_different_tokens_twice():
    ids = repeated_tokens(4, 5, [3, 4, 7, 8, 9, 9], generator(1))
    assert ids.shape == (4, 10) and torch.equal(ids[:, :5], ids[:, 5:])
    assert all(sorted(row) == [3, 4, 7, 8, 9] for row in ids[:, :5].tolist())
    assert len({tuple(row) for row in ids.tolist()}) > 1
    with pytest.raises(CourseError, match="2 texts of 6 different tokens out of 5"):
        repeated_tokens(2, 6, range(5), generator(1))


def test_the_induction_head_made_by_hand_is_found_and_no_other():
    scores = induction_scores(induction_network(), COPIES)
    assert scores.shape == (8, 2, 2)
    assert scores[:, 1, 0].min() > 0.95
    even_share = sum(1 / (6 + row) for row in range(1, 7)) / 6     # a head without weights looks at all alike
    torch.testing.assert_close(scores[:, :, 1], torch.full((8, 2), even_share))
    assert scores[:, 0, 0].max() < 1e-4                            # it looks at the token before
    assert top_heads(scores.mean(dim=0), 1) == [(1, 0)]


@pytest.mark.parametrize(("heads", "harm"), [([(1, 0)], True), ([(0, 0)], True), ([(0, 1), (1, 1)], False)])
def test_without_either_half_of_the_circuit_nothing_can_be_copied(heads, harm):
    model = induction_network()
    whole = copy_nats(model, COPIES)
    assert whole.shape == (8,) and whole.max() < 0.05
    with ablated(model, heads):
        assert (copy_nats(model, COPIES) > 1.0).all() if harm else torch.allclose(copy_nats(model, COPIES), whole)
    torch.testing.assert_close(copy_nats(model, COPIES), whole)


def test_the_loss_on_the_second_copy_is_that_of_its_tokens_after_the_first():
    model, ids = decoder(GPT2), repeated_tokens(2, 4, range(11), generator(5))
    with torch.no_grad():
        log_p = model(ids)[0].log_softmax(dim=-1)
    by_hand = -sum(log_p[0, place - 1, ids[0, place]] for place in (5, 6, 7)) / 3
    assert copy_nats(model, ids)[0].item() == pytest.approx(by_hand.item(), abs=1e-5)


@pytest.mark.parametrize("ids", [text(length=8), COPIES[:, :11], torch.tensor([[1, 1]])])
@pytest.mark.parametrize("measure", [induction_scores, copy_nats])
def test_texts_that_do_not_repeat_are_refused(measure, ids):
    with pytest.raises(CourseError, match="second half of each text should repeat the first"):
        measure(decoder(GPT2), ids)


def test_copies_longer_than_the_context_are_refused():
    with pytest.raises(CourseError, match="14 tokens and the model reads at most 12"):
        copy_nats(decoder(GPT2), repeated_tokens(1, 7, range(11), generator(1)))


# --- swapped attention ---


def test_total_variation_by_hand():
    one = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    two = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])
    torch.testing.assert_close(total_variation(one, two), torch.tensor([0.5, 1.0, 0.0]))
    with pytest.raises(ShapeError, match="expected one"):
        total_variation(one, two[:1])


def test_attention_of_the_copying_head_explains_and_that_of_an_idle_one_does_not():
    model = induction_network()
    busy, idle = (moved(model, COPIES, [head], shuffled(generator(4))) for head in [(1, 0), (1, 1)])
    assert busy.attention.shape == (8, 1, 12) and busy.predicted.shape == (8, 12)
    assert busy.attention[..., 6:].mean() > 0.5 and busy.predicted[:, 6:].mean() > 0.5
    assert idle.predicted.max() < 1e-6 and idle.same.all()
    assert not busy.same[:, 6:].all()
    assert busy.predicted[:, 0].max() < 1e-6                       # one token to look at, in whichever order


def test_the_same_attention_moves_nothing_and_heads_keep_their_order():
    model, ids = decoder(SMALL_LLAMA), text()
    same = moved(model, ids, every_head(model), scaled_dot_product_attention)
    assert same.attention.shape == (3, 12, 7) and same.attention.max() < 1e-5 and same.predicted.max() < 1e-5
    assert same.same.all()
    network = induction_network()
    pair = moved(network, COPIES, [(1, 1), (0, 0)], even).attention
    assert pair[:, 0].max() < 1e-5 and pair[:, 1].max() > 0.8      # (1, 1) looks at all alike anyway


def test_no_heads_are_refused():
    with pytest.raises(CourseError, match="The heads are \\[\\]"):
        moved(decoder(GPT2), text(), [], even)
