"""Exercises 2.4 and 2.5: backpropagation through time, whole and cut."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Misconception


def recurrent_gradient(w, x, target):
    """dL/dw of L = ½ (h_T − target)² with h_t = tanh(w·h_(t−1) + x_t) and h_0 = 0."""
    states = [0.0]
    for x_t in x:
        states.append(math.tanh(w * states[-1] + x_t))
    gradient, reaching = 0.0, states[-1] - target  # reaching: dL/dh_t
    for t in range(len(x), 0, -1):
        through_tanh = reaching * (1 - states[t] ** 2)
        gradient += through_tanh * states[t - 1]
        reaching = through_tanh * w
    return gradient


def _gradient(w, x, target, slope=lambda h: 1 - h**2, at=-1, steps=None, back=None, first=None):
    """The gradient with one part exchanged: slope of tanh, the state that is multiplied, the steps that are added."""
    states = [0.0]
    for x_t in x:
        states.append(math.tanh(w * states[-1] + x_t))
    gradient, reaching = 0.0, states[-1] - target if first is None else first(states[-1] - target)
    for t in range(len(x), 0, -1):
        here = reaching * slope(states[t])
        if steps is None or steps(t, len(x)):
            gradient += here * states[t + at]
        reaching = here * w if back is None else back(reaching, here, w)
    return gradient


RECURRENT_GRADIENT = Exercise(
    id="2.4",
    title="backpropagation through time",
    minutes=20,
    difficulty=3,
    imports=("import math",),
    stub='''def recurrent_gradient(w, x, target):
    """dL/dw of L = ½ (h_T − target)², where h_t = tanh(w·h_(t−1) + x_t) and h_0 = 0.

    w and target are numbers, x is a list of T numbers, T at least 1. Python and math only: no autograd.
    """
    raise NotImplementedError
''',
    reference=recurrent_gradient,
    cases=(
        Case(lambda: (0.5, [1.0, -0.5], 0.3)),
        Case(lambda: (0.9, [0.4, 0.2, -0.3], 1.0)),
        Case(lambda: (-1.3, [0.5, 0.1, 0.7, -0.2, 0.3], -0.4)),
    ),
    hidden=(
        Case(lambda: (0.7, [0.2, 0.6, -0.4], 0.5)),
        Case(lambda: (1.5, [-0.3, 0.2, 0.1, 0.4], 0.0)),
        Case(lambda: (0.7, [0.2], 0.5)),
    ),
    hints=(
        "Forward first: keep all states in a list, h_0 = 0 included. dL/dh_T is h_T − target.",
        "At step t, dL/dh_t times the slope of tanh, 1 − h_t², is what reaches the inside of the tanh. There w "
        "multiplies h_(t−1): that step's share of dL/dw. Add the shares of all steps.",
        "What goes on to h_(t−1) is the same number times w. Go on until step 1.",
    ),
    misconceptions=(
        Misconception(
            "last step only",
            lambda w, x, target: _gradient(w, x, target, steps=lambda t, T: t == T),
            "That is the share of the last step. The same w is used at every step, so the shares of all are added.",
        ),
        Misconception(
            "slope of tanh forgotten",
            lambda w, x, target: _gradient(w, x, target, slope=lambda h: 1.0),
            "The slope of tanh, 1 − h_t², is missing: each step back has to pass through it.",
        ),
        Misconception(
            "tanh of the state once more",
            lambda w, x, target: _gradient(w, x, target, slope=lambda h: 1 - math.tanh(h) ** 2),
            "That takes 1 − tanh(h_t)². h_t is the value of tanh already, so the slope is 1 − h_t².",
        ),
        Misconception(
            "state of the same step",
            lambda w, x, target: _gradient(w, x, target, at=0),
            "At step t the weight multiplies h_(t−1), the state before the step, not h_t.",
        ),
        Misconception(
            "w left out going back",
            lambda w, x, target: _gradient(w, x, target, back=lambda reaching, here, w: here),
            "Going from h_t back to h_(t−1) passes through the weight: multiply by w there.",
        ),
        Misconception(
            "slope left out going back",
            lambda w, x, target: _gradient(w, x, target, back=lambda reaching, here, w: reaching * w),
            "Going back multiplies by w only. The way from h_t to h_(t−1) leads through the tanh, too: its slope is "
            "missing there.",
        ),
        Misconception(
            "error left out",
            lambda w, x, target: _gradient(w, x, target, first=lambda error: 1.0),
            "That is dh_T/dw. The loss starts the way back with dL/dh_T = h_T − target.",
        ),
        Misconception(
            "sign",
            lambda w, x, target: _gradient(w, x, target, first=lambda error: -error),
            "The sign is turned: the derivative of ½ (h_T − target)² is h_T − target.",
        ),
        Misconception(
            "factor of two",
            lambda w, x, target: _gradient(w, x, target, first=lambda error: 2 * error),
            "That is twice too much: the ½ of the loss takes away the 2 of the square.",
        ),
    ),
)


def piecewise_gradient(w, x, length):
    """The gradient of the sum of all states, x read in pieces: the state is carried on, the gradient cut."""
    w, state = torch.tensor(w, requires_grad=True), torch.zeros(())
    for begin in range(0, len(x), length):
        loss, state = torch.zeros(()), state.detach()
        for x_t in x[begin : begin + length]:
            state = torch.tanh(w * state + x_t)
            loss = loss + state
        loss.backward()
    return w.grad.item()


def _pieces(w, x, length, before=lambda state: state, each=lambda state: state, keep_graph=False, fresh=False):
    """Reading in pieces with something done to the state before each piece and before each step."""
    w, state = torch.tensor(w, requires_grad=True), torch.zeros(())
    for begin in range(0, len(x), length):
        loss, state = torch.zeros(()), before(state)
        for x_t in x[begin : begin + length]:
            state = torch.tanh(w * each(state) + x_t)
            loss = loss + state
        if fresh:
            w.grad = None
        loss.backward(retain_graph=keep_graph)
    return w.grad.item()


PIECEWISE_GRADIENT = Exercise(
    id="2.5",
    title="debug this: reading in pieces",
    minutes=10,
    difficulty=2,
    kind="debug",
    imports=("import torch",),
    stub='''def piecewise_gradient(w, x, length):
    """Truncated backpropagation through time: x is read in pieces, the state is carried on, the gradient is cut.

    Of h_t = tanh(w·h_(t−1) + x_t), h_0 = 0, and the loss h_1 + … + h_T, with a backward pass after each piece,
    which adds to w.grad. w: a number; x: a list of numbers. Something is missing.
    """
    w, state = torch.tensor(w, requires_grad=True), torch.zeros(())
    for begin in range(0, len(x), length):
        loss = torch.zeros(())
        for x_t in x[begin : begin + length]:
            state = torch.tanh(w * state + x_t)
            loss = loss + state
        loss.backward()
    return w.grad.item()
''',
    reference=piecewise_gradient,
    cases=(
        Case(lambda: (0.5, [1.0, -0.5, 0.8, 0.3], 2)),
        Case(lambda: (0.9, [0.4, 0.2, -0.3, 0.6, 0.1, 0.2], 3)),
        Case(lambda: (-1.2, [0.5, 0.1, 0.7, -0.2, 0.3, 0.9, 0.1], 3)),
    ),
    hidden=(
        Case(lambda: (0.8, [0.3, 0.9, -0.1, 0.2], 2)),
        Case(lambda: (1.1, [0.1, 0.2, 0.3, 0.4, 0.5], 2)),
    ),
    hints=(
        "Read the message of the error: the second backward pass goes through the first piece again, whose graph is "
        "gone.",
        "The state of one piece is the start of the next, and autograd still knows how it was made.",
        "state.detach() is the same number without its history. It belongs between two pieces.",
    ),
    misconceptions=(
        Misconception(
            "graph kept",
            lambda w, x, length: _pieces(w, x, length, keep_graph=True),
            "retain_graph=True silences the error, and then each backward pass runs to the beginning of the text. The "
            "gradient was to be cut between pieces; over a long text the graph would not fit into memory.",
        ),
        Misconception(
            "state dropped",
            lambda w, x, length: _pieces(w, x, length, before=torch.zeros_like),
            "Each piece begins from zeros: the gradient is cut, and so is the memory. Keep the value of the state, "
            "drop its history.",
        ),
        Misconception(
            "cut at every step",
            lambda w, x, length: _pieces(w, x, length, each=lambda state: state.detach()),
            "That cuts the gradient at every step, so nothing is learned about the steps before. Cut between pieces "
            "only.",
        ),
        Misconception(
            "last piece only",
            lambda w, x, length: _pieces(w, x, length, before=lambda state: state.detach(), fresh=True),
            "The gradient is cut in the right place, but only the last piece's is left: w.grad must not be set back "
            "between pieces here.",
        ),
    ),
    tolerance=1e-4,
)
