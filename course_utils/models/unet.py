"""A small U-Net: from a noisy image, how noisy it is and a condition, to a picture of the same size.

Down a ladder of ever smaller maps and up again; on the way up each rung also gets what the way down saw there, so
that fine detail need not pass through the smallest map. Ronneberger et al. 2015; for diffusion Ho et al. 2020.

Notation: B images, C channels, H × W pixels, E width of the vector that steers the blocks.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.image_blocks import (
    Downsample,
    PlaceAttention,
    ResidualBlock,
    Upsample,
    ZeroConv,
    draw_weights,
    from_patches,
    group_norm,
    to_patches,
)
from course_utils.models.layers import frequencies
from course_utils.shapes import check_alike, check_counts, check_floats, check_shape

CLOCK = 1000.0                                                     # time 0 to 1 turns as 1000 positions of a text do


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of a U-Net for images (B, channels, size, size).

    widths: channels at each rung, from the largest map to the smallest; each map is half as high as the one before.
    patch: squares of patch × patch pixels are read as one place. steering: width of the vector of time and condition.
    condition: width of the condition's vector, 0 for none. The defaults have 1.0 million parameters.
    """

    channels: int = 1
    size: int = 28
    widths: tuple[int, ...] = (64, 120)
    patch: int = 2
    heads: int = 4
    steering: int = 128
    condition: int = 0

    def __post_init__(self):
        check_counts(channels=self.channels, size=self.size, patch=self.patch, heads=self.heads, steering=self.steering)
        least = self.patch * 2 ** (len(self.widths) - 1)
        if not self.widths or self.size % least:
            raise CourseError(f"size is {self.size}; expected a multiple of {least} for {len(self.widths)} widths.")


def time_code(time: torch.Tensor, width: int) -> torch.Tensor:
    """(B, E) sines and cosines of each time, (B,) from 0 to 1; `layers.sinusoidal` for times between positions."""
    check_floats("B", time=time)
    angles = CLOCK * time[:, None] * frequencies(width, device=time.device)             # (B, E/2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Steering(nn.Module):
    """One vector of time and condition, which every block listens to. Where no condition is given it is all 0."""

    def __init__(self, width: int, condition: int):
        check_counts(width=width)
        check_counts(0, condition=condition)
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.condition = nn.Linear(condition, width, bias=False) if condition else None

    def forward(self, time: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        """time (B,), condition (B, width of it) or None, to (B, E). Raises where the condition does not fit."""
        check_alike(time=time, weight=self.first.weight)
        inner = self.first(time_code(time, self.first.in_features))
        if condition is not None:
            if self.condition is None:
                raise CourseError("This network has no condition; make one with UNetConfig(condition=width).")
            check_floats(f"{len(time)} {self.condition.in_features}", condition=condition)
            check_alike(condition=condition, weight=self.condition.weight)
            inner = inner + self.condition(condition)
        return self.second(functional.silu(inner))


class UNet(nn.Module):
    """The ladder: a block at each rung down, two with attention between them at the bottom, a block at each rung up."""

    def __init__(self, config: UNetConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        *upper, lowest = config.widths
        colours, steering = config.channels * config.patch**2, config.steering
        steps = list(zip(config.widths, config.widths[1:], strict=False))
        self.steering = Steering(steering, config.condition)
        self.read = nn.Conv2d(colours, config.widths[0], 3, padding=1)
        self.down = nn.ModuleList(ResidualBlock(width, width, steering) for width in upper)
        self.smaller = nn.ModuleList(Downsample(wide, next_wide) for wide, next_wide in steps)
        self.before = ResidualBlock(lowest, lowest, steering)
        self.attention = PlaceAttention(lowest, config.heads)
        self.after = ResidualBlock(lowest, lowest, steering)
        self.larger = nn.ModuleList(Upsample(next_wide, wide) for wide, next_wide in reversed(steps))
        self.up = nn.ModuleList(ResidualBlock(2 * width, width, steering) for width in reversed(upper))
        self.norm, self.write = group_norm(config.widths[0]), ZeroConv(config.widths[0], colours, 3, padding=1)
        draw_weights(self, generator)
        if config.condition:                                       # of length 1, not as long as a layer's input
            nn.init.normal_(self.steering.condition.weight, generator=generator)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor, time: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """images (B, C, H, W), time (B,) from 0 to 1, condition (B, width) of vectors of length 1, or None.

        Returns (B, C, H, W), zeros before training. Raises ShapeError or CourseError where something does not fit.
        """
        check_shape(images, f"B {self.config.channels} {self.config.size} {self.config.size}", "images")
        check_floats(f"{len(images)}", time=time)
        check_alike(images=images, time=time, weight=self.read.weight)
        vector = self.steering(time, condition)
        patches = to_patches(images, self.config.patch).contiguous(memory_format=torch.channels_last)
        x, seen = self.read(patches), []
        for block, smaller in zip(self.down, self.smaller, strict=True):
            seen.append(block(x, vector))
            x = smaller(seen[-1])                                                       # half as high and wide
        x = self.after(self.attention(self.before(x, vector)), vector)
        for larger, block in zip(self.larger, self.up, strict=True):
            x = block(torch.cat([larger(x), seen.pop()], dim=1), vector)
        return from_patches(self.write(functional.silu(self.norm(x))), self.config.patch)
