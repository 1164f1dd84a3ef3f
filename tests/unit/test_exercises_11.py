"""The references of lesson 11 agree with what the course's own modules do, and with trusted libraries."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from course_utils.exercises.lesson11.bounds import BOUND, ELBO, elbo, importance_bound
from course_utils.exercises.lesson11.gradients import FLIPS, flip_gradient
from course_utils.exercises.lesson11.levels import level_masses
from course_utils.exercises.lesson11.normals import DIVERGENCE, DRAW, normal_divergence, reparameterise
from course_utils.exercises.lesson11.training import LOSS, UNITS, count_active, vae_loss
from course_utils.images.pixels import LEVELS, STEP
from course_utils.models import vae
from course_utils.models.image_levels import from_levels, logistic_log_probability
from course_utils.seeding import generator

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("mean", "log_scale"), [(0.0, -2.0), (-1.0, -4.0), (0.93, -1.0)])
def test_the_masses_of_levels_are_those_that_the_models_are_scored_by(mean, log_scale):
    values = from_levels(torch.arange(LEVELS))
    mean, log_scale = torch.full((LEVELS,), mean), torch.full((LEVELS,), log_scale)
    theirs = logistic_log_probability(values, mean, log_scale).exp()
    ours = level_masses(values, STEP, float(mean[0]), math.exp(float(log_scale[0])))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-3)   # differences of sigmoids lose digits


def test_the_bound_and_its_gap_make_up_the_truth_on_three_values():
    prior, likelihood, guess = ELBO.cases[1].arguments()
    evidence = (prior * likelihood).sum()
    gap = (guess * (guess / (prior * likelihood / evidence)).log()).sum()
    assert float(sum(elbo(prior, likelihood, guess)) - gap) == pytest.approx(-math.log(float(evidence)), abs=1e-5)


def test_the_bound_of_the_true_posterior_has_no_gap():
    prior, likelihood, _ = ELBO.cases[1].arguments()
    posterior = prior * likelihood / (prior * likelihood).sum()
    truth = -math.log(float((prior * likelihood).sum()))
    assert float(sum(elbo(prior, likelihood, posterior))) == pytest.approx(truth, abs=1e-5)


@pytest.mark.parametrize("case", [*DIVERGENCE.cases, *DIVERGENCE.hidden])
def test_the_divergence_of_two_normals_is_that_of_torch(case):
    mean, log_variance, other_mean, other_log_variance = case.arguments()
    one, other = Normal(mean, (log_variance / 2).exp()), Normal(other_mean, (other_log_variance / 2).exp())
    torch.testing.assert_close(normal_divergence(*case.arguments()), kl_divergence(one, other).sum(dim=1))


def test_against_the_standard_normal_it_is_that_of_the_model():
    mean, log_variance, *_ = DIVERGENCE.cases[1].arguments()
    zeros = torch.zeros(mean.shape[1])
    ours = normal_divergence(mean, log_variance, zeros, zeros)
    torch.testing.assert_close(ours, vae.kl_to_standard_normal(mean, log_variance).sum(dim=1))


def test_the_draw_is_that_of_the_model():
    mean, log_variance, _ = DRAW.cases[1].arguments()
    noise = torch.randn(mean.shape, generator=generator(7))
    torch.testing.assert_close(
        reparameterise(mean, log_variance, noise), vae.reparameterise(mean, log_variance, generator(7))
    )


def test_the_gradient_through_the_draw_reaches_the_mean_and_the_log_variance():
    mean, log_variance, noise = (value.requires_grad_() for value in DRAW.cases[1].arguments())
    reparameterise(mean, log_variance, noise).sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones_like(mean))
    torch.testing.assert_close(log_variance.grad, noise.detach() * (log_variance.detach() / 2).exp() / 2)


def exact_slope(logit):
    """Of E[f(b)] = f(0) + p (f(1) − f(0)) with f(0) = 2, f(1) = 5, by autograd."""
    logit = torch.tensor(logit, requires_grad=True)
    (2 + 3 * torch.sigmoid(logit)).backward()
    return float(logit.grad)


def mean_estimate(estimate, logit):
    """The exact mean of an estimate over both sides of the coin."""
    logit = torch.tensor(logit)
    p = torch.sigmoid(logit)
    each = estimate(torch.tensor([2.0, 5.0]), torch.tensor([0.0, 1.0]), logit)
    return float((torch.stack([1 - p, p]) * each).sum())


@pytest.mark.parametrize("logit", [-1.5, 0.0, 2.0])
def test_the_estimate_for_flips_is_right_on_average(logit):
    assert mean_estimate(flip_gradient, logit) == pytest.approx(exact_slope(logit), abs=1e-5)


@pytest.mark.parametrize("mistake", FLIPS.misconceptions, ids=lambda mistake: mistake.name)
def test_no_mistaken_estimate_is_right_on_average(mistake):
    assert mean_estimate(mistake.wrong, 2.0) != pytest.approx(exact_slope(2.0), abs=1e-3)


@pytest.mark.parametrize("case", [*LOSS.cases, *LOSS.hidden])
def test_the_loss_is_the_mean_of_the_courses_bound(case):
    log_probability, divergence = case.arguments()
    bound = vae.Elbo(-log_probability.flatten(1).sum(dim=1), divergence)
    torch.testing.assert_close(vae_loss(log_probability, divergence), bound.nats.mean())


@pytest.mark.parametrize("case", [*UNITS.cases, *UNITS.hidden])
def test_active_units_are_counted_as_the_course_does(case):
    assert count_active(*case.arguments()) == vae.active_units(*case.arguments())


def test_the_tighter_bound_is_that_of_numbers_that_need_no_logarithms():
    log_weights = BOUND.cases[1].arguments()[0].double()
    torch.testing.assert_close(importance_bound(log_weights), -log_weights.exp().mean(dim=0).log())


def test_one_draw_gives_the_weight_itself():
    torch.testing.assert_close(importance_bound(torch.tensor([[-3.0, 2.0]])), torch.tensor([3.0, -2.0]))
