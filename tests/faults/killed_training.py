"""What test_training_faults.py runs: trainings that are killed at random moments and started again until they are done.

    python tests/faults/killed_training.py 25 FOLDER   each of TRAININGS is killed 25 times, with all it keeps in FOLDER

A line of JSON for each run: its kills, with the steps that each left and whether it came in the middle of a save; and
whether the run ended bit for bit as the one that nobody killed.
"""

import itertools
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from course_utils import checkpoints
from course_utils.adversarial import GameConfig
from course_utils.models.drawn import DrawnLoss
from course_utils.models.gan import GAN, GANConfig
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.recipes import fashion_gan
from course_utils.recipes.base import Prepared
from course_utils.seeding import generator
from course_utils.text.batches import streams, windows
from course_utils.training import CarriedState, FitConfig, History, fit
from tests.support.untrained import denoiser, level_images, some

TEXT = torch.arange(2000) * 7 % 11                   # a rule that a network can find out
RUN = FitConfig(steps=24, learning_rate=1e-2, validate_every=6, checkpoint_every=2, seed=3)
SLOW = 0.01                                          # seconds that a slow disk takes for half a file


def gru_with_dropout(folder: Path) -> tuple[torch.nn.Module, History]:
    """Text read in order, a validation whose best weights are kept, dropout."""
    model = RecurrentLM(RecurrentConfig(11, "gru", embedding=6, width=8, layers=2, dropout=0.3), generator(1))
    validate = lambda model: model.token_nats(TEXT[None, :200], TEXT[None, 1:201]).mean().item()       # noqa: E731
    return model, fit(model, streams(TEXT, 4, 16), RUN, validate=validate, loss=CarriedState(), folder=folder)


def transformer_with_muon(folder: Path) -> tuple[torch.nn.Module, History]:
    """Two optimizers in one."""
    model = Transformer(TransformerConfig(11, 16, 16, heads=2, layers=1, **LLAMA), generator(1))
    return model, fit(model, windows(TEXT, 4, 16, seed=1), replace(RUN, optimizer="muon"), folder=folder)


def diffusion(folder: Path) -> tuple[torch.nn.Module, History]:
    """A loss that draws its own noise."""
    model, images, conditions = denoiser(), level_images(8, 4), some(8, 5)
    return model, fit(model, lambda step: (images, conditions), RUN, loss=DrawnLoss(1), folder=folder)


def game(folder: Path) -> tuple[torch.nn.Module, History]:
    """Two players by the recipe of the shipped one."""
    rules = replace(fashion_gan.FIT, game=GameConfig(r1=1.0, r1_every=4), steps=24, checkpoint_every=2)
    model, images = GAN(GANConfig(latent=4, width=4, discriminator_width=2), generator(1)), level_images(8, 28)
    recipe = replace(fashion_gan.FASHION_GAN, fit=rules)
    return model, fashion_gan.train(recipe, model, Prepared(lambda step: (images,), None, ""), folder)


TRAININGS: list[Callable] = [gru_with_dropout, transformer_with_muon, diffusion, game]


def started(training: Callable, folder: Path, slow: bool) -> int:
    """Start the training in a process of its own, which writes at its end what came out; its number."""
    child = os.fork()
    if child:
        return child
    try:
        if slow:
            checkpoints._save = in_two_halves
        model, history = training(folder)
        checkpoints.write_tensors(folder / "model.safetensors", model.state_dict())
        checkpoints.write_json(folder / "history.json", [history.losses, history.validation, history.tokens])
        os._exit(0)
    finally:                                         # never back into the loop that kills
        traceback.print_exc()
        os._exit(1)


def in_two_halves(tensors: dict[str, torch.Tensor], path: Path, whole=checkpoints._save) -> None:
    """Save as a slow disk does: for a while half of the file is there."""
    whole(tensors, path)
    content = path.read_bytes()
    with open(path, "wb", buffering=0) as file:
        for half in (content[: len(content) // 2], content[len(content) // 2 :]):
            file.write(half)
            time.sleep(SLOW)


def outcome(folder: Path) -> tuple[bytes, bytes] | None:
    """The bytes of the weights and of the history; None before the end."""
    files = folder / "model.safetensors", folder / "history.json"
    return tuple(path.read_bytes() for path in files) if files[1].exists() else None


def ended(child: int) -> bool:
    """Wait for a process. Returns whether it came to its end by itself; raises SystemExit where it failed."""
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return False
    if status:
        raise SystemExit("a training failed; expected it to end, or to be killed. Its traceback stands above.")
    return True


def killed(child: int, seconds: float) -> bool:
    """Kill a process after a while. Returns whether it was still at work."""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return not ended(child)


def kept(folder: Path) -> int:
    """The steps in the newest checkpoint, read back; −1 where it is not whole."""
    try:
        state = checkpoints.load_state(folder)
    except checkpoints.CheckpointError:
        return -1
    history = state[1]["history"] if state else {}
    return len(history.get("losses") or history.get("generator") or [])


def killed_until_done(training: Callable, folder: Path, kills: int, moment: Callable[[], float]) -> list[dict]:
    """Start the training again and again until it is done, and kill it at most so often, each time after a moment."""
    slow, made = folder.name.endswith("slow"), []
    while outcome(folder) is None:
        child = started(training, folder, slow)
        if len(made) == kills:
            ended(child)
        elif killed(child, moment()):
            made.append({"saving": any(folder.glob("*.tmp")), "steps": kept(folder)})
    return made


def main() -> None:
    """Kill each training as often as the command line says, in as many runs as it takes: every other on a slow disk."""
    torch.set_num_threads(1)
    root, chance = Path(sys.argv[2]), random.Random(0)
    for training in TRAININGS:
        whole, begun = root / training.__name__ / "whole", time.perf_counter()
        ended(started(training, whole, slow=False))
        moment, left = partial(chance.uniform, 0, time.perf_counter() - begun), int(sys.argv[1])
        for run in itertools.count():
            folder = whole.with_name(f"{run}-{'fast' if run % 2 else 'slow'}")
            kills = killed_until_done(training, folder, left, moment)
            equal = outcome(folder) == outcome(whole)
            print(json.dumps({"run": f"{training.__name__} {folder.name}", "kills": kills, "equal": equal}), flush=True)
            left -= len(kills)
            if left == 0:
                break


if __name__ == "__main__":
    main()
