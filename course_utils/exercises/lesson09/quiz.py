"""The quiz of lesson 09."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "GPT has no cross-attention, and yet it translates. How does the source reach what it writes?",
        (
            Option(
                "By the weights: it has learned the pairs by heart.",
                "Then it could not translate a sentence that it has never read.",
            ),
            Option(
                "It stands before the target in one text, and self-attention looks back at it.",
                "Source and target are one sequence under one causal mask; the source sees itself one way only.",
                right=True,
            ),
            Option(
                "An encoder reads it, and its last state starts the text.",
                "That is a recurrent encoder–decoder. GPT has no encoder.",
            ),
        ),
    ),
    Question(
        "BERT sees both sides of a hidden word, GPT only the left one. Why is it GPT that writes texts?",
        (
            Option(
                "BERT has no output over the vocabulary.",
                "It has one: that is how it fills in hidden words.",
            ),
            Option(
                "BERT's vocabulary is too small.",
                "It has 30,522 pieces, the small GPT 50,257. Either is enough to write with.",
            ),
            Option(
                "BERT learned with words on both sides; where text is written, the right side is empty.",
                "And each new word would change the states of all before it, so that nothing could be cached.",
                right=True,
            ),
        ),
    ),
    Question(
        "Texts are embedded, and the nearest are found by cosine. Why not by the dot product of the raw vectors?",
        (
            Option(
                "It lets a long vector win whatever it is about.",
                "Direction carries the meaning the encoder was trained for. At length 1 both are the same number.",
                right=True,
            ),
            Option(
                "It costs more.",
                "It costs less: the cosine is a dot product and two lengths.",
            ),
            Option(
                "It can be negative.",
                "So can the cosine, where two vectors point away from each other.",
            ),
        ),
    ),
    Question(
        "A summary of an encyclopedia's introduction has ROUGE-1 0.30, its first sentence 0.33. What follows?",
        (
            Option(
                "The model is useless.",
                "ROUGE counts words in common with one reference. It does not see whether other words say the same.",
            ),
            Option(
                "0.30 shows nothing gained: the first sentence, which costs nothing, has more.",
                "Such texts say the main thing first, so the lead is a strong baseline. A claim begins above it.",
                right=True,
            ),
            Option(
                "The first sentence is the best summary there is.",
                "It has more words in common with the reference. A person may still prefer another.",
            ),
        ),
    ),
    Question(
        "A reader that cuts its answer out of the text meets one that writes it. Which error is the second's alone?",
        (
            Option(
                "An answer where the text holds none.",
                "Both make it: a cutter that has to cut will cut something.",
            ),
            Option(
                "A name that does not occur in the text.",
                "What is cut out occurs there, right or wrong. What is written may come from anywhere.",
                right=True,
            ),
            Option(
                "The wrong one of two persons in the text.",
                "Both can mix them up.",
            ),
        ),
    ),
)
