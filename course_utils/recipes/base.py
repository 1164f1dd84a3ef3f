"""What a recipe is, and where the weights lie that it made."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from course_utils.checkpoints import CheckpointError, read_tensors
from course_utils.flops import counted
from course_utils.models.language_model import measuring
from course_utils.parallel_training import counted_targets
from course_utils.paths import CHECKPOINTS
from course_utils.shapes import ShapeError
from course_utils.text.batches import Batches
from course_utils.training import History, fit, own_loss, training_flops


@dataclass(frozen=True)
class Prepared:
    """What `fit` needs beside the model. `data`: the sha256 of everything the model learns from."""

    batches: Batches
    validate: Callable[[nn.Module], float]
    data: str
    loss: Callable = own_loss


def by_fit(recipe: "Recipe", model: nn.Module, prepared: Prepared, folder: Path) -> History:
    """Train the model in place by the recipe's FitConfig, going on from what `folder` holds."""
    return fit(model, prepared.batches, recipe.fit, validate=prepared.validate, loss=prepared.loss, folder=folder)


def flops_of_tokens(model: nn.Module, prepared: Prepared, history: History) -> float:
    """Floating-point operations of the training, by the formula for tokens."""
    return training_flops(model, history.tokens)


def counted_flops(model: nn.Module, prepared: Prepared, history: History) -> float:
    """Floating-point operations of the training: those of one step, counted, times the steps."""
    return float(counted(lambda: prepared.loss(model, prepared.batches(0)).backward()) * history.steps)


@dataclass(frozen=True)
class Recipe:
    """A checkpoint and how it is made: `model()` is fresh, `prepare()` the data, `measure(model)` the metrics.

    weights(model) are the tensors that the checkpoint holds, and restore(model, weights) puts them back: all of them,
    unless a part of the model comes from elsewhere. train(recipe, model, prepared, folder) is one `fit`, unless two
    are trained against each other. cost(model, prepared, history): the floating-point operations that it took.
    alone: why one process has to make it; "" where several can share its batches.
    """

    name: str
    title: str
    config: object
    fit: object
    model: Callable[[], nn.Module]
    prepare: Callable[[], Prepared]
    measure: Callable[[nn.Module], dict]
    weights: Callable[[nn.Module], dict[str, torch.Tensor]] = nn.Module.state_dict
    restore: Callable[[nn.Module, dict[str, torch.Tensor]], object] = nn.Module.load_state_dict
    train: Callable[["Recipe", nn.Module, Prepared, Path], History] = by_fit
    cost: Callable[[nn.Module, Prepared, History], float] = flops_of_tokens
    alone: str = ""


def sha256(*texts: str) -> str:
    """The sha256 of texts, one after another."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()


@torch.no_grad()
def nats_per_target(model: nn.Module, batches: Batches, steps: int, loss: Callable = own_loss) -> float:
    """Mean −ln p of all targets in the first `steps` batches, whose last tensor they are; each as the loss rates it."""
    total, count = 0.0, 0
    with measuring(model):
        for step in range(steps):
            batch = tuple(tensor.to(model.device) for tensor in batches(step))
            targets = counted_targets(batch)
            total, count = total + loss(model, batch).item() * targets, count + targets
    return total / count


def load_from(recipe: Recipe, folder: Path = CHECKPOINTS) -> nn.Module:
    """The recipe's model with the weights of `folder`, in float32 on the CPU, ready to be used.

    Raises CheckpointError where they are missing, damaged or of another model.
    """
    path = folder / f"{recipe.name}.safetensors"
    if not path.exists():
        raise CheckpointError(f"{path.name} is missing; make it with `python -m course_utils.train {recipe.name}`.")
    weights = {name: tensor.to(torch.float32) for name, tensor in read_tensors(path).items()}
    model = recipe.model()
    try:
        recipe.restore(model, weights)
    except (RuntimeError, ShapeError) as error:
        raise CheckpointError(
            f"{path.name} does not fit its recipe ({str(error).splitlines()[-1].strip()}); make it again with "
            f"`python -m course_utils.train {recipe.name}`."
        ) from error
    return model.eval()
