"""Tunes in ABC notation: read them, count their bars, hear them."""

from course_utils.music.bars import BarReport, bar_report, share_of_whole_tunes
from course_utils.music.notation import AbcError, parse
from course_utils.music.score import Bar, Note, Score, first_bars, pitch_name
from course_utils.music.sound import synthesise, wav_bytes

__all__ = [
    "AbcError",
    "Bar",
    "BarReport",
    "Note",
    "Score",
    "bar_report",
    "first_bars",
    "parse",
    "pitch_name",
    "share_of_whole_tunes",
    "synthesise",
    "wav_bytes",
]
