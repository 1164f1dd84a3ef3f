"""Images of clothes to the names of their ten classes: the network in whose features images are compared."""

import hashlib
from functools import partial

import torch
from torch.nn import functional

from course_utils.images.batches import image_batches, mirror
from course_utils.images.corpora import load_fashion
from course_utils.images.pixels import to_float
from course_utils.intervals import wilson_interval
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.recipes.base import Prepared, Recipe, counted_flops
from course_utils.seeding import generator
from course_utils.text.batches import Batches, mixed
from course_utils.training import FitConfig

BATCH, EPOCH_STEPS, EPOCHS = 128, 430, 20                          # of 55,000 training images
SEED = 1
WHOLE_BATCHES = "batch norm takes its means over a whole batch"    # why several processes cannot share it
CONFIG = ClassifierConfig()
FIT = FitConfig(
    steps=EPOCHS * EPOCH_STEPS,
    learning_rate=2e-3,
    final=0.0,
    weight_decay=0.05,
    validate_every=EPOCH_STEPS,
    checkpoint_every=EPOCH_STEPS,
    seed=SEED,
)


def prepare() -> Prepared:
    """All training images in batches of 128, half of them mirrored; validated in nats per label."""
    fashion = load_fashion(stand_in=False)
    train, validation = fashion.train, fashion.validation
    batches = mirrored(image_batches(train.images, BATCH, SEED, train.labels), SEED)
    data = sha256_of(train.images, train.labels)
    return Prepared(batches, partial(nats_per_label, images=validation.images, labels=validation.labels), data)


def mirrored(batches: Batches, seed: int) -> Batches:
    """The same batches with about half of the images (B, C, H, W) turned left to right: a shoe stays a shoe."""

    def at(step: int) -> tuple[torch.Tensor, ...]:
        images, *others = batches(step)
        all_may = torch.ones(len(images), dtype=torch.bool)
        return mirror(images, all_may, generator(mixed(seed, step))), *others

    return at


def sha256_of(*tensors: torch.Tensor) -> str:
    """The sha256 of the bytes of tensors, one after another."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def nats_per_label(model: Classifier, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean −ln p of the true labels (N,) of images (N, 1, 28, 28) uint8."""
    device = model.head.weight.device
    return functional.cross_entropy(model.logits(to_float(images).to(device)), labels.to(device)).item()


def measure(model: Classifier) -> dict:
    """The share of test images that it names rightly, with Wilson's interval of 95 %, and nats per label."""
    test = load_fashion(stand_in=False).test
    right, count = int((model.labels(to_float(test.images)) == test.labels).sum()), len(test.labels)
    low, high = wilson_interval(right, count)
    return {
        "test_images": count,
        "accuracy": right / count,
        "accuracy_low": low,
        "accuracy_high": high,
        "nats": nats_per_label(model, test.images, test.labels),
    }


FASHION_CLASSIFIER = Recipe(
    "fashion_classifier",
    "Images of clothes to their classes",
    CONFIG,
    FIT,
    lambda: Classifier(CONFIG, generator(SEED)),
    prepare,
    measure,
    cost=counted_flops,
    alone=WHOLE_BATCHES,
)
