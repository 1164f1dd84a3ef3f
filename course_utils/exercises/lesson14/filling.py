"""Exercise 14.8: a diffusion model fills in what is missing, though it was never trained for that."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def fill_in(images, known, noises, alpha_bars, step):
    """Images (B, P) whose pixels stay where known (P,) is True, and are drawn anew where it is False.

    alpha_bars: the ᾱ of S noise levels, the noisiest first. noises: S + 1 tensors (B, P). Drawing begins with the first
    of them. Then, for each ᾱ and the next of the noises ε: the known pixels are put in as √ᾱ · image + √(1 − ᾱ) · ε,
    and step(drawn, ᾱ) takes all to the next level. At the end the known pixels are put in as they are.
    """
    drawn = noises[0]
    for alpha_bar, noise in zip(alpha_bars, noises[1:], strict=True):
        noisy = alpha_bar**0.5 * images + (1 - alpha_bar) ** 0.5 * noise
        drawn = step(torch.where(known, noisy, drawn), alpha_bar)
    return torch.where(known, images, drawn)


def _way(put=None, start=lambda known, images, noise: noise, end=torch.where):
    """The same with another way to put the known pixels in, another start or another end.

    put(known, images, drawn, alpha_bar, noise) -> drawn; start(known, images, noise); end(known, images, drawn).
    """

    def filled(images, known, noises, alpha_bars, step):
        drawn = start(known, images, noises[0])
        for alpha_bar, noise in zip(alpha_bars, noises[1:], strict=True):
            drawn = step(drawn if put is None else put(known, images, drawn, alpha_bar, noise), alpha_bar)
        return end(known, images, drawn)

    return filled


def _noisy(images, alpha_bar, noise):
    return alpha_bar**0.5 * images + (1 - alpha_bar) ** 0.5 * noise


def _put(known, images, drawn, alpha_bar, noise):
    return torch.where(known, _noisy(images, alpha_bar, noise), drawn)


def _weighted(of_image, of_noise):
    """The known pixels with other weights of image and noise."""
    return lambda known, images, drawn, alpha_bar, noise: torch.where(
        known, of_image(alpha_bar) * images + of_noise(alpha_bar) * noise, drawn
    )


def _after_the_step(images, known, noises, alpha_bars, step):
    """Put in after the step, with the noise of the level that has been left."""
    drawn = noises[0]
    for alpha_bar, noise in zip(alpha_bars, noises[1:], strict=True):
        drawn = _put(known, images, step(drawn, alpha_bar), alpha_bar, noise)
    return torch.where(known, images, drawn)


def _one_level_off(images, known, noises, alpha_bars, step):
    """Put in with the ᾱ of the level that comes next."""
    drawn = noises[0]
    for alpha_bar, after, noise in zip(alpha_bars, [*alpha_bars[1:], 1.0], noises[1:], strict=True):
        drawn = step(_put(known, images, drawn, after, noise), alpha_bar)
    return torch.where(known, images, drawn)


def _one_noise_for_all(images, known, noises, alpha_bars, step):
    return fill_in(images, known, [noises[0]] * len(noises), alpha_bars, step)


def _first_level_alone(images, known, noises, alpha_bars, step):
    drawn = _put(known, images, noises[0], alpha_bars[0], noises[1])
    for alpha_bar in alpha_bars:
        drawn = step(drawn, alpha_bar)
    return torch.where(known, images, drawn)


def lean(drawn, alpha_bar):
    """A step of a toy model: each pixel leans on both neighbours, the more the less noise is left."""
    beside = (drawn.roll(1, dims=-1) + drawn.roll(-1, dims=-1)) / 2
    return (1 - 0.6 * alpha_bar) * drawn + 0.6 * alpha_bar * beside


def _broken_images(seed, batch, known, alpha_bars):
    chance = generator(seed)
    known = torch.tensor([letter == "#" for letter in known])
    images = torch.rand(batch, len(known), generator=chance) * 2 - 1
    noises = [torch.randn(batch, len(known), generator=chance) for _ in range(len(alpha_bars) + 1)]
    return images, known, noises, alpha_bars, lean


FILL = Exercise(
    id="14.8",
    title="fill in what is missing",
    minutes=10,
    difficulty=3,
    imports=("import torch",),
    stub='''def fill_in(images, known, noises, alpha_bars, step):
    """Images (B, P) whose pixels stay where known (P,) is True, and are drawn anew where it is False.

    alpha_bars: the ᾱ of S noise levels, the noisiest first. noises: S + 1 tensors (B, P). Drawing begins with the first
    of them. Then, for each ᾱ and the next of the noises ε: the known pixels are put in as √ᾱ · image + √(1 − ᾱ) · ε,
    and step(drawn, ᾱ) takes all to the next level. At the end the known pixels are put in as they are.
    """
    raise NotImplementedError
''',
    reference=fill_in,
    tolerance=1e-4,
    cases=(
        Case(lambda: _broken_images(1, 1, "#..", [0.2, 0.7])),
        Case(lambda: _broken_images(2, 2, "##..#", [0.1, 0.4, 0.8])),
        Case(lambda: _broken_images(3, 3, "#.#...##", [0.02, 0.2, 0.5, 0.9])),
    ),
    hidden=(
        Case(lambda: _broken_images(4, 2, "..##", [0.3, 0.6])),
        Case(lambda: _broken_images(5, 4, "#....#.", [0.05, 0.3, 0.6, 0.95])),
    ),
    invariants=(
        Invariant(
            "known pixels are as they were",
            lambda result, images, known, *_: bool((result[:, known] == images[:, known]).all()),
        ),
    ),
    hints=(
        "torch.where(known, a, b) takes a where known is True and b elsewhere; (P,) fits to (B, P).",
        "The loop runs over zip(alpha_bars, noises[1:]): put in the noisy known pixels, then step.",
        "alpha_bar is a number: alpha_bar**0.5 weighs the image and (1 − alpha_bar)**0.5 the noise. One torch.where "
        "more after the loop.",
    ),
    misconceptions=(
        Misconception(
            "no noise on the known",
            _way(lambda known, images, drawn, alpha_bar, noise: torch.where(known, images, drawn)),
            "The known pixels are put in clean. The network has learned images that are noisy all over, as much as ᾱ "
            "says: give the known ones their noise.",
        ),
        Misconception(
            "scaled without noise",
            _way(_weighted(lambda bar: bar**0.5, lambda bar: 0.0)),
            "The known pixels are scaled by √ᾱ, but the noise is missing: + √(1 − ᾱ) · ε.",
        ),
        Misconception(
            "noise on the whole image",
            _way(_weighted(lambda bar: 1.0, lambda bar: (1 - bar) ** 0.5)),
            "Noise is added, and the image not scaled: it is √ᾱ · image.",
        ),
        Misconception(
            "roots missing",
            _way(_weighted(lambda bar: bar, lambda bar: 1 - bar)),
            "The roots are missing: √ᾱ and √(1 − ᾱ). Their squares add up to 1, and so do the variances.",
        ),
        Misconception(
            "weights exchanged",
            _way(_weighted(lambda bar: (1 - bar) ** 0.5, lambda bar: bar**0.5)),
            "√ᾱ and √(1 − ᾱ) are exchanged. ᾱ is what is left of the image.",
        ),
        Misconception(
            "mask the wrong way round",
            _way(
                lambda known, *others: _put(~known, *others),
                end=lambda known, images, drawn: torch.where(~known, images, drawn),
            ),
            "The mask is the wrong way round: what was known is drawn anew. torch.where takes the first where known is "
            "True.",
        ),
        Misconception(
            "mask turned inside the loop",
            _way(lambda known, *others: _put(~known, *others)),
            "Inside the loop the mask is the wrong way round: the hidden pixels are put in, which nobody knows.",
        ),
        Misconception(
            "mask turned at the end",
            _way(_put, end=lambda known, images, drawn: torch.where(~known, images, drawn)),
            "At the end the mask is the wrong way round: known pixels stay as they are.",
        ),
        Misconception(
            "only at the end",
            _way(),
            "The known pixels are put in at the end alone: what is drawn beside has never seen them, and does not fit.",
        ),
        Misconception(
            "only at the first level",
            _first_level_alone,
            "The known pixels are put in once, at the beginning. The steps then change them: put them in at each "
            "level.",
        ),
        Misconception(
            "not at the end",
            _way(_put, end=lambda known, images, drawn: drawn),
            "At the end the known pixels are what the last step made of them. Put them in as they are.",
        ),
        Misconception(
            "after the step",
            _after_the_step,
            "The known pixels are put in after the step, as noisy as it was before. First put in, then step.",
        ),
        Misconception(
            "one level too early",
            _one_level_off,
            "The known pixels have the noise of the next level. They are put in before the step: with the ᾱ it is "
            "given.",
        ),
        Misconception(
            "one noise for all levels",
            _one_noise_for_all,
            "The first noise is used at every level. Each level has its own: noises[1:], one after the other.",
        ),
        Misconception(
            "start from the image",
            _way(_put, start=lambda known, images, noise: images),
            "Drawing begins with the images, so that the hidden pixels are known to it. Begin with noises[0].",
        ),
    ),
)
