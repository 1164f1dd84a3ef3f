"""A layer's product x·Wᵀ + b by the kernel that suits it, gradients included.

On a CPU torch gives float32 products to Intel's MKL, which on processors of other makers does not use their widest
registers. torch also brings oneDNN, which does: there a training step takes two thirds of the time. On Intel's own, MKL
is the faster of the two. The numbers are the same but for rounding. A oneDNN that cannot be stopped is left alone.
"""

import platform
from pathlib import Path

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.utils.flop_counter import register_flop_formula

from course_utils.models.onednn import PRESENT, STOPPABLE
from course_utils.shapes import check_alike, check_counts, check_floats

FEWEST_ROWS = 64                               # for fewer, calling oneDNN takes longer than it saves
LINUX_SAYS = Path("/proc/cpuinfo")


def made_by_intel() -> bool:
    """Whether the system says that this processor is Intel's."""
    said = LINUX_SAYS.read_text(encoding="utf-8") if LINUX_SAYS.exists() else platform.processor()
    return "GenuineIntel" in said


PREFERRED = PRESENT and STOPPABLE and not (torch.backends.mkl.is_available() and made_by_intel())


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """`functional.linear`: x (…, in), weight (out, in) and bias (out,) to (…, out). Raises where they do not fit."""
    fits = x.shape[-1:] == weight.shape[1:] and (bias is None or bias.shape == weight.shape[:1])
    if not fits or not x.dtype == weight.dtype == (x.dtype if bias is None else bias.dtype):
        check_floats("… in, out in, out", x=x, weight=weight, bias=bias)
        check_alike(x=x, weight=weight, bias=bias)
    return _OneDNN.apply(x, weight, bias) if _suits(x, weight) else functional.linear(x, weight, bias)


def _suits(x: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether oneDNN does it faster here, and enough rows go through the weight to be worth it."""
    return (
        PREFERRED
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() >= FEWEST_ROWS * x.shape[-1] > 0
        and not torch.is_autocast_enabled("cpu")
    )


class _OneDNN(torch.autograd.Function):
    """y = x·Wᵀ + b, so dx = dy·W, dW = dyᵀ·x and db = the sum of dy's rows."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return _product(x.contiguous(), weight.contiguous(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows = gradient.reshape(-1, gradient.shape[-1])                                 # (N, out)
        of_x = _product(gradient.contiguous(), weight.T.contiguous()) if needs_x else None
        across = x.reshape(-1, x.shape[-1]).T.contiguous()                              # (in, N)
        of_weight = _product(rows.T.contiguous(), across) if needs_weight else None     # (out, in)
        return of_x, of_weight, rows.sum(dim=0) if needs_bias else None


def _product(x, weight, bias=None):
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class Linear(nn.Linear):
    """torch's layer by `linear`. Raises CourseError for widths below 1."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None):
        check_counts(in_features=in_features, out_features=out_features)
        super().__init__(in_features, out_features, bias, device, dtype)

    def forward(self, x):
        """x (…, in) to (…, out)."""
        return linear(x, self.weight, self.bias)


if PRESENT:

    @register_flop_formula(torch.ops.mkldnn._linear_pointwise)
    def _flops(x_shape, weight_shape, *_, out_shape=None, **__) -> int:
        """For torch's counter, which does not know this product: two for each weight and row."""
        rows = 1
        for size in x_shape[:-1]:
            rows *= size
        return 2 * rows * weight_shape[0] * weight_shape[1]
