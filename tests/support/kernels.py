"""A kernel with a page before it, for tests that run cells and press stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from course_utils.paths import NOTEBOOKS
from tools.notebooks.execute import kernel_environment

CELL_SECONDS = 120
READY_SECONDS = 10
STOPPED = "Interrupted after "                                     # how a training says that it was stopped


@dataclass
class Kernel:
    """A kernel with a page before it: runs sources and remembers what they showed."""

    manager: KernelManager
    client: BlockingKernelClient

    def run(self, source: str, seen: Callable[[dict], None] = lambda message: None) -> dict:
        """Run a cell to its end; the kernel's reply. Raises TimeoutError where none comes."""
        return self.client.execute_interactive(source, timeout=CELL_SECONDS, output_hook=seen)["content"]

    def is_ready(self) -> bool:
        """Whether it runs the next cell at once."""
        try:
            return self.client.execute_interactive("", timeout=READY_SECONDS)["content"]["status"] == "ok"
        except TimeoutError:
            return False

    def profile(self, name: str) -> None:
        """How much work the next cells do."""
        self.run(f"import os; os.environ['COURSE_PROFILE'] = {name!r}")


@contextmanager
def fresh_kernel(home: Path, profile: str) -> Iterator[Kernel]:
    """A kernel in the lessons' folder, with nothing of who runs it."""
    manager, client = start_new_kernel(env=kernel_environment(home, profile, offline=True), cwd=str(NOTEBOOKS))
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@dataclass
class Stopping:
    """Somebody who looks at what a cell shows, and presses stop `delay` seconds after it began; None: not at all.

    errors: all that the cell showed, as "name: value". pressed: the cell was at work when stop was pressed. heard: it
    showed KeyboardInterrupt, or said that it was stopped. seconds: of the kernel's own processor time from pressing
    stop to that, or to the end of a cell that never said so, whatever else the machine does.
    """

    manager: KernelManager
    delay: float | None
    errors: list[str] = field(default_factory=list)
    pressed: bool = False
    heard: bool = False
    seconds: float = 0.0
    timer: threading.Timer | None = None
    at_work: float = 0.0

    def __call__(self, message: dict) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "execute_input" and self.delay is not None:
            self.timer = threading.Timer(self.delay, self._press)
            self.timer.start()
        if kind == "error":
            self.errors.append(f"{content['ename']}: {content['evalue']}")
        if not self.heard and (content.get("ename") == "KeyboardInterrupt" or STOPPED in content.get("text", "")):
            self.heard, self.seconds = True, self.worked_on()
        if kind == "status" and content["execution_state"] == "idle" and self.timer:
            self.timer.cancel()                                    # the cell was faster
            self.timer.join()
            if self.pressed and not self.heard:
                self.seconds = self.worked_on()

    def worked_on(self) -> float:
        """Seconds of processor time that the kernel has worked since stop was pressed."""
        return self._worked() - self.at_work

    def _press(self) -> None:
        self.at_work, self.pressed = self._worked(), True
        self.manager.interrupt_kernel()

    def _worked(self) -> float:
        times = psutil.Process(self.manager.provisioner.pid).cpu_times()
        return times.user + times.system
