"""The U-Net: shapes, what it starts as, what steers it, what goes around its smallest map, and what it refuses."""

import pytest
import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.image_blocks import from_patches, to_patches
from course_utils.models.layers import sinusoidal
from course_utils.models.unet import UNet, UNetConfig, time_code
from course_utils.recipes.emoji import CONFIG
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from tests.support.untrained import disturbed, some

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = UNetConfig(size=8, widths=(8, 16), heads=2, steering=16, condition=5)


def unit_rows(rows, width, seed=2):
    return functional.normalize(some(rows, width, seed=seed), dim=1)


def test_the_code_of_a_time_is_the_sinusoidal_code_of_that_position():
    code = time_code(torch.tensor([0.0, 0.003, 1.0]), 8)
    expected = sinusoidal(1001, 8)[[0, 3, 1000]]                                          # sines even, cosines odd
    torch.testing.assert_close(code, torch.cat([expected[:, ::2], expected[:, 1::2]], dim=1), atol=1e-4, rtol=0)


def test_the_vector_of_time_and_condition_as_written_out():
    steering, time, condition = disturbed(UNet(TINY, generator(0))).steering, torch.tensor([0.1, 0.7]), unit_rows(2, 5)
    inner = steering.first(time_code(time, 16)) + condition @ steering.condition.weight.T
    expected = steering.second(inner * inner.sigmoid())
    torch.testing.assert_close(steering(time, condition), expected, atol=1e-5, rtol=1e-5)


def test_the_way_down_and_up_again_as_written_out():
    model, images, time = disturbed(UNet(TINY, generator(0))), some(2, 1, 8, 8), torch.tensor([0.1, 0.9])
    vector = model.steering(time, None)
    seen = model.down[0](model.read(to_patches(images, 2)), vector)                       # (2, 8, 4, 4)
    lowest = model.before(model.smaller[0](seen), vector)                                 # (2, 16, 2, 2)
    larger = model.larger[0](model.after(model.attention(lowest), vector))
    last = model.norm(model.up[0](torch.cat([larger, seen], dim=1), vector))
    expected = from_patches(model.write(last * last.sigmoid()), 2)
    torch.testing.assert_close(model(images, time), expected, atol=1e-5, rtol=1e-5)


def test_the_default_unet_has_a_million_parameters_and_starts_at_zero():
    model = UNet(UNetConfig(), generator(0))
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(1e6, rel=0.1)
    images = some(2, 1, 28, 28)
    assert torch.equal(model(images, torch.tensor([0.0, 1.0])), torch.zeros_like(images))


def test_the_emoji_unet_reads_four_channels_and_a_sentence():
    model = UNet(CONFIG.network, generator(0))
    assert model(some(2, 4, 32, 32), torch.ones(2), unit_rows(2, 384)).shape == (2, 4, 32, 32)


def test_the_same_seed_gives_the_same_weights_and_another_others():
    first, same, other = (UNet(TINY, generator(seed)).read.weight for seed in (0, 0, 1))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_time_and_condition_change_the_result_and_no_condition_is_a_row_of_zeros():
    model, images = disturbed(UNet(TINY, generator(0))), some(2, 1, 8, 8)
    early, late = torch.full((2,), 0.1), torch.full((2,), 0.9)
    condition = unit_rows(2, 5)
    assert not torch.allclose(model(images, early), model(images, late))
    assert not torch.allclose(model(images, early), model(images, early, condition))
    torch.testing.assert_close(model(images, early), model(images, early, torch.zeros(2, 5)))


def test_each_image_is_read_on_its_own():
    model, images, time = disturbed(UNet(TINY, generator(0))), some(3, 1, 8, 8), torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(model(images, time)[1:2], model(images[1:2], time[1:2]), atol=1e-5, rtol=1e-5)


def test_every_weight_learns():
    model = disturbed(UNet(TINY, generator(0)))
    model(some(2, 1, 8, 8), torch.tensor([0.2, 0.8]), unit_rows(2, 5)).square().sum().backward()
    assert [name for name, weight in model.named_parameters() if not weight.grad.abs().max() > 0] == []


def test_what_does_not_fit_is_refused():
    model = UNet(UNetConfig(size=8, widths=(8, 16), heads=2, steering=16), generator(0))
    with pytest.raises(ShapeError, match="images"):
        model(some(2, 1, 28, 28), torch.ones(2))
    with pytest.raises(ShapeError, match="time"):
        model(some(2, 1, 8, 8), torch.ones(3))
    with pytest.raises(CourseError, match="no condition"):
        model(some(2, 1, 8, 8), torch.ones(2), unit_rows(2, 5))
    with pytest.raises(ShapeError, match="condition"):
        UNet(TINY, generator(0))(some(2, 1, 8, 8), torch.ones(2), unit_rows(2, 6))
    with pytest.raises(CourseError, match="multiple of 8"):
        UNetConfig(size=28, widths=(8, 16, 32))
    with pytest.raises(CourseError, match="3 heads"):
        UNet(UNetConfig(size=8, widths=(8, 16), heads=3), generator(0))


@pytest.mark.parametrize("widths, patch", [((8,), 1), ((8, 16), 1), ((8, 12, 16), 2), ((8, 8, 8, 8), 1)])
def test_a_ladder_of_any_length_gives_back_the_shape(widths, patch):
    model = disturbed(UNet(UNetConfig(channels=3, size=16, widths=widths, patch=patch, steering=16), generator(0)))
    assert model(some(2, 3, 16, 16), torch.tensor([0.1, 0.9])).shape == (2, 3, 16, 16)


def test_detail_goes_around_the_smallest_map():
    model = disturbed(UNet(TINY, generator(0)))
    model.smaller[0].register_forward_hook(lambda module, given, made: torch.zeros_like(made))
    first, second = (model(some(1, 1, 8, 8, seed=seed), torch.tensor([0.5])) for seed in (1, 2))
    assert (first - second).abs().max() > 0.1


def test_each_rung_up_gets_what_the_rung_down_of_its_size_saw():
    model, seen, got = disturbed(UNet(UNetConfig(size=16, widths=(8, 16, 24), heads=2), generator(0))), [], []
    for block in model.down:
        block.register_forward_hook(lambda module, given, made: seen.append(made))
    for block in model.up:
        block.register_forward_hook(lambda module, given, made: got.append(given[0][:, given[0].shape[1] // 2 :]))
    model(some(1, 1, 16, 16), torch.tensor([0.5]))
    assert all(torch.equal(*pair) for pair in zip(seen, reversed(got), strict=True)) and len(seen) == 2


def test_a_condition_of_length_one_steers_as_strongly_as_the_time():
    model = UNet(CONFIG.network, generator(0))
    told = model.steering.condition(unit_rows(50, 384))
    assert told.std().item() == pytest.approx(1, rel=0.05)
