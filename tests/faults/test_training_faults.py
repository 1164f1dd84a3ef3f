"""Trainings and saves when processes are killed and disks are full: what was whole stays so, and it goes on from there.

Each test starts one process, which imports torch once and forks those that are killed.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.checkpoints import load_state, save_state
from course_utils.paths import REPOSITORY
from tests.support.fault_table import Tries
from tools.verified import Verified

TRAININGS = ("gru_with_dropout", "transformer_with_muon", "diffusion", "game")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
VERIFIES = [
    Verified("all", "a training killed again and again, at random", "the run that nobody killed", "equal, bit for bit")
]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor fork")


def lines_of(*command: str) -> list[dict]:
    """What a process prints, a line of JSON each."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def never_back(steps: list[int]) -> bool:
    """Whether every checkpoint is whole, and none holds less than the one before."""
    return steps == sorted(steps) and min(steps, default=0) >= 0


# --- kill -9


@pytest.mark.slow
@pytest.mark.fault("kill -9 while training")
def test_a_training_killed_again_and_again_ends_bit_for_bit_where_the_whole_one_ends(tmp_path: Path, tries: Tries):
    each = len(tries(few=3, full=25))
    runs = lines_of(sys.executable, "tests/faults/killed_training.py", str(each), str(tmp_path))
    for run in runs:
        kept = run["equal"] and never_back([kill["steps"] for kill in run["kills"]])
        for kill in run["kills"]:
            tries.count(kept, f"{run['run']}, killed at step {kill['steps']} or later")
    assert tries.made == each * len(TRAININGS)
    assert {run["run"].split()[0] for run in runs} == set(TRAININGS)


@pytest.mark.fault("kill -9 while a checkpoint or project is saved")
def test_a_save_killed_before_any_of_its_changes_or_at_random_leaves_the_old_or_the_new(tmp_path: Path, tries: Tries):
    each = len(tries(few=10, full=100))
    for kill in lines_of(sys.executable, "tests/faults/killed_savers.py", str(each), str(tmp_path)):
        tries.count(kill["kept"], f"{kill['saved']} killed {kill['killed']}: found {kill['found']}")
    assert tries.made > 2 * each + 20                              # a checkpoint and a project make so many changes


def test_what_killed_saves_left_behind_goes_with_the_next_checkpoint_and_nothing_else_does(tmp_path: Path):
    for left in ("step-00000002.tmp", "step-00000004.safetensors", "step-00000002.json", "step-00000002.safetensors"):
        (tmp_path / left).write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("of the reader")
    save_state(tmp_path, 6, {}, {"of": "step 6"})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"step-00000006.json", "step-00000006.safetensors", "notes.txt"}
    assert load_state(tmp_path)[1] == {"of": "step 6"}


# --- a disk that is full


def full_disk(folder: Path, kind: str) -> list[str]:
    """The command that works on a full disk: a real one of 800 kB, or with files of at most 20 kB."""
    command = [sys.executable, "tests/faults/full_disk.py", str(folder)]
    if kind == "files of 20 kB":
        return [*command, "20000"]
    return [*NAMESPACE, 'mount -t tmpfs -o size=800k tmpfs "$1" && shift && exec "$@"', "sh", str(folder), *command]


def kinds_of_full_disks() -> list[str]:
    """A small disk as well where this system lets anybody mount one."""
    possible = shutil.which("unshare") and subprocess.run([*NAMESPACE, "mount -t tmpfs tmpfs /tmp"], check=False)
    return ["files of 20 kB"] + ["tmpfs of 800 kB"] * bool(possible and possible.returncode == 0)


@pytest.mark.fault("disk full while a checkpoint or project is saved")
@pytest.mark.parametrize("kind", kinds_of_full_disks())
def test_a_full_disk_leaves_the_old_and_says_what_to_do_and_with_room_it_goes_on(kind, tmp_path: Path, tries: Tries):
    training, project = lines_of(*full_disk(tmp_path, kind))
    for each in (training, project):
        tries.count(each["kept"] and each["again"], f"{each['saved']} on {kind}: {each}")
        assert each["error"] == "CheckpointError"
        assert "cannot be written to" in each["says"] and "Make room there or name another folder" in each["says"]
    assert training["files"] == ["step-00000004.json", "step-00000004.safetensors"]
    assert project["files"] == ["mine"]
