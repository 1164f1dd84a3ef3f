"""Text as it is found: what damages it on its way into a corpus, in doses that are known, and rules that clean it.

Four kinds of dirt, after what Dodge et al. 2021 and Kreutzer et al. 2022 found in texts from the web: lines of menus
and advertisements between the paragraphs, letters that a scanner read wrongly, paragraphs that stand there many times,
and words out of order. A paragraph is a text without a blank line in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_utils.errors import CourseError
from course_utils.text.duplicates import without_duplicates

# Menus and advertisements, invented; # becomes a digit that is drawn.
CLUTTER = (
    "Home | About | News | Archive | Contact",
    "Skip to main content",
    "Log in | Register | Help (#)",
    "<< Previous | Page ## of ## | Next >>",
    "Share this page: print, mail, comment (##)",
    "Copyright 20## All rights reserved",
    "SALE!!! Up to ##% off all watches, click HERE",
    "You are visitor no. ##,### * Win a free phone now >>>",
    "Lose ## pounds in # weeks - doctors hate this trick",
    "Related: ## photos you will not believe",
)
# What a scanner takes for what; the longer ones first.
LOOKALIKES = (
    ("rn", "m"), ("cl", "d"), ("li", "h"), ("e", "c"), ("l", "1"), ("o", "0"), ("h", "b"), ("i", "l"), ("s", "5"),
    ("a", "o"), ("t", "f"), ("m", "rn"), ("n", "u"), ("B", "8"), ("I", "l"), ("S", "5"), ("O", "0"),
)  # fmt: skip
READ = dict(LOOKALIKES)
LOOKALIKE = re.compile("|".join(map(re.escape, READ)))
WORD = re.compile(r"\S+")
MIXED = re.compile(r"[A-Za-z].*\d|\d.*[A-Za-z]")  # a letter and a digit in one word
NUMBER = re.compile(r"\W*[\d,.]+(?:st|nd|rd|th|d|s)?\W*$")  # but for "4th", "2d", "1850s"
SENTENCES = re.compile(r"""^["'(]?[A-Z0-9$].*[.!?:;—-]["')]*$""", re.DOTALL)
FEWEST_WORDS = 5


@dataclass(frozen=True)
class Dirt:
    """How much: clutter and copies for each paragraph that was there, and the shares of paragraphs that are damaged.

    clutter: lines of menus and advertisements. copies: paragraphs that are there again. misread, shuffled: shares of
    the paragraphs, 0 to 1. rate: the share of letters that are misread in those. Raises CourseError for other numbers.
    """

    clutter: float = 0.5
    copies: float = 0.5
    misread: float = 0.3
    shuffled: float = 0.2
    rate: float = 0.1

    def __post_init__(self):
        shares = (self.misread, self.shuffled, self.rate)
        if min(self.clutter, self.copies, *shares) < 0 or max(shares) > 1:
            raise CourseError(f"{self}: expected numbers of 0 or more, and misread, shuffled, rate of at most 1.")


CLEAN = Dirt(0, 0, 0, 0, 0)


def dirtied(paragraphs: Sequence[str], dirt: Dirt, generator: torch.Generator) -> list[str]:
    """The paragraphs with all four kinds of dirt. The order of those that are left of the old ones stays.

    Misread and shuffled paragraphs are different ones as long as both shares fit; a copy is one of a damaged paragraph
    where that was damaged. Raises CourseError for a paragraph without a word.
    """
    found = list(paragraphs)
    if not all(paragraph.strip() for paragraph in found):
        raise CourseError("A paragraph is empty; expected at least one word in each. Leave it out.")
    order = torch.randperm(len(found), generator=generator).tolist()
    misread, shuffled = round(dirt.misread * len(found)), round(dirt.shuffled * len(found))
    for place in order[:misread]:
        found[place] = misread_letters(found[place], dirt.rate, generator)
    for place in order[::-1][:shuffled]:
        found[place] = shuffled_words(found[place], generator)
    copies = [found[place] for place in _drawn(len(found), round(dirt.copies * len(found)), generator)]
    clutter = [clutter_line(generator) for _ in range(round(dirt.clutter * len(found)))]
    return put_among(found, [*copies, *clutter], generator)


def misread_letters(text: str, rate: float, generator: torch.Generator) -> str:
    """The text as a poor scan: each letter, or pair of letters, that looks like another becomes it at this rate."""
    places = [match.span() for match in LOOKALIKE.finditer(text)]
    chosen = torch.rand(len(places), generator=generator) < rate
    pieces, last = [], 0
    for (begin, end), wrong in zip(places, chosen.tolist(), strict=True):
        pieces += [text[last:begin], READ[text[begin:end]] if wrong else text[begin:end]]
        last = end
    return "".join([*pieces, text[last:]])


def shuffled_words(text: str, generator: torch.Generator) -> str:
    """The words of a text in an order that is drawn, with one space between them."""
    words = WORD.findall(text)
    return " ".join(words[place] for place in torch.randperm(len(words), generator=generator).tolist())


def clutter_line(generator: torch.Generator) -> str:
    """A line of a menu or an advertisement, its digits drawn."""
    line = CLUTTER[_drawn(len(CLUTTER), 1, generator)[0]]
    return re.sub("#", lambda _: str(_drawn(10, 1, generator)[0]), line)


def put_among(paragraphs: Sequence[str], others: Sequence[str], generator: torch.Generator) -> list[str]:
    """The paragraphs in their order, with the others between them at places drawn at random, each as likely."""
    keys = torch.rand(len(others), generator=generator) * (len(paragraphs) + 1)
    placed = [(place, paragraph) for place, paragraph in enumerate(paragraphs, 1)]
    return [paragraph for _, paragraph in sorted([*placed, *zip(keys.tolist(), others, strict=True)], key=_key)]


def _key(placed: tuple[float, str]) -> float:
    return placed[0]


def _drawn(below: int, count: int, generator: torch.Generator) -> list[int]:
    return torch.randint(below, (count,), generator=generator).tolist() if below else []


# --- cleaning -------------------------------------------------------------------------------------


def reads_as_sentences(paragraph: str) -> bool:
    """Whether a paragraph passes three rules: some words long, begins and ends as sentences do, no digit within a word.

    That a line should end in a mark is the first rule of C4 (Raffel et al. 2020). Words out of order are seen only by
    how they begin and end, a misread letter only where it became a digit.
    """
    words = WORD.findall(paragraph)
    spoiled = [word for word in words if MIXED.search(word) and not NUMBER.match(word)]
    return len(words) >= FEWEST_WORDS and bool(SENTENCES.match(paragraph.strip())) and not spoiled


def cleaned(paragraphs: Sequence[str], threshold: float = 0.8) -> list[str]:
    """The paragraphs that read as sentences, of those that are alike (`text.duplicates`) the first."""
    kept = [paragraph for paragraph in paragraphs if reads_as_sentences(paragraph)]
    return [kept[place] for place in without_duplicates(kept, threshold)] if kept else []
