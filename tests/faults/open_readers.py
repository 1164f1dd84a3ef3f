"""What test_open_files.py runs: readers of an asset that is taken from under them.

    python -m tests.faults.open_readers hold MANIFEST      opens and maps a file, says so, reads on once told to
    python -m tests.faults.open_readers ask MANIFEST       asks and reads again and again, until told to stop

The last line of the output is JSON: the sha256 of each content read, or the kind of error.
"""

import hashlib
import json
import mmap
import sys
import threading
from collections import Counter
from pathlib import Path

from course_utils import assets

PIECE = 64_000                                                     # bytes


def digest(read) -> str:
    """The sha256 of what a function gives piece by piece, or the kind of error that it raised."""
    hash_of_all = hashlib.sha256()
    try:
        while piece := read(PIECE):
            hash_of_all.update(piece)
    except Exception as error:
        return type(error).__name__
    return hash_of_all.hexdigest()


def hold(manifest: Path) -> Counter:
    """Read one piece of an open file, and the rest, and a map of it, after what happens meanwhile."""
    with open(assets.path("toy", manifest) / "deep" / "two.bin", "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        first = file.read(PIECE)
        print("open", flush=True)
        sys.stdin.readline()
        pieces = iter([first])
        return Counter([digest(lambda size: next(pieces, None) or file.read(size)), digest(mapped.read)])


def ask(manifest: Path) -> Counter:
    """Ask for the asset and read a file of it, as often as can be."""
    told, seen = threading.Thread(target=sys.stdin.readline), Counter()
    told.start()
    print("open", flush=True)
    while told.is_alive():
        try:
            with open(assets.path("toy", manifest) / "deep" / "two.bin", "rb") as file:
                seen[digest(file.read)] += 1
        except Exception as error:
            seen[type(error).__name__] += 1
    return seen


if __name__ == "__main__":
    found = {"hold": hold, "ask": ask}[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps(found))
