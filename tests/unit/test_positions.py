"""Positions as the transformer gets them: sinusoidal codes by hand, and what a rotation keeps and what it changes."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.models.layers import frequencies, rotary, sinusoidal
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

widths = st.integers(1, 8).map(lambda half: 2 * half)
seeds = st.integers(0, 2**31)
places = st.integers(0, 500)


def two(seed: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A query and a key (1, 1, 1, K) in float64."""
    both = torch.randn(2, 1, 1, 1, width, generator=generator(seed), dtype=torch.float64)
    return both[0], both[1]


def turned(x: torch.Tensor, position: float, base: float = 10_000.0) -> torch.Tensor:
    """x (1, 1, 1, K) at one position, as a vector (K,)."""
    return rotary(x, torch.tensor([position], dtype=torch.float64), base).flatten()


# --- sinusoidal


def test_the_first_position_is_zeros_and_ones():
    assert sinusoidal(1, 6).tolist() == [[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]]


def test_the_values_are_those_of_the_formula_by_hand():
    # D = 4: columns 0 and 1 turn by 1 radian a position, columns 2 and 3 by 10000^(−2/4) = 0.01.
    code = sinusoidal(3, 4)
    assert code[1].tolist() == pytest.approx([0.841471, 0.540302, 0.0099998, 0.9999500], abs=1e-6)
    assert code[2].tolist() == pytest.approx([0.909297, -0.416147, 0.0199987, 0.9998000], abs=1e-6)


def test_every_code_has_the_length_root_of_half_the_width():
    assert torch.allclose(sinusoidal(50, 16).norm(dim=1), torch.full((50,), math.sqrt(8.0)), atol=1e-5)


@settings(deadline=None)
@given(places, places, st.integers(0, 100), widths)
def test_the_product_of_two_codes_depends_on_their_distance_alone(first, second, shift, width):
    code = sinusoidal(max(first, second) + shift + 1, width).double()
    before, after = code[first] @ code[second], code[first + shift] @ code[second + shift]
    assert before.item() == pytest.approx(after.item(), abs=1e-3)


def test_a_step_further_is_one_rotation_wherever_it_begins():
    code, angle = sinusoidal(40, 2).double(), torch.tensor(1.0, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    assert torch.allclose(code[:-1] @ turn.T, code[1:], atol=1e-5)


def test_frequencies_fall_from_one_to_nearly_one_over_the_base():
    assert frequencies(4, 100.0).tolist() == pytest.approx([1.0, 0.1])
    values = frequencies(64)
    assert values[0] == 1 and 1e-4 < values[-1] < 2e-4
    assert (values[1:] / values[:-1]).tolist() == pytest.approx([10_000 ** (-2 / 64)] * 31, rel=1e-5)


def test_an_odd_width_is_refused():
    with pytest.raises(CourseError, match="width is 5; expected an even number"):
        sinusoidal(3, 5)


# --- rotary


def test_a_pair_is_turned_by_the_angle_of_its_position():
    # K = 4: numbers 0 and 2 are a pair that turns by 1 radian a position, 1 and 3 one that turns by 0.01.
    x = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 1, 4)
    expected = [math.cos(2.0), math.cos(0.02), math.sin(2.0), math.sin(0.02)]
    assert rotary(x, torch.tensor([2])).flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_at_position_zero_nothing_is_turned():
    query, _ = two(1, 8)
    assert torch.equal(turned(query, 0), query.flatten())


@settings(deadline=None)
@given(seeds, widths, places)
def test_a_rotation_keeps_the_length_of_each_pair(seed, width, position):
    query, _ = two(seed, width)
    pairs_before, pairs_after = query.flatten().view(2, -1), turned(query, position).view(2, -1)
    assert torch.allclose(pairs_before.norm(dim=0), pairs_after.norm(dim=0), atol=1e-6)


@settings(deadline=None)
@given(seeds, widths, places, places, st.integers(-200, 200))
def test_the_score_of_query_and_key_depends_on_how_far_apart_they_are_alone(seed, width, m, n, shift):
    assume(min(m, n) + shift >= 0)
    query, key = two(seed, width)
    here = turned(query, m) @ turned(key, n)
    there = turned(query, m + shift) @ turned(key, n + shift)
    assert here.item() == pytest.approx(there.item(), abs=1e-3)      # angles are in float32: 500 turns of 1 radian


@settings(deadline=None)
@given(seeds, st.integers(1, 20))
def test_the_score_does_depend_on_how_far_apart_they_are(seed, distance):
    query, _ = two(seed, 2)
    here, there = turned(query, 0) @ turned(query, 0), turned(query, 0) @ turned(query, distance)
    assert there.item() == pytest.approx(here.item() * math.cos(distance), abs=1e-4)


def test_positions_belong_to_their_rows():
    query, _ = two(1, 4)
    rows = rotary(query.expand(1, 1, 3, 4), torch.tensor([5, 0, 9]))[0, 0]
    for row, position in zip(rows, (5, 0, 9), strict=True):
        assert torch.allclose(row, turned(query, position), atol=1e-6)


def test_two_rotations_add_up():
    query, _ = two(2, 6)
    twice = rotary(turned(query, 3).view(1, 1, 1, 6), torch.tensor([4.0], dtype=torch.float64)).flatten()
    assert torch.allclose(twice, turned(query, 7), atol=1e-6)


def test_rotary_refuses_an_odd_width_and_positions_that_do_not_fit():
    with pytest.raises(CourseError, match="the head width is 3; expected an even number"):
        rotary(torch.ones(1, 1, 2, 3), torch.arange(2))
    with pytest.raises(ShapeError):
        rotary(torch.ones(1, 1, 2, 4), torch.arange(3))
