"""The images of lessons 11 to 14 in three parts: Fashion-MNIST, the digits of scikit-learn, and emoji with names.

Every image is uint8 of shape (C, H, W), levels 0 to 255; `pixels.to_float` makes of it what a model reads.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.idx import read_idx
from course_utils.interrupts import held_back
from course_utils.paths import DATA
from course_utils.sources import AssetError
from course_utils.text.splits import part_by_hash

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class ImagePart:
    """Images of one part: images (N, C, H, W) uint8, labels (N,) int64."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class NamedImagePart(ImagePart):
    """Images with two names each: the whole one, and the short one that people type."""

    names: tuple[str, ...]
    short_names: tuple[str, ...]


@dataclass(frozen=True)
class ImageCorpus:
    """Images in three parts. A label is a place in `classes`; `name` says which corpus it is."""

    name: str
    classes: tuple[str, ...]
    train: ImagePart
    validation: ImagePart
    test: ImagePart

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        return tuple(self.train.images.shape[1:])


# --- Fashion-MNIST --------------------------------------------------------------------------------

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FASHION_VALIDATION = 5_000                 # the last so many of the 60,000 that are not test


def load_fashion(stand_in: bool = True) -> ImageCorpus:
    """Fashion-MNIST: 55,000 / 5,000 / 10,000 images (1, 28, 28) of ten classes. Xiao et al. 2017.

    Where it is not to be had, one printed line says so, and `load_digits()` at 28×28 takes its place: see `name`.
    Without `stand_in`, for what is only true of Fashion-MNIST, AssetError is raised instead.
    """
    try:
        folder = assets.path("fashion_mnist")
    except AssetError as error:
        if not stand_in:
            raise
        print(assets.in_place_of("fashion_mnist", error))
        return as_wide_as_fashion(load_digits())
    return _read_fashion(folder)


@cache
def _read_fashion(folder: Path) -> ImageCorpus:
    whole, test = (_read_pair(folder, prefix) for prefix in ("train", "t10k"))
    train = _rows(whole, slice(None, -FASHION_VALIDATION))
    validation = _rows(whole, slice(-FASHION_VALIDATION, None))
    return ImageCorpus("fashion_mnist", FASHION_CLASSES, train, validation, test)


def _read_pair(folder: Path, prefix: str) -> ImagePart:
    images = torch.from_numpy(read_idx(folder / f"{prefix}-images-idx3-ubyte")).unsqueeze(1)    # (N, 1, 28, 28)
    return ImagePart(images, torch.from_numpy(read_idx(folder / f"{prefix}-labels-idx1-ubyte")).long())


def _rows(part: ImagePart, rows) -> ImagePart:
    return ImagePart(part.images[rows], part.labels[rows])


# --- digits ---------------------------------------------------------------------------------------

DIGIT_LEVELS = 16                          # the darkest of scikit-learn's 17


@cache
def load_digits() -> ImageCorpus:
    """The 1,797 written digits of scikit-learn: 1,439 / 179 / 179 images (1, 8, 8). Always there: the toy of toys.

    Of their numbers those that end in 9 are test, in 8 validation. The 17 levels are spread over 0 to 255.
    """
    with held_back():
        from sklearn import datasets  # takes a second to import

    digits = datasets.load_digits()
    levels = torch.from_numpy(digits.images).mul(255 / DIGIT_LEVELS).round().to(torch.uint8)
    whole = ImagePart(levels.unsqueeze(1), torch.from_numpy(digits.target).long())               # (1797, 1, 8, 8)
    last = torch.arange(len(whole)) % 10
    parts = (_rows(whole, rows) for rows in (last < 8, last == 8, last == 9))
    return ImageCorpus("digits", tuple(map(str, range(10))), *parts)


def as_wide_as_fashion(digits: ImageCorpus) -> ImageCorpus:
    """The digits at 28×28: each pixel becomes 3×3 of its level, in a black border of 2. Nothing is made up."""

    def wide(part: ImagePart) -> ImagePart:
        large = part.images.repeat_interleave(3, dim=2).repeat_interleave(3, dim=3)              # (N, 1, 24, 24)
        return ImagePart(torch.nn.functional.pad(large, (2, 2, 2, 2)), part.labels)              # (N, 1, 28, 28)

    return ImageCorpus(digits.name, digits.classes, *(wide(getattr(digits, part)) for part in PARTS))


# --- emoji ----------------------------------------------------------------------------------------

EMOJI = DATA / "emoji.npz"
EMOJI_SHA256 = "a014cc3dcc307c83936d91abd4aeddf160f1cd851009fab3487ff3ec891e3229"
WHO = {"man", "woman", "men", "women", "person", "people", "adult", "child", "boy", "girl", "male", "female"}


@cache
def load_emoji() -> ImageCorpus:
    """1,636 emoji with names, (4, 32, 32): red, green, blue, opacity. The parts are `NamedImagePart`. Noto Emoji 2.048.

    A label is a category. Held-out names are split by `kind_of`. Raises CourseError where the file is missing or
    is not that of the course.
    """
    return read_emoji(EMOJI, EMOJI_SHA256)


def read_emoji(path: Path, expected: str) -> ImageCorpus:
    """The emoji of a file that has this sha256. Raises CourseError where it is missing, damaged or another."""
    arrays = _checked_arrays(path, expected)
    images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()                 # (N, 4, 32, 32)
    labels = torch.from_numpy(arrays["labels"]).long()
    names, short_names = arrays["names"].tolist(), arrays["short_names"].tolist()
    parts = [part_by_hash(kind_of(name), validation=5, test=10) for name in names]

    def part(wanted: str) -> NamedImagePart:
        rows = [row for row, found in enumerate(parts) if found == wanted]
        return NamedImagePart(images[rows], labels[rows], _at(names, rows), _at(short_names, rows))

    return ImageCorpus("emoji", tuple(arrays["categories"].tolist()), *map(part, PARTS))


def kind_of(name: str) -> str:
    """What variants of an emoji have in common: the words of its name without those for who is shown, and the side.

    `man running facing right` and `woman running` are both `running`, so that both lie in the same part; all families
    are one kind.
    """
    words = [word for word in re.findall(r"\w+", name.lower().replace("facing right", "")) if word not in WHO]
    return "family" if words[:1] == ["family"] else " ".join(words)


def _at(items: Sequence[str], rows: list[int]) -> tuple[str, ...]:
    return tuple(items[row] for row in rows)


def _checked_arrays(path: Path, expected: str) -> dict[str, np.ndarray]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path.name} cannot be read ({error}); take it from the repository again.") from error
    found = sha256(content).hexdigest()
    if found != expected:
        raise CourseError(
            f"{path.name} has sha256 {found}; expected {expected}. Take it from the repository again, or, if you have "
            "made a new one, write its sha256 into course_utils/images/corpora.py."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
