"""Answers from passages: find the texts that a question is about, and let a chat model read them before it answers.

Retrieval-augmented generation, Lewis et al. 2020: what the model has not learned, or not kept, it can read.
Notation: N passages to search in, V vocabulary.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.conversation import Message, check_messages
from course_utils.errors import CourseError
from course_utils.intervals import wilson_interval
from course_utils.sampling import greedy

UNKNOWN = "I do not know."
CLOSED = "Answer the question in a few words."
GROUNDED = "Answer the question in a few words, from the passages."
OR_SAY = f" If you do not know the answer, say: {UNKNOWN}"          # to be put behind either
WORD = re.compile(r"[^\W_]+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
NOT = r"(?:do|does|did|could|can|would) ?not|(?:do|does|did|could|ca|would)n['’]t"
ABSTAINS = re.compile(
    rf"\b(?:(?:{NOT}) (?:know|say|tell|answer|mention|provide|contain|have)|"
    r"not (?:mentioned|stated|provided|specified|given|known|clear|sure|aware|able|possible)|"
    r"no (?:information|mention|answer)|unknown|unable)\b",
    re.IGNORECASE,
)
DENIES = re.compile(r"\b(?:not|never|incorrect|wrong|mistaken|false|no)\b|n['’]t\b", re.IGNORECASE)


@dataclass(frozen=True)
class GroundingConfig:
    """How an answer is asked for.

    passages: how many are read. budget: tokens that they may take together. longest: tokens of an answer at most.
    begin: how the answer begins, written for the model; without it a small one often goes on with the passages.
    closed, grounded: what the model is told without and with passages; None says nothing, as the chat template does.
    """

    passages: int = 3
    budget: int = 400
    longest: int = 16
    begin: str = "Answer:"
    closed: str | None = CLOSED
    grounded: str | None = GROUNDED

    def __post_init__(self):
        if min(self.passages, self.budget, self.longest) < 1:
            raise CourseError(
                f"passages is {self.passages}, budget {self.budget}, longest {self.longest}; expected 1 or more each."
            )


@dataclass(frozen=True)
class Prompt:
    """What the model is asked, and which passages stand in it.

    whole, shortened, left_out: numbers of passages; of a shortened one the sentences at its end are missing. tokens: of
    the passages together.
    """

    messages: tuple[Message, ...]
    whole: tuple[int, ...] = ()
    shortened: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    tokens: int = 0


@dataclass(frozen=True)
class Answer:
    """One line that the model wrote; confidence: the probability that it gave to all of it, the end too if it came."""

    text: str
    confidence: float
    prompt: Prompt


@dataclass(frozen=True)
class Share:
    """`hits` of `count`, with Wilson's interval of 95 %."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.hits / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high), from 0 to 1."""
        return wilson_interval(self.hits, self.count)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.hits} of {self.count}, {self.value:.0%} [{low:.0%}, {high:.0%}]"


class Reader:
    """A chat model with texts to look things up in.

    engine: an `Engine`, or whatever has its tokenizer, prompt and stream. texts: the N passages. scores: question to
    (N,) how well each fits, such as `by_meaning(…)` or `WordSearch(texts).scores`.
    """

    def __init__(
        self, engine, texts: Sequence[str], scores: Callable[[str], object], config: GroundingConfig = GroundingConfig()
    ):
        self.engine, self.texts, self.scores, self.config = engine, texts, scores, config

    def find(self, question: str, k: int | None = None) -> list[int]:
        """The numbers of the k passages that fit best, the best first; k is the config's where none is given."""
        k = self.config.passages if k is None else k
        scores = np.asarray(self.scores(question))
        if scores.shape != (len(self.texts),) or k < 1:
            raise CourseError(f"{len(self.texts)} passages, scores {scores.shape}, k {k}; expected as many, k above 0.")
        return np.argsort(-scores, kind="stable")[:k].tolist()

    def prompt(self, question: str, passages: Sequence[int] | None = None) -> Prompt:
        """The question behind these passages, or those that `find` finds; with none, `()`, it is closed-book.

        A passage may take an equal share of the tokens that those before it left. Of one that is longer the sentences
        that fit are read. The best comes last, next to the question: what stands in the middle is read worst, Liu et
        al. 2023. Raises CourseError where a passage or the question has a mark of the chat template in it.
        """
        numbers = self.find(question) if passages is None else list(passages)
        if not numbers:
            return Prompt(self._messages(self.config.closed, f"Question: {question}"))
        kept, fits, tokens = [], {}, 0
        for place, number in enumerate(numbers):
            room = (self.config.budget - tokens) // (len(numbers) - place)
            text = self._sentences(kept, self.texts[number].strip(), tokens + room)
            fits[number] = None if text is None else text == self.texts[number].strip()
            kept += [] if text is None else [text]
            tokens = self._count(_together(kept))
        asked = f"{_together(kept)}\n\nQuestion: {question}".lstrip()
        sorted_out = [tuple(n for n in numbers if fits[n] is said) for said in (True, False, None)]
        return Prompt(self._messages(self.config.grounded, asked), *sorted_out, tokens)

    def answer(self, question: str, passages: Sequence[int] | None = None) -> Answer:
        """The first line of what is likeliest, token by token, after the question and these passages; see `prompt`."""
        prompt, choose = self.prompt(question, passages), Remembering()
        text = self.engine.prompt(prompt.messages) + self.config.begin
        written = ""
        for piece in self.engine.stream(text, self.config.longest, None, choose):
            written += piece
            if "\n" in written.lstrip():
                break
        return Answer(written.strip().partition("\n")[0], choose.probability, prompt)

    def options(self, question: str, options: Sequence[str], passages: Sequence[int] | None = None) -> list[float]:
        """How likely each option is as the answer, together 1: a confidence, to be measured against being right.

        exp of the log-probability of all its tokens, divided by the sum over the options; so of two that mean the same
        the shorter one is likelier. The prompt is read once: the engine must be on the fast path, which can go back.
        Raises CourseError for fewer than two options, empty ones, or two alike.
        """
        if len(options) < 2 or len(set(options)) < len(options) or not all(option.strip() for option in options):
            raise CourseError(f"options is {list(options)!r}; expected two or more, all different, none empty.")
        text = self.engine.prompt(self.prompt(question, passages).messages) + self.config.begin
        return (-nats_after(self.engine, text, [f" {option.strip()}" for option in options])).softmax(dim=0).tolist()

    def _messages(self, system: str | None, content: str) -> tuple[Message, ...]:
        messages = [] if system is None else [{"role": "system", "content": system}]
        messages.append({"role": "user", "content": content})
        check_messages(messages, self.engine.tokenizer.all_special_tokens)
        return tuple(messages)

    def _sentences(self, kept: list[str], text: str, most: int) -> str | None:
        """As many first sentences as make at most `most` tokens with those kept; None where not even one does."""
        ends = [*(match.start() for match in SENTENCE_END.finditer(text)), len(text)]
        fitting = (text[:end] for end in reversed(ends) if self._count(_together([*kept, text[:end]])) <= most)
        return next(fitting, None)

    def _count(self, text: str) -> int:
        return len(self.engine.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)


def _together(passages: Sequence[str]) -> str:
    """The passages as they are read, the best, which comes first here, last."""
    return "\n\n".join(reversed(passages))


def nats_after(engine, text: str, continuations: Sequence[str]) -> torch.Tensor:
    """−ln p of each continuation of the text, (n,), all its tokens together; the text is read once.

    Raises CourseError for an engine that is not on the fast path: it cannot go back.
    """
    if not hasattr(engine.model, "rewind"):
        raise CourseError("This engine cannot go back in its text; make one without own functions: Engine().")
    prompt, model, nats = engine.encode(text), engine.model, []
    model.reset()
    first = model.read(prompt)[None]                               # (1, V)
    for continuation in continuations:
        ids = engine.tokenizer(continuation, add_special_tokens=False).input_ids
        logits = first if len(ids) == 1 else torch.cat([first, model.logits(ids[:-1])])               # (T, V)
        nats.append(torch.nn.functional.cross_entropy(logits.double(), torch.tensor(ids), reduction="sum"))
        model.rewind(len(prompt))
    return torch.stack(nats)


class Remembering:
    """`greedy`, and it remembers how probable all that it chose was together."""

    def __init__(self):
        self.nats = 0.0

    def __call__(self, probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
        token = greedy(probability, generator)
        self.nats -= math.log(max(float(probability[token]), 1e-30))
        return token

    @property
    def probability(self) -> float:
        """Of the whole text, from 0 to 1."""
        return math.exp(-self.nats)


def by_meaning(embed: Callable[[list[str]], torch.Tensor], embeddings: torch.Tensor) -> Callable[[str], np.ndarray]:
    """Scores for `Reader`: the product of the question's vector with each passage's, (N,). embed(texts) -> (n, D)."""
    return lambda question: (embeddings @ embed([question])[0]).numpy()


# --- is it right? ---------------------------------------------------------------------------------


def answer_words(text: str, *, cased: bool = False) -> list[str]:
    """The words of an answer without marks and accents, in lower case unless `cased`: `São Tomé` is `sao tome`."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return WORD.findall(plain if cased else plain.lower())


def is_right(answer: str, accepted: Sequence[str]) -> bool:
    """Whether one of the accepted answers stands in the answer, word for word, wherever.

    Of one or two letters, such as the symbol of an element, the case must be right too. Kind to a long answer that
    names several things; so keep answers short. Raises CourseError where nothing is accepted.
    """
    if isinstance(accepted, str) or not accepted or not all(answer_words(one) for one in accepted):
        raise CourseError(f"accepted is {accepted!r}; expected a list of answers, each with a word in it.")
    return any(_stands_in(one, answer, cased=len(one) <= 2) for one in accepted)


def _stands_in(part: str, text: str, cased: bool) -> bool:
    ours, theirs = answer_words(part, cased=cased), answer_words(text, cased=cased)
    return any(theirs[first : first + len(ours)] == ours for first in range(len(theirs) - len(ours) + 1))


def abstains(answer: str) -> bool:
    """Whether the answer says that it has none: "I do not know", "They do not mention it". By its words alone."""
    return not answer.strip() or bool(ABSTAINS.search(answer))


def rejects(answer: str, truth: Sequence[str]) -> bool:
    """Whether a false premise is seen: the answer abstains, denies, or has the truth in the premise's place.

    A denial is any "not" or "no"; so the count is an upper bound. `truth` as in `is_right`.
    """
    return abstains(answer) or bool(DENIES.search(answer)) or is_right(answer, truth)


def share(hits: Sequence[bool]) -> Share:
    """How many of these are true. Raises CourseError where there are none to count."""
    if len(hits) == 0:
        raise CourseError("There is nothing to count; expected at least one answer.")
    return Share(int(sum(map(bool, hits))), len(hits))


def recall_of(found: Sequence[Sequence[int]], right: Sequence[Sequence[int]], k: int) -> Share:
    """Of how many questions one of the right passages is among the first k found."""
    if len(found) != len(right) or k < 1:
        raise CourseError(f"{len(found)} searches, {len(right)} right answers, k {k}; expected as many, k above 0.")
    return share([bool(set(numbers[:k]) & set(those)) for numbers, those in zip(found, right, strict=True)])
