"""The decoder in Keras against `transformers`, with the same weights; and mistakes, which must show."""

import os
import sys
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from course_utils import keras_decoder
from course_utils.errors import CourseError
from course_utils.generation import generate, greedy
from course_utils.keras_decoder import KerasDecoder, keras, load_keras_decoder, ops, port
from course_utils.models import porting
from course_utils.models.transformer import TransformerConfig
from course_utils.pretrained import load_chat_model
from course_utils.sampling import sample
from course_utils.seeding import generator
from tools.verified import Verified

pytestmark = pytest.mark.usefixtures("one_thread")
TOLERANCE = 1e-4                                                   # of the logits' standard deviation
VOCABULARY, LENGTH = 97, 19
IDS = torch.randint(0, VOCABULARY, (2, LENGTH), generator=generator(1))
VERIFIES = [
    Verified(
        "08",
        "the decoder in Keras, SmolLM2 included",
        "`transformers`, on the same weights",
        TOLERANCE,
        "of the spread",
    ),
]


def llama(tied: bool = True, key_heads: int = 2) -> LlamaForCausalLM:
    """Random weights, large enough that each part counts; no gain is 1, and the epsilon is no small one."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=key_heads, max_position_embeddings=32, tie_word_embeddings=tied, rms_norm_eps=0.1,
    )  # fmt: skip
    model, chance = LlamaForCausalLM(config).eval(), generator(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=chance) + (parameter.ndim == 1))
    return model


def in_keras(theirs: LlamaForCausalLM) -> KerasDecoder:
    config = porting.llama_config(theirs.config)
    model = KerasDecoder(config)
    port(model, porting.llama_weights(theirs.state_dict(), config.tied))
    return model


@torch.no_grad()
def difference(theirs, ours, ids=IDS) -> float:
    """The largest difference of the logits, in standard deviations of those of transformers."""
    expected = theirs(ids).logits
    return ((ours(ids).cpu() - expected).abs().max() / expected.std()).item()


@pytest.fixture(scope="module")
def theirs() -> LlamaForCausalLM:
    return llama()


@pytest.fixture(scope="module")
def ours(theirs) -> KerasDecoder:
    return in_keras(theirs)


# --- the same numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(("tied", "key_heads"), [(True, 2), (False, 2), (True, 1), (True, 6)])
def test_the_logits_are_those_of_transformers(tied, key_heads):
    theirs = llama(tied, key_heads)
    ours = in_keras(theirs)
    assert difference(theirs, ours) < TOLERANCE
    assert ours.count_params() == sum(parameter.numel() for parameter in theirs.parameters())


def test_it_is_a_keras_model_of_ids_to_logits_on_torch(ours):
    assert isinstance(ours, keras.Model) and keras.config.backend() == "torch"
    assert ours.input_shape == (None, None) and ours.output_shape == (None, None, VOCABULARY)
    assert isinstance(ours(IDS), torch.Tensor) and ours(IDS).shape == (2, LENGTH, VOCABULARY)
    predicted = ours.predict(IDS.numpy(), verbose=0)
    torch.testing.assert_close(torch.tensor(predicted), ours(IDS).detach().cpu(), rtol=0, atol=1e-5)


def test_no_position_sees_a_later_one(ours):
    changed = IDS.clone()
    changed[:, 10:] = (changed[:, 10:] + 1) % VOCABULARY
    before, after = ours(IDS), ours(changed)
    torch.testing.assert_close(before[:, :10], after[:, :10], rtol=0, atol=1e-5)
    assert (before[:, 10] - after[:, 10]).abs().max() > 0.1


def test_generate_writes_what_transformers_writes(theirs, ours):
    prompt = IDS[0, :5].tolist()
    out = theirs.generate(
        IDS[:1, :5], attention_mask=torch.ones(1, 5), max_new_tokens=12, do_sample=False, eos_token_id=None
    )
    assert generate(ours, prompt, 12, greedy) == out[0, 5:].tolist()
    drawn = [generate(ours, prompt, 12, sample, generator(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_reading_in_parts_is_reading_at_once(theirs, ours):
    text = IDS[0].tolist()
    memory = None
    for part in (text[:4], text[4:5], text[5:]):
        probability, memory = ours.read(part, memory)
    with torch.no_grad():
        expected = theirs(IDS[:1]).logits[0, -1].softmax(dim=-1)
    torch.testing.assert_close(probability, expected, rtol=0, atol=1e-5)
    assert memory == tuple(text)


@pytest.mark.slow                                                  # two models of half a gigabyte each
def test_smollm2_in_keras_is_smollm2():
    ours, tokenizer = load_keras_decoder("smollm2")
    theirs = load_chat_model().model
    ids = tokenizer("Hello, I'm a language model,", return_tensors="pt").input_ids
    out = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)
    assert generate(ours, ids[0].tolist(), 10, greedy) == out[0, ids.shape[1] :].tolist()
    assert difference(theirs, ours, out) < TOLERANCE
    assert ours.count_params() == 134_515_008


# --- mistakes -------------------------------------------------------------------------------------

TRUE_ROTARY = keras_decoder.rotary


def no_scale(query, key, value):
    return ops.dot_product_attention(query, key, value, is_causal=True, scale=1.0)


def no_mask(query, key, value):
    return ops.dot_product_attention(query, key, value)


def key_heads_in_turn(query, key, value):
    times = query.shape[2] // key.shape[2]                         # 0 1 0 1 where 0 0 1 1 is meant
    return ops.dot_product_attention(query, *(ops.tile(x, (1, 1, times, 1)) for x in (key, value)), is_causal=True)


def first_key_head_alone(query, key, value):
    return ops.dot_product_attention(query, key[:, :, :1], value[:, :, :1], is_causal=True)


def neighbours_turned(x, base):
    apart = ops.concatenate([x[..., 0::2], x[..., 1::2]], axis=-1)
    return ops.reshape(ops.stack(ops.split(TRUE_ROTARY(apart, base), 2, axis=-1), axis=-1), x.shape)


MISTAKES = {
    "no scale": ("attention", no_scale),
    "no mask": ("attention", no_mask),
    "key heads in turn": ("attention", key_heads_in_turn),
    "one key head for all": ("attention", first_key_head_alone),
    "no rotation": ("rotary", lambda x, base: x),
    "neighbours turned": ("rotary", neighbours_turned),
    "another base": ("rotary", lambda x, base: TRUE_ROTARY(x, base / 2)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_shows(name, theirs, ours, monkeypatch):
    assert difference(theirs, ours) < TOLERANCE
    monkeypatch.setattr(keras_decoder, *MISTAKES[name])
    assert difference(theirs, ours) > 100 * TOLERANCE


def test_a_matrix_not_transposed_and_another_epsilon_show(theirs):
    ours = in_keras(theirs)
    kernel = ours.get_layer("block_0").attention.query.kernel     # (24, 24), so that its shape does not tell
    kernel.assign(kernel.value.detach().T.clone())
    assert difference(theirs, ours) > 100 * TOLERANCE
    ours = in_keras(theirs)
    ours.get_layer("norm").epsilon = 1e-5
    assert difference(theirs, ours) > 100 * TOLERANCE


# --- what is refused ------------------------------------------------------------------------------


def test_weights_that_do_not_fit_are_refused(theirs, ours):
    weights = porting.llama_weights(theirs.state_dict(), tied=True)
    missing = {name: weight for name, weight in weights.items() if name != "norm.gain"}
    with pytest.raises(CourseError, match="only one side has: norm.gain"):
        port(ours, missing)
    with pytest.raises(CourseError, match="only one side has: more"):
        port(ours, weights | {"more": weights["norm.gain"]})
    with pytest.raises(CourseError, match=r"key.weight is \(24, 9\); the config asks for \(24, 8\)"):
        port(ours, weights | {"blocks.0.attention.key.weight": torch.zeros(9, 24)})


@pytest.mark.parametrize(
    ("ids", "message"),
    [([], "no ids to go on from"), ([VOCABULARY], "must lie in 0 … 96; got 97"), ([1] * 33, "33 tokens .* at most 32")],
)
def test_ids_that_cannot_be_read_are_refused(ours, ids, message):
    with pytest.raises(CourseError, match=message):
        ours.read(ids)


def test_another_kind_of_decoder_and_another_name_are_refused():
    with pytest.raises(CourseError, match="differs from Llama in norm, position, feed_forward, bias"):
        KerasDecoder(TransformerConfig(VOCABULARY))
    with pytest.raises(CourseError, match="no decoder 'gpt2' here; expected smollm2"):
        load_keras_decoder("gpt2")


def test_keras_on_another_library_is_refused(monkeypatch):
    elsewhere = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", elsewhere)
    with pytest.raises(CourseError, match="Keras runs on 'jax'; expected 'torch'. Restart the kernel"):
        keras_decoder._on_torch()
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "tensorflow")
    with pytest.raises(CourseError, match="Keras runs on 'tensorflow'; expected 'torch'"):
        keras_decoder._on_torch()
