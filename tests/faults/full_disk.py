"""What test_training_faults.py runs: a training, and a project that is saved, on a disk that is full for a while.

    python tests/faults/full_disk.py FOLDER [BYTES]    with BYTES: no file may grow beyond, in place of a small disk

A line of JSON for each: the error, whether the old one is whole after it, and whether the same again, once there is
room, ends as if nothing had been.
"""

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from course_utils.checkpoints import load_state
from course_utils.errors import CourseError
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.project import Project, Settings, load_project, save_project
from course_utils.seeding import generator
from course_utils.text.batches import windows
from course_utils.training import FitConfig, fit
from tests.support.tiny_project import tiny_project

TEXT = torch.arange(2000) * 7 % 11
RUN = FitConfig(steps=12, checkpoint_every=2)
FULL_FROM = 5                                        # step
UNLIMITED = resource.getrlimit(resource.RLIMIT_FSIZE)[1]


@dataclass(frozen=True)
class Disk:
    """A folder on a small disk, or with files that must stay small."""

    folder: Path
    longest: int | None

    def fill(self) -> None:
        """Leave no room for another file of any size that counts."""
        if self.longest:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.longest, UNLIMITED))
            return
        try:
            with open(self.folder / "filler", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1024))
        except OSError:
            return

    def make_room(self) -> None:
        """Undo that."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
        (self.folder / "filler").unlink(missing_ok=True)


def network() -> RecurrentLM:
    """A network of 70 kB."""
    return RecurrentLM(RecurrentConfig(11, "gru", embedding=32, width=64), generator(1))


def refused(work: Callable[[], object]) -> dict:
    """How the work fails."""
    try:
        work()
    except CourseError as error:
        return {"error": type(error).__name__, "says": str(error)}
    return {"error": None, "says": ""}


def training(disk: Disk) -> dict:
    """A training whose third checkpoint finds no room, and which goes on once there is some."""
    model, run = network(), disk.folder / "run"

    def batches(step: int):
        if step == FULL_FROM:
            disk.fill()
        return windows(TEXT, 4, 16, seed=1)(step)

    facts = refused(lambda: fit(network(), batches, RUN, folder=run))
    steps = len(load_state(run)[1]["history"]["losses"])
    files = sorted(path.name for path in run.iterdir())
    disk.make_room()
    again = fit(model, windows(TEXT, 4, 16, seed=1), RUN, folder=run)
    whole = network()
    equal = again.losses == fit(whole, windows(TEXT, 4, 16, seed=1), RUN).losses
    equal &= all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in whole.state_dict().items())
    return {"saved": "training", **facts, "kept": steps == 4, "files": files, "again": equal}


def project(disk: Disk) -> dict:
    """A project that is to take the place of another, and does once there is room."""
    folder, old = disk.folder / "mine", tiny_project(longest=1)
    new: Project = replace(old, weights=network().state_dict(), settings=Settings(longest=2), config=network().config)
    save_project(folder, old)
    disk.fill()
    facts = refused(lambda: save_project(folder, new, replace=True))
    kept = load_project(folder).settings.longest == 1
    disk.make_room()
    files = sorted(path.name for path in disk.folder.iterdir() if path.name != "run")
    save_project(folder, new, replace=True)
    again = load_project(folder).settings.longest == 2
    return {"saved": "project", **facts, "kept": kept, "files": files, "again": again}


def main() -> None:
    """Both, one after the other."""
    disk = Disk(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    torch.set_num_threads(1)
    for each in (training, project):
        print(json.dumps(each(disk)), flush=True)


if __name__ == "__main__":
    main()
