"""Exercises 11.3 and 11.4: how far one normal distribution is from another, and a draw that lets a gradient through."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def normal_divergence(mean, log_variance, other_mean, other_log_variance):
    """KL divergence of N(mean, variance) from N(other mean, other variance), in nats, one for each row: (B,).

    mean, log_variance (B, Z) with ln σ²; other_mean, other_log_variance (Z,), the same for all rows. For one number
    ½ (ln s² − ln σ² + (σ² + (μ − m)²) / s² − 1); the Z numbers of a row are independent.
    """
    distance = log_variance.exp() + (mean - other_mean) ** 2
    each = other_log_variance - log_variance + distance / other_log_variance.exp() - 1  # (B, Z)
    return each.sum(dim=1) / 2


def _other(part):
    """The divergence with another formula for one number; part(μ, ln σ², m, ln s²), summed and halved."""
    return lambda *four: part(*four).sum(dim=1) / 2


def _each(mean, log_variance, other_mean, other_log_variance):
    distance = log_variance.exp() + (mean - other_mean) ** 2
    return other_log_variance - log_variance + distance / other_log_variance.exp() - 1


def _turned(mean, log_variance, other_mean, other_log_variance):
    shape = mean.shape
    return normal_divergence(other_mean.expand(shape), other_log_variance.expand(shape), mean, log_variance)


def _normals(seed, rows, width):
    chance = generator(seed)
    pair = [torch.randn(rows, width, generator=chance) for _ in range(2)]
    return *pair, *(torch.randn(width, generator=chance) for _ in range(2))


DIVERGENCE = Exercise(
    id="11.3",
    title="the KL divergence of two normals",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def normal_divergence(mean, log_variance, other_mean, other_log_variance):
    """KL divergence of N(mean, variance) from N(other mean, other variance), in nats, one for each row: (B,).

    mean, log_variance (B, Z) with ln σ²; other_mean, other_log_variance (Z,), the same for all rows. For one number
    ½ (ln s² − ln σ² + (σ² + (μ − m)²) / s² − 1); the Z numbers of a row are independent.
    """
    raise NotImplementedError
''',
    reference=normal_divergence,
    tolerance=1e-4,
    cases=(
        Case(lambda: (torch.tensor([[1.0]]), torch.tensor([[0.5]]), torch.tensor([-1.0]), torch.tensor([2.0]))),
        Case(lambda: _normals(1, 2, 3)),
        Case(lambda: _normals(2, 5, 2)),
    ),
    hidden=(Case(lambda: _normals(3, 3, 4)), Case(lambda: _normals(4, 2, 6))),
    invariants=(
        Invariant("no divergence is below 0", lambda nats, *_: bool((nats >= -1e-5).all())),
        Invariant("one for each row", lambda nats, mean, *_: nats.shape == mean.shape[:1]),
    ),
    hints=(
        "Work out one number first: μ, ln σ² and the other's m, ln s² to four terms.",
        "σ² is log_variance.exp(), s² is other_log_variance.exp(); the logarithms are there already.",
        "Independent numbers: their divergences add up. Sum over dim=1, and halve.",
    ),
    misconceptions=(
        Misconception(
            "the wrong way round",
            _turned,
            "The two have changed places: that is the divergence of the other from this one. It is not the same.",
        ),
        Misconception(
            "sign", lambda *four: -normal_divergence(*four), "The sign is turned: a KL divergence is never below 0."
        ),
        Misconception(
            "mean over the latent numbers",
            lambda *four: _each(*four).mean(dim=1) / 2,
            "The numbers of a row are averaged. Independent numbers add up, so the divergence is their sum.",
        ),
        Misconception(
            "summed over everything",
            lambda *four: _each(*four).sum() / 2,
            "Rows are added up as well. Each row is an image of its own and has its own divergence.",
        ),
        Misconception(
            "summed over the rows",
            lambda *four: _each(*four).sum(dim=0) / 2,
            "That sums over the rows, dim=0, and leaves one number for each latent number. Sum over dim=1.",
        ),
        Misconception("no half", lambda *four: _each(*four).sum(dim=1), "The ½ before the bracket is missing."),
        Misconception(
            "log-variance taken as variance",
            _other(lambda m, v, n, w: w.abs().log() - v.abs().log() + (v + (m - n) ** 2) / w - 1),
            "ln σ² is taken for σ² itself. The variance is log_variance.exp(); the logarithm needs no log.",
        ),
        Misconception(
            "log-variance taken as log-deviation",
            _other(lambda m, v, n, w: _each(m, 2 * v, n, 2 * w)),
            "ln σ² is taken for ln σ, so every variance is squared. log_variance.exp() is σ² already.",
        ),
        Misconception(
            "deviations for variances",
            _other(lambda m, v, n, w: w - v + ((v / 2).exp() + (m - n) ** 2) / (w / 2).exp() - 1),
            "Deviations stand where variances belong: σ² is log_variance.exp(), without the half.",
        ),
        Misconception(
            "means not compared",
            _other(lambda m, v, n, w: w - v + v.exp() / w.exp() - 1),
            "The distance of the means is missing: (μ − m)², over s².",
        ),
        Misconception(
            "against N(0, 1)",
            _other(lambda m, v, n, w: m**2 + v.exp() - 1 - v),
            "That is the divergence from N(0, 1). The other normal has a mean and a variance of its own.",
        ),
        Misconception(
            "distance of the means not divided",
            _other(lambda m, v, n, w: w - v + v.exp() / w.exp() + (m - n) ** 2 - 1),
            "(μ − m)² is not divided by s². A wide distribution minds a distance less.",
        ),
        Misconception(
            "distance of the means not squared",
            _other(lambda m, v, n, w: w - v + (v.exp() + (m - n).abs()) / w.exp() - 1),
            "The distance of the means is not squared.",
        ),
        Misconception(
            "logarithms exchanged",
            _other(lambda m, v, n, w: v - w + (v.exp() + (m - n) ** 2) / w.exp() - 1),
            "The two logarithms have changed places: ln s² comes with plus, ln σ² with minus.",
        ),
        Misconception(
            "no minus one",
            _other(lambda *four: _each(*four) + 1),
            "The −1 is missing, so that a normal would be half a nat away from itself.",
        ),
    ),
)


def reparameterise(mean, log_variance, noise):
    """A draw from N(mean, variance) made of noise from N(0, 1), so that a gradient goes through to both; all (B, Z).

    log_variance is ln σ².
    """
    return mean + (log_variance / 2).exp() * noise


def _draws(seed, rows, width):
    chance = generator(seed)
    return tuple(torch.randn(rows, width, generator=chance) for _ in range(3))


DRAW = Exercise(
    id="11.4",
    title="reparameterise",
    minutes=5,
    difficulty=1,
    imports=("import torch",),
    stub='''def reparameterise(mean, log_variance, noise):
    """A draw from N(mean, variance) made of noise from N(0, 1), so that a gradient goes through to both; all (B, Z).

    log_variance is ln σ².
    """
    raise NotImplementedError
''',
    reference=reparameterise,
    tolerance=1e-5,
    cases=(
        Case(lambda: (torch.tensor([[1.0]]), torch.tensor([[0.5]]), torch.tensor([[-2.0]]))),
        Case(lambda: _draws(1, 2, 3)),
    ),
    hidden=(Case(lambda: _draws(2, 4, 2)), Case(lambda: _draws(3, 1, 5))),
    invariants=(Invariant("one draw for each mean", lambda drawn, mean, *_: drawn.shape == mean.shape),),
    hints=(
        "A normal number with deviation σ is σ times one with deviation 1; then the mean is added.",
        "σ is the root of σ², and √σ² = e^(½ ln σ²).",
    ),
    misconceptions=(
        Misconception(
            "log-variance taken as log-deviation",
            lambda mean, log_variance, noise: mean + log_variance.exp() * noise,
            "That multiplies by e^(ln σ²) = σ², the variance. The deviation is its root: halve the logarithm first.",
        ),
        Misconception(
            "log-variance taken as variance",
            lambda mean, log_variance, noise: mean + log_variance.abs().sqrt() * noise,
            "The root is taken of ln σ² itself, as if it were the variance. It may well be below 0. Take exp first.",
        ),
        Misconception(
            "log-variance taken as deviation",
            lambda mean, log_variance, noise: mean + log_variance * noise,
            "The noise is multiplied by ln σ². The deviation is e^(½ ln σ²).",
        ),
        Misconception(
            "log-variance taken as it is, below 0",
            lambda mean, log_variance, noise: mean + torch.sqrt(log_variance) * noise,
            "A root of a number below 0 is no number (nan). ln σ² is below 0 wherever σ is below 1. Take exp first.",
        ),
        Misconception(
            "precision",
            lambda mean, log_variance, noise: mean + (-log_variance / 2).exp() * noise,
            "The sign in the exponent is turned: that is 1/σ.",
        ),
        Misconception(
            "doubled",
            lambda mean, log_variance, noise: mean + (2 * log_variance).exp() * noise,
            "The logarithm is doubled; a root halves it.",
        ),
        Misconception(
            "no noise",
            lambda mean, log_variance, noise: mean + (log_variance / 2).exp(),
            "Nothing is drawn: σ is added to the mean. Multiply it by the noise.",
        ),
        Misconception(
            "deviation of 1",
            lambda mean, log_variance, noise: mean + noise,
            "The noise is added as it is, with deviation 1. Multiply it by σ first.",
        ),
        Misconception(
            "noise added to the deviation",
            lambda mean, log_variance, noise: mean + (log_variance / 2).exp() + noise,
            "Noise and σ are added. They are multiplied.",
        ),
        Misconception(
            "mean scaled too",
            lambda mean, log_variance, noise: (mean + noise) * (log_variance / 2).exp(),
            "σ multiplies the mean as well. It scales the noise alone.",
        ),
        Misconception(
            "no mean",
            lambda mean, log_variance, noise: (log_variance / 2).exp() * noise,
            "The mean is missing.",
        ),
        Misconception(
            "detached",
            lambda mean, log_variance, noise: mean,
            "That is the mean. Without a draw the decoder never sees what is around it.",
        ),
    ),
)
