"""Weights of few bits: what is stored, how far a weight moves, and what it costs when the scales are too few."""

import copy

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.fast import FastDecoder, quantised
from course_utils.models.lora import add_lora
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.quantization import (
    RoundedGroups,
    RoundedRows,
    in_groups,
    matrices,
    pack,
    quantize,
    quantized,
    rounded_bytes,
    stored_bytes,
    unpack,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

LAYERS = ("query", "key", "value", "output", "gate", "up", "down")


def small_model(**changes) -> Transformer:
    sizes = {"vocabulary_size": 40, "context": 16, "width": 32, "heads": 4, "layers": 2, "inner": 48}
    return Transformer(TransformerConfig(**(sizes | LLAMA | changes)), generator(0))


def some_weights(rows: int = 6, columns: int = 64, seed: int = 1) -> torch.Tensor:
    return torch.randn(rows, columns, generator=generator(seed))


def some_ids() -> torch.Tensor:
    return torch.randint(40, (4, 12), generator=generator(2))


def scales_of_each(rounded: RoundedRows | RoundedGroups, columns: int) -> torch.Tensor:
    """(out, in) the scale that each weight was rounded with."""
    if isinstance(rounded, RoundedRows):
        return rounded.scale.float()[:, None].expand(-1, columns)
    return rounded.scale.float().repeat_interleave(rounded.group, dim=1)[:, :columns]


# --- bytes ----------------------------------------------------------------------------------------


def test_two_nibbles_share_a_byte_the_first_in_its_lower_half():
    numbers = torch.tensor([1, 15, 0, 9, 5], dtype=torch.uint8)
    assert pack(numbers, 4).tolist() == [1 + 16 * 15, 0 + 16 * 9, 5]


def test_eight_numbers_of_three_bits_fill_three_bytes():
    numbers = torch.tensor([7, 0, 0, 0, 0, 0, 0, 5], dtype=torch.uint8)
    assert pack(numbers, 3).tolist() == [7, 0, 5 * 32]             # the last takes bits 21 to 23 of 24


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("count", [0, 1, 7, 8, 101])
def test_what_is_packed_can_be_unpacked(bits, count):
    numbers = torch.randint(2**bits, (count,), generator=generator(bits), dtype=torch.uint8)
    packed = pack(numbers, bits)
    assert len(packed) == -(-count * bits // 8)
    assert torch.equal(unpack(packed, bits, count), numbers)


# --- one matrix -----------------------------------------------------------------------------------


def test_eight_bits_by_hand():
    rounded = quantize(torch.tensor([[127.0, -64.4, 0.4], [0.5, 0.0, -0.25]]), 8)
    assert rounded.scale.tolist() == [1.0, torch.tensor(0.5 / 127).bfloat16().item()]
    assert rounded.numbers.tolist() == [[127, -64, 0], [127, 0, -64]]    # −0.25 is −63.5 scales, or just beyond
    assert rounded.dequantized()[0].tolist() == [127.0, -64.0, 0.0]


def test_eight_bits_are_those_of_the_fast_path():
    weight = some_weights()
    numbers, scale = quantised(weight)
    rounded = quantize(weight, 8)
    assert torch.equal(rounded.numbers, numbers) and torch.equal(rounded.scale, scale)


def test_four_bits_in_groups_by_hand():
    rounded = quantize(torch.tensor([[-1.0, 6.5, 0.2, 3.6, 30.0, 1.2]]), 4, group=4)
    assert rounded.minimum.tolist() == [[-1.0, 0.0]]               # over zero where all are above it
    assert rounded.scale.tolist() == [[0.5, 2.0]]                  # 7.5 / 15 and 30 / 15
    # in scales from the minimum: 0, 15, 2.4, 9.2 and 15, 0.6
    assert unpack(rounded.packed, 4, 6).tolist() == [0, 15, 2, 9, 15, 1]
    assert rounded.dequantized().tolist() == [[-1.0, 6.5, 0.0, 3.5, 30.0, 2.0]]


def test_two_bits_leave_four_levels():
    rounded = quantize(some_weights(1, 64), 2)
    assert len(rounded.dequantized().unique()) == 4


def test_a_group_of_zeros_stays_zero():
    assert quantize(torch.zeros(2, 6), 4, 3).dequantized().eq(0).all()
    assert quantize(torch.zeros(2, 6), 8).dequantized().eq(0).all()


@pytest.mark.parametrize(("bits", "group"), [(8, None), (7, 32), (4, 32), (4, 5), (4, None), (3, 100), (2, 1)])
@pytest.mark.parametrize("offset", [0.0, 3.0, -3.0])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e4])
def test_no_weight_moves_by_more_than_half_a_scale(bits, group, offset, size):
    weight = size * (some_weights() + offset)
    rounded = quantize(weight, bits, group)
    error = (weight - rounded.dequantized()).abs() / scales_of_each(rounded, 64)
    assert error.max() <= 0.5 * (1 + 1e-4)                         # what float32 itself rounds
    assert error.max() > 0.3 or group == 1                         # it is a scale, and no larger one than needed


@pytest.mark.parametrize("bits", [7, 4])
def test_weights_far_from_zero_move_by_no_more_than_half_a_scale_either(bits):
    weight = 1000 + some_weights()                                 # in bfloat16 1001 is 1000: steps of 4
    rounded = quantize(weight, bits, 32)
    assert rounded.minimum.eq(0).all()
    assert ((weight - rounded.dequantized()).abs() / scales_of_each(rounded, 64)).max() <= 0.5 * (1 + 1e-4)


def test_more_bits_and_smaller_groups_both_bring_the_weights_closer():
    weight = some_weights(32, 128)

    def mean_error(bits, group=None):
        return (weight - quantize(weight, bits, group).dequantized()).abs().mean().item()

    assert mean_error(2) > 1.5 * mean_error(3) > 1.5**2 * mean_error(4) > 1.5**3 * mean_error(5) > mean_error(8)
    assert mean_error(4, 128) > 1.1 * mean_error(4, 32) > 1.1**2 * mean_error(4, 8)


def test_one_scale_for_a_matrix_with_a_large_row_crushes_the_others_one_a_row_does_not():
    weight = some_weights(4, 64)
    weight[0] *= 1000
    others = weight[1:]
    together = quantize(weight.reshape(1, -1), 8).dequantized().view(4, 64)[1:]
    by_row = quantize(weight, 8).dequantized()[1:]
    assert together.eq(0).all()                                    # all fall onto the level zero
    assert (others - by_row).norm() < 0.01 * others.norm()


def test_a_large_weight_spoils_its_own_group_alone():
    weight = some_weights(1, 64)
    weight[0, 0] = 100.0
    rest = slice(32, 64)                                           # the second group
    alone, whole = quantize(weight, 4, 32).dequantized(), quantize(weight, 4).dequantized()
    error = {"groups": (weight - alone)[0, rest].norm(), "row": (weight - whole)[0, rest].norm()}
    assert error["groups"] < 0.15 * weight[0, rest].norm() < 0.5 * error["row"]


@pytest.mark.parametrize(("bits", "group"), [(4, 32), (3, 16)])
def test_rounding_again_to_the_same_levels_changes_nothing_to_wider_groups_it_does(bits, group):
    once = quantize(some_weights(), bits, group).dequantized()
    assert torch.allclose(quantize(once, bits, group).dequantized(), once, atol=1e-6)
    again = quantize(once, bits, 2 * group).dequantized()
    assert (again - once).norm() > 0.03 * once.norm()


def test_a_group_that_does_not_divide_the_row_leaves_a_short_one_at_its_end():
    weight = some_weights(2, 10)
    assert in_groups(weight, 4).shape == (2, 3, 4)
    ends, rounded = quantize(weight[:, 8:].contiguous(), 4, 4), quantize(weight, 4, 4)
    assert torch.equal(rounded.dequantized()[:, 8:], ends.dequantized())
    assert rounded.dequantized().shape == (2, 10)


@pytest.mark.parametrize(("bits", "group"), [(8, None), (4, 32), (4, 7), (4, None), (3, 64), (5, 1000)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (6, 64), (7, 33)])
def test_the_bytes_worked_out_are_the_bytes_that_are_stored(bits, group, shape):
    assert quantize(some_weights(*shape), bits, group).nbytes == rounded_bytes(*shape, bits, group)


def test_bytes_by_hand():
    assert rounded_bytes(10, 64, 8) == 10 * 64 + 10 * 2
    assert rounded_bytes(10, 64, 4, 32) == 10 * 64 / 2 + 10 * 2 * (2 + 2)      # 5 bits a weight, all in all
    assert rounded_bytes(10, 64, 4) == 10 * 64 / 2 + 10 * (2 + 2)
    assert rounded_bytes(3, 5, 3, 4) == 6 + 3 * 2 * 4                          # 45 bits fill 6 bytes


# --- a decoder ------------------------------------------------------------------------------------


def test_the_linear_layers_are_rounded_and_nothing_else():
    model = small_model()
    before = copy.deepcopy(model.state_dict())
    after = quantized(model, 4, 16).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[-2] for name in changed} == set(LAYERS) and len(changed) == 2 * len(LAYERS)
    name = "blocks.1.feed_forward.up.weight"
    assert torch.equal(after[name], quantize(before[name], 4, 16).dequantized())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_ends_are_an_option():
    tied, untied = small_model(), small_model(tied=False)
    assert set(matrices(untied, embedding=True)) - set(matrices(untied)) == {"embedding", "output"}
    assert set(matrices(tied, embedding=True)) - set(matrices(tied)) == {"embedding"}
    rounded = quantized(tied, 8, embedding=True)
    assert torch.equal(rounded.embedding.weight, quantize(tied.embedding.weight, 8).dequantized())


def test_learned_positions_are_left_alone():
    assert "position" not in matrices(small_model(position="learned"), embedding=True)


def test_eight_bits_hardly_change_what_a_decoder_says_and_two_do():
    model = small_model()
    exact = model(some_ids())[0]
    moved = {bits: (quantized(model, bits)(some_ids())[0] - exact).norm() / exact.norm() for bits in (8, 4, 2)}
    assert moved[8] < 0.02 < moved[4] < moved[2]


def test_rounded_to_eight_bits_it_says_what_the_fast_path_says():
    model, ids = small_model(), some_ids()[0]
    fast = FastDecoder(model, "int8").logits(ids)
    rounded = quantized(model, 8, embedding=True)
    rounded.embedding.weight.data = model.embedding.weight.data    # the fast path looks ids up in the exact one
    head = quantize(model.embedding.weight, 8).dequantized()
    ours = rounded.stream(ids[None])[0][0] @ head.T
    assert torch.allclose(ours, fast, atol=0.03 * fast.abs().max().item())     # its inputs are bfloat16


def test_stored_bytes_by_hand():
    model = small_model(layers=1)
    weights = 4 * 32 * 32 + 3 * 32 * 48                            # attention; gate, up and down
    rows, others = 4 * 32 + 2 * 48 + 32, 3 * 32 * 4                # three norms in float32
    assert stored_bytes(model, 8) == weights + 2 * rows + others + 40 * 32 * 4
    assert stored_bytes(model, 8, embedding=True) == weights + 2 * rows + others + 40 * 32 + 40 * 2
    groups = 4 * 32 + 2 * 48 + 32 * 2                              # of 32: down has rows of 48, two groups
    assert stored_bytes(model, 4, 32) == weights // 2 + 4 * groups + others + 40 * 32 * 4


def test_stored_bytes_of_a_half_precision_model_count_two_for_what_is_left():
    model = small_model(layers=1)
    left = (40 * 32 + 3 * 32) * 4
    assert stored_bytes(model, 8) - stored_bytes(copy.deepcopy(model).bfloat16(), 8) == left // 2


def test_a_model_with_lora_is_rounded_beneath_its_corrections():
    model = small_model()
    add_lora(model, ("query",), rank=2, generator=generator(3))
    rounded = quantized(model, 4, 32)
    query, exact = rounded.blocks[0].attention.query, model.blocks[0].attention.query
    assert torch.equal(query.base.weight, quantize(exact.base.weight, 4, 32).dequantized())
    assert torch.equal(query.down, exact.down)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 9, 0, -4, 2.5])
def test_bits_that_there_are_not_are_refused(bits):
    for call in (lambda: quantize(some_weights(), bits), lambda: quantized(small_model(), bits)):
        with pytest.raises(CourseError, match="expected a whole number from 2 to 8"):
            call()


def test_groups_that_make_no_sense_are_refused():
    with pytest.raises(CourseError, match="expected 1 weight or more"):
        quantize(some_weights(), 4, 0)
    with pytest.raises(CourseError, match="one scale a row"):
        stored_bytes(small_model(), 8, 32)


def test_what_is_no_matrix_of_numbers_is_refused():
    with pytest.raises(ShapeError, match="out, in"):
        quantize(torch.zeros(4), 8)
    with pytest.raises(CourseError, match="not finite"):
        quantize(torch.tensor([[1.0, float("nan")]]), 4)


def test_another_kind_of_model_is_refused():
    with pytest.raises(CourseError, match="expected a decoder"):
        quantized(torch.nn.Linear(4, 4), 8)
