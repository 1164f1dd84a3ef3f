"""Files of the cache that are deleted or replaced while others read them: who reads gets a whole file, no mixture."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import assets
from course_utils.paths import REPOSITORY
from tests.faults import toy_asset
from tests.faults.toy_asset import CONTENT, World, assert_right, sha256
from tests.faults.toy_deb import deb_manifest, move_to_debian, write_deb

FILE = "deep/two.bin"
OLD = sha256(CONTENT[FILE])
NEW_CONTENT = bytes(reversed(CONTENT[FILE]))


@pytest.fixture
def deb(world, monkeypatch) -> Path:
    """The asset comes from this package, without a wait for pip."""
    return move_to_debian(world, monkeypatch)


def start(what: str, manifest: Path) -> subprocess.Popen:
    """A reader in a process of its own, which has begun."""
    command = [sys.executable, "-m", "tests.faults.open_readers", what, str(manifest)]
    reader = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    said = [line for line in iter(reader.stdout.readline, "open\n") if not line.startswith("toy: ")]
    assert said == []
    return reader


def end(reader: subprocess.Popen) -> dict[str, int]:
    """Tell a reader to go on, and take what it has seen: how often which content or error."""
    said, _ = reader.communicate("\n", timeout=60)
    return json.loads(said.splitlines()[-1])


def delete(world: World) -> None:
    """Someone removes the asset, and fetches it again."""
    shutil.rmtree(world.cache / "toy", ignore_errors=True)
    assets.path("toy", world.manifest)


def damage(world: World) -> None:
    """Someone puts another file in its place, which is noticed, and fetched again."""
    other = world.index / "other"
    other.write_bytes(b"short")
    os.replace(other, world.cache / "toy" / FILE)
    assets.path("toy", world.manifest)


@pytest.mark.fault("cache file deleted while it is open")
@pytest.mark.parametrize("accident", [delete, damage])
def test_who_has_a_file_open_or_mapped_reads_the_whole_of_it(world, deb, accident):
    reader = start("hold", world.manifest)
    accident(world)
    assert end(reader) == {OLD: 2}
    assert_right(world)


@pytest.mark.fault("cache file replaced while it is open")
def test_who_has_a_file_open_keeps_the_old_one_where_a_later_manifest_brings_another(world, deb, monkeypatch):
    reader = start("hold", world.manifest)
    monkeypatch.setitem(toy_asset.CONTENT, FILE, NEW_CONTENT)
    write_deb(deb)
    later = world.index / "later.toml"
    later.write_text(deb_manifest(deb), encoding="utf-8")
    assets.path("toy", later)
    assert end(reader) == {OLD: 2}
    assert end(start("hold", later)) == {sha256(NEW_CONTENT): 2}
    assert_right(world)


@pytest.mark.fault("cache file deleted while it is open")
def test_who_asks_again_and_again_gets_the_whole_file_or_one_clear_error(world, deb, tries):
    assets.path("toy", world.manifest)
    readers = [start("ask", world.manifest) for _ in tries(few=2, full=8)]
    for _ in range(3):
        delete(world)
        (world.cache / "toy" / FILE).unlink()
        assets.path("toy", world.manifest)
    for reader in readers:
        seen = end(reader)
        tries.count(set(seen) <= {OLD, "FileNotFoundError"} and seen[OLD] > 1, str(seen))
    assert_right(world)
