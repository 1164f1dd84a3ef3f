"""The product of a layer by oneDNN: the numbers and gradients of torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from course_utils.models import onednn, products
from course_utils.models.products import Linear, linear
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

SAID_OF_A_PROCESSOR = {
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Processor\n": True,
    "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9B14\n": False,
    "processor\t: 0\nCPU implementer\t: 0x41\n": False,                  # Arm
}
needs_onednn = pytest.mark.skipif(not onednn.PRESENT, reason="this torch has no oneDNN")


@pytest.fixture(autouse=True)
def onednn_is_preferred(monkeypatch):
    """As on processors of other makers than Intel."""
    monkeypatch.setattr(products, "PREFERRED", onednn.PRESENT)


def numbers(*shape: int, seed: int, **settings) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), **settings)


def used(monkeypatch) -> list:
    """What goes to oneDNN from now on."""
    calls, product = [], products._product

    def counted(*arguments):
        calls.append(arguments[0].shape)
        return product(*arguments)

    monkeypatch.setattr(products, "_product", counted)
    return calls


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(80, 24), (4, 20, 24), (2, 3, 32, 24)])
def test_numbers_and_gradients_are_those_of_torch(shape, bias, monkeypatch):
    calls = used(monkeypatch)
    inputs = [numbers(*shape, seed=1), numbers(10, 24, seed=2)] + ([numbers(10, seed=3)] if bias else [])
    upstream = numbers(*shape[:-1], 10, seed=4)
    results = []
    for product in (linear, functional.linear):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        made = product(*leaves)
        made.backward(upstream)
        results.append([made.detach(), *(leaf.grad for leaf in leaves)])
    assert len(calls) == 3                                         # forward, and the gradients of x and of the weight
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("said", "intel"), SAID_OF_A_PROCESSOR.items(), ids=["Intel", "AMD", "Arm"])
def test_the_maker_is_read_where_the_system_says_it(said, intel, tmp_path, monkeypatch):
    monkeypatch.setattr(products, "LINUX_SAYS", tmp_path / "cpuinfo")
    monkeypatch.setattr(products.platform, "processor", lambda: "Intel64 Family 6 Model 143 Stepping 8, GenuineIntel")
    assert products.made_by_intel()                                # Windows has no such file
    (tmp_path / "cpuinfo").write_text(said, encoding="utf-8")
    assert products.made_by_intel() == intel


def test_where_it_is_not_preferred_torch_multiplies(monkeypatch):
    monkeypatch.setattr(products, "PREFERRED", False)
    calls, x, weight = used(monkeypatch), numbers(80, 24, seed=1), numbers(10, 24, seed=2)
    assert torch.equal(linear(x, weight), functional.linear(x, weight)) and not calls


@needs_onednn
def test_gradients_reach_through_a_transposed_input_and_an_expanded_gradient():
    x, weight = numbers(24, 80, seed=1).requires_grad_(), numbers(10, 24, seed=2).requires_grad_()
    linear(x.T, weight).sum().backward()
    ours, x.grad, weight_gradient, weight.grad = x.grad, None, weight.grad, None
    functional.linear(x.T, weight).sum().backward()
    assert torch.allclose(ours, x.grad, atol=1e-5) and torch.allclose(weight_gradient, weight.grad, atol=1e-4)


@needs_onednn
def test_a_frozen_weight_costs_no_product(monkeypatch):
    calls = used(monkeypatch)
    linear(numbers(80, 24, seed=1).requires_grad_(), numbers(10, 24, seed=2)).sum().backward()
    assert len(calls) == 2


@pytest.mark.parametrize(
    "x", [numbers(8, 24, seed=1), numbers(24, seed=1), numbers(80, 24, seed=1, dtype=torch.float64), torch.empty(0, 24)]
)
def test_few_rows_other_types_and_nothing_go_to_torch(x, monkeypatch):
    calls, weight = used(monkeypatch), numbers(10, 24, seed=2).to(x.dtype)
    assert torch.equal(linear(x, weight), functional.linear(x, weight)) and not calls


def test_autocast_is_left_to_torch():
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(numbers(80, 24, seed=1), numbers(10, 24, seed=2)).dtype == torch.bfloat16


def test_a_width_that_does_not_fit_is_refused_in_words():
    with pytest.raises(ShapeError, match=r"weight should have shape \(out, in\), in = 24; got \(10, 25\)"):
        linear(numbers(80, 24, seed=1), numbers(10, 25, seed=2))


def test_torchs_counter_of_flops_counts_it():
    layer, x = Linear(24, 10), numbers(4, 20, 24, seed=1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(x)
    assert counter.get_total_flops() == 2 * 4 * 20 * 24 * 10


def test_the_layer_has_the_weights_of_torchs_layer():
    ours, theirs = Linear(24, 10), nn.Linear(24, 10)
    ours.load_state_dict(theirs.state_dict())
    x = numbers(80, 24, seed=1)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
