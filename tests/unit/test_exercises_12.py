"""The exercises of lesson 12 say what the course's own functions say, and what trusted libraries do."""

import copy
import math

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import nn

from course_utils.exercises.lesson12 import judging, playing, steadying
from course_utils.models import gan, toy_gan
from course_utils.seeding import generator


def test_the_best_loss_gives_scipys_divergence():
    real, fake = [0.7, 0.3, 0.0], [0.2, 0.4, 0.4]
    best, loss = judging.best_discriminator(real, fake)
    assert best == pytest.approx([7 / 9, 3 / 7, 0.0])
    assert math.log(2) - loss / 2 == pytest.approx(jensenshannon(real, fake) ** 2, abs=1e-9)


def test_no_other_discriminator_has_a_lower_loss():
    real, fake = [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]
    best, loss = judging.best_discriminator(real, fake)
    for place in range(4):
        for moved in (-0.02, 0.02):
            other = [value + moved * (place == number) for number, value in enumerate(best)]
            assert judging._loss(real, fake, other) > loss


def test_the_predicted_divergence_is_scipys():
    assert judging.HALF.reference == pytest.approx(jensenshannon([0.5, 0.5, 0.0], [0.0, 0.5, 0.5], base=2) ** 2)


def test_the_losses_are_those_of_the_course():
    real, fake = 3 * torch.randn(2, 50, generator=generator(1))
    critic, maker = judging.gan_losses(real, fake)
    assert torch.allclose(critic, gan.discriminator_loss(real, fake))
    assert torch.allclose(maker, gan.non_saturating_loss(fake))


def test_the_slopes_of_a_round_are_those_of_the_smallest_game():
    data = torch.tensor([-1.0, 0.5, 2.0])
    game = toy_gan.DiracGame(non_saturating=True)
    critic, maker = playing.slopes_of_a_round(0.7, -0.4, data, torch.zeros(3))
    assert critic == pytest.approx(game.discriminator_slope(0.7, -0.4, data), abs=1e-6)
    assert maker == pytest.approx(game.generator_slope(0.7, -0.4), abs=1e-6)


def test_the_debug_stub_sends_the_generator_away_from_the_data():
    real, noise = torch.full((4,), 2.0), torch.zeros(4)
    _, given = playing.TURNS.given()(0.0, 0.5, real, noise)  # the fakes at 0; a slope of 0.5 points to the data
    _, right = playing.slopes_of_a_round(0.0, 0.5, real, noise)
    assert right < 0 < given  # downhill is to the right, and not to the left


def test_the_penalty_is_that_of_the_course():
    network, points = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)), torch.ones(5, 3)
    assert torch.allclose(steadying.r1_penalty(network, points), gan.r1_penalty(network, points), atol=1e-6)


def test_power_iteration_ends_at_the_largest_singular_value():
    matrix = torch.randn(6, 4, generator=generator(2))
    found = steadying.spectral_norm(matrix, torch.ones(4), 200)
    assert found.item() == pytest.approx(torch.linalg.svdvals(matrix)[0].item(), rel=1e-5)


def test_the_average_is_that_of_the_course():
    weights = torch.randn(6, 3, generator=generator(3))
    layer = nn.Linear(3, 1, bias=False)
    layer.load_state_dict({"weight": weights[:1]})
    average = copy.deepcopy(layer)
    for row in weights[1:]:
        layer.load_state_dict({"weight": row[None]})
        gan.update_average(average, layer, 0.8)
    assert torch.allclose(playing.followed(weights, 0.8), average.weight[0], atol=1e-6)


def test_modes_are_counted_as_the_course_counts_them():
    ring = toy_gan.ring(8, deviation=0.1)
    points = torch.cat([ring.draw(300, generator(4))[:, :], torch.randn(100, 2, generator=generator(5))])
    points = points[points[:, 0] > -0.5]  # some modes are missing
    counted = toy_gan.mode_coverage(points, ring)
    found, near = playing.modes_found(points, ring.centres, 0.3, math.ceil(0.25 * len(points) / 8))
    assert (found, near) == (counted.found(), pytest.approx(counted.near))
    assert 0 < found < 8
