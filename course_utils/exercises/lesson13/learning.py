"""Exercises 13.4 and 13.5: a loss that is wrong without an error, and the best denoiser there can be."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def noise_loss(guess, images, noise, steps, alpha_bar):
    """The mean square of what `guess` gets wrong in the noise. Ho et al. 2020, algorithm 1.

    guess(noisy, steps) is the network, (B, D) to (B, D). images and noise (B, D); steps (B,): each image has a step of
    its own; alpha_bar (T + 1,), entry t for step t.
    """
    left = alpha_bar[steps][:, None]                               # (B, 1): one for each image
    noisy = left.sqrt() * images + (1 - left).sqrt() * noise       # (B, D)
    return (guess(noisy, steps) - noise).square().mean()


# What stands for the network in the cases.


def half(noisy, steps):
    return noisy / 2


def by_step(noisy, steps):
    """Takes more for noise where there were more steps, as a trained network does."""
    return noisy * steps[:, None] / 4


def bent(noisy, steps):
    return torch.tanh(noisy) * (steps[:, None] > 1)


LEFT = torch.tensor([1.0, 0.9, 0.5, 0.2, 0.04], dtype=torch.float64)


def _batch(guess, seed, steps, numbers):
    random = generator(seed)
    images, noise = (torch.randn(len(steps), numbers, generator=random, dtype=torch.float64) for _ in range(2))
    return guess, images, noise, torch.tensor(steps), LEFT.clone()


def _with(left=None, noisy=None, target=None, measure=None):
    """The loss with one thing otherwise: ᾱ of the images (B, 1), the noisy images, what is aimed at, or the measure."""

    def wrong(guess, images, noise, steps, alpha_bar):
        kept = left(alpha_bar, steps) if left else alpha_bar[steps][:, None]
        mixed = noisy(kept, images, noise) if noisy else kept.sqrt() * images + (1 - kept).sqrt() * noise
        missed = guess(mixed, steps) - (target(images, noise, mixed) if target else noise)
        return measure(missed) if measure else missed.square().mean()

    return wrong


def _blind(guess, images, noise, steps, alpha_bar):
    """The network is told the same step for all images."""
    left = alpha_bar[steps][:, None]
    noisy = left.sqrt() * images + (1 - left).sqrt() * noise
    return (guess(noisy, torch.full_like(steps, int(steps[0]))) - noise).square().mean()


LOSS = Exercise(
    id="13.4",
    title="debug this: it trains, and draws mush",
    minutes=10,
    difficulty=2,
    kind="debug",
    imports=("import torch",),
    stub='''def noise_loss(guess, images, noise, steps, alpha_bar):
    """The mean square of what `guess` gets wrong in the noise. Ho et al. 2020, algorithm 1.

    guess(noisy, steps) is the network, (B, D) to (B, D). images and noise (B, D); steps (B,): each image has a step of
    its own; alpha_bar (T + 1,), entry t for step t. With 64 digits of 64 pixels it trains without any error.
    """
    left = alpha_bar[steps]
    noisy = left.sqrt() * images + (1 - left).sqrt() * noise
    return (guess(noisy, steps) - noise).square().mean()
''',
    reference=noise_loss,
    cases=(
        Case(lambda: _batch(half, 1, [1, 4], 2)),
        Case(lambda: _batch(by_step, 2, [3, 1, 4], 3)),
        Case(lambda: _batch(bent, 3, [2, 4, 1], 5)),
    ),
    hidden=(
        Case(lambda: _batch(half, 4, [4, 2, 1, 3], 4)),
        Case(lambda: _batch(by_step, 5, [2, 3, 4], 6)),
        Case(lambda: _batch(bent, 6, [4, 1], 3)),
    ),
    invariants=(Invariant("a loss is not below 0", lambda loss, *arguments: float(loss) >= 0),),
    hints=(
        "Print the shapes of left and of images. Try it with 2 images of 3 numbers.",
        "A tensor (B,) beside one (B, D) is laid along the last axis: pixel j gets the ᾱ of image j.",
        "One ᾱ for each row: alpha_bar[steps][:, None] is (B, 1).",
    ),
    misconceptions=(
        Misconception(
            "one step for all",
            _with(left=lambda alpha_bar, steps: alpha_bar[steps[0]]),
            "All images are noised to the step of the first, while the network is told their own.",
        ),
        Misconception(
            "mean of the steps",
            _with(left=lambda alpha_bar, steps: alpha_bar[steps].mean()),
            "All images are noised by the mean of their ᾱ. Each has its own.",
        ),
        Misconception(
            "a step too early",
            _with(left=lambda alpha_bar, steps: alpha_bar[steps - 1][:, None]),
            "Each image is noised to the step before: off by one. alpha_bar has T + 1 entries, entry t is step t.",
        ),
        Misconception(
            "aims at the image",
            _with(target=lambda images, noise, mixed: images),
            "It aims at the image. That can be trained, too, but what is asked for is the noise.",
        ),
        Misconception(
            "aims at the noisy image",
            _with(target=lambda images, noise, mixed: mixed),
            "It aims at its own input. The network would learn to copy.",
        ),
        Misconception(
            "aims at what was added",
            _with(target=lambda images, noise, mixed: mixed - images),
            "It aims at noisy − image. The noise itself is asked for, before it was multiplied: of variance 1 at each "
            "step.",
        ),
        Misconception(
            "sum",
            _with(measure=lambda missed: missed.square().sum()),
            "The squares are added up. Take their mean, so that the loss does not grow with the batch.",
        ),
        Misconception(
            "sum over the numbers",
            _with(measure=lambda missed: missed.square().sum(dim=1).mean()),
            "The squares are added up over the numbers of an image. Take the mean over these, too.",
        ),
        Misconception(
            "absolute",
            _with(measure=lambda missed: missed.abs().mean()),
            "That is the mean of what is missed, not of its square: its best guess is a median, not a mean.",
        ),
        Misconception(
            "roots lost",
            _with(noisy=lambda kept, images, noise: kept * images + (1 - kept) * noise),
            "The roots are lost: images are multiplied by √ᾱ, noise by √(1 − ᾱ).",
        ),
        Misconception(
            "blind to the step",
            _blind,
            "The network is told the step of the first image for all of them.",
        ),
    ),
)


def best_guess(noisy, images, alpha_bar):
    """The mean of all images that may be behind each noisy one, weighed by how probable each is: (B, D).

    noisy (B, D); images (N, D), all that there are, equally frequent; alpha_bar: a number. The noisy one came from
    image x with a probability proportional to exp(−‖noisy − √ᾱ · x‖² / (2 · (1 − ᾱ))). No denoiser has a smaller
    squared error.
    """
    distance = torch.cdist(noisy, math.sqrt(alpha_bar) * images)   # (B, N)
    weights = (-distance.square() / (2 * (1 - alpha_bar))).softmax(dim=1)
    return weights @ images                                        # (B, D)


def _weighed(score, mixed=lambda weights, images, left: weights @ images, dim=1):
    """The guess with another score(distance (B, N), ᾱ), axis of the softmax, or mixture."""

    def wrong(noisy, images, alpha_bar):
        distance = torch.cdist(noisy, math.sqrt(alpha_bar) * images)
        return mixed(score(distance, alpha_bar).softmax(dim=dim), images, alpha_bar)

    return wrong


def _score(distance, left):
    return -distance.square() / (2 * (1 - left))


def _not_scaled(noisy, images, alpha_bar):
    return _score(torch.cdist(noisy, images), alpha_bar).softmax(dim=1) @ images


def _nearest(noisy, images, alpha_bar):
    return images[torch.cdist(noisy, math.sqrt(alpha_bar) * images).argmin(dim=1)]


def _points(seed, batch, count, numbers, left):
    random = generator(seed)
    noisy, images = (torch.randn(n, numbers, generator=random, dtype=torch.float64) for n in (batch, count))
    return noisy, images, left


BEST_GUESS = Exercise(
    id="13.5",
    title="the best denoiser there is",
    minutes=10,
    difficulty=2,
    imports=("import math", "import torch"),
    stub='''def best_guess(noisy, images, alpha_bar):
    """The mean of all images that may be behind each noisy one, weighed by how probable each is: (B, D).

    noisy (B, D); images (N, D), all that there are, equally frequent; alpha_bar: a number. The noisy one came from
    image x with a probability proportional to exp(−‖noisy − √ᾱ · x‖² / (2 · (1 − ᾱ))). No denoiser has a smaller
    squared error.
    """
    raise NotImplementedError
''',
    reference=best_guess,
    cases=(
        Case(
            lambda: (
                torch.tensor([[0.3], [-2.0]], dtype=torch.float64),
                torch.tensor([[1.0], [-1.0]], dtype=torch.float64),
                0.5,
            )
        ),
        Case(lambda: _points(1, 2, 3, 2, 0.3)),
        Case(lambda: _points(2, 4, 4, 3, 0.7)),
    ),
    hidden=(Case(lambda: _points(3, 3, 5, 2, 0.5)), Case(lambda: _points(4, 2, 2, 4, 0.2))),
    invariants=(
        Invariant(
            "no number lies outside those of the images",
            lambda found, noisy, images, left: bool(
                (found <= images.amax(dim=0) + 1e-9).all() and (found >= images.amin(dim=0) - 1e-9).all()
            ),
        ),
    ),
    hints=(
        "It is attention (lesson 06): the noisy image is the query, the images are keys and values.",
        "torch.cdist(noisy, math.sqrt(alpha_bar) * images) holds all distances, (B, N). Square them.",
        "The weights are the softmax over the images, dim=1, of −distance² / (2 · (1 − ᾱ)); weights @ images.",
    ),
    misconceptions=(
        Misconception(
            "softmax over the noisy ones",
            _weighed(_score, dim=0),
            "The softmax goes over the noisy images. For each of them the weights of all images add up to 1: dim=1.",
        ),
        Misconception(
            "farthest",
            _weighed(lambda distance, left: -_score(distance, left)),
            "The minus is missing: the farthest image has the most weight.",
        ),
        Misconception(
            "variance left out",
            _weighed(lambda distance, left: -distance.square()),
            "The distance is not divided by 2 · (1 − ᾱ). The more noise there is, the less a distance says.",
        ),
        Misconception(
            "without 2",
            _weighed(lambda distance, left: -distance.square() / (1 - left)),
            "The 2 below is missing: that is the noise of half the variance.",
        ),
        Misconception(
            "deviation for variance",
            _weighed(lambda distance, left: -distance.square() / (2 * math.sqrt(1 - left))),
            "The square is divided by the deviation. The variance, 1 − ᾱ, stands there.",
        ),
        Misconception(
            "distance not squared",
            _weighed(lambda distance, left: -distance / (2 * (1 - left))),
            "The distance is not squared.",
        ),
        Misconception(
            "ᾱ for 1 − ᾱ",
            _weighed(lambda distance, left: -distance.square() / (2 * left)),
            "ᾱ stands below. The variance of the noise is 1 − ᾱ.",
        ),
        Misconception(
            "images at their full size",
            _not_scaled,
            "The noisy ones are compared with the images at their full size. In them an image is √ᾱ of itself.",
        ),
        Misconception(
            "guess too small",
            _weighed(_score, mixed=lambda weights, images, left: weights @ (math.sqrt(left) * images)),
            "The guess is √ᾱ times too small: mix the images themselves, not what is left of them.",
        ),
        Misconception(
            "the nearest alone",
            _nearest,
            "That is the nearest image. It may be the likeliest, but in the mean the others count, too.",
        ),
        Misconception(
            "plain mean",
            lambda noisy, images, alpha_bar: images.mean(dim=0).expand(len(noisy), -1),
            "That is the mean of all images: the best guess only where nothing is left of the image.",
        ),
        Misconception(
            "the weights",
            _weighed(_score, mixed=lambda weights, images, left: weights),
            "Those are the weights, (B, N). Mix the images with them: weights @ images.",
        ),
    ),
)
