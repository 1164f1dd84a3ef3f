"""Whether the bars of a tune add up: the one rule of ABC that a machine can check and a writer of letters can miss."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from course_utils.errors import CourseError
from course_utils.music.notation import AbcError, parse
from course_utils.music.score import Score


@dataclass(frozen=True)
class BarReport:
    """How many bars were `checked`, how many have the `right` length, and which, counted from 0, are `wrong`.

    `whole`: none is wrong and at least one is full.
    """

    right: int
    checked: int
    wrong: tuple[int, ...]
    whole: bool


def bar_report(score: Score) -> BarReport:
    """Which bars of a tune have the right length.

    A bar is right if it is as long as the metre says, with two exceptions at the ends of a part (parts are divided by
    repeat signs and double bar lines). The first bar of a part may be a pick-up, of any shorter length; but `:|2` goes
    on with a part and begins none. The last bar of a part may lack exactly what a pick-up of the tune brings: so the
    halves of a bar that a repeat sign divides are right if they add up. Where an ending begins inside a bar,
    `A2 [1 B2 :|2 c2 ||`, each ending completes what stands before it.
    """
    bars = score.bars
    begins = [i == 0 or bars[i - 1].ends_part and not bars[i].ending for i in range(len(bars))]
    ends = [bar.ends_part or i == len(bars) - 1 for i, bar in enumerate(bars)]
    lengths, opened = _lengths(score, begins)
    brought = {bar.length for bar, first in zip(bars, begins, strict=True) if first and bar.length < bar.metre}
    wrong = []
    for i, bar in enumerate(bars):
        missing = bar.metre - lengths[i]
        if not (missing == 0 or missing > 0 and (begins[i] or opened[i]) or ends[i] and missing in brought):
            wrong.append(i)
    full = any(length == bar.metre for length, bar in zip(lengths, bars, strict=True))
    return BarReport(len(bars) - len(wrong), len(bars), tuple(wrong), full and not wrong)


def _lengths(score: Score, begins: list[bool]) -> tuple[list[Fraction], list[bool]]:
    """How long each bar is, with what stands before its ending, and whether an ending begins inside it."""
    lengths, opened, before = [], [], Fraction(0)
    for i, bar in enumerate(score.bars):
        before = Fraction(0) if begins[i] else before
        lengths.append(bar.length + (before if bar.ending else 0))
        opened.append(bar.line == "" and i < len(score.bars) - 1)
        before = bar.length if opened[i] else before
    return lengths, opened


def share_of_whole_tunes(texts: Sequence[str]) -> tuple[float, float]:
    """The share of texts that can be read as ABC, and the share that are whole tunes by `bar_report`.

    Raises CourseError where there are no texts.
    """
    if not texts:
        raise CourseError("There are no tunes; a share needs at least one.")
    reports = [report for report in map(_report, texts) if report is not None]
    return len(reports) / len(texts), sum(report.whole for report in reports) / len(texts)


def _report(text: str) -> BarReport | None:
    try:
        return bar_report(parse(text))
    except AbcError:
        return None
