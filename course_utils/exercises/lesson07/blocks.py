"""Exercises 7.2 and 7.4: a block put together, and the gated feed-forward layer that the live model has."""

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Misconception
from course_utils.seeding import generator


def block(x, attention, feed_forward, attention_norm, feed_forward_norm):
    """One block, pre-norm: each layer reads a normed copy of the stream and adds its result to the stream.

    x (B, T, D), the stream. The four others are functions from (B, T, D) to (B, T, D). Attention comes first.
    """
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


# What stands for the four layers in the cases: functions that are easy to tell apart.


def mean_so_far(x):
    """What attention with equal weights does: each token gets the mean of those up to it."""
    return x.cumsum(dim=1) / torch.arange(1, x.shape[1] + 1)[:, None]


def bend(x):
    """A feed-forward layer without weights."""
    return x.relu() - 0.5


def to_length_one(x):
    return x / x.norm(dim=-1, keepdim=True)


def less_the_mean(x):
    return x - x.mean(dim=-1, keepdim=True)


def halves(x):
    return x / 2


def square(x):
    return x.square()


def _post_norm(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x + attention(x))
    return feed_forward_norm(x + feed_forward(x))


def _no_sums(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return feed_forward(feed_forward_norm(attention(attention_norm(x))))


def _attention_not_added(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


def _feed_forward_not_added(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return feed_forward(feed_forward_norm(x + attention(attention_norm(x))))


def _shared_norm(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return block(x, attention, feed_forward, attention_norm, attention_norm)


def _second_norm_forgotten(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return x + feed_forward(x)


def _no_norms(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(x)
    return x + feed_forward(x)


def _normed_stream(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x)
    x = x + attention(x)
    x = feed_forward_norm(x)
    return x + feed_forward(x)


def _side_by_side(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return x + attention(attention_norm(x)) + feed_forward(feed_forward_norm(x))


def _first_stream_added(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return x + feed_forward(feed_forward_norm(x + attention(attention_norm(x))))


def _feed_forward_first(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + feed_forward(feed_forward_norm(x))
    return x + attention(attention_norm(x))


def _reads_the_addition(x, attention, feed_forward, attention_norm, feed_forward_norm):
    added = attention(attention_norm(x))
    return x + added + feed_forward(feed_forward_norm(added))


def _stream(seed, *shape):
    return torch.randn(shape, generator=generator(seed))


BLOCK = Exercise(
    id="7.2",
    title="write a block",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def block(x, attention, feed_forward, attention_norm, feed_forward_norm):
    """One block, pre-norm: each layer reads a normed copy of the stream and adds its result to the stream.

    x (B, T, D), the stream. The four others are functions from (B, T, D) to (B, T, D). Attention comes first.
    """
    raise NotImplementedError
''',
    reference=block,
    cases=(
        Case(lambda: (torch.tensor([[[4.0, 2.0], [2.0, 8.0]]]), mean_so_far, square, halves, less_the_mean)),
        Case(lambda: (_stream(1, 2, 3, 4), mean_so_far, bend, to_length_one, less_the_mean)),
        Case(lambda: (_stream(2, 1, 4, 6), mean_so_far, bend, less_the_mean, halves)),
    ),
    hidden=(
        Case(lambda: (_stream(3, 2, 4, 5), mean_so_far, square, to_length_one, less_the_mean)),
        Case(lambda: (_stream(4, 3, 2, 4), square, bend, less_the_mean, to_length_one)),
    ),
    hints=(
        "Two lines, one for each layer. Each has the form x = x + layer(norm(x)).",
        "The second layer reads the stream after the first has added to it.",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "post-norm",
            _post_norm,
            "That is post-norm: each sum is normed, as in the paper of 2017 and in BERT. In pre-norm the layer reads "
            "a normed copy and the stream itself is never normed.",
        ),
        Misconception("no sums", _no_sums, "Nothing is added to the stream: what came in is lost at both layers."),
        Misconception(
            "attention not added",
            _attention_not_added,
            "Attention replaces the stream there. Its result is added: x = x + attention(…).",
        ),
        Misconception(
            "feed-forward not added",
            _feed_forward_not_added,
            "The feed-forward layer replaces the stream. Its result is added: x + feed_forward(…).",
        ),
        Misconception(
            "one norm for both",
            _shared_norm,
            "Both layers read through attention_norm. Each has a norm of its own, with its own gain.",
        ),
        Misconception(
            "feed-forward reads the plain stream",
            _second_norm_forgotten,
            "The feed-forward layer reads the stream as it is. It reads a normed copy: feed_forward_norm(x).",
        ),
        Misconception("no norms", _no_norms, "No norm is used. Each layer reads a normed copy of the stream."),
        Misconception(
            "the stream itself is normed",
            _normed_stream,
            "The norm changes the stream: x = norm(x), and the sum begins from that. Norm only the copy that is read.",
        ),
        Misconception(
            "side by side",
            _side_by_side,
            "Both layers read the same stream, as in GPT-J. Here the feed-forward layer reads what attention has "
            "already added to.",
        ),
        Misconception(
            "added to the first stream",
            _first_stream_added,
            "The last sum begins from the x that came in: what attention had added is lost from the stream.",
        ),
        Misconception(
            "feed-forward first", _feed_forward_first, "The feed-forward layer comes first there. Attention does."
        ),
        Misconception(
            "feed-forward reads the addition alone",
            _reads_the_addition,
            "The feed-forward layer reads only what attention found. It reads the whole stream after the sum.",
        ),
    ),
)


def swiglu(x, gate, up, down):
    """The gated feed-forward layer: down(silu(gate(x)) · up(x)), · number by number. Shazeer 2020.

    x (…, D); gate and up (F, D) and down (D, F) are weights as in nn.Linear, applied as x @ weight.T. No biases.
    silu(a) = a · sigmoid(a).
    """
    opened = functional.silu(x @ gate.T)
    return (opened * (x @ up.T)) @ down.T


def _wrong_gate(inner):
    """A gated layer whose inner numbers are `inner(gate(x), up(x))`."""
    return lambda x, gate, up, down: inner(x @ gate.T, x @ up.T) @ down.T


def _gated_case(seed, inner, *shape):
    chance, width = generator(seed), shape[-1]
    return tuple(
        torch.randn(size, generator=chance) for size in (shape, (inner, width), (inner, width), (width, inner))
    )


SWIGLU = Exercise(
    id="7.4",
    title="write SwiGLU",
    minutes=6,
    difficulty=1,
    imports=("import torch", "from torch.nn import functional"),
    stub='''def swiglu(x, gate, up, down):
    """The gated feed-forward layer: down(silu(gate(x)) · up(x)), · number by number. Shazeer 2020.

    x (…, D); gate and up (F, D) and down (D, F) are weights as in nn.Linear, applied as x @ weight.T. No biases.
    silu(a) = a · sigmoid(a).
    """
    raise NotImplementedError
''',
    reference=swiglu,
    cases=(
        Case(
            lambda: (
                torch.tensor([[[1.0, 2.0]]]),
                torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]),
                torch.tensor([[3.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
                torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
            )
        ),
        Case(lambda: _gated_case(1, 5, 2, 3, 4)),
        Case(lambda: _gated_case(2, 9, 2, 2, 3, 6)),
    ),
    hidden=(
        Case(lambda: _gated_case(3, 7, 3, 2, 5)),
        Case(lambda: _gated_case(4, 4, 1, 4, 8)),
    ),
    hints=(
        "x @ gate.T and x @ up.T are (…, F). One of them goes through silu.",
        "silu bends the gate. Multiply the two number by number, then @ down.T brings (…, F) back to (…, D).",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "silu on up",
            _wrong_gate(lambda gate, up: gate * functional.silu(up)),
            "silu bends up there. It is the gate that is bent; with the weights of a trained model the two are not "
            "the same.",
        ),
        Misconception(
            "silu on the product",
            _wrong_gate(lambda gate, up: functional.silu(gate * up)),
            "silu bends the product. It bends the gate alone, before the product.",
        ),
        Misconception(
            "silu on both",
            _wrong_gate(lambda gate, up: functional.silu(gate) * functional.silu(up)),
            "Both are bent there. up stays as it is.",
        ),
        Misconception(
            "no gate",
            _wrong_gate(lambda gate, up: functional.silu(up)),
            "The gate is not used: that is a plain feed-forward layer over up.",
        ),
        Misconception(
            "no up",
            _wrong_gate(lambda gate, up: functional.silu(gate)),
            "up is not used: that is a plain feed-forward layer over the gate.",
        ),
        Misconception(
            "no bend",
            _wrong_gate(lambda gate, up: gate * up),
            "silu is missing: that is the product of the two alone. A network can learn with it, but SmolLM2 did not.",
        ),
        Misconception(
            "sigmoid",
            _wrong_gate(lambda gate, up: gate.sigmoid() * up),
            "The gate goes through sigmoid, as in the first gated layers. silu(a) is a · sigmoid(a).",
        ),
        Misconception(
            "gelu",
            _wrong_gate(lambda gate, up: functional.gelu(gate) * up),
            "The gate goes through gelu: that is GEGLU. SwiGLU takes silu.",
        ),
        Misconception(
            "gelu by its tanh formula",
            _wrong_gate(lambda gate, up: functional.gelu(gate, approximate="tanh") * up),
            "The gate goes through gelu, by its tanh formula. SwiGLU takes silu.",
        ),
        Misconception(
            "relu",
            _wrong_gate(lambda gate, up: gate.relu() * up),
            "The gate goes through relu: that is ReGLU. SwiGLU takes silu.",
        ),
        Misconception(
            "sum",
            _wrong_gate(lambda gate, up: functional.silu(gate) + up),
            "The two are added. A gate multiplies: where it is near 0, nothing passes.",
        ),
        Misconception(
            "down before the product",
            lambda x, gate, up, down: (functional.silu(x @ gate.T) @ down.T) * (x @ up.T @ down.T),
            "Each of the two goes through down, and then they are multiplied. Multiply in the inner width, then down.",
        ),
    ),
)
