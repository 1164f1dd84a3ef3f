"""Lesson 00: two easy exercises that show how checks work, and its quiz."""

import math

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception, Option, Question


def most_likely(probabilities):
    """The token that has the highest probability. probabilities: dict of token → probability."""
    return max(probabilities, key=probabilities.get)


MOST_LIKELY = Exercise(
    id="0.1",
    title="the most likely token",
    minutes=3,
    difficulty=1,
    stub='''def most_likely(probabilities):
    """The token that has the highest probability. probabilities: dict of token → probability."""
    raise NotImplementedError
''',
    reference=most_likely,
    cases=(
        Case(lambda: ({" blue": 0.7, " grey": 0.3},)),
        Case(lambda: ({" the": 0.2, " falling": 0.5, " clear": 0.3},)),
        Case(lambda: ({" a": 0.1, " b": 0.2, " c": 0.4, " d": 0.3},)),
    ),
    hidden=(
        Case(lambda: ({"x": 0.4, "y": 0.6},)),
        Case(lambda: ({"q": 0.25, "m": 0.05, "a": 0.6, "z": 0.1},)),
    ),
    invariants=(Invariant("the result is one of the tokens", lambda token, probabilities: token in probabilities),),
    hints=(
        "Go through probabilities.items() and remember the token whose probability is the highest so far.",
        "max(...) takes a key: a function that says by what to compare. probabilities.get gives the probability "
        "of a token.",
    ),
    misconceptions=(
        Misconception(
            "the probability",
            lambda probabilities: max(probabilities.values()),
            "That is the highest probability. The token that has it was asked for.",
        ),
        Misconception(
            "the least likely",
            lambda probabilities: min(probabilities, key=probabilities.get),
            "That is the token with the lowest probability.",
        ),
        Misconception(
            "the first",
            lambda probabilities: next(iter(probabilities)),
            "That is the first token of the dict. A dict keeps the order in which it was written, not the order "
            "of its values.",
        ),
        Misconception(
            "the last of the alphabet",
            lambda probabilities: max(probabilities),
            "That is the token which comes last in the alphabet: max(probabilities) compares the keys, not the values.",
        ),
    ),
)


def bits(probability):
    """How many bits of surprise it is to see something of this probability (above 0, at most 1)."""
    return -math.log2(probability)


BITS = Exercise(
    id="0.2",
    title="bits of surprise",
    minutes=3,
    difficulty=1,
    imports=("import math",),
    stub='''def bits(probability):
    """How many bits of surprise it is to see something of this probability (above 0, at most 1)."""
    raise NotImplementedError
''',
    reference=bits,
    cases=(Case(lambda: (0.5,)), Case(lambda: (0.25,)), Case(lambda: (1.0,)), Case(lambda: (0.1,))),
    hidden=(Case(lambda: (0.125,)), Case(lambda: (0.9,)), Case(lambda: (0.003,))),
    invariants=(Invariant("surprise is never negative", lambda result, probability: result >= 0),),
    hints=(
        "A coin toss has probability 1/2 and is worth 1 bit; two coin tosses have 1/4 and are worth 2 bits.",
        "math.log2(0.25) is -2. What is missing is the sign.",
    ),
    misconceptions=(
        Misconception(
            "nats",
            lambda probability: -math.log(probability),
            "That is in nats: math.log is the natural logarithm. Bits need the logarithm to base 2.",
        ),
        Misconception(
            "sign",
            lambda probability: math.log2(probability),
            "The sign is missing: the logarithm of a number below 1 is negative, and surprise is counted upwards.",
        ),
        Misconception(
            "one plus",
            lambda probability: math.log2(1 + probability),
            "That is log2(1 + p), which grows with p. What is more likely should surprise less.",
        ),
        Misconception(
            "the inverse itself",
            lambda probability: 1 / probability,
            "That is 1/p, the number of equally likely outcomes. The bits are its logarithm to base 2.",
        ),
    ),
)

EXERCISES = (MOST_LIKELY, BITS)

QUIZ = (
    Question(
        'What makes a model of text "generative"?',
        (
            Option("It decides which of a few labels fits a text.", "That is a classifier: a judge. It cannot write."),
            Option(
                "It gives texts probabilities, so new ones can be drawn from it.",
                "Whoever knows how likely each continuation is can pick one, and then the next.",
                right=True,
            ),
            Option(
                "It looks up the best passage in a store of texts.",
                "That is search. A generative model also writes what stands in no store.",
            ),
        ),
    ),
    Question(
        'What does "pre-trained" say?',
        (
            Option(
                "Its parameters were learned on general text before your task was known.",
                "One long training on much text, then many uses.",
                right=True,
            ),
            Option("People wrote its rules before it was used.", "Nobody wrote rules: the parameters come from text."),
            Option(
                "It learns from your questions while it answers them.",
                "Its parameters do not change while it answers. It only reads what stands in the prompt.",
            ),
        ),
    ),
    Question(
        "What does the transformer in a chat model do at each position?",
        (
            Option("It turns the text into another language.", "Translation was its first use, not what it is."),
            Option("It stores the sentence in a table of phrases.", "There is no table of phrases, only parameters."),
            Option(
                "It works out which earlier tokens matter there, and mixes what they say.",
                "That mixing is attention, the subject of lesson 06.",
                right=True,
            ),
        ),
    ),
    Question(
        "What comes out of a language model in one step?",
        (
            Option("The next word.", "Not yet: a word is only chosen afterwards, by a rule that you can change."),
            Option(
                "A probability for every token it knows.",
                "Choosing one of them is a separate step, and all sampling methods differ only there.",
                right=True,
            ),
            Option("A whole sentence.", "Sentences come from repeating the step, one token at a time."),
        ),
    ),
    Question(
        "A chat model names a year for some event. What do you know?",
        (
            Option(
                "That the year stood in its training text.", "It can write years that stood nowhere beside that event."
            ),
            Option(
                "That the year is right, if its probability was high.",
                "A high probability makes it likely text, not true.",
            ),
            Option(
                "That this year is likely text after your prompt.",
                "It was trained to continue text. Whether the year is right has to be looked up.",
                right=True,
            ),
        ),
    ),
)
