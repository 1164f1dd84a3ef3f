"""The transformer decoder, from GPT-2 to Llama: the same stack, with other norms, positions and feed-forward layers.

Each block reads the residual stream (B, T, D) and adds to it. Radford et al. 2019 (GPT-2), Touvron et al. 2023 (Llama).
Notation: B batch, T length, D model width, H heads, K head width, V vocabulary; P positions that were read before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models import layers
from course_utils.models.attention import (
    MultiHeadAttention,
    causal_mask,
    check_each_sees,
    fused_attention,
    scaled_dot_product_attention,
)
from course_utils.models.language_model import LanguageModel, as_ids, check_ids, check_targets, measuring, one_by_one
from course_utils.models.products import Linear, linear
from course_utils.shapes import check_counts, check_shape

NORMS = ("layer", "rms")
POSITIONS = ("learned", "sinusoidal", "rotary", "none")
FEED_FORWARDS = ("gelu", "swiglu")


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and parts of a decoder. As it stands: a GPT-2, of which `llama(...)` changes four parts.

    inner: width inside the feed-forward layer, 4·D where None. key_value_heads: fewer than heads is grouped-query
    attention, heads where None. context: how many positions it can read. tied: the output layer is the embedding.
    """

    vocabulary_size: int
    context: int = 256
    width: int = 128
    heads: int = 4
    layers: int = 4
    key_value_heads: int | None = None
    inner: int | None = None
    norm: str = "layer"
    position: str = "learned"
    feed_forward: str = "gelu"
    bias: bool = True
    tied: bool = True
    dropout: float = 0.0
    epsilon: float = 1e-5
    base: float = 10_000.0

    def __post_init__(self):
        for name, known in (("norm", NORMS), ("position", POSITIONS), ("feed_forward", FEED_FORWARDS)):
            if getattr(self, name) not in known:
                raise CourseError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}.")
        if min(self.vocabulary_size, self.context, self.width, self.heads, self.layers) < 1:
            raise CourseError(f"{self}: expected sizes of 1 or more.")
        if self.width % self.heads:
            raise CourseError(f"a width of {self.width} does not split into {self.heads} heads; expected a multiple.")
        if not 0 <= self.dropout < 1:
            raise CourseError(f"dropout is {self.dropout}; expected 0 or more, and less than 1.")

    @property
    def head_width(self) -> int:
        """K, what one head reads of the width."""
        return self.width // self.heads

    @property
    def inner_width(self) -> int:
        """F, the width inside the feed-forward layer."""
        return 4 * self.width if self.inner is None else self.inner


LLAMA = {"norm": "rms", "position": "rotary", "feed_forward": "swiglu", "bias": False}


@dataclass(frozen=True)
class Operations:
    """The functions a decoder runs on. Put one of your own in the place of any: it is called just as the one here is.

    attention(query, key, value, mask) -> (mixed, weights or None), rms_norm(x, gain, epsilon), rotary(x, positions,
    base), swiglu(x, gate, up, down): see `models.attention` and `models.layers`.
    """

    attention: Callable = fused_attention
    rms_norm: Callable = layers.rms_norm
    rotary: Callable = layers.rotary
    swiglu: Callable = layers.swiglu


FUSED = Operations()
WRITTEN_OUT = Operations(attention=scaled_dot_product_attention)   # slower, but its weights can be looked at


class Block(nn.Module):
    """Attention, then a feed-forward layer; each reads a normed copy of the stream and adds its result to it."""

    def __init__(self, config: TransformerConfig, operations: Operations = FUSED):
        super().__init__()
        self.attention_norm = norm(config, operations)
        self.attention = MultiHeadAttention(
            config.width, config.heads, config.key_value_heads, bias=config.bias, attention=operations.attention
        )
        self.feed_forward_norm = norm(config, operations)
        self.feed_forward = feed_forward(config, operations)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, mask=None, turn=None, past=None, trusted=False):
        """x (B, T, D) to the stream after the block, the attention weights (or None), and the layer's (key, value).

        Raises CourseError for a mask that hides all keys from a position. A `trusted` one is known not to, and is not
        looked at: so a step on a GPU does not wait for each block.
        """
        if not trusted:
            check_each_sees(mask)
        attended, weights, kept = self.attention(self.attention_norm(x), mask=mask, turn=turn, past=past)
        x = x + self.dropout(attended)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, weights, kept


def norm(config: TransformerConfig, operations: Operations) -> nn.Module:
    """The norm that the config names."""
    if config.norm == "rms":
        return layers.RMSNorm(config.width, config.epsilon, operations.rms_norm)
    return layers.LayerNorm(config.width, config.epsilon, config.bias)


def feed_forward(config: TransformerConfig, operations: Operations) -> nn.Module:
    """The feed-forward layer that the config names."""
    if config.feed_forward == "swiglu":
        return layers.GatedFeedForward(config.width, config.inner_width, operations.swiglu)
    return layers.FeedForward(config.width, config.inner_width, config.bias)


class Transformer(LanguageModel):
    """A decoder-only language model: embedding, blocks, norm, output layer. `generator` draws the initial weights."""

    def __init__(self, config: TransformerConfig, generator: torch.Generator, operations: Operations = FUSED):
        super().__init__()
        self.config, self.vocabulary_size, self.context = config, config.vocabulary_size, config.context
        self.operations = operations
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        if config.position == "learned":
            self.position = nn.Embedding(config.context, config.width)
        elif config.position == "sinusoidal":
            self.register_buffer("code", layers.sinusoidal(config.context, config.width), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, operations) for _ in range(config.layers))
        self.norm = norm(config, operations)
        if not config.tied:
            self.output = Linear(config.width, config.vocabulary_size, bias=False)
        layers.draw_weights(self, config.width, config.layers, generator)

    def embed(self, ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """ids (B, T), of which the first stands at position `first`, to the stream (B, T, D) that enters the blocks."""
        check_shape(ids, "B T", "ids")
        check_ids(ids, self.vocabulary_size, "ids")
        check_counts(0, first=first)
        check_context(first + ids.shape[1], self.context)
        x = self.embedding(ids)
        if self.config.position == "learned":
            x = x + self.position.weight[first : first + ids.shape[1]]
        elif self.config.position == "sinusoidal":
            x = x + self.code[first : first + ids.shape[1]]
        return self.dropout(x)

    def turn(self, first: int, length: int) -> Callable | None:
        """What rotates queries and keys by the positions from `first` on; None where positions are told otherwise."""
        check_counts(0, first=first, length=length)
        if self.config.position != "rotary":
            return None
        positions = torch.arange(first, first + length, device=self.device)
        return lambda x: self.operations.rotary(x, positions, self.config.base)

    def stream(self, ids: torch.Tensor, cache=None):
        """ids (B, T), which follow what `cache` holds, to the normed stream (B, T, D), weights and cache of each layer.

        A cache is a tuple of (key, value), each (B, G, P, K), one pair a layer. It is a value: a new one is returned.
        Raises CourseError where the text is longer than the context.
        """
        check_shape(ids, "B T", "ids")
        first, length = 0 if cache is None else cache[0][0].shape[2], ids.shape[1]
        check_context(first + length, self.context)
        mask = causal_mask(length, first + length, self.device) if length > 1 else None
        x, turn, seen, kept = self.embed(ids, first), self.turn(first, length), [], []
        for block, past in zip(self.blocks, cache or [None] * len(self.blocks), strict=True):
            x, weights, pair = block(x, mask, turn, past, trusted=True)
            seen.append(weights)
            kept.append(pair)
        return self.norm(x), seen, tuple(kept)

    def logits(self, stream: torch.Tensor) -> torch.Tensor:
        """The normed stream (…, D) to logits (…, V)."""
        return linear(stream, self.embedding.weight if self.config.tied else self.output.weight)

    def run(self, ids: torch.Tensor, cache=None):
        """ids (B, T) to logits (B, T, V), going on from `cache`, and the cache to go on from."""
        stream, _, cache = self.stream(ids, cache)
        return self.logits(stream), cache

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        """The contract. Targets of −100 are not counted in the loss."""
        logits, _ = self.run(ids)
        if targets is not None:
            check_targets(targets, logits)
        return logits, None if targets is None else functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def read(self, ids: Sequence[int], memory=None):
        """The contract. The memory is what was read and the cache of it, so that a new token costs one position.

        When the context is full, the older half of the text is forgotten and the rest is read again.
        """
        logits, memory = self.read_logits(ids, memory)
        return logits.softmax(dim=-1), memory

    @torch.no_grad()
    def read_logits(self, ids: Sequence[int], memory=None):
        """The contract."""
        hidden, memory = self.read_hidden(ids, memory)
        return self.logits(hidden[-1]).float().cpu(), memory

    @torch.no_grad()
    def read_each(self, ids: Sequence[int], memory=None):
        """(T, V) logits of what follows each of the ids, in one pass, and the memory after each of them."""
        before = len(memory[0]) if memory else 0
        if before + len(ids) > self.context:                       # where the past is forgotten, each reads another one
            return one_by_one(self.read_logits, ids, memory)
        hidden, (text, cache) = self.read_hidden(ids, memory)
        ends = range(before + 1, len(text) + 1)
        return self.logits(hidden).float().cpu(), [(text[:end], up_to(cache, end)) for end in ends]

    def read_hidden(self, ids: Sequence[int], memory=None):
        """The normed stream (T, D) at the ids, which `logits` turns into logits, and the memory.

        T is smaller than there are ids where not all of them fit into the context.
        """
        if len(ids) == 0:
            raise CourseError("There are no ids to go on from; expected at least one: begin with [vocabulary.start].")
        before, cache = memory or ((), None)
        text = (*before, *(int(i) for i in ids))
        if len(text) > self.context:
            text, cache, new = text[-(self.context // 2 + 1) :], None, text[-(self.context // 2 + 1) :]
        else:
            new = text[len(before) :]
        new = as_ids(new)
        check_ids(new, self.vocabulary_size, "ids")
        with measuring(self):
            stream, _, cache = self.stream(new[None].to(self.device), cache)
        return stream[0, -len(ids) :], (text, cache)

    def attention(self, ids: torch.Tensor) -> torch.Tensor:
        """Where each head looks: ids (B, T) to (B, layers, H, T, T). Raises CourseError for a model that cannot say."""
        with measuring(self):
            _, weights, _ = self.stream(ids.to(self.device))
        if weights[0] is None:
            raise CourseError(
                "This model's attention does not return its weights; build it with operations=WRITTEN_OUT."
            )
        return torch.stack(weights, dim=1)

    def flops_per_token(self, length: int) -> float:
        """Multiplications and additions of a forward pass over `length` tokens, per token.

        Two for each weight that multiplies, and for each layer 4·T·H·K for scores and mixture over all T keys (the mask
        spares none). Norms, softmax and bends are left out. Kaplan et al. 2020, table 1; Chowdhery et al. 2022, app. B.
        """
        check_counts(0, length=length)
        config = self.config
        weights = sum(p.numel() for block in self.blocks for p in block.parameters() if p.ndim > 1)
        weights += config.width * config.vocabulary_size
        return 2.0 * weights + 4.0 * config.layers * length * config.width


def up_to(cache, end: int):
    """What the cache was when it held `end` positions: views, no copy."""
    return tuple((key[:, :, :end], value[:, :, :end]) for key, value in cache)


def check_context(length: int, context: int) -> None:
    """Raises CourseError for a text that is longer than what the model can read."""
    if length > context:
        raise CourseError(
            f"The text has {length} tokens and the model reads at most {context}; cut it: ids[:, -{context}:]. To "
            "measure a long text, use token_nats: it reads in windows."
        )
