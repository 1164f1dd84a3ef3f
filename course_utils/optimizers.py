"""How weights follow their gradients: AdamW for all of them, or Muon for the matrices between layers."""

import math

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.shapes import check_floats, check_number

# Of Jordan's post: coefficients of an odd polynomial that drives singular values between 0 and 1 towards 1.
NEWTON_SCHULZ, TIMES = (3.4445, -4.7750, 2.0315), 5
MOMENTUM = 0.95
MATRIX_RATE = 3.0                                                  # Muon's steps are of another size than AdamW's


def _check_rates(learning_rate: float, weight_decay: float, betas: tuple[float, float]) -> None:
    """Raises CourseError for a rate or a decay below 0, and for betas that are not two numbers from 0 to below 1."""
    check_number(0, math.inf, learning_rate=learning_rate, weight_decay=weight_decay)
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise CourseError(f"betas are {betas}; expected two numbers, 0 or more and below 1.")


def adamw(model: nn.Module, learning_rate: float, weight_decay: float, betas: tuple[float, float]):
    """AdamW (Loshchilov and Hutter 2019). Matrices decay; biases, gains and other single-axis parameters do not.

    By torch's fused kernel, which reads every weight once a step and not once for each operation of the formula. It
    takes its numbers in the order in which they lie in memory, so they are laid as the weights are before each step.
    """
    _check_rates(learning_rate, weight_decay, betas)
    matrices = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    dense = all(torch.empty_like(parameter).stride() == parameter.stride() for parameter in [*matrices, *others])
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=dense)
    optimizer.register_step_pre_hook(_laid_alike)
    return optimizer


def _laid_alike(optimizer: torch.optim.Optimizer, *_) -> None:
    """Copy gradients and averages that lie otherwise than their weight: those read from a checkpoint, say."""
    for parameter in (each for group in optimizer.param_groups for each in group["params"]):
        if parameter.grad is not None:
            parameter.grad = _laid_as(parameter, parameter.grad)
        state = optimizer.state.get(parameter, {})
        for name, value in state.items():
            if value.shape == parameter.shape:
                state[name] = _laid_as(parameter, value)


def _laid_as(parameter: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def muon(model: nn.Module, learning_rate: float, weight_decay: float, betas: tuple[float, float]) -> "Muon":
    """Muon for every matrix that is no embedding, AdamW for everything else.

    Embeddings are tables, of which a step touches a few rows. Raises CourseError for a model without other matrices.
    """
    _check_rates(learning_rate, weight_decay, betas)
    tables = {part.weight for part in model.modules() if isinstance(part, nn.Embedding)}
    matrices = [
        parameter for parameter in model.parameters()
        if parameter.requires_grad and parameter.ndim == 2 and parameter not in tables
    ]  # fmt: skip
    inside = set(matrices)
    others = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter not in inside]
    if not matrices:
        raise CourseError("The model has no matrix for Muon to turn; expected linear layers. Take optimizer='adamw'.")
    return Muon(matrices, others, learning_rate, weight_decay, betas)


OPTIMIZERS = {"adamw": adamw, "muon": muon}


class Muon(torch.optim.Optimizer):
    """Momentum, whose matrices are made orthogonal before they are subtracted. Jordan et al. 2024.

    Every direction of a matrix then moves equally far, however small its part of the gradient. `others` are left to
    AdamW. The learning rate is AdamW's; that of the matrices is three times as large.
    """

    def __init__(self, matrices, others, learning_rate: float, weight_decay: float, betas: tuple[float, float]):
        groups = [{"params": list(matrices), "matrices": True}, {"params": list(others), "matrices": False}]
        super().__init__(
            [group for group in groups if group["params"]], {"lr": learning_rate, "weight_decay": weight_decay}
        )
        self.betas = betas

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            update = self._turned if group["matrices"] else self._scaled
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update(parameter, self.state[parameter], group["lr"], group["weight_decay"])

    def _turned(self, parameter, state: dict, learning_rate: float, weight_decay: float) -> None:
        """One matrix: the gradient and its running mean (Nesterov), made orthogonal."""
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        mean.lerp_(parameter.grad, 1 - MOMENTUM)
        rate = MATRIX_RATE * learning_rate
        parameter.mul_(1 - rate * weight_decay)
        tall = math.sqrt(max(1.0, parameter.shape[0] / parameter.shape[1]))
        parameter.add_(orthogonal(parameter.grad.lerp(mean, MOMENTUM)).to(parameter.dtype), alpha=-rate * tall)

    def _scaled(self, parameter, state: dict, learning_rate: float, weight_decay: float) -> None:
        """One of the others: AdamW. Single-axis parameters do not decay."""
        if not state:
            mean, square = torch.zeros_like(parameter), torch.zeros_like(parameter)
            state |= {"step": torch.zeros(()), "mean": mean, "square": square}
        first, second = self.betas
        state["step"] += 1
        state["mean"].lerp_(parameter.grad, 1 - first)
        state["square"].lerp_(parameter.grad.square(), 1 - second)
        mean = state["mean"] / (1 - first ** state["step"].item())
        size = (state["square"] / (1 - second ** state["step"].item())).sqrt() + 1e-8
        parameter.mul_(1 - learning_rate * weight_decay * (parameter.ndim > 1))
        parameter.addcdiv_(mean, size, value=-learning_rate)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """(R, C) with its singular vectors kept and its singular values near 1, between about 0.7 and 1.2; in bfloat16.

    A polynomial, five times over, in place of a singular value decomposition: products alone (Newton–Schulz).
    """
    check_floats("R+ C+", matrix=matrix)
    a, b, c = NEWTON_SCHULZ
    x = matrix.bfloat16()
    x = x.T if matrix.shape[0] > matrix.shape[1] else x            # the smaller Gram matrix
    x = x / x.norm().clamp(min=1e-7)                               # no singular value above 1
    for _ in range(TIMES):                                         # x becomes a·x + (b·g + c·g·g)·x, with g = x·xᵀ
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if matrix.shape[0] > matrix.shape[1] else x
