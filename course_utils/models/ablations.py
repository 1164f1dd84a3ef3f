"""A decoder with one part taken out, to measure what the part is worth. Surgery on `transformer`, for lesson 07.

What is left is trained from the beginning, so it may learn to do without. Notation: B batch, T length, D model width.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.attention import check_each_sees, fused_attention
from course_utils.models.transformer import Block, Operations, Transformer, TransformerConfig


class NoAttention(nn.Module):
    """In the place of attention: nothing is fetched from other positions. It still counts them, as a cache has to."""

    def forward(self, x, mask=None, turn=None, past=None):
        """x (B, T, D) to zeros of that shape, no weights, and keys and values of no width."""
        before = 0 if past is None else past[0].shape[2]
        counted = x.new_zeros(x.shape[0], 1, before + x.shape[1], 0)
        return torch.zeros_like(x), None, (counted, counted)


class NoFeedForward(nn.Module):
    """In the place of the feed-forward layer: nothing is added."""

    def forward(self, x):
        """x (B, T, D) to zeros of that shape."""
        return torch.zeros_like(x)


class NoSums(Block):
    """A block whose layers replace the stream instead of adding to it."""

    def forward(self, x, mask=None, turn=None, past=None, trusted=False):
        """x (B, T, D) to what the feed-forward layer makes of what attention makes of it."""
        if not trusted:
            check_each_sees(mask)
        attended, weights, kept = self.attention(self.attention_norm(x), mask=mask, turn=turn, past=past)
        return self.feed_forward(self.feed_forward_norm(attended)), weights, kept


def blind_to_the_mask(query, key, value, mask=None):
    """Attention that looks wherever it likes, at the future, too."""
    return fused_attention(query, key, value, None)


def without_attention(config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """Each position sees itself alone."""
    return _each_block(Transformer(config, generator), attention=NoAttention)


def without_feed_forward(config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """Attention alone, block after block."""
    return _each_block(Transformer(config, generator), feed_forward=NoFeedForward)


def without_residual(config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """No sums: each layer has to hand on everything that those above it need."""
    model = Transformer(config, generator)
    for block in model.blocks:
        block.__class__ = NoSums                                   # the same weights, run in another way
    return model


def without_norm(config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """The stream is read as it is, and so is its end."""
    model = _each_block(Transformer(config, generator), attention_norm=nn.Identity, feed_forward_norm=nn.Identity)
    model.norm = nn.Identity()
    return model


def without_positions(config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """Nothing tells where a token stands but the mask, which hides more from the first ones."""
    return Transformer(replace(config, position="none"), generator)


def without_mask(config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """In training, each position sees the token that it is asked for."""
    return Transformer(config, generator, Operations(attention=blind_to_the_mask))


REMOVALS: dict[str, Callable[[TransformerConfig, torch.Generator], Transformer]] = {
    "attention": without_attention,
    "feed-forward": without_feed_forward,
    "residual": without_residual,
    "norm": without_norm,
    "positions": without_positions,
    "mask": without_mask,
}


def without(part: str, config: TransformerConfig, generator: torch.Generator) -> Transformer:
    """A fresh decoder less one of `REMOVALS`. Raises CourseError for a part that there is not."""
    if part not in REMOVALS:
        raise CourseError(f"There is no part {part!r} to remove; expected one of {', '.join(REMOVALS)}.")
    return REMOVALS[part](config, generator)


def _each_block(model: Transformer, **parts: type[nn.Module]) -> Transformer:
    """The model, in every block of which the parts named are put in the place of what was there."""
    for block in model.blocks:
        for name, kind in parts.items():
            setattr(block, name, kind())
    return model
