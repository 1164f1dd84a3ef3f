"""Can this machine run the lessons? `python -m course_utils.doctor` prints a table, exits with 1 where one could not.

It must work where everything else is broken, so other packages are imported only in the row that asks about them, and a
Python that is too old can read it to the end.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent     # not from paths.py, which imports a package that may be missing
INSTALL = "make lab   (or, in an environment of your own: pip install -e .)"
PACKAGES = ("torch", "transformers", "jupyterlab", "ipywidgets", "matplotlib")
# By the lessons that stand; the rest waits.
READ_BY_LESSONS = (
    "sotu", "names", "smollm2", "cmudict", "tunes", "minilm", "d3", "jquery", "wiki", "flan-t5", "ratings", "intents",
    "fashion_mnist",
)  # fmt: skip
NETWORK_SECONDS = 2.0
LEAST_MEMORY_GB, GOOD_MEMORY_GB = 4.0, 7.5
LARGEST_LESSON, ITS_MEMORY_GB = "10", 5
LEAST_DISK_GB = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the table: `status` is "ok", "note" (a lesson still runs) or "no" (a lesson could not run)."""

    name: str
    value: str
    status: str = "ok"
    advice: str = ""


def rows() -> list[Row]:
    """Every check, in the order of the table. Takes about two seconds, most of it the import of torch."""
    network = network_row()
    return [
        python_row(sys.version_info),
        *(package_row(name) for name in PACKAGES),
        stop_row(),
        device_row(),
        cores_row(available_cores()),
        memory_row(memory_gb()),
        disk_row(),
        *asset_rows(network.value == "answers"),
        network,
    ]


def report(checked: Iterable[Row] | None = None) -> bool:
    """Print the table, as plain text, and what to type where something is missing. True where every lesson can run."""
    checked = list(rows() if checked is None else checked)
    width = max(len(row.name) for row in checked)
    for row in checked:
        print(f"{row.status:<5} {row.name:<{width}}  {row.value}")
        if row.advice:
            print(f"{'':<5} {'':<{width}}  -> {row.advice}")
    failed = [row.name for row in checked if row.status == "no"]
    print(f"\nMend first: {', '.join(failed)}." if failed else "\nEvery lesson can run here.")
    return not failed


# ---- software --------------------------------------------------------------------------------------------------------


def python_row(version: tuple) -> Row:
    """The running Python, `version` as in sys.version_info."""
    text = ".".join(map(str, version[:3]))
    if tuple(version[:2]) < (3, 11):
        return Row("Python", text, "no", "install Python 3.11 or newer, then: make lab PYTHON=python3.11")
    return Row("Python", text)


def package_row(name: str) -> Row:
    """A package: there, of a version in the range of pyproject.toml, and importable."""
    try:
        version = metadata.version(name)
        importlib.import_module(name)
    except metadata.PackageNotFoundError:
        return Row(name, "not installed", "no", INSTALL)
    except Exception as error:  # a broken binary may raise anything, and the table must still be printed
        return Row(name, f"does not import: {type(error).__name__}: {error}".splitlines()[0], "no", INSTALL)
    wanted = declared_range(name)
    if wanted and not _within(version, wanted):
        return Row(name, f"{version}, tested with {wanted}", "note", INSTALL)
    return Row(name, version)


def declared_range(name: str) -> str:
    """The range that pyproject.toml declares for a direct dependency, such as ">=2.8,<3"; "" where it declares none."""
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [line.removeprefix(name) for line in project["dependencies"] if line.startswith(name + ">")]
    return found[0] if found else ""


def _within(version: str, wanted: str) -> bool:
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return True
    return SpecifierSet(wanted).contains(version, prereleases=True)


def stop_row() -> Row:
    """The stop button: whether it may be pressed while the oneDNN that torch brings is at work."""
    try:
        from course_utils.models import onednn
    except Exception:  # package_row says why
        return Row("stop button", "unknown without torch", "note")
    made = ".".join(map(str, onednn.version()))
    if onednn.STOPPABLE or not onednn.PRESENT:
        return Row("stop button", f"safe, oneDNN {made}" if made else "safe")
    advice = "the course's functions go around it; to mend your own loops over nn.LSTM: pip install 'torch>=2.13'"
    return Row("stop button", f"can end the kernel while oneDNN {made} works", "note", advice)


# ---- the machine -----------------------------------------------------------------------------------------------------


def device_row() -> Row:
    """Where models are trained: a GPU's name, or the CPU, which is enough for every lesson."""
    try:
        from course_utils.devices import device, gpu_label
    except Exception:  # package_row says why
        return Row("device", "unknown without torch", "note")
    try:
        kind, gpu = device().type, gpu_label()
    except Exception as error:  # a choice that is not here, a broken driver: the table must still be printed
        return Row("device", str(error).splitlines()[0], "no", "unset COURSE_DEVICE")
    return Row("device", f"{gpu} ({kind})" if gpu else f"CPU ({platform.machine()})")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_row(cores: int) -> Row:
    """The measured minutes in the lessons are of two cores."""
    advice = "lessons take up to twice their stated minutes; or type in a cell: %env COURSE_PROFILE=smoke"
    return Row("cores", str(cores)) if cores >= 2 else Row("cores", str(cores), "note", advice)


def memory_gb() -> float | None:
    """Memory that this process may use in GB, a container's limit counted; None where it cannot be told."""
    try:
        import psutil

        total = psutil.virtual_memory().total
    except ImportError:
        if not hasattr(os, "sysconf"):
            return None
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.exists() else ""
    return min(total, int(text) if text.isdigit() else total) / 1e9


def memory_row(gigabytes: float | None) -> Row:
    """Most lessons stay under 3 GB, one takes nearly 5; a browser and the system want the rest."""
    if gigabytes is None:
        return Row("memory", "unknown", "note")
    text = f"{gigabytes:.1f} GB"
    if gigabytes < LEAST_MEMORY_GB:
        return Row("memory", text, "no", f"lessons need {LEAST_MEMORY_GB:.0f} GB: take a larger machine, or Colab")
    if gigabytes < GOOD_MEMORY_GB:
        advice = f"lesson {LARGEST_LESSON} takes nearly {ITS_MEMORY_GB} GB: run one notebook at a time, menu Kernel, "
        return Row("memory", text, "note", advice + "Shut Down All Kernels")
    return Row("memory", text)


def disk_row() -> Row:
    """Free space where the assets are kept."""
    folder = Path(os.environ.get("COURSE_CACHE") or REPOSITORY / "data")
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free >= LEAST_DISK_GB:
        return Row("disk", f"{free:.0f} GB free")
    return Row("disk", f"{free:.1f} GB free", "note", "free some space, or keep the data in COURSE_CACHE=FOLDER")


# ---- data and network ------------------------------------------------------------------------------------------------


def asset_rows(network: bool) -> list[Row]:
    """Which data and models are here. A missing one is fetched when a lesson asks for it, if there is a `network`."""
    try:
        from course_utils import assets

        present = {name: assets.is_present(name) for name in assets.names()}
        replaced = {asset.name for asset in assets.load_manifest().values() if asset.stand_in}
    except Exception as error:  # a missing package, a damaged manifest: the table must still be printed
        return [Row("assets", f"cannot be listed: {type(error).__name__}: {error}".splitlines()[0], "no", INSTALL)]
    fetch = "python -m course_utils.assets {}" + ("" if network else "   once there is a network")
    needed = set(READ_BY_LESSONS) - replaced
    status = {name: "note" if network or name not in needed else "no" for name in present}
    return [
        Row(f"asset {name}", "present") if here else Row(f"asset {name}", "missing", status[name], fetch.format(name))
        for name, here in present.items()
    ]


def network_row() -> Row:
    """Whether the package index that assets come from takes a connection; not asked with COURSE_OFFLINE=1."""
    if os.environ.get("COURSE_OFFLINE") == "1":
        return Row("network", "not asked: COURSE_OFFLINE=1")
    address = index_address()
    if address is None:
        return Row("network", "not asked: no package index is known here")
    try:
        with socket.create_connection(address, timeout=NETWORK_SECONDS):
            return Row("network", "answers")
    except OSError:
        return Row("network", "no answer", "note", "lessons need none once every asset above is present")


def index_address() -> tuple[str, int] | None:
    """Host and port to ask: a proxy if one is set, else the index that pip uses; None for a local or unknown one."""
    proxy = urllib.request.getproxies().get("https")
    url = urlsplit(proxy or os.environ.get("PIP_INDEX_URL") or _configured_index() or _default_index())
    if not url.hostname:
        return None
    return url.hostname, url.port or (80 if url.scheme == "http" else 443)


def _configured_index() -> str:
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    answer = subprocess.run(command, capture_output=True, errors="replace", check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _default_index() -> str:
    """pip's own default, else the model hub that huggingface_hub is configured for."""
    for module, attribute in (("pip._internal.models.index", "PyPI"), ("huggingface_hub.constants", "ENDPOINT")):
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
        return getattr(found, "url", found)
    return ""


if __name__ == "__main__":
    sys.exit(0 if report() else 1)
