"""LoRA: leave a trained network as it is, and learn a small correction of low rank to some of its matrices.

Hu et al. 2021. A matrix W (out, in) becomes W + α/R · B·A with A (R, in) and B (out, R). B starts at zero, so that the
network begins as it was. Notation: R rank, D model width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.products import linear
from course_utils.shapes import ShapeError, check_alike, check_floats


@dataclass(frozen=True)
class LoRAConfig:
    """On which of a pretrained model's layers, by their own names, and how narrow. base: the model's name."""

    base: str
    layers: tuple[str, ...]
    rank: int = 8
    alpha: float = 16.0


class LoRALinear(nn.Module):
    """A layer whose matrix is left alone and corrected by two narrow ones, `down` A (R, in) and `up` B (out, R).

    alpha: the correction is scaled by alpha/rank, so that another rank needs no other learning rate. `generator` draws
    A as torch draws a layer's weights, uniformly from ±1/√in.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator):
        super().__init__()
        wide, tall = base.in_features, base.out_features
        if not 1 <= rank <= min(wide, tall):
            raise CourseError(f"rank is {rank}; expected 1 to {min(wide, tall)}, the smaller side of {(tall, wide)}.")
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        drawn = torch.rand(rank, wide, generator=generator) * 2 - 1
        self.down = nn.Parameter(drawn.to(base.weight) / math.sqrt(wide))
        self.up = nn.Parameter(torch.zeros(tall, rank).to(base.weight))

    def forward(self, x):
        """x (…, in) to (…, out). The correction goes through R numbers: B·A is never built."""
        check_floats(f"… {self.base.in_features}", x=x)
        check_alike(x=x, weight=self.base.weight)
        return self.base(x) + self.scale * linear(linear(x, self.down), self.up)

    @property
    def weight(self) -> torch.Tensor:
        """(out, in) the corrected matrix, for a formula that multiplies by it itself."""
        return self.base.weight + self.scale * self.up @ self.down

    @property
    def bias(self) -> torch.Tensor | None:
        """(out,) the bias of the layer, which LoRA leaves alone."""
        return self.base.bias


def add_lora(
    model: nn.Module, names: Sequence[str], rank: int, generator: torch.Generator, alpha: float | None = None
) -> int:
    """Freeze the model and put LoRA on every linear layer whose own name is in `names`; how many numbers can learn.

    names: such as ("query", "value"), the choice of the paper. alpha: 2 · rank where it is not given. Changes the model
    in place. Raises CourseError where a name fits no layer, or the model has LoRA already.
    """
    if any(isinstance(module, LoRALinear) for module in model.modules()):
        raise CourseError("The model has LoRA already; merge it first: merge_lora(model).")
    found = [(parent, name) for parent in model.modules() for name, child in parent.named_children() if name in names]
    found = [(parent, name) for parent, name in found if isinstance(getattr(parent, name), nn.Linear)]
    if missing := set(names) - {name for _, name in found}:
        there = sorted({path.rpartition(".")[2] for path, m in model.named_modules() if isinstance(m, nn.Linear)})
        raise CourseError(f"No linear layer is named {sorted(missing)[0]!r}; expected one of {', '.join(there)}.")
    model.requires_grad_(False)
    for parent, name in found:
        setattr(parent, name, LoRALinear(getattr(parent, name), rank, 2 * rank if alpha is None else alpha, generator))
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def lora_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """What was learned: A and B of every layer, by name. The rest of the model is where it came from."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items() if _is_lora(name, model)}


def load_lora(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put what `lora_weights` gave into a model with the same LoRA. Raises ShapeError where they do not fit."""
    own = {name: tensor for name, tensor in model.state_dict().items() if _is_lora(name, model)}
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape]
    if wrong:
        raise ShapeError(
            f"The weights are of another LoRA: {wrong[0]} does not fit. Call add_lora with the names and the rank they "
            "were trained with."
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def merge_lora(model: nn.Module) -> nn.Module:
    """The correction added into the matrices, so that the model is as fast as before. Changes the model in place."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, LoRALinear):
                with torch.no_grad():
                    child.base.weight.copy_(child.weight)
                setattr(parent, name, child.base)
    return model.requires_grad_(True)


def _is_lora(name: str, model: nn.Module) -> bool:
    """Whether a tensor of the state dict is A or B of a LoRALinear."""
    layer, _, part = name.rpartition(".")
    return part in ("down", "up") and isinstance(model.get_submodule(layer), LoRALinear)
