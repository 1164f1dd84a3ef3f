"""A disk that is really full: one of some kilobytes in memory, laid over a folder for one process and its children.

Where a process may mount nothing, not even in a namespace of its own, the size of each file is limited instead.
"""

import os
import resource
import subprocess
from functools import cache
from pathlib import Path

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
MOUNT = 'mount -t tmpfs tmpfs "$0" && exec "$@"'


@cache
def can_mount() -> bool:
    """Whether this machine lets us lay a disk over a folder that nobody else sees."""
    try:
        ran = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True)
        return ran.returncode == 0
    except FileNotFoundError:
        return False


def with_own_disk(command: list[str], folder: Path) -> list[str]:
    """The command, with a disk of its own over the folder, which has to exist; `resize` then makes it small."""
    return [*NAMESPACE, "sh", "-c", MOUNT, str(folder), *command] if can_mount() else command


def resize(folder: Path, kilobytes: int) -> None:
    """Within such a command: give the disk over the folder this size, or each file where there is no disk."""
    if os.path.ismount(folder):
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(folder)], check=True)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * kilobytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
