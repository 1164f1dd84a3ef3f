"""Exercises 11.6 and 11.7: a loss whose two parts are on different scales, and latent numbers that say nothing."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def vae_loss(log_probability, divergence):
    """The bound on −ln p(x), averaged over the images, in nats per image: a number.

    log_probability (B, C, H, W): ln p of each pixel given z; divergence (B, Z): the KL divergence of each latent
    number. An image is all its pixels and all its latent numbers together.
    """
    reconstruction = -log_probability.flatten(1).sum(dim=1)  # (B,)
    return (reconstruction + divergence.sum(dim=1)).mean()


def _loss(pixels, latents):
    """The loss with other ways to reduce the pixels (B, C·H·W) and the divergences (B, Z) to a number each."""
    return lambda log_probability, divergence: -pixels(log_probability.flatten(1)) + latents(divergence)


def _total(values):
    return values.sum(dim=1).mean()


def _parts(seed, rows, side, width):
    chance = generator(seed)
    return -torch.rand(rows, 1, side, side, generator=chance), torch.rand(rows, width, generator=chance)


LOSS = Exercise(
    id="11.6",
    title="debug this: everything comes out grey",
    minutes=8,
    difficulty=2,
    kind="debug",
    imports=("import torch",),
    stub='''def vae_loss(log_probability, divergence):
    """The bound on −ln p(x), averaged over the images, in nats per image: a number.

    log_probability (B, C, H, W): ln p of each pixel given z; divergence (B, Z): the KL divergence of each latent
    number. An image is all its pixels and all its latent numbers together. With this one every divergence goes to 0,
    and all images come out as the same grey blur.
    """
    return -log_probability.mean() + divergence.sum(dim=1).mean()
''',
    reference=vae_loss,
    tolerance=1e-4,
    cases=(
        Case(lambda: (torch.tensor([[[[-1.0, -2.0], [-3.0, -4.0]]]]), torch.tensor([[0.5, 0.25]]))),
        Case(lambda: _parts(1, 3, 2, 2)),
        Case(lambda: _parts(2, 4, 3, 5)),
    ),
    hidden=(Case(lambda: _parts(3, 5, 2, 3)), Case(lambda: _parts(4, 2, 4, 6))),
    hints=(
        "Count what is added up. An image has C·H·W pixels and Z latent numbers: how many of each count in the loss?",
        "mean() divides the pixels by B·C·H·W, sum(dim=1).mean() the divergence by B alone.",
        "Sum over the pixels of an image first, log_probability.flatten(1).sum(dim=1), then average over the images.",
    ),
    misconceptions=(
        Misconception(
            "both averaged",
            _loss(torch.mean, torch.mean),
            "Now both are averaged: the pixels over C·H·W, the divergence over Z. The two parts of the bound are sums; "
            "divide both by the same number or by none.",
        ),
        Misconception(
            "divergence averaged",
            _loss(_total, torch.mean),
            "Now the divergence is averaged over its Z numbers and counts too little. Sum both over the image.",
        ),
        Misconception(
            "summed over the batch",
            _loss(torch.sum, torch.sum),
            "Both are summed over the images as well: a larger batch would be a larger loss. Average over the images.",
        ),
        Misconception(
            "only the divergence divided",
            _loss(torch.sum, _total),
            "The pixels of all images are summed, the divergence of one image stands beside. Average both over B.",
        ),
        Misconception(
            "per pixel",
            lambda log_probability, divergence: vae_loss(log_probability, divergence) / log_probability[0].numel(),
            "The balance is right. But that is nats per pixel; nats per image are asked for.",
        ),
        Misconception(
            "sign of the divergence",
            lambda log_probability, divergence: -_total(log_probability.flatten(1)) - _total(divergence),
            "The divergence is taken off: it would be driven up without end. It is added.",
        ),
        Misconception(
            "sign of the reconstruction",
            lambda log_probability, divergence: _total(log_probability.flatten(1)) + _total(divergence),
            "The minus before the log-probability is gone: images would become as improbable as can be.",
        ),
        Misconception(
            "no divergence",
            lambda log_probability, divergence: -_total(log_probability.flatten(1)),
            "Without the divergence nothing keeps the codes near the prior: an autoencoder with noise.",
        ),
        Misconception(
            "rows summed only",
            lambda log_probability, divergence: (-log_probability.sum(dim=-1)).mean() + _total(divergence),
            "The pixels are summed along one side only. An image is all C·H·W of them.",
        ),
        Misconception(
            "one loss for each image",
            lambda log_probability, divergence: -log_probability.flatten(1).sum(dim=1) + divergence.sum(dim=1),
            "That is a number for each image. The loss is their mean.",
        ),
    ),
)


def count_active(means, least):
    """How many latent numbers say something of the image: those whose mean varies by more than `least`. An int.

    means (N, Z): the mean of q(z|x) of N images. What counts is its variance from image to image, with N − 1 below.
    A number that collapsed has the same mean for every image, whatever that is. Burda et al. 2016, section 5.
    """
    return int((means.var(dim=0) > least).sum())


def _means(seed, rows, offsets, deviations):
    chance = generator(seed)
    noise = torch.randn(rows, len(offsets), generator=chance)
    noise = (noise - noise.mean(dim=0)) / noise.std(dim=0)  # the variances are exactly those asked for
    return torch.tensor(offsets) + torch.tensor(deviations) * noise


UNITS = Exercise(
    id="11.7",
    title="count what has not collapsed",
    minutes=6,
    difficulty=1,
    imports=("import torch",),
    stub='''def count_active(means, least):
    """How many latent numbers say something of the image: those whose mean varies by more than `least`. An int.

    means (N, Z): the mean of q(z|x) of N images. What counts is its variance from image to image, with N − 1 below.
    A number that collapsed has the same mean for every image, whatever that is. Burda et al. 2016, section 5.
    """
    raise NotImplementedError
''',
    reference=count_active,
    cases=(
        Case(lambda: (torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.1, -1.0]]), 0.01)),
        Case(lambda: (_means(1, 6, [0.0, 3.0, -2.0, 0.0], [0.05, 0.02, 1.0, 0.3]), 0.01)),
        Case(lambda: (_means(2, 9, [0.5, 0.0, 0.0, 1.5, 0.0], [0.9, 0.08, 0.09, 0.2, 1.1]), 0.01)),
        Case(lambda: (_means(5, 12, [0.0, 0.1, 0.0], [1.5, 0.6, 0.2]), 0.5)),
    ),
    hidden=(
        Case(lambda: (_means(3, 5, [2.0, 0.0, -1.0], [0.05, 0.7, 0.04]), 0.01)),
        Case(lambda: (_means(4, 8, [0.0, 1.0, 0.0, -3.0, 0.2, 0.0], [0.03, 0.5, 0.09, 0.01, 0.6, 0.8]), 0.01)),
    ),
    invariants=(
        Invariant("no more than there are latent numbers", lambda count, means, _: 0 <= count <= means.shape[1]),
    ),
    hints=(
        "means.var(dim=0) is the variance of each latent number over the images: (Z,).",
        "Compare with `least`, sum the True values, and make an int of it.",
    ),
    misconceptions=(
        Misconception(
            "over the latent numbers",
            lambda means, least: int((means.var(dim=1) > least).sum()),
            "That is the variance within an image, dim=1. What matters is how each number differs between images.",
        ),
        Misconception(
            "mean square",
            lambda means, least: int(((means**2).mean(dim=0) > least).sum()),
            "A mean that is the same everywhere but not 0 counts there. Take off its mean first: that is the variance.",
        ),
        Misconception(
            "deviation for variance",
            lambda means, least: int((means.std(dim=0) > least).sum()),
            "That compares the deviation with a bound that is meant for the variance.",
        ),
        Misconception(
            "those that collapsed",
            lambda means, least: int((means.var(dim=0) <= least).sum()),
            "That counts the ones that collapsed.",
        ),
        Misconception(
            "the mean alone",
            lambda means, least: int((means.mean(dim=0).abs() > least).sum()),
            "That asks whether the mean over all images is far from 0. It may be 0 and vary, or be 5 and never change.",
        ),
        Misconception(
            "which, not how many",
            lambda means, least: means.var(dim=0) > least,
            "That says which are active. Return how many.",
        ),
        Misconception(
            "a share",
            lambda means, least: float((means.var(dim=0) > least).float().mean()),
            "That is the share of active ones. Return how many.",
        ),
        Misconception(
            "all numbers together",
            lambda means, least: int(means.shape[1] * (means.var() > least)),
            "One variance over everything says nothing of a single latent number. Take it over the images: dim=0.",
        ),
    ),
)
