"""Fewer weights: those nearest to zero become zero. Magnitude pruning, Han et al. 2015; they train on afterwards.

Here nothing is trained afterwards: what is measured is the loss of the weights alone.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.models.transformer import Transformer
from course_utils.quantization import matrices
from course_utils.shapes import check_floats

SCOPES = ("layer", "model")
BITS_PER_BYTE = 8


def smallest(values: torch.Tensor, count: int) -> torch.Tensor:
    """(N,) True at exactly `count` of the values (N,), the smallest; of equal ones those that come first.

    Trained weights are often equal: in bfloat16 a matrix of a million has only a few thousand different ones.
    """
    check_floats("N", values=values)
    if not 0 <= count <= len(values):
        raise CourseError(f"count is {count}; expected 0 to {len(values)}, as many as there are values.")
    if count == 0:
        return torch.zeros(len(values), dtype=torch.bool)
    threshold = float(np.partition(values.numpy(), count - 1)[count - 1])
    chosen = values < threshold
    ties = (values == threshold).nonzero()[:, 0]
    chosen[ties[: count - int(chosen.sum())]] = True
    return chosen


def pruned(model: Transformer, share: float, scope: str = "layer", embedding: bool = False) -> Transformer:
    """A copy of a decoder in which a `share` of the linear layers' weights is zero, those of smallest magnitude.

    scope: `layer` takes the share from every matrix; `model` sets one threshold for all, so that layers of small
    weights lose more. embedding: from the embedding and the output layer as well.
    Raises CourseError for a share outside 0 … 1 or another scope.
    """
    if not 0 <= share <= 1:
        raise CourseError(f"share is {share}; expected 0 to 1, such as 0.3 for 30 %.")
    if scope not in SCOPES:
        raise CourseError(f"scope is {scope!r}; expected {' or '.join(SCOPES)}.")
    sparse = copy.deepcopy(model)
    weights = list(matrices(sparse, embedding).values())
    for judged_together in [weights] if scope == "model" else [[weight] for weight in weights]:
        _zero_smallest(judged_together, share)
    return sparse


@torch.no_grad()
def _zero_smallest(weights: Sequence[torch.Tensor], share: float) -> None:
    """A share of all these weights becomes zero, in place."""
    magnitudes = torch.cat([weight.flatten() for weight in weights]).float().abs().cpu()
    gone = smallest(magnitudes, round(share * len(magnitudes)))
    for weight, part in zip(weights, gone.split([weight.numel() for weight in weights]), strict=True):
        weight.masked_fill_(part.view_as(weight).to(weight.device), 0.0)


def zero_shares(model: Transformer, embedding: bool = False) -> dict[str, float]:
    """The share of zeros, 0 to 1, in each matrix by its layer's name."""
    return {name: (weight == 0).float().mean().item() for name, weight in matrices(model, embedding).items()}


def sparse_bytes(model: Transformer, embedding: bool = False) -> int:
    """How many bytes a decoder takes where the zeros of its matrices are left out.

    A matrix is then one bit for each weight, zero or not, and the others one after the other as the model holds them:
    in float32 it pays from 1 zero in 32 on. All other numbers are counted as they are.
    """
    chosen = list(matrices(model, embedding).values())
    others = sum(parameter.nbytes for parameter in model.parameters()) - sum(weight.nbytes for weight in chosen)
    return others + sum(_sparse_matrix_bytes(weight) for weight in chosen)


def _sparse_matrix_bytes(weight: torch.Tensor) -> int:
    return -(-weight.numel() // BITS_PER_BYTE) + int(weight.count_nonzero()) * weight.element_size()
