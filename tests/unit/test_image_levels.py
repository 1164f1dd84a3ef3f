"""The grid of 256 levels: what a density says of one, and images that are refused."""

import math

import pytest
import torch
from torch.distributions import Normal

from course_utils.errors import CourseError
from course_utils.images.pixels import to_float
from course_utils.models import image_levels as levels
from course_utils.models.drawn import DrawnLoss
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")
GRID = torch.linspace(-1, 1, 256)


@pytest.mark.parametrize("mean, log_scale", [(0.0, -1.0), (0.3, -4.0), (-1.2, -6.5), (0.999, -9.0), (40.0, 2.0)])
def test_the_logistic_mass_of_all_levels_is_one(mean, log_scale):
    log_p = levels.logistic_log_probability(GRID, torch.full_like(GRID, mean), torch.full_like(GRID, log_scale))
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-4)                        # 256 float32 masses


@pytest.mark.parametrize("mean, deviation", [(0.0, 0.5), (0.31, 0.01), (-1.2, 0.004), (5.0, 0.3)])
def test_the_normal_mass_of_all_levels_is_one(mean, deviation):
    log_p = levels.gaussian_log_probability(GRID, torch.full_like(GRID, mean), deviation)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_the_masses_are_differences_of_the_distribution_function():
    x, mean, half = GRID[100], torch.tensor(0.1), levels.STEP / 2
    scale = math.exp(-2.0)
    by_hand = torch.sigmoid((x + half - mean) / scale) - torch.sigmoid((x - half - mean) / scale)
    got = levels.logistic_log_probability(x, mean, torch.tensor(-2.0)).exp()
    assert got.item() == pytest.approx(by_hand.item(), rel=1e-4)                         # by_hand loses digits
    normal = Normal(mean.double(), 0.2)
    by_torch = normal.cdf(x.double() + half) - normal.cdf(x.double() - half)
    got = levels.gaussian_log_probability(x, mean, 0.2).exp()
    assert got.item() == pytest.approx(by_torch.item(), rel=1e-6)


def test_the_end_levels_get_what_lies_beyond_them():
    # half the mass of a density at −1 is below it, and half a level's width above: σ(½ · 2/255 / s)
    lowest = levels.logistic_log_probability(torch.tensor(-1.0), torch.tensor(-1.0), torch.tensor(0.0)).exp()
    assert lowest.item() == pytest.approx(1 / (1 + math.exp(-1 / 255)), rel=1e-5)
    highest = levels.logistic_log_probability(torch.tensor(1.0), torch.tensor(50.0), torch.tensor(0.0))
    assert highest.item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("mean", [-1.5, 1.5])
def test_far_out_on_either_side_the_normal_mass_is_the_density_summed_up(mean):
    images, pieces = GRID[[40, 200]].double(), 2000                # down to 50 deviations away
    places = images[:, None] + levels.STEP * ((torch.arange(pieces) + 0.5) / pieces - 0.5)    # (2, pieces)
    density = Normal(mean, torch.tensor(0.05).double()).log_prob(places)
    summed = density.logsumexp(dim=1) + math.log(levels.STEP / pieces)
    got = levels.gaussian_log_probability(images, torch.full((2,), mean), 0.05)
    assert got.tolist() == pytest.approx(summed.tolist(), abs=1e-4)


@pytest.mark.parametrize("log_scale", [-7.0, -20.0])
def test_a_scale_below_that_at_which_a_level_has_nearly_all_counts_as_that(log_scale):
    on_level = math.tanh(math.exp(7) / 255 / 2)                    # σ(a) − σ(−a), a half a level at scale e⁻⁷: 97 %
    mean, scale = torch.full((40_000,), GRID[100].item()), torch.full((40_000,), log_scale)
    got = levels.logistic_log_probability(mean[:1], mean[:1], scale[:1]).exp()
    assert got.item() == pytest.approx(on_level, rel=1e-4)
    drawn = levels.draw_logistic(mean, scale, generator(0))
    share = ((drawn - mean).abs() < levels.STEP / 2).float().mean().item()
    assert share == pytest.approx(on_level, abs=4 * math.sqrt(on_level * (1 - on_level) / 40_000))


@pytest.mark.parametrize("log_scale", [-20.0, -7.0, 0.0, 5.0, 200.0])
def test_far_from_the_mean_the_logarithm_and_its_gradient_stay_finite(log_scale):
    mean = torch.full_like(GRID, 30.0).requires_grad_(True)
    scale = torch.full_like(GRID, log_scale).requires_grad_(True)
    log_p = levels.logistic_log_probability(GRID, mean, scale)
    log_p.sum().backward()
    assert log_p.isfinite().all() and mean.grad.isfinite().all() and scale.grad.isfinite().all()
    assert levels.gaussian_log_probability(GRID, mean.detach(), 0.01).isfinite().all()


def test_drawn_levels_come_as_often_as_the_mass_says():
    mean, log_scale = torch.full((40_000,), 0.98), torch.full((40_000,), -4.0)
    drawn = levels.draw_logistic(mean, log_scale, generator(0))
    share = (drawn > 1 - levels.STEP / 2).float().mean().item()
    expected = levels.logistic_log_probability(torch.tensor(1.0), mean[0], log_scale[0]).exp().item()
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 40_000))
    levels.check_on_grid(drawn)


def test_no_draw_is_rarer_than_one_in_a_million(monkeypatch):
    extremes = torch.tensor([0.0, 0.5, 1 - 2**-24])                # what `uniform` gives at least and at most
    monkeypatch.setattr(levels, "uniform", lambda shape, generator, device: extremes)
    drawn = levels.draw_logistic(torch.full((3,), 0.1), torch.full((3,), -3.0), generator(0))
    far = math.exp(-3) * math.log(1e6 - 1)                         # σ⁻¹ of one in a million: 0.69 away
    assert drawn.tolist() == pytest.approx([0.1 - far, 0.1, 0.1 + far], abs=levels.STEP)


def test_an_even_guess_costs_eight_bits():
    images = torch.zeros(2, 1, 4, 4)
    nats = torch.full((2,), 16 * math.log(256))
    torch.testing.assert_close(levels.bits_per_dimension(nats, images), torch.full((2,), 8.0))


# --- levels and numbers


def test_all_256_bytes_come_back_from_floats_also_in_half_precision():
    ids = torch.arange(256)
    assert torch.equal(levels.to_levels(GRID), ids) and torch.equal(levels.to_levels(GRID.half()), ids)
    assert torch.equal(levels.to_levels(levels.from_levels(ids)), ids)
    assert torch.equal(levels.from_levels(ids), to_float(ids.to(torch.uint8).view(1, 1, 16, 16)).flatten())
    assert levels.from_levels(torch.tensor([0, 255])).tolist() == [-1.0, 1.0]


def test_another_number_of_levels_is_spread_over_the_same_range():
    assert levels.from_levels(torch.arange(3), 3).tolist() == [-1.0, 0.0, 1.0]
    assert levels.to_levels(torch.tensor([1.0, -1.0, 0.0]), 3).tolist() == [2, 0, 1]
    assert levels.to_grid(torch.tensor([0.4, 0.6]), 3).tolist() == [0.0, 1.0]


def test_to_grid_gives_the_nearest_level_and_leaves_levels_alone():
    torch.testing.assert_close(levels.to_grid(GRID), GRID)
    above_the_middle = 0.5 * levels.STEP - 1 + 1e-4                # of the two lowest levels
    torch.testing.assert_close(levels.to_grid(torch.tensor([above_the_middle, 3.0])), GRID[[1, 255]])


def test_images_of_another_shape_or_type_or_out_of_range_are_refused():
    with pytest.raises(ShapeError, match="B 1 4 4|B, 1, 4, 4"):
        levels.check_images(torch.zeros(2, 4, 4), 1, 4)
    with pytest.raises(CourseError, match="from 0 to 255"):
        levels.check_images(torch.tensor([0.0, 255.0, 3.0, 4.0]).reshape(1, 1, 2, 2), 1, 2)
    levels.check_images(torch.tensor([-1.00009, 1.00009]).view(2, 1, 1, 1), 1, 1)         # what rounding may add
    for beyond in (-1.0002, 1.0002):
        with pytest.raises(CourseError, match=r"expected \[-1, 1\]"):
            levels.check_images(torch.full((1, 1, 1, 1), beyond), 1, 1)
    with pytest.raises(CourseError, match="uint8"):
        levels.check_images(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), 1, 2)
    with pytest.raises(CourseError, match="nan"):
        levels.check_images(torch.full((1, 1, 2, 2), math.nan), 1, 2)


@pytest.mark.parametrize("check", [levels.to_levels, levels.check_on_grid])
def test_numbers_that_are_no_level_are_refused(check):
    check(GRID + 0.03 * levels.STEP * (GRID < 0))
    for off in (0.05, 0.3, 0.5, -0.05):
        with pytest.raises(CourseError, match=r"between the 256 levels.*to_grid"):
            check(GRID[[7]] + off * levels.STEP)
    for wrong, said in ((torch.tensor([0.0, 255.0]), "to_float"), (torch.tensor([math.nan]), "nan")):
        with pytest.raises(CourseError, match=said):
            check(wrong)


# --- noise


class Drawing(torch.nn.Module):
    def loss(self, generator, images):
        return images.sum() + torch.rand((), generator=generator)


def test_a_drawn_loss_goes_on_with_the_same_numbers_after_a_restart():
    loss, batch = DrawnLoss(4), (torch.zeros(2),)
    loss(Drawing(), batch)
    kept = loss.state_dict()
    following = loss(Drawing(), batch).item()
    again = DrawnLoss(5)
    assert again(Drawing(), batch).item() != following
    again.load_state_dict(kept)
    assert again(Drawing(), batch).item() == following
