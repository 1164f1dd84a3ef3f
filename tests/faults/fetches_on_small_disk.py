"""What test_fetches_on_full_disk.py runs on a disk of its own: the manifest, then sizes of that disk in kilobytes.

The call finds room enough when it begins, and others fill the disk meanwhile. A line of JSON for each size: what the
call said on a disk of that size, what it left, and what is wrong after a second call on a disk with room enough.
"""

import json
import shutil
import sys
from pathlib import Path

from course_utils import assets
from course_utils.paths import cache_dir
from tests.faults.toy_asset import CONTENT
from tests.support.small_disk import resize

ROOM = 20_000                                                      # kilobytes


def ask(manifest: Path) -> str:
    """What the call for the asset says: nothing, or why it cannot be had."""
    try:
        assets.path("toy", manifest)
    except assets.AssetError as error:
        return str(error)
    return ""


def wrong() -> list[str]:
    """The files of the asset that are not what they should be."""
    files = {name: cache_dir() / "toy" / name for name in CONTENT}
    return [name for name, file in files.items() if not file.exists() or file.read_bytes() != CONTENT[name]]


def main() -> None:
    """One size after the other, each from an empty cache."""
    cache, manifest, usage = cache_dir(), Path(sys.argv[1]), shutil.disk_usage("/")
    shutil.disk_usage = lambda _: usage._replace(free=1024 * ROOM)
    for kilobytes in map(int, sys.argv[2:]):
        for path in cache.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        resize(cache, kilobytes)
        said = ask(manifest)
        left = sorted(path.name for path in cache.iterdir() if path.name != ".toy.lock")
        damaged = [] if said else wrong()
        resize(cache, ROOM)
        again = ask(manifest)
        outcome = {"kilobytes": kilobytes, "said": said, "left": left, "damaged": damaged}
        print(json.dumps(outcome | {"again": again, "wrong": wrong()}), flush=True)


if __name__ == "__main__":
    main()
