"""Looking inside a decoder: what it would say after each block, which heads copy, whether attention explains.

All of it works on any trained `Transformer`, from outside, and leaves the model as it was. Layers and heads count
from 0. Notation: L layers, B texts, T length, D width, H heads, V vocabulary, N chosen heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError
from course_utils.models.head_surgery import (
    Formula,
    Head,
    attention_weights,
    check_text,
    swapped,
    weights_and_logits,
)
from course_utils.models.language_model import as_ids, measuring
from course_utils.models.transformer import Transformer, check_context
from course_utils.shapes import ShapeError, check_floats

# --- the stream, block by block -------------------------------------------------------------------


def residual_streams(model: Transformer, ids: torch.Tensor) -> torch.Tensor:
    """ids (B, T) to the stream that enters the first block and the one that leaves each block: (L + 1, B, T, D).

    As it is, before the norm at the end. Raises CourseError for what is no decoder of this course, for an id outside
    its vocabulary and for a text longer than its context.
    """
    check_text(model, ids)
    streams: list[torch.Tensor] = []
    hooks = [model.blocks[0].register_forward_pre_hook(lambda block, given: streams.append(given[0]))]
    hooks += [block.register_forward_hook(lambda block, given, out: streams.append(out[0])) for block in model.blocks]
    try:
        with measuring(model):
            model.stream(ids.to(model.device))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(streams)


def logit_lens(model: Transformer, streams: torch.Tensor) -> torch.Tensor:
    """Streams (…, D) read as if they were the last: the final norm, then the output layer, to logits (…, V).

    nostalgebraist 2020. Nothing has trained the early streams to be read so: a word that is not seen there may still
    be there in another form (Belrose et al. 2023).
    """
    if streams.shape[-1:] != (model.config.width,):
        raise ShapeError(f"streams should have shape (…, {model.config.width}); got {tuple(streams.shape)}.")
    with measuring(model):
        return model.logits(model.norm(streams)).float()


@dataclass(frozen=True)
class Lens:
    """What would be said after a text if the network ended before its first block (row 0), after one, … after all.

    logits (L + 1, V).
    """

    logits: torch.Tensor

    @property
    def answer(self) -> int:
        """The id that the whole network holds likeliest; the lowest of those where several are."""
        return int(self.logits[-1].numpy().argmax())

    @property
    def ranks(self) -> list[int]:
        """The rank of the answer in each row, 1 for the likeliest; of equals the lower id comes first. Ends with 1."""
        own = self.logits[:, self.answer, None]                                     # (L + 1, 1)
        ahead = (self.logits > own).sum(dim=-1) + (self.logits[:, : self.answer] == own).sum(dim=-1)
        return (1 + ahead).tolist()

    @property
    def probabilities(self) -> list[float]:
        """What each row gives the answer."""
        return self.logits.softmax(dim=-1)[:, self.answer].tolist()

    @property
    def first(self) -> int:
        """After how many blocks the answer is the likeliest for the first time."""
        return self.ranks.index(1)

    @property
    def settled(self) -> int:
        """After how many blocks the answer is the likeliest and stays it to the end."""
        return 1 + max((row for row, rank in enumerate(self.ranks) if rank > 1), default=-1)


def look_through(model: Transformer, ids: Sequence[int]) -> Lens:
    """The lens at the last of the ids. Raises CourseError where there are none, and what `residual_streams` raises."""
    if len(ids) == 0:
        raise CourseError("There are no ids to look at; expected those of a text.")
    streams = residual_streams(model, as_ids(ids)[None])               # (L + 1, 1, T, D)
    return Lens(logit_lens(model, streams[:, 0, -1]).cpu())


# --- induction ------------------------------------------------------------------------------------


def repeated_tokens(count: int, length: int, ids: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """`count` texts of `length` different tokens drawn out of `ids`, each written twice: (count, 2·length).

    Nothing of the second copy can be known but from the first. Raises CourseError where there are too few ids.
    """
    choices = torch.tensor(sorted(set(ids)), dtype=torch.int64)
    if count < 1 or not 2 <= length <= len(choices):
        raise CourseError(
            f"{count} texts of {length} different tokens out of {len(choices)}; expected 1 text or more, and a length "
            f"of 2 to {len(choices)}."
        )
    once = torch.stack([choices[torch.randperm(len(choices), generator=generator)[:length]] for _ in range(count)])
    return torch.cat([once, once], dim=1)


def induction_scores(model: Transformer, ids: torch.Tensor) -> torch.Tensor:
    """How much each head looks from a token of the second copy at the one after its first occurrence: (B, L, H).

    The mean over the second copy, 0 to 1, for each text of ids (B, T), as `repeated_tokens` gives them. Olsson et al.
    2022. Raises CourseError where the second half does not repeat the first.
    """
    half = _copy_length(model, ids)
    second = attention_weights(model, ids)[..., half:, :]                           # (B, L, H, T/2, T)
    return second.diagonal(offset=1, dim1=-2, dim2=-1).mean(dim=-1)                 # row r of it looks at column r + 1


def copy_nats(model: Transformer, ids: torch.Tensor) -> torch.Tensor:
    """(B,) the loss on the second copy in nats per token, without its first token, which nothing foretells.

    Inside `head_surgery.ablated` it tells what heads are worth. Raises what `induction_scores` raises.
    """
    half = _copy_length(model, ids)
    return model.token_nats(ids[:, :-1], ids[:, 1:])[:, half:].mean(dim=1)


def _copy_length(model: Transformer, ids: torch.Tensor) -> int:
    check_text(model, ids)
    length, half = ids.shape[1], ids.shape[1] // 2
    if length < 4 or length % 2 or not torch.equal(ids[:, :half], ids[:, half:]):
        raise CourseError(
            f"The texts have {length} tokens; the second half of each text should repeat the first, 4 or more in all. "
            "Build them with repeated_tokens(count, length, ids, generator)."
        )
    check_context(length, model.context)                           # in windows the first copy would be out of sight
    return half


# --- is attention an explanation? -----------------------------------------------------------------


def total_variation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Half the sum of what two distributions (…, V) differ by: 0 where they are the same, 1 if they share nothing."""
    check_floats("…", first=first)
    check_floats("…", second=second)
    if first.shape != second.shape:
        raise ShapeError(f"The distributions have shapes {tuple(first.shape)} and {tuple(second.shape)}; expected one.")
    return (first - second).abs().sum(dim=-1) / 2


@dataclass(frozen=True)
class Moved:
    """What another attention in N heads moved, as total variation from 0 to 1.

    attention (B, N, T): the weights of each of these heads; predicted (B, T): the distribution of the next token;
    same (B, T): whether the likeliest next token is still the same.
    """

    attention: torch.Tensor
    predicted: torch.Tensor
    same: torch.Tensor


def moved(model: Transformer, ids: torch.Tensor, heads: Sequence[Head], formula: Formula) -> Moved:
    """How far `formula`, such as `even` or `shuffled(generator)`, in the place of the heads' own moves what follows.

    At the first position of a text nothing moves: a head sees but one token there. Where attention moves much and the
    prediction hardly, the weights do not explain the prediction (Jain and Wallace 2019; Wiegreffe and Pinter 2019 ask
    whether one may conclude that from such a swap). Raises what `swapped` raises.
    """
    weights, logits = weights_and_logits(model, ids)
    with swapped(model, heads, formula):
        other_weights, other_logits = weights_and_logits(model, ids)
    layers, numbers = map(list, zip(*heads, strict=True))
    return Moved(
        total_variation(weights[:, layers, numbers], other_weights[:, layers, numbers]),           # (B, N, T)
        total_variation(logits.softmax(dim=-1), other_logits.softmax(dim=-1)),                     # (B, T)
        logits.argmax(dim=-1) == other_logits.argmax(dim=-1),
    )
