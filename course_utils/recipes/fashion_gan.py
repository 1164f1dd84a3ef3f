"""Clothes by a generative adversarial network, for as many operations as its rivals in `fashion_images`."""

import copy
from dataclasses import dataclass
from pathlib import Path

from course_utils.adversarial import Game, GameConfig, play
from course_utils.devices import device, gpu_label
from course_utils.flops import counted
from course_utils.image_metrics import frechet_distance
from course_utils.images.corpora import load_fashion
from course_utils.images.pixels import to_float
from course_utils.models.gan import GAN, GANConfig
from course_utils.recipes.base import Prepared, Recipe, load_from
from course_utils.recipes.fashion_classifier import FASHION_CLASSIFIER
from course_utils.recipes.fashion_images import SEED, prepare
from course_utils.seeding import generator
from course_utils.training import History

COMPARED = 1_000                                                   # generated images, and as many real ones


@dataclass(frozen=True)
class GameFit:
    """How the game is played: `steps` steps on `batch` real images each; kept every `checkpoint_every` steps."""

    game: GameConfig
    steps: int
    batch: int
    checkpoint_every: int

    @property
    def seed(self) -> int:
        """Of the latent codes."""
        return self.game.seed


CONFIG = GANConfig()
FIT = GameFit(
    GameConfig(
        generator_rate=4e-4,
        discriminator_rate=4e-4,
        r1=1.0,
        r1_every=8,
        average=0.999,
        precision="bfloat16",
        seed=SEED,
    ),
    steps=14_100,
    batch=64,
    checkpoint_every=2_000,
)


def train(recipe: Recipe, model: GAN, prepared: Prepared, folder: Path) -> History:
    """Play to the end, going on from `folder`; afterwards the model's generator is the average of all its steps.

    On a GPU where there is one; the model is brought back.
    """
    home = next(model.parameters()).device
    model.to(device())
    game = Game(model.generator, model.discriminator, recipe.fit.game)
    game.resume(folder)

    def keep(steps: int) -> None:
        if steps % recipe.fit.checkpoint_every == 0 or steps == recipe.fit.steps:
            game.save(folder)

    played = play(game, prepared.batches, recipe.fit.steps - game.history.steps, keep)
    model.generator.load_state_dict(game.average.state_dict())
    model.to(home)
    return History(played.generator, seconds=played.seconds, interrupted=played.interrupted, device=gpu_label())


def game_flops(model: GAN, prepared: Prepared, history: History) -> float:
    """Floating-point operations of the training: those of a round with one R1 penalty, counted, times the rounds."""
    players = copy.deepcopy((model.generator, model.discriminator))  # counting plays some rounds
    game, turns = Game(*players, FIT.game), FIT.game.r1_every
    real = prepared.batches(0)[0]
    return counted(lambda: [game.step(real) for _ in range(turns)]) / turns * history.steps


def measure(model: GAN) -> dict:
    """The Fréchet distance of 1,000 generated images from 1,000 test images, with its interval of 95 %."""
    features = load_from(FASHION_CLASSIFIER).features
    real = features(to_float(load_fashion(stand_in=False).test.images[:COMPARED]))
    found = frechet_distance(real, features(model.sample(COMPARED, generator(SEED))), generator(SEED))
    return {"images": COMPARED, "frechet": found.value, "frechet_low": found.low, "frechet_high": found.high}


FASHION_GAN = Recipe(
    "fashion_gan",
    "Clothes by a generative adversarial network",
    CONFIG,
    FIT,
    lambda: GAN(CONFIG, generator(SEED)),
    lambda: prepare(FIT.batch),
    measure,
    train=train,
    cost=game_flops,
    alone="it is a game of two players, and no single loss",
)
