"""Muon and AdamW: the same steps as torch's own, and what they do to a matrix."""

import pytest
import torch
from torch import nn

from course_utils import optimizers
from course_utils.errors import CourseError
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.optimizers import MATRIX_RATE, adamw, muon, orthogonal
from course_utils.seeding import generator
from course_utils.training import FitConfig, fit

RATE, DECAY, BETAS = 1e-2, 0.1, (0.9, 0.95)


def network() -> nn.Sequential:
    model = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 5))
    chance = generator(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=chance)
    return model


def moved(model: nn.Module, optimizers, steps: int = 5) -> list[torch.Tensor]:
    """The parameters after steps along random gradients, the same for every model of these sizes."""
    chance = generator(2)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=chance)
        for optimizer in optimizers:
            optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def torchs_own(model: nn.Module) -> list:
    """Muon for both linear layers and AdamW for the rest, as torch has them."""
    table, *rest = model.parameters()
    matrices, biases = [one for one in rest if one.ndim == 2], [one for one in rest if one.ndim == 1]
    tables = [{"params": [table], "weight_decay": DECAY}, {"params": biases, "weight_decay": 0.0}]
    return [
        torch.optim.Muon(matrices, lr=MATRIX_RATE * RATE, weight_decay=DECAY, momentum=0.95),
        torch.optim.AdamW(tables, lr=RATE, betas=BETAS),
    ]


def apart(monkeypatch, **other) -> float:
    """How far our parameters are from torch's after five steps, at most; matrices have moved by about 0.1 by then."""
    for name, value in other.items():
        monkeypatch.setattr(optimizers, name, value)
    ours, theirs = network(), network()
    pairs = zip(moved(ours, [muon(ours, RATE, DECAY, BETAS)]), moved(theirs, torchs_own(theirs)), strict=True)
    return max((mine - its).abs().max().item() for mine, its in pairs)


def test_muon_makes_the_steps_of_torchs_own(monkeypatch):
    assert apart(monkeypatch) < 2e-3                               # both turn matrices in bfloat16: three digits


@pytest.mark.parametrize("wrong", [{"MOMENTUM": 0.8}, {"TIMES": 3}, {"orthogonal": lambda matrix: matrix}])
def test_another_muon_would_be_noticed(monkeypatch, wrong):
    assert apart(monkeypatch, **wrong) > 4e-3


def test_what_adamw_has_under_muon_moves_as_by_torchs_adamw_exactly():
    ours, theirs = network(), network()
    mine, its = moved(ours, [muon(ours, RATE, DECAY, BETAS)]), moved(theirs, torchs_own(theirs))
    for number in (0, 2, 4):                                       # the table and the biases
        torch.testing.assert_close(mine[number], its[number], rtol=0, atol=1e-6)


class Kernels(nn.Module):
    """One weight, whose numbers lie channels last, as those of our convolutions, or with gaps between them."""

    def __init__(self, lying: str):
        super().__init__()
        apart = torch.randn(4, 3, 2, 5, generator=generator(3))[..., :3]
        self.weight = nn.Parameter(apart.contiguous(memory_format=torch.channels_last) if lying == "kernels" else apart)


@pytest.mark.parametrize("lying", ["kernels", "apart"])
def test_adamw_follows_the_formula_however_weights_gradients_and_a_read_state_lie(lying):
    ours, theirs = Kernels(lying), Kernels(lying)
    assert not ours.weight.is_contiguous()
    mine, its = adamw(ours, RATE, DECAY, BETAS), torch.optim.AdamW(theirs.parameters(), RATE, BETAS, weight_decay=DECAY)
    for _ in range(2):                                             # the second time with a state as a file holds it
        torch.testing.assert_close(moved(ours, [mine]), moved(theirs, [its]), rtol=0, atol=1e-6)
        state = {key: value.contiguous() for key, value in mine.state_dict()["state"][0].items()}
        mine.load_state_dict({**mine.state_dict(), "state": {0: state}})


def test_biases_do_not_decay_and_matrices_do():
    model = network()
    for optimizer in (make(model, RATE, DECAY, BETAS) for make in (muon, adamw)):
        before = [parameter.detach().clone() for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        for old, new in zip(before, model.parameters(), strict=True):
            assert torch.equal(old, new.detach()) == (old.ndim == 1)


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_an_orthogonal_matrix_has_the_singular_vectors_of_the_old_one_and_values_near_one(shape):
    matrix = torch.randn(shape, generator=generator(3)) * torch.linspace(0.3, 1.5, shape[1])
    turned = orthogonal(matrix).float()
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ turned @ right.T                              # diagonal where the singular vectors are the same
    assert found.diagonal().min() > 0.6 and found.diagonal().max() < 1.3
    assert (found - found.diagonal().diag()).abs().max() < 0.05
    assert values.max() > 2.5 * values.min()                         # they were not near one before


def test_what_is_frozen_stays_and_a_model_of_tables_alone_is_refused():
    model = network()
    model[1].weight.requires_grad_(False)
    before = model[1].weight.detach().clone()
    moved(model, [muon(model, RATE, DECAY, BETAS)], steps=2)
    assert torch.equal(before, model[1].weight)
    with pytest.raises(CourseError, match="optimizer='adamw'"):
        muon(nn.Embedding(3, 2), RATE, DECAY, BETAS)


def small() -> Transformer:
    return Transformer(TransformerConfig(11, 8, 16, 2, 1), generator(2))


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    text = torch.randint(11, (4, 9), generator=generator(100 + step % 3))
    return text[:, :-1], text[:, 1:]


def test_fit_with_muon_learns_and_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch):
    config = FitConfig(steps=12, learning_rate=5e-3, checkpoint_every=6, optimizer="muon")
    whole = small()
    history = fit(whole, batches, config)
    assert sum(history.losses[-3:]) < 0.9 * sum(history.losses[:3])

    def stopping(step: int):
        if step == 6:
            raise RuntimeError("the power went out")
        return batches(step)

    with pytest.raises(RuntimeError, match="power"):
        fit(small(), stopping, config, folder=tmp_path)
    again = small()
    assert fit(again, batches, config, folder=tmp_path).losses == history.losses
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_optimizer_that_there_is_not_is_refused():
    with pytest.raises(CourseError, match="expected adamw or muon"):
        FitConfig(steps=1, optimizer="sgd")
