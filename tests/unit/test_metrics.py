"""Bits per byte, perplexity and the compressors, on numbers that can be checked on paper."""

import bz2
import gzip
import lzma
import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.exercises.lesson01.measuring import bits_per_byte as bits_per_byte_of_the_exercise
from course_utils.metrics import bits_per_byte, compressed_bits_per_byte, perplexity, total_nats
from course_utils.models.counts import NgramCounts
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import AddK
from course_utils.models.speller import Speller
from course_utils.text import ByteVocabulary, CharVocabulary, Encoding, WordVocabulary


class Says:
    """A model that gives each token the probability it was told, whatever the text."""

    def __init__(self, *probabilities: float):
        self.nats = torch.tensor([[-math.log(p) for p in probabilities]])

    def token_nats(self, ids, targets):
        assert ids.shape == targets.shape == self.nats.shape
        return self.nats


def encoded(tokens: int, n_bytes: int, unknown: tuple[str, ...] = ()) -> Encoding:
    return Encoding(torch.zeros(tokens, dtype=torch.int64), start=0, n_bytes=n_bytes, unknown=unknown)


def uniform_over_bytes() -> NGram:
    return NGram(NgramCounts([], 256, 1, start=10), AddK(1))


# --- bits per byte


def test_bits_per_byte_is_the_sum_of_surprise_over_the_number_of_bytes():
    assert bits_per_byte(Says(1 / 2, 1 / 8), encoded(2, n_bytes=8)) == pytest.approx((1 + 3) / 8)


def test_a_model_that_knows_nothing_needs_eight_bits_a_byte():
    assert bits_per_byte(uniform_over_bytes(), ByteVocabulary().encode("Año 1790\n")) == pytest.approx(8)


def test_a_letter_of_two_bytes_counts_as_two():
    vocabulary = CharVocabulary("ñ")  # two characters with the newline, so one bit for each
    model = NGram(NgramCounts([], 2, 1, start=0), AddK(1))
    assert bits_per_byte(model, vocabulary.encode("ñññ")) == pytest.approx(3 / 6)


def test_the_same_text_costs_the_same_however_it_is_cut():
    whole, letters = Says(1 / 64), Says(1 / 4, 1 / 4, 1 / 4)
    assert bits_per_byte(whole, encoded(1, 3)) == pytest.approx(bits_per_byte(letters, encoded(3, 3)))


@pytest.mark.slow
@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30), st.text(min_size=1, max_size=40))
def test_the_exercise_on_bits_per_byte_agrees_with_the_library(probabilities, text):
    ours = bits_per_byte(Says(*probabilities), encoded(len(probabilities), len(text.encode())))
    theirs = bits_per_byte_of_the_exercise([math.log(p) for p in probabilities], text)
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-9)  # Says answers in float32


def test_unknown_pieces_without_a_speller_are_refused_by_name():
    with pytest.raises(CourseError, match=r"2 pieces of this text are <unk>, the first ' zebra'.*speller="):
        bits_per_byte(Says(0.5, 0.5), encoded(2, 10, (" zebra", " gnu")))


def test_a_speller_adds_the_price_of_the_unknown_pieces():
    speller = Speller([" cat", " dog"])
    got = bits_per_byte(Says(1 / 2, 1 / 2), encoded(2, 10, (" gnu",)), speller)
    assert got == pytest.approx((2 + speller.nats([" gnu"]) / math.log(2)) / 10)


def test_a_speller_costs_nothing_where_every_piece_is_known():
    assert bits_per_byte(Says(1 / 2), encoded(1, 4), Speller([])) == pytest.approx(1 / 4)


def test_a_word_model_with_a_small_vocabulary_cannot_win_by_calling_words_unknown():
    text = "the cat sat on the mat\n\n" * 3
    honest, evasive = WordVocabulary(text, min_count=1), WordVocabulary(text, min_count=99)
    costs = []
    for vocabulary in (honest, evasive):
        encoding = vocabulary.encode(text)
        model = NGram.fit(encoding, vocabulary, order=2)
        costs.append(bits_per_byte(model, encoding, Speller(encoding.unknown)))
    assert costs[0] < costs[1]


def test_what_is_impossible_costs_infinitely_many_bits():
    model = NGram(NgramCounts([97, 98], 256, 1, start=10), AddK(0))
    assert bits_per_byte(model, ByteVocabulary().encode("abc")) == math.inf


def test_long_texts_are_added_up_in_double_precision():
    model = Says(0.9)
    model.nats = torch.full((1, 2_000_000), 0.1)  # float32; their float32 sum is off by more than 1
    assert total_nats(model, encoded(2_000_000, 1)) == pytest.approx(2_000_000 * float(torch.tensor(0.1)), rel=1e-9)


# --- perplexity


def test_the_perplexity_of_a_uniform_model_is_the_size_of_its_vocabulary():
    assert perplexity(uniform_over_bytes(), ByteVocabulary().encode("any text")) == pytest.approx(256)


def test_perplexity_is_the_geometric_mean_of_the_inverse_probabilities():
    assert perplexity(Says(1 / 2, 1 / 8), encoded(2, 5)) == pytest.approx(4)


def test_perplexity_and_bits_per_byte_say_the_same_of_a_text():
    model, encoding = Says(0.3, 0.01, 0.7), encoded(3, 11)
    assert bits_per_byte(model, encoding) == pytest.approx(math.log2(perplexity(model, encoding)) * 3 / 11)


# --- compressors

PROSE = " ".join(f"Of {i * i} citizens {i} wrote to the Senate in the año {1790 + i}." for i in range(60))
SIZES = [
    ("gzip", lambda data: len(gzip.compress(data, 9))),
    ("bz2", lambda data: len(bz2.compress(data))),
    ("xz", lambda data: len(lzma.compress(data, preset=9))),
]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_a_compressor_is_measured_by_the_size_of_its_file(name, size):
    assert compressed_bits_per_byte(PROSE, name) == 8 * size(PROSE.encode()) / len(PROSE.encode())


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_of_a_primed_compressor_only_what_the_text_adds_is_counted(name, size):
    text = PROSE[1000:2500]
    added = size((PROSE + text).encode()) - size(PROSE.encode())
    primed = compressed_bits_per_byte(text, name, primed_with=PROSE)
    assert primed == 8 * added / len(text.encode())
    assert 0 < primed < compressed_bits_per_byte(text, name)


def test_gzip_forgets_what_lies_more_than_32_kilobytes_back_and_xz_does_not():
    noise = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=40_000))
    phrase = "".join(random.Random(1).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=2_000))
    near = {name: compressed_bits_per_byte(phrase, name, primed_with=noise + phrase) for name in ("gzip", "xz")}
    far = {name: compressed_bits_per_byte(phrase, name, primed_with=phrase + noise) for name in ("gzip", "xz")}
    assert near["gzip"] < 0.5 < 4 < far["gzip"]
    assert near["xz"] < 0.5 and far["xz"] < 0.5


def test_an_unknown_compressor_is_refused_with_the_three_there_are():
    with pytest.raises(CourseError, match="'zip' is not a compressor here; expected one of gzip, bz2, xz"):
        compressed_bits_per_byte("text", "zip")


# --- empty texts


def test_an_empty_text_has_no_bits_per_byte_and_no_perplexity():
    nothing = ByteVocabulary().encode("")
    for measure in (bits_per_byte, perplexity):
        with pytest.raises(CourseError, match="The text is empty"):
            measure(uniform_over_bytes(), nothing)
    for name in ("gzip", "bz2", "xz"):
        with pytest.raises(CourseError, match="The text is empty"):
            compressed_bits_per_byte("", name, primed_with="x")
    assert total_nats(uniform_over_bytes(), nothing) == 0
