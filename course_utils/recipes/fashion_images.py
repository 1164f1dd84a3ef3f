"""Clothes by three families with a likelihood: a VAE, a diffusion model, a transformer over pixels; the GAN is beside.

For the comparison of lesson 14 each has a generator of about 1.0 million parameters, sees no labels, and learns for
the same number of floating-point operations: `BUDGET`. So the one that works longest over an image sees the fewest.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

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
from course_utils.recipes.base import Prepared, Recipe
from course_utils.recipes.fashion_classifier import sha256_of
from course_utils.seeding import generator
from course_utils.training import FitConfig, History, own_loss

BUDGET = 5e14                                                      # floating-point operations of a whole training
SEED = 1
VALIDATED, TESTED = 1_000, 500                                     # images
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
