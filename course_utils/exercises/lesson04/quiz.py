"""The quiz of lesson 04."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "The plain encoder–decoder makes more errors in long words, far more than the one with attention. Why?",
        (
            Option(
                "It has seen no long words.",
                "Both models were trained on the same words, long ones included.",
            ),
            Option(
                "All letters must fit into one vector, which is no larger for a long word.",
                "The decoder sees nothing but that vector. With attention it goes back to the letters themselves.",
                right=True,
            ),
            Option(
                "It has fewer parameters.",
                "Dot attention has no weights of its own: both have exactly the same number.",
            ),
        ),
    ),
    Question(
        "A word of 5 letters stands in a batch that is 9 wide, and the mask is forgotten. What happens?",
        (
            Option(
                "Nothing: padding is 0, and 0 has no weight.",
                "A score of 0 is not a weight of 0: e to the power of 0 is 1.",
            ),
            Option("The program stops with an error.", "All shapes fit, so nothing complains."),
            Option(
                "Its result depends on the words that happen to be beside it.",
                "Padding takes weight from the letters, and how much padding there is depends on the longest word.",
                right=True,
            ),
        ),
    ),
    Question(
        "With the true prefix before it, a decoder errs at 5 % of the phonemes; on its own it does worse. Why?",
        (
            Option(
                "After an error of its own it stands where training never put it.",
                "In training every prefix was right. This is exposure bias; how much it costs has to be measured.",
                right=True,
            ),
            Option(
                "It has forgotten the word while writing.",
                "With attention it can look at every letter at every step.",
            ),
            Option(
                "Greedy choice takes the second-best phoneme.",
                "Greedy choice takes the best one at each step, in both cases.",
            ),
        ),
    ),
    Question(
        "A wider beam finds pronunciations with a higher probability. What does that say of the error rate?",
        (
            Option("It falls.", "Not of necessity: the model may hold a wrong pronunciation to be the likelier one."),
            Option(
                "Nothing for certain: probable in the model's eyes is not the same as right.",
                "Search errors become fewer, errors of the model itself stay. The beam's worth has to be measured.",
                right=True,
            ),
            Option("It rises.", "It may, where the model prefers wrong or short answers, but it need not."),
        ),
    ),
    Question(
        "Two systems are scored on the same 2,000 words, and their 95 % intervals overlap. What follows?",
        (
            Option(
                "They are equally good.",
                "Overlap shows no such thing: most of the width comes from the words, and both have the same.",
            ),
            Option("The one with the lower rate is better.", "That may be luck with these words; it has to be tested."),
            Option(
                "Nothing yet: take the difference word by word and give that an interval.",
                "Hard words are hard for both. The paired difference leaves this common part out.",
                right=True,
            ),
        ),
    ),
)
