"""The quiz of lesson 15."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "The centred odds of she after nurse are 1.2 nats, 95 % interval 0.9 to 1.5. What is shown?",
        (
            Option(
                "Nothing: another neutral word would give another number.",
                "It would move all occupations by one amount. The order and the distances between them would stay.",
            ),
            Option(
                "In these templates it leans to she after nurse more than after the neutral word.",
                "That, and how sure it is. Other templates would be another measurement, which can be made too.",
                right=True,
            ),
            Option(
                "The model exaggerates how many nurses are women.",
                "For that, the odds would have to be compared with shares of the world; this number knows none.",
            ),
            Option(
                "A program built on it will treat nurses unfairly.",
                "That may be. It has to be measured in the program: a lean in its odds need not show in what it does.",
            ),
        ),
    ),
    Question(
        "A chat model now answers from passages that a search has found. What is not solved by that?",
        (
            Option(
                "A question about what happened after its training.",
                "A passage may be of today. The weights need not know what it says.",
            ),
            Option(
                "A fact that its training text told too seldom.",
                "That is what retrieval is good at: the fact is read, not remembered.",
            ),
            Option(
                "Telling the reader where an answer comes from.",
                "The passages have sources, and can stand under the answer. That is not proof that it follows them.",
            ),
            Option(
                "A question that no passage answers.",
                "It may invent an answer as before, or take one from a passage about something else. And a passage can "
                "hold an instruction, which it may obey.",
                right=True,
            ),
        ),
    ),
    Question(
        "A model refuses 48 of 50 harmful requests, and 20 of 50 harmless ones that sound like them. So?",
        (
            Option(
                "It over-refuses: the two numbers have to stand side by side.",
                "A model that refuses everything would reach 50 of 50. Only with the harmless ones beside them do "
                "refusals tell whether it sees the intent.",
                right=True,
            ),
            Option(
                "It is safe: 96 of 100 harmful requests are refused.",
                "Of these requests, worded like this. And what it costs those who asked for something harmless is left "
                "out.",
            ),
            Option(
                "20 of 50 may be chance: the interval reaches to 0.",
                "Wilson's interval goes from 28 % to 54 %. Few requests make it wide, and it is far from 0 all the "
                "same.",
            ),
            Option(
                "More examples of refusals in training would mend both.",
                "They make it refuse more, the harmless too. What it lacks is pairs that differ in intent alone.",
            ),
        ),
    ),
    Question(
        "A float32 model has to take a quarter of its bytes, without any training. Which way?",
        (
            Option(
                "Distil it into a model of a quarter of the size.",
                "That is training: the small model has to read much text, and the large one has to read it too.",
            ),
            Option(
                "Set the three quarters of the weights that are smallest to 0.",
                "A zero takes 4 bytes like any other number, and the places of what is left take room if they are "
                "stored. Without training, so many zeros cost much of the quality too.",
            ),
            Option(
                "Store the weights in 8 bits.",
                "A byte instead of four, and one scale a row. The loss hardly moves; at 4 bits it begins to, and at 2 "
                "bits it is much larger.",
                right=True,
            ),
        ),
    ),
    Question(
        "The attention of a head is made even over the text, and the model predicts the same. What follows?",
        (
            Option(
                "The head can be taken out: it does nothing.",
                "In this text nothing depended on where it looks. In another one it may copy a name.",
            ),
            Option(
                "Where the head looked does not explain this prediction.",
                "Another attention would have led to it as well. A picture of weights shows where a head looks, not "
                "that it matters: change them and see.",
                right=True,
            ),
            Option(
                "Heads can never explain what a model does.",
                "Some can: with its induction heads taken out, a model copies worse. It is the change that shows it, "
                "not the picture.",
            ),
            Option(
                "The hidden states do not hold what the head looked at.",
                "A probe could say that, beside an equal one on a control task. Attention says nothing of what they "
                "hold.",
            ),
        ),
    ),
)
