"""Exercises 2.6 to 2.8: what decides whether gradients vanish, how fast, and what is done against growing ones."""

import numpy as np
import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def spectral_radius(matrix):
    """The largest absolute value among the eigenvalues of a square matrix, as a float."""
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def _normal(seed, size):
    return np.random.default_rng(seed).normal(size=(size, size))


SPECTRAL_RADIUS = Exercise(
    id="2.6",
    title="spectral radius",
    minutes=6,
    difficulty=1,
    imports=("import numpy as np",),
    stub='''def spectral_radius(matrix):
    """The largest absolute value among the eigenvalues of a square matrix (a NumPy array), as a float."""
    raise NotImplementedError
''',
    reference=spectral_radius,
    cases=(
        Case(lambda: (np.array([[0.5, 0.0], [0.0, -0.9]]),)),
        Case(lambda: (np.array([[0.0, -2.0], [2.0, 0.0]]),)),
        Case(lambda: (np.array([[0.5, 10.0], [0.0, 0.4]]),)),
        Case(lambda: (_normal(1, 5),)),
    ),
    hidden=(
        Case(lambda: (np.array([[-1.5, 1.0], [0.0, 1.0]]),)),
        Case(lambda: (np.array([[0.3, -0.8], [0.8, 0.3]]),)),
        Case(lambda: (_normal(2, 6),)),
    ),
    invariants=(
        Invariant(
            "it is no larger than the largest singular value",
            lambda result, matrix: result <= np.linalg.norm(matrix, 2) + 1e-9,
        ),
    ),
    hints=(
        "np.linalg.eigvals(matrix) gives the eigenvalues, some of them complex.",
        "The absolute value of a complex number is its distance from 0: np.abs does that.",
        "Take the absolute values first, then the largest of them.",
    ),
    misconceptions=(
        Misconception(
            "singular value",
            lambda matrix: float(np.linalg.norm(matrix, 2)),
            "That is the largest singular value: the most that one application can stretch a vector. What many "
            "applications do is decided by the eigenvalues.",
        ),
        Misconception(
            "no absolute value",
            lambda matrix: float(np.linalg.eigvals(matrix).real.max()),
            "That is the largest real part. An eigenvalue of −0.9 shrinks as slowly as one of 0.9; take absolute "
            "values, of complex ones too.",
        ),
        Misconception(
            "real part",
            lambda matrix: float(np.abs(np.linalg.eigvals(matrix).real).max()),
            "That drops the imaginary parts. The distance from 0 counts: √(real² + imaginary²).",
        ),
        Misconception(
            "sum of all entries squared",
            lambda matrix: float(np.linalg.norm(matrix)),
            "np.linalg.norm(matrix) is the root of the sum of all squared entries. Eigenvalues come from "
            "np.linalg.eigvals.",
        ),
        Misconception(
            "largest entry",
            lambda matrix: float(np.abs(matrix).max()),
            "That is the largest entry. Entries are no eigenvalues, unless the matrix is diagonal.",
        ),
        Misconception(
            "product of all",
            lambda matrix: float(np.abs(np.linalg.det(matrix))),
            "That is the determinant, the product of all eigenvalues. Asked is the largest of them.",
        ),
        Misconception(
            "smallest",
            lambda matrix: float(np.abs(np.linalg.eigvals(matrix)).min()),
            "That is the smallest. After many applications it is the largest one that is left.",
        ),
    ),
)


STEPS_TO_ONE_PER_CENT = Exercise(
    id="2.7",
    title="predict: how long a gradient lives",
    minutes=4,
    difficulty=1,
    kind="predict",
    stub="""# Each step back multiplies a gradient by 0.9.
# After how many whole steps is it, for the first time, below one hundredth of what it was?
# A calculator may help: ln 0.01 = −4.605 and ln 0.9 = −0.105.
steps_on_paper = None
""",
    solution="steps_on_paper = 44  # 0.9**k < 0.01 where k > ln 0.01 / ln 0.9 = 43.7",
    reference=44,
    hints=(
        "After k steps it is 0.9 to the power of k. So 0.9^k < 0.01 is to be solved for k.",
        "Take logarithms on both sides: k · ln 0.9 < ln 0.01. Dividing by a negative number turns the < round.",
    ),
    misconceptions=(
        Misconception(
            "rounded down", 43, "After 43 steps it is 0.0108, still above one hundredth. Round up: one step more."
        ),
        Misconception(
            "a tenth each time",
            10,
            "That takes away a tenth of the first value each time. It is a tenth of what is left: a product, not a "
            "difference.",
        ),
        Misconception(
            "a tenth each time, nearly",
            9,
            "That takes away a tenth of the first value each time. What is left is multiplied by 0.9.",
        ),
        Misconception("squared", 22, "That many steps are enough for the square of it. Asked is the gradient itself."),
        Misconception(
            "base ten",
            20,
            "0.9 to the power of 20 is 0.12. Solve 0.9^k < 0.01 with logarithms of one and the same base.",
        ),
        Misconception(
            "one step per cent", 99, "0.9^99 is 0.00003: far below one hundredth. It gets there much sooner."
        ),
        Misconception("hundred", 100, "0.9^100 is 0.00003: far below one hundredth. It gets there much sooner."),
        Misconception(
            "not rounded",
            43.7,
            "ln 0.01 / ln 0.9 is 43.7; the number of whole steps after which it is below is asked.",
        ),
    ),
    tolerance=0.002,
)


def clip_by_norm(gradients, longest):
    """Scale all gradients by one factor so that their common norm is at most `longest`."""
    norm = torch.sqrt(sum((gradient**2).sum() for gradient in gradients))
    factor = min(1.0, longest / norm.item()) if norm > 0 else 1.0
    return [gradient * factor for gradient in gradients]


def _scaled(gradients, longest, size, always=False):
    """Clipping with another measure of size, or also where nothing is too long."""
    value = float(size(torch.cat([gradient.flatten() for gradient in gradients])))
    factor = longest / value if value and (always or value > longest) else 1.0
    return [gradient * factor for gradient in gradients]


def _each_alone(gradients, longest):
    return [_scaled([gradient], longest, torch.linalg.vector_norm)[0] for gradient in gradients]


def _dropped(gradients, longest):
    norm = torch.linalg.vector_norm(torch.cat([gradient.flatten() for gradient in gradients]))
    return [gradient if norm <= longest else torch.zeros_like(gradient) for gradient in gradients]


def _to_length_one(gradients, longest):
    clipped = _scaled(gradients, longest, torch.linalg.vector_norm)
    shortened = any(not torch.equal(one, other) for one, other in zip(clipped, gradients, strict=True))
    return [gradient / longest for gradient in clipped] if shortened else clipped


def _gradients(*rows):
    return [torch.tensor(row) for row in rows]


CLIP_BY_NORM = Exercise(
    id="2.8",
    title="clip by norm",
    minutes=10,
    difficulty=2,
    imports=("import torch",),
    stub='''def clip_by_norm(gradients, longest):
    """Scale all gradients by one factor so that their common norm is at most `longest`; shorter ones stay as they are.

    gradients: a list of tensors of any shapes. Their common norm is the root of the sum of all squared numbers in all
    of them. Returns a new list; the gradients given are not changed.
    """
    raise NotImplementedError
''',
    reference=clip_by_norm,
    cases=(
        Case(lambda: (_gradients([3.0, 4.0]), 1.0)),
        Case(lambda: (_gradients([0.3, 0.4]), 1.0)),
        Case(lambda: (_gradients([0.0, 0.0]), 1.0)),
        Case(lambda: (_gradients([[1.0, -2.0], [2.0, 0.5]], [4.0]), 2.0)),
    ),
    hidden=(
        Case(lambda: (_gradients([6.0], [[8.0, 0.1]]), 5.0)),
        Case(lambda: (_gradients([0.1, 0.2], [0.2]), 0.5)),
        Case(lambda: (_gradients([-3.0, 1.0], [0.5, 0.25]), 1.5)),
    ),
    invariants=(
        Invariant(
            "the common norm is at most `longest`",
            lambda result, gradients, longest: (
                torch.sqrt(sum((one**2).sum() for one in result)).item() <= longest + 1e-5
            ),
        ),
    ),
    hints=(
        "First one number for all tensors together: torch.sqrt(sum((g**2).sum() for g in gradients)).",
        "If it is larger than `longest`, multiply every tensor by longest / norm. Otherwise by 1.",
        "A norm of 0 must not be divided by.",
    ),
    misconceptions=(
        Misconception(
            "each number",
            lambda gradients, longest: [gradient.clamp(-longest, longest) for gradient in gradients],
            "That cuts every number off at ± the limit. It turns the direction of the step; scaling all numbers by "
            "one factor keeps it.",
        ),
        Misconception(
            "each tensor",
            _each_alone,
            "That clips each tensor by its own norm. There is one norm for all together, so that the direction of the "
            "whole step stays.",
        ),
        Misconception(
            "short ones lengthened",
            lambda gradients, longest: _scaled(gradients, longest, torch.linalg.vector_norm, always=True),
            "Short gradients are made longer. Only one that is longer than the limit is scaled: the factor is at most "
            "1.",
        ),
        Misconception(
            "no root",
            lambda gradients, longest: _scaled(gradients, longest, lambda flat: (flat**2).sum()),
            "The root is missing: that compares the squared norm with the limit.",
        ),
        Misconception(
            "sum of absolute values",
            lambda gradients, longest: _scaled(gradients, longest, lambda flat: flat.abs().sum()),
            "That is the sum of absolute values. The norm is the root of the sum of squares.",
        ),
        Misconception(
            "largest number",
            lambda gradients, longest: _scaled(gradients, longest, lambda flat: flat.abs().max()),
            "That makes the largest single number fit the limit. It is the norm of all numbers together that counts.",
        ),
        Misconception(
            "dropped",
            _dropped,
            "That throws a long gradient away. Its direction is worth keeping: shorten it.",
        ),
        Misconception(
            "to length one",
            _to_length_one,
            "The factor is 1 / norm, so every long gradient ends at a norm of 1. It is to end at `longest`.",
        ),
    ),
    tolerance=1e-4,
)
