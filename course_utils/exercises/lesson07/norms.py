"""Exercises 7.1 and 7.3: the two norms. The second goes into the live model of the same lesson."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def layer_norm(x, gain, bias, epsilon):
    """Shift and scale the numbers of each token to mean 0 and variance 1, then times gain, plus bias. Ba et al. 2016.

    x (B, T, D), gain and bias (D,). epsilon is added to the variance.
    """
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred / (variance + epsilon).sqrt() * gain + bias


def _layer(x, gain, bias, epsilon, axes=-1, less=0):
    """`layer_norm` over other axes, or with a variance that is divided by `less` fewer."""
    variance = x.var(dim=axes, keepdim=True, correction=less)
    return (x - x.mean(dim=axes, keepdim=True)) / (variance + epsilon).sqrt() * gain + bias


def _numbers(seed, *shape, shift=0.0, scale=1.0):
    return scale * torch.randn(shape, generator=generator(seed)) + shift


def _layer_case(seed, *shape, scale=1.0, epsilon=1e-5):
    width = shape[-1]
    gain, bias = _numbers(seed + 1, width, shift=1.0, scale=0.3), _numbers(seed + 2, width)
    return _numbers(seed, *shape, shift=scale, scale=scale), gain, bias, epsilon


LAYER_NORM = Exercise(
    id="7.1",
    title="layer norm",
    minutes=8,
    difficulty=1,
    imports=("import torch",),
    stub='''def layer_norm(x, gain, bias, epsilon):
    """Shift and scale the numbers of each token to mean 0 and variance 1, then times gain, plus bias. Ba et al. 2016.

    x (B, T, D), gain and bias (D,). epsilon is added to the variance.
    """
    raise NotImplementedError
''',
    reference=layer_norm,
    cases=(
        Case(
            lambda: (
                torch.tensor([[[1.0, 2.0, 3.0, 6.0], [0.0, 0.0, 4.0, 0.0]]]),
                torch.tensor([1.0, 1.0, 2.0, 1.0]),
                torch.tensor([0.0, 0.0, 0.0, 1.0]),
                0.1,
            )
        ),
        Case(lambda: _layer_case(1, 2, 3, 4, epsilon=0.5)),
        Case(lambda: _layer_case(4, 3, 5, 8, scale=0.01, epsilon=1e-4)),
    ),
    hidden=(
        Case(lambda: _layer_case(7, 2, 5, 6, epsilon=0.3)),
        Case(lambda: _layer_case(10, 4, 2, 16, scale=0.01, epsilon=1e-4)),
    ),
    invariants=(
        Invariant(
            "a mean of 0 in each token, gain and bias taken off again",
            lambda result, x, gain, bias, epsilon: bool(((result - bias) / gain).mean(dim=-1).abs().max() < 1e-3),
        ),
    ),
    hints=(
        "Mean and variance of one token's D numbers: x.mean(dim=-1, keepdim=True) is (B, T, 1).",
        "The variance is the mean of the squares after the mean was taken off. Divide by √(variance + epsilon).",
        "Gain and bias come last, a number each for every place of the width.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "variance with D − 1",
            lambda x, gain, bias, epsilon: _layer(x, gain, bias, epsilon, less=1),
            lambda x, *_: (
                f"The sum of squares is divided by D − 1 = {x.shape[-1] - 1}, as x.var and x.std do by themselves. "
                f"Here it is the plain mean, over D = {x.shape[-1]}: correction=0."
            ),
        ),
        Misconception(
            "over the tokens",
            lambda x, gain, bias, epsilon: _layer(x, gain, bias, epsilon, axes=1),
            "Mean and variance are taken over the tokens, dim=1: a token then depends on those after it. Each token "
            "is normed by itself, over dim=-1.",
        ),
        Misconception(
            "over the batch",
            lambda x, gain, bias, epsilon: _layer(x, gain, bias, epsilon, axes=0),
            "Mean and variance are taken over the batch, dim=0. That is batch norm; here the other texts of a batch "
            "have no say.",
        ),
        Misconception(
            "over everything",
            lambda x, gain, bias, epsilon: _layer(x, gain, bias, epsilon, axes=(0, 1, 2)),
            "One mean and one variance for the whole tensor. Every token has its own: dim=-1, keepdim=True.",
        ),
        Misconception(
            "mean not taken off",
            lambda x, gain, bias, epsilon: x / (x.var(-1, keepdim=True, correction=0) + epsilon).sqrt() * gain + bias,
            "The mean is not taken off: subtract it before dividing.",
        ),
        Misconception(
            "no root",
            lambda x, gain, bias, epsilon: (
                (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + epsilon) * gain + bias
            ),
            "That divides by the variance. Its root has the size of the numbers themselves.",
        ),
        Misconception(
            "epsilon outside the root",
            lambda x, gain, bias, epsilon: (
                (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True, correction=0) + epsilon) * gain + bias
            ),
            "Epsilon is added to the root. It is added to the variance, under the root.",
        ),
        Misconception(
            "no epsilon",
            lambda x, gain, bias, epsilon: _layer(x, gain, bias, 0.0),
            "Epsilon is not used. A token whose numbers are all alike has variance 0, and would be divided by 0.",
        ),
        Misconception(
            "no gain and no bias",
            lambda x, gain, bias, epsilon: layer_norm(x, torch.ones_like(gain), torch.zeros_like(bias), epsilon),
            "Gain and bias are missing: the network learns them, so that it can undo what the norm does.",
        ),
        Misconception(
            "no bias",
            lambda x, gain, bias, epsilon: layer_norm(x, gain, torch.zeros_like(bias), epsilon),
            "The bias is missing: it is added at the end.",
        ),
        Misconception(
            "bias times gain",
            lambda x, gain, bias, epsilon: layer_norm(x, gain, bias * gain, epsilon),
            "The bias is multiplied by the gain, too. Gain first, then add the bias.",
        ),
    ),
)


def rms_norm(x, gain, epsilon):
    """Scale the numbers of each token to a root mean square of 1, then times gain. Zhang and Sennrich 2019.

    x (…, D), gain (D,). epsilon is added to the mean square, under the root.
    """
    mean_square = x.square().mean(dim=-1, keepdim=True)
    return x / (mean_square + epsilon).sqrt() * gain


def _rms(x, gain, epsilon, axes=-1):
    return x / (x.square().mean(dim=axes, keepdim=True) + epsilon).sqrt() * gain


def _rms_case(seed, *shape, scale=1.0, epsilon=1e-5):
    return _numbers(seed, *shape, shift=scale, scale=scale), _numbers(seed + 1, shape[-1], shift=1.0), epsilon


RMS_NORM = Exercise(
    id="7.3",
    title="write RMSNorm",
    minutes=6,
    difficulty=1,
    imports=("import torch",),
    stub='''def rms_norm(x, gain, epsilon):
    """Scale the numbers of each token to a root mean square of 1, then times gain. Zhang and Sennrich 2019.

    x (…, D), gain (D,). epsilon is added to the mean square, under the root.
    """
    raise NotImplementedError
''',
    reference=rms_norm,
    cases=(
        Case(
            lambda: (
                torch.tensor([[[3.0, 4.0, 0.0, 0.0], [1.0, 1.0, 5.0, 3.0]]]),
                torch.tensor([1.0, 1.0, 1.0, 2.0]),
                0.25,
            )
        ),
        Case(lambda: _rms_case(1, 2, 3, 6, epsilon=0.5)),
        Case(lambda: _rms_case(3, 3, 4, 8, scale=0.01, epsilon=1e-4)),
        Case(lambda: _rms_case(5, 2, 2, 3, 5)),
    ),
    hidden=(
        Case(lambda: _rms_case(7, 2, 5, 4, epsilon=0.3)),
        Case(lambda: _rms_case(9, 4, 2, 16, scale=0.01, epsilon=1e-4)),
    ),
    hints=(
        "The mean square of one token's numbers: x.square().mean(dim=-1, keepdim=True).",
        "Add epsilon to it, take the root, divide x by that. Gain comes last.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "mean taken off",
            lambda x, gain, epsilon: _rms(x - x.mean(-1, keepdim=True), gain, epsilon),
            "The mean is taken off first: that is layer norm without its bias. RMSNorm only scales.",
        ),
        Misconception(
            "no epsilon",
            lambda x, gain, epsilon: _rms(x, gain, 0.0),
            "Epsilon is not used. Small numbers are blown up, and a token of zeros becomes 0/0.",
        ),
        Misconception(
            "epsilon outside the root",
            lambda x, gain, epsilon: x / (x.square().mean(-1, keepdim=True).sqrt() + epsilon) * gain,
            "Epsilon is added to the root. It belongs under the root, to the mean square.",
        ),
        Misconception(
            "no gain",
            lambda x, gain, epsilon: _rms(x, torch.ones_like(gain), epsilon),
            "The gain is missing: one learned number for each place of the width.",
        ),
        Misconception(
            "gain plus 1",
            lambda x, gain, epsilon: _rms(x, 1 + gain, epsilon),
            "That multiplies by 1 + gain, as Gemma's checkpoints want it. Llama's, and so SmolLM2's, hold the gain.",
        ),
        Misconception(
            "over the tokens",
            lambda x, gain, epsilon: _rms(x, gain, epsilon, axes=-2),
            "The mean square is taken over the tokens, dim=-2. Each token is normed by itself, over dim=-1.",
        ),
        Misconception(
            "over everything",
            lambda x, gain, epsilon: _rms(x, gain, epsilon, axes=tuple(range(x.ndim))),
            "One mean square for the whole tensor. Every token has its own: dim=-1, keepdim=True.",
        ),
        Misconception(
            "divided by D − 1",
            lambda x, gain, epsilon: x / (x.square().sum(-1, keepdim=True) / (x.shape[-1] - 1) + epsilon).sqrt() * gain,
            lambda x, *_: f"The sum of squares is divided by D − 1 = {x.shape[-1] - 1}. It is the plain mean, over D.",
        ),
        Misconception(
            "sum of squares",
            lambda x, gain, epsilon: x / (x.square().sum(-1, keepdim=True) + epsilon).sqrt() * gain,
            "That divides by the length of the vector, the root of the sum. Root *mean* square is √D times smaller.",
        ),
        Misconception(
            "no root",
            lambda x, gain, epsilon: x / (x.square().mean(-1, keepdim=True) + epsilon) * gain,
            "That divides by the mean square. Its root has the size of the numbers themselves.",
        ),
        Misconception(
            "mean of the sizes",
            lambda x, gain, epsilon: x / (x.abs().mean(-1, keepdim=True) + epsilon) * gain,
            "That divides by the mean of |x|. Square first, then mean, then root.",
        ),
    ),
)
