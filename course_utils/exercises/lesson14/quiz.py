"""The quiz of lesson 14."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "A model draws perfect coats and nothing else. What do the measures say?",
        (
            Option(
                "High precision, low recall.",
                "Each coat lies among real images, and most real images lie far from every coat.",
                right=True,
            ),
            Option(
                "Low precision, high recall.",
                "Precision looks at what is drawn, and every coat is in order. Recall misses the other nine classes.",
            ),
            Option(
                "High precision and a Fréchet distance near 0.",
                "Mean and spread of coats alone are far from those of ten classes.",
            ),
        ),
    ),
    Question(
        "A paper's model has a Fréchet distance of 9, ours has 12. Which is better?",
        (
            Option(
                "The paper's: 9 is less than 12, and smaller is better.",
                "Less in which features, of which images, with how many of them? Each of the three changes the number.",
            ),
            Option(
                "Ours, if our network names more of the test images rightly.",
                "A distance in other features has another unit, however good the network is.",
            ),
            Option(
                "That is open until both are measured in one network, at one N.",
                "And against the same real images. Then the numbers have one unit and one bias, and can be compared.",
                right=True,
            ),
        ),
    ),
    Question(
        "A model of clothes gives images of digits a higher probability than clothes. How can that be?",
        (
            Option(
                "It has seen digits in training, and keeps them in its weights.",
                "It has seen none. The paradox is there all the same (Nalisnick et al. 2019).",
            ),
            Option(
                "Digits are mostly black, and black pixels are easy to foretell.",
                "Every image's probability is a product over pixels; flat ones are cheap for each model, and for gzip "
                "too.",
                right=True,
            ),
            Option(
                "Its probabilities do not sum to 1 over all images.",
                "They do, pixel by pixel. There are so many clothes that each of them has to be improbable.",
            ),
            Option(
                "It draws digits better than clothes.",
                "It hardly ever draws one: there are far more images of clothes, and draws fall among them.",
            ),
        ),
    ),
    Question(
        "The lower half of an image is known. Who cannot draw the upper half to it?",
        (
            Option(
                "The diffusion model.",
                "It puts the known pixels back at each step, whichever they are, and the rest is drawn to fit.",
            ),
            Option(
                "The VAE.",
                "A latent vector whose image has that lower half can be searched for; its upper half comes along.",
            ),
            Option(
                "The GAN.",
                "Its latent vectors can be searched like the VAE's, though it has no encoder to begin from.",
            ),
            Option(
                "The transformer over pixels.",
                "It knows each pixel given those above it. Going back up would take p(above | below), which it never "
                "learned.",
                right=True,
            ),
        ),
    ),
    Question(
        "Diffusion at 50 steps is best; at 10 steps it is worse, and so slow still that the GAN beats it. What now?",
        (
            Option(
                "10 steps are not on the front: take the GAN or 50 steps.",
                "Who can wait takes 50 steps, who cannot takes the GAN. For 10 steps there is nobody left.",
                right=True,
            ),
            Option(
                "The GAN is the best model.",
                "It is worse than 50 steps. Both are on the front: it depends on what a second is worth.",
            ),
            Option(
                "Diffusion is the best model, and the GAN falls out.",
                "The GAN is faster than 50 steps, so these do not beat it.",
            ),
        ),
    ),
)
