"""The transformer with both halves, T5: an encoder reads the source, a decoder writes the target. Raffel et al. 2020.

Against the decoder of `transformer` it is a small diff: a second attention that looks at the source, positions as a
bias on the scores (by distance), scores that are not scaled, and no biases elsewhere.
Notation: B batch, S source length, T target length, D model width, H heads, K head width.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.attention import MultiHeadAttention, causal_mask, fused_attention, visible
from course_utils.models.language_model import check_ids
from course_utils.models.layers import FeedForward, GatedFeedForward, RMSNorm, draw_weights, gelu
from course_utils.shapes import check_shape

FEED_FORWARDS = ("relu", "geglu")


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """Sizes of an encoder–decoder. feed_forward: relu (T5) or geglu (flan-T5). tied: the output is the embedding.
    scaled_output: the decoder's stream is divided by √D before the output layer, as where T5 is tied.

    buckets: how many distances have a bias of their own; those beyond `furthest` share one.
    """

    vocabulary_size: int
    width: int = 128
    heads: int = 4
    head_width: int = 32
    layers: int = 4
    inner: int = 512
    feed_forward: str = "relu"
    tied: bool = True
    scaled_output: bool = True
    dropout: float = 0.0
    epsilon: float = 1e-6
    buckets: int = 32
    furthest: int = 128

    def __post_init__(self):
        if self.feed_forward not in FEED_FORWARDS:
            raise CourseError(f"feed_forward is {self.feed_forward!r}; expected one of {', '.join(FEED_FORWARDS)}.")
        if min(self.vocabulary_size, self.width, self.heads, self.head_width, self.layers, self.inner) < 1:
            raise CourseError(f"{self}: expected sizes of 1 or more.")


def unscaled_attention(query, key, value, mask=None, bias=None):
    """Attention without the division by √K, which T5 has in its initial weights instead."""
    return fused_attention(query * math.sqrt(query.shape[-1]), key, value, mask, bias)


def geglu(x, gate, up, down):
    """down(gelu(gate(x)) · up(x)). Shazeer 2020."""
    return (gelu(x @ gate.T) * (x @ up.T)) @ down.T


def bucket(distance: torch.Tensor, buckets: int, furthest: int, both_ways: bool) -> torch.Tensor:
    """Which bucket a distance (key minus query) falls into: small ones each their own, large ones by their logarithm.

    both_ways: the future has the upper half of the buckets; else it has none. Any shape to the same shape.
    """
    if both_ways:
        buckets //= 2
        first, apart = (distance > 0) * buckets, distance.abs()
    else:
        first, apart = 0, (-distance).clamp(min=0)
    exact = buckets // 2
    growth = (apart.clamp(min=1) / exact).log() / math.log(furthest / exact)                # 0 to 1 from exact on
    large = (exact + growth * (buckets - exact)).long().clamp(max=buckets - 1)
    return first + torch.where(apart < exact, apart, large)


class RelativeBias(nn.Module):
    """A number for each head and bucket of distances, added to the scores; all layers share it."""

    def __init__(self, config: EncoderDecoderConfig, both_ways: bool):
        super().__init__()
        self.bias = nn.Embedding(config.buckets, config.heads)
        self.buckets, self.furthest, self.both_ways = config.buckets, config.furthest, both_ways

    def forward(self, length: int, keys: int) -> torch.Tensor:
        """(1, H, T, S) for the last T of S positions."""
        device = self.bias.weight.device
        queries = torch.arange(keys - length, keys, device=device)
        distance = torch.arange(keys, device=device) - queries[:, None]                     # (T, S)
        return self.bias(bucket(distance, self.buckets, self.furthest, self.both_ways)).permute(2, 0, 1)[None]


def attention_of(config: EncoderDecoderConfig) -> MultiHeadAttention:
    """An unscaled attention of the config's sizes."""
    return MultiHeadAttention(config.width, config.heads, head_width=config.head_width, attention=unscaled_attention)


class Layer(nn.Module):
    """Self-attention, in a decoder also attention to the source, and a feed-forward layer; each added to the stream."""

    def __init__(self, config: EncoderDecoderConfig, looks_at_source: bool):
        super().__init__()
        self.attention_norm, self.attention = RMSNorm(config.width, config.epsilon), attention_of(config)
        if looks_at_source:
            self.cross_norm, self.cross = RMSNorm(config.width, config.epsilon), attention_of(config)
        self.feed_forward_norm = RMSNorm(config.width, config.epsilon)
        if config.feed_forward == "relu":
            self.feed_forward = FeedForward(config.width, config.inner, bias=False, activation=functional.relu)
        else:
            self.feed_forward = GatedFeedForward(config.width, config.inner, geglu)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, mask, bias, source=None, source_mask=None):
        """x (B, T, D), and in a decoder source (B, S, D), to the stream after the layer."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask=mask, bias=bias)[0])
        if source is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), source, mask=source_mask)[0])
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class Stack(nn.Module):
    """Layers, the bias of their distances, and the norm at their end: one half of the model."""

    def __init__(self, config: EncoderDecoderConfig, decoder: bool):
        super().__init__()
        self.decoder = decoder
        self.distance = RelativeBias(config, both_ways=not decoder)
        self.layers = nn.ModuleList(Layer(config, looks_at_source=decoder) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.epsilon)

    def forward(self, x, mask=None, source=None, source_mask=None):
        """x (B, T, D) to (B, T, D), normed."""
        length = x.shape[1]
        bias = self.distance(length, length)
        mask = causal_mask(length, device=x.device) if self.decoder else mask
        for layer in self.layers:
            x = layer(x, mask, bias, source, source_mask)
        return self.norm(x)


class EncoderDecoder(nn.Module):
    """Source and target ids to the logits of what follows each target id. `generator` draws the initial weights."""

    def __init__(self, config: EncoderDecoderConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.encoder, self.decoder = Stack(config, decoder=False), Stack(config, decoder=True)
        if not config.tied:
            self.output = nn.Linear(config.width, config.vocabulary_size, bias=False)
        draw_weights(self, config.width, config.layers, generator)

    def encode(self, source: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """source (B, S) to (B, S, D); mask (B, S) True on text, False on padding."""
        check_shape(source, "B S", "source")
        check_ids(source, self.config.vocabulary_size, "source")
        return self.encoder(self.embedding(source), visible(mask))

    def decode(self, target: torch.Tensor, encoded: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """target (B, T) and the encoded source (B, S, D) to logits (B, T, V)."""
        check_shape(target, f"{encoded.shape[0]} T", "target")
        check_ids(target, self.config.vocabulary_size, "target")
        stream = self.decoder(self.embedding(target), source=encoded, source_mask=visible(mask))
        if self.config.scaled_output:
            stream = stream / math.sqrt(self.config.width)
        return functional.linear(stream, self.embedding.weight if self.config.tied else self.output.weight)

    def forward(self, source, target, targets=None, mask=None):
        """Logits (B, T, V) of what follows each id of `target`, and the loss in nats against `targets`, or None."""
        logits = self.decode(target, self.encode(source, mask), mask)
        return logits, None if targets is None else functional.cross_entropy(logits.transpose(1, 2), targets)
