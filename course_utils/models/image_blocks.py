"""The parts that image networks are built of: residual blocks, a condition that steers them, larger and smaller maps.

Notation: B images, C channels, H × W places, E width of the vector that steers.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.attention import fused_attention
from course_utils.shapes import check_alike, check_counts, check_floats, check_number, check_shape, check_shapes

GROUPS = 8
RELU_GAIN = math.sqrt(2)                                           # see `draw_weights`


class ZeroConv(nn.Conv2d):
    """A convolution whose weights start at 0: what it is added to starts as it is."""


def group_norm(channels: int) -> nn.GroupNorm:
    """Mean 0 and variance 1 over each of 8 groups of channels of one image (Wu and He 2018), fewer where 8 do not fit.

    Unlike batch norm it does the same in training and in sampling, whatever else is in the batch.
    """
    check_counts(channels=channels)
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def modulate(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """x · (1 + scale) + shift with one scale and shift for each channel. x (B, C, H, W), scale and shift (B, C).

    Perez et al. 2018 (FiLM); in diffusion models Dhariwal and Nichol 2021.
    """
    check_floats("B C H W, B C, B C", x=x, scale=scale, shift=shift)
    return x * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


class ResidualBlock(nn.Module):
    """x plus two 3×3 convolutions of x, each after a norm and a bend; a vector of width E may steer the second.

    Starts as the identity (or as a 1×1 convolution where the number of channels changes), so that a deep stack of
    blocks is no harder to start than a shallow one. He et al. 2016; Ho et al. 2020.
    """

    def __init__(self, inputs: int, outputs: int, steering: int = 0):
        check_counts(inputs=inputs, outputs=outputs)
        check_counts(0, steering=steering)
        super().__init__()
        self.first_norm, self.first = group_norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second_norm, self.second = group_norm(outputs), ZeroConv(outputs, outputs, 3, padding=1)
        self.steer = nn.Linear(steering, 2 * outputs) if steering else None
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor, vector: torch.Tensor | None = None) -> torch.Tensor:
        """x (B, inputs, H, W), vector (B, E) to (B, outputs, H, W). Raises CourseError where the vector is missing."""
        if (self.steer is None) != (vector is None):
            expected = "no vector" if self.steer is None else f"a vector of width {self.steer.in_features}"
            got = None if vector is None else f"of shape {tuple(vector.shape)}"
            raise CourseError(f"vector is {got}; this block expects {expected}.")
        _check_map(x, self.first)
        if vector is not None:
            check_floats("B E, E", vector=vector, weight=self.steer.weight[0])
            check_shapes("B C H W, B E", x=x, vector=vector)
            check_alike(x=x, vector=vector)
        inner = self.second_norm(self.first(functional.silu(self.first_norm(x))))
        if vector is not None:
            inner = modulate(inner, *self.steer(functional.silu(vector)).chunk(2, dim=1))
        return self.skip(x) + self.second(functional.silu(inner))


def _check_map(x: torch.Tensor, layer: nn.Conv2d) -> None:
    """Raises where x is no map (B, C, H, W) of the channels and the precision that a layer takes."""
    check_floats(f"B {layer.in_channels} H+ W+", x=x)
    check_alike(x=x, weight=layer.weight)


class PlaceAttention(nn.Module):
    """x plus attention of every place of the map to every other: what a 3×3 window cannot see."""

    def __init__(self, channels: int, heads: int):
        check_counts(channels=channels, heads=heads)
        super().__init__()
        if channels % heads:
            raise CourseError(f"{channels} channels do not split into {heads} heads; expected a divisor.")
        self.heads, self.norm = heads, group_norm(channels)
        self.inputs, self.output = nn.Conv2d(channels, 3 * channels, 1), ZeroConv(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, C, H, W) to the same shape."""
        _check_map(x, self.inputs)
        batch, channels, high, wide = x.shape
        split = self.inputs(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, high * wide)
        query, key, value = split.transpose(3, 4).unbind(dim=1)                         # (B, heads, H·W, K) each
        mixed, _ = fused_attention(query, key, value)
        return x + self.output(mixed.transpose(2, 3).reshape(batch, channels, high, wide))


class Downsample(nn.Module):
    """Half as high and half as wide, by a 3×3 convolution that looks at every second place."""

    def __init__(self, inputs: int, outputs: int):
        check_counts(inputs=inputs, outputs=outputs)
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, inputs, H, W) to (B, outputs, H/2, W/2). Raises CourseError for an odd side."""
        _check_map(x, self.convolution)
        if x.shape[2] % 2 or x.shape[3] % 2:
            raise CourseError(f"The map is {x.shape[2]} × {x.shape[3]}; expected even sides to halve.")
        return self.convolution(x)


class Upsample(nn.Module):
    """Twice as high and wide: each place repeated 2 × 2, then a 3×3 convolution to smooth the steps.

    A transposed convolution leaves a chequered pattern where this does not (Odena et al. 2016).
    """

    def __init__(self, inputs: int, outputs: int):
        check_counts(inputs=inputs, outputs=outputs)
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, inputs, H, W) to (B, outputs, 2H, 2W)."""
        _check_map(x, self.convolution)
        return self.convolution(functional.interpolate(x, scale_factor=2, mode="nearest"))


def to_patches(x: torch.Tensor, patch: int) -> torch.Tensor:
    """(B, C, H, W) to (B, C·patch², H/patch, W/patch): the same numbers, each square of pixels now channels of a place.

    A convolution then has patch² times fewer places to visit. Shi et al. 2016. Raises CourseError for a side that
    patch does not divide.
    """
    check_counts(patch=patch)
    check_shape(x, "B C H W", "x")
    if x.shape[2] % patch or x.shape[3] % patch:
        raise CourseError(f"The image is {x.shape[2]} × {x.shape[3]}; expected sides that {patch} divides.")
    return functional.pixel_unshuffle(x, patch)


def from_patches(x: torch.Tensor, patch: int) -> torch.Tensor:
    """The way back from `to_patches`."""
    check_counts(patch=patch)
    check_shape(x, "B C H W", "x")
    if x.shape[1] % patch**2:
        raise CourseError(f"{x.shape[1]} channels; expected a multiple of {patch**2}, the pixels of a square.")
    return functional.pixel_shuffle(x, patch)


def draw_weights(model: nn.Module, generator: torch.Generator, gain: float = 1.0) -> None:
    """Draw all weights from N(0, gain²/inputs), so that what leaves a layer is about as large as what enters it.

    gain: √2 where ReLUs, which take away half of the power, follow the layers (He et al. 2015). Biases, and all of
    ZeroConv, start at 0; norms at 1 and 0.
    """
    check_number(0, math.inf, gain=gain)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, gain / math.sqrt(inputs_of(module)), generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, ZeroConv):
            nn.init.zeros_(module.weight)


def inputs_of(layer: nn.Module) -> float:
    """How many numbers are summed into one output of a layer."""
    if isinstance(layer, nn.ConvTranspose2d):                      # weight (in, out, k, k): its steps share the kernel
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()
