"""A conversation with a chat model: what of it the model reads when it has grown long, and the next answer."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from course_utils.errors import CourseError
from course_utils.sampling import Sampling
from course_utils.seeding import generator

Message = dict[str, str]                                           # role (system, user or assistant) and content
ROLES = ("system", "user", "assistant")
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")                   # a surrogate without its other half


@dataclass(frozen=True)
class ChatConfig:
    """How a chatbot answers.

    system: what it is told before the conversation; None is what the model's own chat template says. longest: tokens of
    an answer at most; that much room is kept free. context: tokens that it reads and writes together, None for all that
    the engine holds. sample(probability (V,), generator) -> id: how the next token is chosen; with `sampling.greedy` an
    answer is the same for every seed. Raises CourseError for numbers of tokens that make no sense.
    """

    system: str | None = None
    longest: int = 200
    context: int | None = None
    sample: Callable = Sampling(temperature=0.7, top_p=0.9)

    def __post_init__(self):
        if self.longest < 1:
            raise CourseError(f"longest is {self.longest}; expected how many tokens an answer may have, 1 or more.")
        if self.context is not None and self.context <= self.longest:
            raise CourseError(
                f"context is {self.context} tokens, and an answer of {self.longest} leaves no room for a question; "
                f"take a larger context or a smaller longest."
            )


@dataclass(frozen=True)
class Reading:
    """What the model reads of a conversation.

    messages: those it reads, the system prompt first. text: the same in the form that it was trained to see, of
    `tokens` tokens. left_out: how many messages at the beginning, the system prompt not counted, no longer fit.
    """

    messages: tuple[Message, ...]
    text: str
    tokens: int
    left_out: int


class Chatbot:
    """An engine that converses. It keeps nothing itself: the conversation is a list of messages that you pass.

    engine: an `Engine`, or whatever has its tokenizer, context, prompt and stream. Raises CourseError where the config
    asks for more tokens than the engine holds.
    """

    def __init__(self, engine, config: ChatConfig = ChatConfig()):
        self.engine, self.config = engine, config
        self.context = engine.context if config.context is None else config.context
        if self.context > engine.context:
            raise CourseError(
                f"context is {self.context}, and the engine holds {engine.context} tokens; "
                f"make a larger one: Engine(context={self.context})."
            )
        if self.context <= config.longest:
            raise CourseError(
                f"An answer of {config.longest} tokens leaves no room for a question: the engine holds {self.context}. "
                f"Take a smaller longest, or Engine(context=…)."
            )

    @cached_property
    def system(self) -> str:
        """The system prompt where a conversation brings none: the config's, else the one in the chat template."""
        return template_system(self.engine) if self.config.system is None else self.config.system

    def read(self, messages: Sequence[Message]) -> Reading:
        """What the model reads of `messages`, oldest first, the last one the user's.

        The system prompt is always kept, and so is the last message. Of the rest the oldest exchanges, a question with
        its answer, are left out until an answer of `longest` tokens still fits behind. Raises CourseError for messages
        that are no conversation, and where the system prompt or the last message alone is too long.
        """
        system, turns = self._parts(messages)
        starts = [place for place, one in enumerate(turns) if place == 0 or one["role"] == "user"]
        first = bisect_left(starts, True, key=lambda start: self._fits([system, *turns[start:]]))
        if first == len(starts):
            raise CourseError(self._too_long(system, turns[-1]))
        kept = [system, *turns[starts[first] :]]
        return Reading(tuple(kept), self.engine.prompt(kept), self._count(kept), starts[first])

    def write(self, reading: Reading, seed: int = 1) -> Iterator[str]:
        """The next answer, piece by piece. Another seed gives another answer, the same seed the same one."""
        return self.engine.stream(reading.text, self.config.longest, generator(seed), self.config.sample)

    def reply(self, messages: Sequence[Message], seed: int = 1) -> Iterator[str]:
        """`read`, then `write`."""
        return self.write(self.read(messages), seed)

    def talk(self, questions: Sequence[str], messages: Sequence[Message] = (), seed: int = 1) -> list[Message]:
        """The conversation `messages`, gone on with these questions and their answers."""
        talk = list(messages)
        for question in questions:
            talk.append({"role": "user", "content": question})
            talk.append({"role": "assistant", "content": "".join(self.reply(talk, seed))})
        return talk

    def _parts(self, messages: Sequence[Message]) -> tuple[Message, list[Message]]:
        """The system prompt and the other messages. Raises CourseError where they are no conversation."""
        check_messages(messages, self.engine.tokenizer.all_special_tokens)
        if messages[0]["role"] == "system":
            return messages[0], list(messages[1:])
        return {"role": "system", "content": self.system}, list(messages)

    def _count(self, messages: Sequence[Message]) -> int:
        text = self.engine.prompt(messages)
        # Not `encode`, which refuses what does not fit; and not verbose: a text that is too long is no surprise here.
        return len(self.engine.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def _fits(self, messages: Sequence[Message]) -> bool:
        return self._count(messages) + self.config.longest <= self.context

    def _too_long(self, system: Message, question: Message) -> str:
        bare = self._count([system, {"role": "user", "content": ""}])
        room = self.context - self.config.longest
        kept = f"the model holds {self.context}, of which {self.config.longest} are kept for the answer"
        make_room = "or make room: a smaller ChatConfig(longest=…), a larger Engine(context=…)."
        if bare >= room:
            return f"The system prompt alone takes {bare} of {room} tokens: {kept}. Shorten it, {make_room}"
        own = self._count([system, question]) - bare
        return f"The message has {own} tokens, and {room - bare} fit: {kept}. Shorten it, {make_room}"


def template_system(engine) -> str:
    """What the chat template puts in as system prompt where none is given; "" where it puts in nothing."""
    mark, user = "SYSTEM PROMPT", {"role": "user", "content": "USER"}
    before, found, after = engine.prompt([{"role": "system", "content": mark}, user]).partition(mark)
    text = engine.prompt([user])
    if not (found and text.startswith(before) and text.endswith(after)):
        return ""
    return text[len(before) : len(text) - len(after)]


def check_messages(messages: Sequence[Message], marks: Sequence[str] = ()) -> None:
    """Raise CourseError unless these are a conversation that waits for an answer.

    marks: what a chat template separates turns with. Written into a message they would forge a turn of somebody else's.
    """
    if isinstance(marks, str) or "" in marks:
        raise CourseError(f"marks are {marks!r:.60}; expected a list of texts, none of them empty.")
    if not messages or messages[-1]["role"] != "user":
        raise CourseError("There is nothing to answer; expected messages whose last one has the role 'user'.")
    for place, message in enumerate(messages):
        role, content = message["role"], message["content"]
        which = "The last message" if place == len(messages) - 1 else f"Message {place} ({role})"
        if role not in ROLES or (role == "system" and place):
            raise CourseError(f"{which} has the role {role!r}; expected user or assistant, or system as the first.")
        if role == "user" and not content.strip():
            raise CourseError(f"{which} is empty; write at least one word.")
        if half := HALF_A_CHARACTER.search(content):
            raise CourseError(f"{which} has half a character in it ({half[0]!r}); take it out.")
        forged = [mark for mark in marks if role != "assistant" and mark in content]
        if forged:
            raise CourseError(
                f"{which} contains {forged[0]}, which the model takes for the border of a turn and not for text. "
                f"Put a space in it."
            )
