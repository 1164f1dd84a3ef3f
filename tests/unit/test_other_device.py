"""Training where the model is not on the CPU: what it computes with has to be there too."""

import ast
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.alignment import Rater, preference_pairs
from course_utils.models.drawn import DrawnLoss
from course_utils.models.preferences import RewardModel
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.parallel_training import Processes
from course_utils.paths import NOTEBOOKS
from course_utils.preference_tuning import DPO, MeanOfTokens, dpo_batches, reward_batches, reward_loss
from course_utils.recipes import RECIPES
from course_utils.seeding import generator
from course_utils.training import FitConfig, fit
from tests.support.other_device import OTHER, other_device
from tools.notebooks.files import read

CLOSE = 1e-5                                                       # nats; some operations take other kernels there
DEFINES = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef
TWO = FitConfig(steps=2, learning_rate=1e-3)
RECIPES_OF_OTHER_KINDS = [
    "fashion_classifier",
    "fashion_diffusion_classes",
    "fashion_transformer",
    "fashion_vae",
    "gpt_sotu",
    "gru_sotu",
    "llama_sotu",
    "lstm_sotu",
    "rnn_sotu",
]


class There(Processes):
    """The one process of a run, with `OTHER` in place of a GPU."""

    def __init__(self, accelerator):
        super().__init__(accelerator)
        self.device = OTHER


@pytest.fixture
def both(monkeypatch):
    """both(make) fits the model, batches and loss that `make()` gives, here and there; the losses of the two runs.

    Fails where the model or its batches are not where they are meant to be.
    """
    plain = {"adamw": lambda model, rate, *_: torch.optim.AdamW(model.parameters(), lr=rate, foreach=False)}
    monkeypatch.setattr(training, "OPTIMIZERS", plain)             # the fused kernel asks for a device by its name
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())          # and so does this

    def losses(make, device: torch.device) -> list[float]:
        model, batches, loss = make()

        def placed(model, batch):
            assert {tensor.device for tensor in (*batch, *model.parameters())} == {device}
            return loss(model, batch)

        return fit(model, batches, TWO, loss=placed).losses

    def run(make) -> tuple[list[float], list[float]]:
        here = losses(make, torch.device("cpu"))
        monkeypatch.setattr(training, "Processes", There)
        with other_device() as device:
            return here, losses(make, device)

    return run


# --- the device itself


def test_it_computes_what_the_cpu_computes_and_learns_the_same():
    def trained(device: torch.device) -> list[torch.Tensor]:
        layers = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4), nn.LayerNorm(4), nn.SiLU(), nn.Linear(4, 1))
        for number, weight in enumerate(layers.parameters()):
            nn.init.normal_(weight, generator=generator(number))
        layers.to(device)
        optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            layers(torch.tensor([[1, 2], [3, 4]]).to(device)).square().mean().backward()
            optimizer.step()
        return [weight.detach().cpu() for weight in layers.parameters()]

    here = trained(torch.device("cpu"))
    with other_device() as device:
        there = trained(device)
    assert all(type(weight) is torch.Tensor for weight in there)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(here, there, strict=True))
    assert not torch.equal(here[0], torch.zeros_like(here[0]))


def test_what_is_there_and_what_is_here_cannot_meet():
    with other_device() as device:
        there, here = torch.ones(2, 3, device=device), torch.ones(3)
        for meeting in (
            lambda: there + here,
            lambda: there @ here,
            lambda: torch.cat([there[0], here]),
            lambda: there.mul_(here),
            lambda: nn.functional.linear(here, there),
            lambda: here[torch.tensor([0, 2], device=device)],     # a table that was left behind
            lambda: there.index_put_((torch.tensor([0, 1]),), torch.zeros(2, 3)),
            lambda: here.index_put_((torch.tensor([0], device=device),), torch.zeros(1)),
        ):
            with pytest.raises(RuntimeError, match="expected all tensors on the same device"):
                meeting()
        with pytest.raises(RuntimeError, match="expected a generator on meta, found one on cpu"):
            torch.rand(3, generator=generator(0), device=device)


def test_single_numbers_places_and_copies_may_come_from_the_cpu():
    with other_device() as device:
        there = torch.arange(6.0, device=device).view(2, 3)
        assert (there + torch.tensor(1.0))[1].tolist() == [4, 5, 6]
        assert there[torch.tensor([1]), torch.tensor([2])].item() == 5
        there[0].copy_(torch.zeros(3))
        there += 1
        assert there.cpu().tolist() == [[1, 1, 1], [4, 5, 6]] and there.device == OTHER


# --- training there


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES_OF_OTHER_KINDS)
def test_a_model_of_the_course_trains_there_as_it_does_here(name, both):
    recipe = RECIPES[name]

    def make():
        prepared = recipe.prepare()
        return recipe.model(), lambda step: tuple(part[:2] for part in prepared.batches(step)), prepared.loss

    here, there = both(make)
    assert there == pytest.approx(here, abs=CLOSE) and len(set(here)) == 2


@pytest.mark.parametrize("kind", ["reward model", "reward model on a transformer", "preferences"])
def test_what_learns_from_preferences_trains_there_too(kind, both):
    prompts = torch.randint(6, (64, 3), generator=generator(1))
    answers = torch.randint(6, (64, 2, 5), generator=generator(2))
    goodness = (answers == 1).sum(dim=2).float()
    pairs = preference_pairs(prompts, answers, goodness, Rater(strength=1000.0), generator(3))

    def make():
        transformer = Transformer(TransformerConfig(6, 8, 16, 2, 1, **LLAMA), generator(0))
        if kind == "preferences":
            return transformer, dpo_batches(pairs, transformer, batch=8, seed=1), DPO(0.1)
        reads = transformer if "transformer" in kind else MeanOfTokens(transformer.embedding.weight)
        return RewardModel(reads), reward_batches(pairs, batch=8, seed=1), reward_loss

    here, there = both(make)
    assert there == pytest.approx(here, abs=CLOSE) and len(set(here)) == 2


def test_the_vae_with_masks_of_lesson_11_trains_there_too(both):
    images = torch.rand(16, 1, 8, 8, generator=generator(1))
    reader = defined_in("11_vae.ipynb")["Reader"]

    here, there = both(lambda: (reader(8, 8, (16,)), lambda step: (images,), DrawnLoss(1)))
    assert there == pytest.approx(here, abs=CLOSE) and len(set(here)) == 2


def defined_in(lesson: str) -> dict[str, object]:
    """What a lesson imports and what classes and functions it defines; nothing of it is run."""
    names: dict[str, object] = {}
    for cell in read(NOTEBOOKS / lesson).cells:
        if cell.cell_type == "code":
            parsed = ast.parse(cell.source)
            parsed.body = [each for each in parsed.body if isinstance(each, DEFINES)]
            exec(compile(parsed, lesson, "exec"), names)
    return names
