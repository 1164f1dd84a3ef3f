"""Attention: each position mixes what others hold, by how well they match what it asks for. Vaswani et al. 2017.

Notation: B batch, T query positions, S key positions, D model width, H heads, K head width, G key/value heads.
"""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.products import Linear
from course_utils.shapes import ShapeError, check_counts, check_shape, check_whole


def scaled_dot_product_attention(query, key, value, mask=None, bias=None):
    """Mix `value` rows by how well each query matches each key.

    query (B, H, T, K), key (B, H, S, K), value (B, H, S, K); mask broadcastable to (B, H, T, S), True where attention
    is allowed; bias, too, is added to the scores. Returns mixed (B, H, T, K) and weights (B, H, T, S), rows summing
    to 1. Raises ShapeError where they do not fit. Vaswani et al. 2017, eq. 1.
    """
    check_attention(query, key, value, mask, bias)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])             # (B, H, T, S)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(dim=-1)                                                # (B, H, T, S)
    return weights @ value, weights                                                 # (B, H, T, K)


def fused_attention(query, key, value, mask=None, bias=None):
    """The same mixture by torch's kernel, which never holds all weights at once, and so cannot return them: None.

    On a CPU it runs in float32 whatever comes in: in bfloat16 the kernel takes several times as long.
    Dao et al. 2022 (FlashAttention).
    """
    check_attention(query, key, value, mask, bias)
    if mask is not None and mask.ndim < 2:
        mask = mask.expand(1, key.shape[-2])
    if bias is not None:
        bias = bias.expand(*query.shape[:-1], key.shape[-2])
        mask = bias if mask is None else bias.masked_fill(~mask, float("-inf"))
    if query.device.type != "cpu" or query.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask), None
    mask = mask if mask is None or mask.dtype == torch.bool else mask.float()
    with torch.autocast("cpu", enabled=False):
        wide = functional.scaled_dot_product_attention(query.float(), key.float(), value.float(), attn_mask=mask)
    return wide.to(value.dtype), None


def check_attention(query, key, value, mask=None, bias=None) -> None:
    """Raises ShapeError or CourseError where the parts of an attention do not fit one another."""
    check_shape(query, "B H T K", "query")
    batch, heads, length, width = query.shape
    check_shape(key, f"{batch} {heads} S {width}", "key")
    check_shape(value, f"{batch} {heads} {key.shape[2]} K", "value")
    if not query.dtype == key.dtype == value.dtype:
        raise CourseError(
            f"query is {query.dtype}, key {key.dtype}, value {value.dtype}; expected one dtype. Convert them: "
            "x.to(query.dtype)."
        )
    if not query.is_floating_point():
        raise CourseError(f"query is {query.dtype}; expected floats. Convert it: query.float().")
    scores = batch, heads, length, key.shape[2]
    if mask is not None:
        if mask.dtype != torch.bool:
            raise CourseError(f"mask is {mask.dtype}; expected torch.bool, True where attention is allowed.")
        _check_spreads(mask, scores, "mask", "Build it with causal_mask(T, S) or padding_mask(lengths, S).")
    if bias is not None:
        if bias.dtype != query.dtype and not torch.is_autocast_enabled(bias.device.type):
            raise CourseError(f"bias is {bias.dtype}; expected {query.dtype} as of the query. Convert it: bias.to(…).")
        _check_spreads(bias, scores, "bias", "It is added to the scores.")


def _check_spreads(part, scores: tuple[int, ...], name: str, advice: str) -> None:
    """Raises ShapeError where a mask or a bias does not spread to the shape of the scores."""
    allowed = [{1, size} for size in scores][max(0, 4 - part.ndim) :]
    if part.ndim > 4 or any(size not in sizes for size, sizes in zip(part.shape, allowed, strict=True)):
        raise ShapeError(
            f"{name} has shape {tuple(part.shape)}; expected one that spreads to (B, H, T, S) = {scores}. {advice}"
        )


def check_each_sees(mask) -> None:
    """Raises CourseError where a mask (…, S) hides all keys from a query: the softmax of nothing would give it nan.

    It looks at the numbers, for which a GPU has to be waited for. A mask of `causal_mask` needs no such look.
    """
    if mask is None or 0 in mask.shape[:-1]:
        return
    seeing = mask.any(dim=-1)
    if not bool(seeing.all()):
        blind, rows = int((~seeing).sum()), seeing.numel()
        raise CourseError(
            f"mask has no True in {blind} of {rows} rows; expected at least one in each, as a softmax over no keys is "
            "nan. Leave out texts that are padding alone."
        )


def causal_mask(length: int, keys: int | None = None, device=None) -> torch.Tensor:
    """(T, S) True where query t may look at key s: not at the future. The queries are the last T of the S positions."""
    check_counts(0, length=length, keys=keys)
    keys = length if keys is None else keys
    if keys < length:
        raise ShapeError(f"{length} queries are the last of {keys} keys; expected at least as many keys.")
    return torch.ones(length, keys, dtype=torch.bool, device=device).tril(keys - length)


def padding_mask(lengths: torch.Tensor, keys: int) -> torch.Tensor:
    """(B, 1, 1, S) True on the first `lengths[b]` keys of row b, False on the padding after them."""
    check_whole("B", lengths=lengths)
    check_counts(0, keys=keys)
    if len(lengths) and not 1 <= int(lengths.min()) <= int(lengths.max()) <= keys:
        raise CourseError(f"lengths go from {int(lengths.min())} to {int(lengths.max())}; expected 1 to {keys}.")
    return (torch.arange(keys, device=lengths.device) < lengths[:, None])[:, None, None]


def visible(mask: torch.Tensor | None) -> torch.Tensor | None:
    """mask (B, S), True on text, to (B, 1, 1, S): which keys may be looked at; None where there is no padding."""
    return None if mask is None else mask.bool()[:, None, None]


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, T, H·K) to (B, H, T, K): each head gets its own stretch of the width."""
    check_counts(heads=heads)
    check_shape(x, "B T D", "x")
    if x.shape[-1] % heads:
        raise ShapeError(f"a width of {x.shape[-1]} does not split into {heads} heads; expected one that they divide.")
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    """(B, H, T, K) to (B, T, H·K): the heads side by side again."""
    check_shape(x, "B H T K", "x")
    return x.transpose(1, 2).flatten(2)


def repeat_heads(x: torch.Tensor, times: int) -> torch.Tensor:
    """(B, G, S, K) to (B, G·times, S, K): each key/value head serves `times` query heads. Ainslie et al. 2023."""
    check_shape(x, "B G S K", "x")
    check_counts(times=times)
    return x if times == 1 else x.repeat_interleave(times, dim=1)


class MultiHeadAttention(nn.Module):
    """Project to queries, keys and values, attend in each head, merge, project back.

    `key_value_heads` below `heads` is grouped-query attention (Ainslie et al. 2023). `head_width` is D/H where it is
    not given. `attention` is the formula: any function like `scaled_dot_product_attention`.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        key_value_heads: int | None = None,
        head_width: int | None = None,
        bias: bool = False,
        attention: Callable = fused_attention,
    ):
        check_counts(width=width, head_width=head_width)
        super().__init__()
        self.heads, self.key_value_heads = heads, heads if key_value_heads is None else key_value_heads
        if heads < 1 or self.key_value_heads < 1 or heads % self.key_value_heads:
            raise CourseError(
                f"{heads} heads cannot share {self.key_value_heads} key/value heads evenly; expected as many, or a "
                "number that divides them."
            )
        if head_width is None and width % heads:
            raise CourseError(f"a width of {width} does not split into {heads} heads; expected one that they divide.")
        head_width = width // heads if head_width is None else head_width
        self.query = Linear(width, heads * head_width, bias)
        self.key = Linear(width, self.key_value_heads * head_width, bias)
        self.value = Linear(width, self.key_value_heads * head_width, bias)
        self.output = Linear(heads * head_width, width, bias)
        self.attention = attention

    def forward(self, x, memory=None, mask=None, bias=None, turn=None, past=None):
        """x (B, T, D) looks at memory (B, S, D), itself if None; returns (B, T, D), the weights and (key, value).

        turn(x (B, H, T, K)) rotates queries and keys by their positions; past = (key, value), each (B, G, P, K), stand
        before the new ones. The weights are None where `attention` does not give them.
        """
        memory = x if memory is None else memory
        query = split_heads(self.query(x), self.heads)                              # (B, H, T, K)
        key = split_heads(self.key(memory), self.key_value_heads)                   # (B, G, S, K)
        value = split_heads(self.value(memory), self.key_value_heads)
        if turn is not None:
            query, key = turn(query), turn(key)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        times = self.heads // self.key_value_heads
        extra = {} if bias is None else {"bias": bias}                              # a formula of one's own may lack it
        mixed, weights = self.attention(query, repeat_heads(key, times), repeat_heads(value, times), mask, **extra)
        return self.output(merge_heads(mixed)), weights, (key, value)
