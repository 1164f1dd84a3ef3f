"""Fewer bits for a weight: each becomes the nearest of a few evenly spaced levels, stored as the level's number.

Of 8 bits: the levels lie evenly around zero and each row of a matrix has its own scale, as in `models.fast`, whose
product computes with these numbers. Of 2 to 7 bits: each group of neighbours in a row has a scale and a minimum.
Scales and minima are bfloat16. One scale for a whole matrix would not do: a single large weight stretches its levels so
far that all the other rows fall onto few of them.

Every weight goes to its nearest level here and nothing else is done, which is called round-to-nearest. Two things it
does not see, both outside the matrix:
- What a layer reads. Dettmers et al. 2022 (LLM.int8) round the inputs to 8 bits as well. In models from 6.7 billion
  parameters on, a few of the stream's dimensions hold values far larger than the rest, in all layers; their scale is
  wrong for everything beside them. The remedy is to leave these dimensions, less than 0.1 % of the values, in 16 bits.
  Inputs are never rounded here, so it does not strike; but a weight that meets a large input matters more, and
  round-to-nearest treats all weights alike.
- What the other weights could make good. It minimises |w − ŵ| weight by weight; what counts is the layer's output,
  |X·Wᵀ − X·Ŵᵀ|. Frantar et al. 2023 (GPTQ) round one column after the other, and after each move the columns that are
  still to come so that, on sample texts, they cancel its error. That needs XᵀX of the layer's inputs, and it is what
  keeps a model useful at 3 bits.

A model that comes from a file of 4-bit weights is on such levels already: rounded to the same ones again it loses
nothing, and what is measured then says nothing of the model before.

Notation: N numbers; a matrix is (out, in), as torch's linear layers have it.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.fast import quantised
from course_utils.models.transformer import Transformer
from course_utils.shapes import check_counts, check_shape, check_shapes

FEWEST_BITS, MOST_BITS = 2, 8
SMALLEST_SCALE = 1e-12                                             # of a group that is all zeros
BYTES_PER_SCALE = 2                                                # bfloat16, minima too
ENDS = ("embedding", "output")                                     # a decoder's first and last matrix


# --- numbers of few bits in bytes -----------------------------------------------------------------


def pack(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """Numbers 0 … 2^bits − 1, uint8 of any shape, written one after the other as bits and cut into bytes (bytes,).

    The lowest bit comes first: of 4-bit numbers two share a byte, the first in its lower half. Zeros fill the last.
    """
    check_counts(bits=bits)
    _check_bytes(numbers, "numbers")
    places = torch.arange(bits, dtype=torch.uint8)
    row = ((numbers.flatten()[:, None] >> places) & 1).flatten()                        # (N · bits,)
    row = functional.pad(row, (0, -len(row) % 8)).view(-1, 8)                           # (bytes, 8)
    return (row << torch.arange(8, dtype=torch.uint8)).sum(dim=1, dtype=torch.uint8)


def unpack(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """The first `count` numbers (count,) that `pack` wrote into these bytes."""
    check_counts(bits=bits)
    check_counts(0, count=count)
    _check_bytes(packed, "packed")
    check_shape(packed, "bytes", "packed")
    if count * bits > 8 * len(packed):
        raise CourseError(f"{len(packed)} bytes; expected {-(-count * bits // 8)} for {count} numbers of {bits} bits.")
    row = ((packed[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1).flatten()       # (8 · bytes,)
    row = row[: count * bits].view(count, bits)
    return (row << torch.arange(bits, dtype=torch.uint8)).sum(dim=1, dtype=torch.uint8)


def _check_bytes(numbers: torch.Tensor, name: str) -> None:
    if numbers.dtype != torch.uint8:
        raise CourseError(f"{name} are {numbers.dtype}; expected torch.uint8: numbers.to(torch.uint8).")


# --- one matrix -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class RoundedRows:
    """weight ≈ scale · numbers: `numbers` (out, in) int8 from −127 to 127, `scale` (out,) bfloat16."""

    numbers: torch.Tensor
    scale: torch.Tensor

    @property
    def nbytes(self) -> int:
        """How many bytes it takes to store."""
        return self.numbers.nbytes + self.scale.nbytes

    def dequantized(self) -> torch.Tensor:
        """(out, in) float32: the level that each number stands for."""
        return self.scale.float()[:, None] * self.numbers


@dataclass(frozen=True, eq=False)
class RoundedGroups:
    """weight ≈ minimum + scale · number, where each `group` weights in a row share a minimum and a scale.

    packed (bytes,): the numbers 0 … 2^bits − 1 of the matrix, row by row; scale and minimum (out, groups) bfloat16.
    """

    packed: torch.Tensor
    scale: torch.Tensor
    minimum: torch.Tensor
    shape: tuple[int, int]
    bits: int
    group: int

    @property
    def nbytes(self) -> int:
        """How many bytes it takes to store."""
        return self.packed.nbytes + self.scale.nbytes + self.minimum.nbytes

    def dequantized(self) -> torch.Tensor:
        """(out, in) float32: the level that each number stands for."""
        numbers = in_groups(unpack(self.packed, self.bits, math.prod(self.shape)).view(self.shape), self.group)
        levels = self.minimum.float()[..., None] + self.scale.float()[..., None] * numbers    # (out, groups, group)
        return levels.flatten(1)[:, : self.shape[1]]


def in_groups(matrix: torch.Tensor, group: int) -> torch.Tensor:
    """(out, in) as (out, groups, group); zeros fill the last group of each row where `in` is no multiple."""
    check_shapes("out+ in+", matrix=matrix)
    check_counts(group=group)
    return functional.pad(matrix, (0, -matrix.shape[1] % group)).view(len(matrix), -1, group)


def quantize(weight: torch.Tensor, bits: int, group: int | None = None) -> RoundedRows | RoundedGroups:
    """A matrix (out, in) with each weight at the nearest of 2^bits levels, at most half a scale away.

    bits: 8 gives RoundedRows, 2 to 7 RoundedGroups. group: how many neighbours share a scale and a minimum; None is the
    whole row, and the only choice for 8 bits: times 255, the rounding of a bfloat16 scale would be a level of its own.
    Raises CourseError for other bits and groups, or a weight that is no number, ShapeError for what is no matrix.
    """
    _check(bits, group)
    check_shape(weight, "out in", "weight")
    if odd := int((~weight.isfinite()).sum()):
        raise CourseError(f"{odd} values of the matrix are not finite; expected numbers. Was it trained to the end?")
    if bits == MOST_BITS:
        return RoundedRows(*quantised(weight.detach().cpu()))
    return _quantize_groups(weight.detach().float().cpu(), bits, group or weight.shape[1])


def _quantize_groups(weight: torch.Tensor, bits: int, group: int) -> RoundedGroups:
    """The levels of a group reach from its smallest weight to its largest, and always over zero.

    With zero among them, no minimum is larger than the range, so that rounding it to bfloat16 moves it by less than
    half a level; and the zeros that fill a row's last group change nothing.
    """
    groups = in_groups(weight, group)                                                   # (out, groups, group)
    minimum = groups.amin(dim=2).clamp(max=0).bfloat16()                                # (out, groups)
    highest = groups.amax(dim=2).clamp(min=0)
    scale = ((highest - minimum.float()) / (2**bits - 1)).clamp(min=SMALLEST_SCALE).bfloat16()
    numbers = ((groups - minimum.float()[..., None]) / scale.float()[..., None]).round().clamp(0, 2**bits - 1)
    rows = numbers.to(torch.uint8).flatten(1)[:, : weight.shape[1]]
    return RoundedGroups(pack(rows, bits), scale, minimum, tuple(weight.shape), bits, group)


def rounded_bytes(rows: int, columns: int, bits: int, group: int | None = None) -> int:
    """How many bytes a matrix of this shape takes after `quantize`: numbers, scales and minima."""
    _check(bits, group)
    if bits == MOST_BITS:
        return rows * (columns + BYTES_PER_SCALE)
    groups = math.ceil(columns / group) if group else min(1, columns)                       # of a row
    return math.ceil(rows * columns * bits / 8) + rows * groups * 2 * BYTES_PER_SCALE


# --- a decoder ------------------------------------------------------------------------------------


def quantized(model: Transformer, bits: int, group: int | None = None, embedding: bool = False) -> Transformer:
    """A copy of a decoder whose linear layers hold the weights that `quantize` would store.

    They are float32 again, so that the copy computes as before: it shows what rounding costs in quality, and is no
    faster. embedding: the embedding and the output layer as well. Raises CourseError as `quantize` does.
    """
    _check(bits, group)
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for weight in matrices(rounded, embedding).values():
            weight.copy_(quantize(weight, bits, group).dequantized())
    return rounded


def stored_bytes(model: Transformer, bits: int, group: int | None = None, embedding: bool = False) -> int:
    """How many bytes the weights of `quantized(model, bits, group, embedding)` take to store.

    All other numbers are counted as the model holds them: 4 bytes each in float32.
    """
    chosen = matrices(model, embedding).values()
    others = sum(parameter.nbytes for parameter in model.parameters()) - sum(weight.nbytes for weight in chosen)
    return others + sum(rounded_bytes(*weight.shape, bits, group) for weight in chosen)


def matrices(model: Transformer, embedding: bool = False) -> dict[str, nn.Parameter]:
    """The weights (out, in) of a decoder's linear layers by the layers' names; not of its two ends.

    embedding: also the embedding and, where it is a matrix of its own, the output layer.
    Raises CourseError for another kind of model: where ends are tied, and under which names, differs.
    """
    if not isinstance(model, Transformer):
        raise CourseError(f"The model is a {type(model).__name__}; expected a decoder, models.transformer.Transformer.")
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Embedding)}
    inner = {name: module.weight for name, module in layers.items() if isinstance(module, nn.Linear)}
    ends = {name: layers[name].weight for name in ENDS if name in layers}
    return {**inner, **ends} if embedding else {name: w for name, w in inner.items() if name not in ENDS}


def _check(bits: int, group: int | None) -> None:
    if bits not in range(FEWEST_BITS, MOST_BITS + 1):
        raise CourseError(f"bits is {bits}; expected a whole number from {FEWEST_BITS} to {MOST_BITS}.")
    if bits == MOST_BITS and group is not None:
        raise CourseError(f"8 bits have one scale a row, and group is {group}; leave it out, or take 7 bits or fewer.")
    if group is not None and group < 1:
        raise CourseError(f"group is {group}; expected 1 weight or more, such as 32, or None for a whole row.")
