"""The transformer encoder, BERT: every position sees every other, before and after it. Devlin et al. 2019.

Against the decoder of `transformer` it is a small diff: no causal mask, norms after the sums instead of before what is
summed, and vectors for a first and a second text. Notation: B batch, T length, D model width, H heads.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.attention import MultiHeadAttention, check_each_sees, visible
from course_utils.models.language_model import check_ids, measuring
from course_utils.models.layers import FeedForward, LayerNorm, draw_weights
from course_utils.models.transformer import FUSED, Operations, check_context
from course_utils.shapes import check_shape


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder. inner: width inside the feed-forward layer, 4·D where None. segments: kinds of text."""

    vocabulary_size: int
    context: int = 512
    width: int = 128
    heads: int = 4
    layers: int = 4
    inner: int | None = None
    segments: int = 2
    dropout: float = 0.0
    epsilon: float = 1e-12

    def __post_init__(self):
        if min(self.vocabulary_size, self.context, self.width, self.heads, self.layers, self.segments) < 1:
            raise CourseError(f"{self}: expected sizes of 1 or more.")


class EncoderBlock(nn.Module):
    """Attention and a feed-forward layer; after each, the sum with what went in is normed (post-norm)."""

    def __init__(self, config: EncoderConfig, operations: Operations = FUSED):
        super().__init__()
        inner = 4 * config.width if config.inner is None else config.inner
        self.attention = MultiHeadAttention(config.width, config.heads, bias=True, attention=operations.attention)
        self.attention_norm = LayerNorm(config.width, config.epsilon)
        self.feed_forward = FeedForward(config.width, inner, activation=functional.gelu)
        self.feed_forward_norm = LayerNorm(config.width, config.epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, mask=None, trusted=False):
        """x (B, T, D) to the same shape, and the attention weights (or None).

        Raises CourseError for a mask that hides all positions from one; a `trusted` one is known not to.
        """
        if not trusted:
            check_each_sees(mask)
        attended, weights, _ = self.attention(x, mask=mask)
        x = self.attention_norm(x + self.dropout(attended))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x))), weights


class Encoder(nn.Module):
    """Ids to one vector a position that has read the whole text. `generator` draws the initial weights."""

    def __init__(self, config: EncoderConfig, generator: torch.Generator, operations: Operations = FUSED):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.position = nn.Embedding(config.context, config.width)
        self.segment = nn.Embedding(config.segments, config.width)
        self.norm = LayerNorm(config.width, config.epsilon)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(EncoderBlock(config, operations) for _ in range(config.layers))
        draw_weights(self, config.width, config.layers, generator)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None, segments: torch.Tensor | None = None):
        """ids (B, T) to (B, T, D). mask (B, T): True on text, False on padding. segments (B, T): 0 or 1, 0 if None.

        Raises CourseError for an id that is not in the vocabulary, for a text longer than the context, and for one
        that is padding alone.
        """
        return self.states(ids, mask, segments)[-1]

    def states(self, ids: torch.Tensor, mask=None, segments=None) -> list[torch.Tensor]:
        """The stream after the embedding and after each block, each (B, T, D)."""
        x, seen = self._embed(ids, segments), self._visible(ids, mask)
        streams = [x]
        for block in self.blocks:
            x, _ = block(x, seen, trusted=True)
            streams.append(x)
        return streams

    def attention(self, ids: torch.Tensor, mask=None) -> torch.Tensor:
        """Where each head looks: ids (B, T) to (B, layers, H, T, T). Needs a model with operations=WRITTEN_OUT."""
        weights = []
        with measuring(self):
            x, seen = self._embed(ids, None), self._visible(ids, mask)
            for block in self.blocks:
                x, looks = block(x, seen, trusted=True)
                weights.append(looks)
        if weights[0] is None:
            raise CourseError("This model's attention does not return its weights; build it with WRITTEN_OUT.")
        return torch.stack(weights, dim=1)

    def _embed(self, ids: torch.Tensor, segments) -> torch.Tensor:
        check_shape(ids, "B T", "ids")
        check_ids(ids, self.config.vocabulary_size, "ids")
        check_context(ids.shape[1], self.config.context)
        segments = torch.zeros_like(ids) if segments is None else segments
        check_shape(segments, f"{ids.shape[0]} {ids.shape[1]}", "segments")
        check_ids(segments, self.config.segments, "segments")
        x = self.embedding(ids) + self.position.weight[: ids.shape[1]] + self.segment(segments)
        return self.dropout(self.norm(x))

    @staticmethod
    def _visible(ids: torch.Tensor, mask):
        """(B, 1, 1, T) which positions may be looked at; None where there is no padding."""
        if mask is not None:
            check_shape(mask, f"{ids.shape[0]} {ids.shape[1]}", "mask")
            check_each_sees(mask)
        return visible(mask)
