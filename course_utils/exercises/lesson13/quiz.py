"""The quiz of lesson 13."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "Why can the network be trained at step 700 without going through the 699 before it?",
        (
            Option(
                "Because the steps before it are so small that they may be left out.",
                "They are not left out: √ᾱ and √(1 − ᾱ) hold all of them.",
            ),
            Option(
                "Because sums of Gaussian noise are Gaussian: all steps up to there are one formula.",
                "So each image of a batch is noised to a step of its own, in one line.",
                right=True,
            ),
            Option(
                "Because the network remembers the steps before from earlier batches.",
                "It has no memory: it gets a noisy image and the number of the step.",
            ),
        ),
    ),
    Question(
        "A network that names the noise perfectly: can there be one?",
        (
            Option(
                "No: several images may be behind one noisy image, and the best guess is their mean.",
                "That is why a guess at a late step is blurred, and why sampling takes many steps.",
                right=True,
            ),
            Option(
                "Yes, if it is large enough and is trained for long enough.",
                "In the toy the best denoiser is known, and it has a loss above 0 as well.",
            ),
            Option(
                "Yes, with the cosine schedule.",
                "The schedule decides how much noise each step has, not what can be known of it.",
            ),
        ),
    ),
    Question(
        "What does DDPM's loss leave out of the bound on the likelihood?",
        (
            Option(
                "The last step, where nothing is left of the image.",
                "That term is so small that it hardly counts, with either loss.",
            ),
            Option(
                "The noise that is drawn anew in sampling.",
                "Its variance is fixed, so it has no place in the loss of either.",
            ),
            Option(
                "The weight of each step: all count the same, so the early ones count for less.",
                "The bound gives most of its weight to the first steps, where fine detail costs most bits.",
                right=True,
            ),
        ),
    ),
    Question(
        "DDIM starts twice from the same noise. What comes out?",
        (
            Option(
                "Two images of the same class.",
                "The class is not fixed by anything but the noise, and nothing else is drawn.",
            ),
            Option(
                "The same image twice.",
                "No noise is drawn on the way, so the start decides all: noise becomes a code for images.",
                right=True,
            ),
            Option(
                "Two images that have nothing in common.",
                "So it is with DDPM, which draws fresh noise at each step.",
            ),
        ),
    ),
    Question(
        "Guidance is turned up. What is paid for images that fit the prompt better?",
        (
            Option(
                "They differ less from one another, and colours grow too strong.",
                "All are drawn to what is most typical of the prompt and past it.",
                right=True,
            ),
            Option(
                "The model has to be trained again.",
                "The same network serves every scale: it was trained with the prompt and without it.",
            ),
            Option(
                "More steps are needed, but the images are the same.",
                "The number of steps stays; each asks the network twice.",
            ),
        ),
    ),
)
