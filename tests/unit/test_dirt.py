"""Damage comes in the doses that were asked for, the same for the same seed; the rules let clean text pass."""

from collections import Counter

import pytest

from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.dirt import (
    CLEAN,
    CLUTTER,
    READ,
    Dirt,
    cleaned,
    clutter_line,
    dirtied,
    misread_letters,
    put_among,
    reads_as_sentences,
    shuffled_words,
)

PARAGRAPHS = [
    f"Paragraph {number} tells of ships in the year {1800 + number}, and of what they carried to port {number * 7}."
    for number in range(100)
]


def only(**dose) -> Dirt:
    return Dirt(**({"clutter": 0, "copies": 0, "misread": 0, "shuffled": 0} | dose))


def test_without_dirt_nothing_changes():
    assert dirtied(PARAGRAPHS, CLEAN, generator(1)) == PARAGRAPHS
    assert dirtied([], Dirt(), generator(1)) == []


def test_the_same_seed_makes_the_same_dirt_and_another_another():
    first, again, other = (dirtied(PARAGRAPHS, Dirt(), generator(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_clutter_stands_between_the_paragraphs_which_stay_as_they_were():
    found = dirtied(PARAGRAPHS, only(clutter=0.5), generator(1))
    assert len(found) == 150 and [each for each in found if each in PARAGRAPHS] == PARAGRAPHS
    runs = [each in PARAGRAPHS for each in found]
    assert sum(a != b for a, b in zip(runs, runs[1:], strict=False)) > 20  # among them, not at one end


def test_the_digits_of_clutter_are_drawn_and_no_mark_is_left():
    lines = {clutter_line(draws) for draws in [generator(1)] for _ in range(300)}
    assert len(lines) > 2 * len(CLUTTER) and not [line for line in lines if "#" in line]


def test_copies_are_there_again_word_for_word():
    found = Counter(dirtied(PARAGRAPHS, only(copies=0.5), generator(1)))
    assert set(found) == set(PARAGRAPHS) and found.total() == 150


def test_so_many_paragraphs_are_shuffled_and_hold_the_same_words():
    found = dirtied(PARAGRAPHS, only(shuffled=0.2), generator(1))
    changed = [(new, old) for new, old in zip(found, PARAGRAPHS, strict=True) if new != old]
    assert len(changed) == 20
    assert all(sorted(new.split()) == sorted(old.split()) for new, old in changed)


def test_misread_and_shuffled_paragraphs_are_different_ones():
    found = dirtied(PARAGRAPHS, only(misread=0.5, shuffled=0.5, rate=1.0), generator(1))
    same_words = [sorted(new.split()) == sorted(old.split()) for new, old in zip(found, PARAGRAPHS, strict=True)]
    assert sum(same_words) == 50 and not set(found) & set(PARAGRAPHS)


def test_every_lookalike_is_taken_for_another_at_rate_one_and_none_at_rate_zero():
    assert misread_letters("Bornclose, I bet!", 1.0, generator(1)) == "80md05c, l bcf!"
    assert misread_letters("Born close", 0.0, generator(1)) == "Born close"


def test_a_pair_is_read_before_its_first_letter():
    assert misread_letters("li", 1.0, generator(1)) == READ["li"] == "h"


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_rate_is_the_share_of_letters_that_are_misread(rate):
    text = "e" * 4000
    assert misread_letters(text, rate, generator(1)).count("c") / 4000 == pytest.approx(rate, abs=0.03)


def test_shuffled_words_are_all_there_and_in_an_order_that_is_drawn():
    text = "one two  three\nfour five"
    orders = {shuffled_words(text, generator(seed)) for seed in range(20)}
    assert len(orders) > 10 and {" ".join(sorted(each.split())) for each in orders} == {"five four one three two"}


def test_what_is_put_among_others_is_anywhere_also_first_and_last():
    found = [put_among(["a", "b"], ["x"], generator(seed)) for seed in range(60)]
    assert {tuple(each) for each in found} == {("x", "a", "b"), ("a", "x", "b"), ("a", "b", "x")}


def test_the_head_of_two_is_put_anywhere_alike():
    found = Counter(put_among(["a", "b"], ["x"], generator(seed)).index("x") for seed in range(600))
    assert all(count / 600 == pytest.approx(1 / 3, abs=0.08) for count in found.values())


@pytest.mark.parametrize("text", [
    "We ask the Congress to act in this session.",
    '"A nation," he said, "is made of men."',
    "It began on the 4th of July, the 2d of August, and in the 1850s it was over.",
    "$5 is too much for a day of work!",
])  # fmt: skip
def test_sentences_pass(text):
    assert reads_as_sentences(text)


@pytest.mark.parametrize("text", [
    "Home | About | News | Archive | Contact",
    "THE PANAMA CANAL",
    "Yes, we can.",
    "session. act We the Congress to in this",
    "we ask the Congress to act in this session.",
    "We ask tbe C0ngress to act in this session.",
])  # fmt: skip
def test_what_is_no_sentence_does_not_pass(text):
    assert not reads_as_sentences(text)


def test_cleaning_leaves_the_clean_paragraphs_once_and_no_clutter():
    dirty = dirtied(PARAGRAPHS, only(clutter=1, copies=1), generator(1))
    assert sorted(cleaned(dirty)) == sorted(PARAGRAPHS)  # of two that are alike the first, copy or not
    assert cleaned(["Home | About"]) == []


def test_cleaning_finds_most_of_what_is_damaged():
    dirty = dirtied(PARAGRAPHS, Dirt(), generator(1))
    kept = cleaned(dirty)
    assert len(dirty) == 200 and set(PARAGRAPHS) & set(dirty) <= set(kept)
    assert len(set(kept) - set(PARAGRAPHS)) < 15


@pytest.mark.parametrize("dose", [{"clutter": -1}, {"copies": -0.1}, {"misread": 1.2}, {"shuffled": -1}, {"rate": 2}])
def test_a_dose_that_is_none_is_refused(dose):
    with pytest.raises(CourseError, match="expected numbers of 0 or more"):
        Dirt(**dose)


def test_a_paragraph_without_a_word_is_refused():
    with pytest.raises(CourseError, match="A paragraph is empty"):
        dirtied(["a", " "], Dirt(), generator(1))
