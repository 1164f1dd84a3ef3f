"""A reader of emoji, image to the vector of a name, so that it can be counted which name a generated image fits.

It learns from real emoji alone and never sees a generated one. The names become vectors by MiniLM.
"""

from functools import cache
from pathlib import Path

import torch
from torch.nn import functional

from course_utils.encoders import load_minilm
from course_utils.images.corpora import NamedImagePart, load_emoji
from course_utils.images.emoji import WORDINGS, emoji_batches, premultiplied, wordings
from course_utils.intervals import wilson_interval
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.recipes.base import Prepared, Recipe, by_fit, counted_flops, sha256
from course_utils.recipes.fashion_classifier import WHOLE_BATCHES, sha256_of
from course_utils.seeding import generator
from course_utils.semantic_search import rank_of
from course_utils.training import FitConfig, History

SEED, BATCH = 1, 128
WIDTH = 384                                                        # numbers in a vector of MiniLM
SHARPNESS = 10.0                                                   # of the softmax over cosines
AMONG = 5                                                          # a name among the first so many is found
CONFIG = ClassifierConfig(classes=WIDTH, channels=4, size=32, widths=(32, 64, 128), features=128)
FIT = FitConfig(
    steps=1_500, learning_rate=2e-3, final=0.0, weight_decay=0.1, validate_every=150, checkpoint_every=150, seed=SEED
)

# --- names ------------------------------------------------------------------------------------------


@cache
def name_vectors(part: str, ways: int = len(WORDINGS)) -> torch.Tensor:
    """(N, W, 384) the vectors by MiniLM of the names of a part, train, validation or test, in the first W wordings.

    The first is the name itself, so that `ways` 1 is enough, and quick, where nothing is to be learned.
    """
    emoji = getattr(load_emoji(), part)
    texts = [wordings(*both)[:ways] for both in zip(emoji.names, emoji.short_names, strict=True)]
    different = sorted({text for row in texts for text in row})
    place = {text: number for number, text in enumerate(different)}
    rows = torch.tensor([[place[text] for text in row] for row in texts])
    return load_minilm().vectors(different)[rows]


def centred(vectors: torch.Tensor, common: torch.Tensor) -> torch.Tensor:
    """Vectors (…, 384) less what all names have in common (384,), of length 1: only what tells them apart is left."""
    return functional.normalize(vectors - common, dim=-1)


def data_of(part: NamedImagePart) -> str:
    """The sha256 of images and names."""
    return sha256(sha256_of(part.images), *part.names, *part.short_names)


# --- what the reader says ---------------------------------------------------------------------------


class NameReader(Classifier):
    """Images to the vectors of names, less their mean: `common` (384,), which is kept with the weights.

    It is that of all wordings of all training names, and to find it again takes half a minute.
    """

    def __init__(self, config: ClassifierConfig, generator: torch.Generator):
        super().__init__(config, generator)
        self.register_buffer("common", torch.zeros(config.classes))


def fits(reader: NameReader, images: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
    """(B, N) cosines: how well each name, vectors (N, 384), fits each image (B, 4, 32, 32), to the reader."""
    return functional.normalize(reader.logits(images), dim=1) @ centred(names, reader.common).T


def ranks(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(B,) the place, from 1, of the right name (B,) among scores (B, N); of equal scores it comes last."""
    return torch.tensor([rank_of(row, int(one)) for row, one in zip(scores, right, strict=True)])


def categories(reader: NameReader, images: torch.Tensor) -> torch.Tensor:
    """(B,) the category of each image: of the eight means of training names, the one that it fits best."""
    names, labels = name_vectors("train").mean(dim=1), load_emoji().train.labels
    means = torch.stack([names[labels == label].mean(dim=0) for label in range(len(load_emoji().classes))])
    return fits(reader, images, means).argmax(dim=1)


def found(ranked: torch.Tensor) -> tuple[float, float, float]:
    """The share of ranks (N,) that are among the first five, with Wilson's interval of 95 %."""
    right = int((ranked <= AMONG).sum())
    return (right / len(ranked), *wilson_interval(right, len(ranked)))


# --- how it learns ----------------------------------------------------------------------------------


def name_loss(reader: NameReader, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Which name of the batch belongs to each image, in nats: the softmax over their cosines. Radford et al. 2021.

    batch: images (B, 4, 32, 32) and the vectors of their names (B, 384).
    """
    images, names = batch
    seen = functional.normalize(reader(images)[0], dim=1)                               # (B, 384)
    own = torch.arange(len(images), device=images.device)
    return functional.cross_entropy(SHARPNESS * seen @ centred(names, reader.common).T, own)


@torch.no_grad()
def held_out_loss(reader: NameReader) -> float:
    """The loss on all validation emoji at once."""
    device = reader.head.weight.device
    images = premultiplied(load_emoji().validation.images).to(device)
    scores = SHARPNESS * fits(reader, images, name_vectors("validation")[:, 0].to(device))
    return functional.cross_entropy(scores, torch.arange(len(images), device=device)).item()


def prepare() -> Prepared:
    """All training emoji, shifted and mirrored a little, with all wordings of their names."""
    train = load_emoji().train
    return Prepared(emoji_batches(train, name_vectors("train"), BATCH, SEED), held_out_loss, data_of(train), name_loss)


def learn(recipe: Recipe, reader: NameReader, prepared: Prepared, folder: Path) -> History:
    """First what the training names have in common, then by `fit`."""
    reader.common.copy_(name_vectors("train").mean(dim=(0, 1)))
    return by_fit(recipe, reader, prepared, folder)


def measure(reader: NameReader) -> dict:
    """Of test emoji it never saw: is the name among the first five of all test names, is the category right?"""
    test = load_emoji().test
    images, rows = premultiplied(test.images), torch.arange(len(test))
    top, low, high = found(ranks(fits(reader, images, name_vectors("test", 1)[:, 0]), rows))
    right = (categories(reader, images) == test.labels).float().mean().item()
    return {
        "test_names": len(test),
        "top5": top,
        "top5_low": low,
        "top5_high": high,
        "top5_chance": AMONG / len(test),
        "category": right,
    }


EMOJI_READER = Recipe(
    "emoji_reader",
    "Emoji to the vectors of their names",
    CONFIG,
    FIT,
    lambda: NameReader(CONFIG, generator(SEED)),
    prepare,
    measure,
    train=learn,
    cost=counted_flops,
    alone=WHOLE_BATCHES,
)
