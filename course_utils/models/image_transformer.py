"""A language model of images: the decoder of lesson 07 reads a picture pixel by pixel and predicts the next level.

A pixel is a token, its level the word: 256 of them. The probabilities of all levels sum to 1 at every pixel, so that
of a whole image is exact, by the chain rule. Van den Oord et al. 2016 (PixelRNN), Chen et al. 2020 (Image GPT).
Notation: B batch, N pixels of an image, V levels, D model width.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.drawn import uniform
from course_utils.models.fast_pixels import PixelSampler
from course_utils.models.image_levels import bits_per_dimension, from_levels, to_levels
from course_utils.models.language_model import check_ids, measuring
from course_utils.models.transformer import Transformer, TransformerConfig, check_context
from course_utils.shapes import check_counts, check_floats, check_shape, check_whole

NO_CLASS = -1
IMAGES_A_PASS = 64                                                 # their keys and values take 205 MB


@dataclass(frozen=True)
class ImageTransformerConfig:
    """Sizes of the model: 0.96 M parameters as it stands, for grey images of 28×28.

    size: pixels along a side. classes: how many it can be asked for, 0 for none. inner: width inside the feed-forward
    layer. levels: how many brightnesses there are.
    """

    size: int = 28
    levels: int = 256
    classes: int = 0
    width: int = 128
    heads: int = 4
    layers: int = 4
    inner: int = 640
    dropout: float = 0.0

    def __post_init__(self):
        if self.size < 1 or self.levels < 2 or self.classes < 0:
            raise CourseError(f"{self}: expected a size of 1, 2 levels and 0 classes, or more.")

    @property
    def pixels(self) -> int:
        """N, and so the length of the text."""
        return self.size * self.size

    @property
    def decoder(self) -> TransformerConfig:
        """The decoder's sizes. Its words are the levels, then one start for no class, then one for each class."""
        return TransformerConfig(
            self.levels + 1 + self.classes,
            context=self.pixels,
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            inner=self.inner,
            position="none",
            dropout=self.dropout,
        )


class PixelDecoder(Transformer):
    """The decoder of lesson 07 that is told row and column in place of a position.

    Each of its N inputs is told where the pixel stands that is to be predicted. Two tables of 28 rows learn faster than
    one of 784: what is learned about a column is learned for all its pixels.
    """

    def __init__(self, config: TransformerConfig, size: int, generator: torch.Generator):
        super().__init__(config, generator)
        self.row, self.column = nn.Embedding(size, config.width), nn.Embedding(size, config.width)
        for table in (self.row, self.column):
            nn.init.normal_(table.weight, 0.0, 1 / math.sqrt(config.width), generator)

    def embed(self, ids: torch.Tensor, first: int = 0) -> torch.Tensor:
        """ids (B, T), of which the first stands at position `first`, to the stream (B, T, D) that enters the blocks."""
        check_shape(ids, "B T", "ids")
        check_ids(ids, self.vocabulary_size, "ids")
        check_counts(0, first=first)
        check_context(first + ids.shape[1], self.context)
        size = self.row.num_embeddings
        places = torch.arange(first, first + ids.shape[1], device=ids.device)
        told = self.row(places // size) + self.column(places % size)                # (T, D)
        return self.dropout(self.embedding(ids) + told)


class ImageTransformer(nn.Module):
    """Images of one channel, from the upper left corner to the lower right, each pixel given all before it.

    Keeps the contract of image models: `sample` and `bits_per_dim`; and that of `fit`: `forward` gives logits and loss.
    `generator` draws the initial weights.
    """

    def __init__(self, config: ImageTransformerConfig, generator: torch.Generator):
        super().__init__()
        self.config, self.context = config, config.pixels
        self.decoder = PixelDecoder(config.decoder, config.size, generator)

    @property
    def parameter_count(self) -> int:
        """How many numbers the model consists of."""
        return self.decoder.parameter_count

    def flops_per_token(self, length: int) -> float:
        """Multiplications and additions of a forward pass over `length` pixels, per pixel: those of the decoder."""
        return self.decoder.flops_per_token(length)

    # --- likelihood

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None):
        """images (B, 1, H, W) in [−1, 1], labels (B,) or None, to logits (B, N, V) and the loss, nats per pixel.

        A label of −1 is no class: leave a tenth of them out in training, and the model can do without as well.
        """
        levels = self.read_levels(images)                                           # (B, N)
        check_counts(images=len(levels))
        starts = self.starts(len(levels), labels)                                   # (B, 1)
        logits = self.level_logits(torch.cat([starts, levels[:, :-1]], dim=1))
        return logits, functional.cross_entropy(logits.flatten(0, 1), levels.flatten())

    def level_logits(self, ids: torch.Tensor) -> torch.Tensor:
        """ids (B, T), the first a start, to the logits (B, T, V) of the level after each.

        A start can never follow: it has no logit, and the probabilities of the levels alone sum to 1.
        """
        logits, _ = self.decoder.run(ids)
        return logits[..., : self.config.levels]

    def read_levels(self, images: torch.Tensor) -> torch.Tensor:
        """images (B, 1, H, W) to their levels (B, N), row after row. Raises what `to_levels` raises."""
        check_shape(images, f"B 1 {self.config.size} {self.config.size}", "images")
        return to_levels(images, self.config.levels).flatten(1).to(self.decoder.device)

    def starts(self, count: int, labels: torch.Tensor | None) -> torch.Tensor:
        """(B, 1) the id that each image begins with, which tells its class. Raises where there is no such class."""
        check_counts(0, count=count)
        if labels is None:
            labels = torch.full((count,), NO_CLASS)
        check_shape(labels, f"{count}", "labels")
        if count and not NO_CLASS <= int(labels.min()) <= int(labels.max()) < self.config.classes:
            raise CourseError(
                f"labels go from {int(labels.min())} to {int(labels.max())}; expected one of {self.config.classes} "
                f"classes, from 0 on, or {NO_CLASS} for none."
            )
        return (self.config.levels + 1 + labels.long())[:, None].to(self.decoder.device)

    def bits_per_dim(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """(B,) bits a pixel that each image costs: −log₂ p(image) / N, exact, on the CPU, without dropout."""
        if labels is not None:
            check_whole(f"{len(images)}", labels=labels)
        parts = torch.arange(len(images)).split(IMAGES_A_PASS)
        with measuring(self):
            nats = [self._nats(images[part], None if labels is None else labels[part]) for part in parts]
        return bits_per_dimension(torch.cat(nats), images)

    def _nats(self, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """(B,) −ln p(image)."""
        logits, _ = self(images, labels)
        levels = self.read_levels(images)
        return functional.cross_entropy(logits.transpose(1, 2), levels, reduction="none").sum(dim=1).cpu()

    # --- drawing

    def sample(self, count: int, generator: torch.Generator, labels: torch.Tensor | None = None) -> torch.Tensor:
        """(B, 1, H, W) new images in [−1, 1], of the classes that labels (B,) name: N steps with a cache."""
        check_counts(0, count=count)
        nothing = torch.empty(count, 0, dtype=torch.int64, device=self.decoder.device)
        return self._drawn(nothing, generator, labels)

    def complete(
        self, images: torch.Tensor, rows: int, generator: torch.Generator, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """images (B, 1, H, W) of which the first `rows` rows stay and the others are drawn anew, given what stays.

        It can only go on: to keep the lower half and draw the upper one is beyond this model.
        """
        if not 0 <= rows <= self.config.size:
            raise CourseError(f"rows is {rows}; expected 0 to {self.config.size}, the height of an image.")
        return self._drawn(self.read_levels(images)[:, : rows * self.config.size], generator, labels)

    def _drawn(self, given: torch.Tensor, generator: torch.Generator, labels: torch.Tensor | None) -> torch.Tensor:
        """Levels (B, P) that stand, and what follows them, as images (B, 1, H, W)."""
        if len(given) == 0:
            raise CourseError("0 images were asked for; expected 1 or more.")
        text = torch.cat([self.starts(len(given), labels), given], dim=1)           # (B, 1 + P)
        with measuring(self):
            levels = [self._go_on(part, generator) for part in text.split(IMAGES_A_PASS)]
        side = self.config.size
        return from_levels(torch.cat(levels), self.config.levels).view(-1, 1, side, side)

    def _go_on(self, text: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """text (B, 1 + P), a start and P levels, to all N levels (B, N). What was read is never read again."""
        sampler, given = PixelSampler(self.decoder, len(text)), text.shape[1]
        chance = uniform((len(text), self.config.pixels), generator, text.device)   # one number for each pixel
        for pixel in range(self.config.pixels):
            logits = sampler.read(text[:, pixel])[:, : self.config.levels]
            if pixel + 1 >= given:
                text = torch.cat([text, level_at(logits.softmax(dim=-1), chance[:, [pixel]])], dim=1)
        return text[:, 1:].cpu()


def level_at(probabilities: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """(B, 1) the level on whose piece of the line from 0 to 1 the number `chance` (B, 1) falls; pieces (B, V).

    So an image depends on its own numbers alone, and not on how many are drawn beside it.
    """
    check_floats("B V+, B 1", probabilities=probabilities, chance=chance)
    levels = torch.searchsorted(probabilities.cumsum(dim=-1), chance, right=True)
    return levels.clamp(max=probabilities.shape[-1] - 1)           # where rounding leaves the end below 1
