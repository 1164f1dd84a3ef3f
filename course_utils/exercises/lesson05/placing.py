"""Exercises 5.8 and 5.9: where a token stands. Sinusoidal codes, and rotary positions."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def sinusoidal_positions(length, width):
    """(T, D) float32: sin(t · f) in column 2i and cos(t · f) in column 2i + 1, with f = 10000^(−2i/D), for t = 0, 1, …

    Vaswani et al. 2017, section 3.5. D is even.
    """
    positions = torch.arange(length)[:, None]
    angles = positions * 10_000 ** (-torch.arange(0, width, 2) / width)  # (T, D/2)
    code = torch.empty(length, width)
    code[:, 0::2], code[:, 1::2] = angles.sin(), angles.cos()
    return code


def _code(angles, first=torch.sin, second=torch.cos):
    return torch.stack([first(angles), second(angles)], dim=-1).flatten(1).float()


def _angles(length, exponents, start=0):
    return torch.arange(start, start + length)[:, None] * 10_000.0**exponents


def _pairs(width):
    return -torch.arange(0, width, 2) / width


def _own_frequency(length, width):
    angles = _angles(length, -torch.arange(width) / width)
    even = torch.arange(width) % 2 == 0
    return torch.where(even, angles.sin(), angles.cos()).float()


SINUSOIDAL = Exercise(
    id="5.8",
    title="sinusoidal positions",
    minutes=12,
    difficulty=2,
    imports=("import torch",),
    stub='''def sinusoidal_positions(length, width):
    """(T, D) float32: sin(t · f) in column 2i and cos(t · f) in column 2i + 1, with f = 10000^(−2i/D), for t = 0, 1, …

    Vaswani et al. 2017, section 3.5. D is even.
    """
    raise NotImplementedError
''',
    reference=sinusoidal_positions,
    cases=(
        Case(lambda: (1, 2)),
        Case(lambda: (3, 4)),
        Case(lambda: (4, 6)),
    ),
    hidden=(
        Case(lambda: (2, 4)),
        Case(lambda: (5, 8)),
    ),
    invariants=(
        Invariant(
            "every row has the length √(D/2)",
            lambda code, length, width: torch.allclose(
                code.norm(dim=1), torch.full((length,), math.sqrt(width / 2)), atol=1e-4
            ),
        ),
    ),
    hints=(
        "D/2 frequencies: torch.arange(0, width, 2) are the numbers 2i.",
        "torch.arange(length)[:, None] * frequencies has the shape (T, D/2): an angle for each position and pair.",
        "code = torch.empty(length, width), and then code[:, 0::2] and code[:, 1::2] are the columns to fill.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "positions from one",
            lambda length, width: _code(_angles(length, _pairs(width), start=1)),
            "The positions begin with 1. The first is 0, and its row is 0, 1, 0, 1 and so on.",
        ),
        Misconception(
            "halves",
            lambda length, width: _code(_angles(length, _pairs(width)))[
                :, [*range(0, width, 2), *range(1, width, 2)]
            ],
            "All sines stand in the left half and all cosines in the right. Many programs do so; here, as in the "
            "paper, they take turns, column by column.",
        ),
        Misconception(
            "sine and cosine swapped",
            lambda length, width: _code(_angles(length, _pairs(width)), torch.cos, torch.sin),
            "Sine and cosine have changed places: the even columns, the first one included, are sines.",
        ),
        Misconception(
            "pair number for 2i",
            lambda length, width: _code(_angles(length, -torch.arange(width // 2) / width)),
            "The exponent is −i/D where it should be −2i/D: count the columns, 0, 2, 4, …, not the pairs.",
        ),
        Misconception(
            "a frequency for each column",
            _own_frequency,
            "Each column has a frequency of its own there. A sine and the cosine beside it share one, or they are no "
            "point on a circle.",
        ),
        Misconception(
            "exponent without minus",
            lambda length, width: _code(_angles(length, -_pairs(width))),
            "The frequencies grow there. With the minus in the exponent they fall from 1 to nearly 1/10000.",
        ),
        Misconception(
            "one frequency",
            lambda length, width: _code(_angles(length, 0 * _pairs(width))),
            "All pairs turn equally fast there. f falls from pair to pair.",
        ),
        Misconception(
            "sines only",
            lambda length, width: _code(_angles(length, _pairs(width)), torch.sin, torch.sin),
            "Every column is a sine. The odd ones are cosines: a sine alone does not tell on which side of the circle "
            "a position is.",
        ),
    ),
)


def rope(x, positions, base=10_000.0):
    """Turn each pair of numbers (i, i + K/2) of x by the angle position · base^(−2i/K). Su et al. 2021 (RoPE).

    x (B, H, T, K) with K even, positions (T,). Returns the same shape. Turned by a, (u, v) becomes
    (u cos a − v sin a, v cos a + u sin a).
    """
    frequencies = base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])  # (K/2,)
    angles = positions[:, None] * frequencies  # (T, K/2)
    first, second = x.chunk(2, dim=-1)  # (B, H, T, K/2) each
    turned = first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()
    return torch.cat(turned, dim=-1)


def _turned(x, angles):
    u, v = x.chunk(2, dim=-1)
    return torch.cat([u * angles.cos() - v * angles.sin(), v * angles.cos() + u * angles.sin()], dim=-1)


def _rotation(x, positions, base, exponents=None):
    width = x.shape[-1]
    exponents = -torch.arange(0, width, 2) / width if exponents is None else exponents
    return positions[:, None] * base**exponents


def _interleaved(x, positions, base=10_000.0):
    angles, u, v = _rotation(x, positions, base), x[..., 0::2], x[..., 1::2]
    turned = torch.stack([u * angles.cos() - v * angles.sin(), v * angles.cos() + u * angles.sin()], dim=-1)
    return turned.flatten(-2)


def _no_rotation(x, positions, base=10_000.0):
    angles, (u, v) = _rotation(x, positions, base), x.chunk(2, dim=-1)
    return torch.cat([u * angles.cos() - v * angles.sin(), v * angles.cos() - u * angles.sin()], dim=-1)


def _first_overwritten(x, positions, base=10_000.0):
    angles, (u, v) = _rotation(x, positions, base), x.chunk(2, dim=-1)
    u = u * angles.cos() - v * angles.sin()
    return torch.cat([u, v * angles.cos() + u * angles.sin()], dim=-1)


def _half_left_alone(x, positions, base=10_000.0):
    angles, (u, v) = _rotation(x, positions, base), x.chunk(2, dim=-1)
    return torch.cat([u * angles.cos() - v * angles.sin(), v], dim=-1)


def _heads(seed, shape, positions, base=10_000.0):
    return torch.randn(*shape, generator=generator(seed)), torch.tensor(positions), base


ROTARY = Exercise(
    id="5.9",
    title="rotary positions",
    minutes=20,
    difficulty=3,
    imports=("import torch",),
    stub='''def rope(x, positions, base=10_000.0):
    """Turn each pair of numbers (i, i + K/2) of x by the angle position · base^(−2i/K). Su et al. 2021 (RoPE).

    x (B, H, T, K) with K even, positions (T,). Returns the same shape. Turned by a, (u, v) becomes
    (u cos a − v sin a, v cos a + u sin a).
    """
    raise NotImplementedError
''',
    reference=rope,
    cases=(
        Case(lambda: (torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([1]), 10_000.0)),
        Case(lambda: _heads(1, (1, 1, 2, 4), [0, 1])),
        Case(lambda: _heads(2, (2, 2, 3, 6), [3, 4, 5], 100.0)),
        Case(lambda: _heads(3, (1, 2, 2, 8), [0, 7], 500_000.0)),
    ),
    hidden=(
        Case(lambda: _heads(4, (1, 1, 2, 4), [2, 9])),
        Case(lambda: _heads(5, (2, 1, 4, 8), [0, 1, 2, 3], 50.0)),
    ),
    invariants=(
        Invariant(
            "every row keeps its length",
            lambda turned, x, *_: torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), atol=1e-4),
        ),
    ),
    hints=(
        "x.chunk(2, dim=-1) gives both halves: in pair i, u comes from the first and v from the second.",
        "angles of shape (T, K/2) fit to halves of shape (B, H, T, K/2): torch lines shapes up from the right.",
        "Two lines for the turned halves, both from the old ones; then torch.cat([...], dim=-1).",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "neighbours are pairs",
            _interleaved,
            "That pairs neighbours, (0, 1), (2, 3), …, as the paper does. Llama's weights, and those you will load in "
            "lesson 07, were trained with the pairs (i, i + K/2): with the others the model talks nonsense.",
        ),
        Misconception(
            "wrong sign",
            lambda x, positions, base=10_000.0: _turned(x, -_rotation(x, positions, base)),
            "That turns the other way round. The minus belongs to the first half: u cos a − v sin a. Scores of queries "
            "and keys turned alike would not change; a key that others turned would not fit.",
        ),
        Misconception(
            "nothing turned",
            lambda x, positions, base=10_000.0: x,
            "Nothing is turned: what comes out is what went in, and no score knows how far apart two tokens are.",
        ),
        Misconception(
            "positions off by one",
            lambda x, positions, base=10_000.0: _turned(x, _rotation(x, positions + 1, base)),
            "Everything is turned by one position too many. Position 0 is not turned at all.",
        ),
        Misconception(
            "places for positions",
            lambda x, positions, base=10_000.0: _turned(x, _rotation(x, torch.arange(x.shape[-2]), base)),
            "That counts rows, 0, 1, 2, …, and ignores `positions`. When a text is read on, from position 7 say, the "
            "first row is not at 0.",
        ),
        Misconception(
            "exponent i for 2i",
            lambda x, positions, base=10_000.0: _turned(
                x, _rotation(x, positions, base, -torch.arange(x.shape[-1] // 2) / x.shape[-1])
            ),
            "The exponent is −i/K, so the angles fall half as fast as they should. It is −2i/K, 2i being 0, 2, 4, 6.",
        ),
        Misconception(
            "half for width",
            lambda x, positions, base=10_000.0: _turned(
                x, _rotation(x, positions, base, -2 * torch.arange(0, x.shape[-1], 2) / x.shape[-1])
            ),
            "The exponent is divided by K/2: the angles fall twice as fast as they should. Divide 2i by K.",
        ),
        Misconception(
            "one angle for all",
            lambda x, positions, base=10_000.0: _turned(x, positions[:, None]),
            "All pairs are turned by the same angle. Each has its own frequency, base^(−2i/K).",
        ),
        Misconception(
            "base ignored",
            lambda x, positions, base=10_000.0: _turned(x, _rotation(x, positions, 10_000.0)),
            "The base is always 10,000 there, whatever is passed. Models differ in it.",
        ),
        Misconception(
            "minus twice",
            _no_rotation,
            "A minus in both halves is no rotation: lengths change. The second half is v cos a + u sin a.",
        ),
        Misconception(
            "turned half used again",
            _first_overwritten,
            "The second half is worked out with the first half as already turned. Both need the old numbers.",
        ),
        Misconception(
            "second half left alone",
            _half_left_alone,
            "Only the first half is new. The second one turns, too: v cos a + u sin a.",
        ),
    ),
)
