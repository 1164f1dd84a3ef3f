"""The quiz of lesson 06."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "Queries and keys of 64 independent numbers of variance 1. Why are their products divided by 8?",
        (
            Option(
                "So that the weights sum to 1.",
                "The softmax sees to that, whatever the scores are.",
            ),
            Option(
                "So that the scores have variance 1, and the softmax does not start out saturated.",
                "A sum of 64 products of variance 1 has variance 64; divided by √64 it has variance 1.",
                right=True,
            ),
            Option(
                "So that long texts do not get larger scores.",
                "A score is a product of one query and one key. The length of the text does not enter it.",
            ),
        ),
    ),
    Question(
        "The words of a text are shuffled before a layer of self-attention without mask and positions. Its output?",
        (
            Option(
                "The same vectors, shuffled the same way.",
                "Each word finds the same keys and values, whatever their order: attention is blind to it.",
                right=True,
            ),
            Option("Other vectors: neighbours have changed.", "Nothing in the formula knows who is a neighbour."),
            Option(
                "The same vectors in the old order.",
                "Each output belongs to the query of its place, and the queries have been shuffled.",
            ),
        ),
    ),
    Question(
        "The mask is multiplied into the weights after the softmax. What goes wrong?",
        (
            Option("Nothing: what is forbidden has weight 0.", "It has, but the rest no longer sums to 1."),
            Option("An error is raised.", "All shapes fit, so nothing complains."),
            Option(
                "What is forbidden has taken its share already, so the rest sums to less than 1.",
                "And by how much less tells each place something of its future.",
                right=True,
            ),
        ),
    ),
    Question(
        "A text becomes eight times as long. The weights of one layer become how many times as many?",
        (
            Option("8 times", "Every one of 8 times as many queries also has 8 times as many keys."),
            Option("64 times", "Every place looks at every place: T² weights in each head.", right=True),
            Option("It depends on the width.", "A weight is one number for each pair of places, whatever their width."),
        ),
    ),
    Question(
        "Of 72 heads, one is right in 67 % of 48 pronouns, and chance is 50 %. Has it learned what pronouns mean?",
        (
            Option("Yes: 67 % is well above 50 %.", "The best of 72 is above average even if none knows anything."),
            Option(
                "Count it again on pronouns it was not picked by.",
                "Picking the largest of many noisy numbers picks the noise too; fresh sentences do not share it.",
                right=True,
            ),
            Option("No: one head cannot do that.", "It could. But the 48 sentences it was picked by cannot tell."),
        ),
    ),
)
