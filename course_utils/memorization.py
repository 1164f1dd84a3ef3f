"""What a language model knows by heart: made-up secrets, planted in the text it learns from, and how far they show.

A canary is a fixed sentence around a number that was drawn at random, so nothing but the training text can tell the
number. Its exposure says how much likelier than other numbers the model finds it. Carlini et al. 2019, "The Secret
Sharer".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch

from course_utils.errors import CourseError
from course_utils.generation import generate, greedy
from course_utils.intervals import wilson_interval
from course_utils.models.language_model import LanguageModel
from course_utils.text.batches import padded
from course_utils.text.duplicates import without_duplicates
from course_utils.text.vocabulary import Vocabulary

SLOT = "{}"
DIGITS = "0123456789"
MOST_CANDIDATES = 1_000_000                                        # more take hours on two cores: compare with a sample
TEXTS_A_PASS = 250


@dataclass(frozen=True)
class Canary:
    """A secret of digits in a sentence, such as "The number of the red door is {}.", which holds its place, once."""

    frame: str
    secret: str

    def __post_init__(self):
        if self.frame.count(SLOT) != 1:
            raise CourseError(f"The frame {self.frame!r} holds {SLOT} {self.frame.count(SLOT)} times; expected once.")
        if not self.secret or set(self.secret) - set(DIGITS):
            raise CourseError(f"The secret is {self.secret!r}; expected one or more of the digits 0 to 9.")

    @property
    def text(self) -> str:
        """The sentence with the secret."""
        return self.with_secret(self.secret)

    @property
    def candidates(self) -> int:
        """How many secrets of this length there are."""
        return len(DIGITS) ** len(self.secret)

    def with_secret(self, secret: str) -> str:
        """The sentence with another secret."""
        return self.frame.replace(SLOT, secret)


def draw_canaries(frames: Sequence[str], digits: int, generator: torch.Generator) -> list[Canary]:
    """One canary for each frame, its secret drawn from the 10^digits, each as likely. Raises CourseError below 1."""
    if digits < 1:
        raise CourseError(f"digits is {digits}; expected 1 or more.")
    secrets = _secrets(len(frames), digits, generator)
    return [Canary(frame, secret) for frame, secret in zip(frames, secrets, strict=True)]


def _secrets(count: int, digits: int, generator: torch.Generator) -> list[str]:
    drawn = torch.randint(len(DIGITS), (count, digits), generator=generator)
    return ["".join(map(str, row)) for row in drawn.tolist()]


# --- into the training text, and out of it -----------------------------------------------------------


def plant(
    paragraphs: Sequence[str], copies: Mapping[Canary, int], generator: torch.Generator, hidden: bool = False
) -> list[str]:
    """The paragraphs with so many copies of each canary among them, at places drawn at random.

    A copy is a paragraph of its own. If `hidden`, it is the last sentence of a paragraph, each of another one. Raises
    CourseError for a canary that is in the text already, and where there are fewer paragraphs than copies to hide.
    """
    for canary, count in copies.items():
        if count < 0:
            raise CourseError(f"{canary.text!r} is to be planted {count} times; expected 0 or more.")
        if any(canary.text in paragraph for paragraph in paragraphs):
            raise CourseError(f"{canary.text!r} is in the text already; plant into a text that is without it.")
    planted = [canary.text for canary, count in copies.items() for _ in range(count)]
    return (_hidden_in if hidden else _put_among)(list(paragraphs), planted, generator)


def _put_among(paragraphs: list[str], planted: list[str], generator: torch.Generator) -> list[str]:
    for text in planted:
        paragraphs.insert(int(torch.randint(len(paragraphs) + 1, (), generator=generator)), text)
    return paragraphs


def _hidden_in(paragraphs: list[str], planted: list[str], generator: torch.Generator) -> list[str]:
    if len(planted) > len(paragraphs):
        raise CourseError(f"There are {len(planted)} copies to hide and {len(paragraphs)} paragraphs; give more text.")
    hosts = torch.randperm(len(paragraphs), generator=generator)[: len(planted)].tolist()
    for host, text in zip(hosts, planted, strict=True):
        paragraphs[host] = f"{paragraphs[host]} {text}"
    return paragraphs


def deduplicated(paragraphs: Sequence[str], threshold: float = 0.8) -> list[str]:
    """The paragraphs, of those whose likeness is `threshold` or more only the first. Lee et al. 2022.

    It compares whole paragraphs: the same sentence at the end of two that are otherwise unlike stays twice.
    """
    return [paragraphs[i] for i in without_duplicates(paragraphs, threshold)]


# --- how far a model knows it -----------------------------------------------------------------------


@dataclass(frozen=True)
class Exposure:
    """log2 of the candidates less log2 of the canary's rank among them: 0 bits for the least likely of all.

    bits: exact where all candidates were compared, then low = high = bits; else an estimate in its interval of 95 %.
    rank: the canary's, 1 the likeliest, among `compared` secrets, itself included; `candidates`: how many there are.
    The number of a model that never read the canary is x bits or more with probability 2^−x, 1.44 on average.
    """

    bits: float
    low: float
    high: float
    rank: int
    compared: int
    candidates: int

    @property
    def exact(self) -> bool:
        """Whether the canary was compared with every candidate, and not with a sample."""
        return self.low == self.high


def exposure(
    model: LanguageModel,
    vocabulary: Vocabulary,
    canary: Canary,
    sample: int | None = None,
    generator: torch.Generator | None = None,
) -> Exposure:
    """Compare the canary with every other secret of its length, or with a `sample` of them.

    Secrets that the model finds exactly as likely rank before it, so a model that tells none apart exposes none. A
    sample of m shows log2(m + 1) bits at most: `high` says what it cannot rule out. The paper goes on from a sample by
    fitting a curve to the losses; that is not done here. Raises CourseError where all would be more than a million.
    """
    others = _all_others(canary) if sample is None else _others(canary, sample, generator)
    nats = text_nats(model, vocabulary, [canary.text, *map(canary.with_secret, others)])        # (1 + m,)
    before = int((nats[1:] <= nats[0]).sum())
    rank, compared = 1 + before, 1 + len(others)
    bits = math.log2(compared / rank)
    if sample is None:
        return Exposure(bits, bits, bits, rank, compared, canary.candidates)
    smallest, largest = wilson_interval(before, len(others))       # the share of secrets that rank before it
    low, high = math.log2(1 / largest), math.log2(min(1 / max(smallest, 1e-12), canary.candidates))
    return Exposure(bits, low, high, rank, compared, canary.candidates)


def _all_others(canary: Canary) -> list[str]:
    if canary.candidates > MOST_CANDIDATES:
        raise CourseError(
            f"There are {canary.candidates:,} secrets of {len(canary.secret)} digits; compare with a sample of them: "
            "exposure(model, vocabulary, canary, sample=10_000, generator=generator(1))."
        )
    every = map("".join, product(DIGITS, repeat=len(canary.secret)))
    return [secret for secret in every if secret != canary.secret]


def _others(canary: Canary, sample: int, generator: torch.Generator | None) -> list[str]:
    """`sample` secrets drawn with replacement, none of them the canary's."""
    if sample < 1 or generator is None:
        raise CourseError(f"sample is {sample}, generator is {generator}; expected 1 or more, and one to draw with.")
    drawn: list[str] = []
    while len(drawn) < sample:
        more = _secrets(sample - len(drawn), len(canary.secret), generator)
        drawn += [secret for secret in more if secret != canary.secret]
    return drawn


def text_nats(model: LanguageModel, vocabulary: Vocabulary, texts: Sequence[str]) -> torch.Tensor:
    """(N,) −ln p of each text as a whole, float64, read from the vocabulary's `start`; many texts in a pass.

    The model has to read from left to right: shorter texts are filled up at the end, and what was filled is not
    counted.
    """
    sums = [torch.empty(0, dtype=torch.float64)]
    for begin in range(0, len(texts), TEXTS_A_PASS):
        encodings = [vocabulary.encode(text) for text in texts[begin : begin + TEXTS_A_PASS]]
        inputs = padded([encoding.inputs.tolist() for encoding in encodings], dtype=torch.int64)    # (B, T)
        targets = padded([encoding.ids.tolist() for encoding in encodings], dtype=torch.int64)
        lengths = torch.tensor([len(encoding.ids) for encoding in encodings])
        read = torch.arange(targets.shape[1]) < lengths[:, None]
        sums.append((model.token_nats(inputs, targets).double() * read).sum(dim=1))
    return torch.cat(sums)


def extract(model: LanguageModel, vocabulary: Vocabulary, canary: Canary) -> str:
    """What the model itself writes where the secret stands, token by token the likeliest; as long as the secret.

    Equal to `canary.secret`, the secret is out. One of 10^digits would be by chance.
    """
    prompt = canary.frame.partition(SLOT)[0]
    begin = prompt.rstrip(" ")                                     # a space may belong to the token that follows
    ids = [vocabulary.start, *vocabulary.encode(begin).ids.tolist()]
    longest = len(prompt) - len(begin) + len(canary.secret)        # a token writes one character or more
    written = vocabulary.decode(generate(model, ids, longest, greedy))
    return written.removeprefix(prompt[len(begin) :])[: len(canary.secret)]
