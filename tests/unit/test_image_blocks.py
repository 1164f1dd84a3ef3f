"""Blocks and U-Net: shapes, what they start as, what steers them, and what they refuse."""

import pytest
import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models import image_blocks
from course_utils.models.image_blocks import Downsample, PlaceAttention, ResidualBlock, Upsample, ZeroConv
from course_utils.models.layers import sinusoidal
from course_utils.models.unet import EMOJI, UNet, UNetConfig, time_code
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

TINY = UNetConfig(size=8, widths=(8, 16), heads=2, steering=16, condition=5)


def drawn(model, seed=0):
    image_blocks.draw_weights(model, generator(seed))
    return model


def disturbed(model, seed=3):
    """With nothing left at 0, as after training."""
    random = generator(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=random))
    return model


def some(*shape, seed=1):
    return torch.randn(*shape, generator=generator(seed))


def unit_rows(rows, width, seed=2):
    return functional.normalize(some(rows, width, seed=seed), dim=1)


def test_a_residual_block_starts_as_the_identity_and_a_wider_one_as_its_skip():
    x = some(2, 8, 6, 6)
    assert torch.equal(drawn(ResidualBlock(8, 8))(x), x)
    wider = drawn(ResidualBlock(8, 16))
    assert torch.equal(wider(x), wider.skip(x)) and wider(x).shape == (2, 16, 6, 6)


def test_the_vector_scales_and_shifts_each_channel_worked_out_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])                                      # (1, 2, 1, 2)
    out = image_blocks.modulate(x, torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, -1.0]]))
    assert out.tolist() == [[[[2.5, 4.5]], [[2.0, 3.0]]]]


def test_a_steered_block_listens_to_the_vector_and_misses_it():
    block, x = disturbed(drawn(ResidualBlock(8, 8, steering=4))), some(2, 8, 6, 6)
    assert not torch.allclose(block(x, some(2, 4)), block(x, some(2, 4, seed=9)))
    with pytest.raises(CourseError, match="takes a vector of width 4; got None"):
        block(x)
    with pytest.raises(CourseError, match="takes no vector"):
        drawn(ResidualBlock(8, 8))(x, some(2, 4))


def test_attention_reaches_from_corner_to_corner_where_a_convolution_does_not():
    attention, x = disturbed(drawn(PlaceAttention(8, 2))), some(1, 8, 7, 7)
    x.requires_grad_(True)
    attention(x)[0, :, 0, 0].sum().backward()
    assert x.grad[0, :, 6, 6].abs().max() > 0
    with pytest.raises(CourseError, match="3 heads"):
        PlaceAttention(8, 3)


def test_maps_are_halved_and_doubled_and_odd_ones_refused():
    x = some(2, 4, 6, 8)
    assert drawn(Downsample(4, 8))(x).shape == (2, 8, 3, 4)
    assert drawn(Upsample(4, 2))(x).shape == (2, 2, 12, 16)
    with pytest.raises(CourseError, match="7 × 7"):
        Downsample(4, 8)(some(1, 4, 7, 7))


def test_patches_move_pixels_into_channels_and_back():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    patches = image_blocks.to_patches(x, 2)
    assert patches[0, :, 0, 0].tolist() == [0.0, 1.0, 4.0, 5.0] and patches.shape == (1, 4, 2, 2)
    assert torch.equal(image_blocks.from_patches(patches, 2), x)
    with pytest.raises(CourseError, match="sides that 3 divides"):
        image_blocks.to_patches(x, 3)


def test_a_drawn_layer_keeps_the_size_of_what_goes_in_and_zero_layers_start_at_zero():
    convolution = drawn(torch.nn.Conv2d(32, 64, 3))
    assert convolution(some(8, 32, 8, 8)).std().item() == pytest.approx(1, abs=0.05)     # of 18,432 drawn weights
    assert drawn(ZeroConv(4, 4, 3)).weight.abs().max() == 0


def test_the_code_of_a_time_is_the_sinusoidal_code_of_that_position():
    code = time_code(torch.tensor([0.0, 0.003, 1.0]), 8)
    expected = sinusoidal(1001, 8)[[0, 3, 1000]]                                          # sines even, cosines odd
    torch.testing.assert_close(code, torch.cat([expected[:, ::2], expected[:, 1::2]], dim=1), atol=1e-4, rtol=0)


def test_the_default_unet_has_a_million_parameters_and_starts_at_zero():
    model = UNet(UNetConfig(), generator(0))
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(1e6, rel=0.1)
    images = some(2, 1, 28, 28)
    assert torch.equal(model(images, torch.tensor([0.0, 1.0])), torch.zeros_like(images))


def test_the_emoji_unet_reads_four_channels_and_a_sentence():
    model = UNet(EMOJI, generator(0))
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
