"""Small models as training would leave them, and numbers to feed them with."""

import torch
from torch import nn

from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.image_levels import from_levels
from course_utils.models.unet import UNetConfig
from course_utils.seeding import generator

NETWORK = UNetConfig(size=4, widths=(8, 16), patch=1, heads=2, steering=16, condition=5)
DIFFUSION = DiffusionConfig(NETWORK, steps=40, sampling=10)        # images (B, 1, 4, 4), conditions (B, 5)


def disturbed(model: nn.Module, seed: int = 3) -> nn.Module:
    """The model with nothing left at 0, as after training."""
    random = generator(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=random))
    return model


def some(*shape: int, seed: int = 1) -> torch.Tensor:
    """Numbers from N(0, 1)."""
    return torch.randn(*shape, generator=generator(seed))


def level_images(count: int, side: int, seed: int = 2) -> torch.Tensor:
    """Random images (count, 1, side, side) on the grid of 256 levels."""
    return from_levels(torch.randint(256, (count, 1, side, side), generator=generator(seed)))


def denoiser(kind=Diffusion, config: DiffusionConfig = DIFFUSION) -> nn.Module:
    """A disturbed diffusion model, or FlowMatching, of few weights."""
    return disturbed(kind(config, generator(0)))
