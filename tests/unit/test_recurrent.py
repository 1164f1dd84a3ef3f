"""The cells on numbers worked out by hand, the language model's contract, and bad input."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.recurrent import (
    CELLS,
    GRUCell,
    LSTMCell,
    RecurrentConfig,
    RecurrentLM,
    RNNCell,
    remember,
    unroll,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

KINDS = sorted(CELLS)
V = 9


def with_weights(cell, weight_ih, weight_hh, bias_ih=None):
    """A cell of one input and one unit with these numbers; the other bias is zero."""
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor(weight_ih)[:, None])
        cell.weight_hh.copy_(torch.tensor(weight_hh)[:, None])
        cell.bias_ih.copy_(torch.tensor(bias_ih or [0.0] * cell.parts))
        cell.bias_hh.zero_()
    return cell


def model(kind="lstm", **sizes) -> RecurrentLM:
    return RecurrentLM(RecurrentConfig(V, kind, **({"embedding": 4, "width": 6} | sizes)), generator(1))


def some_ids(batch=3, length=10) -> torch.Tensor:
    return torch.randint(V, (batch, length), generator=generator(2))


# --- by hand


def test_the_rnn_adds_input_and_state_and_squashes_the_sum():
    cell = with_weights(RNNCell(1, 1), [0.5], [2.0], [0.25])
    state = cell(torch.tensor([[3.0]]), torch.tensor([[-0.5]]))
    assert state.item() == pytest.approx(math.tanh(0.5 * 3 + 2.0 * -0.5 + 0.25))


def test_the_gru_keeps_its_state_where_the_update_gate_is_open():
    cell = with_weights(GRUCell(1, 1), [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 20.0, 0.0])
    assert cell(torch.tensor([[5.0]]), torch.tensor([[0.3]])).item() == pytest.approx(0.3, abs=1e-6)


def test_the_gru_forgets_its_state_inside_the_candidate_where_the_reset_gate_is_shut():
    cell = with_weights(GRUCell(1, 1), [0.0, 0.0, 1.0], [0.0, 0.0, 9.0], [-20.0, -20.0, 0.0])
    assert cell(torch.tensor([[0.4]]), torch.tensor([[0.7]])).item() == pytest.approx(math.tanh(0.4), abs=1e-6)


def test_the_lstm_keeps_its_memory_where_it_forgets_nothing_and_lets_nothing_in():
    cell = with_weights(LSTMCell(1, 1), [0.0, 0.0, 1.0, 0.0], [0.0] * 4, [-20.0, 20.0, 0.0, 20.0])
    hidden, memory = cell(torch.tensor([[5.0]]), (torch.tensor([[0.1]]), torch.tensor([[0.8]])))
    assert memory.item() == pytest.approx(0.8, abs=1e-6)
    assert hidden.item() == pytest.approx(math.tanh(0.8), abs=1e-6)


def test_the_lstm_adds_what_the_input_gate_lets_in():
    cell = with_weights(LSTMCell(1, 1), [0.0, 0.0, 1.0, 0.0], [0.0] * 4, [0.0, 0.0, 0.0, -20.0])
    hidden, memory = cell(torch.tensor([[5.0]]), (torch.tensor([[0.0]]), torch.tensor([[0.8]])))
    assert memory.item() == pytest.approx(0.5 * 0.8 + 0.5 * math.tanh(5.0), abs=1e-6)
    assert hidden.item() == pytest.approx(0.0, abs=1e-6)


# --- unrolling


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_read_in_two_parts_leaves_the_state_of_one_reading(kind):
    cell, x = CELLS[kind](2, 3, generator(1)), torch.randn(2, 9, 2, generator=generator(2))
    whole, _ = unroll(cell, x)
    first, state = unroll(cell, x[:, :4])
    second, _ = unroll(cell, x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_no_token_leaves_no_hidden_state_and_the_state_as_it_was(kind):
    cell = CELLS[kind](2, 3, generator(1))
    hidden, state = unroll(cell, torch.zeros(5, 0, 2))
    assert hidden.shape == (5, 0, 3)
    assert all(torch.equal(a, b) for a, b in zip(_parts(state), _parts(cell.start(5)), strict=True))


def _parts(state):
    return state if isinstance(state, tuple) else (state,)


def test_an_input_of_another_width_is_refused():
    with pytest.raises(ShapeError, match=r"x should have shape \(B, 2\); got \(1, 3\)"):
        RNNCell(2, 3)(torch.zeros(1, 3))
    with pytest.raises(ShapeError, match=r"x should have shape \(B, T, 2\)"):
        unroll(RNNCell(2, 3), torch.zeros(1, 2))


# --- the language model


@pytest.mark.parametrize("kind", KINDS)
def test_the_contract_logits_for_every_position_and_the_mean_loss_in_nats(kind):
    ids = some_ids()
    logits, loss = model(kind)(ids[:, :-1], ids[:, 1:])
    assert logits.shape == (3, 9, V)
    expected = -logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).mean()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert model(kind)(ids)[1] is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_nothing(kind):
    ids, network = some_ids(), model(kind)
    changed = ids.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % V
    torch.testing.assert_close(network(ids)[0][:, :6], network(changed)[0][:, :6])


@pytest.mark.parametrize("kind", KINDS)
def test_reading_token_by_token_gives_the_probabilities_of_one_reading(kind):
    ids, network = some_ids(1)[0].tolist(), model(kind)
    probability, memory = network.read(ids[:1])
    for i in ids[1:]:
        before = memory
        probability, memory = network.read([i], memory)
        again, _ = network.read([i], before)                       # the memory that was given is as it was
        assert torch.equal(probability, again)
    torch.testing.assert_close(probability, network.next_probabilities(ids))


def test_the_same_generator_gives_the_same_weights_and_another_seed_others():
    first, same = model().state_dict(), model().state_dict()
    other = RecurrentLM(RecurrentConfig(V, "lstm", embedding=4, width=6), generator(2)).state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["output.weight"], other["output.weight"])


def test_making_a_model_leaves_the_state_of_an_explicit_generator_as_the_only_source():
    torch.manual_seed(1)
    first = model("gru").state_dict()
    torch.manual_seed(2)
    assert all(torch.equal(first[name], tensor) for name, tensor in model("gru").state_dict().items())


def test_an_lstm_begins_with_forget_gates_of_bias_one():
    recurrence = model(layers=2).recurrence
    for layer in range(2):
        total = getattr(recurrence, f"bias_ih_l{layer}") + getattr(recurrence, f"bias_hh_l{layer}")
        assert torch.equal(total[6:12], torch.ones(6))
        assert total[:6].abs().max() < 1


def test_remember_sets_the_sum_of_the_two_biases():
    lstm = torch.nn.LSTM(2, 3, bidirectional=True)
    remember(lstm, 2.5)
    for name in ("l0", "l0_reverse"):
        total = getattr(lstm, f"bias_ih_{name}") + getattr(lstm, f"bias_hh_{name}")
        assert torch.equal(total[3:6], torch.full((3,), 2.5))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("rnn", 6 * (4 + 6) + 2 * 6), ("gru", 3 * (6 * (4 + 6) + 2 * 6)), ("lstm", 4 * (6 * (4 + 6) + 2 * 6))],
)
def test_the_parameters_are_those_of_the_formula(kind, expected):
    assert model(kind).parameter_count == expected + V * 4 + 6 * V + V


def test_targets_that_are_no_token_are_left_out_of_the_loss():
    ids, network = some_ids(1), model()
    targets = torch.full_like(ids, -100)
    targets[0, -1] = 3
    logits, loss = network(ids, targets)
    assert loss.item() == pytest.approx(-logits[0, -1].log_softmax(-1)[3].item(), abs=1e-6)


# --- bad input


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cell": "cnn"}, "cell is 'cnn'; expected one of rnn, gru, lstm"),
        ({"width": 0}, "expected sizes of 1 or more"),
        ({"dropout": 1.0}, "dropout is 1.0; expected 0 or more, and less than 1"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(CourseError, match=message):
        RecurrentConfig(V, **wrong)


def test_there_must_be_an_id_to_go_on_from_and_it_must_be_in_the_vocabulary():
    with pytest.raises(CourseError, match="no ids to go on from"):
        model().read([])
    with pytest.raises(CourseError, match=f"ids must lie in 0 … {V - 1}"):
        model().read([V])


def test_a_layer_that_there_is_not_is_refused():
    with pytest.raises(CourseError, match="layer is 1; expected 0 to 0"):
        model().cell(1)
