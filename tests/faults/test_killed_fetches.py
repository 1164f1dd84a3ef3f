"""Processes that fetch an asset or a model, killed at random moments: nothing half-written stays, the next succeeds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.paths import REPOSITORY
from tests.faults.toy_asset import World, hub_manifest, write_content
from tests.faults.toy_deb import move_to_debian
from tests.support import tiny_checkpoints
from tests.support.fault_table import Tries
from tests.support.hub_server import serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted as Linux does it")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with the toy."""
    with serving({"us/toy": write_content(tmp_path / "toy")}) as server:
        settings = {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        settings |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


def kill(tries: Tries, number: int, *arguments: str) -> None:
    """Have so many fetches killed, and count what became of each."""
    command = [sys.executable, "-m", "tests.faults.killed_fetches", str(number), *arguments]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(outcomes) == number, ran.stderr
    for outcome in outcomes:
        tries.count(outcome["next"] and not outcome["torn"] and not outcome["wrong"], f"{outcome} {ran.stderr[-500:]}")


@pytest.mark.fault("kill -9 during a download")
def test_a_download_from_the_hub(world: World, hub, tries):
    world.manifest.write_text(hub_manifest(world.wheel), encoding="utf-8")
    kill(tries, len(tries(few=6, full=100)), "download", str(world.manifest))


@pytest.mark.fault("kill -9 during a download")
def test_a_download_from_the_package_index(world: World, tries):
    kill(tries, len(tries(few=2, full=30)), "download", str(world.manifest))


@pytest.mark.fault("kill -9 during a download")
def test_a_download_from_debian(world: World, monkeypatch, tries):
    move_to_debian(world, monkeypatch, before="sleep 0.1; head -c 100 $0 > half; sleep 0.1; rm half")
    kill(tries, len(tries(few=3, full=100)), "download", str(world.manifest))


@pytest.mark.fault("kill -9 while an asset is unpacked")
def test_an_asset_while_it_is_unpacked(world: World, hub, tries):
    world.manifest.write_text(hub_manifest(world.wheel), encoding="utf-8")
    kill(tries, len(tries(few=6, full=100)), "unpack", str(world.manifest))


@pytest.mark.fault("kill -9 during a download")
def test_a_named_model_from_the_hub(world: World, hub, tmp_path: Path, tries):
    hub.folders |= tiny_checkpoints.write_all(tmp_path / "repositories")
    held = hub.folders["openai-community/gpt2"]
    kill(tries, len(tries(few=5, full=100)), "model", "gpt2", str(held))
