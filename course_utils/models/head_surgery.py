"""Single heads of a trained decoder: watched, silenced, made to look elsewhere. Surgery on `transformer`, lesson 15.

It is done inside a `with`, from outside, and the model is as it was afterwards. Layers and heads count from 0.
Notation: L layers, B texts, T length, S = T keys, H heads, K head width, N chosen heads.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from course_utils.errors import CourseError
from course_utils.models.attention import MultiHeadAttention, scaled_dot_product_attention
from course_utils.models.language_model import check_ids, measuring
from course_utils.models.transformer import Transformer
from course_utils.shapes import check_floats, check_shape, check_shapes

Head = tuple[int, int]                                             # layer, and number within it
Formula = Callable                                                 # like `scaled_dot_product_attention`


def every_head(model: Transformer) -> list[Head]:
    """All heads of the model, layer by layer."""
    return [(layer, head) for layer in range(model.config.layers) for head in range(model.config.heads)]


def top_heads(scores: torch.Tensor, count: int) -> list[Head]:
    """The `count` heads with the largest scores (L, H), largest first. Raises CourseError where there are fewer."""
    check_floats("L H", scores=scores)
    if not 1 <= count <= scores.numel():
        raise CourseError(f"count is {count}; expected 1 to {scores.numel()}, as many as there are heads.")
    return [divmod(place, scores.shape[1]) for place in scores.flatten().topk(count).indices.tolist()]


def random_heads(count: int, among: Sequence[Head], generator: torch.Generator) -> list[Head]:
    """`count` different heads out of `among`, to compare with. Raises CourseError where there are fewer."""
    if not 1 <= count <= len(among):
        raise CourseError(f"{count} heads out of {len(among)}; expected 1 to {len(among)}.")
    return [among[place] for place in torch.randperm(len(among), generator=generator)[:count].tolist()]


# --- another formula in the place of a head's own -------------------------------------------------


@contextmanager
def swapped(model: Transformer, heads: Sequence[Head], formula: Formula) -> Iterator[Transformer]:
    """Inside, the heads given mix by another formula; afterwards, also after an error, by their own.

    formula(query, key, value, mask) -> (mixed, weights) gets the chosen heads of a layer alone, each (B, N, T, K).
    Raises CourseError for a head that there is not, and for what is no decoder.
    """
    chosen = _by_layer(model, heads)

    def in_its_place(layer: int, own: Formula) -> Formula:
        return _partly(_weighed(own), formula, chosen[layer]) if layer in chosen else own

    with _rewired(model, in_its_place):
        yield model


@contextmanager
def ablated(model: Transformer, heads: Sequence[Head], means: torch.Tensor | None = None) -> Iterator[Transformer]:
    """Inside, the heads given say nothing: what they hand on is zero, or with `means` (L, H, K) always the same.

    The layers above may never have seen a zero, which does harm of its own; the mean, as `mean_outputs` gives it,
    takes away only what depends on the text. A bias of the output layer stays. Raises what `swapped` raises.
    """
    chosen, config = _by_layer(model, heads), model.config
    if means is None:
        means = torch.zeros(config.layers, config.heads, config.head_width)
    check_shape(means, f"{config.layers} {config.heads} {config.head_width}", "means")
    means = means.to(model.device)

    def silenced(layer: int, own: Formula) -> Formula:
        return _partly(own, _always(means[layer, chosen[layer]]), chosen[layer]) if layer in chosen else own

    with _rewired(model, silenced):
        yield model


def even(query, key, value, mask=None):
    """Attention that looks alike at all it may look at."""
    return scaled_dot_product_attention(torch.zeros_like(query), key, value, mask)


def shuffled(generator: torch.Generator) -> Formula:
    """Attention whose weights are dealt anew among the keys of each row. Jain and Wallace 2019, section 4.2.1.

    For a causal mask: what is hidden are the last keys of a row.
    """

    def formula(query, key, value, mask=None):
        _, weights = scaled_dot_product_attention(query, key, value, mask)          # (B, N, T, S)
        order = torch.rand(weights.shape, generator=generator).to(weights.device)
        if mask is not None:
            order = order.masked_fill(~mask, 1.0)                  # rand is below 1: hidden keys stay the last ones
        dealt = weights.gather(-1, order.argsort(dim=-1))
        return dealt @ value, dealt

    return formula


# --- watching -------------------------------------------------------------------------------------


def attention_weights(model: Transformer, ids: torch.Tensor) -> torch.Tensor:
    """Where each head looks: ids (B, T) to (B, L, H, T, T). Inside `swapped`: where the other formula looks."""
    check_text(model, ids)
    with _rewired(model, lambda layer, own: _weighed(own)):
        return model.attention(ids)


def weights_and_logits(model: Transformer, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`attention_weights` (B, L, H, T, T) and the logits (B, T, V) of the same pass."""
    check_text(model, ids)
    with _rewired(model, lambda layer, own: _weighed(own)), measuring(model):
        stream, weights, _ = model.stream(ids.to(model.device))
        return torch.stack(weights, dim=1), model.logits(stream)


def mean_outputs(model: Transformer, ids: torch.Tensor) -> torch.Tensor:
    """What each head hands on, on average over all positions of ids (B, T): (L, H, K), for `ablated`."""
    check_text(model, ids)
    means: list[torch.Tensor] = []

    def listening(layer: int, own: Formula) -> Formula:
        def formula(query, key, value, mask=None):
            mixed, weights = own(query, key, value, mask)                           # (B, H, T, K)
            means.append(mixed.mean(dim=(0, 2)))
            return mixed, weights

        return formula

    with _rewired(model, listening), measuring(model):
        model.stream(ids.to(model.device))
    return torch.stack(means)


def check_text(model: Transformer, ids: torch.Tensor) -> None:
    """Raises CourseError for what is no decoder with heads, and for ids (B, T) that it cannot read."""
    _check_decoder(model)
    check_shapes("B+ T+", ids=ids)
    check_ids(ids, model.vocabulary_size, "ids")


# --- the wiring -----------------------------------------------------------------------------------


@contextmanager
def _rewired(model: Transformer, wrap: Callable[[int, Formula], Formula]) -> Iterator[None]:
    """Inside, layer l attends by wrap(l, its own formula)."""
    own = [block.attention.attention for block in model.blocks]
    try:
        for layer, block in enumerate(model.blocks):
            block.attention.attention = wrap(layer, own[layer])
        yield
    finally:
        for block, formula in zip(model.blocks, own, strict=True):
            block.attention.attention = formula


def _weighed(own: Formula) -> Formula:
    """The same formula, with the weights written out where it does not return them, as the fused one does not."""

    def formula(query, key, value, mask=None):
        mixed, weights = own(query, key, value, mask)
        return mixed, scaled_dot_product_attention(query, key, value, mask)[1] if weights is None else weights

    return formula


def _partly(own: Formula, other: Formula, heads: list[int]) -> Formula:
    """A layer's own formula, but for the heads given. Where the other has no weights, those of its own stay."""

    def formula(query, key, value, mask=None):
        mixed, weights = own(query, key, value, mask)
        instead, seen = other(query[:, heads], key[:, heads], value[:, heads], mask)
        shown = weights if seen is None or weights is None else _with(weights, seen, heads)
        return _with(mixed, instead, heads), shown

    return formula


def _always(output: torch.Tensor) -> Formula:
    """Heads that hand on output (N, K) whatever they see."""
    return lambda query, key, value, mask=None: (output[:, None].to(query.dtype).expand_as(query), None)


def _with(whole: torch.Tensor, part: torch.Tensor, heads: list[int]) -> torch.Tensor:
    return whole.index_copy(1, torch.tensor(heads, device=whole.device), part)


def _by_layer(model: Transformer, heads: Sequence[Head]) -> dict[int, list[int]]:
    _check_decoder(model)
    there, layers = every_head(model), defaultdict(list)
    if not heads or not set(heads) <= set(there):
        raise CourseError(f"The heads are {list(heads)}; expected some (layer, head) from (0, 0) to {there[-1]}.")
    for layer, head in sorted(set(heads)):
        layers[layer].append(head)
    return dict(layers)


def _check_decoder(model) -> None:
    if isinstance(model, Transformer) and all(isinstance(b.attention, MultiHeadAttention) for b in model.blocks):
        return
    raise CourseError(
        f"This {type(model).__name__} has no heads of attention to look at; expected a Transformer, such as "
        "`pretrained.load_decoder` gives (the fast decoder of `Engine` hides its heads)."
    )
