"""The three lines that stand before an ABC tune, read into numbers: metre, unit of length, key."""

import re
from fractions import Fraction

from course_utils.errors import CourseError

SHARPS = "FCGDAEB"                                                 # in the order in which key signatures add them
# The sharps (flats count negative) of a mode on C.
MODES = {
    "": 0, "maj": 0, "ion": 0, "lyd": 1, "mix": -1, "dor": -2,
    "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5,
}  # fmt: skip
ACCIDENTALS = {"^": 1, "^^": 2, "=": 0, "_": -1, "__": -2}         # semitones
KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)((?:\s*[\^_=][a-gA-G])*)")
METRES = {"C": "4/4", "C|": "2/2"}
FRACTION = re.compile(r"([1-9]\d?)/(1|2|4|8|16|32|64)")


class AbcError(CourseError):
    """A text is not a tune in ABC; the message says where it stops being one."""


def read_metre(text: str) -> tuple[Fraction, Fraction]:
    """`6/8`, `C` or `C|` as the lengths of a bar and of a beat, in whole notes. In 6/8 three eighths are one beat.

    Raises AbcError for anything else.
    """
    found = FRACTION.fullmatch(METRES.get(text, text))
    if found is None:
        raise AbcError(f"cannot read the metre {text!r}; expected such as 6/8, C or C|.")
    count, unit = int(found[1]), int(found[2])
    compound = count > 3 and count % 3 == 0
    return Fraction(count, unit), Fraction(3 if compound else 1, unit)


def read_unit(text: str) -> Fraction:
    """`1/8` as a length in whole notes. Raises AbcError for anything else."""
    found = FRACTION.fullmatch(text)
    if found is None:
        raise AbcError(f"cannot read the unit of length {text!r}; expected such as 1/8.")
    return Fraction(int(found[1]), int(found[2]))


def read_key(text: str) -> dict[str, int]:
    """`D`, `Bb`, `Em`, `A dorian`, `D mix =c` as what it does to letters, in semitones: `{"F": 1, "C": 1}` for D.

    Of a mode the first three letters count, and no capitals. `none` and `HP` change nothing; `Hp` is the bagpipe's
    F and C sharp. Raises AbcError for anything else.
    """
    if text in ("", "none", "HP"):
        return {}
    found = KEY.fullmatch("D" if text == "Hp" else text)
    mode = found[3].lower()[:3] if found else None
    if mode not in MODES:
        raise AbcError(f"cannot read the key {text!r}; expected such as G, Bb, Em, A dor or D mix.")
    sharps = SHARPS.index(found[1]) - 1 + {"": 0, "#": 7, "b": -7}[found[2]] + MODES[mode]
    if not -7 <= sharps <= 7:
        raise AbcError(f"the key {text!r} would need {abs(sharps)} sharps or flats; there are 7 at most.")
    signature = dict.fromkeys(SHARPS[:sharps], 1) if sharps > 0 else {}
    signature |= dict.fromkeys(SHARPS[::-1][:-sharps], -1) if sharps < 0 else {}
    changes = re.findall(r"([\^_=])([a-gA-G])", found[4])
    return signature | {letter.upper(): ACCIDENTALS[sign] for sign, letter in changes}
