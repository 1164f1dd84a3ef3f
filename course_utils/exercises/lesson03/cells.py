"""Exercises 3.2, 3.4 and 3.5: the LSTM, the GRU, and how many numbers they hold."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def _tensors(seed, *shapes):
    """A tensor of each shape with numbers from N(0, 1), in order, so that each seed gives the same ones."""
    random = generator(seed)
    return tuple(torch.randn(shape, generator=random) for shape in shapes)


def _lstm_arguments(seed, batch, inputs, width):
    shapes = (batch, inputs), (batch, width), (batch, width), (4 * width, inputs), (4 * width, width), (4 * width,)
    return _tensors(seed, *shapes)


def lstm_step(x, hidden, memory, weight_ih, weight_hh, bias):
    """One step of an LSTM: the new hidden state and the new memory, each (B, D)."""
    sums = x @ weight_ih.T + hidden @ weight_hh.T + bias                    # (B, 4D)
    i, f, g, o = sums.chunk(4, dim=1)
    memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
    return o.sigmoid() * memory.tanh(), memory


def _sums(x, hidden, weight_ih, weight_hh, bias):
    return (x @ weight_ih.T + hidden @ weight_hh.T + bias).chunk(4, dim=1)


def _lstm(i, f, g, o, memory):
    memory = f * memory + i * g
    return o * memory.tanh(), memory


def _lstm_with(order=(0, 1, 2, 3), gate=torch.sigmoid, candidate=torch.tanh, combine=_lstm):
    """An LSTM step that is wrong in one way: the order of the four parts, their squashing, or what becomes of them."""

    def step(x, hidden, memory, weight_ih, weight_hh, bias):
        parts = _sums(x, hidden, weight_ih, weight_hh, bias)
        i, f, g, o = (parts[place] for place in order)
        return combine(gate(i), gate(f), candidate(g), gate(o), memory)

    return step


def _output_without_tanh(i, f, g, o, memory):
    memory = f * memory + i * g
    return o * memory, memory


def _no_forget_gate(i, f, g, o, memory):
    memory = memory + i * g
    return o * memory.tanh(), memory


def _no_output_gate(i, f, g, o, memory):
    memory = f * memory + i * g
    return memory.tanh(), memory


def _shows_the_old_memory(i, f, g, o, memory):
    return o * memory.tanh(), f * memory + i * g


def _returned_the_other_way_round(i, f, g, o, memory):
    return _lstm(i, f, g, o, memory)[::-1]


def _without_the_state(x, hidden, memory, weight_ih, weight_hh, bias):
    i, f, g, o = (x @ weight_ih.T + bias).chunk(4, dim=1)
    return _lstm(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), memory)


LSTM_STEP = Exercise(
    id="3.2",
    title="one step of an LSTM",
    minutes=15,
    difficulty=2,
    imports=("import torch",),
    stub='''def lstm_step(x, hidden, memory, weight_ih, weight_hh, bias):
    """One step of an LSTM: the new hidden state and the new memory, each (B, D), as a pair in this order.

    x (B, I), hidden and memory (B, D), weight_ih (4D, I), weight_hh (4D, D), bias (4D,). The 4D rows are four blocks of
    D in torch's order: input gate, forget gate, candidate, output gate.
    """
    raise NotImplementedError
''',
    reference=lstm_step,
    cases=(
        Case(lambda: _lstm_arguments(1, batch=1, inputs=1, width=1)),
        Case(lambda: _lstm_arguments(2, batch=2, inputs=3, width=2)),
        Case(lambda: _lstm_arguments(3, batch=4, inputs=2, width=5)),
    ),
    hidden=(
        Case(lambda: _lstm_arguments(4, batch=1, inputs=2, width=2)),
        Case(lambda: _lstm_arguments(5, batch=3, inputs=4, width=3)),
    ),
    invariants=(
        Invariant("the hidden state stays between −1 and 1", lambda result, *_: bool((result[0].abs() <= 1).all())),
    ),
    hints=(
        "First one sum of shape (B, 4D): x @ weight_ih.T + hidden @ weight_hh.T + bias. "
        "`.chunk(4, dim=1)` cuts it into the four blocks.",
        "Three blocks are gates and go through the sigmoid. The third is the candidate and goes through tanh.",
        "new memory = forget · memory + input · candidate; new hidden state = output · tanh(new memory).",
    ),
    misconceptions=(
        Misconception(
            "input and forget swapped",
            _lstm_with(order=(1, 0, 2, 3)),
            "That takes the first block for the forget gate and the second for the input gate. In torch's order the "
            "input gate comes first.",
        ),
        Misconception(
            "order i, f, o, g",
            _lstm_with(order=(0, 1, 3, 2)),
            "That takes the third block for the output gate and the fourth for the candidate, as some other libraries "
            "order them. In torch the candidate is the third.",
        ),
        Misconception(
            "gates through tanh",
            _lstm_with(gate=torch.tanh),
            "That puts the gates through tanh. A gate is a share between 0 and 1, so it needs the sigmoid; tanh would "
            "let it turn the sign of what it lets through.",
        ),
        Misconception(
            "candidate through sigmoid",
            _lstm_with(candidate=torch.sigmoid),
            "That puts the candidate through the sigmoid, so nothing negative could ever be written. It is no gate: "
            "use tanh.",
        ),
        Misconception(
            "output gate on the bare memory",
            _lstm_with(combine=_output_without_tanh),
            "That shows output · memory. The memory may have any size; show output · tanh(memory).",
        ),
        Misconception(
            "nothing forgotten",
            _lstm_with(combine=_no_forget_gate),
            "That keeps all of the old memory: multiply it by the forget gate before adding.",
        ),
        Misconception(
            "everything shown",
            _lstm_with(combine=_no_output_gate),
            "The memory is right, but all of it is shown: the output gate is missing in the hidden state.",
        ),
        Misconception(
            "old memory shown",
            _lstm_with(combine=_shows_the_old_memory),
            "The memory is right, but the hidden state shows the one of the step before. Compute the new memory first.",
        ),
        Misconception(
            "hidden state not read",
            _without_the_state,
            "That leaves out hidden @ weight_hh.T: the gates would not know what the network has read.",
        ),
        Misconception(
            "pair the other way round",
            _lstm_with(combine=_returned_the_other_way_round),
            "Both are right, but the order is (hidden, memory).",
        ),
    ),
    tolerance=1e-4,
)


def gru_step(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step of a GRU as torch computes it: the new hidden state (B, D)."""
    reset_x, update_x, new_x = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    reset_h, update_h, new_h = (hidden @ weight_hh.T + bias_hh).chunk(3, dim=1)
    reset, update = (reset_x + reset_h).sigmoid(), (update_x + update_h).sigmoid()
    new = (new_x + reset * new_h).tanh()
    return (1 - update) * new + update * hidden


def _gru_arguments(seed, batch, inputs, width):
    shapes = (batch, inputs), (batch, width), (3 * width, inputs), (3 * width, width), (3 * width,), (3 * width,)
    return _tensors(seed, *shapes)


def _gru_with(swapped=False, update_inverted=False, new=None):
    """A GRU step that is wrong in one way; `new` computes the candidate from (reset, its two sums)."""
    new = new or (lambda reset, new_x, new_h: (new_x + reset * new_h).tanh())

    def step(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
        parts_x = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
        parts_h = (hidden @ weight_hh.T + bias_hh).chunk(3, dim=1)
        first, second = ((parts_x[k] + parts_h[k]).sigmoid() for k in (0, 1))
        reset, update = (second, first) if swapped else (first, second)
        keep = 1 - update if update_inverted else update
        return (1 - keep) * new(reset, parts_x[2], parts_h[2]) + keep * hidden

    return step


def _reset_before_the_product(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    reset_x, update_x, new_x = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    reset_h, update_h, _ = (hidden @ weight_hh.T + bias_hh).chunk(3, dim=1)
    reset, update = (reset_x + reset_h).sigmoid(), (update_x + update_h).sigmoid()
    width = hidden.shape[1]
    new = (new_x + (reset * hidden) @ weight_hh[2 * width :].T + bias_hh[2 * width :]).tanh()
    return (1 - update) * new + update * hidden


def _bias_outside_the_reset(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    reset_x, update_x, new_x = (x @ weight_ih.T + bias_ih + bias_hh).chunk(3, dim=1)
    reset_h, update_h, new_h = (hidden @ weight_hh.T).chunk(3, dim=1)
    reset, update = (reset_x + reset_h).sigmoid(), (update_x + update_h).sigmoid()
    return (1 - update) * (new_x + reset * new_h).tanh() + update * hidden


GRU_STEP = Exercise(
    id="3.4",
    title="one step of a GRU",
    minutes=15,
    difficulty=3,
    imports=("import torch",),
    stub='''def gru_step(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    """One step of a GRU as torch computes it: the new hidden state (B, D).

    x (B, I), hidden (B, D), weight_ih (3D, I), weight_hh (3D, D), both biases (3D,). The 3D rows are three blocks of D
    in torch's order: reset gate, update gate, candidate. The reset gate multiplies what the candidate gets from the
    state, its bias included; an update gate of 1 keeps the old state.
    """
    raise NotImplementedError
''',
    reference=gru_step,
    cases=(
        Case(lambda: _gru_arguments(1, batch=1, inputs=1, width=1)),
        Case(lambda: _gru_arguments(2, batch=2, inputs=3, width=2)),
        Case(lambda: _gru_arguments(3, batch=4, inputs=2, width=5)),
    ),
    hidden=(
        Case(lambda: _gru_arguments(4, batch=1, inputs=2, width=2)),
        Case(lambda: _gru_arguments(5, batch=3, inputs=4, width=3)),
    ),
    hints=(
        "Cut two sums into three blocks each: x @ weight_ih.T + bias_ih and hidden @ weight_hh.T + bias_hh. "
        "The candidate needs its two parts apart.",
        "reset = sigmoid of the first blocks' sum, update = sigmoid of the second ones'. "
        "candidate = tanh(its part from x + reset · its part from the state).",
        "new state = (1 − update) · candidate + update · hidden.",
    ),
    misconceptions=(
        Misconception(
            "update the other way round",
            _gru_with(update_inverted=True),
            "That mixes the other way round: update · candidate + (1 − update) · hidden, as some papers write it. In "
            "torch an update gate of 1 keeps the old state.",
        ),
        Misconception(
            "reset and update swapped",
            _gru_with(swapped=True),
            "That takes the first block for the update gate. In torch's order the reset gate comes first.",
        ),
        Misconception(
            "reset before the product",
            _reset_before_the_product,
            "That resets the state before its product with the weights, as Cho et al. wrote it in 2014. In torch the "
            "reset comes after the product.",
        ),
        Misconception(
            "reset on everything",
            _gru_with(new=lambda reset, new_x, new_h: (reset * (new_x + new_h)).tanh()),
            "That resets the part from x, too: with a closed gate the network would not even read. Only the part from "
            "the state is reset.",
        ),
        Misconception(
            "no reset",
            _gru_with(new=lambda reset, new_x, new_h: (new_x + new_h).tanh()),
            "The reset gate is computed and not used: multiply the candidate's part from the state by it.",
        ),
        Misconception(
            "bias outside the reset",
            _bias_outside_the_reset,
            "Nearly: the candidate's bias_hh belongs inside the brackets that the reset gate multiplies. That is why "
            "torch keeps two biases.",
        ),
        Misconception(
            "candidate through sigmoid",
            _gru_with(new=lambda reset, new_x, new_h: (new_x + reset * new_h).sigmoid()),
            "That puts the candidate through the sigmoid, so the state could never become negative: use tanh.",
        ),
    ),
    tolerance=1e-4,
)


def count_parameters(cell, inputs, width):
    """How many numbers a torch recurrent layer holds; cell is "rnn", "gru" or "lstm"."""
    blocks = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    return blocks * width * (inputs + width + 2)


def _count(cell, inputs, width, blocks=(1, 3, 4), state=1, biases=2):
    """The count with the parts that a mistake changes: blocks of each cell, whether the state has weights, biases."""
    return dict(zip(("rnn", "gru", "lstm"), blocks, strict=True))[cell] * width * (inputs + state * width + biases)


COUNT_PARAMETERS = Exercise(
    id="3.5",
    title="count the parameters",
    minutes=6,
    difficulty=1,
    stub='''def count_parameters(cell, inputs, width):
    """How many numbers torch's nn.RNN, nn.GRU or nn.LSTM of one layer holds.

    cell: "rnn", "gru" or "lstm"; inputs: I, the width of x; width: D. Weights for x, weights for the state, and two
    biases, for each block.
    """
    raise NotImplementedError
''',
    reference=count_parameters,
    cases=(
        Case(lambda: ("rnn", 2, 3)),
        Case(lambda: ("gru", 2, 3)),
        Case(lambda: ("lstm", 2, 3)),
        Case(lambda: ("lstm", 128, 384)),
    ),
    hidden=(
        Case(lambda: ("gru", 5, 4)),
        Case(lambda: ("rnn", 7, 2)),
        Case(lambda: ("lstm", 3, 6)),
    ),
    hints=(
        "One block holds D rows: I weights for x in each, D weights for the state, and two biases.",
        "An RNN has one block, the candidate. How many gates does each of the others add?",
    ),
    misconceptions=(
        Misconception(
            "gates only",
            lambda cell, inputs, width: _count(cell, inputs, width, blocks=(1, 2, 3)),
            "That counts the gates alone, 2 and 3. The candidate is a block of its own in both.",
        ),
        Misconception(
            "one bias",
            lambda cell, inputs, width: _count(cell, inputs, width, biases=1),
            "That has one bias for each row. torch keeps two, bias_ih and bias_hh.",
        ),
        Misconception(
            "no bias",
            lambda cell, inputs, width: _count(cell, inputs, width, biases=0),
            "That counts the weights and leaves out the biases, two for each row.",
        ),
        Misconception(
            "two biases in all",
            lambda cell, inputs, width: _count(cell, inputs, width, biases=0) + 2,
            "A bias is not one number: it has one for each row, D in each block.",
        ),
        Misconception(
            "state not weighted",
            lambda cell, inputs, width: _count(cell, inputs, width, state=0),
            lambda cell, inputs, width: f"That leaves out the weights for the state, {width} × {width} in each block.",
        ),
        Misconception(
            "GRU with four blocks",
            lambda cell, inputs, width: _count(cell, inputs, width, blocks=(1, 4, 4)),
            "That counts a GRU like an LSTM. It has two gates and a candidate: three blocks.",
        ),
    ),
)
