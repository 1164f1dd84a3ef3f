"""A Llama-style decoder that writes one text as fast as its weights can be read from memory.

The arithmetic is that of `transformer.Transformer`; four things are done otherwise. Products that read the same vector
are one product (query, key and value; gate and up). Weights lie as the processor's kernels read them best. Keys and
values go into a cache that is laid out once, instead of a longer copy of it for each token. And the small steps between
the products are as few as they can be: for one token each of them takes microseconds, whatever its size.
Notation: T new positions, D width, H heads, G key/value heads, K head width.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.language_model import as_ids, check_ids
from course_utils.models.layers import frequencies
from course_utils.models.onednn import PRESENT
from course_utils.models.transformer import Transformer
from course_utils.shapes import check_floats

PRECISIONS = ("float32", "bfloat16", "int8", "int4")
GROUP = 32                                         # weights that share a scale in int4
MULTIPLES = {"int8": (1, 16), "int4": (16, GROUP)}     # what the sizes (out, in) of a matrix have to be multiples of
MANY_ROWS = 32                                     # torch's int8 product is made for few; from here float32's is faster


class Product:
    """x (T, in) times a weight matrix (out, in), which is stored as `precision` says; float32 in and out.

    Raises CourseError where torch's kernel would read past the end of a row: for int8 where `in` is no multiple of 16,
    for int4 where it is none of 32, or `out` none of 16.
    """

    def __init__(self, weight: torch.Tensor, precision: str):
        check_floats("out in", weight=weight)
        check_precision(precision)
        _check_multiples(weight, precision)
        self.precision, self.scale = precision, None
        if precision == "int4":
            self.weight, self.scale = in_groups(weight)
        elif precision == "int8":
            self.weight, self.scale = quantised(weight)
        else:
            self.weight = packed(weight.to(getattr(torch, precision)))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x (T, in) to (T, out)."""
        if self.precision == "float32":
            return self._linear(x)
        if self.precision == "bfloat16":
            return self._linear(x.bfloat16()).float()
        if self.precision == "int4":
            return torch._weight_int4pack_mm_for_cpu(x.bfloat16(), self.weight, GROUP, self.scale).float()
        if len(x) < MANY_ROWS:
            return torch._weight_int8pack_mm(x.bfloat16(), self.weight, self.scale).float()
        # The same numbers but for the order of the sums, which are rounded once, at their end, as that kernel does.
        sums = functional.linear(x.bfloat16().float(), self.weight.float())
        return (sums * self.scale.float()).bfloat16().float()

    def _linear(self, x: torch.Tensor) -> torch.Tensor:
        if self.weight.is_mkldnn:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, None, "none", [], "")
        return functional.linear(x, self.weight)

    @property
    def bytes(self) -> int:
        """How many bytes of memory one product reads."""
        return self.weight.nbytes + (0 if self.scale is None else self.scale.nbytes)


def check_precision(precision: str) -> None:
    """Raises CourseError for one that there is not."""
    if precision not in PRECISIONS:
        raise CourseError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}.")


def _check_multiples(weight: torch.Tensor, precision: str) -> None:
    for size, what, of in zip(weight.shape, ("makes", "multiplies"), MULTIPLES.get(precision, (1, 1)), strict=True):
        if size % of:
            raise CourseError(
                f"A matrix {what} {size} numbers, and the {precision} product needs a multiple of {of}; use float32 or "
                "bfloat16 for this model."
            )


def packed(weight: torch.Tensor) -> torch.Tensor:
    """A matrix (out, in) in the order in which oneDNN's kernel for a single row x reads it; as it is without oneDNN.

    That is what `torch.compile` does with frozen weights.
    """
    check_floats("out+ in+", weight=weight)
    supported = PRESENT and weight.dtype in (torch.float32, torch.bfloat16)
    if supported and weight.dtype == torch.bfloat16:
        supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1) if supported else weight


def quantised(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix (out, in) as whole numbers −127 … 127 and one scale (out,) a row, so that weight ≈ scale · numbers."""
    check_floats("out in+", weight=weight)
    scale = (weight.float().abs().amax(dim=1) / 127).clamp(min=1e-12).bfloat16()
    numbers = (weight.float() / scale.float()[:, None]).round().clamp(-127, 127)
    return numbers.to(torch.int8), scale


def in_groups(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix (out, in) as whole numbers 0 … 15, packed, and for each group of 32 in a row a scale and a middle.

    weight ≈ (numbers − 8) · scale + middle; the second result, (in/32, out, 2), holds both. Numbers that were rounded
    by their lowest and highest in such groups before, as llama.cpp's Q4_1 does, come out as they were.
    """
    check_floats("out in+", weight=weight)
    groups = weight.float().unflatten(1, (-1, GROUP))                                   # (out, in/32, 32)
    low, high = groups.amin(dim=2), groups.amax(dim=2)
    scale = ((high - low) / 15).clamp(min=1e-12).bfloat16()
    middle = (low + 8 * scale.float()).bfloat16()
    numbers = ((groups - middle.float()[..., None]) / scale.float()[..., None] + 8).round().clamp(0, 15)
    pack = torch._convert_weight_to_int4pack_for_cpu(numbers.flatten(1).int(), 1)
    return pack, torch.stack([scale, middle], dim=-1).transpose(0, 1).contiguous()


class FastLayer:
    """One block's weights, packed, and its part of the cache: keys and values (2, G, C, K)."""

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
        self.cache = torch.zeros(2, self.key_heads, config.context, self.width)

    def __call__(self, x, first: int, cosine, sine, mask):
        """The stream x (T, D) of the positions from `first` on to the stream after the block."""
        normed = rms_norm(x, self.attention_gain, self.epsilon)
        x = x + self.output(self._attend(normed, first, cosine, sine, mask))
        normed = rms_norm(x, self.feed_forward_gain, self.epsilon)
        gate, up = self.gate_up(normed).chunk(2, dim=-1)
        return x + self.down(functional.silu(gate).mul_(up))

    def _attend(self, x, first: int, cosine, sine, mask):
        """x (T, D) to the merged heads (T, D); the new keys and values are put into the cache."""
        length, last = x.shape[0], first + x.shape[0]
        halves = self.query_key_value(x).view(length, -1, 2, self.width // 2).transpose(0, 1)  # (H + 2G, T, 2, K/2)
        turned = torch.addcmul(halves * cosine, halves.flip(-2), sine).view(-1, length, self.width)
        query, new = turned.split((self.heads, 2 * self.key_heads))
        self.cache.narrow(2, first, length).copy_(new.view(2, self.key_heads, length, self.width))
        key, value = self.cache.narrow(2, 0, last).split(1)                                    # (1, G, S, K) each
        grouped = self.heads != self.key_heads
        mixed = functional.scaled_dot_product_attention(query[None], key, value, mask, enable_gqa=grouped)
        return mixed[0].transpose(0, 1).reshape(length, -1)


def rms_norm(x, gain, epsilon: float):
    """`layers.rms_norm` of x (T, D). A single row goes by its length, in half the time of torch's own function."""
    if len(x) > 1:
        return functional.rms_norm(x, gain.shape, gain, epsilon)
    length = torch.linalg.vector_norm(x).item()
    return (x * (1 / math.sqrt(length**2 / x.shape[-1] + epsilon))).mul_(gain)


class FastDecoder:
    """A decoder of Llama's style for one text at a time. It remembers what it has read; `reset` makes it forget.

    precision: of the weights, float32, bfloat16, int8, or int4 with an output layer in int8.
    Raises CourseError for a model of another style: it has no such path.
    """

    def __init__(self, model: Transformer, precision: str = "float32"):
        check_precision(precision)
        _check_style(model)
        self.config, self.precision = model.config, precision
        with torch.no_grad():
            self.embedding = model.embedding.weight
            self.layers = [FastLayer(block, model, precision) for block in model.blocks]
            self.gain = model.norm.gain.float()
            head = model.embedding.weight if model.config.tied else model.output.weight
            self.head = Product(head, "int8" if precision == "int4" else precision)
        self.turning = self._turning()
        self.read_so_far = 0

    def _turning(self) -> torch.Tensor:
        """(H + 2G, 1, K/2) radians a position: queries and keys turn, values by zero, so that one step serves all."""
        key_heads = self.layers[0].key_heads
        turned = torch.arange(self.config.heads + 2 * key_heads) < self.config.heads + key_heads
        return turned[:, None, None] * frequencies(self.config.head_width, self.config.base)

    def _turns(self, first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and signed sine (H + 2G, T, 2, K/2): x · cosine + swapped halves · sine is `layers.rotary` of x."""
        angles = self.turning * torch.arange(first, last)[:, None]                      # (H + 2G, T, K/2)
        cosine, sine = angles.cos(), angles.sin()
        return torch.stack([cosine, cosine], 2), torch.stack([-sine, sine], 2)

    def reset(self) -> None:
        """Forget the text."""
        self.read_so_far = 0

    def rewind(self, count: int) -> None:
        """Forget all but the first `count` ids of the text. Raises CourseError where fewer were read."""
        if not 0 <= count <= self.read_so_far:
            raise CourseError(f"count is {count}; expected 0 to {self.read_so_far}, the number of ids that were read.")
        self.read_so_far = count

    def read(self, ids: Sequence[int]) -> torch.Tensor:
        """Read more ids of the text; the logits (V,) of what follows the last of them, in float32.

        Raises CourseError where there is no id, one outside the vocabulary, or no room for them in the cache.
        """
        return self._logits(ids, last_only=True)[0]

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """(T, V) what follows each of the ids, as `read` would give it one by one; float32."""
        return self._logits(ids, last_only=False)

    @torch.no_grad()
    def _logits(self, ids: Sequence[int], last_only: bool) -> torch.Tensor:
        return self.head(self.states(ids, last_only))

    @torch.no_grad()
    def states(self, ids: Sequence[int], last_only: bool = False) -> torch.Tensor:
        """(T, D) the normed stream at each of the ids, or (1, D) at the last: what `head` makes logits of."""
        new = as_ids(ids)
        if len(new) == 0:
            raise CourseError("There are no ids to go on from; expected at least one.")
        check_ids(new, self.config.vocabulary_size, "ids")
        stream = self._stream(new)
        return rms_norm(stream[-1:] if last_only else stream, self.gain, self.config.epsilon)

    @torch.inference_mode()                        # not for the logits: what it makes may not be changed by the caller
    def _stream(self, new: torch.Tensor) -> torch.Tensor:
        first, length = self.read_so_far, len(new)
        last = first + length
        if last > self.config.context:
            raise CourseError(
                f"The cache has room for {self.config.context} tokens; {first} are read and {length} more came. Cut "
                "the text, or reset() and begin again with its last part."
            )
        mask = torch.ones(length, last, dtype=torch.bool).tril(first) if length > 1 else None
        x, (cosine, sine) = self.embedding[new].float(), self._turns(first, last)
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
