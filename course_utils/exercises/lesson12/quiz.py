"""The quiz of lesson 12."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "A GAN's generator loss has risen for an hour. What does that say of its images?",
        (
            Option(
                "They have become worse.",
                "The loss is measured by a discriminator that learns too. A sharper judge raises it for equal images.",
            ),
            Option(
                "Nothing by itself: the discriminator has changed as well.",
                "The same images get another loss from another discriminator. Quality needs a measure that stays.",
                right=True,
            ),
            Option(
                "The learning rate is too high.",
                "That may be, and the loss does not tell: it has no value that it ought to reach.",
            ),
        ),
    ),
    Question(
        "The best discriminator has a loss of 2 ln 2 on a generator's images. What has been reached?",
        (
            Option(
                "Real and generated images have the same distribution.",
                "Then D = 1/2 everywhere, the divergence is 0, and no judge can do better than a coin.",
                right=True,
            ),
            Option(
                "It tells both apart without mistakes.",
                "Without mistakes its loss would be 0. 2 ln 2 is what a coin costs, once for each kind.",
            ),
            Option(
                "The generator has learned the training images by heart.",
                "By heart would do, but so would any other way to the same distribution.",
            ),
        ),
    ),
    Question(
        "At first every fake is found out: D(fake) = 0.001. Why not train the generator on ln(1 − D(fake))?",
        (
            Option(
                "It has its lowest value there.",
                "There it has its highest, 0. It would have to fall; but it is flat.",
            ),
            Option(
                "It cannot be computed from logits.",
                "It can: −softplus(logit). Its slope is the trouble.",
            ),
            Option(
                "Its slope by the logit is −D(fake), a thousandth: next to nothing to learn from.",
                "−ln D(fake) has the slope −(1 − D(fake)), nearly −1 there.",
                right=True,
            ),
        ),
    ),
    Question(
        "A generator makes perfect trousers and nothing else. Which measure shows it?",
        (
            Option(
                "Precision: the share of generated images that lie near real ones.",
                "It is high: each of the trousers lies near real ones.",
            ),
            Option(
                "Coverage: the share of real images with a generated one near them.",
                "Nine classes of ten have nothing near them.",
                right=True,
            ),
            Option(
                "The discriminator's loss on real images.",
                "It tells how sure the discriminator is of them, not whether the generator makes their like.",
            ),
            Option(
                "The distance of each generated image from its nearest training image.",
                "That shows copies. Trousers that are new have an honest distance.",
            ),
        ),
    ),
    Question(
        "Why does a GAN have no bits per dimension?",
        (
            Option(
                "Its generator is not a probability: its outputs do not sum to 1.",
                "It does define a distribution: that of G(z). Only its density is no number that could be used.",
            ),
            Option(
                "The integral over z is too slow to compute.",
                "With unlimited time the density would still be 0 nearly everywhere, off the surface that G reaches.",
            ),
            Option(
                "64 numbers reach only a thin surface among 784: nearly every image has density 0.",
                "−log₂ 0 is infinite, for real images as for noise. Such a measure would compare nothing.",
                right=True,
            ),
        ),
    ),
)
