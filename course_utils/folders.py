"""A folder of files that is whole or refused: written aside, renamed into place, every file checked when it is read.

Its manifest, written last, holds the size and the sha256 of each file. A killed run leaves the last whole folder, and
beside it what was half written, which nobody reads.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_utils.checkpoints import read_json, write_json
from course_utils.errors import CourseError

MANIFEST = "manifest.json"
NOT_AS_WRITTEN = (CourseError, KeyError, TypeError, ValueError, AttributeError)     # what reading a wrong file raises


class FolderError(CourseError):
    """A folder cannot be written or read; the message names the file and says what to do."""


@dataclass(frozen=True)
class Layout:
    """What a folder holds: the name of its format, the version, the files it needs and those it may have."""

    format: str
    version: int
    needed: frozenset[str]
    optional: frozenset[str] = frozenset()


# --- writing ----------------------------------------------------------------------------------------


def save_folder(
    folder: Path, layout: Layout, write: Callable[[Path], None], read: Callable[[Path], object], replace: bool = False
) -> None:
    """Make the folder: whole, or not at all. `replace`: one of any format that is there gives way to it.

    write(path) puts the files into an empty folder, `.NAME.partial` beside; read(path) reads it back before it is
    renamed, so what cannot be read is never put in place. Raises FolderError where something is in the way, and what
    `write` and `read` raise.
    """
    folder = Path(folder).resolve()
    _check_free(folder, replace)
    partial = _beside(folder, "partial")
    shutil.rmtree(partial, ignore_errors=True)                     # of a run that was killed
    try:
        partial.mkdir(parents=True)
        write(partial)
        files = {path.name: fingerprint(path) for path in sorted(partial.iterdir())}
        write_json(partial / MANIFEST, {"format": layout.format, "version": layout.version, "files": files})
        read(partial)
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def fingerprint(path: Path) -> dict[str, int | str]:
    """The size of a file and its sha256."""
    with open(path, "rb") as file:
        return {"bytes": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.{what}")


def _check_free(folder: Path, replace: bool) -> None:
    if not folder.exists():
        return
    if not replace:
        raise FolderError(f"{folder.name} is there already; name another folder, or pass replace=True.")
    if not (folder / MANIFEST).is_file():
        raise FolderError(f"{folder.name} holds no {MANIFEST}, so it is not ours to replace; name another folder.")


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename. A folder that is there is kept aside as `.NAME.before` until the new one is in its place."""
    before = _beside(folder, "before")
    if folder.exists():
        shutil.rmtree(before, ignore_errors=True)
        folder.rename(before)
    try:
        partial.rename(folder)
    except OSError:
        if before.exists():
            before.rename(folder)
        raise
    shutil.rmtree(before, ignore_errors=True)


# --- reading ----------------------------------------------------------------------------------------


def verified(folder: Path, layout: Layout) -> set[str]:
    """The names of the folder's files, each there and unchanged. Files that the manifest does not name do not count.

    Raises FolderError where there is no such folder, or it is half written, of another format or version, or where a
    file is missing or damaged.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        before = _beside(folder, "before")
        hint = f"a save was cut off: rename {before.name} to {folder.name}" if before.is_dir() else "check the path"
        raise FolderError(f"There is no folder {folder.name}; {hint}.")
    files = _manifest(folder, layout)
    for name, expected in files.items():
        _check_file(folder / name, expected)
    return set(files)


def _check_file(path: Path, expected: dict) -> None:
    if not path.is_file():
        raise FolderError(f"{path.name} is missing from {path.parent.name}/; restore it, or save the folder again.")
    if (found := fingerprint(path)) != expected:
        raise FolderError(
            f"{path.name} in {path.parent.name}/ was changed or damaged: expected {expected}, got {found}. Restore it "
            "or load a copy; to change something, load the folder and save it again with replace=True."
        )


def _manifest(folder: Path, layout: Layout) -> dict[str, dict]:
    """What the manifest says of each file. It names known files alone, so none outside the folder is ever read."""
    if not (folder / MANIFEST).is_file():
        raise FolderError(f"{folder.name}/ holds no {MANIFEST}: half written, or of something else; save it again.")
    with reading(folder, MANIFEST):
        manifest = read_json(folder / MANIFEST)
        kind, version, files = manifest["format"], manifest["version"], manifest["files"]
        names = set(files.keys())
    if kind != layout.format:
        raise FolderError(f"{MANIFEST} in {folder.name}/ says {kind!r}; expected {layout.format!r}. Check the path.")
    if version != layout.version:
        raise FolderError(f"{folder.name}/ has version {version!r}, this course reads {layout.version}; update it.")
    if absent := sorted(layout.needed - names):
        raise FolderError(f"{MANIFEST} in {folder.name}/ does not name {', '.join(absent)}; save the folder again.")
    if unknown := sorted(names - layout.needed - layout.optional):
        raise FolderError(f"{MANIFEST} in {folder.name}/ names {', '.join(unknown)}, unknown here; save it again.")
    return files


@contextmanager
def reading(folder: Path, name: str) -> Iterator[None]:
    """Whatever is wrong with what a file says is raised as a FolderError with its name."""
    try:
        yield
    except FolderError:
        raise
    except NOT_AS_WRITTEN as error:
        why = f"{type(error).__name__}: {error}"
        raise FolderError(f"{name} in {folder.name}/ is not as this course writes it ({why}); save it anew.") from error
