"""What test_killed_fetches.py runs: processes that fetch, each killed at a random moment, and then one that is not.

    python -m tests.faults.killed_fetches TRIES download|unpack MANIFEST      the asset `toy` of a manifest
    python -m tests.faults.killed_fetches TRIES model NAME FOLDER             a named model, which the hub has in FOLDER

A line of JSON for each that was killed before it had ended: what it left that somebody could take for whole, how the
next one ended, and what then is wrong. Orphans of the killed, pip say, become children of this process.
"""

import ctypes
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_utils import assets, named_models
from tests.faults.toy_asset import CONTENT

BECOME_REAPER = 36                                                 # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
LATEST = 1.1                                                       # of the time that the last whole fetch took


@dataclass
class Toy:
    """An asset of two files; `begin` is called when the download is over and the unpacking begins."""

    manifest: Path

    def ask(self, begin: Callable[[], None]) -> None:
        copy = assets.READERS["copy"]
        assets.READERS["copy"] = lambda *folders: (begin(), copy(*folders))
        assets.path("toy", self.manifest)

    def forget(self, number: int) -> None:
        """Empty the cache; every third time only one file is missing in it, so that a folder has to make way."""
        if number % 3:
            shutil.rmtree(assets.cache_dir(), ignore_errors=True)
        else:
            (assets.cache_dir() / "toy" / "one.txt").unlink(missing_ok=True)

    def torn(self) -> list[str]:
        """The files of the asset that are there and are not whole."""
        files = {name: assets.cache_dir() / "toy" / name for name in CONTENT}
        return [name for name, file in files.items() if file.exists() and file.read_bytes() != CONTENT[name]]

    def wrong(self) -> list[str]:
        """What is not as it should be once somebody has fetched the asset."""
        expected = {"toy", ".toy.verified.json"}
        found = {path.name for path in assets.cache_dir().iterdir()} - {".toy.lock"}      # which some filelocks keep
        absent = [name for name in CONTENT if not (assets.cache_dir() / "toy" / name).exists()]
        return [*self.torn(), *absent, *sorted(found ^ expected)]


@dataclass
class Model:
    """A named model of the hub, in the cache of the hub's client."""

    name: str
    held: Path

    @property
    def cache(self) -> Path:
        return Path(os.environ["HF_HOME"]) / "hub"

    def ask(self, begin: Callable[[], None]) -> None:
        if named_models.resolve(self.name).stand_in:
            raise SystemExit("a stand-in")

    def forget(self, number: int) -> None:
        """Empty the cache; every third time it goes on from what is there, less the configuration."""
        if number % 3:
            shutil.rmtree(self.cache, ignore_errors=True)
        for config in self.cache.rglob("config.json"):
            config.unlink()

    def torn(self) -> list[str]:
        """The files that the client would take for whole and that are not."""
        files = [file for file in self.cache.glob("*/snapshots/*/*") if file.exists()]
        return [file.name for file in files if file.read_bytes() != (self.held / file.name).read_bytes()]

    def wrong(self) -> list[str]:
        """What is not as it should be once somebody has fetched the model."""
        found = {file.name for file in self.cache.glob("*/snapshots/*/*")}
        halves = [file.name for file in self.cache.rglob("*") if "incomplete" in file.name]
        return [*self.torn(), *sorted(found ^ {file.name for file in self.held.iterdir()}), *halves]


def start(what: Toy | Model) -> tuple[int, int]:
    """Fetch in a process of its own: its number, and a pipe that says when the unpacking begins."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            what.ask(begin=lambda: os.write(writing, b"."))
            os._exit(0)
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(1)
    os.close(writing)
    return process, reading


def fetch(what: Toy | Model, unpack: bool, seconds: float | None = None) -> tuple[bool, float]:
    """Fetch, and kill so many seconds after the start, or after the unpacking began; whether it ended well, and when.

    Without a number of seconds it is not killed.
    """
    process, pipe = start(what)
    if unpack:
        os.read(pipe, 1)
    begun = time.monotonic()
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    os.close(pipe)
    return status == 0, time.monotonic() - begun


def main() -> None:
    """Kill as many as the command line says; one that ended before it was killed is timed instead."""
    tries, moment, *rest = sys.argv[1:]
    what, unpack = Model(rest[0], Path(rest[1])) if moment == "model" else Toy(Path(rest[0])), moment == "unpack"
    ctypes.CDLL(None).prctl(BECOME_REAPER, 1, 0, 0, 0)
    chance = random.Random(0)
    _, took = fetch(what, unpack)
    killed = 0
    while killed < int(tries):
        what.forget(killed)
        ended, time_of_this = fetch(what, unpack, seconds=chance.uniform(0, LATEST * took))
        if ended:
            took = time_of_this
            continue
        killed += 1
        torn = what.torn()
        ended, _ = fetch(what, unpack=False)
        wait_for_orphans()
        print(json.dumps({"torn": torn, "next": ended, "wrong": what.wrong()}), flush=True)


def wait_for_orphans() -> None:
    """Wait for every process that the killed ones left."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
