"""The pronouncing dictionary read and split as its card says; symbols as ids; batches that hold every pair once."""

import re
from collections import Counter

import pytest
import torch

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.text import LETTERS, PHONEMES, SymbolVocabulary, load_pronunciations, pronunciation_batches
from course_utils.text.batches import END, PAD, START
from course_utils.text.pronunciations import _words, pairs_of, spelling_ids
from course_utils.text.splits import part_by_hash
from tools.data_cards import CARDS

WORDS = {"ox": (("AA", "K", "S"),), "a": (("AH",), ("EY",)), "tab": (("T", "AE", "B"),)}


@pytest.fixture(scope="module")
def words():
    return load_pronunciations()


# --- the dictionary


def test_comments_marks_and_stress_are_dropped_and_what_differs_in_stress_alone_is_one():
    text = "record R AH0 K AO1 R D\nrecord(2) R EH1 K ER0 D # noun\nrecord(3) R EH2 K ER0 D\nbow B OW1\n"
    assert _words(text) == {
        "record": (("R", "AH", "K", "AO", "R", "D"), ("R", "EH", "K", "ER", "D")),
        "bow": (("B", "OW"),),
    }


def test_spellings_with_other_marks_than_the_apostrophe_are_dropped():
    assert list(_words("a.m. EY2 EH1 M\nall-out AO1 L AW1 T\ndon't D OW1 N T\n7th S EH1 V AH0 N TH\n")) == ["don't"]


def test_no_text_holds_no_words():
    assert _words("") == {}


def test_a_spelling_keeps_the_part_that_its_sha256_gives_it():
    remainders = {"coin": 9, "milk": 10, "loaf": 14, "bird": 15}  # by `sha256sum` and `bc`
    parts = [part_by_hash(spelling, validation=5, test=10) for spelling in remainders]
    assert parts == ["test", "validation", "validation", "train"]


def test_the_hundredths_of_a_split_are_taken_from_the_front():
    assert {part_by_hash(str(i), validation=0, test=0) for i in range(300)} == {"train"}
    assert {part_by_hash(str(i), validation=0, test=100) for i in range(300)} == {"test"}
    assert Counter(part_by_hash(str(i), validation=50, test=50) for i in range(1000))["train"] == 0


def test_the_parts_share_no_spelling_and_are_about_85_5_and_10_hundredths(words):
    train, validation, test = words.train.keys(), words.validation.keys(), words.test.keys()
    assert not train & validation and not train & test and not validation & test
    total = len(train) + len(validation) + len(test)
    assert abs(len(test) / total - 0.10) < 0.005 and abs(len(validation) / total - 0.05) < 0.005


def test_every_word_can_be_written_in_the_two_vocabularies(words):
    for part in (words.train, words.validation, words.test):
        for spelling, spoken in pairs_of(part):
            assert LETTERS.decode(LETTERS.encode(spelling)) == list(spelling)
            assert PHONEMES.decode(PHONEMES.encode(spoken)) == list(spoken)


def test_well_known_words_are_said_as_everybody_says_them(words):
    all_words = {**words.train, **words.validation, **words.test}
    assert all_words["through"] == (("TH", "R", "UW"),)
    assert set(all_words["read"]) == {("R", "EH", "D"), ("R", "IY", "D")}
    assert all_words["colonel"] == (("K", "ER", "N", "AH", "L"),)
    assert all_words["aaa"] == (("T", "R", "IH", "P", "AH", "L", "EY"),)


def test_the_card_gives_the_true_sizes_and_shares(words):
    card = " ".join((CARDS / "cmudict.md").read_text(encoding="utf-8").split())
    for name in ("train", "validation", "test"):
        part = getattr(words, name)
        assert f"| {name} | {len(part):,} | {sum(map(len, part.values())):,} |" in card
    all_words = {**words.train, **words.validation, **words.test}
    lines = (assets.path("cmudict") / "cmudict.dict").read_text(encoding="utf-8").splitlines()
    entries = {re.sub(r"\(\d+\)$", "", line.split()[0]) for line in lines}
    several = sum(len(spoken) > 1 for spoken in all_words.values())
    assert [f"{count:,}" in card for count in (len(lines), len(entries), len(all_words), several)] == [True] * 4
    assert f"the other {len(entries) - len(all_words):,} " in card
    assert len(all_words) == 124_926 and f"{sum(map(len, all_words.values())):,} pronunciations" in card
    assert f"{sum(not re.search('[aeiouy]', word) for word in all_words)} spellings have neither" in card


def test_the_card_says_how_near_the_test_is_to_the_training_words(words):
    card = " ".join((CARDS / "cmudict.md").read_text(encoding="utf-8").split())
    said = {spoken for _, spoken in pairs_of(words.train)}
    alike = sum(any(spoken in said for spoken in words.test[word]) for word in words.test) / len(words.test)
    inflected = sum(any(other in words.train for other in relatives(word)) for word in words.test) / len(words.test)
    assert f"test spellings {inflected:.0%}".replace("%", " %") in card
    assert f"and {alike:.0%}".replace("%", " % are said") in card


def relatives(word: str) -> set[str]:
    stem = re.sub("'?s$", "", word)
    return {stem, stem + "s", stem + "'s"} - {word}


# --- symbols and ids


def test_ids_leave_room_for_padding_start_and_end():
    assert (PAD, START, END) == (0, 1, 2)
    assert LETTERS.encode("'az") == [3, 4, 29] and len(LETTERS) == 30
    assert PHONEMES.encode(("AA", "ZH")) == [3, 41] and len(PHONEMES) == 42


def test_decoding_stops_at_the_end_and_passes_over_start_and_padding():
    assert LETTERS.decode([START, 4, PAD, 5, END, 6, -100]) == ["a", "b"]
    assert LETTERS.decode(torch.tensor([5])) == ["b"]
    assert LETTERS.decode([]) == []


@pytest.mark.parametrize("ids", [[30], [-100], [4, -1]])
def test_an_id_that_no_symbol_has_is_refused(ids):
    with pytest.raises(CourseError, match=r"0 … 29; got"):
        LETTERS.decode(ids)


@pytest.mark.parametrize(
    ("vocabulary", "symbols", "named"), [(LETTERS, "Zoë", "'Z'"), (PHONEMES, ["K", "AH0"], "'AH0'")]
)
def test_an_unknown_symbol_is_named_with_those_that_are_allowed(vocabulary, symbols, named):
    with pytest.raises(CourseError, match=f"{named} is no .* expected {vocabulary.symbols[0]} {vocabulary.symbols[1]}"):
        vocabulary.encode(symbols)


@pytest.mark.parametrize("nothing", ["", [], ()])
def test_nothing_cannot_be_encoded(nothing):
    with pytest.raises(CourseError, match="at least one letter, got none"):
        LETTERS.encode(nothing)


@pytest.mark.parametrize("symbols", ["", "aba"])
def test_a_symbol_vocabulary_needs_distinct_symbols(symbols):
    with pytest.raises(CourseError, match="distinct symbols, at least one"):
        SymbolVocabulary(symbols)


def test_spellings_become_rows_of_letters_end_and_padding():
    assert spelling_ids(["ox", "a"]).tolist() == [[18, 27, END], [4, END, PAD]]
    assert spelling_ids(["a"]).dtype == torch.int64
    for wrong in ([], [""], ["Ox"]):
        with pytest.raises(CourseError):
            spelling_ids(wrong)


# --- batches


def test_a_batch_of_one_word_is_letters_and_end_start_and_phonemes_phonemes_and_end():
    source, inputs, targets = pronunciation_batches({"ox": WORDS["ox"]}, batch=4, seed=0)(0)
    assert source.tolist() == [[18, 27, END]]
    assert inputs.tolist() == [[START, 3, 22, 31]]  # AA, K and S are the phonemes 0, 19 and 28
    assert targets.tolist() == [[3, 22, 31, END]]
    assert {source.dtype, inputs.dtype, targets.dtype} == {torch.int64}


def test_a_short_word_beside_a_long_one_is_padded_in_all_three():
    source, inputs, targets = pronunciation_batches({"ox": WORDS["ox"], "a": (("EY",),)}, batch=2, seed=0)(0)
    short = source[:, 0].tolist().index(4)
    assert source[short].tolist() == [4, END, PAD]
    assert inputs[short].tolist() == [START, PHONEMES.index["EY"], PAD, PAD]
    assert targets[short].tolist() == [PHONEMES.index["EY"], END, -100, -100]


def read_back(batches, steps) -> list[tuple[str, tuple[str, ...]]]:
    pairs = []
    for step in steps:
        source, _, targets = batches(step)
        for letters, phonemes in zip(source, targets, strict=True):
            pairs.append(("".join(LETTERS.decode(letters)), tuple(PHONEMES.decode(phonemes))))
    return pairs


@pytest.mark.parametrize("batch", [1, 3, 64, 10_000])
def test_each_epoch_holds_every_pair_once(words, batch):
    few = dict(list(words.validation.items())[:300])
    batches = pronunciation_batches(few, batch, seed=1)
    for epoch in (0, 1, 7):
        steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
        assert sorted(read_back(batches, steps)) == sorted(pairs_of(few))


def test_the_inputs_are_the_targets_one_place_later(words):
    batches = pronunciation_batches(words.validation, batch=64, seed=0)
    for step in range(20):
        _, inputs, targets = batches(step)
        assert (inputs[:, 0] == START).all()
        later, before = inputs[:, 1:], targets[:, :-1]
        assert torch.equal(later, before.where((before != END) & (before != -100), torch.tensor(PAD)))
        assert ((targets == END).sum(1) == 1).all()


def test_the_same_step_gives_the_same_batch_whatever_was_asked_before(words):
    first, second = (pronunciation_batches(words.validation, batch=32, seed=5) for _ in range(2))
    late = 3 * first.steps_per_epoch + 2
    expected = [second(step) for step in (late, 1)]
    for step in range(3):
        first(step)
    assert all(torch.equal(a, b) for a, b in zip(first(late), expected[0], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first(1), expected[1], strict=True))


def test_another_epoch_and_another_seed_have_another_order(words):
    batches, other = (pronunciation_batches(words.validation, batch=32, seed=seed) for seed in (0, 1))
    epoch = range(batches.steps_per_epoch)
    first = read_back(batches, epoch)
    assert first != read_back(batches, [step + batches.steps_per_epoch for step in epoch])
    assert first != read_back(other, epoch)


def test_words_of_like_length_stand_together_and_lengths_do_not_rise_with_the_step(words):
    batches = pronunciation_batches(words.test, batch=64, seed=0)
    widths, padding, total = [], 0, 0
    for step in range(batches.steps_per_epoch):
        source, _, targets = batches(step)
        widths.append(source.shape[1])
        padding += int((source == PAD).sum() + (targets == -100).sum())
        total += source.numel() + targets.numel()
    assert padding / total < 0.08  # half of all for batches drawn at random
    first, second = (torch.tensor(half).float().mean() for half in (widths[:106], widths[106:]))
    assert abs(first - second) < 1.5


@pytest.mark.parametrize(("words", "batch"), [({}, 4), (WORDS, 0), ({"Ox": WORDS["ox"]}, 4), ({"ox": (("AA1",),)}, 4)])
def test_no_words_no_batch_and_strange_symbols_are_refused(words, batch):
    with pytest.raises(CourseError):
        pronunciation_batches(words, batch, seed=0)


def test_a_step_before_the_first_is_refused():
    with pytest.raises(CourseError, match="a step of 0 or more, got -1"):
        pronunciation_batches(WORDS, batch=2, seed=0)(-1)
