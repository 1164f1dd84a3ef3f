"""Stamps: small files of JSON beside large ones, which remember what was verified. Losing one costs a second look."""

import json
import os
import tempfile
from pathlib import Path


def read(path: Path) -> dict[str, list]:
    """What a stamp remembers; nothing where it is missing or broken."""
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write(path: Path, stamp: dict[str, list]) -> None:
    """Write a stamp, whole or not at all, and remove what killed writers left. Raises OSError where it cannot."""
    for left_over in path.parent.glob(f"{path.name}.*"):
        left_over.unlink(missing_ok=True)
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(stamp, file)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
