"""Make `data/emoji.npz`, small pictures with names, from a package of the npm registry.

    python -m tools.emoji              download the package with npm, and write the file
    python -m tools.emoji --tgz FILE   the same, from a package that lies in FILE

The file is shipped, so only who changes it needs npm. data/cards/emoji.md says the rest.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils.errors import CourseError
from course_utils.images.corpora import EMOJI

PACKAGE = "emoji-datasource-google@16.0.0"
SHA256 = "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438"
FOLDER = "package/img/google/64"                                   # pictures of 64×64
WIDTH = 32
LEFT_OUT = ("Flags", "Component")                                  # flags are countries; components are hair and skin
NOTICE = (
    "Pictures: Noto Emoji v2.048, Copyright Google Inc., Apache License 2.0; changed: reduced to 32x32, flags and "
    "components left out. Names and categories: emoji-data 16.0.0, Copyright (c) 2013 Cal Henderson, MIT License. "
    "Both licences: data/emoji.LICENSE.txt. Made by `python -m tools.emoji`."
)


def download(folder: Path) -> Path:
    """Fetch the package into `folder`, without installing it. Raises CourseError where npm cannot."""
    try:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CourseError(f"npm pack {PACKAGE} failed ({error}); expected npm and a network.") from error
    return next(folder.glob("*.tgz"))


def verified(path: Path) -> bytes:
    """The package in `path`. Raises CourseError where it is not the one that is pinned."""
    if not path.exists():
        raise CourseError(f"There is no file {path.name}; expected {PACKAGE}.")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise CourseError(f"{path.name} has sha256 {found}; expected {SHA256}, that of {PACKAGE}.")
    return content


def kept(entries: list[dict]) -> list[dict]:
    """What is drawn and is no flag or component, in the order of Unicode."""
    drawn = (entry for entry in entries if entry["has_img_google"] and entry["category"] not in LEFT_OUT)
    return sorted(drawn, key=lambda entry: entry["sort_order"])


def reduced(png: bytes) -> np.ndarray:
    """A picture as (32, 32, 4) uint8: each pixel is the mean of 2×2, weighted by opacity; what is not seen is 0."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")                   # whose resizing weights by opacity
    return np.array(picture.resize((WIDTH, WIDTH), Image.Resampling.BOX))


def spoken(name: str) -> str:
    """A name as one would say it: lower case, blanks for the marks that join words."""
    return name.lower().replace("_", " ")


def arrays_of(package: bytes) -> dict[str, np.ndarray]:
    """The arrays of the file: images (N, 32, 32, 4), labels (N,), names, short names, categories, notice."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if wanted(member)}
    entries = kept(json.loads(files["package/emoji.json"]))
    categories = sorted({entry["category"] for entry in entries})
    return {
        "images": np.stack([reduced(files[f"{FOLDER}/{entry['image']}"]) for entry in entries]),
        "labels": np.array([categories.index(entry["category"]) for entry in entries], np.uint8),
        "names": np.array([spoken(entry["name"]) for entry in entries]),
        "short_names": np.array([spoken(entry["short_name"]).replace("-", " ") for entry in entries]),
        "categories": np.array(categories),
        "notice": np.array(NOTICE),
    }


def wanted(member: tarfile.TarInfo) -> bool:
    """Whether a member of the package is read."""
    return member.isfile() and (member.name == "package/emoji.json" or member.name.startswith(f"{FOLDER}/"))


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.emoji", description=__doc__.splitlines()[0])
    parser.add_argument("--tgz", type=Path, help="the package, if it is already here")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            arrays = arrays_of(verified(options.tgz or download(Path(folder))))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    np.savez_compressed(EMOJI, **arrays)
    content = EMOJI.read_bytes()
    print(f"{EMOJI.name}: {len(arrays['images']):,} emoji, {len(content):,} bytes; EMOJI_SHA256 is")
    print(hashlib.sha256(content).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
