"""Corpora split as documented; text to ids and back without losing a byte."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.text import (
    Address,
    ByteVocabulary,
    CharVocabulary,
    Encoding,
    WordVocabulary,
    load_addresses,
    load_names,
    load_sotu,
    load_wiki,
    split_addresses,
    word_pieces,
)
from course_utils.text.vocabulary import UNKNOWN, Vocabulary

any_text = st.text(max_size=80)


@pytest.fixture(scope="module")
def addresses():
    return load_addresses()


# --- pieces


def test_pieces_keep_the_space_before_them():
    text = "The year’s 1,863 \n\nmen  don't."
    pieces = ["The", " year’s", " 1", ",", "863", " ", "\n\n", "men", " ", " don't", "."]
    assert word_pieces(text) == pieces


def test_a_blank_line_is_one_piece_and_a_third_newline_another():
    assert word_pieces("a\n\n\nb\nc") == ["a", "\n\n", "\n", "b", "\n", "c"]


def test_underscores_and_letters_next_to_digits_are_cut():
    assert word_pieces("a_b x2 año") == ["a", "_", "b", " x", "2", " año"]


def test_an_empty_text_has_no_pieces():
    assert word_pieces("") == []


@given(any_text)
@example("\r\n\t\x00  _ \n\n\n")
@example("e\u0301 👩‍🚀 \u2028")
def test_pieces_joined_are_the_text(text):
    assert "".join(word_pieces(text)) == text


# --- encoding and decoding


@given(any_text)
@example("")
def test_words_characters_and_bytes_come_back_as_the_text_they_were(text):
    for vocabulary in (WordVocabulary(text, min_count=1), CharVocabulary(text), ByteVocabulary()):
        encoding = vocabulary.encode(text)
        assert vocabulary.decode(encoding.ids) == text
        assert encoding.n_bytes == len(text.encode())
        assert encoding.unknown == ()
        assert encoding.ids.dtype == encoding.inputs.dtype == torch.int64
        assert len(encoding.inputs) == len(encoding.ids)


@given(any_text, any_text)
def test_unknown_pieces_are_kept_in_order_and_nothing_else_is_lost(known, text):
    vocabulary = WordVocabulary(known, min_count=1)
    encoding = vocabulary.encode(text)
    unknown = iter(encoding.unknown)
    restored = [next(unknown) if i == 0 else vocabulary.tokens[i] for i in encoding.ids]
    assert "".join(restored) == text
    assert next(unknown, None) is None


def test_inputs_are_the_ids_one_place_later_behind_the_start():
    encoding = Encoding(torch.tensor([5, 6, 7]), start=1, n_bytes=9)
    assert encoding.inputs.tolist() == [1, 5, 6]
    assert Encoding(torch.empty(0, dtype=torch.int64), start=1, n_bytes=0).inputs.tolist() == []


# --- vocabularies


def test_a_word_vocabulary_keeps_what_occurs_often_enough_and_sorts_it():
    vocabulary = WordVocabulary("b a b a c\n\n b", min_count=2)
    assert vocabulary.tokens == ("<unk>", "\n\n", " a", " b")
    assert vocabulary.start == 1


def test_a_blank_line_belongs_to_every_word_vocabulary():
    assert WordVocabulary("").tokens == ("<unk>", "\n\n")
    assert WordVocabulary("a\n\na").encode("\n\n").unknown == ()


def test_words_that_are_too_rare_become_unk_and_are_remembered():
    encoding = WordVocabulary(" a a b", min_count=2).encode(" a b ñ")
    assert encoding.ids.tolist() == [2, 0, 0]
    assert encoding.unknown == (" b", " ñ")
    assert encoding.n_bytes == 7


def test_the_letters_of_unk_in_a_text_are_not_the_unknown_token():
    vocabulary = WordVocabulary("<unk> <unk>", min_count=2)
    encoding = vocabulary.encode("<unk>")
    assert encoding.unknown == ("<",)  # seen once without a space: rare by itself
    assert UNKNOWN not in word_pieces("<unk>")


def test_characters_are_in_code_order_and_the_newline_is_always_one():
    vocabulary = CharVocabulary("añb")
    assert vocabulary.tokens == ("\n", "a", "b", "ñ")
    assert vocabulary.start == 0
    assert vocabulary.encode("ñab").ids.tolist() == [3, 1, 2]


def test_an_unknown_character_is_refused_by_name():
    with pytest.raises(CourseError, match="'z' is none of the 3 tokens"):
        CharVocabulary("ab").encode("az")


def test_the_id_of_a_byte_is_the_byte():
    vocabulary = ByteVocabulary()
    assert vocabulary.encode("ñ\n").ids.tolist() == [0xC3, 0xB1, 10]
    assert (len(vocabulary), vocabulary.start) == (256, 10)


def test_half_a_character_decodes_to_the_replacement_sign():
    assert ByteVocabulary().decode([97, 0xC3]) == "a\ufffd"


@pytest.mark.parametrize("ids", [[-1], [256], [97, 300], torch.tensor([97, -2])])
@pytest.mark.parametrize("vocabulary", [ByteVocabulary(), CharVocabulary("ab"), WordVocabulary("a a")], ids=repr)
def test_ids_that_no_token_has_are_refused(vocabulary, ids):
    with pytest.raises(CourseError, match=f"must lie in 0 … {len(vocabulary) - 1}"):
        vocabulary.decode(ids)


def test_repeated_tokens_are_refused():
    with pytest.raises(CourseError, match="distinct"):
        Vocabulary(["a", "b", "a"], start="a")


def test_a_vocabulary_says_what_it_is():
    assert repr(WordVocabulary("a a")) == "WordVocabulary(2 tokens)"
    assert repr(ByteVocabulary()) == "ByteVocabulary(256 tokens)"


# --- corpora


def numbered(count: int) -> list[Address]:
    return [Address(f"{1800 + i}-12-01", "Someone", f"{i}\n\n") for i in range(count)]


def years(addresses) -> list[int]:
    return [address.year - 1800 for address in addresses]


def test_every_tenth_address_is_test_and_the_one_before_it_validation():
    parts = split_addresses(numbered(24))
    assert years(parts["test"]) == [9, 19]
    assert years(parts["validation"]) == [8, 18]
    assert years(parts["train"]) == [*range(8), *range(10, 18), *range(20, 24)]


def test_the_split_in_time_holds_the_future_out():
    parts = split_addresses(numbered(20), by="time")
    assert (years(parts["train"]), years(parts["validation"]), years(parts["test"])) == (
        [*range(16)],
        [16, 17],
        [18, 19],
    )


def test_an_unknown_split_is_refused():
    with pytest.raises(CourseError, match="expected 'tenth' or 'time'"):
        split_addresses([], by="random")


def test_the_addresses_are_249_in_order_of_date_and_end_with_a_blank_line(addresses):
    dates = [address.date for address in addresses]
    assert len(addresses) == 249
    assert dates == sorted(dates)
    assert addresses[0].year == 1790 and "Washington" in addresses[0].president
    assert all(address.text.endswith("\n\n") and address.text.strip() for address in addresses)


def test_no_part_of_the_state_of_the_union_shares_an_address_with_another(addresses):
    for by in ("tenth", "time"):
        parts = split_addresses(addresses, by)
        assert sum(map(len, parts.values())) == len(addresses)
        assert len({(a.date, a.text) for part in parts.values() for a in part}) == len(addresses)


def test_the_three_texts_are_the_addresses_of_their_part_in_order(addresses):
    parts, splits = split_addresses(addresses), load_sotu()
    for name, part in parts.items():
        assert getattr(splits, name) == "".join(address.text for address in part)
    assert load_sotu(by="time").train.startswith(addresses[0].text)
    assert load_sotu(by="time").test.endswith(addresses[-1].text)


def test_the_turning_point_of_lesson_01_holds_the_sky_is_occurs_nowhere(addresses):
    assert not any("The sky is" in address.text for address in addresses)


def test_names_are_distinct_sorted_and_of_the_letters_a_to_z():
    names = load_names()
    assert names == sorted(set(names))
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_wikipedia_introductions_have_a_title_and_a_text(language):
    articles = load_wiki(language)
    assert len(articles) > 1000
    assert all({"title", "extract"} <= article.keys() for article in articles)


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(CourseError, match="en, es, fr"):
        load_wiki("de")
