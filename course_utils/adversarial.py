"""Two players in turns: the discriminator learns to tell, the generator to be mistaken for real.

`fit` goes down one loss; here there are two, and neither has to fall. Goodfellow et al. 2014, algorithm 1. A game that
is interrupted stands where it was, and `play` goes on from there; one that is kept in a folder, after a kill as well.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn
from tqdm.auto import tqdm

from course_utils import checkpoints
from course_utils.errors import CourseError
from course_utils.interrupts import held_back
from course_utils.models.gan import GENERATOR_LOSSES, discriminator_loss, r1_penalty, update_average
from course_utils.parallel_training import check_alone
from course_utils.seeding import generator as seeded
from course_utils.text.batches import Batches
from course_utils.training import INTERRUPTED, TrainingError


@dataclass(frozen=True)
class GameConfig:
    """The rules. loss: the generator's, "non-saturating" or "minimax". r1: the weight γ of the R1 penalty, 0 for none.

    r1_every: it costs a second backward pass, so it may come only every so many turns, then so many times as heavy
    (Karras et al. 2020, "lazy"). discriminator_turns: for each of the generator's. average: how much of the averaged
    weights stays at a turn. betas: Adam's; a large first one carries a player on past the other's answer. precision:
    float32, or bfloat16 for the products (autocast) outside the R1 penalty. seed: of the latent codes.
    """

    loss: str = "non-saturating"
    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    r1: float = 0.0
    r1_every: int = 1
    discriminator_turns: int = 1
    average: float = 0.998
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self):
        if self.loss not in GENERATOR_LOSSES:
            raise CourseError(f"loss is {self.loss!r}; expected one of {', '.join(GENERATOR_LOSSES)}.")
        if min(self.generator_rate, self.discriminator_rate) <= 0 or self.r1 < 0 or not 0 <= self.average < 1:
            raise CourseError(f"{self}: expected rates above 0, r1 of 0 or more, and an average from 0 to below 1.")
        if min(self.r1_every, self.discriminator_turns) < 1:
            raise CourseError(f"{self}: expected r1_every and discriminator_turns of 1 or more.")
        if self.precision not in ("float32", "bfloat16"):
            raise CourseError(f"precision is {self.precision!r}; expected float32 or bfloat16.")


@dataclass
class GameHistory:
    """What happened: both losses of each step, in nats, the R1 penalties where there were any, and the seconds."""

    discriminator: list[float] = field(default_factory=list)
    generator: list[float] = field(default_factory=list)
    penalties: list[float] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.generator)


class Game:
    """Both players, their optimizers, and the average of the generator, which is the one to draw with afterwards.

    generator: has `latents(count, generator)` and gives samples (B, …) for them. discriminator: gives logits (B,).
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, config: GameConfig):
        self.generator, self.discriminator, self.config = generator, discriminator, config
        self.average = copy.deepcopy(generator).eval()
        self.generator_optimizer = adam(generator, config.generator_rate, config.betas)
        self.discriminator_optimizer = adam(discriminator, config.discriminator_rate, config.betas)
        self.random, self.history, self.turns = seeded(config.seed), GameHistory(), 0

    def step(self, real: torch.Tensor) -> None:
        """The discriminator's turn or turns on real samples (B, …), then the generator's, then the average follows."""
        real = real.to(next(self.discriminator.parameters()).device)
        losses = [self.discriminator_turn(real) for _ in range(self.config.discriminator_turns)]
        fooled = self.generator_turn(len(real))
        self.history.discriminator.append(losses[-1])              # both at once: a step that is interrupted is none
        self.history.generator.append(fooled)
        # At first the average follows fast: it should not carry the random weights of the beginning along.
        decay = min(self.config.average, self.history.steps / (self.history.steps + 10))
        update_average(self.average, self.generator, decay)

    def discriminator_turn(self, real: torch.Tensor) -> float:
        """Learn to tell real samples (B, …) from as many fakes; the loss without the penalty, in nats."""
        with self.autocast():
            with torch.no_grad():                                  # the fakes are given: nothing flows back into them
                fake = self.generator(self.generator.latents(len(real), self.random))
            real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        loss = discriminator_loss(real_logits.float(), fake_logits.float())
        value = finite(loss, "discriminator", self.history.steps)
        descend(self.discriminator_optimizer, loss + self.penalty(real))
        self.turns += 1
        return value

    def penalty(self, real: torch.Tensor) -> torch.Tensor | float:
        """γ/2 times the R1 penalty, in the turns that have it; 0 in the others."""
        config = self.config
        if config.r1 == 0 or self.turns % config.r1_every:
            return 0.0
        steepness = r1_penalty(self.discriminator, real)
        self.history.penalties.append(steepness.item())
        return config.r1 / 2 * config.r1_every * steepness

    def generator_turn(self, count: int) -> float:
        """Learn to be mistaken: as many fakes, through the discriminator as it now stands; the loss in nats."""
        with self.autocast():
            fake_logits = self.discriminator(self.generator(self.generator.latents(count, self.random)))
        loss = GENERATOR_LOSSES[self.config.loss](fake_logits.float())
        value = finite(loss, "generator", self.history.steps)
        descend(self.generator_optimizer, loss)
        return value

    def autocast(self):
        """The precision of the products."""
        device = next(self.discriminator.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    # --- being kept

    def state_dict(self) -> dict[str, dict]:
        """Every tensor that decides how the game goes on."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict()["state"],
            "discriminator_optimizer": self.discriminator_optimizer.state_dict()["state"],
            "random": {"state": self.random.get_state()},
        }

    def save(self, folder: Path) -> None:
        """Keep the game in a folder."""
        facts = {"config": asdict(self.config), "history": asdict(self.history), "turns": self.turns}
        tensors = checkpoints.flattened("game", self.state_dict())
        checkpoints.save_state(folder, self.history.steps, tensors, facts)

    def resume(self, folder: Path) -> None:
        """Go on where the folder's game stands; from the beginning where there is none.

        Raises CheckpointError where it holds a game of other rules.
        """
        kept = checkpoints.load_state(folder)
        if kept is None:
            return
        tensors, facts = kept
        if facts["config"] != json.loads(json.dumps(asdict(self.config))):
            raise checkpoints.CheckpointError(
                f"{folder.name}/ holds a game of other rules, {facts['config']}; expected {asdict(self.config)}. Name "
                "another folder, or delete that one."
            )
        self.history, self.turns = GameHistory(**facts["history"]), facts["turns"]
        self.random.set_state(tensors["game/random/state"])
        for name in ("generator", "discriminator", "average"):
            getattr(self, name).load_state_dict(checkpoints.part(f"game/{name}", tensors))
        for optimizer in ("generator_optimizer", "discriminator_optimizer"):
            own = getattr(self, optimizer)
            state = checkpoints.state_of_optimizer(checkpoints.part(f"game/{optimizer}", tensors))
            own.load_state_dict({**own.state_dict(), "state": state})


def play(game: Game, batches: Batches, steps: int, look: Callable[[int], None] | None = None) -> GameHistory:
    """Go on with the game for `steps` steps on `batches(step)`, whose first tensor holds the real samples.

    `look(steps made)` is called after each step, and may draw or keep what it sees. Ctrl-C ends it early, with
    everything in place; before the game's first step it goes on up. Raises TrainingError where a loss is not a number,
    CourseError in one of several processes: each would play the whole game.
    """
    check_alone("A game", "its players need whole batches")
    history, began = game.history, time.perf_counter()
    before, history.interrupted = history.seconds, False
    game.generator.train()
    game.discriminator.train()
    try:
        for _ in tqdm(range(steps), unit="step", leave=False):
            game.step(batches(history.steps)[0])
            history.seconds = before + time.perf_counter() - began
            if look:
                look(history.steps)
    except KeyboardInterrupt:
        if not history.steps:                                      # nothing is learned that a cell could go on with
            raise
        history.interrupted = True
        print(INTERRUPTED.format(history.steps))
    finally:
        game.generator.eval()
        game.discriminator.eval()
    return history


def adam(player: nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    """Adam on all that learns in a player. Kingma and Ba 2015."""
    with held_back():                                              # the first one has torch import its compiler
        return torch.optim.Adam(player.parameters(), rate, betas)


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One step down the loss for the optimizer's own numbers: the other player's get no gradient, and do not move."""
    own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for parameter, gradient in zip(own, torch.autograd.grad(loss, own), strict=True):
        parameter.grad = gradient
    optimizer.step()


def finite(loss: torch.Tensor, player: str, step: int) -> float:
    """The loss as a number. Raises TrainingError where it is none."""
    value = loss.item()
    if not math.isfinite(value):
        raise TrainingError(
            f"The {player}'s loss is {value} at step {step}; lower its learning rate, or give the discriminator an R1 "
            "penalty: GameConfig(r1=1.0)."
        )
    return value
