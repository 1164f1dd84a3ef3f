"""Exercises 2.1 to 2.3: a step, a sequence of steps, and the loss of a sequence."""

import math

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def _tensors(seed, *shapes):
    """A tensor of each shape with numbers from N(0, 1), in order, so that each seed gives the same ones."""
    random = generator(seed)
    return tuple(torch.randn(shape, generator=random) for shape in shapes)


def _step_arguments(seed, batch, inputs, width):
    return _tensors(seed, (batch, inputs), (batch, width), (width, inputs), (width, width), (width,))


def rnn_step(x, hidden, weight_ih, weight_hh, bias):
    """One step of a recurrent network: the state after reading x, (B, D)."""
    return torch.tanh(x @ weight_ih.T + hidden @ weight_hh.T + bias)


def _weights_exchanged(x, hidden, weight_ih, weight_hh, bias):
    return torch.tanh(x @ weight_hh.T + hidden @ weight_ih.T + bias)


RNN_STEP = Exercise(
    id="2.1",
    title="one step of a recurrent network",
    minutes=8,
    difficulty=1,
    imports=("import torch",),
    stub='''def rnn_step(x, hidden, weight_ih, weight_hh, bias):
    """One step of a recurrent network: the state after reading x, (B, D).

    x (B, I): what is read; hidden (B, D): the state before it; weight_ih (D, I), weight_hh (D, D), bias (D,).
    """
    raise NotImplementedError
''',
    reference=rnn_step,
    cases=(
        Case(lambda: _step_arguments(1, batch=1, inputs=1, width=1)),
        Case(lambda: _step_arguments(2, batch=1, inputs=2, width=2)),
        Case(lambda: _step_arguments(3, batch=4, inputs=3, width=3)),
    ),
    hidden=(
        Case(lambda: _step_arguments(4, batch=2, inputs=2, width=2)),
        Case(lambda: _step_arguments(5, batch=3, inputs=4, width=4)),
    ),
    invariants=(Invariant("no value leaves −1 … 1", lambda state, *_: bool((state.abs() <= 1).all())),),
    hints=(
        "Three parts are added: one from x, one from the state, the bias. Then tanh of the sum.",
        "Each row of weight_ih makes one unit of the state from x, so the product is x @ weight_ih.T, of shape (B, D).",
        "torch.tanh(x @ weight_ih.T + hidden @ weight_hh.T + bias): one tanh, round everything.",
    ),
    misconceptions=(
        Misconception(
            "no tanh",
            lambda x, hidden, weight_ih, weight_hh, bias: x @ weight_ih.T + hidden @ weight_hh.T + bias,
            "The sum is right, but the tanh is missing: without it the state may grow from step to step.",
        ),
        Misconception(
            "sigmoid",
            lambda x, hidden, weight_ih, weight_hh, bias: torch.sigmoid(x @ weight_ih.T + hidden @ weight_hh.T + bias),
            "That squashes to 0 … 1 with a sigmoid. This network uses tanh, which keeps the sign.",
        ),
        Misconception(
            "no state",
            lambda x, hidden, weight_ih, weight_hh, bias: torch.tanh(x @ weight_ih.T + bias),
            "That never looks at `hidden`: nothing would be carried from step to step.",
        ),
        Misconception(
            "no bias",
            lambda x, hidden, weight_ih, weight_hh, bias: torch.tanh(x @ weight_ih.T + hidden @ weight_hh.T),
            "The bias is missing. It is added to every row, before the tanh.",
        ),
        Misconception(
            "bias outside",
            lambda x, hidden, weight_ih, weight_hh, bias: torch.tanh(x @ weight_ih.T + hidden @ weight_hh.T) + bias,
            "The bias stands outside of the tanh, so the state can leave −1 … 1. Add it before.",
        ),
        Misconception(
            "two tanhs",
            lambda x, hidden, weight_ih, weight_hh, bias: (
                torch.tanh(x @ weight_ih.T) + torch.tanh(hidden @ weight_hh.T + bias)
            ),
            "That takes tanh of each part and adds them. Add first; there is one tanh, round the whole sum.",
        ),
        Misconception(
            "not transposed",
            lambda x, hidden, weight_ih, weight_hh, bias: torch.tanh(x @ weight_ih + hidden @ weight_hh + bias),
            "A transpose is missing. Here I and D are equal, so torch does not complain; each row of a weight belongs "
            "to one unit of the new state: write x @ weight_ih.T.",
        ),
        Misconception(
            "state not transposed",
            lambda x, hidden, weight_ih, weight_hh, bias: torch.tanh(x @ weight_ih.T + hidden @ weight_hh + bias),
            "weight_hh is not transposed. It is square, so torch does not complain; write hidden @ weight_hh.T.",
        ),
        Misconception(
            "weights exchanged",
            _weights_exchanged,
            "The two weights are exchanged: weight_ih reads the input (ih: input to hidden), weight_hh the state.",
        ),
    ),
    tolerance=1e-4,
)


def _sequence_arguments(seed, length, inputs, width):
    return _tensors(seed, (length, inputs), (width, inputs), (width, width), (width,))


def hidden_states(x, weight_ih, weight_hh, bias):
    """The state after each of T steps, (T, D), starting from zeros."""
    hidden, states = torch.zeros(len(bias)), []
    for x_t in x:
        hidden = torch.tanh(weight_ih @ x_t + weight_hh @ hidden + bias)
        states.append(hidden)
    return torch.stack(states)


def _states(x, weight_ih, weight_hh, bias, start=0.0):
    hidden, states = torch.full((len(bias),), start), []
    for x_t in x:
        hidden = torch.tanh(weight_ih @ x_t + weight_hh @ hidden + bias)
        states.append(hidden)
    return states


def _state_before_each_step(x, weight_ih, weight_hh, bias):
    return torch.stack([torch.zeros(len(bias)), *_states(x, weight_ih, weight_hh, bias)[:-1]])


def _never_carried(x, weight_ih, weight_hh, bias):
    return torch.tanh(x @ weight_ih.T + bias)


def _summed_up(x, weight_ih, weight_hh, bias):
    hidden, states = torch.zeros(len(bias)), []
    for x_t in x:
        hidden = hidden + torch.tanh(weight_ih @ x_t + weight_hh @ hidden + bias)
        states.append(hidden)
    return torch.stack(states)


HIDDEN_STATES = Exercise(
    id="2.2",
    title="all states of a sequence",
    minutes=8,
    difficulty=1,
    imports=("import torch",),
    stub='''def hidden_states(x, weight_ih, weight_hh, bias):
    """The state after each of T steps, (T, D), starting from zeros. One sequence, no batch.

    x (T, I), T at least 1; weight_ih (D, I), weight_hh (D, D), bias (D,).
    """
    raise NotImplementedError
''',
    reference=hidden_states,
    cases=(
        Case(lambda: _sequence_arguments(1, length=1, inputs=1, width=1)),
        Case(lambda: _sequence_arguments(2, length=2, inputs=1, width=2)),
        Case(lambda: _sequence_arguments(3, length=5, inputs=3, width=2)),
    ),
    hidden=(
        Case(lambda: _sequence_arguments(4, length=3, inputs=2, width=2)),
        Case(lambda: _sequence_arguments(5, length=4, inputs=1, width=3)),
    ),
    invariants=(
        Invariant(
            "the first state is tanh(weight_ih x₁ + bias)",
            lambda states, x, weight_ih, weight_hh, bias: bool(
                torch.allclose(states[0], torch.tanh(weight_ih @ x[0] + bias), atol=1e-5)
            ),
        ),
    ),
    hints=(
        "Begin with hidden = torch.zeros(D), and go through the rows of x in a loop.",
        "In each round the new state replaces the old one, and a list keeps it.",
        "torch.stack(list_of_states) makes (T, D) of T vectors of length D.",
    ),
    misconceptions=(
        Misconception(
            "not carried",
            _never_carried,
            "Each step begins from zeros again. The state of one step has to be the `hidden` of the next.",
        ),
        Misconception(
            "last only",
            lambda x, weight_ih, weight_hh, bias: _states(x, weight_ih, weight_hh, bias)[-1],
            "That is the last state alone. Keep the state of every step, in order.",
        ),
        Misconception(
            "state before",
            _state_before_each_step,
            "Those are the states before each step: the zeros are among them and the last one is missing. Append "
            "after the update.",
        ),
        Misconception(
            "zeros included",
            lambda x, weight_ih, weight_hh, bias: torch.stack(
                [torch.zeros(len(bias)), *_states(x, weight_ih, weight_hh, bias)]
            ),
            "The zeros at the beginning are no state after a step; leave them out.",
        ),
        Misconception(
            "backwards",
            lambda x, weight_ih, weight_hh, bias: torch.stack(_states(x.flip(0), weight_ih, weight_hh, bias)),
            "That reads the sequence from its end.",
        ),
        Misconception(
            "ones to begin with",
            lambda x, weight_ih, weight_hh, bias: torch.stack(_states(x, weight_ih, weight_hh, bias, start=1.0)),
            "That starts from ones. Before anything is read the state is zeros.",
        ),
        Misconception(
            "added to the old state",
            _summed_up,
            "That adds the old state once more outside of the tanh. The new state replaces the old one.",
        ),
    ),
    tolerance=1e-4,
)


def _loss_arguments(seed, length, vocabulary_size):
    random = generator(seed)
    logits = torch.randn(length, vocabulary_size, generator=random)
    return logits, torch.randint(vocabulary_size, (length,), generator=random)


def next_token_loss(logits, ids):
    """Mean of −ln p of the token that follows, in nats."""
    return functional.cross_entropy(logits[:-1], ids[1:])


NEXT_TOKEN_LOSS = Exercise(
    id="2.3",
    title="debug this: the loss of a sequence",
    minutes=8,
    difficulty=2,
    kind="debug",
    imports=("import torch", "from torch.nn import functional"),
    stub='''def next_token_loss(logits, ids):
    """Mean of −ln p of the token that follows, in nats: what a language model is trained on.

    ids (T,): a text, T at least 2; logits (T, V): row t was computed after reading ids[0] … ids[t].
    The last row has nothing to predict. One line of this function is wrong.
    """
    predicted, wanted = logits, ids
    return functional.cross_entropy(predicted, wanted)
''',
    reference=next_token_loss,
    cases=(
        Case(lambda: _loss_arguments(1, length=2, vocabulary_size=3)),
        Case(lambda: _loss_arguments(2, length=4, vocabulary_size=5)),
        Case(lambda: _loss_arguments(3, length=9, vocabulary_size=4)),
    ),
    hidden=(
        Case(lambda: _loss_arguments(4, length=3, vocabulary_size=4)),
        Case(lambda: _loss_arguments(5, length=7, vocabulary_size=6)),
    ),
    invariants=(Invariant("a loss in nats is not negative", lambda loss, *_: bool(loss >= 0)),),
    hints=(
        "Write a text of three tokens on paper. After reading the first, which one is to be predicted?",
        "As it stands, row t is compared with ids[t], which the network has just read: it only has to repeat it.",
        "Row t predicts ids[t + 1]. So the last row and the first id drop out: logits[:-1] and ids[1:].",
    ),
    misconceptions=(
        Misconception(
            "shifted the other way",
            lambda logits, ids: functional.cross_entropy(logits[1:], ids[:-1]),
            "That is shifted the other way: row t + 1 against ids[t], a token that was read before. The network would "
            "learn to say what it already knows.",
        ),
        Misconception(
            "wrapped round",
            lambda logits, ids: functional.cross_entropy(logits, ids.roll(-1)),
            "Nearly: the last row is compared with the first token of the text (torch.roll wraps round). It has "
            "nothing to predict; leave it out.",
        ),
        Misconception(
            "two steps ahead",
            lambda logits, ids: functional.cross_entropy(logits[:-2], ids[2:]),
            "That skips a token: row t predicts ids[t + 1], not ids[t + 2].",
        ),
        Misconception(
            "sum",
            lambda logits, ids: functional.cross_entropy(logits[:-1], ids[1:], reduction="sum"),
            lambda logits, ids: f"That is the sum over {len(ids) - 1} predictions. Asked is the mean.",
        ),
        Misconception(
            "bits",
            lambda logits, ids: functional.cross_entropy(logits[:-1], ids[1:]) / math.log(2),
            "That is in bits. The loss stays in nats; only what is reported is turned into bits.",
        ),
        Misconception(
            "last row kept out, ids not shifted",
            lambda logits, ids: functional.cross_entropy(logits[:-1], ids[:-1]),
            "The last row is out, but the ids are not shifted: row t still meets ids[t].",
        ),
    ),
    tolerance=1e-4,
)
