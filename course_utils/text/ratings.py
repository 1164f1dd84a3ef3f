"""Does this sentence praise or blame? Sentences on films and products, rated by people, split to learn and to test."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.seeding import generator

PARTS = ("train", "validation", "test")
SOURCES = ("movies", "products")
SHARES, SEED = (0.8, 0.1), 1                                       # of train and validation; the rest is test
UNDECIDED = 0.5                                                    # a mean rating nearer to 0 is no opinion


@dataclass(frozen=True)
class Rated:
    """A sentence, the mean of its ratings (−4 very negative, 0 neutral, 4 very positive), "movies" or "products"."""

    text: str
    rating: float
    source: str


@dataclass(frozen=True)
class Opinions:
    """Sentences and what each is, "positive" or "negative"; `left_out` were too near to neutral to be either."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.texts)


@cache
def load_ratings() -> dict[str, tuple[Rated, ...]]:
    """The sentences of both sources in parts train, validation and test, in random order.

    Sentences of one review are in one part. No two have the same words; those without a word are left out.
    Hutto and Gilbert 2014.
    """
    random, seen = generator(SEED), {""}
    by_source = [_split(_read(source, seen), random) for source in SOURCES]
    return {part: tuple(rated for split in by_source for rated in split[part]) for part in PARTS}


def sentiment(part: str, source: str = "movies") -> Opinions:
    """The sentences of a part that are clearly for or against: a mean rating of 0.5 or more, of −0.5 or less.

    Raises CourseError for a part or a source that there is not.
    """
    if part not in PARTS:
        raise CourseError(f"There is no part {part!r}; expected {', '.join(PARTS)}.")
    if source not in SOURCES:
        raise CourseError(f"There is no source {source!r}; expected {' or '.join(SOURCES)}.")
    rated = [one for one in load_ratings()[part] if one.source == source]
    clear = [one for one in rated if abs(one.rating) >= UNDECIDED]
    labels = ("positive" if one.rating > 0 else "negative" for one in clear)
    return Opinions(tuple(one.text for one in clear), tuple(labels), len(rated) - len(clear))


def words_of(text: str) -> str:
    """The words alone, in lower case: what two sentences are the same by."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _read(source: str, seen: set[str]) -> dict[str, list[Rated]]:
    """The sentences of each review, in the order of the file, but those whose words were `seen`; adds their words.

    A line is an id, the mean rating and the text; the id of a product's sentence is REVIEW_SENTENCE, of a film's a
    number, for a review of its own.
    """
    reviews: dict[str, list[Rated]] = {}
    lines = (assets.path("ratings") / f"{source}.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        number, rating, text = line.split("\t")
        if words_of(text) not in seen:
            seen.add(words_of(text))
            reviews.setdefault(number.partition("_")[0], []).append(Rated(text.strip(), float(rating), source))
    return reviews


def _split(reviews: dict[str, list[Rated]], random: torch.Generator) -> dict[str, list[Rated]]:
    """Draw the reviews of each part, and mix the sentences of a part."""
    mixed = _mixed(list(reviews.values()), random)
    ends = [0, *(round(len(mixed) * sum(SHARES[: n + 1])) for n in range(2)), len(mixed)]
    cuts = [[rated for review in mixed[first:last] for rated in review] for first, last in pairwise(ends)]
    return {part: _mixed(cut, random) for part, cut in zip(PARTS, cuts, strict=True)}


def _mixed(items: list, random: torch.Generator) -> list:
    return [items[i] for i in torch.randperm(len(items), generator=random).tolist()]
