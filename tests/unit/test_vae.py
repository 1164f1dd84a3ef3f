"""The VAE: its formulas by hand, against torch.distributions and against integrals; its bound; what it refuses."""

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from course_utils.errors import CourseError
from course_utils.models.drawn import DrawnLoss
from course_utils.models.image_blocks import to_patches
from course_utils.models.image_levels import check_on_grid, from_levels, logistic_log_probability
from course_utils.models.vae import (
    VAE,
    Elbo,
    VAEConfig,
    active_units,
    kl_to_standard_normal,
    normal_log_density,
    reparameterise,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.training import FitConfig, fit
from tests.support.untrained import disturbed, some
from tools.verified import Verified

TOLERANCE = 1e-5
VERIFIES = [Verified("11", "the KL divergence, and the density of a row", "`torch.distributions`", TOLERANCE)]

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = VAEConfig(size=8, latent=3, encoder_widths=(8, 8), decoder_widths=(8, 8, 8))


def trained(config=TINY) -> VAE:
    return disturbed(VAE(config, generator(0)))


def images(count: int = 5, size: int = 8, seed: int = 2) -> torch.Tensor:
    """Dark above and bright below, with noise, on the grid."""
    noise = torch.randint(0, 60, (count, 1, size, size), generator=generator(seed))
    return from_levels(noise + torch.linspace(0, 195, size).long()[:, None])


# --- the KL divergence ----------------------------------------------------------------------------


def hand_worked_divergences(divergence) -> None:
    means, variances = torch.tensor([[0.0, 1.0], [0.0, -2.0]]), torch.tensor([[1.0, 1.0], [4.0, 0.25]])
    # ½ (μ² + σ² − 1 − ln σ²): 0; ½ · 1; ½ (3 − ln 4); ½ (4 − ¾ + ln 4)
    expected = torch.tensor([[0.0, 0.5], [0.5 * (3 - math.log(4)), 0.5 * (3.25 + math.log(4))]])
    torch.testing.assert_close(divergence(means, variances.log()), expected)


def test_the_divergence_of_four_latent_numbers_by_hand():
    hand_worked_divergences(kl_to_standard_normal)


def test_the_divergence_is_that_of_torch():
    mean, log_variance = some(4, 6), some(4, 6, seed=2)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), theirs, atol=TOLERANCE, rtol=TOLERANCE)


def reading_variances(mean, log_variance):
    return kl_to_standard_normal(mean, log_variance.exp())


def reading_log_deviations(mean, log_variance):
    return kl_to_standard_normal(mean, 2 * log_variance)


def with_the_wrong_sign(mean, log_variance):
    return -kl_to_standard_normal(mean, log_variance)


def with_the_logarithm_added(mean, log_variance):
    return kl_to_standard_normal(mean, log_variance) + log_variance


def without_the_half(mean, log_variance):
    return 2 * kl_to_standard_normal(mean, log_variance)


@pytest.mark.parametrize(
    "wrong",
    [reading_variances, reading_log_deviations, with_the_wrong_sign, with_the_logarithm_added, without_the_half],
)
def test_the_divergences_by_hand_notice_a_wrong_formula(wrong):
    with pytest.raises(AssertionError):
        hand_worked_divergences(wrong)


# --- the draw -------------------------------------------------------------------------------------


def moments(draw) -> None:
    """Of 20,000 draws from N(3, 0.25) and N(−1, 4): mean and deviation within 4 standard errors."""
    count, variance = 20_000, torch.tensor([0.25, 4.0])
    mean, deviation = torch.tensor([3.0, -1.0]), variance.sqrt()
    drawn = draw(mean.expand(count, 2), variance.log().expand(count, 2), generator(0))
    assert ((drawn.mean(dim=0) - mean).abs() < 4 * deviation / math.sqrt(count)).all()
    assert ((drawn.std(dim=0) - deviation).abs() < 4 * deviation / math.sqrt(2 * count)).all()


def test_what_is_drawn_has_the_mean_and_the_deviation():
    moments(reparameterise)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda mean, log_variance, random: reparameterise(mean, 2 * log_variance, random),          # σ² for σ
        lambda mean, log_variance, random: reparameterise(mean, log_variance.exp(), random),        # σ² for ln σ²
        lambda mean, log_variance, random: reparameterise(mean, log_variance, random) - mean,
    ],
)
def test_the_moments_notice_a_wrong_deviation_and_a_missing_mean(wrong):
    with pytest.raises(AssertionError):
        moments(wrong)


def test_a_gradient_goes_through_the_draw_to_the_mean_and_the_log_variance():
    mean, log_variance = some(4, 3).requires_grad_(True), some(4, 3, seed=2).requires_grad_(True)
    drawn = reparameterise(mean, log_variance, generator(5))
    drawn.sum().backward()
    assert torch.equal(mean.grad, torch.ones(4, 3))
    torch.testing.assert_close(log_variance.grad, (drawn - mean).detach() / 2)           # ∂z/∂ln σ² = ½ σ ε
    noise = torch.randn(4, 3, generator=generator(5))
    torch.testing.assert_close(drawn, mean + (log_variance / 2).exp() * noise)


def test_the_log_density_of_a_row_is_that_of_torch_summed():
    x, mean, log_variance = some(4, 6), some(4, 6, seed=2), some(4, 6, seed=3)
    theirs = Normal(mean, (log_variance / 2).exp()).log_prob(x).sum(dim=1)
    torch.testing.assert_close(normal_log_density(x, mean, log_variance), theirs, atol=TOLERANCE, rtol=TOLERANCE)


# --- the bound ------------------------------------------------------------------------------------


def hand_worked_bounds(bound=lambda elbo, beta, free: elbo.weighted(beta, free)) -> None:
    elbo = Elbo(torch.tensor([10.0, 14.0]), torch.tensor([[0.0, 1.0], [1.0, 3.0]]))      # mean KL: ½ and 2
    assert elbo.nats.tolist() == [11.0, 18.0]
    assert bound(elbo, 1.0, 0.0).item() == pytest.approx(12 + 2.5)
    assert bound(elbo, 4.0, 0.0).item() == pytest.approx(12 + 10)
    assert bound(elbo, 1.0, 0.8).item() == pytest.approx(12 + 0.8 + 2)
    assert bound(elbo, 2.0, 3.0).item() == pytest.approx(12 + 2 * 6)


def test_beta_and_free_nats_by_hand():
    hand_worked_bounds()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda elbo, beta, free: elbo.reconstruction.mean() + beta * elbo.kl.mean(),                 # mean for sum
        lambda elbo, beta, free: elbo.nats.sum(),                                                    # sum for mean
        lambda elbo, beta, free: elbo.reconstruction.mean() + beta * elbo.kl.clamp(min=free).mean(dim=0).sum(),
        lambda elbo, beta, free: elbo.reconstruction.mean() + beta * elbo.kl.sum(dim=1).mean().clamp(min=free),
        lambda elbo, beta, free: beta * elbo.reconstruction.mean() + elbo.weighted(1, free) - 12,
    ],
)
def test_the_bounds_by_hand_notice_sums_for_means_and_a_floor_in_the_wrong_place(wrong):
    with pytest.raises(AssertionError):
        hand_worked_bounds(wrong)


def test_what_is_free_has_no_gradient():
    mean = torch.tensor([[0.1, 2.0]], requires_grad=True)
    Elbo(torch.zeros(1), kl_to_standard_normal(mean, torch.zeros(1, 2))).weighted(1.0, 0.5).backward()
    assert mean.grad.tolist() == [[0.0, 2.0]]


def test_the_bound_of_the_model_is_made_of_one_draw_and_the_divergence():
    model, batch = trained(), images()
    mean, log_variance = model.encode(batch)
    latent = reparameterise(mean, log_variance, generator(4))
    pixels = logistic_log_probability(batch, *model.decode(latent))                      # (5, 1, 8, 8)
    elbo = model.elbo(batch, generator(4))
    torch.testing.assert_close(elbo.reconstruction, -pixels.sum(dim=(1, 2, 3)))
    torch.testing.assert_close(elbo.kl, kl_to_standard_normal(mean, log_variance))
    nats = -pixels.sum(dim=(1, 2, 3)) + kl_to_standard_normal(mean, log_variance).sum(dim=1)
    torch.testing.assert_close(model.loss(generator(4), batch), nats.mean() / 64)


def test_beta_of_the_config_weighs_the_divergence_in_the_loss():
    batch = images()
    plain, double, none = (trained(replace(TINY, beta=beta)).loss(generator(4), batch) for beta in (1, 2, 0))
    divergence = trained().elbo(batch, generator(4)).kl.sum(dim=1).mean() / 64
    torch.testing.assert_close(double - plain, divergence)
    torch.testing.assert_close(plain - none, divergence)


def test_the_levels_of_a_pixel_have_probabilities_that_sum_to_1():
    mean, log_scale = trained().decode(some(3, 3))
    grid = from_levels(torch.arange(256)).view(256, 1, 1, 1, 1)
    mass = logistic_log_probability(*(x.expand(256, 3, 1, 8, 8) for x in (grid, mean, log_scale))).exp().sum(dim=0)
    torch.testing.assert_close(mass, torch.ones(3, 1, 8, 8), atol=1e-4, rtol=0)          # 256 float32 masses


# --- nearer to the likelihood ---------------------------------------------------------------------

ONE = replace(TINY, latent=1)                                      # so that p(x) can be integrated over z


def integrated_nats(model: VAE, batch: torch.Tensor) -> torch.Tensor:
    """(B,) −ln ∫ p(z) p(x|z) dz by the rectangle rule from z = −8 to 8, in steps of 0.008."""
    latent = torch.linspace(-8, 8, 2001)[:, None]
    with torch.no_grad():
        mean, log_scale = model.decode(latent)                                           # (2001, 1, 8, 8)
    pixels = [logistic_log_probability(image.expand_as(mean), mean, log_scale).sum(dim=(1, 2, 3)) for image in batch]
    prior = Normal(0.0, 1.0).log_prob(latent[:, 0])
    return -(torch.stack(pixels) + prior).logsumexp(dim=1) - math.log(16 / 2000)


def draws_of_the_bound(model: VAE, image: torch.Tensor, draws: int, count: int) -> torch.Tensor:
    """(count,) bounds of one image (1, C, H, W), each with its own draws."""
    return model.importance_bound(image.expand(count, -1, -1, -1), draws, generator(7))


def test_the_bound_with_one_draw_is_the_elbo_on_the_mean():
    model, image = trained(), images(1)
    repeated = image.expand(4000, -1, -1, -1)
    with torch.no_grad():
        gap = model.importance_bound(repeated, 1, generator(7)) - model.elbo(repeated, generator(7)).nats
    assert abs(gap.mean().item()) < 4 * gap.std().item() / math.sqrt(4000)
    assert gap.std() > 0.01                                        # they differ draw by draw


def test_the_bound_comes_down_to_the_integral_as_more_are_drawn():
    model, image = trained(ONE), images(1)
    truth = integrated_nats(model, image).item()
    means = []
    for draws, count in ((1, 2000), (4, 1000), (256, 20)):
        bounds = draws_of_the_bound(model, image, draws, count)
        means.append(bounds.mean().item())
        assert means[-1] > truth - 4 * bounds.std().item() / math.sqrt(count)
    assert means[0] > means[1] + 0.01 > means[2] + 0.02
    assert means[2] == pytest.approx(truth, abs=0.05)


def test_the_weights_of_the_bound_are_right_for_every_single_draw():
    """exp(−bound) is unbiased: its mean over draws of one is p(x), and not so without prior or posterior."""
    model, image = trained(ONE), images(1)
    truth = integrated_nats(model, image).item()
    shares = (truth - draws_of_the_bound(model, image, 1, 4000)).exp()
    assert shares.mean().item() == pytest.approx(1, abs=4 * shares.std().item() / math.sqrt(4000))


def test_bits_are_the_bound_over_the_numbers_of_an_image_and_repeat():
    model, batch = trained(), images()
    nats = model.importance_bound(batch, 16, generator(0))
    torch.testing.assert_close(model.bits_per_dim(batch), nats / (64 * math.log(2)))
    assert torch.equal(model.bits_per_dim(batch), model.bits_per_dim(batch))
    assert not torch.equal(model.bits_per_dim(batch), model.bits_per_dim(batch, generator=generator(1)))
    assert not model.bits_per_dim(batch, 2).requires_grad


# --- the networks and what is drawn -------------------------------------------------------------------


def test_the_decoder_of_the_default_has_a_million_parameters():
    model = VAE(VAEConfig(), generator(0))
    assert sum(weight.numel() for weight in model.decoder.parameters()) == pytest.approx(1e6, rel=0.1)
    mean, log_variance = model.encode(torch.zeros(2, 1, 28, 28))
    assert mean.shape == log_variance.shape == (2, 64)
    assert [part.shape for part in model.decode(mean)] == [(2, 1, 28, 28)] * 2


def bent(x):
    return x * x.sigmoid()                                         # SiLU


def test_the_encoder_and_the_decoder_as_written_out():
    model, batch, latent = trained(), images(2), some(2, 3)
    encoder, decoder = model.encoder, model.decoder
    x = encoder.smaller(encoder.first(encoder.read(to_patches(batch, 2))))               # (2, 8, 2, 2)
    x = encoder.thin(bent(encoder.norm(encoder.second(x))))
    both = encoder.output(x.flatten(1))                                                  # (2, 6)
    torch.testing.assert_close(model.encode(batch), (both[:, :3], both[:, 3:]), atol=1e-5, rtol=1e-5)
    x = decoder.larger(decoder.first(decoder.read(latent).view(2, 8, 2, 2)))             # (2, 8, 4, 4)
    x = decoder.third(decoder.largest(decoder.second(x)))                                # (2, 8, 8, 8)
    both = decoder.write(bent(decoder.norm(x)))                                          # (2, 2, 8, 8)
    torch.testing.assert_close(model.decode(latent), (both[:, :1], both[:, 1:]), atol=1e-5, rtol=1e-5)


def test_every_weight_learns():
    model = trained()
    model.loss(generator(4), images()).backward()
    assert [name for name, weight in model.named_parameters() if not weight.grad.abs().max() > 0] == []


def test_the_same_seed_gives_the_same_weights_and_the_same_loss():
    seeds = ((0, 4), (0, 4), (1, 4), (0, 5))
    losses = [VAE(TINY, generator(seed)).loss(generator(draw), images()) for seed, draw in seeds]
    assert losses[0] == losses[1] != losses[2] and losses[0] != losses[3]


def test_an_image_is_encoded_on_its_own():
    model, batch = trained(), images()
    torch.testing.assert_close(model.encode(batch)[0][3:4], model.encode(batch[3:4])[0], atol=1e-5, rtol=1e-5)


def test_a_sample_is_the_decoders_mean_at_a_point_of_the_prior():
    model = trained()
    latent = torch.randn(6, 3, generator=generator(8))
    sample = model.sample(6, generator(8))
    torch.testing.assert_close(sample, model.decode(latent)[0].clamp(-1, 1))
    assert sample.shape == (6, 1, 8, 8) and not sample.requires_grad
    assert not torch.equal(sample, model.sample(6, generator(9)))


def test_a_draw_is_on_the_levels_and_as_often_as_the_likelihood_says():
    """The share of draws whose pixel is darker than the middle, an edge of two levels, against the integral over z."""
    model, latent = trained(ONE), torch.linspace(-8, 8, 801)[:, None]
    drawn = model.draw(3000, generator(8))
    check_on_grid(drawn)
    assert drawn.shape == (3000, 1, 8, 8)
    mean, log_scale = (part[:, 0, 1, 2] for part in model.decode(latent))                # (801,)
    darker = torch.sigmoid(-mean * (-log_scale).exp())                                   # P(pixel < 0 | z)
    expected = (Normal(0.0, 1.0).log_prob(latent[:, 0]).softmax(dim=0) * darker).sum().item()
    share = (drawn[:, 0, 1, 2] < 0).float().mean().item()
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 3000))
    assert 0.05 < expected < 0.95


def test_units_that_vary_from_image_to_image_are_active():
    means = torch.tensor([[0.0, 1.0, 0.1], [0.0, 3.0, -0.1]])      # variances 0, 2 and 0.02
    assert active_units(means) == 2 and active_units(means, least=0.03) == 1 and active_units(means, least=3) == 0
    assert active_units(torch.full((5, 4), 9.0)) == 0              # far from 0, but the same for every image
    with pytest.raises(CourseError, match="2 or more"):
        active_units(means[:1])
    with pytest.raises(ShapeError, match="means"):
        active_units(means[0])


# --- what is refused ------------------------------------------------------------------------------


def test_images_that_are_no_images_are_refused():
    model = trained()
    for use in (model.encode, model.bits_per_dim, lambda batch: model.loss(generator(0), batch)):
        with pytest.raises(ShapeError, match=r"images should have shape \(B, 1, 8, 8\)"):
            use(from_levels(torch.zeros(2, 1, 4, 4)))
        with pytest.raises(CourseError, match="uint8"):
            use(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
        with pytest.raises(CourseError, match="go from 0 to 255"):
            use(torch.tensor([0.0, 255.0]).repeat(32).view(1, 1, 8, 8))
    with pytest.raises(CourseError, match="between the 256 levels"):
        model.bits_per_dim(torch.zeros(2, 1, 8, 8))                # 0 is level 127.5


def test_latents_draws_and_numbers_of_images_that_do_not_fit_are_refused():
    model = trained()
    with pytest.raises(ShapeError, match=r"latent should have shape \(B, 3\)"):
        model.decode(torch.zeros(2, 4))
    with pytest.raises(CourseError, match="draws is 0"):
        model.bits_per_dim(images(), 0)
    for make in (model.sample, model.draw):
        with pytest.raises(CourseError, match="n is 0"):
            make(0, generator(0))
    with pytest.raises(ShapeError, match=r"mean is \(2, 3\), log_variance \(2, 4\)"):
        kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ShapeError, match="mean should have shape"):
        reparameterise(torch.zeros(3), torch.zeros(3), generator(0))


@pytest.mark.parametrize("sizes", [{"size": 30}, {"size": 0}, {"latent": 0}, {"beta": -1.0}, {"free_nats": -0.1}])
def test_sizes_that_make_no_model_are_refused(sizes):
    with pytest.raises(CourseError, match="expected"):
        VAEConfig(**sizes)


# --- it learns ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_in_a_hundred_steps_it_says_more_of_images_it_has_not_seen_than_a_guess():
    model = VAE(replace(TINY, latent=2), generator(0))
    losing, seen, unseen = DrawnLoss(3), images(512, seed=10), images(64, seed=11)
    before = model.bits_per_dim(unseen).mean().item()
    fit(model, lambda step: (seen[step * 64 % 512 :][:64],), FitConfig(steps=100, learning_rate=1e-2), loss=losing)
    after = model.bits_per_dim(unseen).mean().item()
    print(f"bits for each number: {before:.2f} before, {after:.2f} after; the noise alone has {math.log2(60):.2f}")
    assert math.log2(60) < after < 6.5 < 8 < before
