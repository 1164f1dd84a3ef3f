"""A small hub on the loopback: what the client of huggingface_hub 2 asks for when it downloads a file, and faults.

Small files are served in place, large ones (`LARGE`) by a redirect to a second host, as the real hub does with its
storage; the client must not follow that redirect before it has read the headers of the first answer. Those are
X-Repo-Commit, ETag (Git's sha1 of a small file) or X-Linked-ETag (the sha256 of a large one), and X-Linked-Size.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

LARGE = (".safetensors", ".spm", ".model")
COMMIT_OF_BRANCHES = "c0ffee" + "0" * 34
SLOW_SECONDS = 3.0          # longer than the second that the tests let the client wait
DRIPS = 12


@dataclass
class Fault:
    """What goes wrong with the next `times` answers about files whose path matches the pattern `where`.

    kind: "status" (answered with `status` and `headers`), "slow" (SLOW_SECONDS late), "short" (half of the content,
    and a Content-Length that agrees with it), "broken" (the connection closed after half of what was announced),
    "vanish" (the same, and from then on nobody listens), "drip" (the content in small pieces, SLOW_SECONDS long),
    "flip" (one bit of the content wrong) or "gone" (404 of this one file).
    """

    kind: str
    where: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 10**9

    def strikes(self, stage: str, path: str) -> bool:
        """Whether it spoils this answer; `stage` is "ask" before the content is sent and "content" then."""
        mine = "ask" if self.kind in ("status", "slow", "gone") else "content"
        if stage != mine or self.times < 1 or not re.search(self.where, path):
            return False
        self.times -= 1
        return True


@dataclass(frozen=True)
class Request:
    """One request, and when it came, in seconds of a clock that never goes back."""

    method: str
    path: str
    at: float


class HubServer:
    """Repositories by name, each a local folder; `fault` may be set and taken away at any time."""

    def __init__(self, folders: dict[str, Path]):
        self.folders = folders
        self.fault: Fault | None = None
        self.requests: list[Request] = []                          # about files; the client asks for other things too
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in ("hub", "storage")]
        hub, storage = (server.server_port for server in self.servers)
        self.endpoint, self.storage = f"http://127.0.0.1:{hub}", f"http://localhost:{storage}"   # another host's name

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"hub": self})

    def vanish(self) -> None:
        """Stop listening; connections that stand go on."""
        for server in self.servers:
            server.socket.close()

    def find(self, path: str) -> tuple[str | None, Path | None]:
        """The commit and the file that a path names; None where there is no such repository, or no such file."""
        repository, _, rest = path.removeprefix("/storage").lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        if repository not in self.folders:
            return None, None
        revision = unquote(revision)
        commit = revision if re.fullmatch("[0-9a-f]{40}", revision) else COMMIT_OF_BRANCHES
        place = self.folders[repository] / unquote(file)
        return commit, place if place.is_file() else None


@contextmanager
def serving(folders: dict[str, Path]) -> Iterator[HubServer]:
    """A hub that serves these folders for as long as the block runs."""
    hub = HubServer(folders)
    threads = [Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in hub.servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(hub.servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def log_message(self, *_):
        """Say nothing: the test's output is not the place."""

    def _struck(self, stage: str) -> Fault | None:
        fault = self.hub.fault
        return fault if fault and fault.strikes(stage, self.path) else None

    def _answer(self) -> None:
        if "/resolve/" not in self.path:
            return self._refuse(404, {})
        self.hub.requests.append(Request(self.command, self.path, time.monotonic()))
        fault = self._struck("ask")
        if fault and fault.kind == "slow":
            time.sleep(SLOW_SECONDS)
        if fault and fault.kind == "status":
            return self._refuse(fault.status, fault.headers)
        commit, place = self.hub.find(self.path)
        if commit is None:
            return self._refuse(404, {"X-Error-Code": "RepoNotFound"})
        if place is None or (fault and fault.kind == "gone"):
            return self._refuse(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        content = place.read_bytes()
        if place.suffix not in LARGE:
            git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            return self._send(content, {"ETag": f'"{git_hash}"', "X-Repo-Commit": commit})
        if self.path.startswith("/storage/"):
            return self._send(content, {})
        self._begin(302, {
            "Location": f"{self.hub.storage}/storage{self.path}",
            "X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Linked-Size": str(len(content)),
            "X-Repo-Commit": commit,
            "Content-Length": "0",
        })  # fmt: skip

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        self._begin(status, {**headers, "Content-Length": "0"})

    def _send(self, content: bytes, headers: dict[str, str]) -> None:
        """The content, from the byte on that a Range header names; or what a fault makes of it."""
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        status, part = (206, content[start:]) if start else (200, content)
        if start:
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        fault = self._struck("content") if self.command == "GET" else None
        kind = fault.kind if fault else None
        if kind == "flip":
            part = bytes([part[0] ^ 1]) + part[1:]
        announced = len(part)
        if kind == "vanish":
            self.hub.vanish()
        if kind in ("short", "broken", "vanish"):
            # After half of the file, a broken connection brings nothing more.
            part = part[: len(part) // 2] if not start else b""
            announced = len(part) if kind == "short" else announced
            self.close_connection = True
        self._begin(status, {**headers, "Content-Length": str(announced)})
        if self.command == "GET":
            for piece in _pieces(part, DRIPS if kind == "drip" else 1):
                self.wfile.write(piece)
                time.sleep(SLOW_SECONDS / DRIPS if kind == "drip" else 0)


def _pieces(content: bytes, count: int) -> list[bytes]:
    size = -(-len(content) // count) or 1
    return [content[start : start + size] for start in range(0, len(content), size)]
