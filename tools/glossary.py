"""The glossary: every term that a lesson sets in bold, with the sentences that explain it there and a link back.

    python -m tools.glossary        write build/glossary.md

A lesson sets a term in bold where it explains it. What is bold for another reason is left out by `is_term`; what no
rule can tell, and sentences that do not explain a term by themselves, stand in `docs/glossary_extra.toml`.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS, Lesson
from course_utils.paths import NOTEBOOKS, REPOSITORY
from course_utils.text.lesson_texts import BOLD, HEADING, LINK, plain
from tools.notebooks.files import Notebook, write_text

FILE = REPOSITORY / "build" / "glossary.md"
EXTRA = REPOSITORY / "docs" / "glossary_extra.toml"
INTRODUCTION = """\
# Glossary

The terms that the lessons explain, mostly in the lessons' own words. The arrow leads to the place; *also in* names
later lessons that use a term often.
"""
NO_LESSON = ("Exercise ", "Quiz", "References")                    # headings above bold that is no term
LABEL_ENDS = ".:,;!?"                                              # **Predict first.** is a label
SENTENCE_END = re.compile(r"(?<=[.!?…])(?<!al\.)\s+|(?<=[.!?…][\"”’)*])\s+")
BLOCK_END = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*>]|\d+\.)\s)")
POINT = re.compile(r"^\s*(?:[-*>]|\d+\.)\s+")
FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
# A sentence that begins so needs the one before it.
LOOKS_BACK = re.compile(
    r"(?:The \w+ is called|(?:This|That|These|Those|It|Its|They|Their|Such|Here|There|Then|So|And|But|Now|Half of it|"
    r"Each such|Each of|Both|With this|What is measured)\b)"
)
NAMED = re.compile(r"^(?:[Tt]he )?\*\*[^*]+\*\*(?:: |, (?=the |\$))")  # **recall**: the share of … -> the share of …
ENDS = ".!?…)"
FEWEST = 5                                                         # words; a shorter sentence takes the next one along
OFTEN, MOST_ALSO = 3, 3                                            # uses in a lesson that is named, and how many are


# --- what the lessons say -------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A paragraph, a list item or a formula of a lesson, with the heading above it."""

    lesson: Lesson
    heading: str
    text: str

    @property
    def item(self) -> bool:
        """True for an item of a list."""
        return bool(POINT.match(self.text))

    @cached_property
    def sentences(self) -> list[str]:
        """Its sentences, in Markdown without links."""
        return SENTENCE_END.split(" ".join(LINK.sub(r"\1", POINT.sub("", self.text)).split()))


@dataclass(frozen=True)
class Meaning:
    """A term where a lesson explains it; text in Markdown."""

    term: str
    lesson: Lesson
    heading: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A term with its meanings, one for each lesson that explains it, and later lessons that use it often."""

    term: str
    meanings: tuple[Meaning, ...]
    also: tuple[Lesson, ...]


def blocks(lesson: Lesson, folder: Path = NOTEBOOKS) -> Iterator[Block]:
    """The blocks of a lesson in order, without its table of notation, exercises, tables and references.

    What stands in a cell below an exercise's heading belongs to the exercise; the next cell goes on with the lesson.
    """
    heading = lesson.title
    for _, cell in Notebook(folder / f"{lesson.slug}.ipynb").cells("markdown"):
        skipped = cell.source.startswith("**Notation.**")
        for text in BLOCK_END.split(cell.source.strip()):
            if found := HEADING.match(text):
                title, text = plain(found[2]), text.partition("\n")[2]
                skipped = title.startswith(NO_LESSON)
                if not skipped and len(found[1]) > 1:
                    heading = title
            if not skipped and text.strip() and not text.lstrip().startswith("|"):
                yield Block(lesson, heading, text)


# --- terms and what explains them -----------------------------------------------------------------


@dataclass(frozen=True)
class Extra:
    """What the rules cannot tell, from `docs/glossary_extra.toml`."""

    left_out: frozenset[str]
    names: dict[str, str]
    added: dict[str, str]
    sentences: dict[str, list[int]]
    definitions: dict[str, str]
    short: dict[str, str]


def extra(file: Path = EXTRA) -> Extra:
    """The file's content. Raises CourseError where it has other tables than these."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    expected = list(Extra.__dataclass_fields__)
    if sorted(content) != sorted(expected):
        raise CourseError(f"{file.name} has {', '.join(sorted(content))}; expected {', '.join(sorted(expected))}.")
    return Extra(**(content | {"left_out": frozenset(content["left_out"])}))


def is_term(bold: str) -> bool:
    """False for a label such as **Predict first.**, and for bold code or a bold formula."""
    return bold[-1] not in LABEL_ENDS and not bold.startswith(("`", "$"))


def meanings(lesson: Lesson, everything: list[Block], known: Extra) -> Iterator[Meaning]:
    """The terms that the blocks of a lesson explain, each where it is first set in bold."""
    told = set()
    for place, block in enumerate(everything):
        for number, sentence in enumerate(block.sentences):
            for term in terms_in(sentence, lesson, known):
                if term not in told:
                    told.add(term)
                    key = f"{lesson.label} {term}"
                    around = known.sentences.get(key)
                    text = known.definitions.get(key) or explanation(everything, place, number, around)
                    yield Meaning(term, lesson, block.heading, text)


def terms_in(sentence: str, lesson: Lesson, known: Extra) -> Iterator[str]:
    """The terms that a sentence of a lesson explains, by the names under which one looks them up."""
    for found in BOLD.finditer(sentence):
        bold = f"{lesson.label} {found[1]}"
        if is_term(found[1]) and bold not in known.left_out:
            yield known.names.get(bold) or _as_within_a_sentence(found[1], found.start() == 0)
    for name, beginning in known.added.items():
        label, _, term = name.partition(" ")
        if label == lesson.label and sentence.startswith(beginning):
            yield term


def _as_within_a_sentence(bold: str, first: bool) -> str:
    """A term that begins a sentence, written as within one: small, but for T5, U-Net and other names."""
    return bold[0].lower() + bold[1:] if first and re.fullmatch(r"[A-Z][a-z][^A-Z]*", bold) else bold


def explanation(everything: list[Block], place: int, number: int, around: list[int] | None = None) -> str:
    """The sentence `number` of the block at `place`, with those that it leans on, as plain Markdown without bold.

    around: how many sentences before and after it belong to it; by rule where it is None.
    """
    block = everything[place]
    before, after = around or by_rule(block, number)
    first, end = max(0, number - before), number + 1 + after
    text = " ".join(block.sentences[first:end])
    text = NAMED.sub("", text) if first == number else text
    if end >= len(block.sentences) and text[-1] not in ENDS and place + 1 < len(everything):
        text = _with_formula(text, everything[place + 1])
    begins_with_term = text.startswith("**")
    text = BOLD.sub(r"\1", text).rstrip(",;: ")
    return (text if begins_with_term else text[0].upper() + text[1:]) + ("" if text[-1] in ENDS else ".")


def by_rule(block: Block, number: int) -> tuple[int, int]:
    """Sentences before and after: one before where it begins with *This* and the like, one after where it is short."""
    sentence = block.sentences[number]
    return int(number > 0 and bool(LOOKS_BACK.match(sentence))), int(len(sentence.split()) < FEWEST)


def _with_formula(text: str, following: Block) -> str:
    """The text and the formula it leads to, on one line, if the next block is one."""
    found = FORMULA.match(following.text.strip())
    formula = " ".join(found[1].split()).rstrip(" .,") if found else ""
    return f"{text} ${formula}$" if formula and "\\begin" not in formula else text


# --- the glossary ---------------------------------------------------------------------------------


def entries(folder: Path = NOTEBOOKS, known: Extra | None = None) -> list[Entry]:
    """All terms in alphabetical order, those of one spelling joined."""
    known = known or extra()
    lessons = {lesson: list(blocks(lesson, folder)) for lesson in LESSONS}
    prose = {lesson: spaced(" ".join(plain(block.text) for block in said)) for lesson, said in lessons.items()}
    found = [meaning for lesson, said in lessons.items() for meaning in meanings(lesson, said, known)]
    joined = []
    for _, same in groupby(sorted(found, key=lambda one: (sorting_key(one.term), one.lesson.number)), _same_term):
        senses = tuple(same)
        joined.append(Entry(senses[0].term, senses, _also(senses, prose)))
    return joined


def sorting_key(term: str) -> str:
    """Upper and lower case together, marks left out."""
    return re.sub(r"[^\w ]", "", term.casefold())


def spaced(text: str) -> str:
    """The words of a text in lower case, a blank before and after each, so that a word can be counted as it stands."""
    return " " + re.sub(r"[^\w-]+", " ", text.casefold()).strip() + " "


def _same_term(meaning: Meaning) -> str:
    return sorting_key(meaning.term)


def _also(senses: tuple[Meaning, ...], prose: dict[Lesson, str]) -> tuple[Lesson, ...]:
    """The later lessons, in order, that use the term most; those that explain it again are left out."""
    term = spaced(senses[0].term)
    forms = {term, term[:-1] + "s "}
    later = set(LESSONS[senses[0].lesson.number + 1 :]) - {meaning.lesson for meaning in senses}
    counts = {lesson: sum(map(prose[lesson].count, forms)) for lesson in later}
    most = sorted((lesson for lesson in counts if counts[lesson] >= OFTEN), key=lambda one: (-counts[one], one.number))
    return tuple(sorted(most[:MOST_ALSO], key=lambda lesson: lesson.number))


def anchor(heading: str) -> str:
    """What reaches a heading of a notebook in JupyterLab and on GitHub: its text with hyphens for blanks, quoted."""
    return quote(heading.replace("`", "").replace(" ", "-"), safe="")


def markdown() -> str:
    """The page: letters as sections, a paragraph for each term. Links start from the course's folder."""
    known = extra()
    written = [(entry.term, paragraph(entry)) for entry in entries(known=known)]
    written += [(short, f"**{short}**: see *{term}*.") for short, term in known.short.items()]
    written.sort(key=lambda pair: sorting_key(pair[0]))
    sections = [
        f"## {letter}\n\n" + "\n\n".join(text for _, text in pairs)
        for letter, pairs in groupby(written, lambda pair: sorting_key(pair[0])[0].upper())
    ]
    return "\n\n".join([INTRODUCTION.strip(), *sections]) + "\n"


def paragraph(entry: Entry) -> str:
    """A term, what it means, and where that stands; several meanings are numbered."""
    told = [f"{meaning.text} {_link(meaning)}" for meaning in entry.meanings]
    if len(told) > 1:
        told = [f"({number}) {text}" for number, text in enumerate(told, start=1)]
    also = ", ".join(f"[{lesson.label}](notebooks/{lesson.slug}.ipynb)" for lesson in entry.also)
    return f"**{entry.term}**: " + "; ".join(told) + (f"; also in {also}" if also else "")


def _link(meaning: Meaning) -> str:
    lesson = meaning.lesson
    return f"→ [lesson {lesson.label}, {meaning.heading}](notebooks/{lesson.slug}.ipynb#{anchor(meaning.heading)})"


def main() -> int:
    """Write the page and say how many terms it has."""
    write_text(FILE, markdown())
    print(f"{len(entries())} terms. Wrote {FILE.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
