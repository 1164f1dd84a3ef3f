"""Noise from a named generator, on whatever device the model is, and a loss for `fit` that draws some at each step."""

from collections.abc import Sequence

import torch
from torch import nn

from course_utils import seeding
from course_utils.errors import CourseError


def standard_normal(shape: Sequence[int], generator: torch.Generator, device=None) -> torch.Tensor:
    """Numbers from N(0, 1), drawn where the generator lives and brought to `device`."""
    _check_shape(shape)
    return torch.randn(tuple(shape), generator=generator, device=generator.device).to(device)


def uniform(shape: Sequence[int], generator: torch.Generator, device=None) -> torch.Tensor:
    """Numbers from 0 up to 1, drawn where the generator lives and brought to `device`."""
    _check_shape(shape)
    return torch.rand(tuple(shape), generator=generator, device=generator.device).to(device)


def _check_shape(shape: Sequence[int]) -> None:
    """Raises CourseError for a size below 0."""
    if min(shape, default=0) < 0:
        raise CourseError(f"The shape is {tuple(shape)}; expected sizes of 0 or more.")


class DrawnLoss:
    """The loss of a model that keeps `model.loss(generator, *batch)`, for `training.fit`.

    The generator is one for the whole run and goes into its checkpoints, so that a killed run goes on with the same
    noise.
    """

    def __init__(self, seed: int):
        self.generator = seeding.generator(seed)

    def __call__(self, model: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return model.loss(self.generator, *batch)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Where the generator stands, for a checkpoint."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on drawing from there."""
        self.generator.set_state(tensors["generator"].cpu())
