"""Exercises 12.5 and 12.6: two ways to keep a discriminator from growing steep, R1 and the spectral norm."""

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator

# --- the penalty ----------------------------------------------------------------------------------------


def r1_penalty(discriminator, real):
    """‖∇ logit(x)‖², averaged over real x: a tensor () that can be differentiated again. Mescheder et al. 2018.

    discriminator: points (B, D) to logits (B,), each by its own point alone. real (B, D).
    """
    real = real.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)  # (B, D)
    return slope.square().sum(dim=1).mean()


def _slopes(discriminator, real, of=lambda logits: logits.sum()):
    real = real.detach().requires_grad_(True)
    return torch.autograd.grad(of(discriminator(real)), real, create_graph=True)[0]


def _penalty(made, of=lambda logits: logits.sum()):
    """The penalty from made(slopes), the slopes of of(logits)."""
    return lambda discriminator, real: made(_slopes(discriminator, real, of))


def _mean_square(slopes):
    return slopes.square().sum(dim=1).mean()


def bowl(points):
    """Logits x² + 2y …, steeper farther out."""
    weights = torch.arange(1.0, points.shape[1] + 1)
    return (weights * points.square()).sum(dim=1) - points[:, 0]


def ripple(points):
    """Logits that go up and down along a slanted line."""
    return 3 * torch.sin(points.sum(dim=1)) + points[:, -1]


def _points(seed, *shape):
    return torch.randn(shape, generator=generator(seed))


PENALTY = Exercise(
    id="12.5",
    title="the R1 penalty",
    minutes=10,
    difficulty=3,
    imports=("import torch",),
    tolerance=1e-4,
    stub='''def r1_penalty(discriminator, real):
    """‖∇ logit(x)‖², averaged over real x: a tensor () that can be differentiated again. Mescheder et al. 2018.

    discriminator: points (B, D) to logits (B,), each by its own point alone. real (B, D).
    """
    raise NotImplementedError
''',
    reference=r1_penalty,
    cases=(
        Case(lambda: (bowl, torch.tensor([[1.0, 0.5], [-0.5, 2.0]]))),
        Case(lambda: (ripple, _points(1, 5, 3))),
        Case(lambda: (bowl, _points(2, 4, 4))),
    ),
    hidden=(Case(lambda: (ripple, _points(3, 3, 2))), Case(lambda: (bowl, _points(4, 6, 3)))),
    invariants=(
        Invariant(
            "it can be differentiated again: create_graph=True",
            lambda penalty, discriminator, real: penalty.requires_grad,
        ),
    ),
    hints=(
        "real.detach().requires_grad_(True) makes points by which a derivative can be taken.",
        "torch.autograd.grad(discriminator(real).sum(), real, create_graph=True) gives one slope (D,) for each point: "
        "each logit depends on its own point alone, so the sum mixes nothing.",
        "Square, add over the D coordinates, average over the B points.",
    ),
    misconceptions=(
        Misconception(
            "mean over all numbers",
            _penalty(lambda slopes: slopes.square().mean()),
            "The squares are averaged over the coordinates as well. A squared length adds them.",
        ),
        Misconception(
            "sum over the points",
            _penalty(lambda slopes: slopes.square().sum()),
            "The penalties are summed over the points. It is their mean, or else the batch would set its weight.",
        ),
        Misconception(
            "not squared",
            _penalty(lambda slopes: slopes.norm(dim=1).mean()),
            "That is the mean length. R1 takes its square, which has no kink at 0.",
        ),
        Misconception(
            "length 1 wanted",
            _penalty(lambda slopes: (slopes.norm(dim=1) - 1).square().mean()),
            "That pulls the length to 1, as WGAN-GP does (Gulrajani et al. 2017). R1 pulls it to 0.",
        ),
        Misconception(
            "mean logit",
            _penalty(_mean_square, of=lambda logits: logits.mean()),
            "The slope is that of the mean logit: B times too small, and its square B² times. Take the sum.",
        ),
        Misconception(
            "slope of D",
            _penalty(_mean_square, of=lambda logits: torch.sigmoid(logits).sum()),
            "The slope is that of D = sigmoid(logit), which is flat where the discriminator is sure. Take the logit's.",
        ),
        Misconception(
            "slope of the loss",
            _penalty(_mean_square, of=lambda logits: torch.nn.functional.softplus(-logits).sum()),
            "The slope is that of the loss, −ln D. R1 takes the logit's.",
        ),
        Misconception(
            "square of the sum",
            _penalty(lambda slopes: slopes.sum(dim=1).square().mean()),
            "The coordinates are added before they are squared, so that opposite ones cancel. Square first.",
        ),
        Misconception(
            "half of it",
            _penalty(lambda slopes: _mean_square(slopes) / 2),
            "The ½ belongs to the weight γ/2, by which the penalty is multiplied later.",
        ),
        Misconception(
            "cannot be differentiated again",
            _penalty(lambda slopes: _mean_square(slopes).detach()),
            "The value is right, and training would not see it: without create_graph=True nothing flows back.",
        ),
        Misconception(
            "the logit squared",
            lambda discriminator, real: discriminator(real.detach().requires_grad_(True)).square().mean(),
            "That is the logit squared, not its slope. torch.autograd.grad gives the slope.",
        ),
    ),
)


# --- the spectral norm -----------------------------------------------------------------------------------


def spectral_norm(matrix, right, steps):
    """The largest factor by which `matrix` (M, N) stretches a vector, by power iteration from `right` (N,).

    Each of the steps sets left to matrix · right, of length 1, and right to matrixᵀ · left, of length 1. The answer is
    leftᵀ · matrix · right, a tensor (). Miyato et al. 2018.
    """
    for _ in range(steps):
        left = functional.normalize(matrix @ right, dim=0)  # (M,)
        right = functional.normalize(matrix.T @ left, dim=0)  # (N,)
    return left @ matrix @ right


def _iterated(matrix, right, steps):
    for _ in range(steps):
        left = functional.normalize(matrix @ right, dim=0)
        right = functional.normalize(matrix.T @ left, dim=0)
    return left, right


def _no_length(matrix, right, steps):
    for _ in range(steps):
        left = matrix @ right
        right = matrix.T @ left
    return left @ matrix @ right


def _stretch(seed, tall, wide, steps):
    chance = generator(seed)
    return torch.randn(tall, wide, generator=chance), torch.randn(wide, generator=chance), steps


def _sum_of_products(matrix, right, steps):
    left, right = _iterated(matrix, right, steps)
    return (matrix @ right).sum()


STRETCH = Exercise(
    id="12.6",
    title="the spectral norm",
    minutes=8,
    difficulty=2,
    imports=("import torch", "from torch.nn import functional"),
    tolerance=1e-4,
    stub='''def spectral_norm(matrix, right, steps):
    """The largest factor by which `matrix` (M, N) stretches a vector, by power iteration from `right` (N,).

    Each of the steps sets left to matrix · right, of length 1, and right to matrixᵀ · left, of length 1. The answer is
    leftᵀ · matrix · right, a tensor (). Miyato et al. 2018.
    """
    raise NotImplementedError
''',
    reference=spectral_norm,
    cases=(
        Case(lambda: (torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, 1.0]]), torch.tensor([1.0, 2.0]), 1)),
        Case(lambda: _stretch(1, 4, 3, 3)),
        Case(lambda: _stretch(2, 3, 5, 40)),
    ),
    hidden=(Case(lambda: _stretch(3, 5, 4, 2)), Case(lambda: _stretch(4, 2, 3, 30))),
    invariants=(
        Invariant(
            "it is no larger than the largest singular value",
            lambda norm, matrix, right, steps: norm <= torch.linalg.matrix_norm(matrix, 2) * 1.001,
        ),
    ),
    hints=(
        "Each pass through matrix and matrixᵀ turns the vector towards the direction that is stretched most.",
        "functional.normalize(vector, dim=0) divides a vector by its length.",
        "At the end left has length 1 and points along matrix · right, so left @ matrix @ right is the factor.",
    ),
    misconceptions=(
        Misconception(
            "lengths kept",
            _no_length,
            "The vectors are not brought to length 1, so the factor is multiplied in once for every pass.",
        ),
        Misconception(
            "all singular values",
            lambda matrix, right, steps: torch.linalg.matrix_norm(matrix),
            "That is the Frobenius norm: all singular values, squared, added, under a root. Asked is the largest.",
        ),
        Misconception(
            "the exact value",
            lambda matrix, right, steps: torch.linalg.matrix_norm(matrix, 2),
            "That is the exact value. Asked is what so many steps have come to: in training one step has to do.",
        ),
        Misconception(
            "the largest entry",
            lambda matrix, right, steps: matrix.abs().max(),
            "That is the largest entry. A vector is stretched by many entries together.",
        ),
        Misconception(
            "one step too few",
            lambda matrix, right, steps: (
                spectral_norm(matrix, right, steps - 1)
                if steps > 1
                else functional.normalize(matrix @ right, dim=0) @ matrix @ functional.normalize(right, dim=0)
            ),
            "One step is missing: range(steps) goes round `steps` times.",
        ),
        Misconception(
            "squared",
            lambda matrix, right, steps: spectral_norm(matrix, right, steps) ** 2,
            "That is its square: the largest eigenvalue of matrixᵀ · matrix. Take leftᵀ · matrix · right.",
        ),
        Misconception(
            "entries added",
            _sum_of_products,
            "The entries of matrix · right are added. Its length is asked for, which is left @ matrix @ right.",
        ),
        Misconception(
            "the weight divided",
            lambda matrix, right, steps: matrix / spectral_norm(matrix, right, steps),
            "That is the matrix divided by its norm, as a layer would use it. Return the norm.",
        ),
    ),
)
