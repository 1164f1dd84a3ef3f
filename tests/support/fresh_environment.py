"""A machine like Colab, made without a network: a fresh environment over packages that are there, less two small ones.

The packages of the running environment are a layer under the fresh one, which pip can see and cannot change. What is
missing comes from wheels packed again from what is installed here, and the course from a bare repository.
"""

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course_utils.paths import REPOSITORY, cache_dir
from tools.notebooks import first_cell

COURSE = "generative-ai-course"
SHIPPED = ("course_utils", "data/assets.toml", "tools", "pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXTS")
NO_NETWORK = REPOSITORY / "tests" / "support" / "no_network"


@dataclass(frozen=True)
class Fresh:
    """The environment in `folder`: its Python, its home, where the course will lie, and its variables."""

    folder: Path
    python: Path
    environment: dict[str, str]

    @property
    def clone(self) -> Path:
        """Where the first cell puts the course."""
        return self.folder / "home" / "generative-ai-course"

    @property
    def packages(self) -> Path:
        """Where pip installs."""
        return next(self.folder.glob("venv/lib/python3*/site-packages"))

    def run(self, *arguments: str, **more) -> subprocess.CompletedProcess:
        """Run its Python in the folder where a notebook would be."""
        where = self.folder / "content"
        return subprocess.run(
            [str(self.python), *arguments], cwd=where, env=self.environment, capture_output=True, text=True, **more
        )

    def cell(self, source: str, colab: bool = True) -> subprocess.CompletedProcess:
        """Run one cell in IPython; on Colab the package `google.colab` has been imported before."""
        return self.run("-m", "IPython", "--no-banner", "-c", ("import google.colab\n" if colab else "") + source)


def fresh(folder: Path, missing: Iterable[str], python: str = sys.executable, reachable: bool = True) -> Fresh:
    """Make the environment in `folder`, without the packages `missing`. Not `reachable`: nobody answers its clone."""
    for name in ("home", "content", "wheels", "layer"):
        (folder / name).mkdir(parents=True)
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    for name in ("setuptools", *missing):
        pack(metadata.distribution(name), folder / "wheels")
    lay(folder / "layer", [*missing, COURSE])
    origin = publish(folder / "origin.git") if reachable else folder / "nobody.git"
    made = Fresh(folder, folder / "venv" / "bin" / "python", variables(folder, origin))
    (made.packages / "layer.pth").write_text(f"{folder / 'layer'}\n", encoding="utf-8")
    stub = made.packages / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text('"""Colab has this package; that it is there is all that is asked."""\n')
    return made


def variables(folder: Path, origin: Path) -> dict[str, str]:
    """What the environment's processes are told: whose home it is, and that packages and course lie in `folder`."""
    others = ("COURSE_", "PIP_", "GIT_", "VIRTUAL_ENV")            # the last makes IPython warn
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return kept | {
        "HOME": str(folder / "home"),
        "PATH": os.pathsep.join([str(folder / "venv" / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": str(NO_NETWORK),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder / "wheels"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": first_cell.setting()["repository"],
        "COURSE_CACHE": str(cache_dir()),
        "COURSE_OFFLINE": "1",
        "COURSE_PROFILE": "smoke",
        "COURSE_PROGRESS": str(folder / "progress"),
    }


def lay(layer: Path, without: Iterable[str]) -> None:
    """Fill `layer` with links to all installed packages but some, and but those that only speak to this environment."""
    left_out = {top for name in without for top in tops(metadata.distribution(name))}
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.name not in left_out and entry.suffix != ".pth" and not entry.name.startswith(("google", "__")):
            (layer / entry.name).symlink_to(entry)


def tops(distribution: metadata.Distribution) -> set[str]:
    """The entries of site-packages that belong to an installed package."""
    return {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}


def pack(distribution: metadata.Distribution, folder: Path) -> Path:
    """A wheel of an installed package of nothing but Python, as it was before it was installed; its path."""
    name = distribution.metadata["Name"].replace("-", "_").lower()
    record = f"{name}-{distribution.version}.dist-info/RECORD"
    path, rows = folder / f"{name}-{distribution.version}-py3-none-any.whl", []
    with zipfile.ZipFile(path, "w") as wheel:
        for file in distribution.files:
            if ".." in file.parts or file.suffix == ".pyc" or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
                continue
            content = Path(distribution.locate_file(file)).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            wheel.writestr(file.as_posix(), content)
            rows.append((file.as_posix(), f"sha256={digest}", len(content)))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
        wheel.writestr(record, text.getvalue())
    return path


def publish(bare: Path) -> Path:
    """A bare repository of the course as it lies here, at the notebooks' tag, with one more commit on its branch."""
    git("init", "--quiet", "--bare", str(bare))
    commit(bare, REPOSITORY, SHIPPED)
    git(f"--git-dir={bare}", "tag", first_cell.setting()["tag"])
    (bare.parent / "LATER").write_text("after the tag\n")
    commit(bare, bare.parent, ["LATER"])
    return bare


def commit(bare: Path, tree: Path, names: Iterable[str]) -> None:
    """Commit files that lie in `tree` to the repository `bare`; `tree` is only read."""
    place = (f"--git-dir={bare}", f"--work-tree={tree}", "-c", "core.compression=0")
    git(*place, "add", "--", *names)
    git(*place, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "a course")


def git(*arguments: str) -> None:
    """Run git away from any repository."""
    subprocess.run(["git", *arguments], check=True, capture_output=True, cwd=os.sep)
