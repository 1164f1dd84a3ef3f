"""Decoding strategies side by side: what each writes after the same beginnings, beside what a person wrote there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import process_time

import torch

from course_utils.contrastive import Contrastive
from course_utils.diversity import distinct_n, repetition
from course_utils.errors import CourseError
from course_utils.generation import Beam, Sampling, Strategy, generate, greedy
from course_utils.logit_rules import NoRepeatNgram, RepetitionPenalty, Rule
from course_utils.models.language_model import as_ids
from course_utils.reading import logits_after_each
from course_utils.seeding import generator
from course_utils.text import load_wiki

PEOPLE = "people"                                                  # those who wrote the articles


@dataclass(frozen=True)
class Way:
    """How the next token is chosen: the rules, then the strategy."""

    strategy: Strategy
    rules: tuple[Rule, ...] = ()


WAYS: Mapping[str, Way] = {
    "greedy": Way(greedy),
    "beam of 4": Way(Beam(4)),
    "greedy, no trigram twice": Way(greedy, (NoRepeatNgram(3),)),
    "greedy, penalty 1.2": Way(greedy, (RepetitionPenalty(1.2),)),
    "contrastive": Way(Contrastive(4, 0.6)),
    "temperature 0.7": Way(Sampling(0.7)),
    "top-k 50": Way(Sampling(top_k=50)),
    "top-p 0.92": Way(Sampling(top_p=0.92)),
    "min-p 0.1": Way(Sampling(min_p=0.1)),
    "k 50, p 0.95, T 0.7, no bigram twice": Way(Sampling(0.7, top_k=50, top_p=0.95), (NoRepeatNgram(2),)),
    "plain sampling": Way(Sampling()),
}


@dataclass(frozen=True)
class Passage:
    """The beginning of an article, and how the person who wrote it went on; both as ids."""

    title: str
    beginning: tuple[int, ...]
    continuation: tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """One continuation: how much it surprises the model that reads it, how varied it is, and what it took to write.

    bits_per_token: mean surprise. seconds: of the processor, None where not known.
    distinct_2: different pairs of tokens, for each token. repeated_4: share of runs of four that were there before.
    """

    bits_per_token: float
    distinct_2: float
    repeated_4: float
    seconds: float | None


def passages(tokenizer, count: int, beginning: int = 32, continuation: int = 100) -> list[Passage]:
    """The first tokens of `count` English Wikipedia introductions that are long enough, spread evenly over all of them.

    Raises CourseError where there are fewer.
    """
    articles = [article for article in load_wiki() if len(article["extract"]) > 6 * (beginning + continuation)]
    if not 1 <= count <= len(articles):
        raise CourseError(f"count is {count}; expected 1 to {len(articles)} passages of this length.")
    found = []
    for article in articles[:: len(articles) // count][:count]:
        ids = tokenizer(article["extract"], add_special_tokens=False).input_ids
        if len(ids) < beginning + continuation:                    # more than six letters a token are rare
            raise CourseError(f"{article['title']!r} has {len(ids)} tokens; expected more. Ask for shorter passages.")
        found.append(Passage(article["title"], tuple(ids[:beginning]), tuple(ids[beginning:][:continuation])))
    return found


def forbid(token: int) -> Rule:
    """The rule that `token` is never written, such as the end of the text."""
    return lambda ids, logits: logits.index_fill(0, torch.tensor([token]), -math.inf)


def bits_per_token(model, beginning: Sequence[int], ids: Sequence[int]) -> float:
    """Mean −log2 p of `ids` after `beginning`, by the model's own probabilities, whatever they were chosen by."""
    beginning, ids = as_ids(beginning).tolist(), as_ids(ids).tolist()
    if not beginning or not ids:
        raise CourseError(f"{len(beginning)} ids and {len(ids)} after them; expected one or more of each.")
    logits, _ = logits_after_each(model, [*beginning, *ids])                                  # (T, V)
    log_p = logits[len(beginning) - 1 : -1].float().log_softmax(dim=-1)
    return -log_p.gather(1, torch.tensor(ids)[:, None]).mean().item() / math.log(2)


def write(model, passage: Passage, way: Way, end: int, seed: int = 1) -> tuple[list[int], float]:
    """As many ids after the beginning as the person wrote, none of them `end`, and the processor's seconds for it."""
    begun, rules = process_time(), (forbid(end), *way.rules)
    ids = generate(model, passage.beginning, len(passage.continuation), way.strategy, generator(seed), rules=rules)
    return ids, process_time() - begun


def measure(model, passage: Passage, ids: Sequence[int], seconds: float | None = None) -> Measured:
    """What can be counted of a continuation of the passage, whoever wrote it."""
    bits = bits_per_token(model, passage.beginning, ids)
    return Measured(bits, distinct_n(ids, 2), repetition(ids, 4), seconds)
