"""A toy asset for the fault tests: its archives, its manifest, a package index that stalls, a hub on the loopback."""

import hashlib
import http.server
import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from course_utils import assets
from course_utils.paths import REPOSITORY

CONTENT = {"one.txt": b"first\n" * 1000, "deep/two.bin": bytes(range(256)) * 4000}
REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class World:
    """A package index in a folder, a manifest with the one asset `toy`, a cache, and pip's own log."""

    index: Path
    manifest: Path
    cache: Path
    log: Path

    @property
    def wheel(self) -> Path:
        return self.index / "toydata-1.0-py3-none-any.whl"

    @property
    def source(self) -> Path:
        return self.index / "toydata-1.0.tar.gz"

    def downloads(self) -> int:
        """How many wheels pip has saved."""
        return self.log.read_text(encoding="utf-8").count(" Saved ") if self.log.exists() else 0

    def start(self, before: str = "") -> subprocess.Popen:
        """Ask for the asset in another process, which first runs the code `before`."""
        code = f"{before}\nimport sys, pathlib\nfrom course_utils import assets\n"
        code += f"assets.path('toy', manifest=pathlib.Path({str(self.manifest)!r}))\nprint('done')"
        return subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True,
        )  # fmt: skip


def write_wheel(path: Path) -> None:
    about = "toydata-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(f"toydata/data/{name}", content)
        archive.writestr("toydata/data/unwanted.py", "raise SystemExit")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: toydata\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def write_source(path: Path, setup: str = "") -> None:
    """A source distribution with the same data; its `setup.py` runs `setup`. A link in it leads out of the archive."""
    about = "Metadata-Version: 2.1\nName: toydata\nVersion: 1.0\n"
    code = f"{setup}\nfrom setuptools import setup\nsetup(name='toydata', version='1.0')\n"
    files = {"PKG-INFO": about.encode(), "setup.py": code.encode()}
    files |= {f"toydata/data/{name}": content for name, content in CONTENT.items()}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"toydata-1.0/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("toydata-1.0/toydata/data/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "one.txt"
        archive.addfile(link)


def source_manifest(source: Path) -> str:
    """The manifest of the wheel, changed to name the source distribution."""
    text = manifest_text(source).replace('root = "toydata/data"', 'root = "toydata-1.0/toydata/data"')
    return text.replace('version = "1.0"\n', 'version = "1.0"\nkind = "source"\n')


def manifest_text(wheel: Path, hub: bool = False) -> str:
    about = 'title = "t"\nauthor = "a"\nlicence = "l"\nhomepage = "h"\ncitation = "c"\nreader = "copy"\n'
    package = f'name = "toydata"\nversion = "1.0"\nbytes = {wheel.stat().st_size}\n'
    package += f'sha256 = "{sha256(wheel.read_bytes())}"\n'
    package += 'licence = "l"\nroot = "toydata/data"\nmembers = ["*.txt", "deep/*.bin"]\n'
    files = "".join(
        f'"{name}" = {{ bytes = {len(content)}, sha256 = "{sha256(content)}" }}\n' for name, content in CONTENT.items()
    )
    mirror = f'[toy.hub]\nrepo = "us/toy"\nrevision = "{REVISION}"\nbytes = 1\nfiles = {list(CONTENT)}\n' if hub else ""
    return f"[toy]\n{about}[toy.package]\n{package}{mirror}[toy.files]\n{files}"


def hub_manifest(wheel: Path) -> str:
    """A manifest whose asset only the hub has."""
    before, _, after = manifest_text(wheel, hub=True).partition("[toy.package]")
    return before + after[after.index("[toy.hub]") :]


def write_content(folder: Path) -> Path:
    """The files of the asset as they are, in a folder."""
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fill_cache(world: World) -> Path:
    """Put the asset into the cache, as if it had been fetched long ago."""
    folder = write_content(world.cache / "toy")
    assert assets.path("toy", world.manifest) == folder
    return folder


# --- what must be so, and what goes wrong with a file ---


def assert_right(world: World) -> None:
    """The asset is there to the last byte, and nothing else is left in the cache."""
    for name, content in CONTENT.items():
        assert (world.cache / "toy" / name).read_bytes() == content
    assert {path.name for path in world.cache.iterdir()} <= {"toy", ".toy.lock", ".toy.verified.json"}
    assert not (world.cache / "toy" / "unwanted.py").exists()


def assert_nothing_usable(world: World) -> None:
    """Neither the asset nor a half of it is there."""
    assert not (world.cache / "toy").exists()
    assert not list(world.cache.glob(".toy.*.partial"))


def truncate(file: Path) -> None:
    """Take the last byte away."""
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_bit(file: Path) -> None:
    """One bit of the hundredth byte."""
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)


# --- servers ---


class Stall(http.server.BaseHTTPRequestHandler):
    """A package index that sends half a wheel and the other half once `server.go_on()` says so; or nothing more."""

    def do_GET(self):
        wheel = self.server.wheel.read_bytes()
        if not self.path.endswith(".whl"):
            body = b'<a href="/toydata-1.0-py3-none-any.whl">toydata-1.0-py3-none-any.whl</a>'
            return self._send(body, "text/html", [body])
        half = len(wheel) // 2
        self._send(wheel, "application/octet-stream", [wheel[:half], None, wheel[half:]])

    def _send(self, body: bytes, kind: str, parts: list) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for part in parts:
            if part is None:
                self.server.half_way.set()
                if not self.server.go_on():
                    return
            else:
                self.wfile.write(part)

    def log_message(self, *_):
        pass


class SmallHub(http.server.BaseHTTPRequestHandler):
    """As much of the Hugging Face Hub as its client needs to get a file at a commit."""

    def do_GET(self):
        name = self.path.removeprefix(f"/us/toy/resolve/{REVISION}/")
        if name not in self.server.content:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            return
        body = self.server.content[name]
        self.send_response(200)
        self.send_header("ETag", f'"{sha256(body)}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass
