"""Exercise 15.6: weights in a few bits."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def quantize(weights, bits, group):
    """A matrix (out, in) with each weight at the nearest of 2^bits levels, as it comes back: (out, in) float32.

    `group` neighbours in a row share a minimum and a scale; `in` is a multiple of it. The levels are minimum + scale ·
    number. minimum: min(least weight of the group, 0), stored as bfloat16. scale: (max(largest weight, 0) − the stored
    minimum) / (2^bits − 1), at least 1e-12, then stored as bfloat16. number: (weight − minimum) / scale, rounded to the
    nearest and kept within 0 … 2^bits − 1.
    """
    groups = weights.view(len(weights), -1, group)  # (out, groups, group)
    minimum = groups.amin(dim=2, keepdim=True).clamp(max=0).bfloat16().float()
    highest = groups.amax(dim=2, keepdim=True).clamp(min=0)
    scale = ((highest - minimum) / (2**bits - 1)).clamp(min=1e-12).bfloat16().float()
    numbers = ((groups - minimum) / scale).round().clamp(0, 2**bits - 1)
    return (minimum + scale * numbers).view(weights.shape)


def _bfloat16(values):
    return values.bfloat16().float()


def _over_zero(groups):
    return groups.amin(dim=2, keepdim=True).clamp(max=0), groups.amax(dim=2, keepdim=True).clamp(min=0)


def _within(groups):
    return groups.amin(dim=2, keepdim=True), groups.amax(dim=2, keepdim=True)


def _as_far_down_as_up(groups):
    largest = groups.abs().amax(dim=2, keepdim=True)
    return -largest, largest


def _of_the_whole_matrix(groups):
    return groups.min().clamp(max=0).view(1, 1, 1), groups.max().clamp(min=0).view(1, 1, 1)


def _quantized(
    ends=_over_zero,
    stored=_bfloat16,
    steps=lambda bits: 2**bits - 1,
    to_number=torch.round,
    back=lambda minimum, scale, numbers: minimum + scale * numbers,
    least=1e-12,
    span=lambda lowest, minimum, highest: highest - minimum,
):
    """The same with one part otherwise: the ends of the levels, how they are stored, the way there or back, …."""

    def quantized(weights, bits, group):
        groups = weights.view(len(weights), -1, group)
        lowest, highest = ends(groups)
        minimum = stored(lowest)
        scale = stored((span(lowest, minimum, highest) / steps(bits)).clamp(min=least))
        numbers = to_number((groups - minimum) / scale).clamp(0, 2**bits - 1)
        return back(minimum, scale, numbers).view(weights.shape)

    return quantized


def _whole_rows(weights, bits, group):
    return quantize(weights, bits, weights.shape[1])


def _down_columns(weights, bits, group):
    return quantize(weights.T.contiguous(), bits, group).T.contiguous()


def _not_shifted(weights, bits, group):
    """The numbers lie around 0, from −2^(bits−1), as if there were no minimum."""
    groups = weights.view(len(weights), -1, group)
    largest = groups.abs().amax(dim=2, keepdim=True)
    scale = _bfloat16((largest / (2 ** (bits - 1) - 1)).clamp(min=1e-12))
    return (scale * (groups / scale).round()).view(weights.shape)


def _weights(seed, rows, columns, bits, group):
    """Weights around another mean in each row, some of them all above or all below zero; the last group is zeros."""
    chance = generator(seed)
    weights = torch.randn(rows, columns, generator=chance) + 1.5 * torch.randn(rows, 1, generator=chance)
    weights[-1, -group:] = 0.0
    return weights, bits, group


ROUNDED = Exercise(
    id="15.6",
    title="weights in four bits",
    minutes=15,
    difficulty=3,
    imports=("import torch",),
    stub='''def quantize(weights, bits, group):
    """A matrix (out, in) with each weight at the nearest of 2^bits levels, as it comes back: (out, in) float32.

    `group` neighbours in a row share a minimum and a scale; `in` is a multiple of it. The levels are minimum + scale ·
    number. minimum: min(least weight of the group, 0), stored as bfloat16. scale: (max(largest weight, 0) − the stored
    minimum) / (2^bits − 1), at least 1e-12, then stored as bfloat16. number: (weight − minimum) / scale, rounded to the
    nearest and kept within 0 … 2^bits − 1.
    """
    raise NotImplementedError
''',
    reference=quantize,
    tolerance=1e-5,
    cases=(
        Case(lambda: (torch.tensor([[-1.0, 0.25, 2.0, 1.0], [3.0, 1.0, 2.5, 6.0]]), 2, 2)),
        Case(lambda: _weights(1, 4, 8, 4, 4)),
        Case(lambda: _weights(2, 16, 32, 4, 16)),
    ),
    hidden=(Case(lambda: _weights(3, 8, 16, 3, 8)), Case(lambda: _weights(4, 32, 64, 5, 32))),
    invariants=(
        Invariant(
            "no group has more than 2^bits levels",
            lambda result, weights, bits, group: all(len(row.unique()) <= 2**bits for row in result.view(-1, group)),
        ),
    ),
    hints=(
        "weights.view(out, -1, group) puts each group into an axis of its own; amin and amax over it with keepdim=True "
        "leave (out, groups, 1). The group −1, 0.25 has in 2 bits the minimum −1, a scale of about 1.25 / 3, and the "
        "levels −1, −0.58, −0.17 and 0.25.",
        "Store the minimum first: .clamp(max=0).bfloat16().float(). The scale is (largest.clamp(min=0) − minimum) / "
        "(2**bits − 1), stored the same way.",
        "numbers = ((groups − minimum) / scale).round(); what comes back is minimum + scale · numbers, in the shape of "
        "the weights.",
    ),
    misconceptions=(
        Misconception(
            "one step too many",
            _quantized(steps=lambda bits: 2**bits),
            "The range is divided into 2^bits steps. 2^bits levels have one step less between them: 2^bits − 1.",
        ),
        Misconception(
            "as many steps as bits",
            _quantized(steps=lambda bits: bits),
            "The range is divided by the number of bits. That many bits tell 2^bits levels apart.",
        ),
        Misconception(
            "rounded down",
            _quantized(to_number=torch.floor),
            "The numbers are rounded down, so that weights come back half a step too low on average. Round to the "
            "nearest.",
        ),
        Misconception(
            "middle of the cells",
            _quantized(
                steps=lambda bits: 2**bits,
                to_number=torch.floor,
                back=lambda minimum, scale, numbers: minimum + scale * (numbers + 0.5),
            ),
            "The range is cut into 2^bits cells, and each weight goes to the middle of its own. Here levels stand at "
            "both ends: the least weight and the largest are met.",
        ),
        Misconception(
            "one scale for the matrix",
            _quantized(ends=_of_the_whole_matrix),
            "The whole matrix shares a minimum and a scale: one large weight stretches the levels for all. Each group "
            "has its own.",
        ),
        Misconception(
            "one scale for a row",
            _whole_rows,
            "A whole row shares a minimum and a scale. Each `group` neighbours have their own.",
        ),
        Misconception(
            "groups down the columns",
            _down_columns,
            "The groups go down the columns. Neighbours in a row, axis 1, belong together.",
        ),
        Misconception(
            "levels not over zero",
            _quantized(ends=_within),
            "The levels reach from the least weight to the largest. They should always reach over zero, where a group "
            "lies to one side of it as well.",
        ),
        Misconception(
            "as far down as up",
            _quantized(ends=_as_far_down_as_up),
            "The levels reach as far down as up. That wastes those on one side where weights lean to the other: they "
            "begin at the minimum.",
        ),
        Misconception(
            "numbers around zero",
            _not_shifted,
            "That has a scale and no minimum, with numbers around 0, which is what 8 bits do here. With few bits the "
            "levels begin at the minimum.",
        ),
        Misconception(
            "numbers given back",
            _quantized(back=lambda minimum, scale, numbers: numbers),
            "Those are the numbers as they are stored. What comes back is minimum + scale · number.",
        ),
        Misconception(
            "minimum forgotten",
            _quantized(back=lambda minimum, scale, numbers: scale * numbers),
            "The minimum is taken off on the way there and not added on the way back.",
        ),
        Misconception(
            "not stored in bfloat16",
            _quantized(stored=lambda values: values),
            "Scale and minimum keep 32 bits each, in groups of 32 two bits for every weight. Store them as bfloat16, "
            "half of that, and compute with what was stored.",
        ),
        Misconception(
            "stored in float16",
            _quantized(stored=lambda values: values.clamp(min=-6e4, max=6e4).half().float()),
            "Scale and minimum are stored as float16. It is bfloat16 here, which reaches as far as float32 does: in "
            "float16 1e-12 becomes 0.",
        ),
        Misconception(
            "span before it is stored",
            _quantized(span=lambda lowest, minimum, highest: highest - lowest),
            "The scale goes from the minimum as it was before it was stored. The levels begin at the stored one: "
            "measure from there.",
        ),
        Misconception(
            "no least scale",
            _quantized(least=0.0),
            "A group of zeros has the scale 0, and 0 / 0 is no number. Let no scale be below 1e-12.",
        ),
    ),
)
