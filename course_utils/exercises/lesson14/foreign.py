"""Exercise 14.9: images of another kind cost fewer bits than those a model has learned. A compressor mends that."""

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def foreign(bits, compressed, home_bits, home_compressed, share):
    """Which images are of another kind than a model has learned: (N,), True or False.

    bits (N,): what each image costs by the model. compressed (N,): what it costs by a compressor that knows no kind of
    images. home_bits, home_compressed (M,): the same of images that are not foreign. An image's score is what the model
    needs beyond the compressor: bits − compressed. Foreign is what has a higher score than the quantile 1 − share of
    the home images, so that about that share of them would be called foreign. Serrà et al. 2020.
    """
    limit = np.quantile(home_bits - home_compressed, 1 - share)
    return bits - compressed > limit


def _judged(score=lambda bits, compressed: bits - compressed, at=lambda share: 1 - share, beyond=np.greater):
    """The same with another score, another quantile, or another side of it."""
    return lambda bits, compressed, home_bits, home_compressed, share: beyond(
        score(bits, compressed), np.quantile(score(home_bits, home_compressed), at(share))
    )


def _limit_of_bits(bits, compressed, home_bits, home_compressed, share):
    return bits - compressed > np.quantile(home_bits, 1 - share)


def _limit_from_themselves(bits, compressed, home_bits, home_compressed, share):
    return foreign(bits, compressed, bits, compressed, share)


def _above_all(bits, compressed, home_bits, home_compressed, share):
    return bits - compressed > (home_bits - home_compressed).max()


def _above_the_mean(bits, compressed, home_bits, home_compressed, share):
    return bits - compressed > (home_bits - home_compressed).mean()


def _on_both_sides(bits, compressed, home_bits, home_compressed, share):
    low, high = np.quantile(home_bits - home_compressed, [share / 2, 1 - share / 2])
    return (bits - compressed < low) | (bits - compressed > high)


def _quantile_of_parts(bits, compressed, home_bits, home_compressed, share):
    return bits - compressed > np.quantile(home_bits, 1 - share) - np.quantile(home_compressed, 1 - share)


def _costs(seed, strange, home, share):
    """Home images, and others of which half are foreign: simpler, so that both model and compressor need fewer bits."""
    chance = np.random.default_rng(seed)
    simple = chance.uniform(1.5, 4.0, strange + home).round(2)
    excess = chance.normal(-0.6, 0.5, strange + home).round(2)
    excess[: strange // 2] += 0.9
    simple[: strange // 2] *= 0.6
    bits = (simple + excess).clip(min=0.1).round(2)
    return bits[:strange], simple[:strange], bits[strange:], simple[strange:], share


FOREIGN = Exercise(
    id="14.9",
    title="less likely than a compressor would think",
    minutes=8,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def foreign(bits, compressed, home_bits, home_compressed, share):
    """Which images are of another kind than a model has learned: (N,), True or False.

    bits (N,): what each image costs by the model. compressed (N,): what it costs by a compressor that knows no kind of
    images. home_bits, home_compressed (M,): the same of images that are not foreign. An image's score is what the model
    needs beyond the compressor: bits − compressed. Foreign is what has a higher score than the quantile 1 − share of
    the home images, so that about that share of them would be called foreign. Serrà et al. 2020.
    """
    raise NotImplementedError
''',
    reference=foreign,
    cases=(
        Case(
            lambda: (
                np.array([1.2, 2.8, 0.9, 3.4, 1.5]),
                np.array([1.1, 4.0, 1.9, 3.0, 4.8]),
                np.array([2.5, 3.0, 2.0, 3.6, 2.9]),
                np.array([3.5, 4.2, 2.6, 4.5, 4.1]),
                0.2,
            )
        ),
        Case(lambda: _costs(1, 16, 20, 0.1)),
        Case(lambda: _costs(2, 30, 40, 0.25)),
    ),
    hidden=(Case(lambda: _costs(3, 24, 30, 0.1)), Case(lambda: _costs(4, 40, 50, 0.3))),
    invariants=(
        Invariant("one answer for each image", lambda result, bits, *_: result.shape == bits.shape),
    ),
    hints=(
        "A flat image is cheap for everybody. What tells is how the model compares with a compressor on the same "
        "image.",
        "Work out the score of the home images first, and its quantile: np.quantile(scores, 1 - share).",
    ),
    misconceptions=(
        Misconception(
            "bits alone",
            _judged(lambda bits, compressed: bits),
            "Only the model's bits count. That is the paradox itself: foreign images may be simpler, and cost less. "
            "Take off what the compressor needs.",
        ),
        Misconception(
            "the cheap ones",
            _judged(lambda bits, compressed: bits, at=lambda share: share, beyond=np.less),
            "Images that cost few bits are called foreign. That fits one pair of data sets and fails for the next: "
            "simple images of the learned kind are cheap as well.",
        ),
        Misconception(
            "quotient",
            _judged(lambda bits, compressed: bits / compressed),
            "That is bits / compressed. Bits are logarithms: the ratio of two likelihoods is the difference of their "
            "bits.",
        ),
        Misconception(
            "difference turned",
            _judged(lambda bits, compressed: compressed - bits),
            "The difference is turned: what the model likes best is called foreign. The score is bits − compressed.",
        ),
        Misconception(
            "sum",
            _judged(lambda bits, compressed: bits + compressed),
            "The bits are added. What the compressor needs is taken off.",
        ),
        Misconception(
            "compressor alone",
            _judged(lambda bits, compressed: compressed),
            "Only the compressor counts there: it finds the intricate images, of whatever kind.",
        ),
        Misconception(
            "the quantile of the wrong end",
            _judged(at=lambda share: share),
            "The limit is the quantile `share`: nearly all home images would be called foreign. It is 1 − share.",
        ),
        Misconception(
            "below the limit",
            _judged(beyond=np.less),
            "What lies below the limit is called foreign. A foreign image needs more bits than the compressor would "
            "suggest: above.",
        ),
        Misconception(
            "limit of the bits",
            _limit_of_bits,
            "The limit is a quantile of the home images' bits, not of their scores. Take off the compressor's there "
            "too.",
        ),
        Misconception(
            "quantiles taken apart",
            _quantile_of_parts,
            "The quantiles of bits and of compressed are taken apart and then subtracted. They belong to different "
            "images: score first, quantile then.",
        ),
        Misconception(
            "limit from the images themselves",
            _limit_from_themselves,
            "The limit comes from the images that are judged: a fixed share of them is foreign, whatever they are. It "
            "comes from the home images.",
        ),
        Misconception(
            "above all of home",
            _above_all,
            "The limit is the highest home score: one odd image sets it. It is the quantile 1 − share.",
        ),
        Misconception(
            "above the mean",
            _above_the_mean,
            "The limit is the mean home score: half of the home images would be foreign. It is the quantile 1 − share.",
        ),
        Misconception(
            "both ends",
            _on_both_sides,
            "Low scores are called foreign as well. There the model does better than the compressor: it knows the "
            "kind.",
        ),
    ),
)
