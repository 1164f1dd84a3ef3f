"""A small world for the fault tests: a package index in a folder, a manifest of one asset, an empty cache."""

import os
from pathlib import Path

import pytest

from tests.faults.toy_asset import World, manifest_text, write_wheel


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An index that has the toy's wheel, and pip and the course set to look nowhere else."""
    made = World(tmp_path / "index", tmp_path / "assets.toml", tmp_path / "cache", tmp_path / "pip-log.txt")
    made.index.mkdir()
    write_wheel(made.wheel)
    made.manifest.write_text(manifest_text(made.wheel), encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("PIP_") or name == "COURSE_OFFLINE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.index))
    monkeypatch.setenv("PIP_LOG", str(made.log))
    monkeypatch.setenv("COURSE_CACHE", str(made.cache))
    return made
