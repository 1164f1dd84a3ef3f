"""Make `data/es_en.tsv.xz`, sentences in Spanish and English, from four packages of Debian.

    pip install pysword==0.2.8         once: it reads the format of the Bibles; nothing else here needs it
    python -m tools.es_en              download the packages with apt-get, and write the file
    python -m tools.es_en --debs DIR   the same, from packages that lie in DIR

The file is shipped, so only who changes it needs Debian, Ubuntu or an image of them. data/cards/es_en.md says the rest.
"""

import argparse
import hashlib
import html
import io
import lzma
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.sources import data_of
from course_utils.text.parallel import ES_EN, PARTS, Pair, normalised
from course_utils.text.splits import part_by_hash

NOTICE = """\
# Part, domain, Spanish, English. Made by `python -m tools.es_en`; its card is data/cards/es_en.md.
# Domain help: from the help of LibreOffice, Copyright LibreOffice contributors. This Source Code Form is subject to the
# terms of the Mozilla Public License, v. 2.0, which is at https://mozilla.org/MPL/2.0/. Changed: a selection.
# Domain bible: from the Reina-Valera of 1909 and the World English Bible, public domain. Changed: a selection, too.
"""
Raw = Iterable[tuple[str, str]]                                    # Spanish, English


@dataclass(frozen=True)
class Package:
    """A package of Debian 12; older versions are kept at https://snapshot.debian.org."""

    name: str
    version: str
    sha256: str


HELP = "4:7.4.7-1+deb12u14"
PACKAGES = (
    Package("libreoffice-help-es", HELP, "9128a84d83d92c8b1c618d90469d16affddb7d1290b09d42a0c5109cb16f0480"),
    Package("libreoffice-help-en-us", HELP, "8faa840285734d6cfe1ed25537b48f07e74bd6412e3917bf8e5f8a653f7b3712"),
    Package("sword-text-sparv", "2.60-1", "5c87f9b2bc97457e8a872f5bae7ea7ce59cb3de1dcee73e4d4740451863694cf"),
    Package("sword-text-web", "426.0-1", "930b23670b352f0829a306501de4bebb5e654a2df02cde2cbe86b802177868e1"),
)

# --- packages -------------------------------------------------------------------------------------


def download(folder: Path) -> None:
    """Fetch the packages into `folder`, without installing them. Raises CourseError where apt-get cannot."""
    wanted = [f"{package.name}={package.version}" for package in PACKAGES]
    try:
        subprocess.run(["apt-get", "download", *wanted], cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CourseError(
            f"apt-get download {' '.join(wanted)} failed ({error}); expected Debian 12. Elsewhere fetch the four files "
            "from https://snapshot.debian.org and name their folder with --debs."
        ) from error


def unpack(folder: Path, target: Path) -> None:
    """Unpack the four packages in `folder` into `target`. Raises CourseError for one that is not as pinned."""
    for package in PACKAGES:
        found = sorted(folder.glob(f"{package.name}_*.deb"))
        contents = found[0].read_bytes() if found else b""
        digest = hashlib.sha256(contents).hexdigest()
        if digest != package.sha256:
            raise CourseError(
                f"{package.name} {package.version} has sha256 {digest if found else 'no file'}; expected "
                f"{package.sha256}. Fetch that version from https://snapshot.debian.org."
            )
        with tarfile.open(fileobj=io.BytesIO(data_of(contents))) as archive:
            archive.extractall(target, filter="data")


# --- the two sources ------------------------------------------------------------------------------

PARAGRAPH = re.compile(r'<(p|h\d)[^>]*\bid="((?:par|hd)_[^"]+)"[^>]*>(.*?)</\1>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")


def help_pairs(root: Path) -> Iterator[tuple[str, str]]:
    """Paragraphs of LibreOffice's help which have the same id on the same page in both languages."""
    pages = root / "usr/share/libreoffice/help"
    for page in sorted((pages / "es").rglob("*.html")):
        other = pages / "en-US" / page.relative_to(pages / "es")
        if other.exists():
            spanish, english = paragraphs(page), paragraphs(other)
            yield from ((spanish[key], english[key]) for key in spanish if key in english)


def paragraphs(page: Path) -> dict[str, str]:
    """The text of each paragraph of a page, by its id."""
    found = PARAGRAPH.findall(page.read_text(encoding="utf-8", errors="replace"))
    return {key: html.unescape(TAG.sub("", inside)) for _, key, inside in found}


# The two number the verses of these chapters differently, so that other sentences would stand side by side.
NUMBERED_DIFFERENTLY = {
    ("Numbers", 13),
    ("I Samuel", 24),
    ("I Kings", 22),
    ("I Chronicles", 21),
    ("II Chronicles", 33),
    ("Hosea", 12),
    ("Mark", 6),
    ("II Corinthians", 13),
}
NOTE = re.compile(r"<(note|rdg)\b.*?</\1>", re.DOTALL)
APART = re.compile(r"</?(?:transChange|title)[^>]*>")              # what it marks is not joined to its neighbours
SPACE_BEFORE_MARK = re.compile(r"\s+(?=[,;:.?!)])")


def verse_pairs(root: Path) -> Iterator[tuple[str, str]]:
    """Verses of the Reina-Valera of 1909 and the World English Bible that have the same book, chapter and number."""
    try:
        from pysword.modules import SwordModules
    except ImportError as error:
        raise CourseError("pysword is missing; expected it to read the Bibles: pip install pysword==0.2.8") from error
    modules = SwordModules(str(root / "usr/share/sword"))
    modules.parse_modules()
    spanish, english = (modules.get_bible_from_module(name) for name in ("spaRV1909eb", "engWEB2015eb"))
    here, there = chapter_lengths(spanish), chapter_lengths(english)
    for book, chapter in here:
        if (book, chapter) not in there or (book, chapter) in NUMBERED_DIFFERENTLY:
            continue
        for verse in range(1, min(here[book, chapter], there[book, chapter]) + 1):
            place = {"books": [book], "chapters": [chapter], "verses": [verse], "clean": False}
            yield without_marks(spanish.get(**place)), without_marks(english.get(**place))


def chapter_lengths(bible) -> dict[tuple[str, int], int]:
    """How many verses each chapter has, by book and chapter."""
    books = (book for part in bible.get_structure().get_books().values() for book in part)
    return {(book.name, chapter): n for book in books for chapter, n in enumerate(book.chapter_lengths, 1)}


def without_marks(verse: str) -> str:
    """The words of a verse: no notes, no numbers of Greek and Hebrew words, no lines of poems."""
    return SPACE_BEFORE_MARK.sub("", TAG.sub("", APART.sub(" ", NOTE.sub("", verse))))


# --- cleaning -------------------------------------------------------------------------------------

SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[¿¡\"“«(]?[A-ZÁÉÍÓÚÑ0-9])")
NOT_PROSE = re.compile(r"[{}<>|\\=]|%[sd(]|\]\(|https?:|_\w+_|\$\w|;\s*\d|^\W+$")
FEWEST_WORDS, MOST_WORDS = 2, 30
RATIO = 0.45, 2.4                                                  # Spanish words for each English one


def sentences(pairs: Raw) -> Iterator[tuple[str, str]]:
    """Sentence by sentence where both sides have as many of them, else the pair as it is; white space made even."""
    for spanish, english in pairs:
        spanish, english = " ".join(spanish.split()), " ".join(english.split())
        left, right = SENTENCE_END.split(spanish), SENTENCE_END.split(english)
        yield from zip(left, right, strict=True) if len(left) == len(right) else [(spanish, english)]


def is_clean(spanish: str, english: str) -> bool:
    """Whether a pair is prose of 2 to 30 English words, and both sides of about one length."""
    here, there = len(spanish.split()), len(english.split())
    return (
        spanish != english
        and FEWEST_WORDS <= there <= MOST_WORDS
        and FEWEST_WORDS <= here <= 1.3 * MOST_WORDS
        and RATIO[0] <= here / there <= RATIO[1]
        and not NOT_PROSE.search(spanish)
        and not NOT_PROSE.search(english)
        and bool(normalised(spanish) and normalised(english))
    )


def distinct(pairs: Raw) -> list[tuple[str, str]]:
    """The first of each set of pairs that are the same but for case, digits and marks, on both sides."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for spanish, english in pairs:
        seen.setdefault((normalised(spanish), normalised(english)), (spanish, english))
    return list(seen.values())


def split(pairs: Iterable[tuple[str, str, str]]) -> list[Pair]:
    """Domain, Spanish and English to pairs with a part: by the hash of the English, 3 of 100 test and 1 validation.

    A pair whose Spanish stands in a part that is held out more strictly is left out: no test is on what was read.
    """
    placed = [Pair(part_by_hash(normalised(pair[2]), validation=1, test=3), *pair) for pair in pairs]
    strictest: dict[str, int] = {}
    for pair in placed:
        key = normalised(pair.spanish)
        strictest[key] = max(PARTS.index(pair.part), strictest.get(key, 0))
    return [pair for pair in placed if PARTS.index(pair.part) == strictest[normalised(pair.spanish)]]


def pairs_from(root: Path) -> list[Pair]:
    """All pairs of the unpacked packages, in the order of their sources."""
    sources = {"help": help_pairs(root), "bible": verse_pairs(root)}
    clean = {name: [pair for pair in sentences(source) if is_clean(*pair)] for name, source in sources.items()}
    return split((domain, *pair) for domain, pairs in clean.items() for pair in distinct(pairs))


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.es_en", description=__doc__.splitlines()[0])
    parser.add_argument("--debs", type=Path, help="folder of the four packages, if they are already here")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "unpacked"
            if options.debs is None:
                download(Path(folder))
            unpack(options.debs or Path(folder), root)
            pairs = pairs_from(root)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    text = NOTICE + "".join("\t".join(pair) + "\n" for pair in map(astuple, pairs))
    ES_EN.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{ES_EN.name}: {len(pairs):,} pairs, {ES_EN.stat().st_size:,} bytes; TEXT_SHA256 is")
    print(hashlib.sha256(text.encode()).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
