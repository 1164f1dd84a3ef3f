"""The blocks of image networks: shapes, what they start as, what steers them, and what they refuse."""

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models import image_blocks
from course_utils.models.image_blocks import Downsample, PlaceAttention, ResidualBlock, Upsample, ZeroConv
from course_utils.seeding import generator
from tests.support.untrained import disturbed, some

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(model, seed=0):
    image_blocks.draw_weights(model, generator(seed))
    return model


def test_a_residual_block_starts_as_the_identity_and_a_wider_one_as_its_skip():
    x = some(2, 8, 6, 6)
    assert torch.equal(drawn(ResidualBlock(8, 8))(x), x)
    wider = drawn(ResidualBlock(8, 16))
    assert torch.equal(wider(x), wider.skip(x)) and wider(x).shape == (2, 16, 6, 6)


def test_the_vector_scales_and_shifts_each_channel_worked_out_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])                                      # (1, 2, 1, 2)
    out = image_blocks.modulate(x, torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, -1.0]]))
    assert out.tolist() == [[[[2.5, 4.5]], [[2.0, 3.0]]]]


def bent(x):
    return x * x.sigmoid()                                         # SiLU


def test_a_residual_block_as_written_out():
    block, x, vector = disturbed(drawn(ResidualBlock(8, 12, steering=4))), some(2, 8, 5, 7), some(2, 4, seed=9)
    scale, shift = block.steer(bent(vector))[..., None, None].split(12, dim=1)            # (2, 12, 1, 1) each
    inner = block.second_norm(block.first(bent(block.first_norm(x)))) * (1 + scale) + shift
    torch.testing.assert_close(block(x, vector), block.skip(x) + block.second(bent(inner)), atol=1e-5, rtol=1e-5)


def test_a_steered_block_listens_to_the_vector_and_misses_it():
    block, x = disturbed(drawn(ResidualBlock(8, 8, steering=4))), some(2, 8, 6, 6)
    assert not torch.allclose(block(x, some(2, 4)), block(x, some(2, 4, seed=9)))
    with pytest.raises(CourseError, match="vector is None; this block expects a vector of width 4"):
        block(x)
    with pytest.raises(CourseError, match="this block expects no vector"):
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
    for high, wide in ((7, 7), (6, 7), (7, 6)):
        with pytest.raises(CourseError, match=f"{high} × {wide}"):
            Downsample(4, 8)(some(1, 4, high, wide))


def test_patches_move_pixels_into_channels_and_back():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    patches = image_blocks.to_patches(x, 2)
    assert patches[0, :, 0, 0].tolist() == [0.0, 1.0, 4.0, 5.0] and patches.shape == (1, 4, 2, 2)
    assert torch.equal(image_blocks.from_patches(patches, 2), x)
    with pytest.raises(CourseError, match="sides that 3 divides"):
        image_blocks.to_patches(x, 3)
    wide = torch.arange(16.0).reshape(1, 1, 2, 8)                  # 0 to 7 above 8 to 15: height is not width
    patches = image_blocks.to_patches(wide, 2)
    assert patches.shape == (1, 4, 1, 4) and patches[0, :, 0, 1].tolist() == [2.0, 3.0, 10.0, 11.0]
    assert torch.equal(image_blocks.from_patches(patches, 2), wide)
    for refused in (wide, wide.transpose(2, 3)):                   # one side fits, the other does not
        with pytest.raises(CourseError, match="sides that 4 divides"):
            image_blocks.to_patches(refused, 4)


def test_a_drawn_layer_keeps_the_size_of_what_goes_in_and_zero_layers_start_at_zero():
    convolution = drawn(torch.nn.Conv2d(32, 64, 3))
    assert convolution(some(8, 32, 8, 8)).std().item() == pytest.approx(1, abs=0.05)     # of 18,432 drawn weights
    assert drawn(ZeroConv(4, 4, 3)).weight.abs().max() == 0


def test_groups_are_eight_or_as_many_as_fit():
    assert [image_blocks.group_norm(channels).num_groups for channels in (64, 8, 12, 4, 3)] == [8, 8, 4, 4, 1]


def test_a_halving_looks_at_every_second_place_and_a_doubling_repeats_each():
    halve, double = Downsample(1, 1), Upsample(1, 1)
    with torch.no_grad():
        for layer in (halve, double):                              # the middle of the 3 × 3 alone, times 1
            layer.convolution.weight.copy_(torch.eye(3)[1].outer(torch.eye(3)[1]).view(1, 1, 3, 3))
            layer.convolution.bias.zero_()
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.equal(halve(x), x[:, :, ::2, ::2])
    assert double(x)[0, 0, :2, :4].tolist() == [[0.0, 0.0, 1.0, 1.0]] * 2


def test_attention_mixes_places_by_softmax_as_written_out():
    attention, x = disturbed(drawn(PlaceAttention(8, 2))), some(2, 8, 3, 4)
    places = attention.inputs(attention.norm(x)).flatten(2)                               # (2, 24, 12)
    query, key, value = (part.unflatten(1, (2, 4)) for part in places.split(8, dim=1))   # (2, heads, 4, 12) each
    weights = (query.transpose(2, 3) @ key / 2).softmax(dim=-1)                          # (2, heads, 12, 12), √4 is 2
    mixed = (weights @ value.transpose(2, 3)).transpose(2, 3).reshape(2, 8, 3, 4)
    torch.testing.assert_close(attention(x), x + attention.output(mixed), atol=1e-5, rtol=1e-5)
