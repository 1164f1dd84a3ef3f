"""The quiz of lesson 16, on the whole course."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "Which of these models does not fit its task?",
        (
            Option(
                "N-gram counts: the next letter, on a watch with hardly any memory.",
                "It fits: a look into a table of counts takes no multiplication, and the last letters tell much.",
            ),
            Option(
                "An encoder: a talk with a reader, streamed word by word.",
                "An encoder reads what stands on both sides of a word. In a talk nothing stands on the right yet: that "
                "is a decoder's task.",
                right=True,
            ),
            Option(
                "An encoder: which of 500 passages means the same as a question.",
                "It fits: one vector for each text, made once, and a product with that of the question.",
            ),
            Option(
                "Diffusion: an image that fits a few words, in a few seconds.",
                "It fits: guidance pulls the image towards the words, and seconds are enough for its steps.",
            ),
        ),
    ),
    Question(
        "Eight settings were tried on the 36 test questions. The best has 27 right. What do you report?",
        (
            Option(
                "27 of 36 with Wilson's interval.",
                "The interval tells how 36 questions scatter, not that the luckiest of eight was taken.",
            ),
            Option(
                "27 of 36: all eight had the same questions.",
                "That makes the comparison fair. The best one's share is still too high: it was chosen by these "
                "questions.",
            ),
            Option(
                "Its share on questions that chose nothing, with the interval.",
                "Settings are chosen on validation questions; the test questions are used once, at the end.",
                right=True,
            ),
            Option(
                "The mean share of the eight.",
                "That is what the settings do on average. It is asked what the one does that will be used.",
            ),
        ),
    ),
    Question(
        "Opening hours change each week. An assistant is to tell them and name its source. What first?",
        (
            Option(
                "Fine-tune it on the new hours each week.",
                "The old hours stay in its weights as well, and no weight says where a fact comes from.",
            ),
            Option(
                "Look up the passage and let the model read it.",
                "Change the passage, and the next answer has changed, with its source beside it. A passage can still "
                "be misread: measure.",
                right=True,
            ),
            Option(
                "Take a larger model.",
                "It knows more of what was there when it was trained. Next week's hours were not.",
            ),
            Option(
                "Lower the temperature to 0.",
                "Then it says the likeliest thing each time, wrong hours included.",
            ),
        ),
    ),
    Question(
        "What is a model card for?",
        (
            Option(
                "To load the model: it holds the weights and the settings.",
                "Those stand in files beside it. A card is read by people.",
            ),
            Option(
                "To prove that the model is safe.",
                "It proves nothing. It says what was measured, how, and what was not.",
            ),
            Option(
                "To print the best figure that was ever reached.",
                "A figure without its questions, its interval and the choice behind it tells a stranger nothing.",
            ),
            Option(
                "To tell strangers what it is for, how it was measured, and where it fails.",
                "So they can decide whether it fits their use, which is not yours. Mitchell et al. 2019.",
                right=True,
            ),
        ),
    ),
    Question(
        "You claim: its answers stand in the passages that it cites. Which measure fits the claim?",
        (
            Option(
                "The share of answers whose cited passages hold the answer.",
                "It looks at the answer and its citation together, and an interval says how sure the share is.",
                right=True,
            ),
            Option(
                "The share of questions whose passage is among the first five.",
                "That is the search alone. The model may cite another passage, or answer from none.",
            ),
            Option(
                "The share of answers with a citation in them.",
                "A number in brackets is written as easily as an invented fact.",
            ),
            Option(
                "Bits per byte on the passages.",
                "That tells how well the model foretells their text. It says nothing of what it answers.",
            ),
        ),
    ),
)
