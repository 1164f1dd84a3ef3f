"""A Llama-style decoder that writes one text as fast as its weights can be read from memory.

The arithmetic is that of `transformer.Transformer`; four things are done otherwise. Products that read the same vector
are one product (query, key and value; gate and up). Weights lie as the processor's kernels read them best. Keys and
values go into a cache that is laid out once, instead of a longer copy of it for each token. And a sum goes into the
product that makes its last term. Notation: T new positions, D width, H heads, G key/value heads, K head width.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.language_model import check_ids
from course_utils.models.layers import frequencies
from course_utils.models.transformer import Transformer

PRECISIONS = ("float32", "bfloat16", "int8")


class Product:
    """x (T, in) times a weight matrix (out, in), which is stored as `precision` says; float32 in and out."""

    def __init__(self, weight: torch.Tensor, precision: str):
        self.precision, self.scale = precision, None
        if precision == "int8":
            self.weight, self.scale = quantised(weight)
        else:
            self.weight = packed(weight.to(getattr(torch, precision)))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x (T, in) to (T, out)."""
        if self.precision == "float32":
            return self._linear(x)
        if self.precision == "bfloat16":
            return self._linear(x.bfloat16()).float()
        return torch._weight_int8pack_mm(x.bfloat16(), self.weight, self.scale).float()

    def _linear(self, x: torch.Tensor) -> torch.Tensor:
        if self.weight.is_mkldnn:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, None, "none", [], "")
        return functional.linear(x, self.weight)

    @property
    def bytes(self) -> int:
        """How many bytes of memory one product reads."""
        return self.weight.nbytes + (0 if self.scale is None else self.scale.nbytes)


def packed(weight: torch.Tensor) -> torch.Tensor:
    """A matrix (out, in) in the order in which oneDNN's kernel for a single row x reads it; as it is without oneDNN.

    That is what `torch.compile` does with frozen weights.
    """
    supported = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    if supported and weight.dtype == torch.bfloat16:
        supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1) if supported else weight


def quantised(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix (out, in) as whole numbers −127 … 127 and one scale (out,) a row, so that weight ≈ scale · numbers."""
    scale = (weight.float().abs().amax(dim=1) / 127).clamp(min=1e-12).bfloat16()
    numbers = (weight.float() / scale.float()[:, None]).round().clamp(-127, 127)
    return numbers.to(torch.int8), scale


class FastLayer:
    """One block's weights, packed, and its part of the cache: keys and values (1, G, C, K) each."""

    def __init__(self, block, model: Transformer, precision: str):
        config, attention, gated = model.config, block.attention, block.feed_forward
        self.heads, self.key_heads, self.width = config.heads, attention.key_value_heads, config.head_width
        together = torch.cat([attention.query.weight, attention.key.weight, attention.value.weight])
        self.query_key_value = Product(together, precision)
        self.output = Product(attention.output.weight, precision)
        self.gate_up = Product(torch.cat([gated.gate.weight, gated.up.weight]), precision)
        self.down = Product(gated.down.weight, precision)
        self.attention_gain = block.attention_norm.gain.float()
        self.feed_forward_gain = block.feed_forward_norm.gain.float()
        self.epsilon = config.epsilon
        self.keys = torch.zeros(1, self.key_heads, config.context, self.width)
        self.values = torch.zeros_like(self.keys)

    def __call__(self, x, first: int, cosine, sine, mask):
        """The stream x (T, D) of the positions from `first` on to the stream after the block."""
        normed = functional.rms_norm(x, x.shape[-1:], self.attention_gain, self.epsilon)
        x = x + self.output(self._attend(normed, first, cosine, sine, mask))
        normed = functional.rms_norm(x, x.shape[-1:], self.feed_forward_gain, self.epsilon)
        gate, up = self.gate_up(normed).chunk(2, dim=-1)
        return x + self.down(functional.silu(gate).mul_(up))

    def _attend(self, x, first: int, cosine, sine, mask):
        """x (T, D) to the merged heads (T, D); the new keys and values are put into the cache."""
        length, last = x.shape[0], first + x.shape[0]
        parts = self.query_key_value(x).view(length, -1, self.width).transpose(0, 1)           # (H + 2G, T, K)
        turning, value = parts.split((self.heads + self.key_heads, self.key_heads))
        query, key = turn(turning, cosine, sine).split((self.heads, self.key_heads))
        self.keys.narrow(2, first, length).copy_(key)
        self.values.narrow(2, first, length).copy_(value)
        keys, values = self.keys.narrow(2, 0, last), self.values.narrow(2, 0, last)
        grouped = self.heads != self.key_heads
        mixed = functional.scaled_dot_product_attention(query[None], keys, values, mask, enable_gqa=grouped)
        return mixed[0].transpose(0, 1).reshape(length, -1)


def turn(x, cosine, sine):
    """`layers.rotary` by x · cos + swapped halves · ±sin: x (N, T, K), cosine and sine (T, 2, K/2)."""
    halves = x.view(*x.shape[:-1], 2, -1)                                           # (N, T, 2, K/2)
    return torch.addcmul(halves * cosine, halves.flip(-2), sine).view(x.shape)


class FastDecoder:
    """A decoder of Llama's style for one text at a time. It remembers what it has read; `reset` makes it forget.

    precision: of the weights, float32, bfloat16 or int8.
    Raises CourseError for a model of another style: it has no such path.
    """

    def __init__(self, model: Transformer, precision: str = "float32"):
        if precision not in PRECISIONS:
            raise CourseError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}.")
        _check_style(model)
        self.config, self.precision = model.config, precision
        with torch.no_grad():
            self.embedding = model.embedding.weight
            self.layers = [FastLayer(block, model, precision) for block in model.blocks]
            self.gain = model.norm.gain.float()
            head = model.embedding.weight if model.config.tied else model.output.weight
            self.head = Product(head, precision)
            self.cosine, self.sine = self._angles()
        self.read_so_far = 0

    def _angles(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and signed sine (C, 2, K/2) of each position of the context."""
        config = self.config
        angles = torch.arange(config.context)[:, None] * frequencies(config.head_width, config.base)
        cosine, sine = angles.cos(), angles.sin()
        return torch.stack([cosine, cosine], 1), torch.stack([-sine, sine], 1)

    def reset(self) -> None:
        """Forget the text."""
        self.read_so_far = 0

    def read(self, ids: Sequence[int]) -> torch.Tensor:
        """Read more ids of the text; the logits (V,) of what follows the last of them, in float32.

        Raises CourseError where there is no id, one outside the vocabulary, or no room for them in the cache.
        """
        return self._logits(ids, last_only=True)[0].clone()        # a plain tensor: inference mode's may not be changed

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """(T, V) what follows each of the ids, as `read` would give it one by one; float32."""
        return self._logits(ids, last_only=False).clone()

    @torch.inference_mode()
    def _logits(self, ids: Sequence[int], last_only: bool) -> torch.Tensor:
        new = torch.as_tensor(ids, dtype=torch.int64)
        if len(new) == 0:
            raise CourseError("There are no ids to go on from; expected at least one.")
        check_ids(new, self.config.vocabulary_size, "ids")
        stream = self._stream(new)
        stream = stream[-1:] if last_only else stream
        return self.head(functional.rms_norm(stream, stream.shape[-1:], self.gain, self.config.epsilon))

    def _stream(self, new: torch.Tensor) -> torch.Tensor:
        first, length = self.read_so_far, len(new)
        last = first + length
        if last > self.config.context:
            raise CourseError(
                f"The cache has room for {self.config.context} tokens; {first} are read and {length} more came. Cut "
                "the text, or reset() and begin again with its last part."
            )
        mask = torch.ones(length, last, dtype=torch.bool).tril(first) if length > 1 else None
        x, cosine, sine = self.embedding[new].float(), self.cosine[first:last], self.sine[first:last]
        for layer in self.layers:
            x = layer(x, first, cosine, sine, mask)
        self.read_so_far = last
        return x

    @property
    def bytes_per_token(self) -> int:
        """How many bytes of weights have to be read from memory to write one token."""
        parts = [self.head, *(part for layer in self.layers for part in vars(layer).values())]
        return sum(part.bytes for part in parts if isinstance(part, Product))


def _check_style(model: Transformer) -> None:
    config = model.config
    if (config.norm, config.position, config.feed_forward, config.bias) != ("rms", "rotary", "swiglu", False):
        raise CourseError(
            f"The fast path is written for Llama's parts; this model has norm {config.norm}, position "
            f"{config.position}, feed_forward {config.feed_forward}, bias {config.bias}. Use the model itself."
        )
