"""Tunes in ABC: what is taken out of the files, the compact text of a tune, and the split that the card describes."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction

import pytest

from course_utils import unpack
from course_utils.errors import CourseError
from course_utils.music import AbcError, Score, bar_report, parse
from course_utils.text import Tune, load_tunes, tune_text
from course_utils.text.splits import part_by_hash
from course_utils.text.tunes import compact, short_key
from tools.data_cards import CARDS

REEL = Tune("airdsAirs", "book1.abc", 1, "A Reel", "Somebody", "C|", "1/8", "E Minor", "(GA) | B2 ~c2 |]")


@pytest.fixture(scope="module")
def tunes():
    return load_tunes()


@pytest.fixture(scope="module")
def all_tunes(tunes):
    return [*tunes.train, *tunes.validation, *tunes.test]


@pytest.fixture(scope="module")
def scores(all_tunes):
    """Each tune as music, None where it cannot be read."""
    return {tune: score_of(tune_text(tune)) for tune in all_tunes}


# --- the compact text


def test_a_tune_is_three_headings_its_music_and_an_empty_line():
    assert tune_text(REEL) == "M:C|\nL:1/8\nK:Em\nGA|B2 c2|]\n\n"


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ("G", "G"), ("E Minor", "Em"), ("EM", "Em"), ("Amin", "Am"), ("ADorian", "Ador"), ("D Mixolydian", "Dmix"),
        ("D Major", "D"), ("Bb", "Bb"), ("F#m", "F#m"), ("Glyd", "Glyd"), ("Hp", "D"), ("Bn", "Bm"), ("Dmix=c", "Dmix"),
    ],
)  # fmt: skip
def test_a_key_has_one_spelling(written, short):
    assert short_key(written) == short


@pytest.mark.parametrize("wrong", ["", "H", "g", "Gxyz", "G 4"])
def test_what_is_no_key_is_refused_with_examples(wrong):
    with pytest.raises(CourseError, match="is no key; expected such as G, Bb, Em"):
        short_key(wrong)


@pytest.mark.parametrize(
    ("written", "music"),
    [
        ('"Am"A2 "^Segno"B2', "A2 B2"),
        ("A2 % a note\nB2", "A2\nB2"),
        ("% all of it\nB2", "B2"),
        ("{c}BA {/g}f!4!e !D.C.! !Segno! z!fermat:a!x", "BA fe z"),
        ("!A B!c", "A Bc"),
        ("~A .B Tc vDuE kF HG", "A B c DE F G"),
        ("(AB) (c(d)e)", "AB cde"),
        ("((3ABC) (3(ABC) (3.A.B.C (3:2:3ABC (3 ABC", "(3ABC (3ABC (3ABC (3ABC (3ABC"),
        ("A-A G-^G c-c' d2-|d2", "A-A G-^G cc' d2-|d2"),
        ("G3-A A3-d | f3/2-g/2", "G3A A3d|f3/2g/2"),
        ("A > B c<<  d", "A>B c<<d"),
        ("A``B`c yd2 E4 Hx |]", "ABc d2 E4|]"),
        ("x2 Z A", "z2 z A"),
        ("^F _B =c ^^g __a ^ =| C,, c''", "^F _B =c ^^g __a|C,, c''"),
        ("AB \\\n cd\\\n|ef", "AB cd|ef"),
        ("ab$ c*;#", "ab c"),
    ],
)
def test_only_what_changes_notes_or_lengths_remains(written, music):
    assert compact(written) == music


@pytest.mark.parametrize(
    ("written", "music"),
    [
        ("A | B", "A|B"),
        ("A :|| B :|: C :: D :|:|", "A:|B::C::D:|"),
        ("A :|] B |:|\nC ||: D", "A:|B:|\nC|:D"),
        ("A || B [| C [|] D |] E [|]|]", "A||B||C|D|]E|]"),
        ("A |1 B :|2 C ||", "A|1B:|2C||"),
        ("A |[1 B :| [2 C |]", "A|1B:|2C|]"),
        ("A :|\n[2 C", "A:|\n[2C"),
        ("A :|\n2 C", "A:|\n[2C"),
        ("A |1,3 B", "A|1,3B"),
        ("| A |\n| B |\n|: C :|", "A|\nB|\n|:C:|"),
        ("|] A ||\n|| B", "A||\nB"),
        ("|1A", "|1A"),
        ("A | | B | |: C", "A|B|:C"),
    ],
)
def test_bar_lines_have_one_spelling(written, music):
    assert compact(written) == music


def test_changes_of_key_metre_and_unit_stand_on_lines_of_their_own_and_other_fields_go():
    assert compact("A|\nK: D Minor\nB|[L:1/16]C| M:3/4\nP:B\nQ:1/4=96\nD [P:A]|[K:C]") == (
        "A|\nK:Dm\nB|\nL:1/16\nC|\nM:3/4\nD|\nK:C"
    )


def test_no_music_is_no_text():
    assert compact("") == "" and compact(" \n% nothing\n") == ""


def test_compacting_twice_changes_nothing(all_tunes):
    for tune in all_tunes[::7]:
        music = compact(tune.body)
        assert compact(music) == music


@pytest.mark.slow
def test_the_notes_and_lengths_are_those_of_the_music_as_it_was_typed(all_tunes, scores):
    """The reader of `course_utils.music` knows nothing of `compact`: it passes over ornaments by itself."""
    compared = 0
    for tune in all_tunes[::2]:
        typed = f"M:{tune.metre}\nL:{tune.unit}\nK:{short_key(tune.key)}\n{tune.body}"
        expected = score_of(typed)  # None where music can be read only once it is compact
        if expected is not None and not re.search("(H|!fermat:a!)x", tune.body):
            assert sounds(scores[tune]) == sounds(expected), tune.title
            compared += 1
    assert compared > 1900


def score_of(text: str) -> Score | None:
    try:
        return parse(text)
    except AbcError:
        return None


def sounds(score) -> list[tuple[int | None, Fraction]]:
    return [(note.pitch, note.length) for bar in score.bars for note in bar.notes]


# --- the reader


FILE = """% A book

X: 7
T:First
T:Another name
M:2/4 % in the book 4/8
Z:"Ann"
Z:
Z: Bob 1999
K:G % or so
G2=3DB2 |=20
A4 =
B4 |]

words below the tune

X:8
T:Two voices
M:C
K:C
[V:1] C4
[V:2] E4

X:9
T:A chord
M:C
L:1/4
K:C
C [CE] z

X:10
T:An ending and a chord name
M:C
L:1/4
K:C
C "[CE]"{ce}D |[1 E :|[2 F |]
"""


def test_tunes_of_one_note_at_a_time_are_taken_out_of_the_files(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "book").mkdir(parents=True)
    target.mkdir()
    (source / "book" / "one.abc").write_text(FILE, encoding="utf-8")
    (source / "license.txt").write_text("yes", encoding="utf-8")
    unpack.tunes(source, target)
    first, last = map(json.loads, (target / "tunes.jsonl").read_text(encoding="utf-8").splitlines())
    assert first == {
        "collection": "book", "file": "one.abc", "number": 7, "title": "First", "transcriber": "Ann; Bob 1999",
        "metre": "2/4", "unit": "1/16", "key": "G", "body": "G2=B2 |\nA4 B4 |]",
    }  # fmt: skip
    assert (last["number"], last["unit"]) == (10, "1/4")
    assert (target / "license.txt").read_text(encoding="utf-8") == "yes"


@pytest.mark.parametrize(
    ("music", "one"),
    [
        ("A [Bd] c", False), ("[V:2] A", False), ("+CE+ A", False), ("[^c2e2]", False),
        ("A |[1 B :|[2 c |]", True), ("[K:C] A [M:3/4] B", True), ('"[CE]"A % [CE]', True), ("A + B | C", True),
        ("", True),
    ],
)  # fmt: skip
def test_chords_and_voices_are_told_from_endings_and_fields(music, one):
    assert unpack._one_note_at_a_time(music) is one


@pytest.mark.parametrize(
    ("metre", "unit"), [("2/4", "1/16"), ("3/8", "1/16"), ("3/4", "1/8"), ("6/8", "1/8"), ("C|", "1/8")]
)
def test_a_missing_unit_is_filled_by_the_rule_of_the_standard(tmp_path, metre, unit):
    tune = unpack._tune(tmp_path / "one.abc", f"X:1\nT:Untitled\nM:{metre}\nK:G\nG2|")
    assert tune["unit"] == unit


# --- the split


def test_each_tune_counts_once_and_keeps_the_part_of_its_music(tunes, all_tunes):
    music = [compact(tune.body) for tune in all_tunes]
    places = {(tune.collection, tune.file if tune.collection == "ryansMammoth" else tune.number) for tune in all_tunes}
    assert len(set(music)) == len(music) == len(places)
    for part in ("train", "validation", "test"):
        assert {part_by_hash(compact(tune.body), validation=5, test=5) for tune in getattr(tunes, part)} == {part}


def test_every_text_is_written_in_the_characters_that_the_card_counts(all_tunes):
    characters = set("".join(map(tune_text, all_tunes)))
    assert f"in {len(characters)} different characters" in card()
    assert len(characters) == 53 and characters < set(" \n#'(),-/0123456789:<=>[]^_|" + "ABCDEFGKLMabcdefghilmoprxyz")


def test_the_card_gives_the_true_sizes(tunes, all_tunes):
    for part in ("train", "validation", "test"):
        texts = [tune_text(tune) for tune in getattr(tunes, part)]
        assert f"| {part} | {len(texts):,} | {sum(map(len, texts)):,} |" in card()
    assert f"That leaves {len(all_tunes):,}." in card()
    assert f"and {sum(not tune.transcriber for tune in all_tunes)} tunes come without a credit" in card()


def test_the_card_says_how_many_bars_do_not_add_up(all_tunes, scores):
    reports = [bar_report(score) for score in scores.values() if score is not None]
    wrong, checked = sum(len(report.wrong) for report in reports), sum(report.checked for report in reports)
    unreadable = len(all_tunes) - len(reports)
    uneven = unreadable + sum(not report.whole for report in reports)
    assert f"The bars of {uneven} of the {len(all_tunes):,} tunes" in card()
    assert f"({wrong} of {checked:,} bars)" in card()
    assert unreadable == 2 and "two tunes it cannot read" in card()


def test_the_card_says_how_near_the_test_is_to_the_training_tunes(tunes, scores):
    train_tunes_with = defaultdict(list)  # a run -> the training tunes that hold it
    for tune in tunes.train:
        for run in runs_of_steps(scores[tune]):
            train_tunes_with[run].append(tune)
    near = 0
    for tune in tunes.test:
        runs = runs_of_steps(scores[tune])
        shared = Counter(other for run in runs for other in train_tunes_with[run])
        near += 2 * max(shared.values(), default=0) >= len(runs) > 0
    assert f"{near} of the {len(tunes.test)} test tunes share at least half" in card()


def runs_of_steps(score: Score | None, length: int = 12) -> set[tuple[int, ...]]:
    bars = score.bars if score else ()
    pitches = [note.pitch for bar in bars for note in bar.notes if note.pitch is not None and not note.held]
    steps = [after - before for before, after in zip(pitches, pitches[1:], strict=False)]
    return {tuple(steps[i : i + length]) for i in range(len(steps) - length + 1)}


def card() -> str:
    return re.sub(r"\s+", " ", (CARDS / "tunes.md").read_text(encoding="utf-8"))


def test_a_tune_of_another_key_has_another_text():
    assert tune_text(replace(REEL, key="G")) != tune_text(REEL)
