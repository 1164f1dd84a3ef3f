"""The references of lesson 08's exercises do what the course's own modules do."""

import pytest
import torch

from course_utils.beam_search import Beam, beam_search
from course_utils.exercises.lesson08.asking import fitted
from course_utils.exercises.lesson08.choosing import KEPT, min_p, nucleus, warm
from course_utils.exercises.lesson08.searching import accept, beam, forbidden, restless, varied
from course_utils.logit_rules import NoRepeatNgram
from course_utils.sampling import Sampling
from course_utils.seeding import generator
from course_utils.speculative import missing

SEEDS = range(5)


def drawn(seed: int, size: int = 40) -> torch.Tensor:
    return 3 * torch.randn(size, generator=generator(seed))


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cuts_are_those_of_sampling(seed):
    logits = drawn(seed)
    probability = logits.softmax(dim=-1)
    same(warm(logits, 0.7, 9), Sampling(0.7, top_k=9).distribution(probability))
    same(nucleus(probability, 0.85), Sampling(top_p=0.85).distribution(probability))
    same(min_p(probability, 0.1), Sampling(min_p=0.1).distribution(probability))


def test_of_equally_likely_tokens_the_same_are_kept():
    even, steps = torch.full((64,), 1 / 64), torch.tensor([0.125, 0.375, 0.125, 0.375])
    same(nucleus(even, 0.5), Sampling(top_p=0.5).distribution(even))
    same(nucleus(steps, 0.375), torch.tensor([0.0, 1.0, 0.0, 0.0]))
    same(nucleus(steps, 1.0), steps)
    same(min_p(steps, 1.0), torch.tensor([0.0, 0.5, 0.0, 0.5]))
    same(warm(steps.log(), 1.0, 1), Sampling(top_k=1).distribution(steps))
    same(warm(steps.log(), 1.0, 9), steps)


def test_the_number_on_paper_is_what_sampling_keeps():
    probability = torch.tensor([0.48, 0.24, 0.16, 0.08, 0.04])
    assert int((Sampling(0.5, top_p=0.9).distribution(probability) > 0).sum()) == KEPT.reference


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_forbidden_tokens_are_those_of_the_rule(seed, n):
    ids = torch.randint(4, (30,), generator=generator(seed)).tolist()
    for text in (ids, ids[:1], []):
        assert forbidden(text, n) == set(NoRepeatNgram(n).forbidden(text))


class Table:
    """A model whose memory is the ids themselves."""

    def __init__(self, read):
        self.table = read

    def read(self, ids, memory=()):
        text = (*(memory or ()), *ids)
        return torch.tensor(self.table(text[1:])), text            # the first id is the prompt


@pytest.mark.parametrize("read", [varied, restless])
@pytest.mark.parametrize(("width", "length"), [(1, 4), (2, 5), (4, 4)])
def test_the_beam_finds_the_text_of_beam_search(read, width, length):
    best = beam_search(Table(read), [0], length, Beam(width))[0]
    assert beam(read, width, length) == list(best.ids)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_guess_is_judged_as_in_speculative_decoding_and_together_that_is_p(seed):
    p, q = drawn(seed, 6).softmax(dim=-1), drawn(seed + 50, 6).softmax(dim=-1)
    kept = torch.stack([accept(p, q, token)[0] for token in range(6)])
    rest = accept(p, q, 0)[1]
    same(rest, missing(p, q))
    same(q * kept + (q * (1 - kept)).sum() * rest, p)


def test_of_a_long_conversation_the_newest_exchanges_are_kept():
    talk = [("system", 5), *[("user", 10), ("assistant", 10)] * 4, ("user", 10)]
    assert fitted(talk, 100) == talk
    assert fitted(talk, 60) == [talk[0], *talk[-5:]]
    assert fitted(talk, 1) == [talk[0], talk[-1]]
