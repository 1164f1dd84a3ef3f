"""Filling in: what is known stays, what is missing comes from the model, and bad masks are refused."""

from dataclasses import replace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.inpainting import by_diffusion, by_search
from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.unet import UNetConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

TINY = DiffusionConfig(UNetConfig(size=8, widths=(8, 8), heads=2, steering=8), steps=30, sampling=10)
UPPER = torch.arange(8)[:, None].expand(8, 8) < 4


def images(value: float, count: int = 3) -> torch.Tensor:
    return torch.full((count, 1, 8, 8), value)


class Alike(Diffusion):
    """Knows of images that are of one level throughout: guesses the mean of what it is told is clean."""

    def clean(self, noisy, step, condition=None, guidance=1.0):
        level = noisy[..., :4, :].mean(dim=(1, 2, 3), keepdim=True) / self.schedule.at(step, noisy).sqrt()
        return level.clamp(-1, 1).expand_as(noisy)


def test_what_is_known_stays_and_what_is_missing_comes_from_what_the_model_makes_of_it():
    model = Alike(replace(TINY, sampling=30), generator(1))
    filled = by_diffusion(model, images(0.5), UPPER, generator(2))
    assert torch.equal(filled[..., :4, :], images(0.5)[..., :4, :])
    assert (filled[..., 4:, :] - 0.5).abs().mean() < 0.15
    other = by_diffusion(model, images(-0.5), UPPER, generator(2))
    assert (other[..., 4:, :] + 0.5).abs().mean() < 0.15           # so the missing half follows the known one


def test_where_all_is_known_nothing_changes_and_where_nothing_is_it_is_a_sample():
    model = Diffusion(TINY, generator(1))
    everything, nothing = torch.ones(8, 8, dtype=torch.bool), torch.zeros(8, 8, dtype=torch.bool)
    assert torch.equal(by_diffusion(model, images(0.1), everything, generator(2)), images(0.1))
    drawn = [by_diffusion(model, images(level), nothing, generator(2)) for level in (0.1, -0.9)]
    assert torch.equal(*drawn)


def test_a_search_finds_the_latent_vector_whose_known_pixels_are_right():
    pattern = torch.linspace(-0.5, 0.5, 64).reshape(1, 1, 8, 8)

    def decode(latent):
        return latent[:, :, None, None] * pattern                  # (B, 1) to (B, 1, 8, 8)

    wanted = decode(torch.tensor([[1.5], [-0.5]]))
    filled = by_search(decode, torch.zeros(2, 1), wanted * UPPER, UPPER, pull=0.0)
    assert torch.allclose(filled, wanted, atol=0.02)
    pulled = by_search(decode, torch.zeros(2, 1), wanted * UPPER, UPPER, pull=1.0)
    assert pulled[..., 4:, :].abs().max() < filled[..., 4:, :].abs().max() / 2


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="known"):
        by_diffusion(Diffusion(TINY, generator(1)), images(0.0), UPPER[:7], generator(2))
    with pytest.raises(CourseError, match="expected torch.bool"):
        by_search(lambda latent: latent, torch.zeros(3, 1), images(0.0), UPPER.float())
