"""From images to the batches of `fit`. A source of batches is a function of the step and holds no state of its own."""

from collections.abc import Callable
from functools import lru_cache

import torch

from course_utils.errors import CourseError
from course_utils.images.pixels import to_float
from course_utils.seeding import generator
from course_utils.shapes import check_counts, check_shape, check_shapes
from course_utils.text.batches import Batches, mixed


def image_batches(images: torch.Tensor, batch: int, seed: int, labels: torch.Tensor | None = None) -> Batches:
    """Batches of B images for each step: `(images,)`, or `(images, labels)` where labels are given.

    images (N, C, H, W) uint8, labels (N,) int64; a batch is float32 in [-1, 1]. Every image comes once an epoch, in an
    order of the epoch's own. All batches are of B images: one that an epoch leaves unfilled is filled from the next.
    Raises CourseError where there are no images, for `batch` below 1, for labels of another number, and for a step
    below 0.
    """
    _check(images, batch, labels)
    rows_of = epoch_rows(len(images), batch, seed)

    def at(step: int) -> tuple[torch.Tensor, ...]:
        rows = rows_of(step)
        pixels = to_float(images[rows])                            # (B, C, H, W)
        return (pixels,) if labels is None else (pixels, labels[rows])

    return at


def epoch_rows(count: int, batch: int, seed: int) -> Callable[[int], torch.Tensor]:
    """Which B of `count` rows are the batch of a step: a function of the step, see `image_batches`."""
    check_counts(count=count, batch=batch)

    @lru_cache(maxsize=2)                                          # a batch may reach from one epoch into the next
    def order(epoch: int) -> torch.Tensor:
        return torch.randperm(count, generator=generator(mixed(seed, epoch)))

    def at(step: int) -> torch.Tensor:
        if step < 0:
            raise CourseError(f"expected a step of 0 or more, got {step}.")
        first, last = step * batch, (step + 1) * batch             # places in the row of all epochs
        epochs = range(first // count, (last - 1) // count + 1)
        places = (slice(max(first - epoch * count, 0), last - epoch * count) for epoch in epochs)
        return torch.cat([order(epoch)[place] for epoch, place in zip(epochs, places, strict=True)])   # (B,)

    return at


def mirror(images: torch.Tensor, may: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Half of the images (B, C, H, W) that may be mirrored (B,), left for right."""
    check_shapes("B C H W, B", images=images, may=may)
    if may.dtype != torch.bool:
        raise CourseError(f"may is {may.dtype}; expected torch.bool, True for an image that may be mirrored.")
    chosen = may & (torch.rand(len(images), generator=random) < 0.5)
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def _check(images: torch.Tensor, batch: int, labels: torch.Tensor | None) -> None:
    check_shape(images, "N C H W", "images")
    if images.dtype != torch.uint8:
        raise CourseError(f"images are {images.dtype}; expected uint8, levels 0 to 255, as the corpora have them.")
    if not len(images) or batch < 1:
        raise CourseError(f"expected at least one image and a batch of at least 1; got {len(images)} and {batch}.")
    if labels is not None and labels.shape != (len(images),):
        raise CourseError(f"labels have shape {tuple(labels.shape)}; expected ({len(images)},), one for each image.")
