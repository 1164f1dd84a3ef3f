"""The game of a point and a slope, its cycles and their cure; mixtures, and which of their modes were found."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models import gan
from course_utils.models.toy_gan import (
    DiracGame,
    Mixture,
    ModeCoverage,
    PointDiscriminator,
    PointGANConfig,
    PointGenerator,
    ShiftedNoise,
    mode_coverage,
    pair,
    ring,
    sigmoid,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")
ZERO = torch.zeros(1)


def far(path: torch.Tensor) -> torch.Tensor:
    """(steps + 1,) how far (θ, ψ) is from the solution, (0, 0)."""
    return path.norm(dim=1)


# --- one point against one slope ----------------------------------------------------------------------


@pytest.mark.parametrize("non_saturating", [False, True])
def test_the_slopes_written_out_are_those_of_the_losses_of_real_gans(non_saturating):
    data, place = torch.tensor([-1.0, 0.5, 2.0]), torch.tensor([0.7, -0.4], requires_grad=True)
    point, slope = place
    game = DiracGame(r1=0.3, non_saturating=non_saturating)
    critic = gan.discriminator_loss(slope * data, slope * point) + 0.3 / 2 * gan.r1_penalty(lambda x: slope * x, data)
    loss = (gan.non_saturating_loss if non_saturating else gan.minimax_loss)(slope * point)
    (by_slope,), (by_point,) = (torch.autograd.grad(each, place, retain_graph=True) for each in (critic, loss))
    assert game.discriminator_slope(0.7, -0.4, data) == pytest.approx(by_slope[1].item(), abs=1e-6)
    assert game.generator_slope(0.7, -0.4) == pytest.approx(by_point[0].item(), abs=1e-6)


def test_the_first_steps_are_those_worked_out_by_hand():
    alternating = DiracGame(rate=0.2).path(ZERO, 1, (1.0, 0.0))[1]
    assert alternating[1].item() == pytest.approx(-0.1, abs=1e-6)                    # 0 − 0.2 · 1 · σ(0)
    assert alternating[0].item() == pytest.approx(1 - 0.02 / (1 + math.exp(0.1)), abs=1e-6)
    together = DiracGame(rate=0.2, alternate=False).path(ZERO, 1, (1.0, 0.0))[1]
    assert together.tolist() == pytest.approx([1.0, -0.1], abs=1e-6)                 # the generator saw ψ = 0: no slope


def test_in_turns_the_game_goes_round_and_never_arrives():
    path = DiracGame(rate=0.1).path(ZERO, 1000)
    assert far(path).min() > 0.8 and far(path).max() < 1.3
    angles = torch.atan2(path[:, 1], path[:, 0])
    turned = (angles.diff() + math.pi) % (2 * math.pi) - math.pi
    assert abs(turned.sum().item()) > 5 * 2 * math.pi                                # more than five times around
    assert (turned < 0).all() or (turned > 0).all()


def test_the_non_saturating_loss_spirals_inwards_but_slower_and_slower():
    distance = far(DiracGame(rate=0.1, non_saturating=True).path(ZERO, 4000))
    assert 0.5 > distance[1000] > 0.25                             # like 1/√t: four times the steps for half of it
    assert distance[4000] / distance[1000] == pytest.approx(0.5, abs=0.05)


def test_both_at_once_the_game_spirals_outwards_and_with_r1_it_arrives():
    outwards = far(DiracGame(rate=0.1, alternate=False).path(ZERO, 1000))
    assert outwards[-1] > 1.5 * outwards[0]
    for alternate in (True, False):
        assert far(DiracGame(rate=0.1, r1=1.0, alternate=alternate).path(ZERO, 1000))[-1] < 1e-3


def test_a_slope_is_content_with_the_mean_of_two_modes_where_there_is_no_data():
    path = DiracGame(rate=0.1, r1=1.0).path(torch.tensor([-1.0, 3.0]), 2000, (2.5, 0.0))
    assert path[-1].tolist() == pytest.approx([1.0, 0.0], abs=1e-3)


def test_a_sigmoid_does_not_overflow():
    assert [sigmoid(x) for x in (-2000.0, 0.0, 2000.0)] == [0.0, 0.5, 1.0]
    assert sigmoid(1.5) == pytest.approx(torch.sigmoid(torch.tensor(1.5)).item(), abs=1e-6)


# --- mixtures and modes -------------------------------------------------------------------------------


def test_the_ring_stands_where_it_should():
    four = ring(4, radius=2.0).centres
    wanted = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]])
    assert torch.allclose(four, wanted, atol=1e-6)
    assert pair(4.0).centres.tolist() == [[-2.0], [2.0]]
    assert torch.allclose(ring().centres.norm(dim=1), torch.ones(8), atol=1e-6) and ring().deviation == 0.05


def test_draws_have_the_mean_and_the_width_of_their_mixture():
    points = pair(2.0, 0.1).draw(4000, generator(1))
    assert points.shape == (4000, 1)
    assert abs(points.mean().item()) < 0.06
    assert (points.abs() - 1).std().item() == pytest.approx(0.1, rel=0.05)


def test_coverage_counts_the_points_within_three_deviations_of_their_centre():
    mixture = Mixture(torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), 1.0)
    points = torch.tensor([[0.0, 2.9], [0.0, 3.1], [10.0, 0.0], [9.0, 1.0], [5.0, 5.0]])
    found = mode_coverage(points, mixture)
    assert found.counts.tolist() == [1, 2, 0]
    assert found.covered == 2
    assert [found.found(share) for share in (0.25, 0.6, 0.61, 1.21)] == [2, 2, 1, 0]  # an even mode would have 5/3
    assert found.near == pytest.approx(3 / 5)
    assert found.entropy == pytest.approx(math.log2(3) - 2 / 3, abs=1e-6)            # of shares 1/3 and 2/3


def test_a_mode_counts_as_found_from_a_quarter_of_its_even_share():
    assert ModeCoverage(torch.tensor([1, 4, 7]), 12).found() == 3  # 1 of 4
    assert ModeCoverage(torch.tensor([1, 5, 7]), 13).found() == 2  # 1 of 4⅓


def test_the_mixtures_own_points_cover_it_and_a_collapsed_sample_does_not():
    whole = mode_coverage(ring().draw(4000, generator(2)), ring())
    assert whole.covered == 8
    assert whole.near == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert whole.entropy == pytest.approx(3, abs=0.01)
    one = mode_coverage(ring().centres[2:3].expand(50, 2), ring())
    assert (one.covered, one.near, one.entropy) == (1, 1.0, 0.0)
    none = mode_coverage(torch.zeros(5, 2), ring())
    assert (none.covered, none.near, none.entropy) == (0, 0.0, 0.0)


# --- players and errors -------------------------------------------------------------------------------


def test_small_players_fit_each_other_and_draw_the_same_again():
    config = PointGANConfig(dimensions=3, latent=2, width=4)
    drawn = PointGenerator(config, generator(1)).sample(5, generator(2))
    assert drawn.shape == (5, 3) and not drawn.requires_grad
    assert torch.equal(drawn, PointGenerator(config, generator(1)).sample(5, generator(2)))
    assert PointDiscriminator(config, generator(1))(drawn).shape == (5,)


def test_a_small_player_as_written_out():
    critic, points = PointDiscriminator(PointGANConfig(width=4), generator(1)), ring().draw(9, generator(2))
    first, second, last = (layer for layer in critic.body if hasattr(layer, "weight"))

    def bent(x):
        return torch.where(x > 0, x, 0.2 * x)

    assert torch.allclose(critic(points), last(bent(second(bent(first(points))))).squeeze(1), atol=1e-6)


def test_weights_of_small_players_are_drawn_for_bends_that_take_half_the_power_away():
    weight = PointGenerator(PointGANConfig(latent=8, width=512), generator(1)).body[0].weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 8), rel=0.05)         # 4,096 weights


def test_codes_are_standard_normal_and_not_only_as_wide():
    codes = ShiftedNoise(torch.zeros(3)).latents(4000, generator(1))                 # (4000, 3)
    assert codes.mean().item() == pytest.approx(0, abs=0.04) and codes.std().item() == pytest.approx(1, abs=0.03)
    far = math.erfc(2 / math.sqrt(2))                              # beyond two deviations: 4.6 %
    assert (codes.abs() > 2).double().mean().item() == pytest.approx(far, abs=4 * math.sqrt(far / 12_000))


def test_a_small_start_shrinks_the_first_points_and_nothing_else():
    wide, close = (PointGenerator(PointGANConfig(start=start), generator(1)) for start in (1.0, 0.1))
    assert torch.allclose(close.sample(50, generator(2)), 0.1 * wide.sample(50, generator(2)), atol=1e-6)


def test_shifted_noise_stands_where_it_was_put():
    points = ShiftedNoise(torch.tensor([3.0]), 0.1).sample(2000, generator(1))
    assert points.mean().item() == pytest.approx(3, abs=0.01)
    assert points.std().item() == pytest.approx(0.1, rel=0.05)


def test_shifted_noise_that_moves_leaves_its_start_alone():
    start = torch.tensor([3.0])
    ours = ShiftedNoise(start)
    with torch.no_grad():
        ours.place.add_(1)
    assert (start.item(), ours.place.item()) == (3, 4)


def test_bad_points_and_mixtures_are_refused():
    with pytest.raises(ShapeError, match="points"):
        mode_coverage(torch.zeros(4, 1), ring())
    with pytest.raises(CourseError, match="no points"):
        mode_coverage(torch.zeros(0, 2), ring())
    with pytest.raises(CourseError, match="deviation is 0"):
        ring(deviation=0)
    with pytest.raises(ShapeError, match="centres"):
        Mixture(torch.zeros(3), 1.0)
    with pytest.raises(ShapeError, match="data"):
        DiracGame().path(torch.zeros(2, 2), 3)
