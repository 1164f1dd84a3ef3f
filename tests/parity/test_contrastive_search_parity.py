"""Contrastive search against the formula of the paper, computed without a cache on the models of transformers.

transformers 5 has no contrastive search of its own any more: the mode is named there, and loads code from the hub.
"""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from course_utils.contrastive import Contrastive, _directions
from course_utils.generation import generate, greedy
from tests.parity.test_decoding_strategies_parity import PROMPT, gpt2, llama
from tools.verified import Verified

LENGTH, SPREAD = 14, 0.2                                           # so even that several tokens are in question
VERIFIES = [
    Verified(
        "08", "contrastive search", "the paper's formula on `transformers`' models, without a cache", "equal tokens"
    ),
]


@torch.no_grad()
def by_the_formula(theirs, prompt: list[int], length: int, k: int, alpha: float) -> list[int]:
    """Su et al. 2022, with everything read anew for each candidate."""
    text = list(prompt)
    for _ in range(length):
        probability = theirs(torch.tensor([text])).logits[0, -1].softmax(dim=-1)
        scores = {}
        for token in probability.topk(k).indices.tolist():
            read = theirs(torch.tensor([[*text, token]]), output_hidden_states=True)
            states = read.hidden_states[-1][0]
            penalty = max(cosine_similarity(states[-1], states[j], dim=0).item() for j in range(len(text)))
            scores[token] = (1 - alpha) * probability[token].item() - alpha * penalty
        text.append(max(scores, key=scores.get))
    return text[len(prompt) :]


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize(("k", "alpha"), [(4, 0.6), (3, 0.3), (6, 0.9)])
def test_our_decoders_write_what_the_formula_says(make, k, alpha):
    texts, greedily = [], []
    for seed in range(3):
        theirs, ours = make(seed, SPREAD)
        texts.append(generate(ours, PROMPT, LENGTH, Contrastive(k, alpha)))
        greedily.append(generate(ours, PROMPT, LENGTH, greedy))
        assert texts[-1] == by_the_formula(theirs, PROMPT, LENGTH, k, alpha)
    assert texts != greedily


class Adds(Contrastive):
    """The penalty with the wrong sign."""

    def balance(self, probability, similarity):
        return (1 - self.alpha) * probability + self.alpha * similarity.amax(dim=1)


class Average(Contrastive):
    """The mean similarity instead of the largest."""

    def balance(self, probability, similarity):
        return (1 - self.alpha) * probability - self.alpha * similarity.mean(dim=1)


class Swapped(Contrastive):
    """alpha and 1 − alpha in each other's place."""

    def balance(self, probability, similarity):
        return self.alpha * probability - (1 - self.alpha) * similarity.amax(dim=1)


def agreeing(strategy) -> int:
    """In how many of six models the strategy writes what the formula says of k = 4, alpha = 0.3."""
    pairs = [make(seed, SPREAD) for make in (llama, gpt2) for seed in range(3)]
    return sum(
        generate(ours, PROMPT, LENGTH, strategy) == by_the_formula(theirs, PROMPT, LENGTH, 4, 0.3)
        for theirs, ours in pairs
    )


@pytest.mark.parametrize("wrong", [Adds(4, 0.3), Average(4, 0.3), Swapped(4, 0.3), Contrastive(3, 0.3)], ids=repr)
def test_a_wrong_balance_would_be_noticed(wrong):
    assert agreeing(wrong) < 6


def test_a_scalar_product_instead_of_the_cosine_would_be_noticed(monkeypatch):
    monkeypatch.setattr("course_utils.contrastive._directions", lambda states: states.float())
    assert agreeing(Contrastive(4, 0.3)) < 6
    assert _directions(torch.tensor([[3.0, 4.0]])).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
