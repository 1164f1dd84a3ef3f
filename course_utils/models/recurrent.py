"""Recurrent networks: the cells written out, and a language model that runs them fused.

A cell reads one token's vector and turns the state before it into the state after it. Parameters are named, shaped and
ordered as in `torch.nn`, so that weights can be copied either way. Notation: B batch, T length, I input width, D width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.language_model import LanguageModel, as_ids, check_ids, check_targets, measuring
from course_utils.models.onednn import LSTM
from course_utils.shapes import check_alike, check_counts, check_floats, check_number, check_shape, check_shapes


class Cell(nn.Module):
    """What the three cells share: G·D rows of weights for the input and as many for the state, G the `parts`."""

    parts: int

    def __init__(self, inputs: int, width: int, generator: torch.Generator | None = None):
        check_counts(inputs=inputs, width=width)
        super().__init__()
        self.inputs, self.width = inputs, width
        self.weight_ih = nn.Parameter(torch.empty(self.parts * width, inputs))
        self.weight_hh = nn.Parameter(torch.empty(self.parts * width, width))
        self.bias_ih = nn.Parameter(torch.empty(self.parts * width))
        self.bias_hh = nn.Parameter(torch.empty(self.parts * width))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width), generator)

    def start(self, batch: int):
        """The state before the first token: zeros."""
        check_counts(0, batch=batch)
        return self.weight_hh.new_zeros(batch, self.width)

    def from_input(self, x: torch.Tensor) -> torch.Tensor:
        """x (…, I) to (…, G·D): the part of each sum that needs no state, for all positions at once."""
        check_floats(f"… {self.inputs}", x=x)
        check_alike(x=x, weight=self.weight_ih)
        return x @ self.weight_ih.T + self.bias_ih

    def from_state(self, hidden: torch.Tensor) -> torch.Tensor:
        """hidden (B, D) to (B, G·D): the part of each sum that has to wait for the state."""
        check_floats(f"B {self.width}", hidden=hidden)
        check_alike(hidden=hidden, weight=self.weight_hh)
        return hidden @ self.weight_hh.T + self.bias_hh

    def step(self, from_input: torch.Tensor, state):
        """One position: from_input (B, G·D) and the state before it to the state after it."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor, state=None):
        """x (B, I) and a state to the next state; without a state, from zeros. Raises ShapeError."""
        check_shape(x, f"B {self.inputs}", "x")
        return self.step(self.from_input(x), self.start(len(x)) if state is None else state)


class RNNCell(Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh). State: h (B, D). Elman 1990."""

    parts = 1

    def step(self, from_input: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        return torch.tanh(from_input + self.from_state(state))


class GRUCell(Cell):
    """Reset and update gates. State: h (B, D). Cho et al. 2014, with the reset after the product, as in torch.

    r, z = sigmoid(…), n = tanh(W_in x + b_in + r · (W_hn h + b_hn)), h' = (1 − z) · n + z · h.
    """

    parts = 3

    def step(self, from_input: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        reset_x, update_x, new_x = from_input.chunk(3, dim=-1)          # each (B, D)
        reset_h, update_h, new_h = self.from_state(state).chunk(3, dim=-1)
        reset, update = torch.sigmoid(reset_x + reset_h), torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + reset * new_h)
        return (1 - update) * new + update * state


class LSTMCell(Cell):
    """Input, forget and output gates round a memory. State: (h, c), each (B, D).

    i, f, o = sigmoid(…), g = tanh(…), c' = f · c + i · g, h' = o · tanh(c'). Hochreiter and Schmidhuber 1997; the
    forget gate is by Gers, Schmidhuber and Cummins 2000.
    """

    parts = 4

    def start(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        zeros = super().start(batch)
        return zeros, zeros

    def gates(self, from_input: torch.Tensor, hidden: torch.Tensor):
        """Input gate, forget gate, candidate and output gate, in torch's order, each (B, D)."""
        i, f, g, o = (from_input + self.from_state(hidden)).chunk(4, dim=-1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)

    def step(self, from_input: torch.Tensor, state) -> tuple[torch.Tensor, torch.Tensor]:
        hidden, memory = state
        i, f, g, o = self.gates(from_input, hidden)
        memory = f * memory + i * g
        return o * torch.tanh(memory), memory


def unroll(cell: Cell, x: torch.Tensor, state=None):
    """Apply one cell at T positions, the state handed on. x (B, T, I) to hidden (B, T, D) and the last state."""
    check_shape(x, f"B T {cell.inputs}", "x")
    state = cell.start(x.shape[0]) if state is None else state
    from_input, hidden = cell.from_input(x), []                         # (B, T, G·D): one product for all positions
    for t in range(x.shape[1]):
        state = cell.step(from_input[:, t], state)
        hidden.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(hidden, dim=1) if hidden else x.new_zeros(x.shape[0], 0, cell.width), state


CELLS = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}
FUSED = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": LSTM}


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes of a recurrent language model; `cell` is rnn, gru or lstm, `dropout` the share set to zero in training."""

    vocabulary_size: int
    cell: str = "lstm"
    embedding: int = 128
    width: int = 384
    layers: int = 1
    dropout: float = 0.0

    def __post_init__(self):
        if self.cell not in CELLS:
            raise CourseError(f"cell is {self.cell!r}; expected one of {', '.join(CELLS)}.")
        if min(self.vocabulary_size, self.embedding, self.width, self.layers) < 1:
            raise CourseError(f"{self}: expected sizes of 1 or more.")
        if not 0 <= self.dropout < 1:
            raise CourseError(f"dropout is {self.dropout}; expected 0 or more, and less than 1.")


class RecurrentLM(LanguageModel):
    """A language model with a carried state: embedding, recurrence, output layer. Mikolov et al. 2010.

    The recurrence is torch's fused loop, several times as fast as `unroll`; a parity test keeps the two equal.
    `generator` draws the initial weights.
    """

    def __init__(self, config: RecurrentConfig, generator: torch.Generator):
        super().__init__()
        self.config, self.vocabulary_size = config, config.vocabulary_size
        self.embedding = nn.Embedding(config.vocabulary_size, config.embedding)
        self.recurrence = fused(config.cell, config.embedding, config.width, config.layers, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.width, config.vocabulary_size)
        initialise(self, config.width, generator)

    def hidden(self, ids: torch.Tensor, state=None):
        """ids (B, T) to the last layer's hidden states (B, T, D), before dropout, and the state after the last id."""
        check_shapes("B+ T+", ids=ids)
        check_ids(ids, self.vocabulary_size, "ids")
        return self.recurrence(self.dropout(self.embedding(ids)), state)

    def run(self, ids: torch.Tensor, state=None):
        """ids (B, T) to logits (B, T, V), going on from `state`, and the state to go on from."""
        hidden, state = self.hidden(ids, state)
        return self.output(self.dropout(hidden)), state

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        """The contract. Targets of −100 are not counted in the loss."""
        logits, _ = self.run(ids)
        if targets is not None:
            check_targets(targets, logits)
        return logits, None if targets is None else functional.cross_entropy(logits.transpose(1, 2), targets)

    def read(self, ids: Sequence[int], memory=None):
        """The contract. The memory is the state, so that all of the past is in it and each token costs the same."""
        logits, state = self.read_logits(ids, memory)
        return logits.softmax(dim=-1), state

    def read_logits(self, ids: Sequence[int], memory=None):
        """The contract."""
        if len(ids) == 0:
            raise CourseError("There are no ids to go on from; expected at least one: begin with [vocabulary.start].")
        new = as_ids(ids)
        check_ids(new, self.vocabulary_size, "ids")
        with measuring(self):
            logits, state = self.run(new[None].to(self.device), memory)
        return logits[0, -1].float().cpu(), state

    def cell(self, layer: int = 0) -> Cell:
        """One layer as a written-out cell with the same weights, which shows what is inside."""
        config = self.config
        if not 0 <= layer < config.layers:
            raise CourseError(f"layer is {layer}; expected 0 to {config.layers - 1}.")
        cell = CELLS[config.cell](config.width if layer else config.embedding, config.width)
        with torch.no_grad():
            for name, parameter in cell.named_parameters():
                parameter.copy_(getattr(self.recurrence, f"{name}_l{layer}"))
        return cell.to(self.device)


def fused(
    cell: str, inputs: int, width: int, layers: int = 1, dropout: float = 0.0, bidirectional: bool = False
) -> nn.Module:
    """torch's own loop over a cell. Dropout between layers only, where there are several."""
    check_counts(inputs=inputs, width=width, layers=layers)
    if cell not in FUSED:
        raise CourseError(f"cell is {cell!r}; expected one of {', '.join(FUSED)}.")
    check_number(0, 1, dropout=dropout)
    between = dropout if layers > 1 else 0.0
    return FUSED[cell](inputs, width, layers, batch_first=True, dropout=between, bidirectional=bidirectional)


def initialise(model: nn.Module, width: int, generator: torch.Generator | None) -> None:
    """Draw every weight anew from `generator`: embeddings from N(0, 1), others uniform within ±1/√width.

    The forget gates of an LSTM start at a bias of 1, so that it remembers before it has learned to
    (Jozefowicz, Zaremba and Sutskever 2015).
    """
    check_counts(width=width)
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for parameter in model.parameters():
        if id(parameter) in embeddings:
            nn.init.normal_(parameter, generator=generator)
        else:
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width), generator)
    for module in model.modules():
        if isinstance(module, nn.LSTM):
            remember(module)


def remember(lstm: nn.LSTM, bias: float = 1.0) -> None:
    """Set the forget gates' bias, the sum of torch's two, to `bias`."""
    forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)             # torch's order: input, forget, candidate, output
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            if name.startswith("bias"):
                parameter[forget] = bias if name.startswith("bias_ih") else 0.0
