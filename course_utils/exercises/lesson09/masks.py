"""Exercise 9.1: who may look at whom, in each of the three architectures."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def may_look(kind, source_lengths, target_lengths):
    """Which keys each query may look at: (B, queries, keys) bool, True where it may.

    kind "encoder": the source looks at itself; "decoder": the target at itself, as it is being written; "cross": the
    target at the source. Lengths (B,) int64 of texts that are padded at their end to the longest, S or T. No query
    looks at padding. Where the query itself is padding, it looks like any other: nobody reads what it finds.
    """
    queries = source_lengths if kind == "encoder" else target_lengths
    keys = target_lengths if kind == "decoder" else source_lengths
    text = torch.arange(int(keys.max())) < keys[:, None]  # (B, keys)
    seen = text[:, None].expand(-1, int(queries.max()), -1)  # (B, queries, keys)
    return seen.tril() if kind == "decoder" else seen


def _look(kind, source_lengths, target_lengths, causal=("decoder",), diagonal=0):
    """The mask with another choice of the kinds that do not see the future."""
    if kind == "decoder":
        source_lengths = target_lengths
    both_ways = may_look("cross" if kind == "cross" else "encoder", source_lengths, target_lengths)
    return both_ways.tril(diagonal) if kind in causal else both_ways


def _padding_seen(kind, source_lengths, target_lengths):
    full = torch.full_like(source_lengths, int(source_lengths.max()))
    return may_look(kind, full, torch.full_like(target_lengths, int(target_lengths.max())))


def _queries_hidden(kind, source_lengths, target_lengths):
    """Rows of padding see nothing."""
    seen = may_look(kind, source_lengths, target_lengths)
    return seen & _rows_of_text(kind, source_lengths, target_lengths)


def _rows_hidden_instead(kind, source_lengths, target_lengths):
    """The rows of padding are closed, its columns are open."""
    seen = _padding_seen(kind, source_lengths, target_lengths)
    return seen & _rows_of_text(kind, source_lengths, target_lengths)


def _rows_of_text(kind, source_lengths, target_lengths):
    lengths = source_lengths if kind == "encoder" else target_lengths
    return (torch.arange(int(lengths.max())) < lengths[:, None])[:, :, None]


def _turned(kind, source_lengths, target_lengths):
    seen = may_look(kind, source_lengths, target_lengths)
    return seen.transpose(1, 2) if kind == "cross" else seen


def _lengths(*numbers):
    return torch.tensor(numbers)


MASKS = Exercise(
    id="9.1",
    title="three masks",
    minutes=10,
    difficulty=2,
    imports=("import torch",),
    stub='''def may_look(kind, source_lengths, target_lengths):
    """Which keys each query may look at: (B, queries, keys) bool, True where it may.

    kind "encoder": the source looks at itself; "decoder": the target at itself, as it is being written; "cross": the
    target at the source. Lengths (B,) int64 of texts that are padded at their end to the longest, S or T. No query
    looks at padding. Where the query itself is padding, it looks like any other: nobody reads what it finds.
    """
    raise NotImplementedError
''',
    reference=may_look,
    cases=(
        Case(lambda: ("encoder", _lengths(3, 2), _lengths(1, 2))),
        Case(lambda: ("decoder", _lengths(2, 1), _lengths(3, 2))),
        Case(lambda: ("cross", _lengths(3, 2), _lengths(1, 2))),
        Case(lambda: ("cross", _lengths(1, 4, 2), _lengths(3, 1, 2))),
    ),
    hidden=(
        Case(lambda: ("cross", _lengths(5, 2), _lengths(2, 4))),
        Case(lambda: ("decoder", _lengths(5, 2), _lengths(2, 4))),
        Case(lambda: ("encoder", _lengths(1, 5, 2), _lengths(2, 4, 1))),
    ),
    invariants=(Invariant("every query sees a key", lambda seen, *_: bool(seen.any(dim=-1).all())),),
    hints=(
        "First find out whose positions ask and whose are asked. encoder: source, source. decoder: target, target. "
        "cross: target, source.",
        "torch.arange(keys) < lengths[:, None] is (B, keys), True on text. All queries of a text see the same keys: "
        "[:, None].expand(-1, queries, -1).",
        "Only a decoder writes what it reads, so only there the future is closed: .tril() keeps key s ≤ query t.",
    ),
    misconceptions=(
        Misconception(
            "True is hidden",
            lambda *arguments: ~may_look(*arguments),
            "True and False are exchanged. In this course, and in torch's scaled_dot_product_attention, True means "
            "that the query may look; key_padding_mask of nn.MultiheadAttention has it the other way round.",
        ),
        Misconception(
            "encoder cannot see ahead",
            lambda *arguments: _look(*arguments, causal=("encoder", "decoder")),
            "The encoder is causal there. All of the source is there before anything is written: it sees both ways.",
        ),
        Misconception(
            "decoder sees ahead",
            lambda *arguments: _look(*arguments, causal=()),
            "The decoder sees the token that it is to write. Query t looks at keys 0 … t only.",
        ),
        Misconception(
            "cross-attention is causal",
            lambda *arguments: _look(*arguments, causal=("decoder", "cross")),
            "The target sees only as much of the source as it has written itself. Its first word may need the last of "
            "the source: all of it is in sight.",
        ),
        Misconception(
            "all are causal",
            lambda *arguments: _look(*arguments, causal=("encoder", "decoder", "cross")),
            "All three are causal there. That is right for the decoder's look at itself, and for nothing else.",
        ),
        Misconception(
            "encoder and decoder exchanged",
            lambda *arguments: _look(*arguments, causal=("encoder",)),
            "The encoder is causal and the decoder is not: exchanged.",
        ),
        Misconception(
            "not even itself",
            lambda *arguments: _look(*arguments, diagonal=-1),
            "In the decoder a token does not see itself, and the first sees nothing: its softmax is 0/0. Token t has "
            "been read when token t + 1 is written: s ≤ t.",
        ),
        Misconception(
            "padding seen",
            _padding_seen,
            lambda kind, source_lengths, target_lengths: (
                f"Padding is seen. The lengths are {(target_lengths if kind == 'decoder' else source_lengths).tolist()}"
                ": in the shorter text the keys after its end are closed."
            ),
        ),
        Misconception(
            "queries of padding see nothing",
            _queries_hidden,
            "Queries that are padding see nothing. A softmax over no key is 0/0, and the NaN spreads to all weights "
            "in training. Close the columns of padding, not its rows.",
        ),
        Misconception(
            "rows for columns",
            _rows_hidden_instead,
            "The rows of padding are closed, and its columns are open. It is keys that must not be padding.",
        ),
        Misconception(
            "cross-attention turned round",
            _turned,
            "For cross that is (B, S, T): the source looks at the target. Queries are rows: (B, T, S).",
        ),
        Misconception(
            "numbers for truth",
            lambda *arguments: may_look(*arguments).float(),
            "Those are numbers, 1.0 and 0.0. The mask is bool; numbers would be added to the scores.",
        ),
    ),
)
