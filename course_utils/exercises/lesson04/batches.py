"""Exercises 4.2 and 4.3: what the network is given. Rows of one length, and a target shifted by one place."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

PAD, START, END, IGNORE = 0, 1, 2, -100


def pad_batch(sequences):
    """Put lists of ids into one tensor, filled up with PAD on the right.

    Returns ids (B, S) int64 and mask (B, S) bool, True where an id of the list stands.
    """
    length = max(map(len, sequences))
    ids = torch.tensor([[*sequence, *[PAD] * (length - len(sequence))] for sequence in sequences])
    return ids, ids != PAD


def _padded(sequences, length, fill=PAD, left=False):
    rows = [list(sequence)[:length] for sequence in sequences]
    fills = [[fill] * (length - len(row)) for row in rows]
    return torch.tensor([more + row if left else row + more for row, more in zip(rows, fills, strict=True)])


def _longest(sequences):
    return max(map(len, sequences))


def _lengths_mask(sequences, length):
    return torch.tensor([[place < len(sequence) for place in range(length)] for sequence in sequences])


PAD_BATCH = Exercise(
    id="4.2",
    title="pad and mask",
    minutes=8,
    difficulty=1,
    imports=("import torch", "PAD, START, END, IGNORE = 0, 1, 2, -100"),
    stub='''def pad_batch(sequences):
    """Put lists of ids into one tensor, filled up with PAD on the right.

    Returns ids (B, S) int64 and mask (B, S) bool, True where an id of the list stands. No list holds PAD.
    """
    raise NotImplementedError
''',
    reference=pad_batch,
    cases=(
        Case(lambda: ([[5, 9], [7]],)),
        Case(lambda: ([[6, 2], [3, 4, 5, 2], [8, 9, 2]],)),
        Case(lambda: ([[4]],)),
    ),
    hidden=(
        Case(lambda: ([[9, 9, 9, 2], [3, 2]],)),
        Case(lambda: ([[5], [6, 2, 7], [7]],)),
    ),
    invariants=(
        Invariant(
            "the mask is True as often as there are ids",
            lambda result, sequences: int(result[1].sum()) == sum(map(len, sequences)),
        ),
    ),
    hints=(
        "How wide must the tensor be so that the longest list fits, and no wider?",
        "[*sequence, *[PAD] * 3] is the list with three PADs after it; torch.tensor of lists of one length is int64.",
        "PAD stands nowhere but in the filling, so ids != PAD is the mask.",
    ),
    misconceptions=(
        Misconception(
            "mask the wrong way round",
            lambda sequences: (pad_batch(sequences)[0], ~pad_batch(sequences)[1]),
            "The mask is the wrong way round. Here True means: this is a symbol, look at it.",
        ),
        Misconception(
            "filled on the left",
            lambda sequences: (
                _padded(sequences, _longest(sequences), left=True),
                _padded(sequences, _longest(sequences), left=True) != PAD,
            ),
            "That fills up on the left. Here the lists begin in the first column and PAD follows them.",
        ),
        Misconception(
            "cut to the shortest",
            lambda sequences: (
                _padded(sequences, min(map(len, sequences))),
                _padded(sequences, min(map(len, sequences))) != PAD,
            ),
            lambda sequences: (
                f"That cuts every list to the shortest, {min(map(len, sequences))}. Nothing may be lost: "
                f"the longest has {_longest(sequences)}."
            ),
        ),
        Misconception(
            "a column too many",
            lambda sequences: (
                _padded(sequences, _longest(sequences) + 1),
                _padded(sequences, _longest(sequences) + 1) != PAD,
            ),
            lambda sequences: f"That has a column of PAD alone. The longest list has {_longest(sequences)} ids.",
        ),
        Misconception(
            "floating point",
            lambda sequences: (pad_batch(sequences)[0].float(), pad_batch(sequences)[1]),
            "The ids are floating-point numbers; torch.zeros gives such unless it is told dtype=torch.int64.",
        ),
        Misconception(
            "numbers for a mask",
            lambda sequences: (pad_batch(sequences)[0], pad_batch(sequences)[1].long()),
            "The mask holds 0 and 1 where True and False are wanted; with numbers, ~mask is not the opposite.",
        ),
        Misconception(
            "END hidden",
            lambda sequences: (pad_batch(sequences)[0], pad_batch(sequences)[0] > END),
            "That mask hides END (id 2) together with PAD. END is a symbol that the network reads.",
        ),
        Misconception(
            "filled with END",
            lambda sequences: (
                _padded(sequences, _longest(sequences), fill=END),
                _lengths_mask(sequences, _longest(sequences)),
            ),
            "That fills up with END (id 2). The filling is PAD, id 0.",
        ),
    ),
)


def shift(pronunciations):
    """What the decoder reads and what it has to write, for lists of phoneme ids.

    Returns inputs (B, T), START before the phonemes, filled up with PAD; and targets (B, T), END after them,
    filled up with IGNORE; both int64.
    """
    length = 1 + max(map(len, pronunciations))
    inputs = torch.full((len(pronunciations), length), PAD)
    targets = torch.full((len(pronunciations), length), IGNORE)
    for row, phonemes in enumerate(pronunciations):
        inputs[row, : 1 + len(phonemes)] = torch.tensor([START, *phonemes])
        targets[row, : 1 + len(phonemes)] = torch.tensor([*phonemes, END])
    return inputs, targets


def _both(pronunciations, read, write, input_fill=PAD, target_fill=IGNORE):
    """Inputs and targets, each row made by a function of the phonemes, and filled up to the longest of both."""
    inputs, targets = [read(list(one)) for one in pronunciations], [write(list(one)) for one in pronunciations]
    length = max(map(len, inputs + targets))
    return _padded(inputs, length, input_fill), _padded(targets, length, target_fill)


SHIFT = Exercise(
    id="4.3",
    title="shift for teacher forcing",
    minutes=10,
    difficulty=2,
    imports=("import torch", "PAD, START, END, IGNORE = 0, 1, 2, -100"),
    stub='''def shift(pronunciations):
    """What the decoder reads and what it has to write, for lists of phoneme ids.

    Returns inputs (B, T), START before the phonemes, filled up with PAD; and targets (B, T), END after them,
    filled up with IGNORE; both int64. T is the length of the longest list plus 1.
    """
    raise NotImplementedError
''',
    reference=shift,
    cases=(
        Case(lambda: ([[5, 9]],)),
        Case(lambda: ([[7], [5, 9, 6]],)),
        Case(lambda: ([[3, 4], [8, 8, 8, 5], [6, 3, 7]],)),
    ),
    hidden=(
        Case(lambda: ([[4, 4, 5], [9]],)),
        Case(lambda: ([[], [6, 7]],)),
    ),
    invariants=(
        Invariant("every row of inputs begins with START", lambda result, _: bool((result[0][:, 0] == START).all())),
        Invariant("every row of targets has one END", lambda result, _: bool(((result[1] == END).sum(1) == 1).all())),
    ),
    hints=(
        "Write both rows for [5, 9] on paper: before 5 can be written, something has to be read.",
        "At each place the target is the next symbol: the inputs are START 5 9, the targets 5 9 END.",
        "Filling: the network reads PAD, which is an id; the loss skips IGNORE (-100), which is none.",
    ),
    misconceptions=(
        Misconception(
            "not shifted",
            lambda lists: _both(lists, lambda p: [*p, END], lambda p: [*p, END]),
            "Inputs and targets are the same. The decoder would read the very symbol it has to write, and learn to "
            "copy it.",
        ),
        Misconception(
            "START forgotten",
            lambda lists: _both(lists, lambda p: p, lambda p: [*p, END]),
            "START is missing. Without it the first phoneme is read at the place where it has to be written.",
        ),
        Misconception(
            "END forgotten",
            lambda lists: _both(lists, lambda p: [START, *p][: len(p)], lambda p: p),
            "END is missing from the targets, so the decoder would never learn to stop.",
        ),
        Misconception(
            "END read",
            lambda lists: _both(lists, lambda p: [START, *p, END], lambda p: [*p, END]),
            "The inputs hold END. After END nothing is to be written, so nobody has to read it.",
        ),
        Misconception(
            "padding in the loss",
            lambda lists: _both(lists, lambda p: [START, *p], lambda p: [*p, END], target_fill=PAD),
            "The targets are filled up with PAD, so the loss also rewards writing PAD after short words. Fill with "
            "IGNORE.",
        ),
        Misconception(
            "IGNORE read",
            lambda lists: _both(lists, lambda p: [START, *p], lambda p: [*p, END], input_fill=IGNORE),
            "The inputs are filled up with IGNORE, -100. There is no symbol -100 to look up; inputs take PAD.",
        ),
        Misconception(
            "shifted the other way",
            lambda lists: _both(lists, lambda p: [*p, END], lambda p: [START, *p]),
            "That is shifted the other way: the decoder would have to write the symbol before the one it reads.",
        ),
        Misconception(
            "START to be written",
            lambda lists: _both(lists, lambda p: [START, *p], lambda p: [START, *p, END]),
            "The targets hold START. It is given, never written: the first target is the first phoneme.",
        ),
    ),
)
