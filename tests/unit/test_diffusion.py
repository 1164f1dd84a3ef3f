"""Diffusion: schedules, the way to noise, single steps back and conditions, by hand and by Bayes."""

import math
from dataclasses import replace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.diffusion import (
    Diffusion,
    FlowMatching,
    Schedule,
    clean_from_noise,
    cosine_betas,
    ddim_step,
    ddpm_step,
    drop_conditions,
    guided,
    linear_betas,
    noise_from_clean,
    posterior,
    q_sample,
    sampling_steps,
    signal_to_noise,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from tests.support.untrained import DIFFUSION, denoiser, level_images, some

pytestmark = pytest.mark.usefixtures("one_thread")


def bars(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


# --- schedules ------------------------------------------------------------------------------------


def test_the_linear_schedule_is_that_of_the_paper_and_as_noisy_at_the_end_with_fewer_steps():
    betas = linear_betas(1000)
    assert (betas[0].item(), betas[-1].item()) == pytest.approx((1e-4, 0.02))
    assert betas[1].item() == pytest.approx(1e-4 + 0.0199 / 999)
    assert linear_betas(100)[[0, -1]].tolist() == pytest.approx([1e-3, 0.2])
    ends = [math.log(Schedule(linear_betas(steps)).alpha_bar[-1].item()) for steps in (1000, 100)]
    assert ends == pytest.approx([-10.1, -10.5], abs=0.5)          # −Σ β = −10.05, a little more for large β


def test_the_cosine_schedule_by_hand():
    left = [math.cos((t / 4 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(5)]      # the last is 0
    betas = cosine_betas(4)
    assert betas.tolist() == pytest.approx([1 - b / a for a, b in zip(left[:3], left[1:4], strict=True)] + [0.999])
    halfway = Schedule(cosine_betas(1000)).alpha_bar[500].item()
    assert halfway == pytest.approx(0.4938, abs=1e-3)              # cos²(½π · 0.508/1.008), over cos² of the offset


def hand_worked_bars(schedule) -> None:
    found = schedule(torch.tensor([0.5, 0.2, 0.75]))
    assert found.steps == 3
    assert found.alpha_bar.tolist() == pytest.approx([1, 0.5, 0.4, 0.1])
    like = torch.zeros(4, 1, 2, 2)
    at = found.at(torch.tensor([0, 1, 3, 2]), like)
    assert at.shape == (4, 1, 1, 1) and at.dtype == like.dtype
    assert at.flatten().tolist() == pytest.approx([1, 0.5, 0.1, 0.4])


def test_what_is_left_after_each_step_by_hand():
    hand_worked_bars(Schedule)


class CountedFromZero(Schedule):
    """The first step is number 0, as in most code; then step T reads what is not there."""

    def __init__(self, betas):
        super().__init__(betas)
        self.alpha_bar = self.alpha_bar[1:]


class OneStepBehind(Schedule):
    def at(self, step, like):
        return super().at((step - 1).clamp(min=0), like)


class SumOfBetas(Schedule):
    def __init__(self, betas):
        super().__init__(betas)
        self.alpha_bar = torch.cat([torch.ones(1), 1 - betas.cumsum(dim=0)])


class Rooted(Schedule):
    def at(self, step, like):
        return super().at(step, like).sqrt()


@pytest.mark.parametrize("wrong", [CountedFromZero, OneStepBehind, SumOfBetas, Rooted])
def test_the_bars_by_hand_notice_a_schedule_that_is_off(wrong):
    with pytest.raises(AssertionError):
        hand_worked_bars(wrong)


def test_signal_to_noise_by_hand():
    assert signal_to_noise(bars(1.0, 0.8, 0.5)).tolist() == pytest.approx([math.inf, 4, 1])


@pytest.mark.parametrize("betas", [[0.0, 0.5], [0.5, 1.0], [0.5, -0.1], [0.5, math.nan]])
def test_betas_that_add_nothing_or_leave_nothing_are_refused(betas):
    with pytest.raises(CourseError, match="above 0 and below 1"):
        Schedule(torch.tensor(betas))


def test_steps_that_are_not_there_are_refused():
    schedule = Schedule(linear_betas(100))
    for step in (-1, 101):
        with pytest.raises(CourseError, match=f"steps go from {min(step, 0)} to {max(step, 0)}; expected 0 to 100"):
            schedule.at(torch.tensor([0, step]), torch.zeros(2, 1))
    with pytest.raises(ShapeError, match="step should have shape"):
        schedule.at(torch.tensor([1]), torch.zeros(2, 1))
    with pytest.raises(CourseError, match="expects more than 20"):
        linear_betas(20)
    with pytest.raises(CourseError, match="expected 1 or more"):
        cosine_betas(0)


# --- the way there --------------------------------------------------------------------------------


def test_noisy_images_by_hand_and_their_moments():
    noisy = q_sample(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 1.0]]), torch.tensor([[0.64]]))
    torch.testing.assert_close(noisy, torch.tensor([[0.8 + 0.3, -1.6 + 0.6]]))
    image = torch.full((40_000, 1), 0.7)
    drawn = q_sample(image, some(40_000, 1), torch.full((40_000, 1), 0.64))              # N(0.56, 0.36)
    assert drawn.mean().item() == pytest.approx(0.56, abs=4 * 0.6 / 200)
    assert drawn.std().item() == pytest.approx(0.6, abs=4 * 0.6 / math.sqrt(80_000))


def test_all_steps_in_one_are_as_many_single_steps():
    """T times x ← √(1 − β) x + √β ε: the mean and the variance that the closed form names."""
    betas = torch.tensor([0.1, 0.3, 0.2])
    mean, variance = 0.7, 0.0
    for beta in betas.tolist():
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
    left = Schedule(betas).alpha_bar[-1]
    assert q_sample(torch.tensor(0.7), torch.tensor(0.0), left).item() == pytest.approx(mean)
    assert (1 - left).item() == pytest.approx(variance)


def test_the_image_and_the_noise_are_found_again_in_the_sum():
    image, noise, left = some(2, 1, 4, 4), some(2, 1, 4, 4, seed=2), torch.tensor([0.9, 0.1]).view(2, 1, 1, 1)
    noisy = q_sample(image, noise, left)
    torch.testing.assert_close(clean_from_noise(noisy, noise, left), image, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(noise_from_clean(noisy, image, left), noise, atol=1e-5, rtol=1e-5)


# --- single steps back ----------------------------------------------------------------------------


def hand_worked_posteriors(step_back) -> None:
    """Bayes in one dimension: q(before | image) is N(√ᾱ' x, 1 − ᾱ'), q(now | before) N(√α before, 1 − α)."""
    for image, now, left, left_before in ((0.5, -1.0, 0.3, 0.6), (-0.2, 0.4, 0.05, 0.1), (0.9, 0.8, 0.98, 0.99)):
        kept = left / left_before
        precision = 1 / (1 - left_before) + kept / (1 - kept)
        weighed = math.sqrt(left_before) * image / (1 - left_before) + math.sqrt(kept) * now / (1 - kept)
        mean, variance = step_back(bars(now), bars(image), bars(left), bars(left_before))
        assert mean.item() == pytest.approx(weighed / precision)
        assert variance.item() == pytest.approx(1 / precision)


def test_the_step_before_is_what_bayes_says_in_one_dimension():
    hand_worked_posteriors(posterior)


def with_the_images_exchanged(noisy, clean, left, before):
    return posterior(clean, noisy, left, before)


def with_the_steps_exchanged(noisy, clean, left, before):
    return posterior(noisy, clean, before, left)


def with_the_larger_variance(noisy, clean, left, before):
    return posterior(noisy, clean, left, before)[0], 1 - left / before                   # β in place of β̃


def with_a_deviation(noisy, clean, left, before):
    mean, variance = posterior(noisy, clean, left, before)
    return mean, variance.sqrt()


@pytest.mark.parametrize(
    "wrong", [with_the_images_exchanged, with_the_steps_exchanged, with_the_larger_variance, with_a_deviation]
)
def test_bayes_notices_a_posterior_that_is_off(wrong):
    with pytest.raises(AssertionError):
        hand_worked_posteriors(wrong)


def test_the_last_step_back_is_the_image_itself():
    now, image = bars(0.3), bars(-0.8)
    for step in (ddpm_step, ddim_step):
        assert step(now, image, bars(5.0), bars(0.9), bars(1.0)).item() == pytest.approx(-0.8)


def test_ddpm_by_hand():
    """ᾱ 0.3 after 0.6, so α ½: mean (√0.6 · ½ · x + √½ · 0.4 · now) / 0.7, variance ½ · 0.4 / 0.7."""
    mean = (math.sqrt(0.6) * 0.5 * 0.5 - math.sqrt(0.5) * 0.4) / 0.7
    found = ddpm_step(bars(-1.0), bars(0.5), bars(2.0), bars(0.3), bars(0.6)).item()
    assert found == pytest.approx(mean + 2 * math.sqrt(0.5 * 0.4 / 0.7))


def test_ddim_with_all_noise_fresh_is_ddpm_step_by_step():
    schedule = Schedule(cosine_betas(40))
    now, image, fresh = (some(40, 6, seed=seed).double() for seed in (1, 2, 3))
    left, before = schedule.alpha_bar[1:, None], schedule.alpha_bar[:-1, None]           # all 40 steps at once
    ours, theirs = ddim_step(now, image, fresh, left, before, eta=1.0), ddpm_step(now, image, fresh, left, before)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    assert not torch.allclose(ddim_step(now, image, fresh, left, before, eta=0.9), theirs, atol=1e-3)


def test_ddim_without_fresh_noise_keeps_the_old_noise():
    image, noise = some(5, 3).double(), some(5, 3, seed=2).double()
    noisy = q_sample(image, noise, bars(0.2))
    there = ddim_step(noisy, image, torch.full((5, 3), math.pi).double(), bars(0.2), bars(0.7))
    torch.testing.assert_close(there, q_sample(image, noise, bars(0.7)))          # the fresh noise counts for nothing


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_whatever_is_fresh_a_step_leaves_as_much_noise_as_the_schedule_says(eta):
    image, noise, fresh = torch.zeros(40_000).double(), some(40_000).double(), some(40_000, seed=2).double()
    found = ddim_step(q_sample(image, noise, bars(0.2)), image, fresh, bars(0.2), bars(0.7), eta)
    assert found.std().item() == pytest.approx(math.sqrt(0.3), abs=4 * math.sqrt(0.3 / 80_000))


def test_steps_are_evenly_spaced_from_noise_to_image():
    assert sampling_steps(1000, 4) == [1000, 750, 500, 250, 0]
    assert sampling_steps(5, 5) == [5, 4, 3, 2, 1, 0]
    assert sampling_steps(10, 3) == [10, 7, 3, 0]
    for count in (0, 11):
        with pytest.raises(CourseError, match=f"{count} sampling steps; expected 1 to 10"):
            sampling_steps(10, count)


def test_wrong_etas_and_shapes_that_differ_are_refused():
    one, two, left = torch.zeros(1, 3), torch.zeros(2, 3), bars(0.5)
    for eta in (-0.1, 1.1, math.nan):
        with pytest.raises(CourseError, match="expected 0 to 1"):
            ddim_step(one, one, one, left, bars(0.7), eta)
    for use, name in (
        (lambda: q_sample(one, two, left), "noise"),
        (lambda: clean_from_noise(one, two, left), "noise"),
        (lambda: noise_from_clean(one, two, left), "clean"),
        (lambda: posterior(one, two, left, left), "clean"),
        (lambda: ddpm_step(one, one, two, left, left), "fresh"),
        (lambda: ddim_step(one, one, two, left, left), "fresh"),
        (lambda: guided(one, two, 2.0), "unconditional"),
    ):
        with pytest.raises(ShapeError, match=rf"{name} should have shape \(1, 3\); got \(2, 3\)"):
            use()


# --- conditions -----------------------------------------------------------------------------------


def test_guidance_by_hand():
    with_it, without = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0])
    assert guided(with_it, without, 0).tolist() == [0.5, 4.0]
    assert guided(with_it, without, 1).tolist() == [1.0, 2.0]
    assert guided(with_it, without, 2).tolist() == [1.5, 0.0]      # as far again as from without to with
    with pytest.raises(CourseError, match="guidance is -1"):
        guided(with_it, without, -1)


def test_guidance_of_a_model_lies_on_the_line_through_both_guesses():
    model, noisy, step, condition = denoiser(), some(2, 1, 4, 4), torch.tensor([5, 30]), some(2, 5, seed=4)
    without, with_it = model(noisy, step), model(noisy, step, condition)
    assert not torch.allclose(without, with_it, atol=1e-3)
    torch.testing.assert_close(model(noisy, step, condition, guidance=0), without)
    torch.testing.assert_close(model(noisy, step, condition, guidance=3), without + 3 * (with_it - without))
    with pytest.raises(CourseError, match="no condition to be guided by"):
        model.sample(2, generator(0), guidance=2)
    with pytest.raises(CourseError, match="guidance is -2"):
        model.sample(2, generator(0), condition=condition, guidance=-2)


def test_the_share_of_conditions_that_is_asked_for_is_dropped_and_the_others_are_whole():
    condition = some(5000, 3) + 10
    left = drop_conditions(condition, 0.1, generator(0))
    dropped = (left == 0).all(dim=1)
    assert torch.equal(left[~dropped], condition[~dropped])
    assert dropped.float().mean().item() == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / 5000))
    assert torch.equal(drop_conditions(condition, 0.0, generator(0)), condition)
    assert drop_conditions(condition, 1.0, generator(0)).abs().max() == 0
    with pytest.raises(ShapeError, match="condition"):
        drop_conditions(condition[0], 0.1, generator(0))


def test_with_all_conditions_dropped_the_loss_does_not_see_them():
    condition = some(3, 5)
    for kind in (Diffusion, FlowMatching):
        blind, seeing = (denoiser(kind, replace(DIFFUSION, drop=drop)) for drop in (1.0, 0.0))
        for model, sees in ((blind, False), (seeing, True)):
            batch = level_images(3, 4)
            first, second = (model.loss(generator(4), batch, given).item() for given in (condition, -condition))
            assert (first != second) == sees
