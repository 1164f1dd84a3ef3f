"""Where the files of an asset come from: a pinned package on the index or of Debian, a commit on the Hugging Face Hub.

Each source has a size in `bytes` and a method `read(work)` that downloads into the folder `work`, leaves what a reader
of `unpack.py` needs in one folder below it, and returns that folder.
"""

import errno
import fnmatch
import io
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
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk is full, one's share of it, or the largest file it takes


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

        def download(folder: Path) -> None:
            _pip_download(self._pip_arguments(work), self.requirement, folder, self.bytes)

        archive = _verified(self.requirement, self.sha256, work, download)
        members = (_files_of_wheel if self.kind == "wheel" else _files_of_source)(archive)
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
class Debian:
    """A package of `bytes` bytes of Debian; the files below `root` that match `members` are read from it.

    Its relatives that have `apt-get` may have the package too; one that they built themselves has another sha256.
    """

    name: str
    version: str
    bytes: int
    sha256: str
    root: str
    members: list[str]

    def __str__(self) -> str:
        return f"Debian archive ({self.requirement})"

    @property
    def requirement(self) -> str:
        """Name and version as apt-get reads them."""
        return f"{self.name}={self.version}"

    def read(self, work: Path) -> Path:
        """Download the package, verify it and extract the members; it is not installed and no code of it runs.

        Raises AssetError where there is no apt-get, where apt-get fails, or where the package has another sha256.
        Raises OSError where the disk is full.
        """

        def download(folder: Path) -> None:
            _apt_download(self.requirement, folder, self.bytes)

        archive = _verified(self.requirement, self.sha256, work, download)
        return _extract(_files_of_debian(archive), self.root, self.members, work / "source")


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
        """Download the files. Raises AssetError where the hub does not give them, or where the disk is full."""
        from course_utils import hub  # its client takes a while to import and is hardly ever needed

        with hub.no_long_waits():
            for name in self.files:
                try:
                    self._fetch(name, work / "hub")
                except Exception as error:  # the client raises those of several libraries; each means: not from here
                    raise AssetError(f"{name}: {hub.in_words(error)}") from error
        shutil.rmtree(work / "hub" / ".cache", ignore_errors=True)  # the client's own notes
        return work / "hub"

    def _fetch(self, name: str, folder: Path) -> None:
        """Ask for a file first: where no hub answers, the client's download would try again for 23 seconds."""
        import huggingface_hub

        from course_utils import hub

        hub.ask(huggingface_hub.hf_hub_url(self.repo, name, repo_type=self.kind, revision=self.revision))
        huggingface_hub.hf_hub_download(self.repo, name, repo_type=self.kind, revision=self.revision, local_dir=folder)


Source = Package | Debian | Hub


def _verified(title: str, sha256: str, work: Path, download: Callable[[Path], None]) -> Path:
    """The one file that `download` puts into the folder it is given. Raises AssetError if it has another sha256."""

    def retrieve(_, output_file: str, __) -> None:
        download(work / "downloaded")
        os.replace(next((work / "downloaded").iterdir()), output_file)

    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(pooch.retrieve(title, f"sha256:{sha256}", "verified", work, downloader=retrieve))
    except ValueError as error:  # pooch: a wrong hash; the file is deleted, the message names both hashes
        raise AssetError(str(error)) from error


# --- what is in an archive ------------------------------------------------------------------------

Members = Iterator[tuple[str, Callable[[], BinaryIO]]]  # the name of each file in an archive, and how to open it


def _files_of_wheel(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name, partial(archive.open, name)


def _files_of_source(path: Path) -> Members:
    with tarfile.open(path) as archive:
        yield from _files_of_tar(archive)


def _files_of_debian(path: Path) -> Members:
    with tarfile.open(fileobj=io.BytesIO(data_of(path.read_bytes()))) as archive:
        for name, opened in _files_of_tar(archive):
            yield name.removeprefix("./"), opened


def _files_of_tar(archive: tarfile.TarFile) -> Members:
    for member in archive:
        if member.isfile():  # no links, no devices
            yield member.name, partial(archive.extractfile, member)


def data_of(deb: bytes) -> bytes:
    """The member data.tar.* of a .deb, which is an `ar` archive: after 8 bytes, a header of 60 before each member.

    Raises AssetError where there is none.
    """
    position = len(b"!<arch>\n")
    while position < len(deb):
        header = deb[position : position + 60]
        name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
        position += 60
        if name.startswith("data.tar"):
            return deb[position : position + size]
        position += size + size % 2                                # members begin at even places
    raise AssetError("The package has no data.tar.*; expected a .deb. Download it again.")


def _extract(members: Members, root: str, patterns: list[str], source: Path) -> Path:
    for member, opened in members:
        if any(fnmatch.fnmatch(member, f"{root}/{pattern}") for pattern in patterns):
            target = source / PurePosixPath(member).relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened() as packed, open(target, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
    return source


# --- other people's programs ----------------------------------------------------------------------


def _pip_download(arguments: list[str], title: str, folder: Path, total_bytes: int) -> None:
    """Have pip download one archive into the folder, without installing it or what it depends on."""
    folder.mkdir()
    options = ["--quiet", "--no-input", "--no-deps", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, *arguments]
    status, log = _watched(command, title, folder.parent, total_bytes, where=None)
    if status:
        raise _failure("pip download", log)


def _apt_download(requirement: str, folder: Path, total_bytes: int) -> None:
    """Have apt-get download one package into the folder, without installing it or what it depends on."""
    program = shutil.which("apt-get")
    if program is None:
        raise AssetError("this system has no apt-get; expected Debian or a relative of it")
    folder.mkdir()
    command = [program, "--quiet", "download", requirement]
    status, log = _watched(command, requirement, folder.parent, total_bytes, where=folder)
    if status:
        raise _failure("apt-get download", log, "; does it know the package? Type `apt-get update` as root")


def _watched(command: list[str], title: str, work: Path, total_bytes: int, where: Path | None) -> tuple[int, str]:
    """Run a download in the folder `where`, with a bar of what there is below `work`; its exit status and output.

    The output goes through a pipe: a file of it would stay empty on the full disk of which it has to tell.
    """
    here = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))  # so that a killed program leaves nothing elsewhere
    with progress_bar(total_bytes, title, "B") as bar:
        process = subprocess.Popen(
            _dying_with_us(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=where,
            env={**os.environ, **here},
        )
        output = None
        try:
            while output is None:
                bar.update(_bytes_in(work) - bar.n)
                with suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=0.2)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    return process.returncode, output.decode("utf-8", errors="replace")


def _dying_with_us(command: list[str]) -> list[str]:
    """The command, killed by Linux when this process is: an orphan writes on into what the next one clears away."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command] if shutil.which("setpriv") else command


def no_room(said: str) -> OSError | None:
    """The error of a full disk of which a library or a program told in words of its own, or None."""
    for number in NO_ROOM:
        if os.strerror(number) in said:
            return OSError(number, os.strerror(number))
    return None


def _failure(program: str, log: str, advice: str = "") -> Exception:
    if full := no_room(log):
        return full
    if "No module named pip" in log:
        return AssetError("this Python has no pip; type `python -m ensurepip`")
    last_lines = [line.strip() for line in log.splitlines() if line.strip()][-3:]
    return AssetError(f"{program} failed: " + " / ".join(last_lines) + advice)


def _bytes_in(folder: Path) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # the program moves its files while we look
                total += os.stat(os.path.join(where, file)).st_size
    return total
