"""The contract of a language model, with torch's own cross-entropy and softmax as the judge."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from course_utils.models.counts import NgramCounts
from course_utils.models.language_model import LanguageModel
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import AbsoluteDiscount, AddK, JelinekMercer, KneserNey, Table
from course_utils.text import ByteVocabulary, load_sotu
from tests.support.brute_force import KneserNeyByHand, streams
from tools.verified import Verified

SMOOTHINGS = [AddK(0.3), JelinekMercer(0.8), AbsoluteDiscount(), KneserNey()]
TOLERANCE = 1e-10
VERIFIES = [Verified("01", "nats of a text by an n-gram model", "`torch`'s cross-entropy of its logits", TOLERANCE)]


class Bigram(LanguageModel):
    """The smallest neural language model: a row of logits per token."""

    def __init__(self, vocabulary_size: int):
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.table = nn.Embedding(vocabulary_size, vocabulary_size)

    def forward(self, ids, targets=None):
        logits = self.table(ids)
        return logits, None if targets is None else functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


@pytest.fixture(scope="module")
def text():
    """Bytes of an address: (4, 50) ids and the tokens that follow them."""
    stream = ByteVocabulary().encode(load_sotu().test[:201]).ids[:201]
    return stream[:-1].reshape(4, 50), stream[1:].reshape(4, 50)


@pytest.fixture(scope="module")
def byte_counts():
    vocabulary = ByteVocabulary()
    encoding = vocabulary.encode(load_sotu().train[:30_000])
    return NgramCounts(encoding.ids, 256, 4, encoding.start)


@pytest.mark.parametrize("smoothing", SMOOTHINGS, ids=repr)
def test_token_nats_are_torchs_cross_entropy_of_the_logits_on_real_text(byte_counts, text, smoothing):
    model, (ids, targets) = NGram(byte_counts, smoothing), text
    logits, loss = model(ids, targets)
    expected = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    torch.testing.assert_close(model.token_nats(ids, targets), expected, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(
        loss, functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), rtol=0, atol=TOLERANCE
    )


@given(streams(), st.sampled_from(SMOOTHINGS), st.integers(1, 3), st.integers(1, 7), st.randoms(use_true_random=False))
def test_token_nats_are_torchs_cross_entropy_of_the_logits_on_any_text(stream, smoothing, batch, length, random):
    size = stream["vocabulary_size"]
    model = NGram(NgramCounts(**stream), smoothing)
    ids, targets = (torch.tensor([[random.randrange(size) for _ in range(length)] for _ in range(batch)]) for _ in "it")
    logits, loss = model(ids, targets)
    expected = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    torch.testing.assert_close(model.token_nats(ids, targets), expected, rtol=0, atol=TOLERANCE)
    assert loss.item() == pytest.approx(expected.mean().item(), abs=TOLERANCE)


def test_logits_are_already_log_probabilities(byte_counts, text):
    logits, loss = NGram(byte_counts, KneserNey())(text[0])
    assert loss is None
    assert logits.shape == (4, 50, 256)
    torch.testing.assert_close(logits, logits.log_softmax(dim=-1), rtol=0, atol=1e-12)


@given(streams(longest=30), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_the_nats_of_a_text_are_those_of_the_recursion_over_dictionaries(stream, text):
    text = [token % stream["vocabulary_size"] for token in text]
    by_hand, inputs = KneserNeyByHand(**stream), [stream["start"], *text[:-1]]
    expected = [-math.log(by_hand.probability(tuple(inputs[: t + 1]), token)) for t, token in enumerate(text)]
    nats = NGram(NgramCounts(**stream), KneserNey()).token_nats(torch.tensor([inputs]), torch.tensor([text]))
    assert nats[0].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("made", ["ngram", "neural"])
def test_every_language_model_keeps_the_same_contract(byte_counts, text, made):
    model, (ids, targets) = NGram(byte_counts, KneserNey()) if made == "ngram" else Bigram(256), text
    assert isinstance(model, LanguageModel)
    logits, loss = model(ids, targets)
    assert (logits.shape, loss.shape) == ((4, 50, model.vocabulary_size), ())
    assert model(ids)[1] is None
    nats = model.token_nats(ids, targets)
    assert nats.shape == (4, 50)
    assert loss.item() == pytest.approx(nats.mean().item(), abs=1e-5)  # float32 for the neural one


def test_a_neural_model_is_trained_through_its_loss_and_not_its_token_nats(text):
    model, (ids, targets) = Bigram(256), text
    assert not model.token_nats(ids, targets).requires_grad
    model(ids, targets)[1].backward()
    assert model.table.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("made", ["ngram", "neural"])
def test_the_next_probabilities_are_torchs_softmax_of_the_last_logits(byte_counts, text, made):
    model, ids = NGram(byte_counts, KneserNey()) if made == "ngram" else Bigram(256), text[0][:1]
    expected = model(ids)[0][0, -1].softmax(dim=-1).detach()
    torch.testing.assert_close(model.next_probabilities(ids[0].tolist()), expected, rtol=0, atol=1e-6)


def test_a_model_without_forward_does_not_keep_the_contract():
    with pytest.raises(NotImplementedError):
        LanguageModel()(torch.zeros(1, 1, dtype=torch.int64))


def test_an_ngram_model_has_nothing_to_train(byte_counts):
    assert list(NGram(byte_counts, KneserNey()).parameters()) == []


# --- mutants


class ForgetsGamma(NGram):
    """Its `token_nats` adds the lower order without weighing it; forward stays right."""

    def _nats(self, ids, targets):
        unweighted = NGram(self.counts, self.smoothing)
        unweighted.tables = [Table(table.alpha, np.ones_like(table.gamma)) for table in self.tables]
        return NGram._nats(unweighted, ids, targets)


class SeesTheTarget(NGram):
    """Its `token_nats` looks one token too far."""

    def _nats(self, ids, targets):
        return super()._nats(targets, targets)


@pytest.mark.parametrize("mutant", [ForgetsGamma, SeesTheTarget], ids=lambda mutant: mutant.__name__)
def test_the_comparison_notices_a_token_nats_that_does_not_fit_forward(byte_counts, text, mutant):
    model, (ids, targets) = mutant(byte_counts, KneserNey()), text
    expected = functional.cross_entropy(model(ids)[0].transpose(1, 2), targets, reduction="none")
    with pytest.raises(AssertionError):
        torch.testing.assert_close(model.token_nats(ids, targets), expected, rtol=0, atol=TOLERANCE)
