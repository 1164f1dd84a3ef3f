"""Exercises 6.2 and 6.3: who may look at whom. Not at the future, nor at padding."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def causal(length, keys):
    """(T, S) bool, True where place t may look at place s: at itself and at what came before.

    The `length` queries are the last of the `keys` places: with 2 queries and 5 keys they stand at places 3 and 4.
    """
    query = torch.arange(keys - length, keys)[:, None]  # (T, 1): where each query stands
    return torch.arange(keys) <= query  # (S,) against (T, 1): (T, S)


def _ones(length, keys):
    return torch.ones(length, keys, dtype=torch.bool)


CAUSAL_MASK = Exercise(
    id="6.2",
    title="causal mask",
    minutes=8,
    difficulty=1,
    imports=("import torch",),
    stub='''def causal(length, keys):
    """(T, S) bool, True where place t may look at place s: at itself and at what came before.

    The `length` queries are the last of the `keys` places: with 2 queries and 5 keys they stand at places 3 and 4.
    """
    raise NotImplementedError
''',
    reference=causal,
    cases=(
        Case(lambda: (3, 3)),
        Case(lambda: (2, 5)),
        Case(lambda: (1, 4)),
    ),
    hidden=(
        Case(lambda: (5, 5)),
        Case(lambda: (2, 6)),
        Case(lambda: (4, 7)),
    ),
    invariants=(Invariant("the last place sees everything", lambda mask, length, keys: bool(mask[-1].all())),),
    hints=(
        "Query t stands at place keys − length + t. It may look at every s up to that, itself included.",
        "torch.arange(keys) <= places[:, None] compares every key with every query: shape (T, S).",
        "Or: torch.ones(length, keys, dtype=torch.bool).tril(d), which is True up to d places right of the diagonal.",
    ),
    misconceptions=(
        Misconception(
            "upper triangle",
            lambda length, keys: _ones(length, keys).triu(keys - length),
            "That lets a place look at itself and at what comes after it. The past is allowed, the future is not.",
        ),
        Misconception(
            "True where hidden",
            lambda length, keys: _ones(length, keys).triu(keys - length + 1),
            "That is True where looking is forbidden. Here True means allowed.",
        ),
        Misconception(
            "future leaks by one",
            lambda length, keys: _ones(length, keys).tril(keys - length + 1),
            "The future leaks by one: each place sees the one after it, which is the very one it has to predict.",
        ),
        Misconception(
            "itself hidden",
            lambda length, keys: _ones(length, keys).tril(keys - length - 1),
            "A place cannot see itself there. What it has read at its own place is known; only what follows is not.",
        ),
        Misconception(
            "queries at the front",
            lambda length, keys: _ones(length, keys).tril(),
            lambda length, keys: (
                f"That puts the queries at places 0 to {length - 1}. They are the last of {keys}: with a past before "
                "them they see all of it."
            ),
        ),
        Misconception(
            "numbers for a mask",
            lambda length, keys: causal(length, keys).float(),
            "The mask holds numbers where True and False are wanted; with numbers, ~mask is not the opposite.",
        ),
        Misconception(
            "scores to add",
            lambda length, keys: torch.zeros(length, keys).masked_fill(~causal(length, keys), float("-inf")),
            "Those are numbers to add to the scores, 0 and minus infinity. It works too, but here a mask is bool.",
        ),
        Misconception(
            "transposed",
            lambda length, keys: causal(length, keys).T,
            "Rows and columns are swapped. A row is a query, a column a key: (T, S).",
        ),
    ),
)


def padding(lengths, keys):
    """(B, 1, 1, S) bool, True on the first lengths[b] keys of row b, for every head and every query.

    lengths: tensor (B,) of how many tokens each row has; padding comes after them. keys: S.
    """
    return (torch.arange(keys) < lengths[:, None])[:, None, None]  # (B, S), then axes for heads and queries


def _real(lengths, keys):
    return torch.arange(keys) < lengths[:, None]


PADDING_MASK = Exercise(
    id="6.3",
    title="padding mask",
    minutes=8,
    difficulty=1,
    imports=("import torch",),
    stub='''def padding(lengths, keys):
    """(B, 1, 1, S) bool, True on the first lengths[b] keys of row b, for every head and every query.

    lengths: tensor (B,) of how many tokens each row has; padding comes after them. keys: S.
    """
    raise NotImplementedError
''',
    reference=padding,
    cases=(
        Case(lambda: (torch.tensor([3, 1]), 3)),
        Case(lambda: (torch.tensor([2, 4, 3]), 4)),
        Case(lambda: (torch.tensor([1]), 3)),
    ),
    hidden=(
        Case(lambda: (torch.tensor([5, 2]), 6)),
        Case(lambda: (torch.tensor([1, 3, 2, 3]), 3)),
    ),
    invariants=(
        Invariant(
            "as many True as there are tokens", lambda mask, lengths, keys: int(mask.sum()) == int(lengths.sum())
        ),
    ),
    hints=(
        "torch.arange(keys) counts the keys, (S,). lengths[:, None] is (B, 1). Compare them: (B, S).",
        "Key s of row b is real where s < lengths[b].",
        "mask[:, None, None] puts in two axes of size 1, which spread over heads and queries.",
    ),
    misconceptions=(
        Misconception(
            "True where padding is",
            lambda lengths, keys: ~_real(lengths, keys)[:, None, None],
            "That is True on the padding. Here True means: look at it.",
        ),
        Misconception(
            "one too many",
            lambda lengths, keys: (torch.arange(keys) <= lengths[:, None])[:, None, None],
            "That lets one place of padding through. Places count from 0: the last token stands at lengths[b] − 1.",
        ),
        Misconception(
            "padding in front",
            lambda lengths, keys: (torch.arange(keys) >= keys - lengths[:, None])[:, None, None],
            "That hides places at the front. Here the padding comes after the tokens.",
        ),
        Misconception(
            "queries hidden",
            lambda lengths, keys: _real(lengths, keys)[:, None, :, None],
            "That hides queries: their rows of weights are empty, and a softmax over nothing is NaN. Hide the keys, "
            "the last axis.",
        ),
        Misconception(
            "no axes for heads and queries",
            _real,
            "(B, S) would be lined up with the last two axes, queries and keys. Put in two axes: mask[:, None, None].",
        ),
        Misconception(
            "axis of the batch in the wrong place",
            lambda lengths, keys: _real(lengths, keys)[None, None],
            "(1, 1, B, S) takes the batch for the queries: query b is masked as row b should be. Put the new axes "
            "between: mask[:, None, None].",
        ),
        Misconception(
            "numbers for a mask",
            lambda lengths, keys: padding(lengths, keys).float(),
            "The mask holds numbers where True and False are wanted; with numbers, ~mask is not the opposite.",
        ),
    ),
)
