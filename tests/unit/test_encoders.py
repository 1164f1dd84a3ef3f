"""The real encoder: it reads in both directions, and says where each head looked."""

import math

import pytest
import torch

from course_utils.encoders import SentenceEncoder, load_minilm
from course_utils.errors import CourseError

pytestmark = pytest.mark.usefixtures("one_thread")
CAT = "The cat sat on the mat because it was warm."


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return load_minilm()


def test_the_encoder_has_22_million_parameters_and_is_ready_to_read(encoder):
    # Words, 512 positions, 2 segments and a norm; 6 layers of 4 attention matrices, 2 of the MLP and 2 norms, each with
    # biases; the pooler, which the course does not use.
    layer = 4 * (384 * 384 + 384) + (384 * 1536 + 1536) + (1536 * 384 + 384) + 4 * 384
    assert encoder.parameter_count == (30522 + 512 + 2) * 384 + 2 * 384 + 6 * layer + 384 * 384 + 384 == 22_713_216
    assert not encoder.model.training
    assert encoder.model.dtype == torch.float32


def test_each_head_looks_in_both_directions_with_weights_that_sum_to_one(encoder):
    tokens, weights = encoder.attention(CAT)
    assert tokens == ["[CLS]", *CAT[:-1].lower().split(), ".", "[SEP]"]
    assert weights.shape == (6, 12, 13, 13)
    assert not weights.requires_grad
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(6, 12, 13))
    assert weights.triu(diagonal=1).sum() > 0.1 * weights.sum()       # it reads on as well as back


def test_the_weights_are_the_softmax_of_the_models_own_queries_and_keys(encoder):
    encoded = encoder.tokenizer(CAT, return_tensors="pt")
    first = encoder.model.encoder.layer[0].attention.self
    with torch.no_grad():
        x = encoder.model.embeddings(encoded.input_ids)[0]            # (T, D)
        query, key = (part(x).view(len(x), 12, 32).transpose(0, 1) for part in (first.query, first.key))
        expected = (query @ key.transpose(-2, -1) / math.sqrt(32)).softmax(dim=-1)
    torch.testing.assert_close(encoder.attention(CAT)[1][0], expected, rtol=1e-4, atol=1e-5)


def test_a_word_that_is_not_in_the_vocabulary_comes_in_pieces(encoder):
    assert encoder.attention("unpackable")[0] == ["[CLS]", "un", "##pack", "##able", "[SEP]"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_refused(encoder, text):
    with pytest.raises(CourseError, match="The text is empty"):
        encoder.attention(text)


def test_a_text_longer_than_the_models_positions_is_refused_and_not_cut(encoder):
    assert len(encoder.attention("cat " * 510)[0]) == 512
    with pytest.raises(CourseError, match="513 tokens, and the encoder has 512 positions"):
        encoder.attention("cat " * 511)


def test_vectors_are_the_means_over_the_tokens_of_each_text_alone_of_length_one(encoder):
    texts = ["a red heart", "man in a steamy room", "ghost"]
    vectors = encoder.vectors(texts)
    for text, vector in zip(texts, vectors, strict=True):
        with torch.no_grad():
            mean = encoder.model(**encoder.tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        torch.testing.assert_close(vector, mean / mean.norm(), atol=1e-5, rtol=0)
