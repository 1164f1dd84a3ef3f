"""Weights set to zero: exactly as many as were asked for, the smallest, from where they should be taken."""

import copy

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.pruning import pruned, smallest, sparse_bytes, zero_shares
from course_utils.quantization import matrices
from course_utils.seeding import generator


def small_model() -> Transformer:
    return Transformer(TransformerConfig(40, 16, 32, 4, 2), generator(0))


def test_the_smallest_and_of_equal_ones_those_that_come_first():
    values = torch.tensor([3.0, 1.0, 2.0, 2.0, 2.0, 5.0])
    assert smallest(values, 3).tolist() == [False, True, True, True, False, False]


@pytest.mark.parametrize("count", range(7))
def test_exactly_as_many_as_were_asked_for(count):
    assert smallest(torch.tensor([1.0, 1.0, 0.0, 0.0, 2.0, 1.0]), count).sum() == count


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_every_layer_loses_its_share(share):
    shares = zero_shares(pruned(small_model(), share))
    assert len(shares) == 2 * 6
    assert all(found == pytest.approx(share, abs=1 / 1024) for found in shares.values())


def test_what_stays_is_unchanged_and_larger_than_all_that_went():
    model = small_model()
    sparse = pruned(model, 0.3)
    for name, weight in matrices(model).items():
        left = matrices(sparse)[name] != 0
        assert torch.equal(weight[left], matrices(sparse)[name][left])
        assert weight[~left].abs().max() <= weight[left].abs().min()


def test_the_model_itself_and_all_but_its_linear_layers_stay_as_they_were():
    model = small_model()
    before = copy.deepcopy(model.state_dict())
    after = pruned(model, 0.5).state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {f"{name}.weight" for name in matrices(model)}
    assert "embedding" in zero_shares(pruned(model, 0.5, embedding=True), embedding=True)


def test_one_threshold_for_all_takes_more_from_a_layer_of_small_weights():
    model = small_model()
    query = model.blocks[0].attention.query
    with torch.no_grad():
        query.weight.mul_(0.01)
    sparse = pruned(model, 0.2, scope="model")
    shares, weights = zero_shares(sparse), list(matrices(sparse).values())
    assert shares["blocks.0.attention.query"] > 0.99
    zeros, total = sum(int((w == 0).sum()) for w in weights), sum(w.numel() for w in weights)
    assert zeros == round(0.2 * total)
    left = torch.cat([w[w != 0].abs() for w in weights]).min()
    gone = torch.cat([w[matrices(sparse)[name] == 0].abs() for name, w in matrices(model).items()]).max()
    assert gone <= left


def test_bytes_by_hand():
    model = Transformer(TransformerConfig(40, 16, 32, 4, 1), generator(0))
    weights = 4 * 32 * 32 + 2 * 32 * 128
    everything = 4 * model.parameter_count
    assert sparse_bytes(model) == everything + weights // 8        # no zero: the map comes on top
    half = sparse_bytes(pruned(model, 0.5))
    assert half == everything - 4 * weights // 2 + weights // 8


def test_bytes_of_a_half_precision_model_count_two_a_weight():
    model = pruned(small_model(), 0.25)
    weights = sum(weight.numel() for weight in matrices(model).values())
    others = model.parameter_count - weights
    assert sparse_bytes(model.bfloat16()) == 2 * others + 2 * weights * 3 // 4 + weights // 8


@pytest.mark.parametrize("share", [-0.1, 1.1, 30, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(CourseError, match="expected 0 to 1"):
        pruned(small_model(), share)


def test_another_scope_or_another_kind_of_model_is_refused():
    with pytest.raises(CourseError, match="expected layer or model"):
        pruned(small_model(), 0.1, scope="global")
    with pytest.raises(CourseError, match="expected a decoder"):
        pruned(torch.nn.Linear(4, 4), 0.1)
