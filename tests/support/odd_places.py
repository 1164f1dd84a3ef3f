"""Odd surroundings for a process: a copy of the course under a difficult name, other locales, closed folders."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from course_utils.paths import REPOSITORY, cache_dir

DIFFICULT_NAME = "Kurs für alle é 课 'n' more"
SHIPPED = (
    "course_utils", "tools", "docs", "app", "classroom", "tests/support", "tests/faults", "data", "Makefile",
    "pyproject.toml", "README.md", "CONTRIBUTING.md", "LICENSE", "LICENSE-TEXTS", "requirements.lock",
    "notebooks",
)  # fmt: skip
NOT_COPIED = shutil.ignore_patterns("cache", "__pycache__", ".ipynb_checkpoints", "node_modules")
LOCALES = ("tr_TR.UTF-8", "de_DE.ISO-8859-1", "C")                 # dotless i; decimal commas and no UTF-8; nothing
NO_UTF8 = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
PASSES_PERMISSIONS = "dac_override,dac_read_search"                # what root has to give up for a mode to bind it


def copy_course(folder: Path) -> Path:
    """A checkout of the course as it lies here, in a subfolder with a difficult name; its path."""
    copy = folder / DIFFICULT_NAME
    for name in SHIPPED:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, copy / name, ignore=NOT_COPIED)
        else:
            shutil.copy(REPOSITORY / name, copy / name)
    return copy


def locale_environment(name: str, folder: Path) -> dict[str, str]:
    """Variables of a locale, which is compiled into `folder` where this machine has the means."""
    if name != "C" and shutil.which("localedef"):
        language, charset = name.split(".")
        command = ["localedef", "-i", language, "-f", charset, str(folder / name)]
        subprocess.run(command, capture_output=True, check=False)             # it warns, and a machine may lack them
    return {"LOCPATH": str(folder), "LC_ALL": name, "LANG": name, **(NO_UTF8 if name == "C" else {})}


def bare_environment(home: Path | None = None) -> dict[str, str]:
    """No display, user, proxy or setting but those that keep a test offline and find its data; perhaps a home."""
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    kept |= {"COURSE_CACHE": str(cache_dir().absolute()), "COURSE_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    return kept | ({"HOME": str(home)} if home else {})


def bound_by_permissions(command: Iterable[str]) -> list[str]:
    """A command for which the modes of files hold, also where root runs it."""
    if os.geteuid() != 0:
        return list(command)
    without = ",".join(f"-{name}" for name in PASSES_PERMISSIONS.split(","))
    return ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", *command]


def mounted_read_only(folder: Path, command: Iterable[str]) -> list[str]:
    """A command that runs in `folder` and sees it on a file system that takes no writing; nobody else does."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
    namespaces = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    return ["unshare", *namespaces, "sh", "-c", script, str(folder), *command]


def can_mount(folder: Path) -> bool:
    """Whether this process may make such a mount."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(mounted_read_only(folder, ["true"]), capture_output=True, check=False).returncode == 0


def close(folder: Path) -> None:
    """Take the permission to write from a folder and all that lies in it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)


def reopen(folder: Path) -> None:
    """Give its owner the permission back, so that pytest can remove it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
