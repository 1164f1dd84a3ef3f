"""Exercises 13.8 and 13.9: past what was asked for, and from the noise to a velocity."""

import torch

from course_utils.exercises.specs import Case, Exercise, Misconception
from course_utils.seeding import generator


def guided(conditional, unconditional, scale):
    """From what the network says without the condition towards, and past, what it says with it. Ho and Salimans 2022.

    conditional and unconditional: the noise it sees, of one shape. scale 0 is without the condition, 1 with it.
    """
    return unconditional + scale * (conditional - unconditional)


def _two(seed, number, *shape):
    random = generator(seed)
    return (*(torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2)), number)


def _pair(one, other, number):
    return torch.tensor(one, dtype=torch.float64), torch.tensor(other, dtype=torch.float64), number


GUIDED = Exercise(
    id="13.8",
    title="past what was asked for",
    minutes=5,
    difficulty=1,
    imports=("import torch",),
    stub='''def guided(conditional, unconditional, scale):
    """From what the network says without the condition towards, and past, what it says with it. Ho and Salimans 2022.

    conditional and unconditional: the noise it sees, of one shape. scale 0 is without the condition, 1 with it.
    """
    raise NotImplementedError
''',
    reference=guided,
    cases=(
        Case(lambda: _pair([1.0, 0.5], [0.0, 1.5], 3.0)),
        Case(lambda: _two(1, 1.5, 2, 3)),
        Case(lambda: _two(2, 0.0, 2, 2)),
        Case(lambda: _two(3, 4.0, 2, 2)),
    ),
    hidden=(Case(lambda: _two(4, 2.5, 3, 2)), Case(lambda: _two(5, 1.25, 4)), Case(lambda: _two(6, 0.0, 3))),
    hints=(
        "With scale 0 it returns unconditional, with scale 1 conditional. With 2 it goes as far again.",
        "The way from one to the other is conditional − unconditional.",
    ),
    misconceptions=(
        Misconception(
            "swapped",
            lambda conditional, unconditional, scale: guided(unconditional, conditional, scale),
            "The two are swapped: at scale 0 the condition counts in full, and a larger one leads away from it.",
        ),
        Misconception(
            "the paper's w",
            lambda conditional, unconditional, scale: conditional + scale * (conditional - unconditional),
            "That is the paper's w, which is 0 with the condition. Here 0 is without it, and 1 is with it.",
        ),
        Misconception(
            "scaled condition",
            lambda conditional, unconditional, scale: scale * conditional,
            "That is the conditional noise times the scale: too much noise, and nothing to be led away from.",
        ),
        Misconception(
            "added",
            lambda conditional, unconditional, scale: unconditional + scale * conditional,
            "The conditional noise is added. What is added is how it differs from the unconditional one.",
        ),
        Misconception(
            "difference alone",
            lambda conditional, unconditional, scale: scale * (conditional - unconditional),
            "That is the difference alone. It is added to what the network says without the condition.",
        ),
        Misconception(
            "away from it",
            lambda conditional, unconditional, scale: unconditional - scale * (conditional - unconditional),
            "The sign is wrong: it leads away from what was asked for.",
        ),
        Misconception(
            "never past it",
            lambda conditional, unconditional, scale: guided(conditional, unconditional, min(scale, 1.0)),
            "The scale is cut at 1, so it never goes past the conditional noise. That is the point of guidance.",
        ),
        Misconception(
            "an average",
            lambda conditional, unconditional, scale: (scale * conditional + unconditional) / (1 + scale),
            "That is a weighted average of the two, which never goes past the conditional one.",
        ),
    ),
)


def velocity(noisy, noise, time):
    """noise − image, from the noisy image on the straight line between them and the noise that is seen in it.

    noisy = (1 − time) · image + time · noise, both of one shape; time: a number from 0, the image, to below 1.
    """
    return (noise - noisy) / (1 - time)


VELOCITY = Exercise(
    id="13.9",
    title="from noise to velocity",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def velocity(noisy, noise, time):
    """noise − image, from the noisy image on the straight line between them and the noise that is seen in it.

    noisy = (1 − time) · image + time · noise, both of one shape; time: a number from 0, the image, to below 1.
    """
    raise NotImplementedError
''',
    reference=velocity,
    cases=(
        Case(lambda: _pair([0.5, -1.0], [1.0, 2.0], 0.2)),
        Case(lambda: _two(1, 0.7, 2, 3)),
        Case(lambda: _two(2, 0.4, 3, 2)),
    ),
    hidden=(Case(lambda: _two(3, 0.9, 4)), Case(lambda: _two(4, 0.1, 2, 2))),
    hints=(
        "Solve the line for the image: (noisy − time · noise) / (1 − time).",
        "Put that into noise − image, and bring it under one fraction: the time above cancels.",
    ),
    misconceptions=(
        Misconception(
            "towards the image",
            lambda noisy, noise, time: (noisy - noise) / (1 - time),
            "That is image − noise, the way from noise to image. The velocity points to the noise here.",
        ),
        Misconception(
            "not divided",
            lambda noisy, noise, time: noise - noisy,
            "That is the way that is left to the noise, 1 − time of the whole. Divide by 1 − time.",
        ),
        Misconception(
            "divided by the time",
            lambda noisy, noise, time: (noise - noisy) / time,
            "It is divided by the time that has passed. From here to the noise 1 − time is left.",
        ),
        Misconception(
            "the image",
            lambda noisy, noise, time: (noisy - time * noise) / (1 - time),
            "That is the image. The velocity is noise − image.",
        ),
        Misconception(
            "image not divided",
            lambda noisy, noise, time: noise - (noisy - time * noise),
            "noisy − time · noise is (1 − time) · image. Divide it by 1 − time before it is taken from the noise.",
        ),
        Misconception(
            "with roots",
            lambda noisy, noise, time: noise - (noisy - time**0.5 * noise) / (1 - time) ** 0.5,
            "The roots belong to DDPM's schedule. On a straight line the weights are 1 − time and time.",
        ),
        Misconception(
            "times the way left",
            lambda noisy, noise, time: (noise - noisy) * (1 - time),
            "It is multiplied by 1 − time. That part of the whole way is left, so the whole is noise − noisy divided "
            "by it.",
        ),
    ),
)
