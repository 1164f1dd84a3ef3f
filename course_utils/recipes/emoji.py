"""Text to emoji: a U-Net that takes noise out of emoji, told by the vector of a name which one it is to be.

How well an image fits the name that was asked for is said by the reader of `emoji_reader`.
"""

from functools import partial

import torch

from course_utils.image_metrics import nearest_training
from course_utils.images.corpora import load_emoji
from course_utils.images.emoji import emoji_batches, premultiplied
from course_utils.intervals import bootstrap_interval, mean
from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.unet import UNetConfig
from course_utils.recipes.base import Prepared, Recipe, counted_flops, load_from
from course_utils.recipes.emoji_reader import (
    AMONG,
    EMOJI_READER,
    SEED,
    categories,
    data_of,
    fits,
    found,
    name_vectors,
    ranks,
)
from course_utils.recipes.fashion_images import DRAWN, OWN_NOISE, mean_loss
from course_utils.seeding import generator
from course_utils.training import FitConfig

BATCH = 256
GUIDANCE, STEPS, DRAWS = 3.0, 25, 2                                # of a sample; images for each held-out name
CONFIG = DiffusionConfig(network=UNetConfig(channels=4, size=32, widths=(80, 152), steering=256, condition=384))
# validated at the end alone, so that the last weights are kept: wanted are pictures, not a low loss on unseen names
FIT = FitConfig(
    steps=9_000, learning_rate=2e-3, final=0.0, checkpoint_every=1_000, seed=SEED, precision="bfloat16"
)


def prepare() -> Prepared:
    """All training emoji with all wordings of their names; validated by the loss on the
    validation emoji, without their names.
    """
    train, held_out = load_emoji().train, load_emoji().validation
    batches = emoji_batches(train, name_vectors("train"), BATCH, SEED)
    validate = partial(mean_loss, images=premultiplied(held_out.images), batch=BATCH, make_loss=OWN_NOISE)
    return Prepared(batches, validate, data_of(train), OWN_NOISE())


def draw(
    model: Diffusion, vectors: torch.Tensor, seed: int, guidance: float = GUIDANCE, steps: int = STEPS
) -> torch.Tensor:
    """An emoji (N, 4, 32, 32) in [−1, 1] for each of the vectors (N, 384) of names, colours times opacity."""
    return model.sample(len(vectors), generator(seed), condition=vectors, guidance=guidance, steps=steps)


def namesakes(vectors: torch.Tensor) -> torch.Tensor:
    """(N,) the number of the training emoji whose name is nearest in meaning to each of the vectors (N, 384)."""
    return (vectors @ name_vectors("train", 1)[:, 0].T).argmax(dim=1)


def distance(images: torch.Tensor) -> torch.Tensor:
    """(N,) how far each image (N, 4, 32, 32) is from the nearest training emoji: root of the mean square, of 2 at most.

    Both with colours times opacity.
    """
    training = premultiplied(load_emoji().train.images).flatten(1)                      # (M, 4096)
    near = nearest_training(images.flatten(1), training)
    return torch.from_numpy(near.distance) / training.shape[1] ** 0.5


def measure(model: Diffusion) -> dict:
    """Emoji for test names that it never saw: do they fit the name, and the category? Are they copies?

    Beside it, by the same reader: the real test emoji, and the training emoji whose name is nearest.
    """
    reader, test, emoji = load_from(EMOJI_READER), load_emoji().test, load_emoji()
    names, rows = name_vectors("test", 1)[:, 0], torch.arange(len(test))
    drawn = torch.cat([draw(model, names, SEED + number) for number in range(DRAWS)])   # (DRAWS · N, 4, 32, 32)
    hits = (ranks(fits(reader, drawn, names), rows.repeat(DRAWS)) <= AMONG).reshape(DRAWS, -1).float().mean(dim=0)
    low, high = bootstrap_interval(hits.numpy(), mean, generator(SEED))                 # over names
    copied, real = premultiplied(emoji.train.images[namesakes(names)]), premultiplied(test.images)
    return {
        "test_names": len(test),
        "draws": DRAWS,
        "top5": hits.mean().item(),
        "top5_low": low,
        "top5_high": high,
        "top5_chance": AMONG / len(test),
        "top5_real": found(ranks(fits(reader, real, names), rows))[0],
        "top5_namesake": found(ranks(fits(reader, copied, names), rows))[0],
        "category": (categories(reader, drawn) == test.labels.repeat(DRAWS)).float().mean().item(),
        "category_real": (categories(reader, real) == test.labels).float().mean().item(),
        "nearest": distance(drawn).mean().item(),
        "nearest_real": distance(real).mean().item(),
    }


EMOJI = Recipe(
    "emoji",
    "Names to emoji, by diffusion",
    CONFIG,
    FIT,
    lambda: Diffusion(CONFIG, generator(SEED)),
    prepare,
    measure,
    cost=counted_flops,
    alone=DRAWN,
)
