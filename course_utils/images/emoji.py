"""Emoji as a network learns them: colours times opacity, shifted and mirrored a little, each with the vector of a name.

Notation: N emoji, B of them in a batch, W ways to say a name, E numbers in the vector of a text.
"""

import re

import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.images.batches import epoch_rows, mirror
from course_utils.images.corpora import NamedImagePart
from course_utils.images.pixels import to_float
from course_utils.seeding import generator
from course_utils.shapes import check_counts, check_floats, check_shape
from course_utils.text.batches import Batches, mixed

WORDINGS = (
    "{name}", "{short}", "a {short}", "an emoji of {name}", "{short} emoji", "a small picture of a {short}",
)  # fmt: skip
SIDED = re.compile(
    r"\b(left|right|leftwards?|rightwards?|facing|arrows?|curl\w*|clockwise|anticlockwise|crescent|quarter|gibbous|"
    r"clock|oclock|keycap|squared|sign|latin|letters?|cjk|symbol for|abc|button|input|back|end|soon|top|on|question|"
    r"\d+)\b"
)
JITTER = 0.3                              # length of what is added to a name's vector, whose own length is 1


def wordings(name: str, short_name: str) -> list[str]:
    """Ways to say what is on an emoji, the name itself first, so that what a reader types is near to one of them."""
    return [wording.format(name=name, short=short_name) for wording in WORDINGS]


def premultiplied(images: torch.Tensor) -> torch.Tensor:
    """Emoji (N, 4, H, W) uint8 as float32 in [−1, 1], each colour times its opacity.

    So what nobody can see, the colour of a transparent pixel, is always black, and there is nothing to be learned.
    Porter and Duff 1984.
    """
    check_shape(images, "N 4 H W", "images")
    numbers = to_float(images)
    colour, opacity = numbers[:, :3], numbers[:, 3:]
    return torch.cat([(colour + 1) * (opacity + 1) / 2 - 1, opacity], dim=1)


def on_white(images: torch.Tensor) -> torch.Tensor:
    """Emoji (N, 4, H, W) as `premultiplied` gives them, laid on white: (N, 3, H, W) in [−1, 1]."""
    check_floats("N 4 H W", images=images)
    return (images[:, :3] - images[:, 3:] + 1).clamp(-1, 1)        # colour, and white through what is not opaque


def has_no_side(name: str) -> bool:
    """Whether a mirrored emoji may keep its name: it is no arrow, letter, clock or other thing with two sides."""
    return not SIDED.search(name.replace("-", " "))


def emoji_batches(part: NamedImagePart, vectors: torch.Tensor, batch: int, seed: int) -> Batches:
    """Batches (images (B, 4, H, W), conditions (B, E)) for each step; every emoji comes once an epoch.

    vectors (N, W, E), of length 1: one wording is drawn at random and moved a little, so that the network learns
    neighbourhoods and not N points. An image is shifted by up to one pixel each way, and half of those are mirrored
    whose name has no side. Raises CourseError for vectors of another number.
    """
    check_floats(f"{len(part)} W+ E", vectors=vectors)
    mirrored = torch.tensor([has_no_side(name) for name in part.names])
    rows_of = epoch_rows(len(part), batch, seed)

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows, random = rows_of(step), generator(mixed(seed, step))
        said = torch.randint(vectors.shape[1], (batch,), generator=random)
        images = mirror(premultiplied(part.images[rows]), mirrored[rows], random)
        return shift(images, random), jittered(vectors[rows, said], random)

    return at


def shift(images: torch.Tensor, random: torch.Generator, most: int = 1) -> torch.Tensor:
    """Images (B, C, H, W) moved by up to `most` pixels up or down, left or right; what comes in is empty, −1."""
    check_floats("B+ C H W", images=images)
    check_counts(0, most=most)
    high, wide = images.shape[2:]
    places = torch.randint(2 * most + 1, (len(images), 2), generator=random).tolist()
    framed = functional.pad(images, (most,) * 4, value=-1.0)
    return torch.stack([one[:, y : y + high, x : x + wide] for one, (y, x) in zip(framed, places, strict=True)])


def jittered(vectors: torch.Tensor, random: torch.Generator, length: float = JITTER) -> torch.Tensor:
    """Vectors (B, E) of length 1, moved by about `length` in a random direction and brought back to length 1."""
    check_floats("B E+", vectors=vectors)
    if length < 0:
        raise CourseError(f"length is {length}; expected 0 or more.")
    noise = torch.randn(vectors.shape, generator=random) / vectors.shape[1] ** 0.5
    return functional.normalize(vectors + length * noise, dim=1)
