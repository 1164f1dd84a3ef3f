"""What the first cell runs on Colab: only what is missing is installed, and nothing that is there changes."""

import json
import os
import subprocess
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import colab

REPOSITORY = Path(__file__).resolve().parents[2]


def test_colab_installs_only_what_is_missing_and_holds_the_rest():
    versions = {"torch": "2.9.0+cu126", "numpy": "2.0.2", "transformers": "5.1.0"}
    declared = ["numpy>=2.1,<3", "pooch>=1.8,<2", "torch>=2.8,<3", "jupyterlab>=4.4,<5"]
    missing, outside = colab.split(declared, versions)
    assert missing == ["pooch<2,>=1.8"]
    assert len(outside) == 1 and outside[0].startswith("numpy 2.0.2 is left as it is")


def test_no_server_is_installed_on_colab():
    assert colab.split(["jupyterlab>=4.4,<5", "voila>=0.5.13,<0.6"], {}) == ([], [])


def test_colab_constraints_name_every_installed_version():
    assert colab.constraints({"torch": "2.9.0+cu126", "numpy": "2.0.2"}) == "numpy==2.0.2\ntorch==2.9.0+cu126\n"
    assert colab.installed()["numpy"] == metadata.version("numpy")


def test_colab_links_the_course_without_dependencies_and_under_constraints(tmp_path):
    first, second = colab.commands(["pooch<2"], tmp_path / "c.txt")
    assert first[-3:] == ["--constraint", str(tmp_path / "c.txt"), "pooch<2"]
    assert second[-3:] == ["--no-deps", "--editable", str(REPOSITORY)]
    assert colab.commands([], tmp_path / "c.txt") == [second]
    assert colab.commands([], tmp_path / "c.txt", link=False) == []


def test_colab_runs_its_commands_while_the_constraints_file_is_there(monkeypatch):
    ran = []

    def run(command, check, env):
        assert env.items() >= os.environ.items()
        if "--constraint" in command:
            assert "torch==" in Path(command[command.index("--constraint") + 1]).read_text()
        ran.append(command)

    here = colab.installed()
    monkeypatch.setattr(colab, "installed", lambda: {name: here[name] for name in here if name != "pooch"})
    monkeypatch.setattr(colab, "linked", lambda: False)
    colab.main(run)
    assert [command[-1] for command in ran] == ["pooch<2,>=1.8", str(REPOSITORY)]


def test_the_course_is_linked_where_it_lies_in_this_folder_and_nowhere_else(tmp_path, monkeypatch):
    built = SimpleNamespace(read_text=lambda name: None)                  # what setuptools leaves beside the package
    kept = SimpleNamespace(read_text=lambda name: json.dumps({"url": (tmp_path / "course").as_uri()}))
    monkeypatch.setattr(colab.metadata, "distributions", lambda name: [built, kept])
    assert colab.linked(tmp_path / "course") is True and colab.linked(tmp_path) is False
    monkeypatch.setattr(colab.metadata, "distributions", lambda name: [])
    assert colab.linked(tmp_path / "course") is False


def test_where_pip_fails_a_sentence_names_what_it_could_not_install(monkeypatch):
    def run(command, check, env):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(colab, "linked", lambda: False)
    with pytest.raises(SystemExit, match=f"pip could not install {REPOSITORY}; it says why above"):
        colab.main(run)
