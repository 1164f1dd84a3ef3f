"""Clothes by three families with a likelihood: a VAE, a diffusion model, a transformer over pixels; the GAN is beside.

For the comparison of lesson 14 each has a generator of about 1.0 million parameters, sees no labels, and learns for
the same number of floating-point operations: `BUDGET`. So the one that works longest over an image sees the fewest.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from course_utils.flops import counted
from course_utils.images.batches import image_batches
from course_utils.images.corpora import load_fashion
from course_utils.images.pixels import to_float
from course_utils.intervals import bootstrap_interval, mean
from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.drawn import DrawnLoss
from course_utils.models.image_transformer import ImageTransformer, ImageTransformerConfig
from course_utils.models.language_model import measuring
from course_utils.models.unet import UNetConfig
from course_utils.models.vae import VAE, VAEConfig
from course_utils.recipes.base import Prepared, Recipe, load_from
from course_utils.recipes.fashion_classifier import FASHION_CLASSIFIER, sha256_of
from course_utils.seeding import generator
from course_utils.training import FitConfig, History, own_loss

BUDGET = 5e14                                                      # floating-point operations of a whole training
SEED = 1
VALIDATED, TESTED = 1_000, 500                                     # images
ASKED = 20                                                         # of each class
CLASSES = 10

# --- what they share ------------------------------------------------------------------------------


def prepare(batch: int, make_loss: Callable[[], Callable] = lambda: own_loss) -> Prepared:
    """All training images, without labels, in batches; validated by the loss itself, with the same noise each time."""
    fashion = load_fashion(stand_in=False)
    batches = image_batches(fashion.train.images, batch, SEED)
    held_out = to_float(fashion.validation.images[:VALIDATED])
    validate = partial(mean_loss, images=held_out, batch=batch, make_loss=make_loss)
    return Prepared(batches, validate, sha256_of(fashion.train.images), make_loss())


@torch.no_grad()
def mean_loss(model: nn.Module, images: torch.Tensor, batch: int, make_loss: Callable[[], Callable]) -> float:
    """The loss, averaged over images (N, 1, 28, 28) some at a time; every call draws the same noise."""
    loss, total = make_loss(), 0.0
    with measuring(model):
        for part in images.split(batch):
            total += loss(model, (part.to(next(model.parameters()).device),)).item() * len(part)
    return total / len(images)


def counted_flops(model: nn.Module, prepared: Prepared, history: History) -> float:
    """Floating-point operations of the training: those of one step, counted, times the steps."""
    return float(counted(lambda: prepared.loss(model, prepared.batches(0)).backward()) * history.steps)


def measure(model: nn.Module) -> dict:
    """Bits per dimension of the first 500 test images, with the bootstrap's interval of 95 %."""
    bits = model.bits_per_dim(to_float(load_fashion(stand_in=False).test.images[:TESTED]))           # (N,)
    low, high = bootstrap_interval(bits.numpy(), mean, generator(SEED))
    return {
        "test_images": TESTED,
        "bits_per_dim": bits.mean().item(),
        "bits_per_dim_low": low,
        "bits_per_dim_high": high,
    }


def drawn_loss() -> DrawnLoss:
    """The model's own loss with noise of its own generator."""
    return DrawnLoss(SEED)


# --- the three ------------------------------------------------------------------------------------

VAE_CONFIG = VAEConfig(latent=64)
VAE_BATCH = 128
FASHION_VAE = Recipe(
    "fashion_vae",
    "Clothes by a variational autoencoder",
    VAE_CONFIG,
    FitConfig(
        steps=7_460,
        learning_rate=1e-3,
        final=0.0,
        validate_every=746,
        checkpoint_every=373,
        seed=SEED,
        precision="bfloat16",
    ),
    lambda: VAE(VAE_CONFIG, generator(SEED)),
    partial(prepare, VAE_BATCH, drawn_loss),
    measure,
    cost=counted_flops,
)

DIFFUSION_CONFIG = DiffusionConfig(network=UNetConfig(condition=CLASSES))      # lesson 13 goes on with the classes
DIFFUSION_BATCH = 128
FASHION_DIFFUSION = Recipe(
    "fashion_diffusion",
    "Clothes by diffusion",
    DIFFUSION_CONFIG,
    FitConfig(
        steps=7_760,
        learning_rate=1e-3,
        final=0.0,
        validate_every=776,
        checkpoint_every=388,
        seed=SEED,
        precision="bfloat16",
    ),
    lambda: Diffusion(DIFFUSION_CONFIG, generator(SEED)),
    partial(prepare, DIFFUSION_BATCH, drawn_loss),
    measure,
    cost=counted_flops,
)

TRANSFORMER_CONFIG = ImageTransformerConfig(classes=CLASSES)                   # lesson 14 goes on with the classes
TRANSFORMER_BATCH = 32
FASHION_TRANSFORMER = Recipe(
    "fashion_transformer",
    "Clothes by a transformer over pixels",
    TRANSFORMER_CONFIG,
    FitConfig(
        steps=1_894,
        learning_rate=2e-3,
        final=0.0,
        validate_every=379,
        checkpoint_every=100,
        seed=SEED,
        precision="bfloat16",
        optimizer="muon",
    ),
    lambda: ImageTransformer(TRANSFORMER_CONFIG, generator(SEED)),
    partial(prepare, TRANSFORMER_BATCH),
    measure,
)


# --- with classes ---------------------------------------------------------------------------------


class ClassLoss(DrawnLoss):
    """The diffusion model's loss where each image comes with its class, as a row of zeros with a 1."""

    def __call__(self, model: Diffusion, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images, labels = batch
        return model.loss(self.generator, images, one_hot(labels))


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    """Classes (B,) as the conditions of the diffusion model, (B, 10)."""
    return functional.one_hot(labels, CLASSES).float()


def prepare_classes() -> Prepared:
    """All training images with their classes; validated by the loss given the class."""
    fashion = load_fashion(stand_in=False)
    train, held_out = fashion.train, fashion.validation
    batches = image_batches(train.images, DIFFUSION_BATCH, SEED, train.labels)
    parts = image_batches(held_out.images[:VALIDATED], VALIDATED, 0, held_out.labels[:VALIDATED])
    data = sha256_of(train.images, train.labels)
    return Prepared(batches, partial(class_loss, batch=parts(0)), data, ClassLoss(SEED))


@torch.no_grad()
def class_loss(model: Diffusion, batch: tuple[torch.Tensor, ...]) -> float:
    """The loss of one batch of images and labels; every call draws the same noise."""
    with measuring(model):
        return ClassLoss(SEED)(model, tuple(tensor.to(model.device) for tensor in batch)).item()


def measure_classes(model: Diffusion) -> dict:
    """How often our classifier names the class that was asked for, 20 images each, without guidance and with twice."""
    asked = torch.arange(CLASSES).repeat_interleave(ASKED)
    classifier = load_from(FASHION_CLASSIFIER)
    found = {}
    for guidance in (1.0, 2.0):
        drawn = model.sample(len(asked), generator(SEED), condition=one_hot(asked), guidance=guidance, steps=20)
        found[f"named_at_guidance_{guidance:g}"] = (classifier.labels(drawn) == asked).double().mean().item()
    return {"images": len(asked)} | found


FASHION_DIFFUSION_CLASSES = Recipe(
    "fashion_diffusion_classes",
    "Clothes by diffusion, by name of class",
    DIFFUSION_CONFIG,
    replace(FASHION_DIFFUSION.fit, steps=2_000, learning_rate=5e-4, validate_every=500, checkpoint_every=250),
    lambda: load_from(FASHION_DIFFUSION),                          # goes on from the model that sees no classes
    prepare_classes,
    measure_classes,
    cost=counted_flops,
)
