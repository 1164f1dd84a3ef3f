"""A disk that fills up while an asset is written, at whatever point: one clear error, nothing left, and room helps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.paths import REPOSITORY
from tests.faults.toy_asset import World, hub_manifest, write_content
from tests.faults.toy_deb import move_to_debian
from tests.support.fault_table import Tries
from tests.support.hub_server import serving
from tests.support.small_disk import with_own_disk

LEAST, MOST = 20, 3_300                                            # kilobytes; the last is more than all takes
SAID = "No room for the asset 'toy'"


def fill(world: World, tries: Tries, few: int, full: int = 50) -> None:
    """Ask for the asset on disks of many sizes, so that it is full at many points."""
    world.cache.mkdir()
    number = len(tries(few, full))
    sizes = [str(LEAST + (MOST - LEAST) * step // max(number - 1, 1)) for step in range(number)]
    command = [sys.executable, "-m", "tests.faults.fetches_on_small_disk", str(world.manifest), *sizes]
    ran = subprocess.run(with_own_disk(command, world.cache), cwd=REPOSITORY, capture_output=True, text=True)
    outcomes = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert len(outcomes) == number, ran.stderr
    assert SAID in outcomes[0]["said"]
    for outcome in outcomes:
        clean = outcome["left"] == [] if outcome["said"] else not outcome["damaged"]
        told = outcome["said"] == "" or SAID in outcome["said"]
        tries.count(clean and told and not outcome["again"] and not outcome["wrong"], str(outcome))


@pytest.mark.fault("disk full while an asset is written")
def test_from_the_hub(world: World, tmp_path: Path, monkeypatch, tries):
    with serving({"us/toy": write_content(tmp_path / "repository")}) as hub:
        settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        for name, value in {**settings, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}.items():
            monkeypatch.setenv(name, value)
        world.manifest.write_text(hub_manifest(world.wheel), encoding="utf-8")
        fill(world, tries, few=6)


@pytest.mark.fault("disk full while an asset is written")
def test_from_the_package_index(world: World, tries):
    fill(world, tries, few=3, full=20)


@pytest.mark.fault("disk full while an asset is written")
def test_from_debian(world: World, monkeypatch, tries):
    move_to_debian(world, monkeypatch)
    fill(world, tries, few=4)
