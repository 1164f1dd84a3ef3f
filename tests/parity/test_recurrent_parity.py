"""The written-out cells, and the language model that runs fused, against torch.nn with the same weights."""

import pytest
import torch
from torch import nn

from course_utils.models.recurrent import CELLS, FUSED, RecurrentConfig, RecurrentLM, unroll
from course_utils.seeding import generator
from tools.verified import Verified

B, T, INPUTS, WIDTH = 4, 23, 5, 7
CLOSE = {"rtol": 0.0, "atol": 1e-5}
KINDS = sorted(CELLS)
GRADIENTS = 1e-4
VERIFIES = [
    Verified("03", "RNN, GRU and LSTM: hidden states and language model", "`torch.nn`, weights copied", CLOSE["atol"]),
    Verified("03", "RNN, GRU and LSTM: gradients", "`torch.nn`, weights copied", GRADIENTS),
]


def pair(kind: str, seed: int = 1):
    """Our cell, and torch's layer with its weights."""
    cell = CELLS[kind](INPUTS, WIDTH, generator(seed))
    layer = FUSED[kind](INPUTS, WIDTH, batch_first=True)
    layer.load_state_dict({f"{name}_l0": parameter for name, parameter in cell.state_dict().items()})
    return cell, layer


def noise(*shape: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def parts(state) -> tuple[torch.Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("kind", KINDS)
def test_the_unrolled_cell_gives_torchs_hidden_states_and_last_state(kind):
    cell, layer = pair(kind)
    x = noise(B, T, INPUTS)
    hidden, state = unroll(cell, x)
    expected, last = layer(x)
    torch.testing.assert_close(hidden, expected, **CLOSE)
    for ours, theirs in zip(parts(state), parts(last), strict=True):
        torch.testing.assert_close(ours, theirs[0], **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_so_from_any_state(kind):
    cell, layer = pair(kind)
    x, state = noise(B, T, INPUTS), tuple(noise(B, WIDTH, seed=seed) for seed in range(len(parts(cell.start(B)))))
    start = state if len(state) > 1 else state[0]
    theirs = tuple(part[None] for part in state)
    torch.testing.assert_close(
        unroll(cell, x, start)[0], layer(x, theirs if len(theirs) > 1 else theirs[0])[0], **CLOSE
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_step_is_that_of_torchs_cell(kind):
    cell = CELLS[kind](INPUTS, WIDTH, generator(1))
    theirs = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}[kind](INPUTS, WIDTH)
    theirs.load_state_dict(cell.state_dict())
    x, state = noise(B, INPUTS), cell.start(B)
    for ours, expected in zip(parts(cell(x, state)), parts(theirs(x, state)), strict=True):
        torch.testing.assert_close(ours, expected, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradients_agree_too(kind):
    cell, layer = pair(kind)
    x = noise(B, T, INPUTS)
    unroll(cell, x)[0].square().sum().backward()
    layer(x)[0].square().sum().backward()
    for name, parameter in cell.named_parameters():
        torch.testing.assert_close(parameter.grad, getattr(layer, f"{name}_l0").grad, rtol=GRADIENTS, atol=GRADIENTS)


@pytest.mark.parametrize(("kind", "change"), [("lstm", (0, 1)), ("lstm", (1, 3)), ("gru", (0, 1)), ("gru", (1, 2))])
def test_gates_in_another_order_would_be_noticed(kind, change):
    cell, layer = pair(kind)
    with torch.no_grad():
        for parameter in cell.parameters():
            blocks = parameter.view(cell.parts, WIDTH, -1)
            blocks[list(change)] = blocks[list(reversed(change))].clone()
    assert not torch.allclose(unroll(cell, noise(B, T, INPUTS))[0], layer(noise(B, T, INPUTS))[0], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_language_model_is_its_own_cells_unrolled(kind, layers):
    model = RecurrentLM(RecurrentConfig(11, kind, embedding=INPUTS, width=WIDTH, layers=layers), generator(3))
    ids = torch.randint(11, (B, T), generator=generator(4))
    hidden = model.embedding(ids)
    for layer in range(layers):
        hidden, _ = unroll(model.cell(layer), hidden)
    torch.testing.assert_close(model(ids)[0], model.output(hidden), **CLOSE)
