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
from course_utils.models.attention import (
    MultiHeadAttention,
    causal_mask,
    check_attention,
    fused_attention,
    merge_heads,
    scaled_dot_product_attention,
    split_heads,
    visible,
)
from course_utils.models.language_model import check_ids, check_targets, measuring
from course_utils.models.layers import FeedForward, GatedFeedForward, RMSNorm, draw_weights, gelu
from course_utils.models.products import Linear, linear
from course_utils.models.seq2seq import PAD
from course_utils.shapes import check_counts, check_floats, check_number, check_shape, check_shapes, check_whole

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

    @property
    def target_size(self) -> int:
        """How many ids a target is made of: here as many as a source."""
        return self.vocabulary_size


def unscaled_attention(query, key, value, mask=None, bias=None):
    """Attention without the division by √K, which T5 has in its initial weights instead."""
    check_attention(query, key, value, mask, bias)
    return fused_attention(query * math.sqrt(query.shape[-1]), key, value, mask, bias)


def geglu(x, gate, up, down):
    """down(gelu(gate(x)) · up(x)). Shazeer 2020."""
    check_floats("… D, F D, F D, D F", x=x, gate=gate, up=up, down=down)
    return linear(gelu(linear(x, gate)) * linear(x, up), down)


def bucket(distance: torch.Tensor, buckets: int, furthest: int, both_ways: bool) -> torch.Tensor:
    """Which bucket a distance (key minus query) falls into: small ones each their own, large ones by their logarithm.

    both_ways: the future has the upper half of the buckets; else it has none. Any shape to the same shape.
    """
    check_whole("…", distance=distance)
    check_counts(2 * (1 + both_ways), buckets=buckets)
    if furthest <= buckets // 2:
        raise CourseError(f"furthest is {furthest}; expected more than half of the {buckets} buckets.")
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
        check_counts(0, length=length, keys=keys)
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

    def step(self, x, mask, bias, past, source, source_mask):
        """`forward` of a decoder's layer for positions x (B, T, D) that follow those of `past`; without dropout.

        past: (key, value), each (B, H, P, K), or None; source: the same of the S positions of the source. Returns the
        stream, the weights (B, H, T, S) with which it looked at the source, and (key, value) of all positions so far.
        """
        mixed, _, pair = self.attention(self.attention_norm(x), mask=mask, bias=bias, past=past)
        x = x + mixed
        query = split_heads(self.cross.query(self.cross_norm(x)), self.cross.heads)         # (B, H, T, K)
        unscaled = query * math.sqrt(query.shape[-1])
        mixed, weights = scaled_dot_product_attention(unscaled, *source, source_mask)
        x = x + self.cross.output(merge_heads(mixed))
        return x + self.feed_forward(self.feed_forward_norm(x)), weights, pair


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

    def going_on(self, x, source: "Source", past=None):
        """A decoder's x (B, T, D) after what `past` holds, to the normed stream, weights (B, layers, H, T, S) and past.

        A past is (keys, values), each (layers, B, H, P, K). It is a value: a new one is returned.
        """
        length = x.shape[1]
        positions = length + (0 if past is None else past[0].shape[3])
        bias, mask = self.distance(length, positions), causal_mask(length, positions, x.device)
        seen, keys, values = [], [], []
        for number, layer in enumerate(self.layers):
            before = None if past is None else (past[0][number], past[1][number])
            pair = source.keys[number], source.values[number]
            x, weights, (key, value) = layer.step(x, mask, bias, before, pair, visible(source.mask))
            seen.append(weights)
            keys.append(key)
            values.append(value)
        return self.norm(x), torch.stack(seen, dim=1), (torch.stack(keys), torch.stack(values))


class EncoderDecoder(nn.Module):
    """Source and target ids to the logits of what follows each target id. `generator` draws the initial weights."""

    def __init__(self, config: EncoderDecoderConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.encoder, self.decoder = Stack(config, decoder=False), Stack(config, decoder=True)
        if not config.tied:
            self.output = Linear(config.width, config.vocabulary_size, bias=False)
        draw_weights(self, config.width, config.layers, generator)
        for part in self.modules():
            if isinstance(part, MultiHeadAttention):               # so that the scores start as if divided by √K
                nn.init.normal_(part.query.weight, 0.0, 1 / math.sqrt(config.width * config.head_width), generator)

    @property
    def device(self) -> torch.device:
        """Where the model's numbers are."""
        return self.embedding.weight.device

    def encode(self, source: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """source (B, S) to (B, S, D); mask (B, S) True on text, False on padding."""
        check_shapes("B S, B S", source=source, mask=mask)
        check_ids(source, self.config.vocabulary_size, "source")
        return self.encoder(self.embedding(source), visible(mask))

    def decode(self, target: torch.Tensor, encoded: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """target (B, T) and the encoded source (B, S, D) to logits (B, T, V)."""
        check_floats(f"B S {self.config.width}", encoded=encoded)
        check_shapes("B S D, B T, B S", encoded=encoded, target=target, mask=mask)
        check_ids(target, self.config.vocabulary_size, "target")
        return self.logits(self.decoder(self.embedding(target), source=encoded, source_mask=visible(mask)))

    def logits(self, stream: torch.Tensor) -> torch.Tensor:
        """The decoder's normed stream (…, D) to logits (…, V)."""
        if self.config.scaled_output:
            stream = stream / math.sqrt(self.config.width)
        return linear(stream, self.embedding.weight if self.config.tied else self.output.weight)

    def forward(self, source, target, targets=None, mask=None, smoothing: float = 0.0):
        """Logits (B, T, V) of what follows each id of `target`, and the loss in nats against `targets`, or None.

        Targets of −100 are not counted. smoothing: this share of each target's probability is wanted of all V ids
        alike. Szegedy et al. 2016, section 7.
        """
        check_number(0, 1, smoothing=smoothing)
        logits = self.decode(target, self.encode(source, mask), mask)
        if targets is None:
            return logits, None
        check_targets(targets, logits)
        return logits, functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=smoothing)


# --- one token at a time ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """An encoded source as the decoder's layers look at it.

    keys and values (layers, B, H, S, K); mask (B, S) True on text.
    """

    keys: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor

    def rows(self, index: torch.Tensor) -> "Source":
        """The sources in these rows, in this order; a row may be taken more than once."""
        check_whole("N", index=index)
        check_ids(index, len(self.mask), "index")
        return Source(self.keys[:, index], self.values[:, index], self.mask[index])


class Cached(nn.Module):
    """An encoder–decoder that goes on from what it has written, for `transcribe` and `Conditioned`: as `Seq2Seq` does.

    The source's keys and values are made once, those of the target once a token; the weights are the model's own.
    Where a source is padded, it is with 0 at its end.
    """

    def __init__(self, model: EncoderDecoder):
        super().__init__()
        self.model, self.config = model, model.config

    @property
    def device(self) -> torch.device:
        """Where the model's numbers are."""
        return self.model.device

    def encode(self, source: torch.Tensor) -> Source:
        """source (B, S) int64. Raises CourseError for an id out of range or an empty row."""
        check_shape(source, "B S", "source")
        mask = source != PAD
        if source.shape[1] == 0 or not bool(mask[:, 0].all()):
            raise CourseError("A source is empty; each row needs at least one token before its padding.")
        states, heads = self.model.encode(source, mask), self.config.heads
        crosses = [layer.cross for layer in self.model.decoder.layers]
        keys = torch.stack([split_heads(cross.key(states), heads) for cross in crosses])    # (layers, B, H, S, K)
        values = torch.stack([split_heads(cross.value(states), heads) for cross in crosses])
        return Source(keys, values, mask)

    def decode(self, inputs: torch.Tensor, encoded: Source, state=None):
        """inputs (B, T), which follow what `state` holds: logits (B, T, V), the state, weights (B, layers, H, T, S)."""
        check_shape(inputs, f"{len(encoded.mask)} T", "inputs")
        check_ids(inputs, self.config.vocabulary_size, "inputs")
        stream, weights, state = self.model.decoder.going_on(self.model.embedding(inputs), encoded, state)
        return self.model.logits(stream), state, weights

    def attention(self, source: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """(B, layers, H, T, S): where each head of the decoder looks in `source` after it has read each of `inputs`."""
        with measuring(self):
            return self.decode(inputs, self.encode(source))[2]
