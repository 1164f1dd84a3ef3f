"""Three projects made of what the course ships: a speech writer, a tune writer, a helper that knows the lessons.

Each is a `Project` that can be saved, loaded and talked to like the reader's own, with a card whose figures come from
the checkpoint's record.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache

import torch

from course_utils import __version__, recipes
from course_utils.cards import DataSheet, ModelCard, known_facts
from course_utils.checkpoints import read_json, read_tensors
from course_utils.encoders import load_minilm
from course_utils.example_cards import HELPER_CARD, LESSON_SHEET, SPEECH_CARD, SPEECH_SHEET, TUNE_CARD, TUNE_SHEET
from course_utils.music import share_of_whole_tunes
from course_utils.paths import CHECKPOINTS, DATA
from course_utils.project import Index, Project, Settings, Shipped
from course_utils.recipes.base import sha256
from course_utils.recipes.tunes import tune_vocabulary, tunes_text
from course_utils.report import Asking, Writing
from course_utils.sampling import Sampling
from course_utils.semantic_search import unpacked
from course_utils.text.bpe import load_sotu_bpe
from course_utils.text.corpora import PARAGRAPH_END, load_addresses, load_sotu, split_addresses
from course_utils.text.course_questions import load_questions
from course_utils.text.lesson_texts import Passage, lesson_passages
from course_utils.text.tunes import Tunes, load_tunes, tune_text
from course_utils.text.vocabulary import word_pieces

LESSON_INDEX = "lessons_minilm"
SPEECHES = Settings(longest=160, sampling=Sampling(top_p=0.9))
TUNES = Settings(longest=600, sampling=Sampling(temperature=0.7))
HELP = Settings(longest=40, system="Answer the question in one short sentence.", passages=2, least=0.4)
MAKERS, CONTACT = "The maintainers of this course", "The issue tracker of the course's repository"
BEGINNING, LONG = 8, 100                                           # words to go on from; of a long paragraph
GROUP = re.compile(r"[^ |\n]*[ |\n]|[^ |\n]+$")
METRES, KEYS = ("6/8", "C|", "2/4", "C", "3/4", "9/8"), ("G", "D", "A", "Em", "Ador")


# --- a writer of speeches -----------------------------------------------------------------------------


def speech_writer() -> Project:
    """The transformer of lesson 07 over byte-pair tokens of the addresses; it draws from the likeliest 90 %."""
    return Project(
        recipes.find("gpt_sotu_bpe").config,
        _weights("gpt_sotu_bpe"),
        load_sotu_bpe(),
        SPEECHES,
        ModelCard.of(known_facts(recipes.about("gpt_sotu_bpe")) | _common() | SPEECH_CARD),
        sheet=DataSheet.of(SPEECH_SHEET | {"instances": _addresses()}),
    )


def speech_task() -> Writing:
    """What its report measures: held-out addresses, what it writes after their first words, and how much is copied.

    It goes on with the first words of a long paragraph from the middle of each address; how that went on is compared.
    """
    held_out = tuple(address.text for address in split_addresses(load_addresses())["test"])
    middles = [word_pieces(middle_paragraph(text)) for text in held_out]
    beginnings = tuple("".join(pieces[:BEGINNING]) for pieces in middles)
    people = tuple("".join(pieces[BEGINNING:]) for pieces in middles)
    return Writing(held_out, load_sotu().train, beginnings, people, cut=word_pieces, run=8)


def middle_paragraph(text: str) -> str:
    """Of the paragraphs with LONG words or more the middle one; the longest where none is so long."""
    paragraphs = [paragraph.strip() for paragraph in text.split(PARAGRAPH_END) if paragraph.strip()]
    long = [paragraph for paragraph in paragraphs if len(paragraph.split()) >= LONG]
    return long[len(long) // 2] if long else max(paragraphs, key=lambda paragraph: len(paragraph.split()))


def _addresses() -> str:
    parts = {name: len(part) for name, part in split_addresses(load_addresses()).items()}
    counts = ", ".join(f"{count} for {name}" for name, count in parts.items())
    return f"One instance is one address; there are {sum(parts.values())}: {counts}."


# --- a writer of tunes --------------------------------------------------------------------------------


def tune_writer() -> Project:
    """The LSTM of lesson 03 over the letters of folk tunes, at a temperature that keeps most bars whole."""
    return Project(
        recipes.find("lstm_tunes").config,
        _weights("lstm_tunes"),
        tune_vocabulary(),
        TUNES,
        ModelCard.of(known_facts(recipes.about("lstm_tunes")) | _common() | TUNE_CARD),
        sheet=DataSheet.of(TUNE_SHEET | {"instances": _tunes()}),
    )


def tune_task() -> Writing:
    """What its report measures: held-out tunes, tunes in several metres and keys, and how many of them are whole."""
    tunes = _all_tunes()
    headings = tuple(f"M:{metre}\nL:1/8\nK:{key}\n" for key in KEYS for metre in METRES)
    held_out = tuple(map(tune_text, tunes.test))
    people = tuple(text.split("\n", 3)[-1].rstrip() for text in held_out[: len(headings)])
    training = tunes_text(tunes.train)
    return Writing(held_out, training, headings, people, cut=note_groups, run=8, whole=share_of_whole_tunes)


def note_groups(text: str) -> list[str]:
    """A tune cut behind each blank, bar line and line end: `d2e dcB|` is `d2e ` and `dcB|`. They join to the text."""
    return GROUP.findall(text)


@cache
def _all_tunes() -> Tunes:
    return load_tunes()


def _tunes() -> str:
    tunes = _all_tunes()
    counts = f"{len(tunes.train):,} for train, {len(tunes.validation)} for validation, {len(tunes.test)} for test"
    return f"One instance is one tune in ABC notation, without its title: {counts}."


# --- a helper that knows the lessons --------------------------------------------------------------------


def course_helper(embed: Callable[[Sequence[str]], torch.Tensor] | None = None) -> Project:
    """SmolLM2 with the passages of the lessons to look things up in. embed: as of `lesson_index`."""
    return Project(
        Shipped("smollm2"),
        {},
        Shipped("smollm2"),
        HELP,
        ModelCard.of(_common() | HELPER_CARD),
        lesson_index(embed=embed),
        DataSheet.of(LESSON_SHEET),
    )


def course_task(part: str = "test") -> Asking:
    """What its report measures: questions on the lessons, and questions that they do not answer."""
    return Asking(load_questions(part))


def lesson_index(
    passages: Sequence[Passage] | None = None, embed: Callable[[Sequence[str]], torch.Tensor] | None = None
) -> Index:
    """The lessons' passages with their vectors, by MiniLM unless embed(texts) -> (n, D) is given.

    Vectors of passages that stand in the course as it was shipped come with it, a byte a number; only what was changed
    since is embedded, which takes about a tenth of a second each. `python -m tools.lesson_index` stores them anew.
    """
    passages = lesson_passages() if passages is None else passages
    texts = [passage.text for passage in passages]
    known = stored_vectors() if embed is None else {}
    new = [text for text in dict.fromkeys(texts) if key_of(text) not in known]
    if new:
        embed = load_minilm().vectors if embed is None else embed
        known |= dict(zip(map(key_of, new), embed(new), strict=True))
    vectors = torch.stack([known[key_of(text)] for text in texts])
    return Index(tuple(texts), tuple(passage.source for passage in passages), vectors)


def stored_vectors() -> dict[str, torch.Tensor]:
    """The vectors (D,) that come with the course, by `key_of` their passage; none where the file is not there."""
    path = DATA / f"{LESSON_INDEX}.safetensors"
    if not path.exists():
        return {}
    stored, keys = read_tensors(path), read_json(path.with_suffix(".json"))["passages"]
    return dict(zip(keys, unpacked(stored["numbers"], stored["scales"]), strict=True))


def key_of(text: str) -> str:
    """Sixteen hexadecimal digits that change when the text does."""
    return sha256(text)[:16]


# --- what all of them share -----------------------------------------------------------------------------


def _weights(name: str) -> dict[str, torch.Tensor]:
    """As the checkpoint holds them, in half precision."""
    return read_tensors(CHECKPOINTS / f"{name}.safetensors")


def _common() -> dict[str, str]:
    licence = "Weights CC BY 4.0, code MIT; see LICENSE-TEXTS and LICENSE"
    return {"developed_by": MAKERS, "date": "2026", "version": __version__, "licence": licence, "contact": CONTACT}
