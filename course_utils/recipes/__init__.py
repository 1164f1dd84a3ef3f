"""How each shipped checkpoint was made, and how to load it. `python -m course_utils.train NAME` makes it again."""

from torch import nn

from course_utils.checkpoints import CheckpointError, read_json
from course_utils.paths import CHECKPOINTS
from course_utils.recipes.base import Prepared, Recipe, load_from
from course_utils.recipes.descriptions import DESCRIPTIONS
from course_utils.recipes.distilled import GPT_SOTU_DISTILLED, GPT_SOTU_HALF
from course_utils.recipes.emoji import EMOJI
from course_utils.recipes.emoji_reader import EMOJI_READER
from course_utils.recipes.fashion_classifier import FASHION_CLASSIFIER
from course_utils.recipes.fashion_gan import FASHION_GAN
from course_utils.recipes.fashion_images import (
    FASHION_DIFFUSION,
    FASHION_DIFFUSION_CLASSES,
    FASHION_TRANSFORMER,
    FASHION_VAE,
)
from course_utils.recipes.intents import INTENTS
from course_utils.recipes.pronunciation import G2P_ATTENTION
from course_utils.recipes.sotu import GPT_SOTU, GPT_SOTU_BPE, GRU_SOTU, LLAMA_SOTU, LSTM_SOTU, RNN_SOTU
from course_utils.recipes.translation import ES_EN
from course_utils.recipes.tunes import LSTM_TUNES

_ALL = (
    RNN_SOTU,
    GRU_SOTU,
    LSTM_SOTU,
    LSTM_TUNES,
    G2P_ATTENTION,
    GPT_SOTU,
    LLAMA_SOTU,
    GPT_SOTU_BPE,
    GPT_SOTU_HALF,
    GPT_SOTU_DISTILLED,
    DESCRIPTIONS,
    INTENTS,
    ES_EN,
    FASHION_CLASSIFIER,
    FASHION_VAE,
    FASHION_GAN,
    FASHION_DIFFUSION,
    FASHION_DIFFUSION_CLASSES,
    FASHION_TRANSFORMER,
    EMOJI_READER,
    EMOJI,
)
RECIPES = {recipe.name: recipe for recipe in _ALL}

__all__ = ["RECIPES", "Prepared", "Recipe", "about", "find", "load", "load_from"]


def find(name: str) -> Recipe:
    """The recipe of this name. Raises CheckpointError with the names there are."""
    if name not in RECIPES:
        raise CheckpointError(f"There is no checkpoint {name!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[name]


def load(name: str) -> nn.Module:
    """A shipped model, ready to be used."""
    return load_from(find(name))


def about(name: str) -> dict:
    """What is written down of a shipped model: recipe, data, seed, steps, seconds, hardware, metrics."""
    return read_json(CHECKPOINTS / f"{find(name).name}.json")
