"""The course's own lessons as passages to look things up in: what a notebook says, in pieces of 60 to 150 words.

Each piece knows where it stands, such as "06 · Self-attention, The formula", so that an answer can cite it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS, Lesson
from course_utils.paths import NOTEBOOKS

FEWEST, MOST = 60, 150                                             # words of a passage, about
READ = range(15)                                                   # lessons 15 and 16 speak of such helpers themselves
LEFT_OUT = ("Exercise ", "Quiz", "References", "The map")          # headings of what is no prose, or no lesson's own
ASIDE = ("**Notation.**", "*Runs in ", "**Predict")                # so begin paragraphs for looking up or for guessing
HEADING = re.compile(r"(#{1,6}) +(.*)")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", re.DOTALL)
ITALIC = re.compile(r"(?<![\w*\\$^{])\*(?=\S)([^*$]+?)(?<=\S)\*(?![\w*])")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`$(])")
POINT = re.compile(r"^\s*(?:[-*>]|\d+\.)\s+")
TABLE_RULE = re.compile(r"\|[\s:|-]+\|?")


@dataclass(frozen=True)
class Passage:
    """A piece of a lesson under its heading. part: its number, from 1, where the section has several; else 0."""

    lesson: Lesson
    section: str
    text: str
    part: int = 0

    @property
    def source(self) -> str:
        """Where it stands, as a citation has it: "06 · Self-attention, The formula, part 2"."""
        part = f", part {self.part}" if self.part else ""
        return f"{self.lesson.label} · {self.lesson.title}" + (f", {self.section}" if self.section else "") + part


def lesson_passages(numbers: Iterable[int] = READ, folder: Path = NOTEBOOKS) -> list[Passage]:
    """All passages of these lessons, in the order in which they are read. Raises CourseError without a notebook."""
    numbers = list(numbers)
    if not all(0 <= number < len(LESSONS) for number in numbers):
        raise CourseError(f"The lessons are {numbers}; expected numbers from 0 to {len(LESSONS) - 1}.")
    return [passage for number in numbers for passage in passages_of(LESSONS[number], _cells(LESSONS[number], folder))]


def source_link(source: str) -> str:
    """The notebook of a source, to be followed from the course's folder: "notebooks/06_attention.ipynb".

    Raises CourseError for a text that begins with no lesson's number.
    """
    for lesson in LESSONS:
        if source.startswith(f"{lesson.label} · {lesson.title}"):
            return f"notebooks/{lesson.slug}.ipynb"
    raise CourseError(f"{source!r} names no lesson; expected such as '06 · Self-attention, The formula'.")


def _cells(lesson: Lesson, folder: Path) -> list[str]:
    """The text cells of a lesson's notebook."""
    path = folder / f"{lesson.slug}.ipynb"
    if not path.exists():
        raise CourseError(f"{path.name} is not in {folder.name}/; expected all lessons there.")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def passages_of(lesson: Lesson, cells: Sequence[str]) -> list[Passage]:
    """The passages of a lesson's text cells. Headings, and nothing else, divide sections."""
    found = []
    for section, paragraphs in _sections(cells):
        texts = joined(paragraphs)
        for number, text in enumerate(texts, start=1):
            found.append(Passage(lesson, section, text, number if len(texts) > 1 else 0))
    return found


def _sections(cells: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each heading with the paragraphs below it, in order; the title of the lesson is the heading "".

    What stands in a cell below an exercise's heading belongs to the exercise; the next cell goes on with the lesson.
    """
    section, paragraphs = "", []
    for cell in cells:
        skipped = False
        for block in re.split(r"\n\s*\n", cell.strip()):
            if heading := HEADING.match(block):
                title = plain(heading[2])
                skipped = title.startswith(LEFT_OUT)
                block = block.partition("\n")[2]
                if not skipped:
                    yield section, paragraphs
                    section, paragraphs = ("" if len(heading[1]) == 1 else title), []
            if not skipped and block.strip() and not block.startswith(ASIDE):
                paragraphs.append(plain(block))
            if block.startswith(ASIDE[0]):
                break                                              # the table of letters is the rest of the cell
    yield section, paragraphs


def plain(text: str) -> str:
    """Markdown as plain text on one line: no marks of emphasis, of a link its words, of a table its rows.

    Formulas and names of code stay as they are written.
    """
    rows = [line for line in text.split("\n") if not TABLE_RULE.fullmatch(line.strip())]
    lines = [_row(line) if line.strip().startswith("|") else POINT.sub("", line) for line in rows]
    return " ".join(ITALIC.sub(r"\1", BOLD.sub(r"\1", LINK.sub(r"\1", "\n".join(lines)))).split())


def _row(line: str) -> str:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return ": ".join(filter(None, [cells[0], ", ".join(filter(None, cells[1:]))])) + "."


def joined(paragraphs: Sequence[str]) -> list[str]:
    """Paragraphs put together to texts of MOST words at most, cut where a paragraph ends, or else a sentence.

    A text of fewer than FEWEST words takes sentences of the next paragraph, so only a section's last is shorter. A
    sentence is never cut: one of more than MOST words stays whole.
    """
    texts: list[str] = []
    for paragraph in paragraphs:
        for number, sentence in enumerate(SENTENCE_END.split(paragraph)):
            if not sentence.strip():
                continue
            size = words_in(texts[-1]) if texts else MOST
            ends = number == 0 and size >= FEWEST and size + words_in(paragraph) > MOST
            if not texts or ends or size + words_in(sentence) > MOST:
                texts.append(sentence)
            else:
                texts[-1] = f"{texts[-1]} {sentence}"
    return texts


def words_in(text: str) -> int:
    """How many words a text has, between blanks."""
    return len(text.split())
