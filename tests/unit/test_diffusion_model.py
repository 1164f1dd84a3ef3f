"""The models around a network: what it is told, losses, samples that repeat, bits, and what is refused."""

import math
from dataclasses import replace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.diffusion import Diffusion, DiffusionConfig, FlowMatching
from course_utils.models.drawn import DrawnLoss
from course_utils.models.unet import UNetConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.training import FitConfig, fit
from tests.support.untrained import DIFFUSION, denoiser, level_images, some

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_network_is_told_the_share_of_the_way():
    model, told = denoiser(), []
    model.network.register_forward_pre_hook(lambda module, given: told.append(given[1]))
    model(some(3, 1, 4, 4), torch.tensor([1, 20, 40]))
    torch.testing.assert_close(told[0], torch.tensor([1 / 40, 0.5, 1.0]))
    told.clear()
    model.sample(2, generator(0), steps=4)
    assert [time.tolist() for time in told] == [[1.0, 1.0], [0.75, 0.75], [0.5, 0.5], [0.25, 0.25]]


def test_the_loss_is_the_squared_error_of_the_noise():
    model, batch = denoiser(), level_images(3, 4)
    random = generator(4)
    step = model.random_steps(3, random)
    noise = torch.randn(batch.shape, generator=random)
    left = model.schedule.alpha_bar[step].float().view(3, 1, 1, 1)
    expected = (model(left.sqrt() * batch + (1 - left).sqrt() * noise, step) - noise).square().mean()
    torch.testing.assert_close(model.loss(generator(4), batch), expected)


def test_the_steps_of_a_batch_are_spread_over_the_whole_way_in_random_order():
    model = denoiser()
    steps = model.random_steps(40, generator(0))
    assert sorted(steps.tolist()) == list(range(1, 41)) and steps.tolist() != sorted(steps.tolist())
    many = torch.cat([model.random_steps(7, generator(seed)) for seed in range(800)])
    assert (torch.bincount(many)[1:] - 140).abs().max() < 4.5 * math.sqrt(140)           # 5,600 of 40 steps


def test_the_steps_of_the_bound_stand_for_all_from_the_second_on():
    """What a step counts for, summed over the draws, is 1 on the mean over images: for every step."""
    step, counts = denoiser().later_steps(4, 20_000, generator(0))
    assert step.shape == counts.shape == (4, 20_000) and (step.min(), step.max()) == (2, 40)
    for chosen in range(2, 41):
        found = (counts * (step == chosen)).sum(dim=0)                                   # (20000,)
        assert found.mean().item() == pytest.approx(1, abs=4 * found.std().item() / math.sqrt(20_000))
    assert (step.diff(dim=0) >= 0).all()                           # each draw of an image in its own part of the way


def test_without_fresh_noise_the_start_decides_the_image_and_with_it_not():
    model, noise = denoiser(), some(2, 1, 4, 4, seed=6)
    ways = {eta: [list(model.trail(noise, generator(seed), eta=eta)) for seed in (0, 1)] for eta in (0.0, 1.0)}
    assert torch.equal(ways[0.0][0][-1], ways[0.0][1][-1])
    assert not torch.equal(ways[1.0][0][-1], ways[1.0][1][-1])
    assert len(ways[0.0][0]) == DIFFUSION.sampling


def test_a_sample_is_the_end_of_the_trail_in_range_and_repeats():
    model = denoiser()
    sample = model.sample(3, generator(7), steps=40, eta=1.0)
    random = generator(7)
    assert torch.equal(sample, list(model.trail(model.pure_noise(3, random), random, steps=40, eta=1.0))[-1])
    assert sample.shape == (3, 1, 4, 4) and sample.abs().max() <= 1 and not sample.requires_grad
    assert torch.equal(model.sample(3, generator(7)), model.sample(3, generator(7)))
    assert not torch.equal(model.sample(3, generator(7)), model.sample(3, generator(8)))


def test_each_image_follows_its_own_condition():
    model, condition = denoiser(), some(2, 5, seed=4)
    for one in (model, denoiser(FlowMatching)):
        there = one.sample(2, generator(7), condition=condition, guidance=2.0)
        other = one.sample(2, generator(7), condition=torch.stack([condition[0], -condition[1]]), guidance=2.0)
        torch.testing.assert_close(there[0], other[0], atol=1e-4, rtol=0)
        assert (there[1] - other[1]).abs().max() > 1e-2


def test_bits_repeat_and_a_model_of_one_step_has_no_others_to_draw():
    model, batch = denoiser(), level_images(3, 4)
    assert torch.equal(model.bits_per_dim(batch), model.bits_per_dim(batch))
    assert not torch.equal(model.bits_per_dim(batch), model.bits_per_dim(batch, generator=generator(1)))
    assert model.bits_per_dim(batch).shape == (3,) and not model.bits_per_dim(batch).requires_grad
    single = Diffusion(replace(DIFFUSION, steps=1, sampling=1), generator(0))
    nats = single.prior_nats(batch) + single.step_nats(batch, torch.ones(3).long(), generator(0))
    torch.testing.assert_close(single.bits_per_dim(batch), nats / (16 * math.log(2)))


def test_every_weight_of_both_learns():
    for kind in (Diffusion, FlowMatching):
        model = denoiser(kind, replace(DIFFUSION, drop=0.0))
        model.loss(generator(4), level_images(3, 4), some(3, 5, seed=4)).backward()
        assert [name for name, weight in model.named_parameters() if not weight.grad.abs().max() > 0] == []


def test_images_and_settings_that_do_not_fit_are_refused():
    model = denoiser()
    for use in (model.bits_per_dim, lambda batch: model.loss(generator(0), batch)):
        with pytest.raises(ShapeError, match=r"images should have shape \(B, 1, 4, 4\)"):
            use(torch.zeros(2, 1, 8, 8))
        with pytest.raises(CourseError, match="go from 0 to 255"):
            use(torch.tensor([0.0, 255.0]).repeat(8).view(1, 1, 4, 4))
    with pytest.raises(CourseError, match="between the 256 levels"):
        model.bits_per_dim(torch.zeros(1, 1, 4, 4))
    with pytest.raises(CourseError, match="draws is 0"):
        model.bits_per_dim(level_images(3, 4), draws=0)
    for n, wrong, said in ((0, {}, "n is 0"), (1, {"steps": 0}, "0 sampling steps"), (1, {"eta": 2}, "eta is 2")):
        with pytest.raises(CourseError, match=said):
            model.sample(n, generator(0), **wrong)
    for wrong in ({"schedule": "square"}, {"drop": 1.5}, {"sampling": 0}, {"sampling": 41, "steps": 40}):
        with pytest.raises(CourseError, match="expected"):
            DiffusionConfig(**wrong)


def test_in_sixty_steps_it_learns_to_name_noise_that_it_has_not_seen():
    """Images of one brightness, dark or bright: most of the noise can be told from them."""
    config = DiffusionConfig(UNetConfig(size=4, widths=(16, 16), patch=1, heads=2, steering=16), steps=40, sampling=10)
    model = Diffusion(config, generator(0))
    batch = torch.tensor([-0.5, 0.5]).repeat(32)[:, None, None, None].expand(64, 1, 4, 4)
    fit(model, lambda step: (batch,), FitConfig(steps=60, learning_rate=1e-2), loss=DrawnLoss(3))
    loss = model.loss(generator(9), batch).item()
    print(f"squared error of the noise: {loss:.2f}; naming none has 1")
    assert loss < 0.4


def test_the_loss_is_the_squared_error_of_noise_minus_image():
    model, batch = denoiser(FlowMatching), level_images(3, 4)
    random = generator(4)
    time, noise = torch.rand(3, generator=random), torch.randn(batch.shape, generator=random)
    place = time.view(3, 1, 1, 1)
    said = model.guess((1 - place) * batch + place * noise, time)
    torch.testing.assert_close(model.loss(generator(4), batch), (said - (noise - batch)).square().mean())
    with pytest.raises(CourseError, match="0 sampling steps"):
        model.sample(1, generator(0), steps=0)
    with pytest.raises(CourseError, match="go from 0 to 255"):
        model.loss(generator(0), torch.tensor([0.0, 255.0]).repeat(8).view(1, 1, 4, 4))
