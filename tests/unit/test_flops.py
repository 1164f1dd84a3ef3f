"""Operations counted while they happen, against counts by hand."""

import torch
from torch import nn
from torch.nn import functional

from course_utils.flops import counted
from course_utils.models.attention import fused_attention
from course_utils.models.image_transformer import ImageTransformer, ImageTransformerConfig
from course_utils.seeding import generator
from course_utils.training import training_flops
from tools.verified import Verified

VERIFIES = [
    Verified("14", "training operations by formula", "counted by `torch` while a small transformer trains", "equal"),
]


def test_a_product_of_matrices_is_two_operations_for_each_pair_that_is_multiplied():
    assert counted(lambda: torch.ones(3, 4) @ torch.ones(4, 5)) == 2 * 3 * 4 * 5


def test_a_convolution_is_two_operations_for_each_weight_and_place():
    layer = nn.Conv2d(2, 3, kernel_size=3, padding=1)
    assert counted(lambda: layer(torch.ones(1, 2, 8, 8))) == 2 * (3 * 2 * 9) * 64


def test_going_back_costs_twice_as_much_where_inputs_need_a_gradient_too():
    weights, inputs = torch.ones(4, 5, requires_grad=True), torch.ones(3, 4, requires_grad=True)
    forward = counted(lambda: inputs @ weights)
    assert counted(lambda: (inputs @ weights).sum().backward()) == 3 * forward


def test_attention_is_counted_though_it_is_fused():
    query = torch.ones(1, 2, 7, 4)                                                      # (B, heads, T, K)
    assert counted(lambda: fused_attention(query, query, query)) == 2 * (2 * 2 * 7 * 7 * 4)


def test_sums_and_bends_are_not_counted_and_nothing_is_left_behind():
    assert counted(lambda: functional.gelu(torch.ones(9) + 1)) == 0
    assert counted(lambda: None) == 0


def test_a_transformer_over_pixels_comes_to_what_the_formula_says():
    model = ImageTransformer(ImageTransformerConfig(size=4, width=16, heads=2, layers=2, inner=24), generator(1))
    images = torch.zeros(3, 1, 4, 4) - 1
    pixels = images.numel()
    assert counted(lambda: model(images)[1].backward()) == training_flops(model, pixels)
