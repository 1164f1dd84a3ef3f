"""The quiz of lesson 02."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "What does a recurrent network carry from one token to the next?",
        (
            Option("The last n − 1 tokens.", "That is an n-gram model. Here tokens are read once and then gone."),
            Option(
                "A vector of fixed size, computed from the vector before it and the token.",
                "The hidden state. Whatever is to be remembered of the past has to fit into it.",
                right=True,
            ),
            Option(
                "A copy of its weights, adjusted at each token.",
                "The weights are the same at every position; while a text is read they do not change.",
            ),
        ),
    ),
    Question(
        "A network is unrolled over 100 tokens. How many weight matrices W_hh does it have?",
        (
            Option("One.", "It is used 100 times, and its gradient is the sum over all of these uses.", right=True),
            Option("100, one for each position.", "Then it could read no text of 101 tokens."),
            Option("99, one between each two positions.", "Then it could read no text of 101 tokens."),
        ),
    ),
    Question(
        "The spectral radius of W_hh is 0.8. The gradient from 50 steps ahead is then about",
        (
            Option("as large as from 1 step ahead.", "Each step multiplies it by about 0.8, or less where tanh bends."),
            Option("half as large.", "0.8 to the power of 50 is far below a half."),
            Option(
                "ten thousand times smaller or more.",
                "0.8^50 is 0.000014, and the slopes of tanh only make it smaller.",
                right=True,
            ),
        ),
    ),
    Question(
        "What does gradient clipping repair?",
        (
            Option(
                "Exploding gradients: a step over a cliff becomes a short step in the same direction.",
                "It shortens what is too long.",
                right=True,
            ),
            Option(
                "Vanishing gradients: what is too short is made longer.",
                "It never lengthens. What has vanished has lost its direction, too.",
            ),
            Option("Both.", "Only the long ones. What has vanished has lost its direction, too."),
        ),
    ),
    Question(
        "You train on a long text in pieces and carry the state along. Why state.detach() between pieces?",
        (
            Option(
                "So that the network forgets the piece before.",
                "It forgets nothing: the numbers of the state stay the same.",
            ),
            Option(
                "So that the backward pass ends at the beginning of the piece.",
                "Otherwise it would run through all pieces before, whose graph is gone or fills the memory.",
                right=True,
            ),
            Option(
                "So that the weights are not updated twice.",
                "The optimizer decides when weights are updated. This is about how far gradients run.",
            ),
        ),
    ),
)
