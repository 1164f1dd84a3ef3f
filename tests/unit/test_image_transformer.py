"""The decoder over pixels: probabilities that sum to 1 over all images, its cache, its classes, its errors."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models import image_transformer
from course_utils.models.fast_pixels import PixelSampler
from course_utils.models.image_levels import from_levels, to_levels
from course_utils.models.image_transformer import ImageTransformer, ImageTransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.training import FitConfig, fit, training_flops

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = ImageTransformerConfig(size=4, levels=8, width=8, heads=2, layers=2, inner=12)
SMALLEST = replace(TINY, size=2, levels=3, classes=2)


def model(config=TINY) -> ImageTransformer:
    return ImageTransformer(config, generator(1)).eval()


def images(count: int = 3, config=TINY, seed: int = 2) -> torch.Tensor:
    ids = torch.randint(config.levels, (count, 1, config.size, config.size), generator=generator(seed))
    return from_levels(ids, config.levels)


def every_image(config) -> torch.Tensor:
    """All V^N of them."""
    ids = torch.tensor(list(itertools.product(range(config.levels), repeat=config.pixels)))
    return from_levels(ids, config.levels).view(-1, 1, config.size, config.size)


# --- likelihood -----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, -1, 0, 1])
def test_the_probabilities_of_all_images_sum_to_1(label):
    every = every_image(SMALLEST)                                  # 3⁴ = 81
    labels = None if label is None else torch.full((len(every),), label)
    bits = model(SMALLEST).bits_per_dim(every, labels)
    assert (2 ** (-bits.double() * SMALLEST.pixels)).sum().item() == pytest.approx(1, abs=1e-5)


def test_bits_per_dim_are_the_loss_in_other_units_one_number_an_image():
    ours, batch = model(), images(5)
    bits = ours.bits_per_dim(batch)
    assert bits.shape == (5,)
    with torch.no_grad():
        assert bits.mean().item() == pytest.approx(ours(batch)[1].item() / math.log(2), abs=1e-5)
        logits = ours(batch)[0][3]                                 # (N, V)
    chosen = logits.log_softmax(-1)[torch.arange(16), to_levels(batch[3], 8).flatten()]
    assert bits[3].item() == pytest.approx(-chosen.sum().item() / 16 / math.log(2), abs=1e-5)


def test_levels_that_are_all_alike_cost_log2_of_their_number():
    ours = model(replace(TINY, levels=256))
    with torch.no_grad():
        ours.decoder.embedding.weight.zero_()
    assert torch.allclose(ours.bits_per_dim(images(2, ours.config)), torch.tensor(8.0), atol=1e-5)


def test_no_pixel_sees_itself_or_what_comes_after_it():
    ours, batch = model(), images(1)
    changed = batch.clone()
    changed[0, 0, 1, 2] = -changed[0, 0, 1, 2]                     # pixel 6
    with torch.no_grad():
        before, after = ours(batch)[0][0], ours(changed)[0][0]
    assert torch.equal(before[:7], after[:7])
    assert (before[7:] - after[7:]).abs().amax(dim=-1).min() > 1e-6


def test_each_position_is_told_the_row_and_column_that_it_predicts():
    ours = model().decoder
    with torch.no_grad():
        told = ours.embed(torch.zeros(1, 16, dtype=torch.long))[0] - ours.embedding.weight[0]
    assert torch.allclose(told[6], ours.row.weight[1] + ours.column.weight[2], atol=1e-6)
    with torch.no_grad():
        later = ours.embed(torch.zeros(1, 2, dtype=torch.long), first=6)[0] - ours.embedding.weight[0]
    assert torch.allclose(later, told[6:8], atol=1e-6)


# --- drawing --------------------------------------------------------------------------------------


def test_with_a_cache_it_draws_the_images_that_it_draws_without():
    ours, chance = model(), torch.rand(3, TINY.pixels, generator=generator(5))
    text = ours.starts(3, None)
    for pixel in range(TINY.pixels):                               # all read again for each pixel
        with torch.no_grad():
            ends = ours.level_logits(text)[:, -1].softmax(-1).cumsum(-1)
        text = torch.cat([text, (ends <= chance[:, pixel, None]).sum(dim=1, keepdim=True)], dim=1)
    drawn = ours.sample(3, generator(5))
    assert drawn.shape == (3, 1, 4, 4)
    assert torch.equal(to_levels(drawn, 8).flatten(1), text[:, 1:])


def test_an_image_does_not_depend_on_how_many_are_drawn_with_it():
    ours = model()
    assert torch.equal(ours.sample(5, generator(5))[:2], ours.sample(2, generator(5)))


def test_a_level_is_the_piece_on_which_the_number_falls_and_the_last_where_rounding_leaves_none():
    pieces, chance = torch.tensor([[0.25, 0.0, 0.5, 0.2499]]).repeat(5, 1), torch.tensor([0, 0.2, 0.25, 0.75, 0.99999])
    assert image_transformer.level_at(pieces, chance[:, None])[:, 0].tolist() == [0, 0, 2, 3, 3]


def test_images_are_drawn_as_often_as_their_probability_says():
    ours, every = model(SMALLEST), every_image(SMALLEST)
    drawn = to_levels(ours.sample(4000, generator(3)), 3).flatten(1) @ torch.tensor([27, 9, 3, 1])
    shares = torch.bincount(drawn, minlength=81) / 4000
    expected = 2 ** (-ours.bits_per_dim(every) * 4)
    statistic = (4000 * (shares - expected).square() / expected).sum().item()
    assert statistic < 125                                         # χ² of 80 degrees of freedom: 0.1 % lie above 124.8


def test_more_images_than_one_pass_takes_are_drawn_in_several(monkeypatch):
    monkeypatch.setattr(image_transformer, "IMAGES_A_PASS", 2)
    ours = model()
    drawn = ours.sample(5, generator(5))
    assert drawn.shape == (5, 1, 4, 4)
    whole = ours.bits_per_dim(drawn)
    assert torch.allclose(whole[4], ours.bits_per_dim(drawn[4:])[0], atol=1e-6)


def test_a_completion_keeps_the_rows_above_and_draws_those_below():
    ours, batch = model(), images()
    done = ours.complete(batch, 2, generator(5))
    assert torch.equal(done[:, :, :2], batch[:, :, :2])
    assert not torch.equal(done[:, :, 2:], batch[:, :, 2:])
    assert torch.equal(ours.complete(batch, 4, generator(5)), batch)
    assert torch.equal(ours.complete(batch, 0, generator(5)), ours.sample(3, generator(5)))


# --- classes, training, errors --------------------------------------------------------------------


def test_a_class_changes_what_is_likely_and_minus_one_is_no_class():
    ours, batch = model(replace(TINY, classes=3)), images()
    bits = [ours.bits_per_dim(batch, torch.full((3,), label)) for label in (-1, 0, 2)]
    assert torch.equal(bits[0], ours.bits_per_dim(batch))
    assert (bits[1] - bits[2]).abs().min() > 1e-6 and (bits[1] - bits[0]).abs().min() > 1e-6
    both = ours.bits_per_dim(batch, torch.tensor([-1, 0, 2]))
    assert torch.allclose(both, torch.stack([bits[i][i] for i in range(3)]), atol=1e-6)


def test_fit_teaches_it_to_draw_what_it_was_shown():
    shown = from_levels(torch.tensor([[0, 1, 2, 0]]), 3).view(1, 1, 2, 2)
    other = from_levels(torch.tensor([[2, 0, 1, 1]]), 3).view(1, 1, 2, 2)
    batch = torch.cat([shown, other]), torch.tensor([0, 1])
    ours = model(SMALLEST)
    fit(ours, lambda step: batch, FitConfig(steps=60, learning_rate=2e-2))
    assert ours.bits_per_dim(*batch).max() < 0.1
    drawn = ours.sample(20, generator(1), torch.tensor([0, 1] * 10))
    agree = (drawn == batch[0].repeat(10, 1, 1, 1)).flatten(1).all(dim=1)
    assert agree.sum() >= 17


def test_the_model_of_the_lesson_has_a_million_parameters_give_or_take_a_tenth():
    ours = ImageTransformer(ImageTransformerConfig(), generator(1))
    attention, feed_forward = 4 * (128 * 128 + 128), 128 * 640 + 640 + 640 * 128 + 128
    counted = 257 * 128 + 2 * 28 * 128 + 4 * (attention + feed_forward + 4 * 128) + 2 * 128
    assert ours.parameter_count == counted
    assert 900_000 <= counted <= 1_100_000
    assert training_flops(ours, 784) == 3 * 784 * ours.flops_per_token(784)


def test_wrong_shapes_labels_and_rows_are_refused():
    ours = model()
    with pytest.raises(ShapeError, match="images"):
        ours(torch.zeros(2, 3, 4, 4))
    with pytest.raises(CourseError, match="0 classes"):
        ours.bits_per_dim(images(), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ShapeError, match="labels"):
        model(SMALLEST).sample(3, generator(1), torch.zeros(2, dtype=torch.long))
    with pytest.raises(CourseError, match="rows is 5"):
        ours.complete(images(), 5, generator(1))
    with pytest.raises(CourseError, match="size"):
        ImageTransformerConfig(size=0)
    with pytest.raises(CourseError, match="heads"):
        model(replace(TINY, heads=3))


def test_no_images_at_all_are_refused_as_by_the_other_families():
    with pytest.raises(CourseError, match="0 images were asked for; expected 1 or more"):
        model().sample(0, generator(1))


# --- many images at once ----------------------------------------------------------------------------


def test_reading_pixel_by_pixel_into_one_place_says_what_reading_all_at_once_says():
    ours = model()
    ids = torch.cat([ours.starts(3, None), torch.randint(0, 8, (3, 15), generator=generator(3))], dim=1)
    sampler = PixelSampler(ours.decoder, 3)
    one_by_one = torch.stack([sampler.read(ids[:, pixel]) for pixel in range(16)], dim=1)
    at_once, _ = ours.decoder.run(ids)
    assert torch.allclose(one_by_one, at_once, atol=1e-5)
