"""Our reading of ABC against music21's, on tunes of the corpus that between them use all that the corpus uses.

What music21 reads is stored, not run: `music21_tunes.json` says with which version and how it was made. music21 leaves
out a note that stands directly before `::`; no such tune is among them.
"""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from course_utils.music import parse
from tools.verified import Verified

STORED = json.loads((Path(__file__).parent / "music21_tunes.json").read_text(encoding="utf-8"))
TUNES = {tune["name"]: tune for tune in STORED["tunes"]}
VERIFIES = [Verified("03", "notes of ABC tunes: pitches and lengths", "music21's reading of 26 tunes", "equal")]


def ours(abc: str) -> list[tuple[int | None, Fraction]]:
    """Pitch and length in quarters of each note that is struck."""
    notes = []
    for note in parse(abc).notes:
        before = notes.pop()[1] if note.held else 0
        notes.append((note.pitch, before + 4 * note.length))
    return notes


def theirs(tune: dict) -> list[tuple[int | None, Fraction]]:
    lengths = [Fraction(length) for length in tune["quarters"].split()]
    return list(zip(tune["pitches"], lengths, strict=True))


@pytest.mark.parametrize("name", TUNES)
def test_pitches_and_lengths_are_those_of_music21(name):
    assert ours(TUNES[name]["abc"]) == theirs(TUNES[name])


@pytest.mark.parametrize(
    ("sign", "instead"),
    [("(3", ""), (">", ""), ("<", ">"), ("-", ""), ("^", ""), ("_", ""), ("=", ""), ("'", ""), (",", ""), ("A/", "A")]
    + [("K:G", "K:C"), ("K:D", "K:G"), ("K:Em", "K:E"), ("K:Ador", "K:A"), ("z", "A"), ("L:1/16", "L:1/8")],
)
def test_the_comparison_notices_each_sign(sign, instead):
    using = [tune for tune in TUNES.values() if sign in tune["abc"]]
    assert using
    assert any(ours(tune["abc"].replace(sign, instead)) != theirs(tune) for tune in using)


def test_the_comparison_notices_accidentals_that_outlive_their_bar():
    plain = [tune for tune in TUNES.values() if ":" not in tune["abc"].partition("K:")[2]]
    assert any(ours(tune["abc"].replace("|", " ").replace("]", " ")) != theirs(tune) for tune in plain)


def test_the_comparison_notices_accidentals_that_last_for_one_note():
    alone = re.compile(r"([\^_=][A-Ga-g][,']*\d?)(?=[A-Ga-g\s])")           # no broken rhythm, tie or tuplet is cut
    assert any(ours(alone.sub(r"\1|", tune["abc"])) != theirs(tune) for tune in TUNES.values())
