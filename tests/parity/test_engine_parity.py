"""SmolLM2 in our decoder and on the fast path against `transformers`: logits, tokens, and what int8 and int4 cost."""

import math

import pytest
import torch

from benchmarks.quality import surprises
from course_utils.engine import Engine
from course_utils.models.attention import scaled_dot_product_attention
from course_utils.models.fast import FastDecoder
from course_utils.models.layers import rms_norm, rotary, swiglu
from course_utils.models.transformer import WRITTEN_OUT
from course_utils.pretrained import load_chat_model, load_decoder
from course_utils.text import load_sotu
from tools.verified import Verified

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
PROMPTS = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "Name three colours.",
    "Why is the sky blue?",
    "Translate to French: good morning.",
    "Give me a recipe for pancakes.",
    "What does a compiler do?",
    "Tell me a story about a lighthouse keeper.",
)
LENGTH = 128
TOLERANCE = 1e-3                                                   # of the logits' standard deviation
COST, N_BYTES = 0.01, 24_000                                       # of the bits, at most; of the text that is read
VERIFIES = [
    Verified(
        "07",
        "logits of SmolLM2 on our decoder, and on its fast path",
        "`transformers`, on the same weights",
        TOLERANCE,
        "of the spread",
    ),
    Verified(
        "07",
        "what SmolLM2 writes on our fast path",
        "`transformers`: 128 greedy tokens on eight prompts",
        "equal tokens",
    ),
    Verified("07", "bits per byte of SmolLM2 in int8 and in int4", "the same in float32", COST, "of them"),
]


@pytest.fixture(scope="module")
def theirs():
    return load_chat_model()


@pytest.fixture(scope="module")
def ours():
    return load_decoder("smollm2")[0]


@pytest.fixture(scope="module")
def fast(ours):
    return FastDecoder(ours)


@pytest.fixture(scope="module")
def text(theirs):
    """The first 400 tokens of an address of the test part."""
    return theirs.tokenizer(load_sotu().test[:4000]).input_ids[:400]


@pytest.fixture(scope="module")
def expected(theirs, text):
    with torch.no_grad():
        return theirs.model(torch.tensor([text])).logits[0]


def difference(logits, expected) -> float:
    """The largest difference, in standard deviations of what is expected."""
    return ((logits - expected).abs().max() / expected.std()).item()


def test_the_logits_of_our_decoder_are_those_of_transformers(ours, text, expected, record_property):
    with torch.no_grad():
        found = difference(ours(torch.tensor([text]))[0][0], expected)
    record_property("decoder", found)
    print(f"worst difference of our decoder: {found:.1e} of the spread")
    assert found < TOLERANCE


def test_the_logits_of_the_fast_path_are_those_of_transformers(fast, text, expected, record_property):
    fast.reset()
    found = difference(fast.logits(text), expected)
    record_property("fast", found)
    print(f"worst difference of the fast path: {found:.1e} of the spread")
    assert found < TOLERANCE


def test_reading_piece_by_piece_gives_the_same_logits(fast, text):
    fast.reset()
    whole = fast.logits(text[:60])
    fast.reset()
    for first, last in ((0, 40), (40, 41), (41, 42), (42, 60)):
        logits = fast.read(text[first:last])
        assert difference(logits, whole[last - 1]) < 1e-4


@pytest.mark.parametrize("question", PROMPTS)
def test_the_fast_path_writes_the_tokens_of_transformers(theirs, fast, question):
    ids = theirs.tokenizer(theirs.prompt(question)).input_ids
    settings = {"max_new_tokens": LENGTH, "min_new_tokens": LENGTH, "do_sample": False}
    mask = torch.ones(1, len(ids), dtype=torch.long)
    expected = theirs.model.generate(torch.tensor([ids]), attention_mask=mask, **settings)[0, len(ids) :].tolist()
    fast.reset()
    written, unread = [], ids
    for _ in range(LENGTH):
        logits = fast.read(unread)
        logits[theirs.tokenizer.eos_token_id] = float("-inf")      # what min_new_tokens does
        unread = [int(logits.argmax())]
        written += unread
    assert written == expected


def test_an_engine_on_the_functions_of_the_course_answers_like_transformers(theirs):
    own = Engine(attention=scaled_dot_product_attention, rms_norm=rms_norm, rotary=rotary, swiglu=swiglu)
    for question in PROMPTS[:2]:
        assert own.answer(question, longest=40) == theirs.answer(question, longest=40)


def test_our_decoder_shows_where_transformers_looks(theirs):
    decoder, _ = load_decoder("smollm2", WRITTEN_OUT)
    sentence = "The cat sat on the mat because it was warm"
    tokens, expected = theirs.attention(sentence)
    weights = decoder.attention(torch.tensor([theirs.tokenizer(sentence).input_ids]))[0]
    assert weights.shape == expected.shape and len(tokens) == weights.shape[-1]
    assert (weights - expected).abs().max() < 1e-4


@pytest.fixture(scope="module")
def exact(theirs, fast):
    """Nats of each token of the first 24,000 bytes of the test text in float32, and the bytes of them."""
    return surprises(fast, theirs.tokenizer, load_sotu().test[:N_BYTES])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_fewer_bits_cost_at_most_a_hundredth_of_the_bits_per_byte(precision, theirs, ours, exact, record_property):
    """Token by token beside float32, so that a short text tells: three standard errors above the mean stay below COST.

    The whole of the text is `python -m benchmarks quality`.
    """
    nats, n_bytes = exact
    rounded, _ = surprises(FastDecoder(ours, precision), theirs.tokenizer, load_sotu().test[:N_BYTES])
    more = (rounded - nats) / nats.mean()
    mean, error = more.mean().item(), more.std().item() / len(more) ** 0.5
    record_property("float32", nats.sum().item() / math.log(2) / n_bytes)
    record_property(precision, mean)
    print(f"{precision}: {100 * mean:+.2f} % of the bits, give or take {100 * error:.2f}")
    assert 0.5 < nats.sum().item() / math.log(2) / n_bytes < 1.5
    assert mean + 3 * error < COST
