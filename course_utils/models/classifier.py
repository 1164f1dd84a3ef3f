"""A small convolutional network that names what is on an image; its last hidden layer is the space of the metrics.

Notation: B batch, N images, C channels, F features.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.image_blocks import RELU_GAIN, draw_weights
from course_utils.models.image_levels import check_images
from course_utils.models.language_model import check_targets, measuring
from course_utils.shapes import check_alike, check_counts, check_floats

READ_AT_ONCE = 500


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes: square images of `size` pixels, one stage of convolutions for each of `widths`, each halves the side."""

    classes: int = 10
    channels: int = 1
    size: int = 28
    widths: tuple[int, ...] = (32, 64)
    features: int = 64
    dropout: float = 0.3

    def __post_init__(self):
        if min(self.channels, self.features, self.size >> len(self.widths), *self.widths) < 1 or self.classes < 2:
            raise CourseError(
                f"{self}: expected 2 classes or more, other sizes of 1 or more, and a side that can be halved "
                f"{len(self.widths)} times."
            )


class Stage(nn.Module):
    """A 3 × 3 convolution, batch norm (Ioffe and Szegedy 2015), ReLU, and the largest of each 2 × 2 pixels."""

    def __init__(self, channels: int, width: int):
        check_counts(channels=channels, width=width)
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x):
        """x (B, C, H, W) to (B, width, H // 2, W // 2)."""
        check_floats(f"B {self.convolution.in_channels} H W", x=x)
        check_alike(x=x, weight=self.convolution.weight)
        if min(x.shape[2:]) < 2:
            raise CourseError(f"The map is {x.shape[2]} × {x.shape[3]}; expected sides of 2 or more to halve.")
        # the largest first, as it commutes with a ReLU: a quarter of the numbers is left to bend
        return functional.max_pool2d(self.norm(self.convolution(x)), 2).relu()


class Classifier(nn.Module):
    """Images to logits of classes by way of F features. `generator` draws the initial weights.

    Keeps the contract of `fit`: `model(images, targets) -> (logits, loss)`.
    """

    def __init__(self, config: ClassifierConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        widths = (config.channels, *config.widths)
        self.stages = nn.ModuleList(Stage(*pair) for pair in zip(widths, config.widths, strict=False))
        side = config.size >> len(config.widths)
        self.hidden = nn.Linear(widths[-1] * side**2, config.features, bias=False)
        self.norm = nn.BatchNorm1d(config.features, affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.features, config.classes)
        draw_weights(self, generator, RELU_GAIN)
        self.to(memory_format=torch.channels_last)                 # the convolutions of CPUs are faster on it

    def forward(self, images: torch.Tensor, targets: torch.Tensor | None = None):
        """images (B, C, H, W) in [−1, 1] to logits (B, classes), and the loss in nats against targets (B,), or None.

        Raises ShapeError for images of another size, CourseError for bytes and numbers outside [−1, 1].
        """
        logits = self.head(self.dropout(functional.gelu(self.hidden_vectors(images))))              # (B, classes)
        if targets is not None:
            check_targets(targets, logits)
        return logits, None if targets is None else functional.cross_entropy(logits, targets)

    def hidden_vectors(self, images: torch.Tensor) -> torch.Tensor:
        """The last hidden layer before its bend: images (B, C, H, W) to (B, F).

        Over the training images each feature has mean 0 and deviation 1, so that none counts more than another.
        """
        check_images(images, self.config.channels, self.config.size)
        x = images.contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)                                                                            # (B, C', H/2, W/2)
        return self.norm(self.hidden(x.flatten(1)))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Where the metrics look: images (N, C, H, W) in [−1, 1] to (N, F) float32, without dropout, some at a time."""
        with measuring(self):
            return torch.cat([self.hidden_vectors(part) for part in images.split(READ_AT_ONCE)])

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(N, classes) for images (N, C, H, W), without dropout; their softmax are the probabilities."""
        with torch.no_grad():
            return self.head(functional.gelu(self.features(images)))

    def labels(self, images: torch.Tensor) -> torch.Tensor:
        """(N,) the number of the likeliest class of each image."""
        return self.logits(images).argmax(dim=1)
