"""Which topic is this text about? The Wikipedia introductions with their topics, split for learning and testing."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.corpora import load_wiki

UNKNOWN = "Uncategorized"
PARTS = ("train", "validation", "test")
SHARES, SEED = (0.7, 0.15), 1                                      # of train and validation; the rest is test


@dataclass(frozen=True)
class Labelled:
    """Texts and their topics. numbers: places of the articles in `load_wiki()`; descriptions: a few words each."""

    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    descriptions: tuple[str, ...]
    topics: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)


@cache
def load_topics() -> dict[str, Labelled]:
    """The introductions that have a topic and a description, in parts train, validation and test, drawn at random.

    Each article is in one part; no two have the same introduction.
    """
    articles = load_wiki()
    known = [i for i, article in enumerate(articles) if article["topic"] != UNKNOWN and article["description"]]
    mixed = [known[i] for i in torch.randperm(len(known), generator=generator(SEED)).tolist()]
    ends = [0, *(round(len(mixed) * sum(SHARES[: n + 1])) for n in range(2)), len(mixed)]
    cuts = [mixed[first:last] for first, last in pairwise(ends)]
    return {name: _labelled(articles, numbers) for name, numbers in zip(PARTS, cuts, strict=True)}


def _labelled(articles: list[dict], numbers: list[int]) -> Labelled:
    columns = ([articles[i][key] for i in numbers] for key in ("extract", "description", "topic"))
    return Labelled(tuple(numbers), *map(tuple, columns))


def part(name: str) -> Labelled:
    """One part. Raises CourseError for a part that there is not."""
    if name not in PARTS:
        raise CourseError(f"There is no part {name!r}; expected {', '.join(PARTS)}.")
    return load_topics()[name]
