"""Exercises 6.5 to 6.7: many heads. Split the width, merge it again, and a whole layer of self-attention."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.models.attention import causal_mask, merge_heads, scaled_dot_product_attention, split_heads
from course_utils.seeding import generator


def split(x, heads):
    """(B, T, H·K) to (B, H, T, K): each head gets its own stretch of the width."""
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).transpose(1, 2)


def _counted(*shape):
    """Numbers 0, 1, 2, … in a tensor, so that one sees where each goes."""
    return torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)


SPLIT_HEADS = Exercise(
    id="6.5",
    title="split into heads",
    minutes=5,
    difficulty=1,
    imports=("import torch",),
    stub='''def split(x, heads):
    """(B, T, H·K) to (B, H, T, K): each head gets its own stretch of the width."""
    raise NotImplementedError
''',
    reference=split,
    cases=(
        Case(lambda: (_counted(1, 2, 4), 2)),
        Case(lambda: (_counted(2, 3, 6), 2)),
        Case(lambda: (_counted(2, 4, 6), 3)),
    ),
    hidden=(
        Case(lambda: (_counted(3, 2, 8), 4)),
        Case(lambda: (_counted(1, 5, 6), 3)),
    ),
    hints=(
        "First only the last axis: (B, T, H·K) to (B, T, H, K), by reshape.",
        "Then T and H change places: transpose(1, 2).",
    ),
    misconceptions=(
        Misconception(
            "cut from the length",
            lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1),
            "The shape is right and the numbers are mixed up: a reshape straight to (B, H, T, K) cuts the words apart. "
            "Reshape to (B, T, H, K), then transpose.",
        ),
        Misconception(
            "not transposed",
            lambda x, heads: x.unflatten(-1, (heads, -1)),
            "That is (B, T, H, K). Attention runs over the last two axes, so places stand beside the width.",
        ),
        Misconception(
            "every H-th number",
            lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2),
            "A head gets every H-th number of the width there. It gets a stretch: the first K numbers, the next K.",
        ),
        Misconception(
            "all of the width",
            lambda x, heads: x[:, None].expand(-1, heads, -1, -1).clone(),
            "Every head gets the whole width there. It gets a part, K = D/H numbers.",
        ),
    ),
)


def merge(x):
    """(B, H, T, K) to (B, T, H·K): what the heads found, side by side again."""
    batch, heads, length, width = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * width)


MERGE_HEADS = Exercise(
    id="6.6",
    title="merge the heads",
    minutes=5,
    difficulty=1,
    imports=("import torch",),
    stub='''def merge(x):
    """(B, H, T, K) to (B, T, H·K): what the heads found, side by side again."""
    raise NotImplementedError
''',
    reference=merge,
    cases=(
        Case(lambda: (_counted(1, 2, 3, 2),)),
        Case(lambda: (_counted(2, 3, 2, 4),)),
    ),
    hidden=(
        Case(lambda: (_counted(2, 2, 4, 3),)),
        Case(lambda: (_counted(1, 4, 3, 2),)),
    ),
    invariants=(
        Invariant("splitting again gives x back", lambda merged, x: torch.equal(split(merged, x.shape[1]), x)),
    ),
    hints=(
        "Backwards: first T and H change places, then the last two axes become one.",
        "x.transpose(1, 2) is (B, T, H, K). Then reshape, or flatten(2).",
    ),
    misconceptions=(
        Misconception(
            "heads not transposed back",
            lambda x: x.reshape(x.shape[0], x.shape[2], -1),
            "The heads are not transposed back: the shape is right, but a place gets numbers of other places. "
            "transpose(1, 2) first, then reshape.",
        ),
        Misconception(
            "widths interleaved",
            lambda x: x.permute(0, 2, 3, 1).flatten(2),
            "The heads' numbers are dealt out in turn there. They belong in stretches: all of the first head, then all "
            "of the second.",
        ),
        Misconception(
            "heads added",
            lambda x: x.sum(1),
            "The heads are added up, and their findings blur. They are put side by side: H·K numbers a place.",
        ),
        Misconception(
            "heads averaged",
            lambda x: x.mean(1),
            "That is the mean of the heads. They are put side by side: H·K numbers a place.",
        ),
    ),
)


def self_attention(x, query_weight, key_weight, value_weight, output_weight, heads, mask=None):
    """A whole layer: project, split into heads, attend, merge, project. All in one sequence.

    x (B, T, D); the weights (D, D) as torch.nn.Linear keeps them: a row of x becomes x @ W.T. Returns (B, T, D).
    """
    weights = (query_weight, key_weight, value_weight)
    query, key, value = (split_heads(x @ weight.T, heads) for weight in weights)
    mixed, _ = scaled_dot_product_attention(query, key, value, mask)
    return merge_heads(mixed) @ output_weight.T


def _layer(
    x, weights, heads, mask, cut=split_heads, merged_by=merge_heads, attend=scaled_dot_product_attention, last=True
):
    """The same with one part replaced."""
    query, key, value = (cut(x @ weight.T, heads) for weight in weights[:3])
    merged = merged_by(attend(query, key, value, mask)[0])
    return merged @ weights[3].T if last else merged


def _scaled_by_width(query, key, value, mask):
    wider = math.sqrt(query.shape[1])  # H heads: the root of H·K in the place of the root of K
    return scaled_dot_product_attention(query / wider, key, value, mask)


def _one_matrix(x, q, k, v, o, heads, mask=None):
    return _layer(x, (q, q, q, o), heads, mask)


def _inputs(seed, batch, length, width, heads, masked=True):
    chance = generator(seed)
    x = torch.randn(batch, length, width, generator=chance)
    weights = [torch.randn(width, width, generator=chance) / math.sqrt(width) for _ in range(4)]
    return (x, *weights, heads, causal_mask(length)) if masked else (x, *weights, heads)


SELF_ATTENTION = Exercise(
    id="6.7",
    title="a layer of self-attention",
    minutes=12,
    difficulty=2,
    imports=(
        "import torch",
        "from course_utils.models.attention import merge_heads, scaled_dot_product_attention, split_heads",
    ),
    stub='''def self_attention(x, query_weight, key_weight, value_weight, output_weight, heads, mask=None):
    """A whole layer: project, split into heads, attend, merge, project. All in one sequence.

    x (B, T, D); the weights (D, D) as torch.nn.Linear keeps them: a row of x becomes x @ W.T. Returns (B, T, D).
    """
    raise NotImplementedError
''',
    reference=self_attention,
    cases=(
        Case(lambda: _inputs(1, 1, 3, 4, 2)),
        Case(lambda: _inputs(2, 2, 4, 6, 3)),
        Case(lambda: _inputs(3, 2, 3, 4, 2, masked=False)),
    ),
    hidden=(
        Case(lambda: _inputs(4, 2, 5, 8, 2)),
        Case(lambda: _inputs(5, 3, 2, 6, 3, masked=False)),
    ),
    hints=(
        "x @ query_weight.T is (B, T, D), and so are keys and values. split_heads makes (B, H, T, K) of each.",
        "scaled_dot_product_attention(query, key, value, mask) returns two things; the mixture is the first.",
        "merge_heads brings it back to (B, T, D). The last matrix mixes what the heads found.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "no output matrix",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (q, k, v, o), heads, mask, last=False),
            "The output matrix is missing: what one head found stays in its own stretch of the width.",
        ),
        Misconception(
            "heads not transposed back",
            lambda x, q, k, v, o, heads, mask=None: _layer(
                x, (q, k, v, o), heads, mask, merged_by=lambda mixed: mixed.reshape(x.shape)
            ),
            "The heads are not transposed back before they are merged: places get numbers of other places.",
        ),
        Misconception(
            "one head",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (q, k, v, o), 1, mask),
            lambda x, q, k, v, o, heads, *_: (
                f"That is one head as wide as the model. Split queries, keys and values into {heads} first."
            ),
        ),
        Misconception(
            "mask not passed on",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (q, k, v, o), heads, None),
            "The mask is not passed on: every place sees the future.",
        ),
        Misconception(
            "weights not transposed",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (q.T, k.T, v.T, o.T), heads, mask),
            "The matrices are not transposed. A row of x becomes x @ W.T.",
        ),
        Misconception(
            "one matrix for all",
            _one_matrix,
            "Queries, keys and values all come from the query matrix. Each has one of its own.",
        ),
        Misconception(
            "queries and keys swapped",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (k, q, v, o), heads, mask),
            "Query and key matrices have changed places: who asks and who is found are mixed up.",
        ),
        Misconception(
            "values not projected",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (q, k, torch.eye(x.shape[-1]), o), heads, mask),
            "The values are x itself. They have a matrix of their own.",
        ),
        Misconception(
            "scaled by the whole width",
            lambda x, q, k, v, o, heads, mask=None: _layer(x, (q, k, v, o), heads, mask, attend=_scaled_by_width),
            "The scores are divided by √D. A head's queries have K = D/H numbers: √K.",
        ),
    ),
)
