"""The other parts of a transformer: norms, positions, feed-forward layers. As functions first, then as modules.

Notation: B batch, T length, D model width, H heads, K head width, F inner width of the feed-forward layer.
"""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.products import Linear, linear
from course_utils.shapes import check_alike, check_counts, check_floats, check_shape

# --- norms ----------------------------------------------------------------------------------------


def layer_norm(x, gain, bias, epsilon=1e-5):
    """Shift and scale each position's numbers to mean 0 and variance 1, then by gain and bias. Ba et al. 2016.

    x (…, D), gain (D,), bias (D,) or None.
    """
    check_floats("… D, D, D", x=x, gain=gain, bias=bias)
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    normed = centred * torch.rsqrt(variance + epsilon) * gain
    return normed if bias is None else normed + bias


def rms_norm(x, gain, epsilon=1e-5):
    """Scale each position's numbers to a root mean square of 1, then by gain; no mean is taken off. x (…, D).

    In float32 inside, whatever comes in. Zhang and Sennrich 2019.
    """
    check_floats("… D, D", x=x, gain=gain)
    wide = x.float()
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + epsilon)
    return gain * normed.to(x.dtype)


class LayerNorm(nn.Module):
    """`layer_norm` with a gain that starts at 1 and a bias that starts at 0; run by torch's kernel."""

    def __init__(self, width: int, epsilon: float = 1e-5, bias: bool = True):
        check_counts(width=width)
        super().__init__()
        self.gain, self.epsilon = nn.Parameter(torch.ones(width)), epsilon
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        """x (…, D) to the same shape."""
        check_floats("… D, D", x=x, gain=self.gain)
        check_alike(x=x, gain=self.gain)
        return functional.layer_norm(x, self.gain.shape, self.gain, self.bias, self.epsilon)


class RMSNorm(nn.Module):
    """A function like `rms_norm` with a gain that starts at 1."""

    def __init__(self, width: int, epsilon: float = 1e-5, norm: Callable = rms_norm):
        check_counts(width=width)
        super().__init__()
        self.gain, self.epsilon, self.norm = nn.Parameter(torch.ones(width)), epsilon, norm

    def forward(self, x):
        """x (…, D) to the same shape."""
        return self.norm(x, self.gain, self.epsilon)


# --- positions ------------------------------------------------------------------------------------


def sinusoidal(length: int, width: int, base: float = 10_000.0) -> torch.Tensor:
    """(T, D) a code for each position: sines in the even columns, cosines in the odd. Vaswani et al. 2017, section 3.5.

    Columns 2i and 2i + 1 turn by base^(−2i/D) radians a position.
    """
    check_counts(0, length=length, width=width)
    if width % 2:
        raise CourseError(f"width is {width}; expected an even number: columns go in pairs of sine and cosine.")
    angles = torch.arange(length)[:, None] * frequencies(width, base)               # (T, D/2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def frequencies(width: int, base: float = 10_000.0, device=None) -> torch.Tensor:
    """(K/2,) radians a position by which each pair of numbers turns: from 1 down to nearly 1/base."""
    check_counts(0, width=width)
    if not base > 0:
        raise CourseError(f"base is {base}; expected a number above 0, such as 10,000.")
    return base ** (-torch.arange(0, width, 2, device=device) / width)


def rotary(x, positions, base=10_000.0):
    """Turn each pair of numbers (i, i + K/2) by an angle that grows with the position. Su et al. 2021 (RoPE).

    x (B, H, T, K), positions (T,). The product of a turned query and a turned key depends only on how far apart they
    are. The pairs are those of Llama's checkpoints; the paper pairs neighbours (2i, 2i + 1).
    """
    check_rotary(x, positions)
    angles = positions[:, None] * frequencies(x.shape[-1], base, x.device)          # (T, K/2)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)                                              # (B, H, T, K/2) each
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def check_rotary(x, positions) -> None:
    """Raises ShapeError or CourseError where positions do not fit x, or its width is odd."""
    check_floats("B H T K", x=x)
    check_shape(positions, f"{x.shape[2]}", "positions")
    if x.shape[-1] % 2:
        raise CourseError(f"the head width is {x.shape[-1]}; expected an even number: rotation turns pairs.")


# --- feed-forward ---------------------------------------------------------------------------------


def gelu(x):
    """x · Φ(x), by the tanh formula that GPT-2 was trained with. Hendrycks and Gimpel 2016."""
    check_floats("…", x=x)
    return functional.gelu(x, approximate="tanh")


def swiglu(x, gate, up, down):
    """down(silu(gate(x)) · up(x)): one product opens or closes the other. Shazeer 2020.

    x (…, D); gate and up (F, D), down (D, F): weights as in nn.Linear.
    """
    check_floats("… D, F D, F D, D F", x=x, gate=gate, up=up, down=down)
    opened = functional.silu(linear(x, gate))                                         # (…, F)
    return linear(opened * linear(x, up), down)


class FeedForward(nn.Module):
    """Two layers with a bend between, at each position alone: D to F to D."""

    def __init__(self, width: int, inner: int, bias: bool = True, activation: Callable = gelu):
        super().__init__()
        self.up, self.down, self.activation = Linear(width, inner, bias), Linear(inner, width, bias), activation

    def forward(self, x):
        """x (…, D) to the same shape."""
        return self.down(self.activation(self.up(x)))


class GatedFeedForward(nn.Module):
    """A function like `swiglu` with its three matrices; without biases."""

    def __init__(self, width: int, inner: int, formula: Callable = swiglu):
        super().__init__()
        self.gate, self.up = Linear(width, inner, bias=False), Linear(width, inner, bias=False)
        self.down, self.formula = Linear(inner, width, bias=False), formula

    def forward(self, x):
        """x (…, D) to the same shape."""
        return self.formula(x, self.gate.weight, self.up.weight, self.down.weight)


# --- what is the same in all of them ----------------------------------------------------------------


def draw_weights(model: nn.Module, width: int, layers: int, generator: torch.Generator) -> None:
    """Draw every matrix from N(0, 1/D), so that a product is about as large as what goes in. Biases start at 0.

    Those that write into the residual stream are smaller by √(2 · layers), so that the sum of all layers starts no
    larger than a single one (Radford et al. 2019, who draw the others from N(0, 0.02²): slow where D is small).
    """
    check_counts(width=width, layers=layers)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            writes = name.endswith(("attention.output.weight", "feed_forward.down.weight"))
            nn.init.normal_(parameter, 0.0, 1 / math.sqrt(width * (2 * layers if writes else 1)), generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
