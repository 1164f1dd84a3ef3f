"""Diffusion and flow matching where the best network is known exactly: bits, losses and samples have formulas then.

Each number of an image is from N(0.1, 0.2²), so that Bayes names the mean of the noise in a noisy number.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from course_utils.models.diffusion import (
    Diffusion,
    DiffusionConfig,
    FlowMatching,
    Schedule,
    linear_betas,
    noise_from_clean,
    sampling_steps,
)
from course_utils.models.image_levels import from_levels, gaussian_log_probability, to_grid
from course_utils.models.unet import UNetConfig
from course_utils.seeding import generator
from tests.support.untrained import some

pytestmark = pytest.mark.usefixtures("one_thread")
MEAN, DEVIATION = 0.1, 0.2
KNOWN = DiffusionConfig(UNetConfig(size=4, widths=(8,), patch=1, heads=2, steering=8), steps=40, sampling=40)
GRID = from_levels(torch.arange(256)).double()


class Formula(nn.Module):
    """A network that is a formula of (noisy, time). Its one weight only says on which device it is."""

    def __init__(self, formula: Callable):
        super().__init__()
        self.formula, self.place = formula, nn.Parameter(torch.zeros(()))

    def forward(self, noisy, time, condition=None):
        return self.formula(noisy, time)


def gain(left):
    """How far the guess at a number follows the noisy one."""
    return DEVIATION**2 * left.sqrt() / (DEVIATION**2 * left + 1 - left)


def best_guess(noisy, left):
    return MEAN + gain(left) * (noisy - left.sqrt() * MEAN)


def best_noise(schedule: Schedule) -> Formula:
    """The mean of the noise, given the noisy number."""

    def formula(noisy, time):
        left = schedule.at((time * schedule.steps).round().long(), noisy.double())
        return noise_from_clean(noisy.double(), best_guess(noisy.double(), left), left).to(noisy.dtype)

    return Formula(formula)


def known(**changes) -> Diffusion:
    model = Diffusion(replace(KNOWN, **changes), generator(0))
    model.network = best_noise(model.schedule)
    return model


def bars(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def gaussian_images(count: int, seed: int = 99) -> torch.Tensor:
    return to_grid(MEAN + DEVIATION * some(count, 1, 4, 4, seed=seed))


def gaussian_levels() -> tuple[torch.Tensor, float, float]:
    """The probability of each level, and the mean and variance of a number, now that it is rounded to a level."""
    edges = torch.cat([bars(-math.inf), (GRID[1:] + GRID[:-1]) / 2, bars(math.inf)])
    shares = Normal(bars(MEAN), DEVIATION).cdf(edges).diff()
    mean = (shares * GRID).sum()
    return shares, mean.item(), (shares * (GRID - mean) ** 2).sum().item()


def expected_bits(schedule: Schedule) -> float:
    """The bound on the mean over images and noise, bits for each number, without drawing anything."""
    left, (shares, mean, variance) = schedule.alpha_bar, gaussian_levels()
    missed = (1 - gain(left) * left.sqrt()) ** 2 * variance + gain(left) ** 2 * (1 - left)          # E (x − x̂)²
    signal = left / (1 - left)
    divergences = ((signal[1:-1] - signal[2:]) / 2 * missed[2:]).sum().item()
    last = left[-1].item()
    prior = (last * (mean**2 + variance) - last - math.log1p(-last)) / 2
    noise = torch.linspace(-6, 6, 301).double()
    guess = best_guess(left[1].sqrt() * GRID[:, None] + (1 - left[1]).sqrt() * noise, left[1])      # (256, 301)
    level_nats = -gaussian_log_probability(GRID[:, None].expand_as(guess), guess, math.sqrt(1 - left[1].item()))
    decoded = (shares[:, None] * (-(noise**2) / 2).softmax(dim=0) * level_nats).sum().item()
    return (prior + divergences + decoded) / math.log(2)


def interval(values: torch.Tensor) -> tuple[float, float]:
    """The mean give or take 4 standard errors."""
    reach = 4 * values.std().item() / math.sqrt(len(values))
    return values.mean().item() - reach, values.mean().item() + reach


@pytest.mark.parametrize("schedule, steps", [("linear", 40), ("cosine", 40), ("cosine", 300)])
def test_bits_of_a_model_that_cannot_be_better_are_those_of_the_formula(schedule, steps):
    model = known(schedule=schedule, steps=steps)
    low, high = interval(model.bits_per_dim(gaussian_images(2000), draws=8))
    assert low < expected_bits(model.schedule) < high and high - low < 0.3


def test_the_bound_is_never_below_the_entropy_and_nearer_with_more_steps():
    shares, _, _ = gaussian_levels()
    entropy = -(shares * shares.clamp(min=1e-300).log2()).sum().item()
    coarse, fine = (expected_bits(Schedule(linear_betas(steps))) for steps in (40, 1000))
    assert entropy < fine < coarse - 1
    assert known(steps=300).bits_per_dim(gaussian_images(1000), draws=8).mean() > entropy


class OneStepBehind(Schedule):
    def at(self, step, like):
        return super().at((step - 1).clamp(min=0), like)


def one_step_behind(model):
    bar = model.schedule.alpha_bar
    model.schedule = OneStepBehind(1 - bar[1:] / bar[:-1])


def without_the_first_step(model):
    right = model.step_nats
    model.step_nats = lambda images, step, random: right(images, step.clamp(min=2), random)


def with_steps_that_count_alike(model):
    right = model.later_steps
    model.later_steps = lambda draws, *given: (right(draws, *given)[0], torch.full((draws, 1), 39 / draws))


def with_noise_for_the_image(model):
    model.network = Formula(lambda noisy, time: torch.zeros_like(noisy))


@pytest.mark.parametrize(
    "spoil", [one_step_behind, without_the_first_step, with_steps_that_count_alike, with_noise_for_the_image]
)
def test_the_formula_notices_a_bound_that_is_off(spoil):
    model = known()
    right = expected_bits(model.schedule)
    spoil(model)
    low, high = interval(model.bits_per_dim(gaussian_images(2000), draws=8))
    assert not low < right < high


@pytest.mark.parametrize("step", [2, 3, 20, 40])
def test_a_step_costs_the_signal_gained_times_what_the_guess_missed(step):
    model = known()
    before, now = model.schedule.alpha_bar[step - 1], model.schedule.alpha_bar[step]
    missed = 1 / (1 / DEVIATION**2 + now / (1 - now))              # the variance that Bayes leaves
    expected = 16 * ((before / (1 - before) - now / (1 - now)) / 2 * missed).item()
    low, high = interval(model.step_nats(gaussian_images(4000), torch.full((4000,), step), generator(3)))
    assert low < expected < high


def test_the_last_step_is_as_far_from_pure_noise_as_torch_says():
    model, batch = known(schedule="linear", steps=50), gaussian_images(3)
    left = model.schedule.alpha_bar[-1]
    there = Normal(left.sqrt() * batch.double(), (1 - left).sqrt())
    theirs = kl_divergence(there, Normal(bars(0.0), bars(1.0))).sum(dim=(1, 2, 3))
    torch.testing.assert_close(model.prior_nats(batch), theirs)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_loss_of_the_best_network_is_the_variance_that_noise_keeps(schedule):
    model = known(schedule=schedule)
    left = model.schedule.alpha_bar[1:]
    expected = (DEVIATION**2 * left / (DEVIATION**2 * left + 1 - left)).mean().item()    # of Var(ε | noisy)
    losses = torch.stack([model.loss(generator(seed), gaussian_images(400, seed)) for seed in range(20)])
    low, high = interval(losses)
    assert low < expected < high


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_samples_of_the_best_network_have_the_mean_and_the_deviation_of_the_data(eta):
    drawn = known(steps=400, sampling=400).sample(500, generator(5), eta=eta)
    low, high = interval(drawn.flatten())
    assert low < MEAN < high
    assert drawn.std().item() == pytest.approx(DEVIATION, rel=0.05)                      # 400 steps are not endless


def affine_deviation(left: torch.Tensor, way: list[int]) -> float:
    """The deviation of DDIM's samples by hand: with a linear guess every step multiplies by a number."""
    deviation = 1.0
    for now, before in zip(way, way[1:], strict=False):
        old = (1 - left[now].sqrt() * gain(left[now])) / (1 - left[now]).sqrt()          # the noise named, per noisy
        deviation *= (left[before].sqrt() * gain(left[now]) + (1 - left[before]).sqrt() * old).item()
    return deviation


@pytest.mark.parametrize("steps", [5, 10, 40])
def test_few_sampling_steps_give_the_deviation_by_hand(steps):
    model = known(schedule="linear")
    drawn = model.sample(2000, generator(5), steps=steps)
    noise = torch.randn(2000, 1, 4, 4, generator=generator(5))
    expected = affine_deviation(model.schedule.alpha_bar, sampling_steps(40, steps))
    assert (drawn.std() / noise.std()).item() == pytest.approx(expected, rel=1e-3)


# --- flow matching ----------------------------------------------------------------------------------


def moving(velocity) -> FlowMatching:
    """Flow matching with a velocity that is known: velocity(x, time)."""
    model = FlowMatching(KNOWN, generator(0))
    model.network = Formula(lambda x, time: velocity(x, time.view(-1, 1, 1, 1)))
    return model


def best_velocity(x, time):
    """E(noise − image | x) for images from N(0.1, 0.2²)."""
    spread = (1 - time) ** 2 * DEVIATION**2 + time**2
    return -MEAN + (time - (1 - time) * DEVIATION**2) / spread * (x - (1 - time) * MEAN)


@pytest.mark.parametrize("steps", [1, 3, 40])
def test_to_a_single_image_the_way_is_straight_and_any_number_of_steps_is_exact(steps):
    image = gaussian_images(1)
    found = moving(lambda x, time: (x - image) / time).sample(5, generator(0), steps=steps)
    torch.testing.assert_close(found, image.expand(5, -1, -1, -1), atol=1e-5, rtol=0)


def test_two_steps_of_euler_by_hand():
    """Against the velocity x + t, from t 1 and ½: x₁ = x − (x + 1)/2, x₂ = x₁ − (x₁ + ½)/2 = x/4 − ½."""
    noise = torch.randn(4, 1, 4, 4, generator=generator(0))
    found = moving(lambda x, time: x + time).sample(4, generator(0), steps=2)
    torch.testing.assert_close(found, (noise / 4 - 0.5).clamp(-1, 1))


def test_against_the_best_velocity_noise_becomes_the_data():
    noise = torch.randn(50, 1, 4, 4, generator=generator(0))
    errors = [
        (moving(best_velocity).sample(50, generator(0), steps=steps) - (MEAN + DEVIATION * noise)).abs().max().item()
        for steps in (50, 200, 800)
    ]
    assert errors[2] < 0.01 and errors[1] / errors[2] == pytest.approx(4, rel=0.3)       # Euler: first order


def test_the_wrong_direction_or_time_does_not_get_there():
    for wrong in (lambda x, time: -best_velocity(x, time), lambda x, time: best_velocity(x, time / 2)):
        assert (moving(wrong).sample(200, generator(0), steps=200).std() - DEVIATION).abs() > 0.04


def test_the_loss_of_the_best_velocity_is_known():
    """E Var(noise − image | x) = ∫ s² / ((1 − t)² s² + t²) dt = s π/2."""
    model = moving(best_velocity)
    losses = torch.stack([model.loss(generator(seed), gaussian_images(400, seed)) for seed in range(20)])
    low, high = interval(losses)
    assert low < DEVIATION * math.pi / 2 < high
