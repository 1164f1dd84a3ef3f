"""Exercises 13.3 and 13.6: one step back by chance, and one of any length without chance."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def posterior(noisy, clean, alpha_bar, alpha_bar_before):
    """Mean and variance of the number one step before `noisy`, if the image was `clean`. Ho et al. 2020, eq. 6 and 7.

    Four floats; alpha_bar is ᾱ of this step, alpha_bar_before that of the step before. α = ᾱ / ᾱ before. Two facts are
    joined: from the image it should lie at √ᾱ_before · clean with variance 1 − ᾱ_before, and from the noisy number
    at noisy / √α with variance (1 − α) / α.
    """
    alpha = alpha_bar / alpha_bar_before
    from_image, from_noisy = 1 / (1 - alpha_bar_before), alpha / (1 - alpha)             # how sure each of them is
    variance = 1 / (from_image + from_noisy)
    mean = from_image * math.sqrt(alpha_bar_before) * clean + from_noisy * noisy / math.sqrt(alpha)
    return mean * variance, variance


def _joined(of_image=None, of_noisy=None, centre=None, origin=None, alpha=lambda now, before: now / before):
    """The two facts joined with one thing otherwise: how sure they are, or where they lie."""

    def wrong(noisy, clean, now, before):
        kept = alpha(now, before)
        a = of_image(kept, before) if of_image else 1 / (1 - before)
        b = of_noisy(kept, before) if of_noisy else kept / (1 - kept)
        first = centre(clean, before) if centre else math.sqrt(before) * clean
        second = origin(noisy, kept) if origin else noisy / math.sqrt(kept)
        return (a * first + b * second) / (a + b), 1 / (a + b)

    return wrong


def _sureness_exchanged(noisy, clean, now, before):
    alpha = now / before
    a, b = alpha / (1 - alpha), 1 / (1 - before)
    return (a * math.sqrt(before) * clean + b * noisy / math.sqrt(alpha)) / (a + b), 1 / (a + b)


def _other_variance(change):
    """The right mean with another variance(variance, α, ᾱ before)."""

    def wrong(noisy, clean, now, before):
        mean, variance = posterior(noisy, clean, now, before)
        return mean, change(variance, now / before, before)

    return wrong


POSTERIOR = Exercise(
    id="13.3",
    title="one step back",
    minutes=12,
    difficulty=3,
    imports=("import math",),
    stub='''def posterior(noisy, clean, alpha_bar, alpha_bar_before):
    """Mean and variance of the number one step before `noisy`, if the image was `clean`. Ho et al. 2020, eq. 6 and 7.

    Four floats; alpha_bar is ᾱ of this step, alpha_bar_before that of the step before. α = ᾱ / ᾱ before. Two facts are
    joined: from the image it should lie at √ᾱ_before · clean with variance 1 − ᾱ_before, and from the noisy number
    at noisy / √α with variance (1 − α) / α.
    """
    raise NotImplementedError
''',
    reference=posterior,
    cases=(
        Case(lambda: (0.5, 1.0, 0.32, 0.64)),
        Case(lambda: (-1.2, 0.4, 0.7, 0.8)),
        Case(lambda: (2.0, -0.9, 0.05, 0.06)),
    ),
    hidden=(Case(lambda: (0.3, 0.8, 0.5, 0.6)), Case(lambda: (-0.7, -1.0, 0.1, 0.3))),
    invariants=(
        Invariant(
            "the variance is above 0, and below both that are joined",
            lambda found, noisy, clean, now, before: 0 < found[1] < min(1 - before, (1 - now / before) * before / now),
        ),
    ),
    hints=(
        "How sure a fact is: 1 / variance. Two facts that are joined are as sure as both together, added.",
        "The mean weighs the two places by how sure they are, and divides by the sum.",
        "a = 1 / (1 − ᾱ_before), b = α / (1 − α), variance = 1 / (a + b); the mean is the variance times "
        "(a · √ᾱ_before · clean + b · noisy / √α).",
    ),
    misconceptions=(
        Misconception(
            "sureness exchanged",
            _sureness_exchanged,
            "The weights are exchanged, or are the variances. What varies less counts for more: 1 / variance.",
        ),
        Misconception(
            "the middle",
            lambda noisy, clean, now, before: (
                (math.sqrt(before) * clean + noisy / math.sqrt(now / before)) / 2,
                posterior(noisy, clean, now, before)[1],
            ),
            "The mean lies in the middle of the two places. The surer one counts for more.",
        ),
        Misconception(
            "image at its full size",
            _joined(centre=lambda clean, before: clean),
            "The image enters as it is. One step before it is multiplied by √ᾱ_before.",
        ),
        Misconception(
            "no root for the image",
            _joined(centre=lambda clean, before: before * clean),
            "The image is multiplied by ᾱ_before, without the root.",
        ),
        Misconception(
            "noisy number as it is",
            _joined(origin=lambda noisy, kept: noisy),
            "The noisy number is not divided by √α. The step multiplied by √α, so going back divides.",
        ),
        Misconception(
            "variance of a step there",
            _joined(of_noisy=lambda kept, before: 1 / (1 - kept)),
            "The noisy number's variance is 1 − α there. Divided by √α, it also varies 1/α times as much: (1 − α) / α.",
        ),
        Misconception(
            "ᾱ for α",
            _joined(alpha=lambda now, before: now),
            "ᾱ stands where α belongs. ᾱ is the product of all steps; of this step alone it is ᾱ / ᾱ before.",
        ),
        Misconception(
            "exchanged steps",
            lambda noisy, clean, now, before: posterior(noisy, clean, before, now),
            "The two ᾱ are exchanged: more of the image is left in the step before.",
        ),
        Misconception(
            "β as the variance",
            _other_variance(lambda variance, alpha, before: 1 - alpha),
            "The variance is β = 1 − α, that of a step there. Ho et al. also sampled with it, but who knows the image "
            "is surer.",
        ),
        Misconception(
            "deviation",
            _other_variance(lambda variance, alpha, before: math.sqrt(variance)),
            "That is the deviation. Its square is asked for.",
        ),
        Misconception(
            "sureness for variance",
            _other_variance(lambda variance, alpha, before: 1 / variance),
            "The second number is how sure it is, the sum. The variance is 1 over it.",
        ),
        Misconception(
            "sum not divided",
            lambda noisy, clean, now, before: (
                posterior(noisy, clean, now, before)[0] / posterior(noisy, clean, now, before)[1],
                posterior(noisy, clean, now, before)[1],
            ),
            "The mean is not divided by the sum of both weights.",
        ),
        Misconception(
            "order",
            lambda *arguments: posterior(*arguments)[::-1],
            "First the mean, then the variance.",
        ),
    ),
)


def ddim_step(noisy, noise, alpha_bar, alpha_bar_before):
    """The image at an earlier step: take the noise away, and put less of the same noise back. Song et al. 2021, eq. 12.

    noisy, and the noise that the network sees in it, of one shape. alpha_bar, alpha_bar_before: ᾱ of this step and of
    the earlier one, which need not be the one just before.
    """
    clean = (noisy - math.sqrt(1 - alpha_bar) * noise) / math.sqrt(alpha_bar)
    return math.sqrt(alpha_bar_before) * clean + math.sqrt(1 - alpha_bar_before) * noise


def _clean(noisy, noise, now):
    return (noisy - math.sqrt(1 - now) * noise) / math.sqrt(now)


def _noisy(seed, now, before, *shape):
    random = generator(seed)
    noisy, noise = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2))
    return noisy, noise, now, before


DDIM = Exercise(
    id="13.6",
    title="a step of any length",
    minutes=8,
    difficulty=2,
    imports=("import math", "import torch"),
    stub='''def ddim_step(noisy, noise, alpha_bar, alpha_bar_before):
    """The image at an earlier step: take the noise away, and put less of the same noise back. Song et al. 2021, eq. 12.

    noisy, and the noise that the network sees in it, of one shape. alpha_bar, alpha_bar_before: ᾱ of this step and of
    the earlier one, which need not be the one just before.
    """
    raise NotImplementedError
''',
    reference=ddim_step,
    cases=(
        Case(
            lambda: (
                torch.tensor([1.0, 0.2], dtype=torch.float64),
                torch.tensor([0.5, -1.0], dtype=torch.float64),
                0.36,
                0.64,
            )
        ),
        Case(lambda: _noisy(1, 0.1, 0.5, 2, 3)),
        Case(lambda: _noisy(2, 0.7, 0.9, 2, 2, 2)),
    ),
    hidden=(Case(lambda: _noisy(3, 0.25, 0.8, 5)), Case(lambda: _noisy(4, 0.02, 0.3, 3, 2))),
    hints=(
        "First solve 13.2's formula for the image, with the noise that the network sees.",
        "Then use 13.2's formula again, with that image, the same noise, and the earlier ᾱ.",
    ),
    misconceptions=(
        Misconception(
            "the image itself",
            lambda noisy, noise, now, before: _clean(noisy, noise, now),
            "That is the guess at the image. It is noised anew, to the level of the earlier step.",
        ),
        Misconception(
            "exchanged",
            lambda noisy, noise, now, before: ddim_step(noisy, noise, before, now),
            "The two ᾱ are exchanged: the noise is taken away at this step's level and put back at the earlier one's.",
        ),
        Misconception(
            "all the noise back",
            lambda noisy, noise, now, before: (
                math.sqrt(before) * _clean(noisy, noise, now) + math.sqrt(1 - now) * noise
            ),
            "As much noise is put back as was taken away: √(1 − ᾱ). The earlier step has less, √(1 − ᾱ_before).",
        ),
        Misconception(
            "image at this step's size",
            lambda noisy, noise, now, before: (
                math.sqrt(now) * _clean(noisy, noise, now) + math.sqrt(1 - before) * noise
            ),
            "The image is multiplied by √ᾱ of this step. The earlier step has more of it: √ᾱ_before.",
        ),
        Misconception(
            "image at its full size",
            lambda noisy, noise, now, before: _clean(noisy, noise, now) + math.sqrt(1 - before) * noise,
            "The guess at the image keeps its full size. At the earlier step it is multiplied by √ᾱ_before.",
        ),
        Misconception(
            "not divided",
            lambda noisy, noise, now, before: (
                math.sqrt(before) * (noisy - math.sqrt(1 - now) * noise) + math.sqrt(1 - before) * noise
            ),
            "What is left without noise is √ᾱ · image. Divide it by √ᾱ to have the image.",
        ),
        Misconception(
            "divided by ᾱ",
            lambda noisy, noise, now, before: (
                math.sqrt(before) * (noisy - math.sqrt(1 - now) * noise) / now + math.sqrt(1 - before) * noise
            ),
            "It is divided by ᾱ, without the root.",
        ),
        Misconception(
            "no roots for the noise",
            lambda noisy, noise, now, before: (
                math.sqrt(before) * (noisy - (1 - now) * noise) / math.sqrt(now) + (1 - before) * noise
            ),
            "The noise is multiplied by 1 − ᾱ, without the roots.",
        ),
        Misconception(
            "noise subtracted",
            lambda noisy, noise, now, before: (
                math.sqrt(before) * _clean(noisy, noise, now) - math.sqrt(1 - before) * noise
            ),
            "The noise is put back with the other sign.",
        ),
        Misconception(
            "no noise back",
            lambda noisy, noise, now, before: math.sqrt(before) * _clean(noisy, noise, now),
            "No noise is put back. The network would get images at a step where it expects noise.",
        ),
        Misconception(
            "by the ratio alone",
            lambda noisy, noise, now, before: (noisy - math.sqrt(1 - now / before) * noise) / math.sqrt(now / before),
            "That undoes the steps between, as if their noise were known. The noise at hand is that of all steps.",
        ),
    ),
)
