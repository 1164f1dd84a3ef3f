"""Exercises 14.1 and 14.2: an image is as probable as its pixels in turn, and what that is in bits per dimension."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def log_probability(logits, levels, known):
    """ln p of what follows the first `known` pixels of each image, given them: (B,), in nats.

    logits (B, N, V): at place n what a model says of pixel n, from the pixels before it alone. levels (B, N): the
    levels that are there, from 0 to V − 1. known: a whole number below N; 0 asks for the whole image.
    """
    said = logits.log_softmax(dim=-1)  # (B, N, V)
    of_each = said.gather(-1, levels[..., None])[..., 0]  # (B, N)
    return of_each[:, known:].sum(dim=1)


def _of_each(logits, levels):
    return logits.log_softmax(dim=-1).gather(-1, levels[..., None])[..., 0]


def _rest(of_each=_of_each, together=lambda values: values.sum(dim=1), first=lambda known: known):
    """The same with other numbers for the pixels (B, N), another way to put them together, or another beginning."""
    return lambda logits, levels, known: together(of_each(logits, levels)[:, first(known) :])


def _next_pixel(logits, levels):
    """What is said at place n, looked up for the level at n + 1. The last place says nothing then."""
    return torch.cat([_of_each(logits[:, :-1], levels[:, 1:]), logits.new_zeros(len(logits), 1)], dim=1)


def _pixel_before(logits, levels):
    return torch.cat([logits.new_zeros(len(logits), 1), _of_each(logits[:, 1:], levels[:, :-1])], dim=1)


def _image(seed, batch, pixels, levels, known):
    chance = generator(seed)
    logits = 2 * torch.randn(batch, pixels, levels, generator=chance)
    return logits, torch.randint(levels, (batch, pixels), generator=chance), known


CHAIN = Exercise(
    id="14.1",
    title="an image, pixel by pixel",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def log_probability(logits, levels, known):
    """ln p of what follows the first `known` pixels of each image, given them: (B,), in nats.

    logits (B, N, V): at place n what a model says of pixel n, from the pixels before it alone. levels (B, N): the
    levels that are there, from 0 to V − 1. known: a whole number below N; 0 asks for the whole image.
    """
    raise NotImplementedError
''',
    reference=log_probability,
    tolerance=1e-4,
    cases=(
        Case(lambda: _image(1, 1, 3, 2, 0)),
        Case(lambda: _image(2, 2, 4, 3, 1)),
        Case(lambda: _image(3, 3, 9, 16, 5)),
    ),
    hidden=(Case(lambda: _image(4, 2, 5, 4, 0)), Case(lambda: _image(5, 4, 16, 8, 11))),
    invariants=(
        Invariant("no logarithm of a probability is above 0", lambda result, *_: bool((result <= 1e-6).all())),
    ),
    hints=(
        "The chain rule: ln p(x₁ … x_N) = Σ ln p(xₙ | x₁ … xₙ₋₁). Each summand is one number out of V at its place.",
        "log_softmax over the last axis makes ln p of the logits; gather(-1, levels[..., None]) takes the one that is "
        "there.",
        "(B, N) is left. What is known costs nothing: sum from place `known` on.",
    ),
    misconceptions=(
        Misconception(
            "shifted to the next pixel",
            _rest(_next_pixel),
            "What is said at place n is looked up for pixel n + 1. The model's input was shifted already: logits and "
            "levels belong together place by place.",
        ),
        Misconception(
            "shifted to the pixel before",
            _rest(_pixel_before),
            "What is said at place n is looked up for pixel n − 1, which the model has read. Place by place is right.",
        ),
        Misconception(
            "mean over the pixels",
            _rest(together=lambda values: values.mean(dim=1)),
            "That is the mean over the pixels. Probabilities multiply, so their logarithms add up: a sum.",
        ),
        Misconception(
            "sum over the batch as well",
            _rest(together=torch.sum),
            "All images are added up. Each has a probability of its own: sum over the pixels alone, (B,).",
        ),
        Misconception(
            "raw logits",
            _rest(lambda logits, levels: logits.gather(-1, levels[..., None])[..., 0]),
            "The raw logits are added. They are scores: log_softmax over the levels makes logarithms of probabilities.",
        ),
        Misconception(
            "probabilities added",
            _rest(lambda logits, levels: _of_each(logits, levels).exp()),
            "Probabilities are added. They multiply, or their logarithms add up.",
        ),
        Misconception(
            "probabilities multiplied",
            _rest(lambda logits, levels: _of_each(logits, levels).exp(), lambda values: values.prod(dim=1)),
            "That is p. Its logarithm is asked for: of 784 pixels p is below the smallest number there is, and "
            "becomes 0.",
        ),
        Misconception(
            "softmax over the pixels",
            _rest(lambda logits, levels: logits.log_softmax(dim=1).gather(-1, levels[..., None])[..., 0]),
            "The softmax goes over the pixels. At each pixel the levels compete: over the last axis.",
        ),
        Misconception(
            "the likeliest levels",
            _rest(lambda logits, levels: logits.log_softmax(dim=-1).amax(dim=-1)),
            "The largest ln p of each pixel is added, as if every pixel had the likeliest level. Take that of the "
            "level which is there.",
        ),
        Misconception(
            "sign",
            _rest(together=lambda values: -values.sum(dim=1)),
            "The sign is turned: that is what the image costs, −ln p. Here ln p is asked for.",
        ),
        Misconception(
            "in bits",
            _rest(together=lambda values: values.sum(dim=1) / math.log(2)),
            "That is in bits. Nats are asked for: no division by ln 2.",
        ),
        Misconception(
            "known pixels counted",
            _rest(first=lambda known: 0),
            "The known pixels are counted as well. They are given, so they cost nothing: begin at place `known`.",
        ),
        Misconception(
            "the known alone",
            lambda logits, levels, known: _of_each(logits, levels)[:, :known].sum(dim=1),
            "Those are the known pixels. What follows them is asked for: from `known` on.",
        ),
        Misconception(
            "one pixel too late",
            _rest(first=lambda known: known + 1),
            "One pixel is missing. The first unknown one stands at place `known`, as places count from 0.",
        ),
    ),
)


def bits_per_number(nats, shapes):
    """Bits that a set of images costs for each of its numbers: one float.

    nats: −ln p of each image. shapes: (C, H, W) of each image; they may differ in size, as files do.
    """
    numbers = sum(channels * height * width for channels, height, width in shapes)
    return sum(nats) / (numbers * math.log(2))


def _numbers(shapes):
    return sum(math.prod(shape) for shape in shapes)


def _mean_of_each(nats, shapes):
    return sum(one / (math.prod(shape) * math.log(2)) for one, shape in zip(nats, shapes, strict=True)) / len(nats)


BITS = Exercise(
    id="14.2",
    title="from nats to bits per dimension",
    minutes=5,
    difficulty=1,
    imports=("import math",),
    stub='''def bits_per_number(nats, shapes):
    """Bits that a set of images costs for each of its numbers: one float.

    nats: −ln p of each image. shapes: (C, H, W) of each image; they may differ in size, as files do.
    """
    raise NotImplementedError
''',
    reference=bits_per_number,
    tolerance=1e-5,
    cases=(
        Case(lambda: ([24.0], [(1, 2, 2)])),
        Case(lambda: ([1500.0, 1700.0, 1300.0], [(1, 28, 28)] * 3)),
        Case(lambda: ([6000.0, 150.0, 90.0], [(3, 32, 32), (1, 8, 8), (1, 6, 8)])),
    ),
    hidden=(
        Case(lambda: ([9000.0, 5200.0], [(3, 32, 32), (3, 32, 24)])),
        Case(lambda: ([40.0, 1400.0, 33.0, 2100.0], [(1, 4, 4), (1, 28, 28), (1, 3, 5), (3, 20, 20)])),
    ),
    hints=(
        "An image costs −ln p nats; a bit is ln 2 nats. How many numbers is an image of shape (3, 32, 32)?",
        "All bits of the set, divided by all numbers of the set: it is what a file of them would take.",
    ),
    misconceptions=(
        Misconception(
            "natural logarithm left",
            lambda nats, shapes: sum(nats) / _numbers(shapes),
            "That is in nats per dimension. A bit is ln 2 = 0.693 nats: divide by it.",
        ),
        Misconception(
            "multiplied by ln 2",
            lambda nats, shapes: sum(nats) * math.log(2) / _numbers(shapes),
            "ln 2 multiplies. There are more bits than nats, so it divides.",
        ),
        Misconception(
            "divided by the images",
            lambda nats, shapes: sum(nats) / (len(nats) * math.log(2)),
            "Those are bits per image. Divide by how many numbers there are, C · H · W of each image.",
        ),
        Misconception(
            "divided by both",
            lambda nats, shapes: sum(nats) / (len(nats) * _numbers(shapes) * math.log(2)),
            "It is divided by the images and by all their numbers. The numbers of all images are enough.",
        ),
        Misconception(
            "numbers of one image",
            lambda nats, shapes: sum(nats) / (math.prod(shapes[0]) * math.log(2)),
            "The nats of all images are divided by the numbers of the first one. Add up C · H · W over the images.",
        ),
        Misconception(
            "pixels instead of numbers",
            lambda nats, shapes: sum(nats) / (sum(high * wide for _, high, wide in shapes) * math.log(2)),
            "It is divided by the pixels. In a coloured image each of them holds three numbers: C · H · W.",
        ),
        Misconception(
            "mean of each image's",
            _mean_of_each,
            "Each image is divided by itself and then the mean is taken: the small image counts as much as the large "
            "one. Divide all bits by all numbers, as with bits per byte of several texts.",
        ),
        Misconception(
            "decimal logarithm",
            lambda nats, shapes: sum(nats) / (_numbers(shapes) * math.log(10)),
            "It is divided by ln 10, which gives decimal digits. For bits it is ln 2.",
        ),
        Misconception(
            "total bits",
            lambda nats, shapes: sum(nats) / math.log(2),
            "Those are all bits together. For one dimension divide by the count of numbers.",
        ),
        Misconception(
            "sign",
            lambda nats, shapes: -sum(nats) / (_numbers(shapes) * math.log(2)),
            "The sign is turned. nats holds −ln p already: above 0, and so are the bits.",
        ),
    ),
)
