"""The quiz of lesson 05."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "A vocabulary grows from 2,000 to 16,000 tokens. What does that cost a model?",
        (
            Option(
                "Nothing: each text becomes shorter, so all gets cheaper.",
                "Texts do become shorter. But each token needs its vector, and the output a score for each of them.",
            ),
            Option(
                "More parameters at both ends, and tokens so rare that little is learned of them.",
                "The vectors grow in proportion, the shortening slows down, and the last tokens are rare words.",
                right=True,
            ),
            Option(
                "Some texts can no longer be written.",
                "All bytes are still tokens: any text can be written with either vocabulary.",
            ),
        ),
    ),
    Question(
        "Model A needs 4.0 bits a token with its tokens, model B 6.0 bits with others. Which is better?",
        (
            Option("A: it is less surprised.", "By a token of A. That of B may be twice as long."),
            Option("B: its tokens are harder.", "Perhaps. It has to be measured by something both share."),
            Option(
                "Nobody can tell before both are divided by bytes, not tokens.",
                "Bits per byte: total bits for the text over its bytes, which are the same for both.",
                right=True,
            ),
        ),
    ),
    Question(
        "The analogy king − man + woman has the answer queen. What has to be said with it?",
        (
            Option(
                "That king and woman were not allowed as answers, and how many of all pairs come out.",
                "With them allowed the answer is mostly one of the words given. One example shows nothing.",
                right=True,
            ),
            Option(
                "That the vectors know what a king is.",
                "They know the words that stand near it. Nothing else has ever been seen.",
            ),
            Option(
                "That it holds for vectors of skip-gram only.",
                "Counting with PMI and a truncated SVD gives such vectors, too.",
            ),
        ),
    ),
    Question(
        "A network adds up the vectors of the last eight tokens. What must happen for order to count?",
        (
            Option(
                "A vector for the place is added to each token, and the sum is passed on.",
                "The sum of tokens and places is the same whatever token is at which place.",
            ),
            Option(
                "Place and token have to meet in something that bends, before the places are added up.",
                "Then `dog` at place 1 is something else than `dog` at place 3, and the sum can tell.",
                right=True,
            ),
            Option("Nothing: a sum keeps order.", "A sum is the same in any order."),
        ),
    ),
    Question(
        "Query and key are turned by rotary positions, then multiplied. Both move on by 100. What changes?",
        (
            Option("The product turns, too.", "A product is one number; it depends on the angle between the two."),
            Option("It falls, because they are farther from the start.", "No position is nearer than another."),
            Option(
                "Nothing: each pair's angle between them is the same.",
                "Both are turned by the same angle more, and the difference stays.",
                right=True,
            ),
        ),
    ),
)
