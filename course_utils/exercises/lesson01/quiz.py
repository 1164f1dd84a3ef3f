"""The quiz of lesson 01."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "A trigram model without smoothing has counted what follows two words, and meets a third that never did. "
        "Its perplexity there?",
        (
            Option("A little higher than elsewhere.", "One factor of 0 makes the probability of the text 0."),
            Option(
                "Infinite.",
                "The sequence has probability 0, so the whole text has, and -log 0 is infinite.",
                right=True,
            ),
            Option("The same, because it is left out.", "Leaving out what goes badly would not be a measure."),
        ),
    ),
    Question(
        "Add-one smoothing, V = 50,000, a context seen 10 times. What share goes to words never seen after it?",
        (
            Option("About 1 %.", "Work it out: at least 49,990 unseen words get 1 each, out of 10 + 50,000."),
            Option("About half.", "Work it out: at least 49,990 unseen words get 1 each, out of 10 + 50,000."),
            Option(
                "More than 99 %.",
                "At least 49,990 / 50,010. That is why k is made small, and why better methods were found.",
                right=True,
            ),
        ),
    ),
    Question(
        'In Kneser–Ney the lower order gives "Francisco" a small probability, however often it occurs. Why?',
        (
            Option(
                "It follows almost no other word than San.",
                "The lower order counts in how many different places a word has appeared, not how often.",
                right=True,
            ),
            Option(
                "It is a name, and names are left out.",
                "The method knows nothing of names. It looks at the words before.",
            ),
            Option("It is long, and long words are rare.", "The length of a word plays no part."),
        ),
    ),
    Question(
        "Why bits per byte, and not perplexity per token, to compare all models of the course?",
        (
            Option("Bits per byte is always smaller.", "A smaller number would prove nothing."),
            Option(
                "Perplexity cannot be computed for neural networks.",
                "It can: it is 2 to the power of the bits per token.",
            ),
            Option(
                "Models cut the text into different tokens; its bytes are the same for all.",
                "A model with longer tokens has fewer, harder ones. Per byte they meet on the same text.",
                right=True,
            ),
        ),
    ),
    Question(
        "Why is the score taken on text that the model was not fitted to?",
        (
            Option(
                "It is faster: the test text is shorter.",
                "Speed is not the reason. A slice of the training text would be as short.",
            ),
            Option(
                "On its own text the highest order wins by remembering, whatever it has understood.",
                "On the training text a higher order nearly always looks better; on new text it may be worse.",
                right=True,
            ),
            Option(
                "The training text contains unknown words.",
                "It does contain some, every word seen once; but that is no reason: unread text has more of them.",
            ),
        ),
    ),
)
