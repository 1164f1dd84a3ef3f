"""Exercises 13.1 and 13.2: what is left of an image after each step, and all steps up to one in a single formula."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def alpha_bar(betas):
    """What is left of the image's variance after each step: (T + 1,), the first for the image before any step.

    betas (T,), float64: the variance of the noise that each step adds. A step keeps 1 − β of what was there.
    """
    untouched = torch.ones(1, dtype=betas.dtype)
    return torch.cat([untouched, (1 - betas).cumprod(dim=0)])


def _behind(first, rest):
    return torch.cat([torch.full((1,), first, dtype=rest.dtype), rest])


def _doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


ALPHA_BAR = Exercise(
    id="13.1",
    title="what is left of the image",
    minutes=5,
    difficulty=1,
    imports=("import torch",),
    stub='''def alpha_bar(betas):
    """What is left of the image's variance after each step: (T + 1,), the first for the image before any step.

    betas (T,), float64: the variance of the noise that each step adds. A step keeps 1 − β of what was there.
    """
    raise NotImplementedError
''',
    reference=alpha_bar,
    cases=(
        Case(lambda: (_doubles(0.5, 0.25),)),
        Case(lambda: (_doubles(0.1, 0.2, 0.6),)),
        Case(lambda: (_doubles(0.01, 0.02, 0.03, 0.3, 0.4),)),
    ),
    hidden=(Case(lambda: (_doubles(0.2, 0.3, 0.4, 0.9),)), Case(lambda: (_doubles(0.05, 0.15),))),
    invariants=(
        Invariant("an entry more than there are steps", lambda left, betas: len(left) == len(betas) + 1),
        Invariant("no step gives anything back", lambda left, betas: bool((left[1:] <= left[:-1]).all())),
    ),
    hints=(
        "Two steps of 0.5 and 0.25: after none 1 is left, after one 0.5, after two 0.5 · 0.75.",
        "(1 − betas).cumprod(dim=0) multiplies all up to each step. What comes before the first step?",
        "torch.cat puts the 1 in front; take the dtype of betas.",
    ),
    misconceptions=(
        Misconception(
            "the image itself left out",
            lambda betas: (1 - betas).cumprod(dim=0),
            "The image before any step is missing, so entry t belongs to step t + 1: off by one. Put a 1 in front.",
        ),
        Misconception(
            "the last step left out",
            lambda betas: _behind(1.0, (1 - betas).cumprod(dim=0)[:-1]),
            "The last step is missing. T steps and the image itself are T + 1 entries.",
        ),
        Misconception(
            "0 in front",
            lambda betas: _behind(0.0, (1 - betas).cumprod(dim=0)),
            "A 0 stands in front: nothing left of the image, before any step. There all of it is left.",
        ),
        Misconception(
            "betas multiplied",
            lambda betas: _behind(1.0, betas.cumprod(dim=0)),
            "The betas are multiplied. β is what a step adds in noise; it keeps 1 − β.",
        ),
        Misconception(
            "betas added",
            lambda betas: 1 - _behind(0.0, betas.cumsum(dim=0)),
            "The betas are added up and taken from 1. Each step keeps a share of what the step before left: multiply.",
        ),
        Misconception(
            "each step by itself",
            lambda betas: _behind(1.0, 1 - betas),
            "That is what each step keeps by itself. After several steps it is the product of all up to there.",
        ),
        Misconception(
            "share of the noise",
            lambda betas: 1 - alpha_bar(betas),
            "That is the variance of the noise. What is left of the image is 1 minus it.",
        ),
        Misconception(
            "roots",
            lambda betas: alpha_bar(betas).sqrt(),
            "Those are the roots, by which the image is multiplied. Its variance is asked for.",
        ),
        Misconception(
            "from the end",
            lambda betas: alpha_bar(betas.flip(0)),
            "The steps are taken from the last to the first.",
        ),
        Misconception(
            "sum of logarithms",
            lambda betas: _behind(0.0, (1 - betas).log().cumsum(dim=0)),
            "Those are the logarithms, added up. Take exp of them in the end.",
        ),
    ),
)


def q_sample(image, noise, alpha_bar):
    """The image after all steps up to one: √ᾱ · image + √(1 − ᾱ) · noise. Ho et al. 2020, eq. 4.

    image and noise of one shape, noise from N(0, 1). alpha_bar: a number, what is left of the image's variance.
    """
    return math.sqrt(alpha_bar) * image + math.sqrt(1 - alpha_bar) * noise


def _weighted(of_image, of_noise):
    """A wrong formula by its two weights, functions of ᾱ."""
    return lambda image, noise, alpha_bar: of_image(alpha_bar) * image + of_noise(alpha_bar) * noise


def _image_and_noise(seed, left, *shape):
    random = generator(seed)
    image, noise = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2))
    return image, noise, left


Q_SAMPLE = Exercise(
    id="13.2",
    title="all steps in one",
    minutes=5,
    difficulty=1,
    imports=("import math", "import torch"),
    stub='''def q_sample(image, noise, alpha_bar):
    """The image after all steps up to one: √ᾱ · image + √(1 − ᾱ) · noise. Ho et al. 2020, eq. 4.

    image and noise of one shape, noise from N(0, 1). alpha_bar: a number, what is left of the image's variance.
    """
    raise NotImplementedError
''',
    reference=q_sample,
    cases=(
        Case(lambda: (_doubles(1.0, -1.0), _doubles(0.5, 2.0), 0.64)),
        Case(lambda: _image_and_noise(1, 0.2, 2, 3)),
        Case(lambda: _image_and_noise(2, 0.95, 3, 2, 2)),
    ),
    hidden=(
        Case(lambda: _image_and_noise(3, 0.4, 4)),
        Case(lambda: _image_and_noise(4, 0.75, 2, 2)),
    ),
    hints=(
        "For ᾱ = 0.64 the image is multiplied by 0.8 and the noise by 0.6: the squares add up to 1.",
        "alpha_bar is a number: math.sqrt(alpha_bar) and math.sqrt(1 − alpha_bar).",
    ),
    misconceptions=(
        Misconception(
            "no roots",
            _weighted(lambda left: left, lambda left: 1 - left),
            "Both roots are missing. ᾱ and 1 − ᾱ are shares of the variance; numbers are multiplied by their roots.",
        ),
        Misconception(
            "no root for the image",
            _weighted(lambda left: left, lambda left: math.sqrt(1 - left)),
            "The image is multiplied by ᾱ, without the root.",
        ),
        Misconception(
            "no root for the noise",
            _weighted(math.sqrt, lambda left: 1 - left),
            "The noise is multiplied by 1 − ᾱ, without the root: too little noise.",
        ),
        Misconception(
            "weights add up to 1",
            _weighted(math.sqrt, lambda left: 1 - math.sqrt(left)),
            "The noise is multiplied by 1 − √ᾱ. It is the squares of the two weights that add up to 1.",
        ),
        Misconception(
            "exchanged",
            _weighted(lambda left: math.sqrt(1 - left), math.sqrt),
            "The weights are exchanged: at ᾱ = 1, where no noise was added yet, nothing of the image would be there.",
        ),
        Misconception(
            "image as it was",
            _weighted(lambda left: 1.0, lambda left: math.sqrt(1 - left)),
            "The image keeps its full size. That is another process, whose variance grows (Song et al. 2021, VE).",
        ),
        Misconception(
            "noise as it was",
            _weighted(math.sqrt, lambda left: 1.0),
            "The noise has its full size at every step. It is multiplied by √(1 − ᾱ).",
        ),
        Misconception(
            "noise taken away",
            _weighted(math.sqrt, lambda left: -math.sqrt(1 - left)),
            "The noise is taken away there. It is added; with the other sign the network would learn −ε.",
        ),
        Misconception(
            "squares",
            _weighted(lambda left: left**2, lambda left: (1 - left) ** 2),
            "ᾱ and 1 − ᾱ are squared. It is their roots that are needed.",
        ),
    ),
)
