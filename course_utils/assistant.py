"""A project made usable: a chat model that looks things up and cites them, or a language model that goes on writing.

Both are what a chat box needs: `read` says what of a conversation is read, `write` gives the next answer in pieces.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from course_utils.conversation import Chatbot, ChatConfig, Message, Reading, check_messages
from course_utils.encoders import load_minilm
from course_utils.engine import Engine
from course_utils.errors import CourseError
from course_utils.generation import greedy
from course_utils.memory import give_back
from course_utils.models.fast import FastDecoder
from course_utils.models.lora import LoRAConfig, merge_lora
from course_utils.models.recurrent import RecurrentConfig
from course_utils.project import Project, ProjectError, Shipped
from course_utils.reading import begun, expected
from course_utils.seeding import generator
from course_utils.semantic_search import nearest

NOT_SAID = "The passages that I can look things up in do not say."
SOURCES = "\n\nPassages read:"                                     # from here on the answer is not the model's
ASKED = "{passages}\n\nQuestion: {question}"
QUOTE = '"""'                                                      # a passage stands between two of them
PARAGRAPH_END = re.compile(r"(?<=\S)[^\S\n]*\n\n")


def assistant(project: Project) -> "Helper | Writer":
    """The project as a bot: a `Helper` where its model is a chat model, else a `Writer`. Loading takes seconds."""
    return Helper(project) if isinstance(project.config, LoRAConfig | Shipped) else Writer(project)


# --- a chat model -----------------------------------------------------------------------------------


class ProjectEngine(Engine):
    """The engine of a project's chat model, a correction by LoRA added into its weights.

    precision, context: as of `Engine`. Raises ProjectError where the project has another model or tokenizer.
    """

    def __init__(self, project: Project, precision: str = "float32"):
        if not isinstance(project.config, LoRAConfig | Shipped) or not isinstance(project.tokenizer, Shipped):
            kinds = f"{type(project.config).__name__} with {type(project.tokenizer).__name__}"
            raise ProjectError(f"A {kinds} does not converse; expected Shipped('smollm2') or LoRA on it. See Writer.")
        self.tokenizer, self.sample, self._text = project.encoder(), greedy, None
        model = project.model()
        self.context = model.context
        self.model = FastDecoder(merge_lora(model), precision)
        del model                                                  # the fast path has packed its weights anew
        give_back()


@dataclass(frozen=True)
class Found(Reading):
    """What a helper reads: passages are the numbers of those that stand in the prompt, the best first, scores theirs.

    said: what it answers without asking the model, because no passage fits; else None.
    """

    passages: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    said: str | None = None


class Helper:
    """A chat model with a project's settings, and its passages if it has any.

    For each question the passages nearest in meaning are put before it, and below the answer stands where they come
    from. Only passages that stood in the prompt are named. Their text is quoted: the marks of the chat template in it
    are broken, so that it can forge no turn; whether a model obeys what a quotation asks for, this cannot rule out.

    engine, embed(texts) -> (n, D): others than the project's own, for a test. Raises ProjectError for vectors that are
    not as wide as those of the questions.
    """

    def __init__(self, project: Project, engine: Engine | None = None, embed: Callable | None = None):
        settings = project.settings
        if settings.passages and project.index is None:
            raise ProjectError(f"settings.passages is {settings.passages} and there is no index; expected one, or 0.")
        self.project, self._embed = project, embed
        self.engine = ProjectEngine(project) if engine is None else engine
        self.chatbot = Chatbot(self.engine, ChatConfig(settings.system, settings.longest, sample=settings.strategy))

    @property
    def system(self) -> str:
        """The system prompt to begin with."""
        return self.chatbot.system

    @cached_property
    def embed(self) -> Callable[[Sequence[str]], torch.Tensor]:
        """Texts to vectors (n, D) of length 1, by MiniLM; it is loaded for the first question."""
        return load_minilm().vectors if self._embed is None else self._embed

    def without_passages(self) -> "Helper":
        """The same model, which looks nothing up: what to compare with."""
        closed = replace(self.project, settings=replace(self.project.settings, passages=0))
        return Helper(closed, self.engine, self._embed)

    def look_up(self, question: str, k: int | None = None) -> list[tuple[int, float]]:
        """The numbers of the k passages nearest in meaning, each with its cosine, the best first; k as in settings."""
        k = self.project.settings.passages if k is None else k
        query, vectors = self.embed([question])[0], self.project.index.vectors
        if query.shape != vectors.shape[1:]:
            raise ProjectError(f"The index has vectors of {vectors.shape[1]} numbers, a question of {len(query)}.")
        return nearest(query, vectors.float(), k)

    def read(self, messages: Sequence[Message]) -> Found:
        """What is read of a conversation, oldest message first, the last one the user's.

        Of earlier answers the list of passages is left out. The worst passages give way where not all fit. Raises
        CourseError as `Chatbot.read` does.
        """
        check_messages(messages, self.engine.tokenizer.all_special_tokens)
        plain = [one | {"content": without_sources(one)} for one in messages]
        if not self.project.settings.passages:
            return Found(**vars(self.chatbot.read(plain)))
        found = self.look_up(plain[-1]["content"])
        if found[0][1] < self.project.settings.least:
            return Found((), "", 0, 0, said=NOT_SAID)
        kept = next(kept for kept in range(len(found), -1, -1) if kept == 0 or self._fits(plain, found[:kept]))
        numbers, scores = zip(*found[:kept], strict=True) if kept else ((), ())
        return Found(**vars(self.chatbot.read(self._asked(plain, found[:kept]))), passages=numbers, scores=scores)

    def write(self, reading: Found, seed: int | None = None) -> Iterator[str]:
        """The next answer, piece by piece, then the list of the passages read. The same seed gives the same one."""
        if reading.said is not None:
            yield reading.said
            return
        written = self.chatbot.write(reading, self.project.settings.seed if seed is None else seed)
        yield from until(written, SOURCES.strip("\n"))             # the list is ours to write, not the model's
        if reading.passages:
            yield self.citations(reading)

    def citations(self, reading: Found) -> str:
        """The list below an answer: [1] is the passage that fits best."""
        lines = [f"[{place}] {source}" for place, source in enumerate(self.sources(reading), start=1)]
        return "\n".join([SOURCES, *lines])

    def sources(self, reading: Found) -> list[str]:
        """Where the passages come from that the model read, the best first."""
        return [self.project.index.sources[number] for number in reading.passages]

    def answer(self, question: str, seed: int | None = None) -> str:
        """The whole answer to one question, with its list of passages."""
        return "".join(self.write(self.read([{"role": "user", "content": question}]), seed)).strip()

    def _fits(self, messages: Sequence[Message], found: Sequence[tuple[int, float]]) -> bool:
        """Whether these passages leave room for the question and the answer, whatever of the talk is left out."""
        system = {"role": "system", "content": self.system}
        last = [system, self._asked(messages, found)[-1]]
        tokens = self.engine.tokenizer(self.engine.prompt(last), add_special_tokens=False, verbose=False).input_ids
        return len(tokens) + self.project.settings.longest <= self.chatbot.context

    def _asked(self, messages: Sequence[Message], found: Sequence[tuple[int, float]]) -> list[Message]:
        """The conversation with the passages before its last message, the best next to it: it is read best there."""
        if not found:
            return list(messages)
        marks = self.engine.tokenizer.all_special_tokens
        texts = [quoted(self.project.index.texts[number], marks) for number, _ in found]
        named = [f"Passage {place}:\n{text}" for place, text in enumerate(texts, start=1)]
        asked = ASKED.format(passages="\n\n".join(reversed(named)), question=messages[-1]["content"])
        return [*messages[:-1], {"role": "user", "content": asked}]


def quoted(text: str, marks: Sequence[str] = ()) -> str:
    """A text as a quotation between two QUOTE, with neither QUOTE nor a mark of the chat template left in it."""
    for mark in (QUOTE, *marks):
        text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return f"{QUOTE}\n{text.strip()}\n{QUOTE}"


def without_sources(message: Message) -> str:
    """What a message says, of an answer without the list of passages below it."""
    content = message["content"]
    return content.partition(SOURCES)[0] if message["role"] == "assistant" else content


def until(pieces: Iterable[str], mark: str) -> Iterator[str]:
    """The pieces up to the first `mark`. What may be its beginning is held back until that is known.

    Raises CourseError where the mark is empty.
    """
    if not mark:
        raise CourseError("The mark is empty; expected the sign at which to stop.")
    held = ""
    for piece in pieces:
        held += piece
        if mark in held:
            yield held.partition(mark)[0]
            return
        longest = min(len(mark) - 1, len(held))
        kept = next(length for length in range(longest, -1, -1) if mark.startswith(held[len(held) - length :]))
        yield held[: len(held) - kept]
        held = held[len(held) - kept :]
    yield held


# --- a language model -------------------------------------------------------------------------------


class Writer:
    """A language model that goes on with what the reader writes, to the end of the paragraph, or for `longest` tokens.

    What both have written so far is one text; of a transformer the last `context` tokens count. A paragraph ends with a
    blank line, and so does a tune. There is nobody to tell anything: a system prompt is not read.
    """

    system = ""

    def __init__(self, project: Project):
        if isinstance(project.tokenizer, Shipped):
            raise ProjectError(f"{project.tokenizer} is a chat model's tokenizer; expected a vocabulary. See Helper.")
        self.project, self.model, self.vocabulary = project, project.model(), project.tokenizer

    def read(self, messages: Sequence[Message]) -> Reading:
        """The conversation as one text. Raises CourseError for no conversation, or a sign the vocabulary lacks."""
        check_messages(messages)
        turns = [one for one in messages if one["role"] != "system"]
        tokens = [len(self.vocabulary.encode(joined(turns[first:])).ids) for first in range(len(turns))]
        endless = isinstance(self.project.config, RecurrentConfig)
        left_out = 0 if endless else sum(count >= self.model.context for count in tokens[1:])
        return Reading(tuple(turns), joined(turns), tokens[0], left_out)

    def write(self, reading: Reading, seed: int | None = None) -> Iterator[str]:
        """What follows, piece by piece; the same seed gives the same text."""
        settings = self.project.settings
        ids = [self.vocabulary.start, *self.vocabulary.encode(reading.text).ids.tolist()]
        drawn = generator(settings.seed if seed is None else seed)
        return self._paragraph(continued(self.model, ids, settings.longest, settings.strategy, drawn))

    def answer(self, text: str, seed: int | None = None) -> str:
        """What follows the text."""
        return "".join(self.write(self.read([{"role": "user", "content": text}]), seed))

    def _paragraph(self, ids: Iterable[int]) -> Iterator[str]:
        """Pieces of text; a character of several tokens comes when it is whole, a blank when the text goes on."""
        written, shown = [], 0
        for token in ids:
            written.append(token)
            whole = self.vocabulary.decode(written)
            if end := PARAGRAPH_END.search(whole):
                yield whole[shown : end.start()]
                return
            if not whole.endswith("\ufffd") and not whole[-1:].isspace():
                yield whole[shown:]
                shown = len(whole)
        yield self.vocabulary.decode(written)[shown:]


def joined(turns: Sequence[Message]) -> str:
    """A conversation as one text. Between an answer and what the reader adds to it stands a space."""
    text = ""
    for one in turns:
        apart = text and one["role"] == "user" and not text[-1].isspace()
        text += f" {one['content']}" if apart else one["content"]
    return text


def continued(
    model, ids: Sequence[int], longest: int, strategy: Callable, generator: torch.Generator | None = None
) -> Iterator[int]:
    """The ids that `generation.generate` appends to `ids`, each as soon as it is chosen, at most `longest`."""
    text, memory = begun(ids), None
    unread = list(text)
    for _ in range(longest):
        probability, memory = expected(model, unread, memory, text)
        unread = [strategy(probability, generator)]
        text += unread
        yield unread[0]
