"""Read ABC, the notation in which folk musicians write tunes as plain text: `d2|BAG A2d|` is music.

Written from the ABC standard 2.1 (2011), for one melody without chords:

    A,  A  a  a'     octaves, upwards               ^A  =A  _A     sharp, natural, flat, until the bar ends
    A2  A/  A3/2     lengths times the unit `L:`    A>B  A<B       the first or the second takes half of the other
    (3ABC            three in the time of two       A-A            one note, tied
    z                a rest                         | || |: :| |1  bar lines, repeats and their endings
"""

import re
from dataclasses import replace
from fractions import Fraction

from course_utils.music.score import Bar, Note, Score
from course_utils.music.signatures import ACCIDENTALS, AbcError, read_key, read_metre, read_unit

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MIDDLE_C = 60
HIGHEST = 127                                                      # of the MIDI pitches
# In the time of how many `(p` notes are played; where none stands here: three in compound time (6/8, 9/8), else two.
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}

FIELD_LINE = re.compile(r"([A-Za-z]):(?![|:])(.*)")                # but `A:|` is a note and a repeat sign
TOKEN = re.compile(
    r"""
      (?P<nothing> [\s`\\y]+ | "[^"]*" | ![^!\s|]*! | \{[^}]*\} | [.~H-Wh-w] )        # looks, ornaments, remarks
    | \[ (?P<field>[A-Z]) : (?P<value>[^\]]*) \]
    | (?P<line> (?: \[\| | \|\] | \| | :: | :(?=\|) | (?<=\|): )+ \]? ) (?P<ending>\d (?:[,-]\d)* )?
    | \[ (?P<bare_ending>\d (?:[,-]\d)* )
    | \( (?P<tuplet>[2-9]) (?: : (?P<time>[1-9]?) (?: : (?P<count>[1-9]?) )? )?
    | (?P<slur> [()] )
    | (?P<accidental> \^\^? | __? | = )? (?P<letter>[A-Ga-gzx]) (?P<octaves>[,']*)
      (?P<length> (?:[1-9]\d?)? (?: /[1-9]\d? | /{1,3} )? )
    | (?P<broken> >{1,3} | <{1,3} )
    | (?P<tie> - )
    """,
    re.VERBOSE,
)


def parse(abc: str) -> Score:
    """Read one tune: lines such as `M:6/8`, `L:1/8`, `K:G`, then notes. A blank line ends it.

    Fields that do not change a note (titles, tempo, …), slurs, ornaments and remarks are passed over. Raises AbcError
    for anything that is not ABC, for more than one note at a time, and without a metre `M:` and a key `K:`.
    """
    reader = _Reader()
    for number, text in enumerate(abc.strip("\n").split("\n"), start=1):
        if not text.strip():
            break
        _read_line(reader, text.partition("%")[0], number)
    return reader.score()


def _read_line(reader: "_Reader", text: str, number: int) -> None:
    """Hand one line to the reader; an error of the reader gets its place."""
    place = 0
    try:
        if field := FIELD_LINE.fullmatch(text.strip()):
            reader.set_field(field[1], field[2].strip())
            place = len(text)
        while place < len(text):
            token = TOKEN.match(text, place)
            if token is None:
                raise AbcError(f"cannot read {text[place : place + 8]!r}; expected a note, a rest or a bar line.")
            reader.read(token)
            place = token.end()
    except AbcError as error:
        raise AbcError(f"Line {number}, character {place + 1}: {error}") from None


def _times(length: str) -> Fraction:
    """`3`, `/`, `//`, `/4` or `3/2` behind a note as a factor."""
    number, _, divisor = length.partition("/")
    return Fraction(int(number or 1), int(divisor) if divisor.isdigit() else 2 ** length.count("/"))


class _Reader:
    """What is in force while a tune is read from left to right."""

    def __init__(self):
        self.metre = self.beat = self.unit = self.key = None
        self.heading: Score | None = None                          # what was in force at the first note
        self.signature: dict[str, int] = {}                        # letter -> semitones, by the key
        self.accidentals: dict[str, int] = {}                      # the same, until the bar ends
        self.bars: list[Bar] = []
        self.notes: list[Note] = []                                # of the bar that is being read
        self.bar_metre, self.ending = Fraction(0), ""              # of the same bar
        self.last: tuple[int, int] | None = None                   # the last note without and with its accidental
        self.tied: tuple[int, int] | None = None                   # the same, if a tie follows it
        self.tuplet, self.in_tuplet = Fraction(1), 0               # a factor, and for how many more notes
        self.broken: Fraction | None = None                        # a factor for the next note

    def read(self, token: re.Match) -> None:
        if token["letter"]:
            self.add_note(token["accidental"], token["letter"], token["octaves"], token["length"])
        elif token["line"] or token["bare_ending"]:
            self.end_bar(token["line"] or "", token["ending"] or token["bare_ending"] or "")
        elif token["field"]:
            self.set_field(token["field"], token["value"].strip())
        elif token["tuplet"]:
            self.begin_tuplet(int(token["tuplet"]), token["time"], token["count"])
        elif token["broken"]:
            self.break_rhythm(token["broken"])
        elif token["tie"]:
            self.tied = self.last

    def set_field(self, letter: str, value: str) -> None:
        if letter == "M":
            self.metre, self.beat = read_metre(value)
        elif letter == "L":
            self.unit = read_unit(value)
        elif letter == "K":
            self.key, self.signature = value, read_key(value)
        elif letter == "V":
            raise AbcError("here begins another voice; only one melody can be read.")

    def begin(self) -> None:
        """Fix what the tune is in. The standard's unit, where `L:` is missing, is 1/8, in short bars 1/16."""
        if self.metre is None or self.key is None:
            lacking = "metre" if self.metre is None else "key"
            raise AbcError(f"there is no {lacking}; a tune needs a metre and a key first, such as M:6/8 and K:G.")
        if self.unit is None:
            self.unit = Fraction(1, 16 if self.metre < Fraction(3, 4) else 8)
        self.heading = Score(self.metre, self.beat, self.unit, self.key, ())

    def add_note(self, accidental: str | None, letter: str, octaves: str, length: str) -> None:
        if self.heading is None:
            self.begin()
        if not self.notes:
            self.bar_metre = self.metre
        times = _times(length) * (self.tuplet if self.in_tuplet else 1) * (self.broken or 1)
        self.in_tuplet, self.broken = max(0, self.in_tuplet - 1), None
        if letter in "zx":
            self.last = self.tied = None                           # no tie reaches over a rest
            pitch, held = None, False
        else:
            pitch, held = self.pitch(accidental, letter, octaves)
        self.notes.append(Note(pitch, self.unit * times, held))

    def pitch(self, accidental: str | None, letter: str, octaves: str) -> tuple[int, bool]:
        """The MIDI number of a note, and whether it is held from the note before. Octaves share their accidentals."""
        name = letter.upper()
        octave = letter.islower() + octaves.count("'") - octaves.count(",")
        plain = MIDDLE_C + SEMITONES[name] + 12 * octave
        if accidental:
            self.accidentals[name] = ACCIDENTALS[accidental]
        pitch = plain + self.accidentals.get(name, self.signature.get(name, 0))
        tied, self.tied = self.tied, None
        if tied and tied[0] == plain and not accidental:
            pitch = tied[1]                                        # a tie carries its accidental over the bar line
        if not 0 <= pitch <= HIGHEST:
            raise AbcError(f"a pitch of {pitch} is out of hearing; expected 0 … {HIGHEST}, of which 60 is middle C.")
        self.last = (plain, pitch)
        return pitch, tied is not None and tied[1] == pitch

    def begin_tuplet(self, count: int, time: str | None, notes: str | None) -> None:
        if self.in_tuplet:
            raise AbcError(f"a tuplet begins where one before still lacks notes: {self.in_tuplet}.")
        usual = TUPLETS.get(count, 3 if self.beat is not None and self.beat.numerator == 3 else 2)
        self.tuplet, self.in_tuplet = Fraction(int(time or usual), count), int(notes or count)

    def break_rhythm(self, signs: str) -> None:
        """`a>b` makes a half longer and b half as long, `a>>b` 7/4 and 1/4, `a<b` the other way round."""
        if not self.notes or self.broken:
            raise AbcError(f"{signs!r} shares time between two notes of a bar; one of them is missing.")
        short = Fraction(1, 2 ** len(signs))
        first, self.broken = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        self.notes[-1] = replace(self.notes[-1], length=self.notes[-1].length * first)

    def end_bar(self, line: str, ending: str) -> None:
        """Close the bar; bar lines without a note between them are one, in which a plain one says nothing."""
        if self.broken:
            raise AbcError("the bar ends between the two notes of a broken rhythm.")
        if self.notes:
            self.close(line)
        elif self.bars:
            signs = [sign for sign in (self.bars[-1].line, line) if sign not in ("", "|")]
            self.bars[-1] = replace(self.bars[-1], line="".join(signs) or "|")
        self.ending = ending or self.ending

    def close(self, line: str) -> None:
        self.bars.append(Bar(tuple(self.notes), self.bar_metre, line, self.ending))
        self.notes, self.ending, self.accidentals = [], "", {}

    def score(self) -> Score:
        """The tune, once all is read; notes after the last bar line are one more bar, its line empty."""
        if self.heading is None:
            self.begin()
        if self.broken or self.in_tuplet:
            raise AbcError("the tune ends inside a broken rhythm or a tuplet; a note is missing.")
        if self.notes:
            self.close("")
        return replace(self.heading, bars=tuple(self.bars))
