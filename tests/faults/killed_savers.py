"""What test_training_faults.py runs: saves of a checkpoint and of a project that are killed on their way.

    python tests/faults/killed_savers.py 50 FOLDER     before every change that a save makes, then 50 times at random

A line of JSON for each kill: what was saved, where it was killed, and whether the old one or the new one is there
afterwards, whole.
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
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from course_utils.checkpoints import load_state, save_state
from course_utils.folders import FolderError
from course_utils.project import Settings, load_project, save_project
from tests.support.tiny_project import tiny_project

CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}         # of the disk, as audit hooks name them
LONGEST = 0.05                                       # seconds until a saver is killed: some of its saves
PROJECT = tiny_project()


@dataclass(frozen=True)
class Kind:
    """Something that is saved: save(folder, number) keeps a number, and read(folder) gives it back."""

    name: str
    save: Callable[[Path, int], None]
    read: Callable[[Path], int]


def save_checkpoint(folder: Path, number: int) -> None:
    """A checkpoint of 40 kB whose numbers are all this one."""
    save_state(folder, number, {"weights": torch.full((10_000,), number)}, {"number": number})


def read_checkpoint(folder: Path) -> int:
    """Its number. Raises ValueError where its two files disagree."""
    tensors, facts = load_state(folder)
    (number,) = {facts["number"], *tensors["weights"].unique().tolist()}
    return number


def save_numbered_project(folder: Path, number: int) -> None:
    """A project that writes so many tokens."""
    save_project(folder / "mine", replace(PROJECT, settings=Settings(longest=number)), replace=True)


def read_numbered_project(folder: Path) -> int:
    """Its number; a project that was put aside is first named back, as the error says."""
    try:
        return load_project(folder / "mine").settings.longest
    except FolderError as error:
        if "rename .mine.before to mine" not in str(error):
            raise
        (folder / ".mine.before").rename(folder / "mine")
        return load_project(folder / "mine").settings.longest


KINDS = [
    Kind("checkpoint", save_checkpoint, read_checkpoint),
    Kind("project", save_numbered_project, read_numbered_project),
]


def in_a_child(work: Callable[[], None]) -> int:
    """Do the work in a process of its own; its number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    finally:                                         # never back into the loop that kills
        traceback.print_exc()
        os._exit(1)


def die_before_change(number: int) -> None:
    """Have this process killed when it is about to change the disk for the number-th time, counted from 0."""
    changes = itertools.count()

    def hook(event: str, arguments: tuple) -> None:
        reads = event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES and not reads and next(changes) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def told(kind: Kind, folder: Path, where: str, allowed: set[int]) -> None:
    """Print whether one of the allowed numbers is there, and whether the next save leaves nothing else behind."""
    try:
        found = kind.read(folder)
        kind.save(folder, 99)
        clean = kind.read(folder) == 99 and not [path for path in folder.rglob("*") if rubbish(path, folder)]
        facts = {"kept": found in allowed and clean, "found": found}
    except Exception as error:                       # whatever it is, this try is lost
        facts = {"kept": False, "found": repr(error)}
    print(json.dumps({"saved": kind.name, "killed": where, **facts}), flush=True)


def rubbish(path: Path, folder: Path) -> bool:
    """Whether a file is of no use once number 99 is saved."""
    name = path.relative_to(folder).parts[0]
    return name != "mine" and path.stem != "step-00000099"


def kill_before_every_change(kind: Kind, root: Path) -> None:
    """Kill one save after the other, each one change later, until one comes to its end."""
    for point in itertools.count():
        folder = root / f"{kind.name}-{point}"
        kind.save(folder, 1)
        child = in_a_child(lambda: (die_before_change(point), kind.save(folder, 2)))       # noqa: B023  (it runs at once)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            assert status == 0 and kind.read(folder) == 2
            return
        told(kind, folder, f"before change {point}", {1, 2})


def kill_at_random(kind: Kind, root: Path, chance: random.Random, number: int) -> None:
    """Kill somebody who saves one number after the other, 2 to 98, and tells each that is kept."""
    folder = root / f"{kind.name}-random-{number}"
    kind.save(folder, 1)
    reading, writing = os.pipe()

    def save_for_ever() -> None:
        for each in range(2, 99):
            kind.save(folder, each)
            os.write(writing, b".")

    child = in_a_child(save_for_ever)
    os.close(writing)
    time.sleep(chance.uniform(0, LONGEST))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reading, "rb") as pipe:
        last = 1 + len(pipe.read())
    told(kind, folder, "at random", {last, last + 1})


def main() -> None:
    """Kill each kind of save before every change, and as often at random as the command line says."""
    torch.set_num_threads(1)
    root, chance = Path(sys.argv[2]), random.Random(0)
    for kind in KINDS:
        kill_before_every_change(kind, root)
        for number in range(int(sys.argv[1])):
            kill_at_random(kind, root, chance, number)


if __name__ == "__main__":
    main()
