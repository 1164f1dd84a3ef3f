"""Exercises 8.8 and 8.9: a prompt with examples, and a conversation that has grown too long."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def prompt(instruction, examples, word):
    """The text that a model goes on from: an instruction, examples, and a question without its answer.

    instruction, then an empty line; without an instruction ("") neither. Each example (question, answer) on a line of
    its own, as `hot -> cold`. At last `word ->`, with nothing after the arrow.
    """
    lines = [instruction, ""] if instruction else []
    lines += [f"{question} -> {answer}" for question, answer in examples]
    return "\n".join([*lines, f"{word} ->"])


def _prompt(instruction, examples, word, between="\n\n", arrow=" -> ", end="", always=False):
    """`prompt` with another line after the instruction, another arrow, or something at the end."""
    head = instruction + between if instruction or always else ""
    lines = [f"{question}{arrow}{answer}" for question, answer in examples]
    return head + "\n".join([*lines, word + arrow.rstrip()]) + end


TASK = "Write the opposite of the word."

PROMPT = Exercise(
    id="8.8",
    title="a prompt with examples",
    minutes=8,
    difficulty=1,
    stub='''def prompt(instruction, examples, word):
    """The text that a model goes on from: an instruction, examples, and a question without its answer.

    instruction, then an empty line; without an instruction ("") neither. Each example (question, answer) on a line of
    its own, as `hot -> cold`. At last `word ->`, with nothing after the arrow.
    """
    raise NotImplementedError
''',
    reference=prompt,
    cases=(
        Case(lambda: ("", [("hot", "cold")], "big")),
        Case(lambda: (TASK, [("hot", "cold"), ("big", "small")], "rich")),
        Case(lambda: (TASK, [], "wet")),
        Case(lambda: ("", [], "wet")),
    ),
    hidden=(
        Case(lambda: ("", [("one", "eins"), ("two", "zwei")], "three")),
        Case(lambda: ("Translate into German.", [("one", "eins")], "two")),
        Case(lambda: ("Translate into German.", [], "four")),
        Case(lambda: ("", [], "four")),
    ),
    invariants=(
        Invariant("nothing after the last arrow", lambda text, *_: text.endswith("->")),
    ),
    hints=(
        'Collect lines in a list, and put "\\n".join(lines) between them.',
        'The instruction brings two lines: itself and an empty one, "".',
        "The model's next token is likely to begin with the space: that is how words look to it.",
    ),
    misconceptions=(
        Misconception(
            "a space after the arrow",
            lambda instruction, examples, word: _prompt(instruction, examples, word, end=" "),
            "A space stands after the last arrow. The tokens of words begin with their space, so a token without one "
            "would have to come next, which the model has hardly ever seen there.",
        ),
        Misconception(
            "a new line at the end",
            lambda instruction, examples, word: _prompt(instruction, examples, word, end="\n"),
            "The text ends with a new line. The answer is to follow on the same line.",
        ),
        Misconception(
            "no empty line",
            lambda instruction, examples, word: _prompt(instruction, examples, word, between="\n"),
            "No empty line stands after the instruction.",
        ),
        Misconception(
            "empty lines without an instruction",
            lambda instruction, examples, word: _prompt(instruction, examples, word, always=True),
            "Without an instruction the text begins with empty lines. It is to begin with the examples.",
        ),
        Misconception(
            "no spaces around the arrow",
            lambda instruction, examples, word: _prompt(instruction, examples, word, arrow="->"),
            "The arrow has a space before it and, in the examples, one after it: `hot -> cold`.",
        ),
        Misconception(
            "examples turned round",
            lambda instruction, examples, word: prompt(
                instruction, [(answer, question) for question, answer in examples], word
            ),
            "Question and answer of the examples are the wrong way round.",
        ),
        Misconception(
            "all on one line",
            lambda instruction, examples, word: prompt(instruction, examples, word).replace("\n", " "),
            "Everything stands on one line. Each example has a line of its own.",
        ),
        Misconception(
            "no examples",
            lambda instruction, examples, word: prompt(instruction, [], word),
            "The examples are missing.",
        ),
    ),
)


def fitted(messages, room):
    """The messages that a model reads: the system message, and the newest of the others that fit with it.

    messages: a list of (role, tokens): the system message, then user and assistant in turns, a user's at the end. While
    they have more than `room` tokens together, the oldest exchange goes: a question and its answer. The system message
    and the last message always stay.
    """
    system, *turns = messages
    while len(turns) > 1 and system[1] + sum(tokens for _, tokens in turns) > room:
        turns = turns[2:]
    return [system, *turns]


def _fitted(messages, room, step=2, least=1, counted=1, more=0, times=100):
    """`fitted`, with other steps, another smallest number of turns, or the system message not counted."""
    system, *turns = messages
    for _ in range(times):
        if len(turns) <= least or counted * system[1] + sum(tokens for _, tokens in turns) <= room - more:
            break
        turns = turns[step:]
    return [system, *turns]


def _newest_go(messages, room):
    system, *turns = messages
    while len(turns) > 1 and system[1] + sum(tokens for _, tokens in turns) > room:
        turns = [*turns[:-3], turns[-1]]
    return [system, *turns]


def _with_a_hole(messages, room):
    """Each older exchange that still fits is kept, also where a newer one did not fit."""
    system, *turns = messages
    kept, left = turns[-1:], room - system[1] - turns[-1][1]
    for start in range(len(turns) - 3, -1, -2):
        exchange = turns[start : start + 2]
        tokens = exchange[0][1] + exchange[1][1]
        if tokens <= left:
            kept, left = [*exchange, *kept], left - tokens
    return [system, *kept]


def _system_first(messages, room):
    kept = list(messages)
    while len(kept) > 1 and sum(tokens for _, tokens in kept) > room:
        kept = kept[1:]
    return kept


def _talk(system, *tokens):
    roles = ("user", "assistant")
    return [("system", system), *((roles[place % 2], count) for place, count in enumerate(tokens))]


FITTED = Exercise(
    id="8.9",
    title="debug this: what is forgotten first",
    minutes=8,
    difficulty=2,
    kind="debug",
    stub='''def fitted(messages, room):
    """The messages that a model reads: the system message, and the newest of the others that fit with it.

    messages: a list of (role, tokens): the system message, then user and assistant in turns, a user's at the end. While
    they have more than `room` tokens together, the oldest exchange goes: a question and its answer. The system message
    and the last message always stay.
    """
    kept = list(messages)
    while sum(tokens for _, tokens in kept) > room:
        kept = kept[1:]
    return kept
''',
    reference=fitted,
    cases=(
        Case(lambda: (_talk(5, 10, 20, 10), 30)),
        Case(lambda: (_talk(5, 10, 20, 10), 45)),
        Case(lambda: (_talk(10, 10, 10, 10, 10, 10), 55)),
        Case(lambda: (_talk(8, 4, 6, 9, 30, 5, 7, 3), 30)),
        Case(lambda: (_talk(8, 3, 3, 30, 5, 5, 7, 3), 30)),
        Case(lambda: (_talk(8, 50), 40)),
        Case(lambda: (_talk(8, 5, 5, 50), 40)),
    ),
    hidden=(
        Case(lambda: (_talk(6, 12, 9, 8), 35)),
        Case(lambda: (_talk(6, 12, 9, 8), 30)),
        Case(lambda: (_talk(6, 2, 2, 2, 2, 2, 2, 9), 20)),
        Case(lambda: (_talk(9, 70), 20)),
        Case(lambda: (_talk(9, 10, 10, 10, 10, 10), 55)),
        Case(lambda: (_talk(10, 20, 10, 20, 10, 20), 60)),
        Case(lambda: (_talk(4, 3, 40, 5, 2, 6, 1, 3), 24)),
        Case(lambda: (_talk(7, 9, 9, 44), 30)),
        Case(lambda: (_talk(6, 2, 1, 25, 9, 4, 4, 5), 24)),
    ),
    invariants=(
        Invariant("the system message first", lambda kept, messages, room: kept[:1] == messages[:1]),
        Invariant("the last message last", lambda kept, messages, room: kept[-1:] == messages[-1:]),
    ),
    hints=(
        "What does kept[1:] throw away first? Take the system message out before the loop.",
        "A question without its answer, or an answer without its question, confuses the model: two go at a time.",
        "And where only one message is left, the loop has to end.",
    ),
    misconceptions=(
        Misconception(
            "the system message goes first",
            _system_first,
            "The system message is the first to go. It stays, whatever else is left out.",
        ),
        Misconception(
            "an older one stays",
            _with_a_hole,
            "An older exchange stays because it is short, although a newer one went. Nothing older than what is left "
            "out may be kept.",
        ),
        Misconception(
            "one message at a time",
            lambda messages, room: _fitted(messages, room, step=1),
            "One message goes at a time, so that an answer may stay without its question. An exchange goes as a whole.",
        ),
        Misconception(
            "system message not counted",
            lambda messages, room: _fitted(messages, room, counted=0),
            "The system message is kept and not counted. It is read, too.",
        ),
        Misconception(
            "the newest go",
            _newest_go,
            "The newest exchange goes, and the oldest stays. The last question is most likely about what came last.",
        ),
        Misconception(
            "the last message goes as well",
            lambda messages, room: _fitted(messages, room, least=0),
            "Where the last message alone is too long it goes as well, and nothing is left to answer. It stays; what "
            "to do then is for the caller to say.",
        ),
        Misconception(
            "only one exchange",
            lambda messages, room: _fitted(messages, room, times=1),
            "One exchange goes at most. Go on while there are too many tokens.",
        ),
        Misconception(
            "a full room counts as too full",
            lambda messages, room: _fitted(messages, room, more=1),
            "Messages that fill the room exactly are shortened. They fit.",
        ),
        Misconception(
            "nothing goes",
            lambda messages, room: list(messages),
            "Nothing is left out.",
        ),
    ),
)
