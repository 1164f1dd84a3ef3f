"""Exercises 9.6 and 9.7: how the target looks at the source, and what a decoder reads while it learns."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.models.attention import scaled_dot_product_attention
from course_utils.seeding import generator


def look_at_source(target, source, mask, query, key, value):
    """Cross-attention of one head: each position of the target mixes what the source holds.

    target (B, T, D), the decoder's stream; source (B, S, D), what the encoder gives; mask (B, S) bool, True on text.
    query, key, value (K, D) are weights as in nn.Linear, applied as x @ weight.T.
    Returns the mixture (B, T, K) and the weights (B, T, S). Vaswani et al. 2017, section 3.2.3.
    """
    asked = (target @ query.T)[:, None]  # (B, 1, T, K): one head
    offered, held = (source @ key.T)[:, None], (source @ value.T)[:, None]
    mixed, weights = scaled_dot_product_attention(asked, offered, held, mask[:, None, None])
    return mixed[:, 0], weights[:, 0]


def _attend(asking, offering, holding, mask, query, key, value, scale=1.0):
    """Attention of one head whose three streams may be any; mask (B, 1, S), (B, T, S) or None."""
    asked, offered, held = (asking @ query.T)[:, None], (offering @ key.T)[:, None], (holding @ value.T)[:, None]
    mixed, weights = scaled_dot_product_attention(asked * scale, offered, held, None if mask is None else mask[:, None])
    return mixed[:, 0], weights[:, 0]


def _unmasked(target, source, mask, *weights):
    return _attend(target, source, source, None, *weights)


def _causal_too(target, source, mask, *weights):
    ahead = torch.ones(target.shape[1], source.shape[1], dtype=torch.bool).tril()
    ahead[:, 0] = True
    return _attend(target, source, source, mask[:, None] & ahead, *weights)


def _both_together(target, source, mask, *weights):
    """Keys are those of source and target in a row, as a decoder alone would see them."""
    together = torch.cat([source, target], dim=1)
    own = torch.ones(target.shape[:2], dtype=torch.bool)
    return _attend(target, together, together, torch.cat([mask, own], dim=1)[:, None], *weights)


def _unscaled(target, source, mask, query, key, value):
    return _attend(target, source, source, mask[:, None], query, key, value, scale=len(query) ** 0.5)


def _masked_after(target, source, mask, *weights):
    """The weights of padding are set to 0 after the softmax, so that they no longer sum to 1."""
    seen = _unmasked(target, source, mask, *weights)[1] * mask[:, None]
    return seen @ (source @ weights[2].T), seen


def _pair(seed, target, width, head, *lengths):
    """A target of T positions and sources of these lengths, with weights (K, D)."""
    chance = generator(seed)
    sizes = (len(lengths), target, width), (len(lengths), max(lengths), width), *[(head, width)] * 3
    stream, source, query, key, value = (torch.randn(size, generator=chance) for size in sizes)
    return stream, source, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None], query, key, value


CROSS_ATTENTION = Exercise(
    id="9.6",
    title="cross-attention",
    minutes=10,
    difficulty=2,
    imports=("import torch", "from course_utils.models.attention import scaled_dot_product_attention"),
    stub='''def look_at_source(target, source, mask, query, key, value):
    """Cross-attention of one head: each position of the target mixes what the source holds.

    target (B, T, D), the decoder's stream; source (B, S, D), what the encoder gives; mask (B, S) bool, True on text.
    query, key, value (K, D) are weights as in nn.Linear, applied as x @ weight.T.
    Returns the mixture (B, T, K) and the weights (B, T, S). Vaswani et al. 2017, section 3.2.3.
    """
    raise NotImplementedError
''',
    reference=look_at_source,
    cases=(
        Case(lambda: _pair(1, 1, 2, 2, 3, 2)),
        Case(lambda: _pair(2, 3, 4, 2, 5, 3)),
        Case(lambda: _pair(3, 4, 3, 5, 4, 1, 2)),
    ),
    hidden=(
        Case(lambda: _pair(4, 2, 5, 3, 3, 4)),
        Case(lambda: _pair(5, 5, 4, 2, 2, 6, 4)),
    ),
    invariants=(
        Invariant(
            "weights sum to 1 over the source",
            lambda result, *_: torch.allclose(result[1].sum(-1), torch.ones(result[1].shape[:-1]), atol=1e-4),
        ),
        Invariant(
            "padding has no weight",
            lambda result, target, source, mask, *_: bool((result[1].masked_select(~mask[:, None]) == 0).all()),
        ),
    ),
    hints=(
        "Who asks? The decoder: queries come from target. Who is asked? The source: keys and values come from it.",
        "scaled_dot_product_attention takes (B, H, T, K) with H = 1 here: (target @ query.T)[:, None].",
        "Its mask spreads to (B, H, T, S): mask[:, None, None]. Take the axis of heads off again: mixed[:, 0].",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "self-attention",
            lambda target, source, mask, *weights: _attend(target, target, target, None, *weights),
            "Keys and values come from the target: that is self-attention, and the source is never looked at.",
        ),
        Misconception(
            "the source asks",
            lambda target, source, mask, *weights: _attend(source, target, target, None, *weights),
            "The source asks and the target answers. It is the decoder that asks: queries from target.",
        ),
        Misconception(
            "the source looks at itself",
            lambda target, source, mask, *weights: _attend(source, source, source, mask[:, None], *weights),
            "Queries come from the source, too: that is the encoder's self-attention. They come from target.",
        ),
        Misconception(
            "padding seen",
            _unmasked,
            "The mask is not used: padding of the source gets some of the weight.",
        ),
        Misconception(
            "causal",
            _causal_too,
            "Position t sees only the source up to place t. The source is there as a whole: only padding is closed.",
        ),
        Misconception(
            "source and target in a row",
            _both_together,
            "The target sees itself, too, as in a decoder that has read both as one text. Another layer does that.",
        ),
        Misconception(
            "values not projected",
            lambda target, source, mask, query, key, value: (
                look_at_source(target, source, mask, query, key, value)[1] @ source,
                look_at_source(target, source, mask, query, key, value)[1],
            ),
            "The source is mixed as it is. Values are source @ value.T.",
        ),
        Misconception(
            "one matrix for keys and values",
            lambda target, source, mask, query, key, value: look_at_source(target, source, mask, query, key, key),
            "Keys and values come from the same source, through different matrices: `value` is not used.",
        ),
        Misconception(
            "query and key exchanged",
            lambda target, source, mask, query, key, value: look_at_source(target, source, mask, key, query, value),
            "The target goes through `key` and the source through `query`: exchanged.",
        ),
        Misconception(
            "not scaled",
            _unscaled,
            lambda target, source, mask, query, *_: (
                f"The scores are not divided by √K = {len(query) ** 0.5:.2f}. T5 does without, and has it in its "
                "initial weights; here it is asked for."
            ),
        ),
        Misconception(
            "masked after the softmax",
            _masked_after,
            "Weights of padding are set to 0 after the softmax, and the rest no longer sums to 1. Mask the scores.",
        ),
        Misconception(
            "weights first",
            lambda *arguments: look_at_source(*arguments)[::-1],
            "The weights come first there. Return the mixture, then the weights.",
        ),
    ),
)


def decoder_inputs(targets, start, padding):
    """What a decoder reads while it learns to write `targets` (B, T): `start`, then the targets one place later.

    targets int64, −100 where there is nothing to write; the decoder reads `padding` for −100. T5 begins with its
    padding token: start and padding are both 0 there. `targets` is not changed.
    """
    first = torch.full_like(targets[:, :1], start)  # (B, 1)
    inputs = torch.cat([first, targets[:, :-1]], dim=1)  # (B, T)
    return inputs.masked_fill(inputs == -100, padding)


def _shifted(targets, start, padding, ignored=None):
    """The inputs with another number where there was −100."""
    inputs = torch.cat([torch.full_like(targets[:, :1], start), targets[:, :-1]], dim=1)
    return inputs if ignored is None else inputs.masked_fill(inputs == -100, ignored)


def _filled(targets, padding):
    return targets.masked_fill(targets == -100, padding)


def _longer(targets, start, padding):
    return torch.cat([torch.full_like(targets[:, :1], start), _filled(targets, padding)], dim=1)


def _overwritten(targets, start, padding):
    """The first token is written over instead of moved."""
    return torch.cat([torch.full_like(targets[:, :1], start), _filled(targets, padding)[:, 1:]], dim=1)


def _left(targets, start, padding):
    filled = _filled(targets, padding)
    return torch.cat([filled[:, 1:], torch.full_like(filled[:, :1], padding)], dim=1)


def _moved_down(targets, start, padding):
    """Shifted along the batch."""
    filled = _filled(targets, padding)
    return torch.cat([torch.full_like(filled[:1], start), filled[:-1]])


SHIFT_RIGHT = Exercise(
    id="9.7",
    title="what the decoder reads",
    minutes=6,
    difficulty=1,
    imports=("import torch",),
    stub='''def decoder_inputs(targets, start, padding):
    """What a decoder reads while it learns to write `targets` (B, T): `start`, then the targets one place later.

    targets int64, −100 where there is nothing to write; the decoder reads `padding` for −100. T5 begins with its
    padding token: start and padding are both 0 there. `targets` is not changed.
    """
    raise NotImplementedError
''',
    reference=decoder_inputs,
    cases=(
        Case(lambda: (torch.tensor([[7, 8, 2], [9, 2, -100]]), 1, 0)),
        Case(lambda: (torch.tensor([[5, 6, 1, -100, -100], [4, 9, 3, 8, 1]]), 0, 0)),
        Case(lambda: (torch.tensor([[6, 2, -100, -100], [3, 8, 2, -100], [7, 7, 9, 2]]), 4, 5)),
    ),
    hidden=(
        Case(lambda: (torch.tensor([[3, 9, 4, 1, -100], [8, 1, -100, -100, -100]]), 0, 0)),
        Case(lambda: (torch.tensor([[3, 9, 4, 2], [8, 2, -100, -100], [5, 2, -100, -100]]), 1, 6)),
    ),
    invariants=(
        Invariant("every row begins with start", lambda inputs, targets, start, _: bool((inputs[:, 0] == start).all())),
        Invariant("every id can be looked up", lambda inputs, *_: bool((inputs >= 0).all())),
    ),
    hints=(
        "Write both rows for the targets 7 8 2 on paper: when 7 is to be written, only start has been read.",
        "torch.cat([first, targets[:, :-1]], dim=1), where first is torch.full_like(targets[:, :1], start).",
        "Last, .masked_fill(inputs == -100, padding): −100 is for the loss, no embedding has that row.",
    ),
    misconceptions=(
        Misconception(
            "−100 read",
            lambda targets, start, padding: _shifted(targets, start, padding),
            "−100 is still there. It tells the loss to skip a place; as an id to look up it is out of range.",
        ),
        Misconception(
            "not shifted",
            lambda targets, start, padding: _filled(targets, padding),
            "Nothing is shifted: the decoder reads the very token it has to write, and learns to copy it.",
        ),
        Misconception(
            "first token overwritten",
            _overwritten,
            "start is written over the first token, and the rest stays where it is. Move all of them one place.",
        ),
        Misconception(
            "shifted to the left",
            _left,
            "That is shifted to the left: the decoder reads the token after the one it has to write.",
        ),
        Misconception(
            "rolled",
            lambda targets, start, padding: _filled(targets, padding).roll(1, dims=1),
            "torch.roll brings the last token to the front. There stands start: set the first column.",
        ),
        Misconception(
            "start never set",
            lambda targets, start, padding: _shifted(_filled(targets, padding), padding, padding),
            lambda targets, start, padding: (
                f"Each row begins with padding, {padding}. It begins with start, {start}; only in T5 are they the same."
            ),
        ),
        Misconception(
            "start for −100",
            lambda targets, start, padding: _shifted(targets, start, padding, ignored=start),
            "start stands where −100 was. There it is padding that is read; the two need not be the same.",
        ),
        Misconception(
            "0 for −100",
            lambda targets, start, padding: _shifted(targets, start, padding, ignored=0),
            "0 stands where −100 was, whatever padding is. Use `padding`.",
        ),
        Misconception(
            "one longer",
            _longer,
            lambda targets, *_: (
                f"The rows have {targets.shape[1] + 1} ids for {targets.shape[1]} targets. After the last target "
                "nothing is written, so nobody reads it."
            ),
        ),
        Misconception(
            "shifted along the batch",
            _moved_down,
            "Whole rows are moved to the next text, dim=0. The tokens move within their row, dim=1.",
        ),
    ),
)
