"""Attention on numbers worked out by hand; encoder and decoder: masks, padding, contract, bad input."""

import math

import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.seq2seq import (
    END,
    PAD,
    START,
    AdditiveAttention,
    Conditioned,
    DotAttention,
    NoAttention,
    Seq2Seq,
    Seq2SeqConfig,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

KINDS = ("none", "dot", "additive")
SIZES = {"source_size": 9, "target_size": 7, "embedding": 5, "width": 6}
MEMORY = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])       # (1, 3, 2)
ALL = torch.ones(1, 3, dtype=torch.bool)


def model(attention="dot", **sizes) -> Seq2Seq:
    return Seq2Seq(Seq2SeqConfig(attention=attention, **(SIZES | sizes)), generator(1)).eval()


SOURCE = torch.tensor([[3, 4, 5, END, PAD], [6, END, PAD, PAD, PAD]])
INPUTS = torch.tensor([[START, 3, 4], [START, 5, PAD]])
TARGETS = torch.tensor([[3, 4, END], [5, END, -100]])


# --- attention by hand


def test_dot_attention_averages_the_memory_by_the_softmax_of_the_products():
    context, weights = DotAttention(2)(torch.tensor([[[math.log(2), 0.0]]]), MEMORY, ALL)
    assert weights.flatten().tolist() == pytest.approx([0.4, 0.2, 0.4])          # 2 : 1 : 2
    assert context.flatten().tolist() == pytest.approx([0.8, 0.6])


def test_additive_attention_scores_by_a_small_network():
    attention = AdditiveAttention(2)
    with torch.no_grad():
        for layer in (attention.query, attention.memory):
            layer.weight.copy_(torch.eye(2))
        attention.query.bias.zero_()
        attention.score.weight.copy_(torch.tensor([[1.0, 2.0]]))
    _, weights = attention(torch.tensor([[[0.5, -0.5]]]), MEMORY, ALL)
    scores = [math.tanh(0.5 + a) + 2 * math.tanh(-0.5 + b) for a, b in MEMORY[0].tolist()]
    total = sum(map(math.exp, scores))
    assert weights.flatten().tolist() == pytest.approx([math.exp(score) / total for score in scores])


def test_no_attention_hands_over_the_last_position_of_the_source_at_every_step():
    mask = torch.tensor([[True, True, False]])
    context, weights = NoAttention(2)(torch.zeros(1, 4, 2), MEMORY, mask)
    assert torch.equal(weights, torch.tensor([[[0.0, 1.0, 0.0]] * 4]))
    assert torch.equal(context, MEMORY[:, 1:2].expand(-1, 4, -1))


@pytest.mark.parametrize("attention", [NoAttention(2), DotAttention(2), AdditiveAttention(2)])
def test_padding_gets_no_weight_and_the_weights_sum_to_one(attention):
    mask = torch.tensor([[True, True, False]])
    _, weights = attention(torch.randn(1, 4, 2, generator=generator(1)), MEMORY, mask)
    assert torch.equal(weights[..., 2], torch.zeros(1, 4))
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 4))


# --- the whole


@pytest.mark.parametrize("kind", KINDS)
def test_the_contract_logits_for_every_target_and_the_mean_loss_in_nats(kind):
    logits, loss = model(kind)(SOURCE, INPUTS, TARGETS)
    assert logits.shape == (2, 3, 7)
    log_p = logits.log_softmax(-1)
    picked = [log_p[0, 0, 3], log_p[0, 1, 4], log_p[0, 2, END], log_p[1, 0, 5], log_p[1, 1, END]]
    assert loss.item() == pytest.approx(-sum(picked).item() / 5, abs=1e-6)
    assert model(kind)(SOURCE, INPUTS)[1] is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_source_gives_the_same_whether_it_is_padded_or_not(kind, layers):
    network = model(kind, layers=layers)
    padded, _ = network(SOURCE, INPUTS)
    alone, _ = network(SOURCE[1:, :2], INPUTS[1:])
    torch.testing.assert_close(padded[1:], alone)


def test_the_memory_is_torchs_bidirectional_lstm_over_each_source_alone():
    network = model(layers=2)
    encoded = network.encode(SOURCE)
    for row, length in ((0, 4), (1, 2)):
        states, _ = network.encoder.recurrence(network.encoder.embedding(SOURCE[row : row + 1, :length]))
        torch.testing.assert_close(encoded.memory[row, :length], states[0])
    assert encoded.mask.tolist() == [[True] * 4 + [False], [True, True] + [False] * 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_that_reads_one_token_at_a_time_says_the_same_as_one_that_reads_all(kind):
    network = model(kind)
    encoded, state, parts = network.encode(SOURCE), None, []
    for t in range(3):
        logits, state, _ = network.decode(INPUTS[:, t : t + 1], encoded, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), network(SOURCE, INPUTS)[0])


def test_later_targets_change_nothing_before_them():
    network, changed = model(), INPUTS.clone()
    changed[:, 2] = 6
    torch.testing.assert_close(network(SOURCE, INPUTS)[0][:, :2], network(SOURCE, changed)[0][:, :2])


def test_without_attention_there_are_as_many_parameters_as_with_dot_attention():
    assert model("none").parameter_count == model("dot").parameter_count < model("additive").parameter_count


def test_the_alignment_has_a_row_for_each_target_that_sums_to_one():
    weights = model("additive").alignment([3, 4, 5, END], [3, 4, END])
    assert weights.shape == (3, 4)
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    assert model().alignment([3, END], []).shape == (0, 2)


def test_conditioned_on_a_source_it_is_a_model_of_the_target_alone():
    network = model()
    fixed = Conditioned(network, [3, 4, 5, END])
    probability, memory = fixed.read([START])
    after, _ = fixed.read([3], memory)
    expected = network(SOURCE[:1, :4], torch.tensor([[START, 3]]))[0][0].softmax(-1)
    torch.testing.assert_close(torch.stack([probability, after]), expected)
    assert torch.equal(fixed.read([3], memory)[0], after)           # a memory may be gone on from twice


def test_forget_gates_begin_at_one_in_both_directions():
    for name, parameter in model().encoder.recurrence.named_parameters():
        if name.startswith("bias_ih"):
            assert torch.equal(parameter[3:6], torch.ones(3))


# --- bad input


def test_an_empty_source_is_refused():
    for source in (torch.tensor([[3, END], [PAD, PAD]]), torch.empty(1, 0, dtype=torch.int64)):
        with pytest.raises(CourseError, match="A source is empty"):
            model().encode(source)


def test_an_id_that_is_no_letter_or_no_phoneme_is_refused():
    with pytest.raises(CourseError, match="source must lie in 0 … 8; got 2 … 9"):
        model().encode(torch.tensor([[9, END]]))
    with pytest.raises(CourseError, match="inputs must lie in 0 … 6; got 1 … 7"):
        model().decode(torch.tensor([[START, 7]]), model().encode(SOURCE[:1]))


def test_as_many_targets_as_sources_are_expected():
    with pytest.raises(ShapeError, match=r"inputs should have shape \(2, T\); got \(1, 3\)"):
        model()(SOURCE, INPUTS[:1])


@pytest.mark.parametrize("wrong", [{"attention": "self"}, {"width": 5}, {"layers": 0}])
def test_a_config_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(CourseError, match="expected"):
        Seq2SeqConfig(**(SIZES | wrong))


def test_nothing_to_go_on_from_is_refused():
    with pytest.raises(CourseError, match=r"begin with \[START\]"):
        Conditioned(model(), [3, END]).read([])


def test_it_trains_through_the_attention():
    network = model("additive").train()
    network(SOURCE, INPUTS, TARGETS)[1].backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert isinstance(network.decoder.attention.score, nn.Linear)
    assert network.decoder.attention.score.weight.grad.abs().sum() > 0
