"""Tunes are read as the ABC standard says, and their bars counted as a musician counts."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.music import (
    AbcError,
    Bar,
    BarReport,
    Note,
    bar_report,
    first_bars,
    parse,
    pitch_name,
    share_of_whole_tunes,
)
from course_utils.music.signatures import read_key, read_metre

JIG = "M:6/8\nL:1/8\nK:G\nD|GAB c2A|BGE D2:|\nd|gfe dcB|A2F G2:|\n"


def tune(body: str, key: str = "C", metre: str = "4/4", unit: str = "1/8"):
    return parse(f"M:{metre}\nL:{unit}\nK:{key}\n{body}")


def pitches(body: str, key: str = "C") -> list[int | None]:
    return [note.pitch for note in tune(body, key).notes]


def eighths(body: str, metre: str = "4/4") -> list[Fraction]:
    return [8 * note.length for note in tune(body, metre=metre).notes]


def lines(body: str) -> list[tuple[str, str]]:
    return [(bar.line, bar.ending) for bar in tune(body).bars]


# --- pitches


def test_letters_and_octave_marks_are_the_pitches_of_a_piano():
    assert pitches("C,C c c' c''") == [48, 60, 72, 84, 96]
    assert pitches("CDEFGAB") == [60, 62, 64, 65, 67, 69, 71]
    assert pitches("c,") == [60]  # marks add up


def test_an_accidental_holds_in_all_octaves_until_the_bar_ends():
    assert pitches("^F f F,|f") == [66, 78, 54, 77]
    assert pitches("^f =f f") == [78, 77, 77]
    assert pitches("__B ^^C") == [69, 62]


def test_a_key_changes_its_letters_and_a_natural_takes_that_back():
    assert pitches("fcg =f|f", key="D") == [78, 73, 79, 77, 78]
    assert pitches("BEA", key="Bb") == [70, 63, 69]


def test_a_line_break_is_no_bar_line():
    assert pitches("^F\nF|F") == [66, 66, 65]
    assert len(tune("A4\nA4|A8").bars) == 2


def test_a_tie_carries_its_accidental_over_the_bar_line_but_not_to_the_note_after():
    assert pitches("^f4-|f2f2") == [78, 78, 77]


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        ("C", {}),
        ("G", {"F": 1}),
        ("A", {"F": 1, "C": 1, "G": 1}),
        ("F", {"B": -1}),
        ("Eb", {"B": -1, "E": -1, "A": -1}),
        ("F#m", {"F": 1, "C": 1, "G": 1}),
        ("Gm", {"B": -1, "E": -1}),
        ("E Minor", {"F": 1}),
        ("Bmin", {"F": 1, "C": 1}),
        ("A dor", {"F": 1}),
        ("ADorian", {"F": 1}),
        ("D mix", {"F": 1}),
        ("AMixolydian", {"F": 1, "C": 1}),
        ("E phr", {}),
        ("F lyd", {}),
        ("B loc", {}),
        ("C ionian", {}),
        ("D Aeolian", {"B": -1}),
        ("D maj", {"F": 1, "C": 1}),
        ("D =c ^g", {"F": 1, "C": 0, "G": 1}),
        ("none", {}),
        ("HP", {}),
        ("Hp", {"F": 1, "C": 1}),
    ],
)
def test_keys_and_modes_have_the_signatures_of_music_theory(key, signature):
    assert read_key(key) == signature


@pytest.mark.parametrize("key", ["H", "Bn", "g", "G major minor", "G# lyd", "1", "G clef=bass"])
def test_a_key_that_is_none_is_refused_with_examples(key):
    with pytest.raises(AbcError, match="expected such as G, Bb|7 at most"):
        read_key(key)


def test_a_key_may_change_inside_the_tune():
    assert pitches("f|[K:G]f|\nK:C\nf") == [77, 78, 77]


# --- lengths


def test_lengths_are_written_in_seven_ways():
    assert eighths("A A2 A/2 A/ A// A3/2 A3/ A/4 A12") == [1, 2, *[Fraction(1, 2)] * 2, Fraction(1, 4)] + [
        Fraction(3, 2), Fraction(3, 2), Fraction(1, 4), 12
    ]  # fmt: skip


def test_broken_rhythm_takes_from_one_note_what_it_gives_the_other():
    assert eighths("A>B") == [Fraction(3, 2), Fraction(1, 2)]
    assert eighths("A<B") == [Fraction(1, 2), Fraction(3, 2)]
    assert eighths("A>>B") == [Fraction(7, 4), Fraction(1, 4)]
    assert eighths("A<<<B") == [Fraction(1, 8), Fraction(15, 8)]
    assert eighths("A2 > z") == [3, Fraction(1, 2)]
    assert eighths("A>B>c") == [Fraction(3, 2), Fraction(3, 4), Fraction(1, 2)]


def test_a_triplet_is_three_in_the_time_of_two_and_then_over():
    assert eighths("(3ABc d") == [Fraction(2, 3)] * 3 + [1]
    assert eighths("(3A>Bc") == [1, Fraction(1, 3), Fraction(2, 3)]
    assert eighths("(3zBc")[0] == Fraction(2, 3)


@pytest.mark.parametrize(
    ("tuplet", "metre", "time"),
    [("(2AB", "6/8", 3), ("(4ABcd", "6/8", 3), ("(5ABcde", "6/8", 3), ("(5ABcde", "4/4", 2)]
    + [("(6ABcdef", "4/4", 2), ("(3:2:2AB", "4/4", Fraction(4, 3)), ("(3::4ABcd", "4/4", Fraction(8, 3))],
)
def test_other_tuplets_take_the_time_that_the_standard_gives_them(tuplet, metre, time):
    assert sum(eighths(tuplet, metre)) == time


def test_a_letter_lasts_the_unit_and_without_one_what_the_metre_suggests():
    assert tune("A", unit="1/16").notes[0].length == Fraction(1, 16)
    assert parse("M:3/4\nK:C\nA").unit == Fraction(1, 8)
    assert parse("M:2/4\nK:C\nA").unit == Fraction(1, 16)
    assert [note.length for note in tune("A[L:1/4]A").notes] == [Fraction(1, 8), Fraction(1, 4)]


@pytest.mark.parametrize(
    ("metre", "bar", "beat"),
    [("6/8", "3/4", "3/8"), ("9/8", "9/8", "3/8"), ("3/4", "3/4", "1/4"), ("3/8", "3/8", "1/8")]
    + [("C", "1", "1/4"), ("C|", "1", "1/2"), ("2/2", "1", "1/2"), ("6/4", "3/2", "3/4")],
)
def test_a_metre_says_how_long_a_bar_and_a_beat_are(metre, bar, beat):
    assert read_metre(metre) == (Fraction(bar), Fraction(beat))


@pytest.mark.parametrize("metre", ["", "none", "0/4", "4/0", "4/5", "4", "-3/4", "100/4"])
def test_a_metre_that_is_none_is_refused(metre):
    with pytest.raises(AbcError, match="expected such as 6/8"):
        read_metre(metre)


# --- rests, ties, bars


def test_a_rest_has_no_pitch_and_ends_a_tie():
    assert tune("z2").notes == (Note(None, Fraction(1, 4)),)
    assert [note.held for note in tune("A-zA").notes] == [False, False, False]


def test_a_tie_holds_a_note_of_the_same_pitch_only():
    assert [note.held for note in tune("A-A A").notes] == [False, True, False]
    assert [note.held for note in tune("A4-|A4").notes] == [False, True]
    assert [note.held for note in tune("A-B").notes] == [False, False]
    assert [note.held for note in tune("^A-_B").notes] == [False, True]  # two names of one key of the piano
    assert [note.held for note in tune("f-^f").notes] == [False, False]


def test_bars_end_at_bar_lines_and_know_which():
    assert lines("A|B||c|]d[|e:|f::g|:a:||:b") == [
        ("|", ""), ("||", ""), ("|]", ""), ("[|", ""), (":|", ""), ("::", ""), ("|:", ""), (":||:", ""), ("", "")
    ]  # fmt: skip


def test_bar_lines_without_a_note_between_them_are_one():
    assert lines("|:A|\n|B:|\n|:c| |") == [("|", ""), (":||:", ""), ("|", "")]
    assert not tune("A|\n|B|").bars[0].ends_part  # not a double bar line


def test_endings_are_written_in_four_ways():
    expected = [("|", ""), (":|", "1"), ("|]", "2")]
    for body in ("A|1B:|2c|]", "A|[1B:|[2c|]", "A| [1 B:| [2 c|]", "A|\n[1B:|\n[2c|]"):
        assert lines(body) == expected
    assert lines("A|[1|B:|") == [("|", ""), (":|", "1")]
    assert lines("A|1,3B:|2-4c") == [("|", ""), (":|", "1,3"), ("", "2-4")]


def test_a_note_before_a_repeat_sign_is_no_field():
    assert pitches("A:|\nB:|") == [69, 71]


def test_the_metre_of_a_bar_is_the_one_in_force_where_it_begins():
    score = tune("A8|[M:2/4]A4|\nM:3/4\nA6|")
    assert [bar.metre for bar in score.bars] == [1, Fraction(1, 2), Fraction(3, 4)]
    assert (score.metre, bar_report(score).whole) == (1, True)
    assert [bar.metre for bar in tune("A4[M:2/4]A4|A4|").bars] == [1, Fraction(1, 2)]


def test_what_does_not_change_a_note_is_passed_over():
    plain = tune("A>B (3cde|f2")
    assert tune('~A>(B "Em"{g}(3c`d!trill!e)|.f2 % a remark') == plain
    assert parse("X:1\nT:Name\nM:4/4\nL:1/8\nQ:1/4=90\nK:C\nA>B (3cde|\\\nw:words\n[P:B]f2") == plain


def test_a_blank_line_ends_the_tune():
    assert tune("A|B\n\nM:none\nwhatever") == tune("A|B")


def test_a_tune_without_notes_has_no_bars():
    assert tune("").bars == tune("|:|").bars == ()


@pytest.mark.parametrize("text", ["", "\n\n", "A", "M:4/4\nA", "K:C\nA", "M:4/4\nL:1/8"])
def test_notes_without_metre_or_key_are_refused(text):
    with pytest.raises(AbcError, match="needs a metre and a key"):
        parse(text)


@pytest.mark.parametrize(
    ("body", "place", "what"),
    [
        ("A [Ac]", "Line 4, character 3", "expected a note"),
        ("AB\nA ?", "Line 5, character 3", r"'\?'"),
        ("A2222", "character 4", "'22'"),
        ("A0", "character 2", "'0'"),
        ("A/0", "character 3", "'0'"),
        ("A//3", "character 4", "'3'"),
        ("A : B", "character 3", "': B'"),
        ("^", "character 1", r"'\^'"),
        ('A "Em', "character 3", "Em"),
        ("(1A", "character 2", "'1A'"),
        ("A>|B", "character 3", "between the two notes"),
        (">A", "character 1", "one of them is missing"),
        ("A>>>>B", "character 5", "one of them is missing"),
        ("A|<B", "character 3", "one of them is missing"),
        ("(3AB(3cde", "character 5", "lacks notes: 1"),
        ("(3AB", "", "ends inside"),
        ("A>", "", "ends inside"),
        ("C,,,,,,", "character 1", "out of hearing"),
        ("c''''''", "character 1", "out of hearing"),
        ("[K:X]A", "character 1", "the key 'X'"),
        ("[M:4]A", "character 1", "the metre '4'"),
        ("[L:x]A", "character 1", "the unit of length 'x'"),
        ("V:2", "Line 4, character 1", "another voice"),
    ],
)
def test_what_is_not_abc_is_refused_with_its_place(body, place, what):
    with pytest.raises(AbcError, match=what) as caught:
        tune(body)
    assert place in str(caught.value)
    assert str(caught.value).endswith(".")


@settings(deadline=None)
@given(st.text(alphabet="ABcdz23/(|:[]1<>^_=,'- \nMLK:6/8G", max_size=60))
def test_whatever_a_model_writes_is_a_tune_or_an_abc_error(body):
    try:
        score = tune(body)
    except AbcError:
        return
    report = bar_report(score)
    assert report.right + len(report.wrong) == report.checked == len(score.bars)
    assert all(note.length > 0 for note in score.notes)


def test_a_pitch_is_named_with_its_octave_as_the_key_names_it():
    assert [pitch_name(pitch) for pitch in (60, 61, 69, 72, 21)] == ["C4", "C♯4", "A4", "C5", "A0"]
    assert [pitch_name(pitch, "Gm") for pitch in (70, 63, 66, 62)] == ["B♭4", "E♭4", "F♯4", "D4"]


# --- bars that add up


def test_a_tune_with_pick_ups_is_whole():
    report = bar_report(parse(JIG))
    assert (report.right, report.checked, report.wrong, report.whole) == (6, 6, (), True)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("A8|A8|", []),
        ("A8|A7|A8|", [1]),
        ("A8|A9|A8|", [1]),
        ("A2|A8|A6|", []),  # the last bar gives back what the pick-up has taken
        ("A2|A8|A5|", [2]),
        ("A2|A8|A7|", [2]),
        ("A8|A8|A6|", [2]),  # there is no pick-up to complete
        ("A9|A8|", [0]),  # too long for a pick-up
        ("A8|A5:|:A3|A8|", []),  # the halves of a bar that a repeat sign divides
        ("A8|A5:|:A2|A8|", [1]),
        ("A8|A5|A3|A8|", [1, 2]),  # but a plain bar line divides no bar
        ("A2|A8|A6||A8|A8||", []),  # a part without a pick-up may follow
        ("A2|A8|1A6:|2A8||A8|", []),
        ("A2|A8|1A6:|2A7|A8|", [3]),  # a second ending begins with a full bar
        ("A2|A8|A4 [1 A2:|[2 A4||A8|", []),  # endings that begin inside a bar
        ("A2|A8|A4 [1 A3:|[2 A5||A8|", [3, 4]),
        ("A2|A8|A4 [1 A2:|[2 A4||A8|1A8:|2A8||", []),  # the next part has endings of its own
        ("A8|A8", []),
        ("A8|A", [1]),
    ],
)
def test_bars_are_right_as_the_rule_says(body, wrong):
    report = bar_report(tune(body))
    assert list(report.wrong) == wrong
    assert (report.right, report.whole) == (report.checked - len(wrong), not wrong)


def test_a_tune_needs_a_full_bar_to_be_whole():
    assert not bar_report(tune("A")).whole
    assert not bar_report(tune("A||B||c||")).whole
    assert bar_report(tune("")) == BarReport(0, 0, (), False)


def test_shares_are_of_all_texts_also_of_those_that_cannot_be_read():
    texts = [JIG, JIG.replace("GAB", "GA"), "?", JIG]
    assert share_of_whole_tunes(texts) == (0.75, 0.5)
    assert share_of_whole_tunes(["A"]) == (0, 0)


def test_a_share_of_no_tunes_is_refused():
    with pytest.raises(CourseError, match="at least one"):
        share_of_whole_tunes([])


def test_the_first_bars_are_kept_and_none_is_refused():
    assert first_bars(parse(JIG), 2).bars == parse(JIG).bars[:2]
    assert first_bars(parse(JIG), 99) == parse(JIG)
    with pytest.raises(CourseError, match="count=0"):
        first_bars(parse(JIG), 0)


def test_a_bar_is_as_long_as_its_notes():
    bar = Bar((Note(60, Fraction(1, 8)), Note(None, Fraction(3, 8))), Fraction(1, 2))
    assert bar.length == Fraction(1, 2)
    assert parse(JIG).length == Fraction(1, 8) * (1 + 6 + 5 + 1 + 6 + 5)
