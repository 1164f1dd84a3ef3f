"""Our transformers against those of `transformers`, with the same random weights; and mistakes, which must show."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from course_utils.errors import CourseError
from course_utils.models import attention, encoder_decoder, layers, porting, transformer
from course_utils.models.encoder import Encoder
from course_utils.models.encoder_decoder import EncoderDecoder
from course_utils.models.transformer import FUSED, WRITTEN_OUT, Operations, Transformer
from course_utils.seeding import generator
from tools.verified import Verified

TOLERANCE = 1e-5                                                   # of the outputs' standard deviation
VOCABULARY, LENGTH = 97, 19
SHORT = 11                                                         # length of the second row, where there is padding
VERIFIES = [
    Verified(
        "07",
        "decoder, encoder, encoder–decoder",
        "`transformers`' GPT-2, Llama, BERT and T5, small and random",
        TOLERANCE,
        "of the spread",
    ),
]


def ids(seed: int, length: int = LENGTH) -> torch.Tensor:
    return torch.randint(3, VOCABULARY, (2, length), generator=generator(seed))


def padding(length: int = LENGTH) -> torch.Tensor:
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, SHORT:] = False
    return mask


def made(family, config) -> nn.Module:
    """A model of transformers, which draws its first weights from the global generator: the same ones each time.

    Rounding differs from draw to draw, from 2e-6 to 1e-5 of T5's spread, and now and then would cross the line.
    """
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return family(config)


def shaken(model: nn.Module, by: float = 0.2) -> nn.Module:
    """The model with larger weights, and no gain or bias at the value it starts from, so that each of them counts."""
    chance = generator(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += by * torch.randn(parameter.shape, generator=chance)
    return model.eval()


# --- the four families: what theirs gives, and what ours gives with the same weights ------------------


def gpt2():
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=32, n_embd=24, n_head=3, n_layer=3, bos_token_id=0, eos_token_id=0
    )
    return shaken(made(GPT2LMHeadModel, config))


def llama(tied: bool = True):
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=32,
        tie_word_embeddings=tied,
        rms_norm_eps=0.1,
    )
    return shaken(made(LlamaForCausalLM, config))


def bert():
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=50,
        max_position_embeddings=32,
    )
    return shaken(made(BertModel, config))


def t5(**parts):
    config = T5Config(vocab_size=VOCABULARY, d_model=24, d_kv=7, d_ff=40, num_layers=3, num_heads=4, **parts)
    config.tie_word_embeddings = parts.get("tie_word_embeddings", True)      # version 5 sets it to True in any case
    model = made(T5ForConditionalGeneration, config)
    model.set_input_embeddings(model.shared)
    return shaken(model, by=0.1)                                   # unscaled scores grow, and rounding with them


def our_decoder(theirs, operations: Operations = FUSED) -> Transformer:
    if isinstance(theirs, GPT2LMHeadModel):
        config, weights = porting.gpt2_config(theirs.config), porting.gpt2_weights(theirs.state_dict())
    else:
        config = porting.llama_config(theirs.config)
        weights = porting.llama_weights(theirs.state_dict(), config.tied)
    model = Transformer(config, generator(0), operations).eval()
    model.load_state_dict(weights)
    return model


def our_encoder(theirs) -> Encoder:
    model = Encoder(porting.bert_config(theirs.config), generator(0)).eval()
    model.load_state_dict(porting.bert_weights(theirs.state_dict()))
    return model


def our_encoder_decoder(theirs) -> EncoderDecoder:
    config = porting.t5_config(theirs.config)
    model = EncoderDecoder(config, generator(0)).eval()
    model.load_state_dict(porting.t5_weights(theirs.state_dict(), config.tied))
    return model


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, in standard deviations of theirs."""
    return ((ours - theirs).abs().max() / theirs.std()).item()


@torch.no_grad()
def decoder_difference(theirs, ours: Transformer) -> float:
    return difference(ours(ids(1))[0], theirs(ids(1)).logits)


@torch.no_grad()
def bert_difference(theirs, ours: Encoder) -> float:
    mask, segments = padding(), ids(2) % 2
    expected = theirs(ids(1), attention_mask=mask.long(), token_type_ids=segments).last_hidden_state
    return difference(ours(ids(1), mask, segments)[mask], expected[mask])


@torch.no_grad()
def t5_difference(theirs, ours: EncoderDecoder) -> float:
    source, target, mask = ids(1, 170), ids(2, 150), padding(170)     # distances beyond 128 share a bucket
    expected = theirs(input_ids=source, attention_mask=mask.long(), decoder_input_ids=target).logits
    return difference(ours(source, target, mask=mask)[0], expected)


@pytest.mark.parametrize("operations", [FUSED, WRITTEN_OUT], ids=["fused", "written out"])
@pytest.mark.parametrize("make", [gpt2, llama, lambda: llama(tied=False)], ids=["gpt2", "llama", "llama untied"])
def test_our_decoder_gives_the_logits_of_transformers(make, operations):
    theirs = make()
    assert decoder_difference(theirs, our_decoder(theirs, operations)) < TOLERANCE


@pytest.mark.parametrize("make", [gpt2, lambda: llama(tied=False)], ids=["gpt2", "llama"])
def test_our_decoder_writes_the_same_greedy_tokens_with_its_cache(make):
    theirs = make()
    ours, prompt = our_decoder(theirs), ids(3)[:1, :6]
    settings = {"max_new_tokens": 20, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), **settings)[0, 6:].tolist()
    written, memory, unread = [], None, prompt[0].tolist()
    for _ in range(20):
        probability, memory = ours.read(unread, memory)
        unread = [int(probability.argmax())]
        written += unread
    assert written == expected and len(set(written)) > 3


def test_our_encoder_gives_the_states_of_bert():
    theirs = bert()
    ours = our_encoder(theirs)
    assert bert_difference(theirs, ours) < TOLERANCE
    with torch.no_grad():
        expected = theirs(ids(1), output_hidden_states=True).hidden_states
        states = ours.states(ids(1))
    assert len(states) == len(expected) == 4
    assert max(difference(mine, other) for mine, other in zip(states, expected, strict=True)) < TOLERANCE


@pytest.mark.parametrize(
    "parts",
    [{}, {"feed_forward_proj": "gated-gelu"}, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}],
    ids=["t5", "gated", "flan"],
)
def test_our_encoder_decoder_gives_the_logits_of_t5(parts):
    theirs = t5(**parts)
    assert t5_difference(theirs, our_encoder_decoder(theirs)) < TOLERANCE


# --- mistakes: each of these would be a wrong model that runs -----------------------------------------


def no_mask(query, key, value, mask=None, bias=None):
    return attention.fused_attention(query, key, value, None, bias)


def no_scale(query, key, value, mask=None, bias=None):
    return encoder_decoder.unscaled_attention(query, key, value, mask, bias)


def looks_one_ahead(query, key, value, mask=None, bias=None):
    late = mask | mask.roll(1, -1).tril(1) | torch.eye(mask.shape[-1], dtype=torch.bool).roll(1, -1).triu(1)
    return attention.fused_attention(query, key, value, late, bias)


def softmax_over_queries(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-2).nan_to_num()
    return weights @ value, weights


def mask_after_softmax(query, key, value, mask=None, bias=None):
    weights = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(dim=-1) * mask
    return weights @ value, weights


def centred_norm(x, gain, epsilon):
    return layers.layer_norm(x, gain, None, epsilon)


def norm_without_epsilon(x, gain, epsilon):
    return layers.rms_norm(x, gain, 0.0)


def norm_without_gain(x, gain, epsilon):
    return layers.rms_norm(x, torch.ones_like(gain), epsilon)


def neighbours_turned(x, positions, base):
    """The pairs of the paper, (2i, 2i + 1), where the weights expect (i, i + K/2)."""
    apart = torch.cat([x[..., 0::2], x[..., 1::2]], dim=-1)
    first, second = layers.rotary(apart, positions, base).chunk(2, dim=-1)
    return torch.stack([first, second], dim=-1).flatten(-2)


def turned_by_half(x, positions, base):
    return layers.rotary(x, positions / 2, base)


def turned_with_another_base(x, positions, base):
    return layers.rotary(x, positions, base / 2)


def gate_and_up_swapped(x, gate, up, down):
    return layers.swiglu(x, up, gate, down)


def gate_with_gelu(x, gate, up, down):
    return encoder_decoder.geglu(x, gate, up, down)


SWAPS = {
    "the mask dropped": {"attention": no_mask},
    "the scale dropped": {"attention": no_scale},
    "one step into the future": {"attention": looks_one_ahead},
    "softmax over the queries": {"attention": softmax_over_queries},
    "mask after the softmax": {"attention": mask_after_softmax},
    "the mean taken off": {"rms_norm": centred_norm},
    "no epsilon": {"rms_norm": norm_without_epsilon},
    "no gain": {"rms_norm": norm_without_gain},
    "no rotation": {"rotary": lambda x, positions, base: x},
    "turned the other way": {"rotary": lambda x, positions, base: layers.rotary(x, -positions, base)},
    "neighbours turned": {"rotary": neighbours_turned},
    "half the angle": {"rotary": turned_by_half},
    "another base": {"rotary": turned_with_another_base},
    "gate and up swapped": {"swiglu": gate_and_up_swapped},
    "the wrong bend": {"swiglu": gate_with_gelu},
}


@pytest.mark.parametrize("name", SWAPS)
def test_a_wrong_operation_shows_in_llama(name):
    theirs = llama()
    assert decoder_difference(theirs, our_decoder(theirs, replace(FUSED, **SWAPS[name]))) > 100 * TOLERANCE


def repeated_in_turn(x, times):
    return x.repeat(1, times, 1, 1)                                # 0 1 0 1 where 0 0 1 1 is meant


def heads_not_transposed_back(x):
    return x.flatten(1).view(x.shape[0], x.shape[2], -1)


def positions_off_by_one(x, positions, base):
    return layers.rotary(x, positions + 1, base)


def future(length, keys=None, device=None):
    return torch.ones(length, length if keys is None else keys, dtype=torch.bool)


PATCHES = {
    "gpt2: mask dropped": (gpt2, transformer, "causal_mask", future),
    "gpt2: heads not transposed back": (gpt2, attention, "merge_heads", heads_not_transposed_back),
    "llama: key heads in the wrong order": (llama, attention, "repeat_heads", repeated_in_turn),
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_wrong_function_shows(name, monkeypatch):
    make, module, function, wrong = PATCHES[name]
    theirs = make()
    ours = our_decoder(theirs)
    assert decoder_difference(theirs, ours) < TOLERANCE
    monkeypatch.setattr(module, function, wrong)
    assert decoder_difference(theirs, ours) > 100 * TOLERANCE


def without_position(model):
    model.position.weight.data.zero_()


def with_exact_gelu(model):
    for block in model.blocks:
        block.feed_forward.activation = functional.gelu


def without_last_norm(model):
    model.norm = nn.Identity()


def without_bias(model):
    model.blocks[0].attention.value.bias.data.zero_()


def with_wide_epsilon(model):
    for block in model.blocks:
        block.attention_norm.epsilon = 1e-3


@pytest.mark.parametrize(
    "change", [without_position, with_exact_gelu, without_last_norm, without_bias, with_wide_epsilon]
)
def test_a_changed_part_shows_in_gpt2(change):
    theirs = gpt2()
    ours = our_decoder(theirs)
    with torch.no_grad():
        change(ours)
    assert decoder_difference(theirs, ours) > 5 * TOLERANCE


def test_a_head_of_its_own_shows_where_the_embedding_is_the_output():
    theirs = llama(tied=False)
    weights = theirs.state_dict()
    with pytest.raises(CourseError, match="lm_head.weight differs from the embedding"):
        porting.llama_weights(weights, tied=True)


def test_a_mistake_shows_in_bert():
    theirs = bert()
    for change in (
        lambda model: model.segment.weight.data.zero_(),
        lambda model: setattr(model.blocks[1], "attention_norm", nn.Identity()),
        lambda model: setattr(model.blocks[1].feed_forward, "activation", functional.relu),
        lambda model: setattr(model, "norm", nn.Identity()),
    ):
        ours = our_encoder(theirs)
        change(ours)
        assert bert_difference(theirs, ours) > 100 * TOLERANCE


def test_attending_to_padding_shows_in_bert():
    theirs = bert()
    ours = our_encoder(theirs)
    with torch.no_grad():
        expected = theirs(ids(1), attention_mask=padding().long()).last_hidden_state
        assert difference(ours(ids(1), padding())[padding()], expected[padding()]) < TOLERANCE
        assert difference(ours(ids(1))[padding()], expected[padding()]) > 100 * TOLERANCE


T5_PATCHES = {
    "the scale kept": ("unscaled_attention", attention.fused_attention),
    "no order of the future": ("bucket", lambda d, b, f, both: encoder_decoder.TRUE_BUCKET(-d.abs(), b, f, both)),
    "all distances exact": ("bucket", lambda d, b, f, both: d.abs().clamp(max=b - 1)),
    "the source's padding seen": ("visible", lambda mask: None),
    "the decoder sees the future": ("causal_mask", future),
}


@pytest.mark.parametrize("name", T5_PATCHES)
def test_a_wrong_function_shows_in_t5(name, monkeypatch):
    theirs = t5()
    function, wrong = T5_PATCHES[name]
    monkeypatch.setattr(encoder_decoder, "TRUE_BUCKET", encoder_decoder.bucket, raising=False)
    monkeypatch.setattr(encoder_decoder, function, wrong)
    assert t5_difference(theirs, our_encoder_decoder(theirs)) > 100 * TOLERANCE


def test_a_part_that_our_model_does_not_have_is_an_error():
    for config, port in (
        (GPT2Config(activation_function="relu"), porting.gpt2_config),
        (LlamaConfig(hidden_act="gelu"), porting.llama_config),
        (LlamaConfig(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}), porting.llama_config),
        (BertConfig(hidden_act="relu"), porting.bert_config),
        (T5Config(num_layers=2, num_decoder_layers=3), porting.t5_config),
    ):
        with pytest.raises(CourseError):
            port(config)


def test_a_missing_or_surplus_weight_is_an_error():
    theirs = llama()
    weights = porting.llama_weights(theirs.state_dict(), tied=True)
    model = Transformer(porting.llama_config(theirs.config), generator(0))
    with pytest.raises(RuntimeError, match="norm.gain"):
        model.load_state_dict({name: tensor for name, tensor in weights.items() if name != "norm.gain"})
    with pytest.raises(RuntimeError, match="surplus"):
        model.load_state_dict(weights | {"surplus": torch.zeros(1)})
