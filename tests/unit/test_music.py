"""Tunes are read as the ABC standard says, their bars counted as a musician counts, and what is heard is in tune."""

import io
import wave
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

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
    synthesise,
    wav_bytes,
)
from course_utils.music.signatures import read_key, read_metre
from course_utils.viz import COLOURS, piano_roll

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
    assert lines("A|1,3B:|2-4c") == [("|", ""), (":|", "1,3"), ("", "2-4")]


def test_a_note_before_a_repeat_sign_is_no_field():
    assert pitches("A:|\nB:|") == [69, 71]


def test_the_metre_of_a_bar_is_the_one_in_force_where_it_begins():
    score = tune("A8|[M:2/4]A4|\nM:3/4\nA6|")
    assert [bar.metre for bar in score.bars] == [1, Fraction(1, 2), Fraction(3, 4)]
    assert (score.metre, bar_report(score).whole) == (1, True)


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


# --- sound


def strongest(samples: np.ndarray, rate: int) -> float:
    """The frequency in Hz with most energy."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()]


@pytest.mark.parametrize(("note", "hertz"), [("A", 440.0), ("a", 880.0), ("C", 261.63), ("G,", 196.0), ("b'", 1975.53)])
@pytest.mark.parametrize("rate", [8000, 22050])
def test_a_note_sounds_at_its_frequency(note, hertz, rate):
    samples = synthesise(tune(f"{note}8", metre="4/4"), tempo=120, rate=rate)  # four beats: 2 s, bins of 0.5 Hz
    assert strongest(samples, rate) == pytest.approx(hertz, abs=0.5)


def test_each_note_of_a_melody_sounds_in_its_time():
    samples = synthesise(tune("A2e2z2A2"), tempo=60)  # one second each
    seconds = samples.reshape(4, 8000)
    assert strongest(seconds[0], 8000) == pytest.approx(440, abs=1)
    assert strongest(seconds[1], 8000) == pytest.approx(659.26, abs=1)
    assert not seconds[2].any()
    assert strongest(seconds[3], 8000) == pytest.approx(440, abs=1)


def test_tempo_counts_beats_of_the_metre():
    assert len(synthesise(tune("A8"), tempo=120)) == 2 * 8000  # four quarters
    assert len(synthesise(tune("A8", metre="C|"), tempo=120)) == 8000  # two halves
    assert len(synthesise(tune("A6", metre="6/8"), tempo=60)) == 2 * 8000  # two dotted quarters
    assert len(synthesise(tune("A8"), tempo=120, rate=22050)) == 2 * 22050


def test_rounding_to_samples_does_not_add_up():
    assert len(synthesise(tune("(3ABc" * 300), tempo=97)) == round(300 * 60 / 97 * 8000)


def test_samples_stay_inside_one_and_fill_much_of_it():
    samples = synthesise(parse(JIG), tempo=100)
    assert samples.dtype == np.float32
    assert 0.5 < np.abs(samples).max() <= 1


def test_nothing_clicks_where_a_note_begins_or_ends():
    samples = synthesise(tune("A2E2zA2A,2z2"), tempo=240)  # an eighth is 1,000 samples
    for boundary in (2000, 4000, 5000, 7000, 9000):
        assert np.abs(samples[boundary - 3 : boundary + 3]).max() < 0.03
    assert abs(samples[0]) < 0.001 and abs(samples[-1]) < 0.03


def test_no_harmonic_comes_back_from_above_half_the_rate():
    samples = synthesise(tune("b'8"), tempo=60)  # 1975.5 Hz: only two harmonics fit
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    loud = np.fft.rfftfreq(len(samples), 1 / 8000)[spectrum > 0.02 * spectrum.max()]
    assert all(min(abs(hertz - 1975.5), abs(hertz - 3951)) < 10 for hertz in loud)


def test_a_held_note_is_not_struck_again():
    tied, whole, twice = (synthesise(tune(body), tempo=60) for body in ("A4-|A4", "A8", "A4|A4"))
    np.testing.assert_array_equal(tied, whole)
    assert np.abs(twice[16050:16150]).max() > 1.5 * np.abs(tied[16050:16150]).max()


def test_a_tune_without_notes_is_silent_and_short():
    assert synthesise(tune(""), tempo=100).shape == (0,)
    assert not synthesise(tune("z8"), tempo=100).any()


@pytest.mark.parametrize(("tempo", "rate"), [(0, 8000), (-1, 8000), (float("nan"), 8000), (100, 0)])
def test_a_tempo_or_rate_of_nothing_is_refused(tempo, rate):
    with pytest.raises(CourseError, match="must be positive"):
        synthesise(parse(JIG), tempo, rate)


def test_endless_music_is_refused_before_it_fills_the_memory():
    with pytest.raises(CourseError, match="600 at most"):
        synthesise(tune("A99" * 99), tempo=1)


def test_a_recording_holds_the_samples_in_bytes():
    with wave.open(io.BytesIO(wav_bytes(np.array([0, 1, -1, 0.5]), rate=4000))) as recording:
        assert recording.getparams()[:4] == (1, 1, 4000, 4)  # mono, one byte, rate, samples
        assert list(recording.readframes(4)) == [128, 255, 1, 192]  # 128 + 127 x, to the even one: 191.5


def test_ten_seconds_take_eighty_kilobytes():
    assert 80_000 < len(wav_bytes(np.zeros(80_000))) < 80_100


@pytest.mark.parametrize("samples", [[1.01], [-2.0], [float("nan")], [[0.0, 0.0]]])
def test_samples_that_do_not_fit_are_refused(samples):
    with pytest.raises(CourseError, match=r"in \[-1, 1\]"):
        wav_bytes(np.array(samples))


def test_an_empty_recording_is_a_recording():
    with wave.open(io.BytesIO(wav_bytes(np.array([])))) as recording:
        assert recording.getnframes() == 0


# --- the picture


def boxes(axes) -> list[tuple]:
    """Start, pitch and colour of every note drawn."""
    return [
        (round(box.get_x(), 3), round(box.get_y() + box.get_height() / 2), to_hex(box.get_facecolor()).upper())
        for box in axes.patches
    ]


def test_each_note_is_drawn_at_its_beat_and_pitch():
    axes = piano_roll(tune("A2 z2 c4|e8|")).axes[0]
    assert boxes(axes) == [(0, 69, COLOURS[0]), (2, 72, COLOURS[0]), (4, 76, COLOURS[0])]
    assert [line.get_xdata()[0] for line in axes.lines] == [4, 8]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A4", "C5", "E5"]


def test_notes_of_wrong_bars_have_the_second_colour():
    score = tune("A8|A7|A8|")
    assert [colour for _, _, colour in boxes(piano_roll(score, wrong=bar_report(score).wrong).axes[0])] == [
        COLOURS[0], COLOURS[1], COLOURS[0]
    ]  # fmt: skip


def test_a_repeat_is_drawn_once_with_its_sign_and_endings():
    axes = piano_roll(tune("A8|1B8:|2c8|]")).axes[0]
    assert len(axes.patches) == 3
    assert [text.get_text() for text in axes.texts] == ["1.", "•", "•", "2."]
    assert [line.get_linewidth() for line in axes.lines] == [0.9, 2, 2]


def test_a_row_holds_eight_bars_and_a_pick_up_counts_by_its_length():
    rows = piano_roll(tune("A2|" + "A8|" * 7 + "A6||B2|" + "A8|" * 8)).axes
    assert [len(axes.patches) for axes in rows] == [9, 8, 1]  # 1 + 7 · 4 + 3 beats fill a row; 1 + 8 · 4 do not fit
    assert [axes.get_xlim() for axes in rows] == [(0, 32), (32, 64), (61, 93)]  # one scale for all


def test_the_second_scale_says_when_a_note_is_heard():
    axes = piano_roll(tune("A8|A8|"), seconds=4.0).axes[0]
    scale = axes.child_axes[0]
    axes.figure.draw_without_rendering()
    assert scale.get_xlim() == pytest.approx((0, 4))


def test_a_held_note_touches_the_one_before_and_a_new_one_does_not():
    held = piano_roll(tune("A4-|A4")).axes[0].patches
    struck = piano_roll(tune("A4|A4")).axes[0].patches
    assert held[0].get_x() + held[0].get_width() >= held[1].get_x() - 1e-9
    assert struck[0].get_x() + struck[0].get_width() < struck[1].get_x()


def test_two_names_never_stand_on_one_another():
    ticks = sorted(piano_roll(tune("C^CD^DEF^FG")).axes[0].get_yticks())
    assert min(np.diff(ticks)) > 1


def test_pictures_without_notes_or_end_are_refused():
    with pytest.raises(CourseError, match="has none"):
        piano_roll(tune("z8"))
    with pytest.raises(CourseError, match="first_bars"):
        piano_roll(tune("A8|" * 200))
    with pytest.raises(CourseError, match="0 … 1"):
        piano_roll(tune("A8|A8|"), wrong=[2])


def test_a_bar_is_as_long_as_its_notes():
    bar = Bar((Note(60, Fraction(1, 8)), Note(None, Fraction(3, 8))), Fraction(1, 2))
    assert bar.length == Fraction(1, 2)
    assert parse(JIG).length == Fraction(1, 8) * (1 + 6 + 5 + 1 + 6 + 5)
