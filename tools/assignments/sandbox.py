"""Run a submitted cell where it can read no file, reach no network and stay no longer than it may.

The cell runs in a process of its own, in a file system that holds Python, its packages and the course's models: no
home, no gradebook, no other submission, no network, no rights, no reference solution. Linux namespaces do that, by
`unshare` of util-linux. What comes back is plain data. It is compared outside.
"""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cloudpickle

from course_utils import exercises
from course_utils.errors import CourseError
from course_utils.exercises.specs import Exercise
from course_utils.paths import REPOSITORY

HERE = Path(__file__).parent
RUNNER = HERE / "runner.py"
COURSE = REPOSITORY / "course_utils"
KINDS = ("namespaces", "limits")
APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
START_SECONDS = 60.0                                    # to set the sandbox up and import the lesson's packages
MOST_BYTES = 16_000_000                                 # of what comes back
# AS beyond what the lesson's packages have mapped: torch with CUDA, imported by an answer, maps more than 4 GB.
LIMITS = {"DATA": 4 << 30, "AS": 8 << 30, "FSIZE": 1 << 20, "NOFILE": 128, "NPROC": 16, "CORE": 0}
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "OMP_NUM_THREADS": "1"}
NAMESPACES = ["--user", "--map-root-user", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]


class SandboxError(CourseError):
    """The sandbox cannot be had, so nothing is graded."""


@dataclass(frozen=True)
class Lines:
    """What a run wrote: its lines after `ready`, and why it wrote no more: "" at its end, "time" or "size"."""

    lines: tuple[bytes, ...]
    cut: str = ""


def run(source: str, exercise: Exercise, imports: tuple[str, ...], sandbox: str = "namespaces") -> Lines:
    """Run a submitted cell on the hidden cases of its exercise, after the imports of its assignment.

    sandbox: "namespaces", or "limits" for limits of time and memory alone, on a machine that holds nothing of worth.
    Raises SandboxError where the sandbox cannot be had: a cell that was not run is never graded.
    """
    command = [sys.executable, "-I", "-B", str(RUNNER)]
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as said:
        pickle.dump(_request(source, exercise, imports, sandbox), request)
        request.seek(0)
        process = subprocess.Popen(
            entered(command, Path(root), sandbox),
            stdin=request, stdout=subprocess.PIPE, stderr=said, env=ENVIRONMENT, cwd=root, start_new_session=True,
        )
        try:
            found = _listen(process, exercise.seconds)
        finally:
            _end(process)
        if found is None:
            said.seek(0)
            raise SandboxError(_advice(said.read().decode(errors="replace")))
    return found


def entered(command: list[str], root: Path, sandbox: str) -> list[str]:
    """The command as it runs in the sandbox, whose files are put together at the empty folder `root`."""
    if sandbox == "limits":
        return command
    if sandbox not in KINDS:
        raise SandboxError(f"expected a sandbox of {' or '.join(KINDS)}, got {sandbox!r}; mend nbgrader_config.py.")
    if not shutil.which("unshare"):
        raise SandboxError(_advice("this system has no command `unshare`"))
    enter = ["sh", str(HERE / "enter.sh"), str(root), str(COURSE / "exercises"), *readable(), "--"]
    return ["unshare", *NAMESPACES, *enter, *command]


def readable() -> list[str]:
    """What the sandbox shows, read-only: Python, its packages, the course's modules and the runner."""
    system = [path for path in ("/usr", "/bin", "/lib", "/lib64") if os.path.exists(path)]
    packages = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path.endswith("-packages"))}
    kept = [path for path in sorted(packages) if os.path.isdir(path) and not path.startswith("/usr/")]
    inner = [path for path in kept if any(path.startswith(f"{other}/") for other in kept)]
    return [*system, *(path for path in kept if path not in inner), str(COURSE), str(RUNNER)]


def _request(source: str, exercise: Exercise, imports: tuple[str, ...], sandbox: str) -> dict:
    # By value: what an input is made of lies in the modules that the sandbox hides.
    cloudpickle.register_pickle_by_value(exercises)
    cases = [cloudpickle.dumps(case.arguments()) for case in exercise.hidden]
    limits = dict(LIMITS, CPU=int(exercise.seconds + START_SECONDS))
    if sandbox == "limits":
        del limits["NPROC"]                             # out here it counts all that the user runs
    if sys.platform != "linux":
        del limits["AS"]
    return {"source": source, "name": exercise.name, "imports": imports, "cases": cases, "limits": limits}


def _listen(process: subprocess.Popen, seconds: float) -> Lines | None:
    """What the process writes until its end or until its time is up; None where it never was ready."""
    os.set_blocking(process.stdout.fileno(), False)
    text, end, ready, cut = b"", time.monotonic() + START_SECONDS, False, "time"
    while time.monotonic() < end:
        piece = process.stdout.read(1 << 16)
        if piece == b"":
            cut = ""
            break
        text += piece or b""
        if len(text) > MOST_BYTES:
            cut = "size"
            break
        if not ready and b"\n" in text:
            ready, end = True, time.monotonic() + seconds
        if piece is None:
            time.sleep(0.01)
    *whole, _ = text.split(b"\n")
    return Lines(tuple(whole[1:]), cut) if ready else None


def _end(process: subprocess.Popen) -> None:
    """Kill the process and all that it started; `unshare` takes its namespace along."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _advice(said: str) -> str:
    reason = (said.strip().splitlines() or ["it never was ready"])[-1]
    way = "Grade on a Linux where you may make namespaces, or in a virtual machine"
    if APPARMOR.exists() and APPARMOR.read_text(encoding="ascii").strip() == "1":
        way = f"AppArmor forbids them: type `sudo sysctl -w kernel.{APPARMOR.name}=0` while grading, or grade in a VM"
    return (
        f"expected a sandbox of Linux namespaces, got: {reason}. Nothing was graded. {way}. Or, on a machine that "
        'holds nothing of worth, set c.GradeInSandbox.sandbox = "limits".'
    )
