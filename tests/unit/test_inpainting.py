"""Filling in: what is known stays, what is missing comes from the model, and bad masks are refused."""

import math
from dataclasses import replace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.inpainting import by_diffusion, by_search
from course_utils.models.diffusion import Diffusion, DiffusionConfig, ddim_step, sampling_steps
from course_utils.models.unet import UNetConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from tests.support.untrained import denoiser

pytestmark = pytest.mark.usefixtures("one_thread")
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
    everything = torch.ones(8, 8, dtype=torch.bool)
    assert torch.equal(by_diffusion(model, images(0.1), everything, generator(2)), images(0.1))
    model, random = denoiser(), generator(2)
    way = sampling_steps(40, 10)
    drawn = torch.randn(3, 1, 4, 4, generator=random)
    for now, before in zip(way, way[1:], strict=False):
        torch.randn(3, 1, 4, 4, generator=random)                  # for the known pixels, of which there are none
        fresh, bars = torch.randn(3, 1, 4, 4, generator=random), model.schedule.alpha_bar[[now, before]].float()
        drawn = ddim_step(drawn, model.clean(drawn, torch.full((3,), now)), fresh, *bars, eta=1.0)
    for level in (0.1, -0.9):
        filled = by_diffusion(model, torch.full((3, 1, 4, 4), level), torch.zeros(4, 4, dtype=torch.bool), generator(2))
        torch.testing.assert_close(filled, drawn, atol=1e-5, rtol=0)


class Recording(Diffusion):
    """Keeps what it is given at each step, and says nothing of it."""

    def clean(self, noisy, step, condition=None, guidance=1.0):
        self.given = [*getattr(self, "given", []), (step.unique().item(), noisy)]
        return torch.zeros_like(noisy)


@pytest.mark.parametrize("steps", [None, 4])
def test_at_each_step_the_known_pixels_are_as_noisy_as_the_step_is(steps):
    model, many = Recording(TINY, generator(1)), images(0.5, 100)
    by_diffusion(model, many, UPPER, generator(2), steps)
    assert [now for now, _ in model.given] == sampling_steps(30, steps or 10)[:-1]
    for now, noisy in model.given:
        left = model.schedule.alpha_bar[now].item()
        noise = noisy[..., :4, :] - math.sqrt(left) * 0.5          # (100, 1, 4, 8)
        deviation = math.sqrt(1 - left)
        assert abs(noise.mean()) < 4 * deviation / math.sqrt(3200)
        assert noise.std().item() == pytest.approx(deviation, rel=4 / math.sqrt(2 * 3200))


def test_a_search_finds_the_latent_vector_whose_known_pixels_are_right():
    pattern = torch.linspace(-0.5, 0.5, 64).reshape(1, 1, 8, 8)

    def decode(latent):
        return latent[:, :, None, None] * pattern                  # (B, 1) to (B, 1, 8, 8)

    wanted = decode(torch.tensor([[1.5], [-0.5]]))
    filled = by_search(decode, torch.zeros(2, 1), wanted * UPPER, UPPER, pull=0.0)
    assert torch.allclose(filled, wanted, atol=0.02)
    pulled = by_search(decode, torch.zeros(2, 1), wanted * UPPER, UPPER, pull=1.0)
    assert pulled[..., 4:, :].abs().max() < filled[..., 4:, :].abs().max() / 2


def test_without_a_wish_a_search_pulls_a_little_and_its_images_stay_between_black_and_white():
    def decode(latent):
        return latent[:, :, None, None] * torch.ones(1, 1, 8, 8)

    # (z − w)² + pull · z² is least at z = w / (1 + pull): the thousandth part less of w
    filled = by_search(decode, torch.full((1, 1), 0.7), images(0.8, 1), UPPER, steps=1_000)
    assert filled[..., 4:, :].mean().item() == pytest.approx(0.8 / 1.001, abs=1e-4)
    thrice = torch.where(UPPER, 1.0, 3.0)
    outside = by_search(lambda latent: thrice * decode(latent), torch.ones(1, 1), images(0.8, 1), UPPER)
    assert torch.equal(outside[..., 4:, :], torch.ones(1, 1, 4, 8))


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="known"):
        by_diffusion(Diffusion(TINY, generator(1)), images(0.0), UPPER[:7], generator(2))
    with pytest.raises(CourseError, match="expected torch.bool"):
        by_search(lambda latent: latent, torch.zeros(3, 1), images(0.0), UPPER.float())
