"""A JupyterHub on loopback for measuring and testing: started in an empty folder, killed, started again, watched.

The hub reads the configuration that a class reads, `classroom/jupyterhub/jupyterhub_config.py`, with its load-test
setting: any name may log in with one password, and all are the Unix user who starts the hub.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from course_utils.paths import REPOSITORY
from tools.hub_student import HubError, Student

CONFIG = REPOSITORY / "classroom" / "jupyterhub" / "jupyterhub_config.py"
NOTEBOOKS = "generative-ai-course/notebooks"                        # in a student's home
HUB_SECONDS = 120
LEAST_FREE = 1e9                                                    # bytes: below it the machine itself is in danger


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on at the moment of asking, each another one."""
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


@dataclass
class Hub:
    """A hub whose whole state lies in `folder`, with further environment variables in `settings`."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    ports: list[int] = field(default_factory=lambda: free_ports(3))
    process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        """Where students find it."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def log(self) -> Path:
        """What the hub, its proxy and all servers printed."""
        return self.folder / "hub.log"

    def student(self, name: str) -> Student:
        """A student who has not logged in yet."""
        return Student(self.address, name, self.password)

    def home(self, name: str) -> Path:
        """A student's home folder."""
        return self.folder / "homes" / name

    def environment(self) -> dict[str, str]:
        """What the hub's process finds in its environment."""
        names = ("ADDRESS", "API_ADDRESS", "PROXY_ADDRESS")
        own = {f"COURSE_HUB_{name}": f"http://127.0.0.1:{port}" for name, port in zip(names, self.ports, strict=True)}
        own |= {"COURSE_HUB_STATE": str(self.folder), "COURSE_HUB_LOAD_TEST": self.password}
        return {**os.environ, **own, **self.settings}

    def start(self) -> float:
        """Start the hub over what the folder holds; the seconds until it answers. Raises HubError if it never does."""
        begin = time.monotonic()
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)],
                cwd=self.folder, env=self.environment(), stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        while time.monotonic() < begin + HUB_SECONDS and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.address}/hub/login", timeout=5).close()
                return time.monotonic() - begin
            time.sleep(0.2)
        raise HubError(f"expected a hub on {self.address} within {HUB_SECONDS} s; its log ends with:\n{self.tail()}")

    def tail(self) -> str:
        """The last of what was printed."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def kill(self) -> None:
        """End the hub's own process with no chance to tidy up; servers and proxy are left alone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def family(self) -> dict[int, psutil.Process]:
        """The hub's process and all that it has started, by id, servers too: they know its folder or its addresses."""
        known, found = (str(self.folder), *(f"http://127.0.0.1:{port}" for port in self.ports)), {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                marks = [*process.environ().values(), *process.cmdline()]
                if any(mark.startswith(known) for mark in marks):
                    found[process.pid] = process
        found.pop(os.getpid(), None)
        return found

    def stop(self) -> None:
        """End everything that the hub has started."""
        if self.process and self.process.poll() is None:
            self.kill()
        for _ in range(3):                                          # a server may have started a kernel meanwhile
            family = list(self.family().values())
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(family, timeout=10)


@contextlib.contextmanager
def hub(folder: Path, **settings: str) -> Iterator[Hub]:
    """A running hub over `folder`, stopped at the end with all that it has started."""
    started = Hub(folder, settings)
    try:
        started.start()
        yield started
    finally:
        started.stop()


@dataclass
class Use:
    """What one user's processes have taken: most memory and the last seen, in bytes; CPU seconds by process."""

    pss: int = 0
    rss: int = 0
    pss_now: int = 0
    processor: dict[int, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """CPU seconds of all processes that were seen."""
        return sum(self.processor.values())


class Watch:
    """Looks at the hub's processes every few seconds, from a thread.

    Memory is proportional (PSS): a page that several processes share counts once in their sum. `users` maps a name to
    its use, "" to that of hub, proxy and culler. `danger` says that the machine was about to run out of memory: then
    the hub has been stopped.
    """

    def __init__(self, watched: Hub, seconds: float):
        self.hub, self.every, self.users, self.danger = watched, seconds, {}, False
        self.pss_together, self.machine = 0, 0                      # most bytes at one time: of the hub's, of all
        self.machine_before = used_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look_again_and_again(self) -> None:
        while not self._ended.wait(self.every):
            self.look()
            if psutil.virtual_memory().available < LEAST_FREE:
                self.danger = True
                self.hub.stop()
                return

    def look(self) -> None:
        """Measure all processes once."""
        now: dict[str, list[int]] = {}
        for process in self.hub.family().values():
            with contextlib.suppress(psutil.Error):
                name, memory, times = owner(process), process.memory_full_info(), process.cpu_times()
                self.users.setdefault(name, Use()).processor[process.pid] = times.user + times.system
                kept = now.setdefault(name, [0, 0])
                kept[0], kept[1] = kept[0] + memory.pss, kept[1] + memory.rss
        for name, (pss, rss) in now.items():
            use = self.users[name]
            use.pss, use.rss, use.pss_now = max(use.pss, pss), max(use.rss, rss), pss
        self.pss_together = max(self.pss_together, sum(pss for pss, _ in now.values()))
        self.machine = max(self.machine, used_memory())


def owner(process: psutil.Process) -> str:
    """The student whom a process belongs to; "" for the hub's own."""
    return process.environ().get("JUPYTERHUB_USER", "")


def used_memory() -> int:
    """Bytes of the machine's memory that are not to be had."""
    memory = psutil.virtual_memory()
    return memory.total - memory.available
