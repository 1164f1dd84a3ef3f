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

from course_utils.image_metrics import bits_per_dim
from course_utils.images.batches import image_batches
from course_utils.images.corpora import load_fashion
from course_utils.images.pixels import to_float
from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.drawn import DrawnLoss
from course_utils.models.image_transformer import ImageTransformer, ImageTransformerConfig
from course_utils.models.language_model import measuring
from course_utils.models.unet import UNetConfig
from course_utils.models.vae import VAE, VAEConfig
from course_utils.recipes.base import Prepared, Recipe, counted_flops, load_from
from course_utils.recipes.fashion_classifier import FASHION_CLASSIFIER, sha256_of
from course_utils.seeding import generator
from course_utils.training import FitConfig, own_loss

BUDGET = 5e14                                                      # floating-point operations of a whole training
SEED, BATCH = 1, 128
VALIDATED, TESTED = 1_000, 500                                     # images
ASKED = 20                                                         # of each class
CLASSES = 10
OWN_NOISE = partial(DrawnLoss, SEED)                               # the model's own loss, with noise of one seed
DRAWN = "noise is drawn for a whole batch"                         # why several processes cannot share it

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
    """The loss of images (N, C, H, W) without conditions, averaged some at a time; every call draws the same noise."""
    loss, total = make_loss(), 0.0
    with measuring(model):
        for part in images.split(batch):
            total += loss(model, (part.to(next(model.parameters()).device),)).item() * len(part)
    return total / len(images)


def measure(model: nn.Module) -> dict:
    """Bits per dimension of the first 500 test images, with the bootstrap's interval of 95 %."""
    bits = model.bits_per_dim(to_float(load_fashion(stand_in=False).test.images[:TESTED]))           # (N,)
    found = bits_per_dim(bits, generator(SEED))
    return {
        "test_images": found.count,
        "bits_per_dim": found.value,
        "bits_per_dim_low": found.low,
        "bits_per_dim_high": found.high,
    }


def fit_config(steps: int) -> FitConfig:
    """How a family learns: the rate falls to 0, so that the last weights are no worse than an average of many."""
    return FitConfig(
        steps=steps,
        learning_rate=1e-3,
        final=0.0,
        validate_every=steps // 10,
        checkpoint_every=steps // 20,
        seed=SEED,
        precision="bfloat16",
    )


# --- the three ------------------------------------------------------------------------------------

VAE_CONFIG = VAEConfig(latent=64)
FASHION_VAE = Recipe(
    "fashion_vae",
    "Clothes by a variational autoencoder",
    VAE_CONFIG,
    fit_config(7_460),
    lambda: VAE(VAE_CONFIG, generator(SEED)),
    partial(prepare, BATCH, OWN_NOISE),
    measure,
    cost=counted_flops,
    alone=DRAWN,
)

DIFFUSION_CONFIG = DiffusionConfig(network=UNetConfig(condition=CLASSES))      # lesson 13 goes on with the classes
FASHION_DIFFUSION = Recipe(
    "fashion_diffusion",
    "Clothes by diffusion",
    DIFFUSION_CONFIG,
    fit_config(7_760),
    lambda: Diffusion(DIFFUSION_CONFIG, generator(SEED)),
    partial(prepare, BATCH, OWN_NOISE),
    measure,
    cost=counted_flops,
    alone=DRAWN,
)

TRANSFORMER_CONFIG = ImageTransformerConfig(classes=CLASSES)                   # lesson 14 goes on with the classes
FASHION_TRANSFORMER = Recipe(
    "fashion_transformer",
    "Clothes by a transformer over pixels",
    TRANSFORMER_CONFIG,
    replace(fit_config(1_894), learning_rate=2e-3, validate_every=379, checkpoint_every=100, optimizer="muon"),
    lambda: ImageTransformer(TRANSFORMER_CONFIG, generator(SEED)),
    partial(prepare, BATCH // 4),                                              # 784 tokens each
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
    batches = image_batches(train.images, BATCH, SEED, train.labels)
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
    alone=DRAWN,
)
