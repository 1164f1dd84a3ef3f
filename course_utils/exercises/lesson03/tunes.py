"""Exercises 3.7 and 3.8: music in numbers."""

from fractions import Fraction

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def note_frequency(number):
    """Frequency in hertz of a MIDI note number."""
    return 440 * 2 ** ((number - 69) / 12)


NOTE_FREQUENCY = Exercise(
    id="3.7",
    title="the frequency of a note",
    minutes=6,
    difficulty=1,
    stub='''def note_frequency(number):
    """Frequency in hertz (swings a second) of a note, given by its MIDI number.

    Number 69 is the A above middle C, 440 hertz. One number more is a semitone higher. Twelve semitones, an octave,
    double the frequency, and every semitone multiplies it by the same factor.
    """
    raise NotImplementedError
''',
    reference=note_frequency,
    cases=(
        Case(lambda: (81,)),
        Case(lambda: (60,)),
        Case(lambda: (70,)),
    ),
    hidden=(
        Case(lambda: (57,)),
        Case(lambda: (45,)),
        Case(lambda: (74,)),
    ),
    invariants=(Invariant("a frequency is positive", lambda result, number: result > 0),),
    hints=(
        "Number 81 is an octave above 69: 880. And 57 is one below: 220.",
        "The factor of a semitone, taken twelve times, is 2: it is 2 ** (1 / 12).",
        "How many semitones is the note above 69? That many times the factor, from 440 on.",
    ),
    misconceptions=(
        Misconception(
            "linear",
            lambda number: 440 + 440 * (number - 69) / 12,
            "That adds the same number of hertz for each semitone. It is the *factor* that stays the same: octaves are "
            "220, 440, 880, 1760.",
        ),
        Misconception(
            "eight notes",
            lambda number: 440 * 2 ** ((number - 69) / 8),
            "That divides the octave into 8. It has 12 semitones; eight is the number of notes in a scale, both ends "
            "counted.",
        ),
        Misconception(
            "middle C at 440",
            lambda number: 440 * 2 ** ((number - 60) / 12),
            "That puts 440 hertz at number 60, which is middle C. The A of 440 hertz is 69.",
        ),
        Misconception(
            "downwards",
            lambda number: 440 * 2 ** ((69 - number) / 12),
            "That goes down where it should go up: a higher number is a higher note.",
        ),
        Misconception(
            "an octave a semitone",
            lambda number: 440.0 * 2.0 ** (number - 69),
            "That doubles at every semitone. It takes twelve of them to double.",
        ),
        Misconception(
            "whole octaves only",
            lambda number: 440.0 * 2.0 ** ((number - 69) // 12),
            "That rounds down to whole octaves: `//` where `/` is wanted.",
        ),
    ),
)


def wrong_bars(bars, metre):
    """Places of the bars that do not fill the metre; the first and the last may be shorter."""
    wrong = []
    for place, lengths in enumerate(bars):
        total = sum(lengths)
        may_be_short = place in (0, len(bars) - 1)
        if total > metre or (total < metre and not may_be_short):
            wrong.append(place)
    return wrong


def _lengths(*bars):
    """Bars of note lengths as fractions, from texts such as "1/4 1/8 1/8"."""
    return [[Fraction(length) for length in bar.split()] for bar in bars]


def _wrong(bars, metre, total=sum, short=lambda place, last: place in (0, last), long_at_the_ends=True, base=0):
    found = []
    for place, lengths in enumerate(bars):
        length, at_the_end = total(lengths), short(place, len(bars) - 1)
        if (length > metre and (long_at_the_ends or not at_the_end)) or (length < metre and not at_the_end):
            found.append(place + base)
    return found


WRONG_BARS = Exercise(
    id="3.8",
    title="count the beats",
    minutes=10,
    difficulty=2,
    imports=("from fractions import Fraction",),
    stub='''def wrong_bars(bars, metre):
    """Places, counted from 0, of the bars whose notes do not fill the metre exactly.

    bars: a list of bars, each a list of note lengths (Fraction, in whole notes); metre: the length of a full bar, also
    a Fraction. The first bar may be shorter (a pick-up) and so may the last one; longer is wrong anywhere.
    """
    raise NotImplementedError
''',
    reference=wrong_bars,
    cases=(
        Case(lambda: (_lengths("1/4", "1/4 1/4 1/4", "1/2", "1/4 1/4"), Fraction(3, 4))),
        Case(lambda: (_lengths("1/2 1/2", "1/8 1/8 1/4", "1/2 1/4", "1/2 1/8 1/8"), Fraction(1, 2))),
        Case(lambda: (_lengths("1/8", "3/8 3/8", "1/4 1/8 1/4 1/8", "5/8", "1/8 1/8 1/2", "1/2"), Fraction(6, 8))),
    ),
    hidden=(
        Case(lambda: (_lengths("1/8 1/8", "1/12 1/12 1/12 3/4", "1/2 1/4", "3/4 3/4", "1"), Fraction(1))),
        Case(lambda: (_lengths("1", "3/8", "1/4 1/8 1/8", "1/8", "1/4"), Fraction(3, 8))),
    ),
    hints=(
        "sum(lengths) of one bar, compared with the metre. `enumerate(bars)` gives the place together with the bar.",
        "A bar is wrong if it is too long; or if it is too short and is neither the first nor the last.",
    ),
    misconceptions=(
        Misconception(
            "no pick-up",
            lambda bars, metre: _wrong(bars, metre, short=lambda place, last: False),
            "That counts a short first or last bar as wrong. A tune may begin before the first full bar, and end "
            "before the last one is full.",
        ),
        Misconception(
            "last must be full",
            lambda bars, metre: _wrong(bars, metre, short=lambda place, last: place == 0),
            "That lets only the first bar be shorter. The last one may be, too.",
        ),
        Misconception(
            "ends not looked at",
            lambda bars, metre: _wrong(bars, metre, long_at_the_ends=False),
            "That passes over the first and the last bar altogether. They may be shorter, but not longer.",
        ),
        Misconception(
            "only too long",
            lambda bars, metre: _wrong(bars, metre, short=lambda place, last: True),
            "That finds the bars that are too long. In the middle, too short is wrong as well.",
        ),
        Misconception(
            "notes counted",
            lambda bars, metre: _wrong(bars, metre, total=len),
            "That counts the notes of a bar. It is their lengths that have to add up.",
        ),
        Misconception(
            "counted from 1",
            lambda bars, metre: _wrong(bars, metre, base=1),
            "The bars are the right ones, but places are counted from 0.",
        ),
        Misconception(
            "the right ones",
            lambda bars, metre: [place for place in range(len(bars)) if place not in _wrong(bars, metre)],
            "Those are the bars that are right. The wrong ones are wanted.",
        ),
    ),
)
