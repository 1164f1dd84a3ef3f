"""The decoder of lesson 07 once more, in the layers of Keras 3, with a pretrained model's weights.

Keras runs on one of several libraries; here it is torch, so that its numbers can be compared with those of
`transformers`. The classes of `transformers` for TensorFlow and Keras are gone since its version 5.
Notation: B batch, T length, D model width, H heads, G heads of keys and values, K head width, F inner width,
V vocabulary.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType

import torch
from safetensors.torch import load_file

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.interrupts import held_back
from course_utils.models import porting
from course_utils.models.language_model import check_ids
from course_utils.models.transformer import LLAMA, TransformerConfig, check_context
from course_utils.pretrained import DECODERS

with held_back():                                                  # half imported, it could not be imported again
    from transformers import AutoConfig, AutoTokenizer


def _on_torch() -> ModuleType:
    """Keras, on torch. Which library it runs on is settled once, by KERAS_BACKEND, when it is first imported.

    Raises CourseError where it was settled otherwise.
    """
    loaded = sys.modules.get("keras")
    backend = loaded.config.backend() if loaded else os.environ.setdefault("KERAS_BACKEND", "torch")
    if backend != "torch":
        raise CourseError(
            f"Keras runs on {backend!r}; expected 'torch'. Restart the kernel and, before Keras is imported, set "
            'os.environ["KERAS_BACKEND"] = "torch".'
        )
    with held_back():
        import keras

    return keras


keras = _on_torch()
layers, ops = keras.layers, keras.ops


# --- parts ----------------------------------------------------------------------------------------


def rotary(x, base: float):
    """Turn each pair of numbers (i, i + K/2) by an angle that grows with the position. Su et al. 2021 (RoPE).

    x (B, T, H, K), from position 0 on. The pairs are those of Llama's checkpoints.
    """
    length, half = ops.shape(x)[1], x.shape[-1] // 2
    turn = base ** (-ops.arange(half, dtype="float32") / half)                      # (K/2,) radians a position
    angles = ops.arange(length, dtype="float32")[:, None, None] * turn              # (T, 1, K/2), alike for all heads
    cosine, sine = ops.cos(angles), ops.sin(angles)
    first, second = ops.split(x, 2, axis=-1)                                        # (B, T, H, K/2) each
    return ops.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def attention(query, key, value):
    """Each position's mix of the values up to itself. query (B, T, H, K); key and value (B, T, G, K).

    One head of keys and values serves H/G neighbouring heads of queries. The softmax of query · key / √K is the weight
    of a value. Vaswani et al. 2017; Ainslie et al. 2023 (grouped queries).
    """
    return ops.dot_product_attention(query, key, value, is_causal=True)             # (B, T, H, K)


def linear(width: int, name: str) -> layers.Dense:
    """A matrix without a bias. It starts from zeros, because its numbers are not drawn but ported."""
    return layers.Dense(width, use_bias=False, kernel_initializer="zeros", name=name)


class RotaryAttention(layers.Layer):
    """Grouped-query attention with rotary positions: (B, T, D) to (B, T, D).

    `keras.layers.GroupedQueryAttention` has no place for the rotation, which comes between matrices and attention.
    """

    def __init__(self, config: TransformerConfig, name: str):
        super().__init__(name=name)
        self.heads, self.head_width, self.base = config.heads, config.head_width, config.base
        self.key_heads = config.key_value_heads or config.heads
        self.query = linear(self.heads * self.head_width, "query")
        self.key = linear(self.key_heads * self.head_width, "key")
        self.value = linear(self.key_heads * self.head_width, "value")
        self.output_layer = linear(config.width, "output")

    def call(self, x):
        query = rotary(self.split(self.query(x), self.heads), self.base)            # (B, T, H, K)
        key = rotary(self.split(self.key(x), self.key_heads), self.base)            # (B, T, G, K)
        value = self.split(self.value(x), self.key_heads)                           # (B, T, G, K)
        mixed = attention(query, key, value)                                        # (B, T, H, K)
        return self.output_layer(ops.reshape(mixed, (*ops.shape(x)[:2], self.heads * self.head_width)))

    def split(self, x, heads: int):
        """(B, T, heads·K) to (B, T, heads, K)."""
        return ops.reshape(x, (*ops.shape(x)[:2], heads, self.head_width))


class GatedFeedForward(layers.Layer):
    """down(silu(gate(x)) · up(x)), D to F to D: one product opens or closes the other. Shazeer 2020 (SwiGLU)."""

    def __init__(self, config: TransformerConfig, name: str):
        super().__init__(name=name)
        self.gate, self.up = linear(config.inner_width, "gate"), linear(config.inner_width, "up")
        self.down = linear(config.width, "down")

    def call(self, x):
        return self.down(ops.silu(self.gate(x)) * self.up(x))


class Block(layers.Layer):
    """Attention, then a feed-forward layer; each reads a normed copy of the stream (B, T, D) and adds to it."""

    def __init__(self, config: TransformerConfig, name: str):
        super().__init__(name=name)
        self.attention_norm = layers.RMSNormalization(epsilon=config.epsilon, name="attention_norm")
        self.attention = RotaryAttention(config, "attention")
        self.feed_forward_norm = layers.RMSNormalization(epsilon=config.epsilon, name="feed_forward_norm")
        self.feed_forward = GatedFeedForward(config, "feed_forward")

    def call(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class TiedOutput(layers.Layer):
    """Logits (B, T, V): the product of the stream (B, T, D) with each token's own embedding. Press and Wolf 2017."""

    def __init__(self, embedding: layers.Embedding, name: str):
        super().__init__(name=name)
        self.embedding = embedding

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.embedding.embeddings))


# --- the model ------------------------------------------------------------------------------------


def laid(layer: layers.Layer, x):
    """The layer's output. A Ctrl-C between its first weight and its last would leave Keras unable to make any more."""
    with held_back():
        return layer(x)


class KerasDecoder(keras.Model):
    """A decoder of the Llama kind (Touvron et al. 2023) as a `keras.Model`: ids (B, T) to logits (B, T, V).

    It also keeps the contract of `course_utils.generation.generate`. Each token is read anew for each that is written,
    since nothing is cached: good for some thirty tokens. Raises CourseError for a config with other parts than Llama's.
    """

    def __init__(self, config: TransformerConfig):
        other = [part for part, kind in LLAMA.items() if getattr(config, part) != kind]
        if other:
            raise CourseError(f"The config differs from Llama in {', '.join(other)}; expected {LLAMA}.")
        embedding = layers.Embedding(
            config.vocabulary_size, config.width, embeddings_initializer="zeros", name="embedding"
        )
        ids = keras.Input((None,), dtype="int64", name="ids")
        x = laid(embedding, ids)                                                    # (B, T, D)
        for number in range(config.layers):
            x = laid(Block(config, f"block_{number}"), x)
        x = laid(layers.RMSNormalization(epsilon=config.epsilon, name="norm"), x)
        output = TiedOutput(embedding, "output") if config.tied else linear(config.vocabulary_size, "output")
        super().__init__(ids, laid(output, x), name="decoder")
        self.vocabulary_size, self.context = config.vocabulary_size, config.context

    def read(self, ids: Sequence[int], memory: tuple[int, ...] | None = None):
        """(V,) probabilities of what follows the ids, and the memory: all ids that were read, to be read again."""
        logits, memory = self.read_logits(ids, memory)
        return logits.softmax(dim=-1), memory

    @torch.no_grad()
    def read_logits(self, ids: Sequence[int], memory: tuple[int, ...] | None = None):
        """(V,) logits of what follows the ids, and the memory.

        Raises CourseError where there are no ids, for an id that is not in the vocabulary, and for too many of them.
        """
        if len(ids) == 0:
            raise CourseError("There are no ids to go on from; expected at least one: begin with one.")
        text = (*(memory or ()), *(int(i) for i in ids))
        check_context(len(text), self.context)
        new = torch.tensor([text])                                                  # (1, T)
        check_ids(new, self.vocabulary_size, "ids")
        return self(ops.convert_to_tensor(new), training=False)[0, -1].cpu(), text


# --- weights --------------------------------------------------------------------------------------

_NAMES = (("block_", "blocks."), ("/", "."), ("kernel", "weight"), ("embeddings", "weight"), ("scale", "gain"))


def port(model: KerasDecoder, weights: porting.Weights) -> None:
    """Copy the weights of `models.transformer.Transformer`, by their names there, into the model.

    Keras stores the matrix of a Dense layer (in, out), torch (out, in). Raises CourseError where a weight is missing,
    is left over, or is of another shape.
    """
    variables = {_ours(variable.path): variable for variable in model.weights}
    if variables.keys() != weights.keys():
        raise CourseError(f"Weights that only one side has: {', '.join(sorted(variables.keys() ^ weights.keys()))}.")
    for name, variable in variables.items():
        weight = weights[name].T if variable.path.endswith("kernel") else weights[name]
        if tuple(weight.shape) != tuple(variable.shape):
            raise CourseError(f"{name} is {tuple(weight.shape)}; the config asks for {tuple(variable.shape)}.")
        variable.assign(weight)


def _ours(path: str) -> str:
    """`block_0/attention/query/kernel`, as Keras names it, to `blocks.0.attention.query.weight`."""
    for keras_name, name in _NAMES:
        path = path.replace(keras_name, name)
    return path


def load_keras_decoder(name: str):
    """A pretrained model's weights in Keras, in float32, and its tokenizer: (KerasDecoder, tokenizer).

    Raises CourseError for a name that is none of `pretrained.DECODERS`.
    """
    if name not in DECODERS:
        raise CourseError(f"There is no decoder {name!r} here; expected {' or '.join(DECODERS)}.")
    folder = assets.path(name)
    config = porting.llama_config(AutoConfig.from_pretrained(folder))
    model = KerasDecoder(config)
    port(model, porting.llama_weights(load_file(folder / "model.safetensors"), config.tied))
    return model, AutoTokenizer.from_pretrained(folder)
