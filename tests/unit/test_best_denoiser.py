"""The best denoiser of a finite set of images: by hand, by its limits, and by being the best."""

import math

import pytest
import torch

from course_utils.exercises.lesson13.learning import BEST_GUESS
from course_utils.exercises.lesson13.learning import best_guess as by_the_exercise
from course_utils.models.best_denoiser import best_guess
from course_utils.models.diffusion import q_sample
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
NOISY = torch.randn(6, 2, generator=generator(1), dtype=torch.float64)


def test_between_two_numbers_the_odds_are_worked_out_by_hand():
    two = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    odds = math.exp(2 * 0.3 * math.sqrt(0.5) / 0.5)
    guess = best_guess(torch.tensor([[0.3]], dtype=torch.float64), two, 0.5)
    assert guess.item() == pytest.approx((odds - 1) / (odds + 1))


def test_with_next_to_no_noise_it_is_the_image_and_with_nothing_left_the_mean_of_all():
    torch.testing.assert_close(best_guess(IMAGES * math.sqrt(0.9999), IMAGES, 0.9999), IMAGES)
    mean = IMAGES.mean(dim=0).expand(6, 2)
    torch.testing.assert_close(best_guess(NOISY, IMAGES, 1e-12), mean, atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", BEST_GUESS.cases)
def test_it_is_what_the_exercise_asks_for(case):
    torch.testing.assert_close(best_guess(*case.arguments()), by_the_exercise(*case.arguments()))


def test_each_noisy_image_may_have_a_level_of_its_own():
    left = torch.tensor([[0.1], [0.5], [0.9], [0.3], [0.7], [0.99]], dtype=torch.float64)
    rows = [best_guess(NOISY[i : i + 1], IMAGES, left[i].item()) for i in range(6)]
    torch.testing.assert_close(best_guess(NOISY, IMAGES, left), torch.cat(rows))


def test_nothing_that_is_a_little_otherwise_has_a_smaller_error():
    random, left = generator(3), 0.4
    chosen = IMAGES[torch.randint(3, (20_000,), generator=random)]
    noisy = q_sample(chosen, torch.randn(20_000, 2, generator=random, dtype=torch.float64), torch.tensor(left))
    best = best_guess(noisy, IMAGES, left)
    others = [best_guess(noisy, IMAGES, wrong) for wrong in (0.3, 0.5)]
    for other in (0.95 * best, 1.05 * best, best + 0.05, *others):
        assert (best - chosen).square().mean() < (other - chosen).square().mean()


def test_points_of_another_space_are_refused():
    with pytest.raises(ShapeError):
        best_guess(torch.zeros(2, 3), IMAGES, 0.5)
