"""The references of lesson 13 agree with the course's own diffusion model, and the mistakes do not."""

import math

import pytest
import torch

from course_utils.exercises.lesson13.choosing import FEWEST, fewest_steps
from course_utils.exercises.lesson13.guiding import guided, velocity
from course_utils.exercises.lesson13.learning import BEST_GUESS, LOSS, best_guess, by_step, noise_loss
from course_utils.exercises.lesson13.noising import ALPHA_BAR, alpha_bar, q_sample
from course_utils.exercises.lesson13.stepping import DDIM, POSTERIOR, ddim_step, posterior
from course_utils.models import diffusion
from course_utils.seeding import generator


def doubles(*shape, seed=1):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def at(left: float) -> torch.Tensor:
    return torch.tensor(left, dtype=torch.float64)


@pytest.mark.parametrize("betas", [diffusion.cosine_betas(20), diffusion.linear_betas(50)])
def test_what_is_left_is_the_schedule_of_the_model(betas):
    torch.testing.assert_close(alpha_bar(betas), diffusion.Schedule(betas).alpha_bar)


@pytest.mark.parametrize("mistake", ALPHA_BAR.misconceptions, ids=lambda mistake: mistake.name)
def test_no_mistaken_one_is(mistake):
    betas = diffusion.cosine_betas(20)
    found, right = mistake.wrong(betas), diffusion.Schedule(betas).alpha_bar
    assert found.shape != right.shape or not torch.allclose(found, right)


def test_all_steps_in_one_are_those_of_the_model():
    image, noise = doubles(2, 3), doubles(2, 3, seed=2)
    torch.testing.assert_close(q_sample(image, noise, 0.3), diffusion.q_sample(image, noise, at(0.3)))


@pytest.mark.parametrize("case", [*POSTERIOR.cases, *POSTERIOR.hidden])
def test_two_facts_joined_are_the_formula_of_the_paper(case):
    noisy, clean, now, before = case.arguments()
    mean, variance = diffusion.posterior(at(noisy), at(clean), at(now), at(before))
    assert posterior(noisy, clean, now, before) == pytest.approx((mean.item(), variance.item()))


def test_the_posterior_is_what_simulated_steps_do():
    now, before, random = 0.5, 0.8, generator(1)
    start = torch.randn(400_000, generator=random, dtype=torch.float64)
    first = math.sqrt(before) * 0.7 + math.sqrt(1 - before) * start                     # from the image 0.7
    second = math.sqrt(now / before) * first + math.sqrt(1 - now / before) * torch.randn(
        len(first), generator=random, dtype=torch.float64
    )
    chosen = first[(second - 1.0).abs() < 0.05]                                         # those that came to about 1
    mean, variance = posterior(1.0, 0.7, now, before)
    assert chosen.mean().item() == pytest.approx(mean, abs=0.01)                        # 20,000 of them: error 0.002
    assert chosen.var().item() == pytest.approx(variance, abs=0.01)


def test_the_loss_is_that_of_a_loop_over_images():
    _, images, noise, steps, left = LOSS.cases[1].arguments()
    each = [
        (by_step(q_sample(images[i], noise[i], left[t].item())[None], steps[i : i + 1]) - noise[i]).square().mean()
        for i, t in enumerate(steps)
    ]
    assert noise_loss(by_step, images, noise, steps, left).item() == pytest.approx(torch.stack(each).mean().item())


def test_as_many_images_as_pixels_let_the_given_loss_run_and_come_out_wrong():
    _, images, noise, steps, left = LOSS.cases[1].arguments()
    square = slice(0, 3), slice(0, 3)
    given = LOSS.given()(by_step, images[square], noise[square], steps, left)
    assert given.item() != pytest.approx(noise_loss(by_step, images[square], noise[square], steps, left).item())


def test_the_best_guess_is_worked_out_by_hand():
    noisy, images = torch.tensor([[0.3]], dtype=torch.float64), torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    odds = math.exp(2 * 0.3 * math.sqrt(0.5) / 0.5)                                     # of 1 against −1
    assert best_guess(noisy, images, 0.5).item() == pytest.approx((odds - 1) / (odds + 1))


@pytest.mark.parametrize("mistake", BEST_GUESS.misconceptions[:-1], ids=lambda mistake: mistake.name)
def test_no_mistaken_guess_has_a_smaller_error(mistake):
    images, random, left = doubles(5, 2), generator(3), 0.4
    chosen = torch.randint(5, (20_000,), generator=random)
    noise = torch.randn(20_000, 2, generator=random, dtype=torch.float64)
    noisy = q_sample(images[chosen], noise, left)

    def error(guess):
        return (guess(noisy, images, left) - images[chosen]).square().mean().item()

    assert error(best_guess) < error(mistake.wrong)


@pytest.mark.parametrize("case", [*DDIM.cases, *DDIM.hidden])
def test_a_step_of_any_length_is_the_models(case):
    noisy, noise, now, before = case.arguments()
    clean = diffusion.clean_from_noise(noisy, noise, at(now))
    step = diffusion.ddim_step(noisy, clean, torch.zeros_like(noisy), at(now), at(before))
    torch.testing.assert_close(ddim_step(noisy, noise, now, before), step)


def test_guidance_is_the_models():
    one, other = doubles(3), doubles(3, seed=2)
    torch.testing.assert_close(guided(one, other, 2.5), diffusion.guided(one, other, 2.5))


def test_the_velocity_is_that_of_the_line_it_lies_on():
    image, noise, time = doubles(4), doubles(4, seed=2), 0.3
    torch.testing.assert_close(velocity((1 - time) * image + time * noise, noise, time), noise - image)


def test_the_fewest_steps_do_not_depend_on_the_order_they_were_measured_in():
    for case in (*FEWEST.cases, *FEWEST.hidden):
        (measured,) = case.arguments()
        assert fewest_steps(measured) == fewest_steps(dict(sorted(measured.items())))
