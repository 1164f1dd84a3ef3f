"""The quiz of lesson 08."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "Beam search finds likelier texts than greedy does. Why is it not used for stories?",
        (
            Option(
                "It is too slow to write a page.",
                "It is slower, by its width. That alone would not keep anybody from using it.",
            ),
            Option(
                "The likeliest texts are repetitive, and people's are far less likely.",
                "People surprise the model several times as much. Likelier is further away from them, not nearer.",
                right=True,
            ),
            Option(
                "It cannot write anything but the training data.",
                "It writes what the model makes likely, which need not have been written before.",
            ),
        ),
    ),
    Question(
        "After one prompt a token has 99 % of the probability, after another 500 tokens share it. Which cut adapts?",
        (
            Option(
                "top-p: it counts probability, not tokens.",
                "It keeps one token at the first place and hundreds at the second. So does min-p.",
                right=True,
            ),
            Option(
                "top-k with k = 50.",
                "It keeps 49 unlikely tokens at the first place and drops 450 good ones at the second.",
            ),
            Option(
                "A temperature of 0.7.",
                "It changes proportions and drops nothing.",
            ),
        ),
    ),
    Question(
        "Speculative decoding with a very bad draft. What happens to the text?",
        (
            Option(
                "It gets worse, the more guesses are kept.",
                "A guess is kept just so often that each token has the large model's probability.",
            ),
            Option(
                "It gets shorter, for rejected guesses are left out.",
                "In place of a rejected guess another token is drawn.",
            ),
            Option(
                "Nothing: only the time it takes gets longer.",
                "Nearly all guesses are rejected, and each pass of the large model brings one token.",
                right=True,
            ),
        ),
    ),
    Question(
        "Eight examples in the prompt, and the task works. What has the model learned?",
        (
            Option(
                "Its weights have changed a little.",
                "They are the same, bit by bit. Nothing was trained.",
            ),
            Option(
                "Nothing that stays: the examples make the right continuation likely, while they are read.",
                "Without them in the next prompt it is where it was before.",
                right=True,
            ),
            Option(
                "The rule, which it keeps for the rest of the session.",
                "A model keeps nothing from prompt to prompt. What seems so is the conversation, read again.",
            ),
        ),
    ),
    Question(
        "A chatbot has forgotten what you said at the beginning. Why, most likely?",
        (
            Option(
                "The conversation has outgrown the context, and its beginning was left out.",
                "What the model does not read again is gone.",
                right=True,
            ),
            Option(
                "Its weights were overwritten by later turns.",
                "Talking changes no weights.",
            ),
            Option(
                "The temperature was too high.",
                "It may say odd things then, but what it has read it has read.",
            ),
        ),
    ),
)
