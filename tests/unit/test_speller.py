"""The speller pays for unknown words letter by letter."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.models.speller import NEWLINE, Speller
from course_utils.seeding import generator

WORDS = [" cat", " car", " cart", " dog", " dots", " año"]


@pytest.fixture(scope="module")
def speller():
    return Speller(WORDS, order=3)


def test_a_speller_that_has_read_nothing_pays_eight_bits_a_byte_and_the_end_too():
    assert Speller([]).nats(["añ"]) == pytest.approx(4 * math.log(256))  # a, two bytes of ñ, the end


def test_the_price_of_words_is_the_sum_of_their_prices(speller):
    together, apart = speller.nats([" cat", " zebra"]), speller.nats([" cat"]) + speller.nats([" zebra"])
    assert together == pytest.approx(apart, abs=1e-9)


def test_the_price_of_a_word_is_the_chain_of_its_bytes(speller):
    nats, ids = 0.0, [NEWLINE]
    for byte in b" cab\n":
        nats -= math.log(speller.model.distribution(ids)[byte])
        ids.append(byte)
    assert speller.nats([" cab"]) == pytest.approx(nats, abs=1e-9)


def test_likely_looking_words_are_cheaper_than_noise(speller):
    assert speller.nats([" cars"]) < speller.nats([" xqzw"])


@given(st.text(max_size=12))
def test_every_word_has_a_finite_positive_price(word):
    nats = Speller(WORDS[:2]).nats([word])
    assert 0 < nats < math.inf


def test_no_words_cost_nothing(speller):
    assert speller.nats([]) == speller.nats(()) == 0.0


def test_the_price_does_not_depend_on_the_words_before(speller):
    assert speller.nats([" dog"] * 3) == pytest.approx(3 * speller.nats([" dog"]), abs=1e-9)


def test_made_up_words_are_the_same_for_the_same_seed_and_end_in_time(speller):
    first, again = generator(3), generator(3)
    words = [speller.spell(first) for _ in range(20)]
    assert words == [speller.spell(again) for _ in range(20)]
    assert len(set(words)) > 5
    assert all(len(word) <= 5 for word in (speller.spell(first, longest=5) for _ in range(20)))
    assert not any("\n" in word for word in words)


def test_a_speller_that_knows_one_word_mostly_spells_it():
    words = [Speller([" cat"] * 500).spell(generator(seed)) for seed in range(10)]
    assert words.count(" cat") >= 8


def test_the_vocabulary_of_a_speller_is_every_byte(speller):
    assert len(speller.model.distribution([NEWLINE])) == 256
    assert torch.is_tensor(speller.vocabulary.encode("x").ids)
