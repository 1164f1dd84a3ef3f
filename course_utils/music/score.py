"""What a tune is once it is read: bars of notes, each with a pitch and a length, nothing of how it was written."""

from dataclasses import dataclass, replace
from fractions import Fraction

from course_utils.errors import CourseError
from course_utils.music.signatures import read_key

SHARPS = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
FLATS = ("C", "D♭", "D", "E♭", "E", "F", "G♭", "G", "A♭", "A", "B♭", "B")


@dataclass(frozen=True)
class Note:
    """A pitch as its MIDI number (60 is middle C, 69 the A of 440 Hz) or None for a rest, and a length in whole notes.

    `held`: tied to the note before, which sounds on and is not struck again.
    """

    pitch: int | None
    length: Fraction
    held: bool = False


@dataclass(frozen=True)
class Bar:
    """The notes between two bar lines.

    `metre` is the length a full bar has here, in whole notes; `line` the bar line that ends it (`|`, `||`, `:|`, `::`,
    …; empty where the tune stops without one); `ending` the number of the repeat it begins (`1` after `|1`) or empty.
    """

    notes: tuple[Note, ...]
    metre: Fraction
    line: str = "|"
    ending: str = ""

    @property
    def length(self) -> Fraction:
        """In whole notes."""
        return sum((note.length for note in self.notes), Fraction(0))

    @property
    def ends_part(self) -> bool:
        """Whether a part of the tune ends here: at a repeat sign or a double bar line."""
        return ":" in self.line or "||" in self.line or "|]" in self.line or "[|" in self.line


@dataclass(frozen=True)
class Score:
    """A tune: `metre` the length of a full bar, `beat` of a beat, `unit` of a plain letter, all in whole notes.

    `key` is as it was written. Repeated parts stand once, with their signs in the bar lines.
    """

    metre: Fraction
    beat: Fraction
    unit: Fraction
    key: str
    bars: tuple[Bar, ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(note for bar in self.bars for note in bar.notes)

    @property
    def length(self) -> Fraction:
        """In whole notes."""
        return sum((bar.length for bar in self.bars), Fraction(0))


def first_bars(score: Score, count: int) -> Score:
    """The tune cut after `count` bars, a pick-up counted as one. Raises CourseError for a `count` below 1."""
    if count < 1:
        raise CourseError(f"first_bars keeps at least one bar; got count={count}.")
    return replace(score, bars=score.bars[:count])


def pitch_name(pitch: int, key: str = "C") -> str:
    """`C4` for 60, `A4` for 69; 70 is `A♯4`, but `B♭4` in a key that has it as a flat, such as F.

    Raises AbcError for a key that is none.
    """
    flat = FLATS[pitch % 12]
    name = flat if read_key(key).get(flat[0]) == -1 and flat[1:] else SHARPS[pitch % 12]
    return f"{name}{pitch // 12 - 1}"
