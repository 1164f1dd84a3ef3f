"""The quiz of lesson 11."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "Why does a point drawn between the codes of an autoencoder often decode to no garment?",
        (
            Option(
                "The decoder is too small.",
                "A larger one reconstructs better, and is still trained at the codes alone.",
            ),
            Option(
                "Nothing in its loss says what should be decoded anywhere but at the codes of images.",
                "The squared error looks at the codes of training images, and leaves open where these lie.",
                right=True,
            ),
            Option(
                "Two numbers are too few for a garment.",
                "With sixteen numbers the holes are still there.",
            ),
        ),
    ),
    Question(
        "A colleague's model has −0.4 bits per dimension on bytes. What has gone wrong?",
        (
            Option(
                "A density was taken for the probability of a level.",
                "A density can be above 1 and its −log₂ below 0. The probability of one of 256 levels cannot.",
                right=True,
            ),
            Option(
                "Nothing: the model is that good.",
                "Bits per dimension of bytes are −log₂ of a probability, so never below 0.",
            ),
            Option(
                "It was tested on training images.",
                "That makes bits fewer, but no probability is above 1.",
            ),
            Option(
                "The logarithm was natural.",
                "A factor of 0.69 changes no sign.",
            ),
        ),
    ),
    Question(
        "The KL divergence of every latent number is 0 after training. What does a sample look like?",
        (
            Option(
                "A perfect garment: the code fits the prior exactly.",
                "It fits because it says nothing: the decoder cannot tell one image from another by it.",
            ),
            Option(
                "The same for every z: the decoder does without z.",
                "Where q(z|x) is the prior for all x, z tells nothing of x. That is posterior collapse.",
                right=True,
            ),
            Option(
                "Noise: the decoder has never been trained.",
                "It was trained, to the best it can do without knowing z.",
            ),
        ),
    ),
    Question(
        "The importance-weighted bound with 64 draws is lower than the ELBO. Has the model become better?",
        (
            Option(
                "Yes: more draws train it further.",
                "No weight is changed by measuring.",
            ),
            Option(
                "Yes, for images; no, for text.",
                "What is measured does not matter here.",
            ),
            Option(
                "No: the model is the same, and the bound is nearer to its true −ln p(x).",
                "The gap of the bound has become smaller. It belongs to the measurement, and not to the model.",
                right=True,
            ),
        ),
    ),
    Question(
        "Why does the reparameterised gradient scatter less than the score-function estimate?",
        (
            Option(
                "It uses the slope of f, not only its value at the draw.",
                "Each draw says in which direction f rises. The score has one number to guess that from.",
                right=True,
            ),
            Option(
                "It is biased, and gives up correctness for calm.",
                "Both are right on average; that is measured in the lesson.",
            ),
            Option(
                "It draws from a narrower distribution.",
                "Both draw z from the same normal distribution.",
            ),
        ),
    ),
)
