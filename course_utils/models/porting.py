"""The weights of `transformers` under our names: GPT-2, Llama, BERT and T5 into the models written here.

Each function takes a state dict and the sizes as transformers names them, and returns ours. What has no place in our
model, or is missing, is an error when it is loaded: nothing is skipped in silence.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.encoder import EncoderConfig
from course_utils.models.encoder_decoder import EncoderDecoderConfig
from course_utils.models.transformer import LLAMA, TransformerConfig

Weights = Mapping[str, torch.Tensor]

_GPT2 = (
    (r"^transformer\.", ""),
    (r"^wte\.", "embedding."),
    (r"^wpe\.", "position."),
    (r"^h\.", "blocks."),
    (r"\.ln_1\.weight", ".attention_norm.gain"),
    (r"\.ln_1\.bias", ".attention_norm.bias"),
    (r"\.ln_2\.weight", ".feed_forward_norm.gain"),
    (r"\.ln_2\.bias", ".feed_forward_norm.bias"),
    (r"^ln_f\.weight", "norm.gain"),
    (r"^ln_f\.bias", "norm.bias"),
    (r"\.attn\.c_proj\.", ".attention.output."),
    (r"\.mlp\.c_fc\.", ".feed_forward.up."),
    (r"\.mlp\.c_proj\.", ".feed_forward.down."),
)
_LLAMA = (
    (r"^model\.", ""),
    (r"^embed_tokens\.", "embedding."),
    (r"^layers\.", "blocks."),
    (r"\.self_attn\.q_proj\.", ".attention.query."),
    (r"\.self_attn\.k_proj\.", ".attention.key."),
    (r"\.self_attn\.v_proj\.", ".attention.value."),
    (r"\.self_attn\.o_proj\.", ".attention.output."),
    (r"\.mlp\.(gate|up|down)_proj\.", r".feed_forward.\1."),
    (r"\.input_layernorm\.weight", ".attention_norm.gain"),
    (r"\.post_attention_layernorm\.weight", ".feed_forward_norm.gain"),
    (r"^norm\.weight", "norm.gain"),
    (r"^lm_head\.", "output."),
)
_BERT = (
    (r"^bert\.", ""),
    (r"^embeddings\.word_embeddings\.", "embedding."),
    (r"^embeddings\.position_embeddings\.", "position."),
    (r"^embeddings\.token_type_embeddings\.", "segment."),
    (r"^embeddings\.LayerNorm\.", "norm."),
    (r"^encoder\.layer\.", "blocks."),
    (r"\.attention\.self\.(query|key|value)\.", r".attention.\1."),
    (r"\.attention\.output\.dense\.", ".attention.output."),
    (r"\.attention\.output\.LayerNorm\.", ".attention_norm."),
    (r"\.intermediate\.dense\.", ".feed_forward.up."),
    (r"\.output\.LayerNorm\.", ".feed_forward_norm."),
    (r"(\.\d+)\.output\.dense\.", r"\1.feed_forward.down."),
    (r"norm\.weight$", "norm.gain"),
)
_T5 = (
    (r"^shared\.", "embedding."),
    (r"^(encoder|decoder)\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias\.", r"\1.distance.bias."),
    (r"\.block\.", ".layers."),
    (r"\.layer\.0\.layer_norm\.weight", ".attention_norm.gain"),
    (r"\.layer\.0\.SelfAttention\.", ".attention."),
    (r"(decoder.*)\.layer\.1\.layer_norm\.weight", r"\1.cross_norm.gain"),
    (r"\.layer\.1\.EncDecAttention\.", ".cross."),
    (r"\.layer\.[12]\.layer_norm\.weight", ".feed_forward_norm.gain"),
    (r"\.layer\.[12]\.DenseReluDense\.wi_0\.", ".feed_forward.gate."),
    (r"\.layer\.[12]\.DenseReluDense\.wi(_1)?\.", ".feed_forward.up."),
    (r"\.layer\.[12]\.DenseReluDense\.wo\.", ".feed_forward.down."),
    (r"\.(attention|cross)\.q\.", r".\1.query."),
    (r"\.(attention|cross)\.k\.", r".\1.key."),
    (r"\.(attention|cross)\.v\.", r".\1.value."),
    (r"\.(attention|cross)\.o\.", r".\1.output."),
    (r"\.final_layer_norm\.weight", ".norm.gain"),
    (r"^lm_head\.", "output."),
)


def _renamed(weights: Weights, rules: tuple[tuple[str, str], ...], copies: tuple[str, ...] = (), useless: str = "$^"):
    """The weights under our names, without the `copies` of the embedding and what the pattern `useless` names.

    Raises CourseError where a copy has become another tensor, so that leaving it out would change the model.
    """
    ours = {}
    for name, tensor in weights.items():
        if not re.search(useless, name):
            for pattern, replacement in () if name in copies else rules:
                name = re.sub(pattern, replacement, name)
            ours[name] = tensor
    for copy in copies:
        if copy in ours and not torch.equal(ours.pop(copy), ours["embedding.weight"]):
            raise CourseError(f"{copy} differs from the embedding, which our model has in its place.")
    return ours


def filled(make: Callable[[], nn.Module], weights: Weights) -> nn.Module:
    """The model that `make` builds, with these weights, in float32, ready to be used."""
    with torch.device("meta"):                                     # shapes alone: no number is drawn to be thrown away
        model = make()
    model.load_state_dict(weights, assign=True)
    return model.float().eval()


def gpt2_weights(theirs: Weights) -> dict[str, torch.Tensor]:
    """GPT-2. Its layers are stored (in, out), transposed to nn.Linear, and query, key and value as one."""
    ours = {}
    for name, tensor in _renamed(theirs, _GPT2, ("lm_head.weight",), r"\.attn\.(masked_)?bias$").items():
        tensor = tensor.T if name.endswith("weight") and name.startswith("blocks.") else tensor
        if ".attn.c_attn." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                ours[name.replace(".attn.c_attn.", f".attention.{part}.")] = piece.contiguous()
        else:
            ours[name] = tensor.contiguous()
    return ours


def llama_weights(theirs: Weights, tied: bool) -> dict[str, torch.Tensor]:
    """Llama and its kin, SmolLM2 among them."""
    return _renamed(theirs, _LLAMA, ("lm_head.weight",) if tied else ())


def bert_weights(theirs: Weights) -> dict[str, torch.Tensor]:
    """BERT's encoder; the pooler and the heads for tasks are left out."""
    return _renamed(theirs, _BERT, useless=r"^(bert\.)?pooler\.|^cls\.|position_ids$")


def t5_weights(theirs: Weights, tied: bool) -> dict[str, torch.Tensor]:
    """T5 and flan-T5."""
    copies = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    return _renamed(theirs, _T5, (*copies, "lm_head.weight") if tied else copies)


def gpt2_config(theirs) -> TransformerConfig:
    """Our config of a `GPT2Config`. Raises CourseError for a part that our model does not have."""
    _expect(theirs, "activation_function", "gelu_new")
    return TransformerConfig(
        theirs.vocab_size,
        theirs.n_positions,
        theirs.n_embd,
        theirs.n_head,
        theirs.n_layer,
        inner=theirs.n_inner,
        epsilon=theirs.layer_norm_epsilon,
    )


def llama_config(theirs) -> TransformerConfig:
    """Our config of a `LlamaConfig`. Raises CourseError for a part that our model does not have."""
    _expect(theirs, "hidden_act", "silu")
    _expect(theirs, "attention_bias", False)
    rope = theirs.rope_parameters
    if rope.get("rope_type", "default") != "default":
        raise CourseError(f"rope_type is {rope['rope_type']!r}; our rotary knows only the default.")
    return TransformerConfig(
        theirs.vocab_size,
        theirs.max_position_embeddings,
        theirs.hidden_size,
        theirs.num_attention_heads,
        theirs.num_hidden_layers,
        theirs.num_key_value_heads,
        theirs.intermediate_size,
        tied=theirs.tie_word_embeddings,
        epsilon=theirs.rms_norm_eps,
        base=rope["rope_theta"],
        **LLAMA,
    )


def bert_config(theirs) -> EncoderConfig:
    """Our config of a `BertConfig`. Raises CourseError for a part that our model does not have."""
    _expect(theirs, "hidden_act", "gelu")
    return EncoderConfig(
        theirs.vocab_size,
        theirs.max_position_embeddings,
        theirs.hidden_size,
        theirs.num_attention_heads,
        theirs.num_hidden_layers,
        theirs.intermediate_size,
        theirs.type_vocab_size,
        epsilon=theirs.layer_norm_eps,
    )


def t5_config(theirs) -> EncoderDecoderConfig:
    """Our config of a `T5Config`. Raises CourseError for a part that our model does not have."""
    kinds = {"relu": "relu", "gated-gelu": "geglu"}
    if theirs.feed_forward_proj not in kinds or theirs.num_layers != theirs.num_decoder_layers:
        raise CourseError(
            f"feed_forward_proj is {theirs.feed_forward_proj!r}, layers {theirs.num_layers} and "
            f"{theirs.num_decoder_layers}; expected relu or gated-gelu, and as many layers on both sides."
        )
    return EncoderDecoderConfig(
        theirs.vocab_size,
        theirs.d_model,
        theirs.num_heads,
        theirs.d_kv,
        theirs.num_layers,
        theirs.d_ff,
        kinds[theirs.feed_forward_proj],
        tied=theirs.tie_word_embeddings,
        scaled_output=theirs.scale_decoder_outputs,
        epsilon=theirs.layer_norm_epsilon,
        buckets=theirs.relative_attention_num_buckets,
        furthest=theirs.relative_attention_max_distance,
    )


def _expect(theirs, name: str, wanted) -> None:
    """Raises CourseError where their config has another value than the one our model is written for."""
    if getattr(theirs, name) != wanted:
        raise CourseError(f"{name} is {getattr(theirs, name)!r}; our model is written for {wanted!r}.")
