"""Four families of image models on one yardstick: the same images to learn from, the same features to be judged in.

A family is compared by images it has drawn, `DRAWN` of them for each of three seeds. Drawing takes the transformer and
the diffusion model minutes: theirs are kept in `data/results/image_samples.npz`, by `python -m tools.image_samples`,
and a test draws some of them again. Floor and ceiling stand beside: real images, and images nobody would take for such.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from course_utils import recipes
from course_utils.checkpoints import CheckpointError
from course_utils.errors import CourseError
from course_utils.image_metrics import (
    Estimate,
    KernelDistance,
    density_and_coverage,
    frechet_distance,
    kernel_distance,
    label_entropy,
    precision_and_recall,
)
from course_utils.images.corpora import ImagePart, load_fashion
from course_utils.images.pixels import to_bytes, to_float
from course_utils.paths import RESULTS
from course_utils.seeding import generator
from course_utils.shapes import check_shape

FAMILIES = {
    "VAE": "fashion_vae",
    "GAN": "fashion_gan",
    "diffusion": "fashion_diffusion",
    "transformer": "fashion_transformer",
}
KEPT = ("diffusion", "transformer")                                # the others draw all they need in seconds
SAMPLES = RESULTS / "image_samples.npz"
DRAWN, SEEDS = 500, (1, 2, 3)
SUBSET = 100                                                       # rows of a subset of KID


# --- what is judged -------------------------------------------------------------------------------


@cache
def load(family: str):
    """The shipped model of a family. Raises CourseError for a name that there is not."""
    if family not in FAMILIES:
        raise CourseError(f"There is no family {family!r}; there are {', '.join(FAMILIES)}.")
    return recipes.load(FAMILIES[family])


def drawing_network(family: str) -> torch.nn.Module:
    """The part of a family's model that makes the images, without what only helps it to learn."""
    model = load(family)
    return {"VAE": lambda: model.decoder, "GAN": lambda: model.generator}.get(family, lambda: model)()


def draw(family: str, count: int, seed: int) -> torch.Tensor:
    """The first `count` images of a family for a seed, drawn now: (count, 1, 28, 28) uint8."""
    return to_bytes(load(family).sample(count, generator(seed)))


def kept(family: str, seed: int) -> torch.Tensor:
    """All images of a family for a seed, (DRAWN, 1, 28, 28) uint8: from the file where it holds them, drawn otherwise.

    Raises CheckpointError where the file is missing.
    """
    if family not in KEPT:
        return draw(family, DRAWN, seed)
    if not SAMPLES.exists():
        raise CheckpointError(f"{SAMPLES.name} is missing; make it with `python -m tools.image_samples`.")
    with np.load(SAMPLES, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays[f"{family}_{seed}"])


def real(count: int, seed: int) -> torch.Tensor:
    """Training images drawn at random, (count, 1, 28, 28) uint8: as good as a model could be."""
    images = load_fashion(stand_in=False).train.images
    return images[torch.randperm(len(images), generator=generator(seed))[:count]]


def pixel_gaussian(count: int, seed: int) -> torch.Tensor:
    """Each pixel from the normal distribution of that pixel over the training images, alone: what a model has to beat.

    (count, 1, 28, 28) uint8, cut at black and white.
    """
    images = to_float(load_fashion(stand_in=False).train.images[:10_000])
    drawn = images.mean(dim=0) + images.std(dim=0) * torch.randn(count, *images.shape[1:], generator=generator(seed))
    return to_bytes(drawn.clamp(-1, 1))


def class_means(count: int, seed: int) -> torch.Tensor:
    """The mean image of a class that is drawn at random, (count, 1, 28, 28) uint8: plausible, and ten images in all."""
    train = load_fashion(stand_in=False).train
    means = torch.stack([to_float(train.images[train.labels == label]).mean(dim=0) for label in range(10)])
    return to_bytes(means[torch.randint(10, (count,), generator=generator(seed))])


REFERENCES: dict[str, Callable[[int, int], torch.Tensor]] = {
    "real images": real,
    "class means": class_means,
    "pixel noise": pixel_gaussian,
}


def images_of(name: str, seed: int) -> torch.Tensor:
    """What a family or a reference is judged by, (DRAWN, 1, 28, 28) uint8."""
    return REFERENCES[name](DRAWN, seed) if name in REFERENCES else kept(name, seed)


# --- the yardstick --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageMeasures:
    """What is measured of N generated images; each against the test images, in the features of our classifier.

    frechet and kernel are distances, 0 is best; the others are shares, 1 is best, but for density, where real images
    have about 1, and label_entropy, in bits, where ten classes of equal size have log₂ 10 = 3.32.
    """

    frechet: Estimate
    kernel: KernelDistance
    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate
    label_entropy: Estimate


class Yardstick:
    """Test images in the features of the shipped classifier, and what they say of generated ones."""

    def __init__(self, test: ImagePart | None = None):
        self.classifier = recipes.load("fashion_classifier")
        test = load_fashion(stand_in=False).test if test is None else test
        self.features = self.classifier.features(to_float(test.images))                 # (N, 64)

    def measure(self, images: torch.Tensor, seed: int = 0) -> ImageMeasures:
        """images (N, 1, 28, 28) uint8. The distances are to all test images, the shares against as many as N.

        Raises ShapeError for another shape, CourseError for too few images: see `image_metrics`.
        """
        check_shape(images, "N 1 28 28", "images")
        rows, random = self.classifier.features(to_float(images)), generator(seed)
        as_many = self.features[: len(rows)]
        precision, recall = precision_and_recall(as_many, rows)
        density, coverage = density_and_coverage(as_many, rows, random)
        return ImageMeasures(
            frechet_distance(self.features, rows, random),
            kernel_distance(self.features, rows, random, SUBSET),
            precision,
            recall,
            density,
            coverage,
            label_entropy(self.classifier.labels(to_float(images)), 10, random),
        )


def over_seeds(yardstick: Yardstick, name: str) -> list[ImageMeasures]:
    """The measures of a family or a reference, one for each seed."""
    return [yardstick.measure(images_of(name, seed), seed) for seed in SEEDS]


def mean_and_spread(values: list[float]) -> tuple[float, float]:
    """The mean of a few runs and half of what lies between the least and the greatest: three say no more."""
    return sum(values) / len(values), (max(values) - min(values)) / 2
