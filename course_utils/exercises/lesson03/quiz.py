"""The quiz of lesson 03."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "Why does the gradient survive along the memory of an LSTM and not along the state of an RNN?",
        (
            Option(
                "The LSTM has more parameters.",
                "Give the RNN as many: its gradient still passes a matrix and a tanh at each step.",
            ),
            Option(
                "From step to step the memory is only multiplied by the forget gate, which can stay near 1.",
                "No weight matrix and no tanh lie on that path, and a product of numbers near 1 does not vanish.",
                right=True,
            ),
            Option("The LSTM has no tanh.", "It has two: one on the candidate and one where the memory is shown."),
        ),
    ),
    Question(
        "A forget gate stands at 0.5 at every step. What is left of a number after 20 steps?",
        (
            Option("A half.", "A half is left after one step. Each further step halves again."),
            Option("A twentieth.", "The shares are multiplied, not added: 0.5 to the power of 20."),
            Option(
                "About a millionth.",
                "0.5 to the power of 20 is 0.00000095. That is why the gates start nearer to 1.",
                right=True,
            ),
        ),
    ),
    Question(
        "Which gate must close so that a passing word leaves no trace in the memory?",
        (
            Option("The input gate.", "The input gate multiplies what is about to be written.", right=True),
            Option("The forget gate.", "That would throw away what is held, and still write the word."),
            Option("The output gate.", "That hides the memory for a step. The word is written all the same."),
        ),
    ),
    Question(
        "An update gate of a GRU (torch's) is 1. What happens to that unit?",
        (
            Option(
                "It keeps its old value.",
                "h' = (1 − z) · n + z · h: at z = 1 the candidate n has no share.",
                right=True,
            ),
            Option("It takes the candidate.", "That is z = 0 in torch's form; some papers turn it round."),
            Option("It is set to zero.", "No gate of a GRU can do that: it is always a mix of old and new."),
        ),
    ),
    Question(
        "An LSTM and an RNN are compared on the same text. What must be equal for the cell to be the cause?",
        (
            Option("The width of the state.", "At equal width an LSTM has about four times the weights of an RNN."),
            Option("The seconds of training.", "Then it is also a comparison of two implementations."),
            Option(
                "The number of parameters, the text they read, and how often they read it.",
                "And more than one seed, where the difference is small.",
                right=True,
            ),
        ),
    ),
)
