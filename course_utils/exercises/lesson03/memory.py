"""Exercises 3.1, 3.3 and 3.6: how long a memory lasts, how it starts, and when it has to be emptied."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

HALF_LIFE = Exercise(
    id="3.1",
    title="predict: how long a memory lasts",
    minutes=4,
    difficulty=1,
    kind="predict",
    stub="""# A memory holds 1. Nothing is written; its forget gate is 0.9 at every step.
# After how many steps is less than half of it left, for the first time?
steps_until_less_than_half = None
""",
    solution="steps_until_less_than_half = 7  # 0.9 ** 6 = 0.531 and 0.9 ** 7 = 0.478",
    reference=7,
    hints=(
        "After two steps 0.9 · 0.9 = 0.81 is left, not 0.8.",
        "You look for the first n with 0.9 ** n < 0.5. A calculator will do, or log(0.5) / log(0.9).",
    ),
    misconceptions=(
        Misconception(
            "exactly half", 5, "That takes 0.1 away at each step. What goes is a tenth of what is left: less and less."
        ),
        Misconception("subtracted", 6, "After 6 steps 0.9 ** 6 = 0.53 is left. That is still more than half."),
        Misconception(
            "not rounded", 6.58, "log(0.5) / log(0.9) is the place where the curve crosses one half. Steps are whole."
        ),
        Misconception("mean lifetime", 10, "1 / (1 − 0.9) = 10 is the mean lifetime. 0.9 ** 10 is only 0.35."),
        Misconception("one step late", 8, "0.9 ** 8 = 0.43, but one step before that it is below one half already."),
    ),
    tolerance=0.002,
)


def open_forget_gates(bias_ih, bias_hh, value):
    """Both biases of an LSTM, (4D,) each, with forget gates that start at `value` in all."""
    width = len(bias_ih) // 4
    bias_ih, bias_hh = bias_ih.clone(), bias_hh.clone()
    bias_ih[width : 2 * width] = value
    bias_hh[width : 2 * width] = 0.0
    return bias_ih, bias_hh


def _set(bias_ih, bias_hh, block, first, second):
    width = len(bias_ih) // 4
    bias_ih, bias_hh = bias_ih.clone(), bias_hh.clone()
    rows = slice(None) if block is None else slice(block * width, (block + 1) * width)
    bias_ih[rows] = first
    if second is not None:
        bias_hh[rows] = second
    return bias_ih, bias_hh


def _biases(width, value):
    """Both biases with numbers that tell the blocks apart, and the value to set."""
    return torch.arange(4.0 * width) / 10, torch.arange(4.0 * width) / 10 - 1, value


OPEN_FORGET_GATES = Exercise(
    id="3.3",
    title="open the forget gates",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def open_forget_gates(bias_ih, bias_hh, value):
    """Both biases of an LSTM, (4D,) each, with forget gates that start at `value` in all. The rest stays as it is.

    torch adds the two biases: in the forget gates' rows bias_ih becomes `value` and bias_hh becomes 0. The blocks stand
    in the order input gate, forget gate, candidate, output gate. Returns copies; the arguments are not changed.
    """
    raise NotImplementedError
''',
    reference=open_forget_gates,
    cases=(
        Case(lambda: _biases(1, 1.0)),
        Case(lambda: _biases(2, 1.0)),
        Case(lambda: _biases(3, 2.5)),
    ),
    hidden=(
        Case(lambda: _biases(2, 3.0)),
        Case(lambda: _biases(4, 1.5)),
    ),
    invariants=(
        Invariant(
            "the forget rows of both biases add up to the value",
            lambda result, bias_ih, bias_hh, value: bool(
                ((result[0] + result[1])[len(bias_ih) // 4 : len(bias_ih) // 2] - value).abs().max() < 1e-5
            ),
        ),
    ),
    hints=(
        "D is a quarter of the length. The second block of D rows is the forget gate's: rows D to 2D.",
        "Clone both first. Then set one slice of each: `value` in bias_ih, 0 in bias_hh.",
    ),
    misconceptions=(
        Misconception(
            "both set",
            lambda bias_ih, bias_hh, value: _set(bias_ih, bias_hh, 1, value, value),
            lambda bias_ih, bias_hh, value: (
                f"That sets both biases to {value:g}, and torch adds them: the gates would start at {2 * value:g}."
            ),
        ),
        Misconception(
            "bias_hh left alone",
            lambda bias_ih, bias_hh, value: _set(bias_ih, bias_hh, 1, value, None),
            lambda bias_ih, bias_hh, value: (
                f"That leaves bias_hh as it was drawn, and torch adds it: the gates would not start at {value:g}."
            ),
        ),
        Misconception(
            "half each",
            lambda bias_ih, bias_hh, value: _set(bias_ih, bias_hh, 1, value / 2, value / 2),
            "The sum is right, half in each. Here all of it is wanted in bias_ih, and 0 in bias_hh.",
        ),
        Misconception(
            "the input gate's rows",
            lambda bias_ih, bias_hh, value: _set(bias_ih, bias_hh, 0, value, 0.0),
            "Those are the first D rows, the input gate's. The forget gate's are the second block.",
        ),
        Misconception(
            "the candidate's rows",
            lambda bias_ih, bias_hh, value: _set(bias_ih, bias_hh, 2, value, 0.0),
            "Those are the rows 2D to 3D, the candidate's. Counted from 0, the forget gate's are D to 2D.",
        ),
        Misconception(
            "all rows",
            lambda bias_ih, bias_hh, value: _set(bias_ih, bias_hh, None, value, 0.0),
            "That sets every row, of all gates and of the candidate. Only the forget gate is to start open.",
        ),
    ),
)


def last_memories(sequences, keep, write):
    """The memory after each sequence, which begins empty for every one."""
    results = []
    for sequence in sequences:
        memory = 0.0
        for number in sequence:
            memory = keep * memory + write * number
        results.append(memory)
    return results


def _run(sequences, keep, write, start=lambda sequence: 0.0):
    results = []
    for sequence in sequences:
        memory = start(sequence)
        for number in sequence:
            memory = keep * memory + write * number
        results.append(memory)
    return results


def _last_only(sequences, keep, write):
    return _run(sequences, keep, write)[-1:]


def _weakened_at_the_border(sequences, keep, write):
    """Multiplies what it holds by the forget factor once more where a sequence begins, instead of emptying it."""
    results, memory = [], 0.0
    for sequence in sequences:
        memory = keep * memory
        for number in sequence:
            memory = keep * memory + write * number
        results.append(memory)
    return results


def _one_pass(sequences, keep, write):
    return _run([[number for sequence in sequences for number in sequence]], keep, write)


LAST_MEMORIES = Exercise(
    id="3.6",
    title="debug this: what the last tune left behind",
    minutes=8,
    difficulty=1,
    kind="debug",
    stub='''def last_memories(sequences, keep, write):
    """The memory after each of several sequences of numbers that have nothing to do with one another.

    At each number: memory = keep · memory + write · number. Each sequence begins with an empty memory, 0.
    One line of this function stands in the wrong place.
    """
    results = []
    memory = 0.0
    for sequence in sequences:
        for number in sequence:
            memory = keep * memory + write * number
        results.append(memory)
    return results
''',
    reference=last_memories,
    cases=(
        Case(lambda: ([[1.0, 0.0], [0.0, 2.0]], 0.5, 1.0)),
        Case(lambda: ([[1.0, 2.0], [], [3.0, 1.0]], 0.9, 0.5)),
        Case(lambda: ([[4.0, 1.0, 1.0], [2.0, 1.0], [1.0, 5.0, 2.0, 3.0]], 0.8, 0.1)),
    ),
    hidden=(
        Case(lambda: ([[2.0, 1.0], [1.0, 1.0, 3.0]], 0.75, 2.0)),
        Case(lambda: ([[5.0, 1.0], [0.0, 0.0], [1.0, 2.0]], 0.5, 0.25)),
    ),
    hints=(
        "Call it with one sequence, then with two. Which of the results depends on the sequence before it?",
        "The order of independent sequences must not matter. last_memories([[1.0], [0.0]], 0.5, 1.0) and "
        "last_memories([[0.0], [1.0]], 0.5, 1.0) should hold the same two numbers.",
        "Every sequence has to begin with memory = 0.0.",
    ),
    misconceptions=(
        Misconception(
            "emptied at each number",
            lambda sequences, keep, write: [write * one[-1] if one else 0.0 for one in sequences],
            "That empties the memory at each number, so nothing is carried along at all. Empty it where a sequence "
            "begins, outside the inner loop.",
        ),
        Misconception(
            "first number kept whole",
            lambda sequences, keep, write: _run(
                sequences, keep, write, start=lambda sequence: sequence[0] if sequence else 0.0
            ),
            "That begins with the sequence's first number, which is then read a second time. Begin with 0.",
        ),
        Misconception(
            "only the last",
            _last_only,
            "That returns the memory of the last sequence alone; `results.append` belongs into the outer loop.",
        ),
        Misconception(
            "one forgetting at the border",
            _weakened_at_the_border,
            "That only weakens the memory between two sequences. What is left still comes from another sequence.",
        ),
        Misconception(
            "all in one",
            _one_pass,
            "That reads all sequences as one. There is one result for each of them.",
        ),
    ),
)
