"""Byte-pair encoding: merges worked out by hand, ids that come back as the text, and what it says to bad input."""

from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.text import BytePairVocabulary, bpe_pieces, load_sotu, load_sotu_bpe, train_bpe
from course_utils.text.bpe import SOTU_BPE, PairCounts, apply_merges, train_sotu_bpe

HUG = [(b"u", b"g"), (b"h", b"ug"), (b"p", b"ug")]

any_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=80)


# --- pieces


def test_pieces_are_words_numbers_marks_and_clitics_with_the_space_before():
    assert bpe_pieces("We don't, in 1863 …") == ["We", " don", "'t", ",", " in", " 1863", " …"]


def test_of_several_white_spaces_the_last_one_stands_apart():
    assert bpe_pieces("a   b\n\nc ") == ["a", "  ", " b", "\n", "\n", "c", " "]


@given(any_text)
@example("\r\n\t\x00  _ \n\n\n")
def test_pieces_joined_are_the_text(text):
    assert "".join(bpe_pieces(text)) == text


# --- learning


def test_the_merges_of_a_toy_are_those_counted_by_hand():
    # hug ×2, pug ×1, pun ×1: u·g 3, h·u 2, p·u 2, u·n 1; then h·ug 2; then p·u, p·ug and u·n once each,
    # of which p·u has the oldest halves.
    text = "hug\npug\npun\nhug"
    assert train_bpe(text, 3) == [(b"u", b"g"), (b"h", b"ug"), (b"p", b"u")]


def test_merges_never_cross_a_piece():
    assert all(b"\n" not in left + right for left, right in train_bpe("a b\na b\na b", 10))


def test_of_overlapping_pairs_the_left_one_is_merged():
    pairs = PairCounts("aaa")
    assert pairs.counts[97, 97] == 2
    assert pairs.merge((97, 97), 256) == {(256, 97)}
    assert pairs.words == [[256, 97]]


def test_a_tie_goes_to_bytes_that_print_and_then_to_the_smaller():
    assert train_bpe("ba dc", 1) == [(b"b", b"a")]  # d·c, b·a and space·d occur once each
    assert train_bpe("\x01\x01 ~~", 1) == [(b"~", b"~")]


def test_learning_ends_where_every_piece_is_one_token():
    assert train_bpe("abc", 10) == [(b"a", b"b"), (b"ab", b"c")]
    assert train_bpe("", 10) == train_bpe("a", 10) == []


def test_learning_more_merges_begins_with_the_same_ones():
    text = load_sotu().validation[:100_000]
    assert train_bpe(text, 300)[:100] == train_bpe(text, 100)


@settings(max_examples=60, deadline=None)
@given(st.text("abc ", max_size=40), st.integers(1, 6))
def test_counts_kept_up_to_date_are_the_counts_taken_anew(text, merges):
    pairs = PairCounts(text)
    for new in range(256, 256 + merges):
        best = max(pairs.counts, key=pairs.counts.get, default=None)
        if best is None or pairs.counts[best] <= 0:
            return
        pairs.merge(best, new)
        anew = Counter()
        for word, number in zip(pairs.words, pairs.numbers, strict=True):
            for pair in pairwise(word):
                anew[pair] += number
        assert {pair: n for pair, n in pairs.counts.items() if n and pair != best} == dict(anew)
        pairs.counts[best] = 0  # what an overlap leaves behind; nothing can be merged there any more


def test_a_negative_number_of_merges_is_refused():
    with pytest.raises(CourseError, match=r"merges=-1\): expected 0 or more"):
        train_bpe("abc", -1)


# --- ids


def test_without_merges_the_ids_are_the_bytes():
    vocabulary = BytePairVocabulary([])
    assert len(vocabulary) == 256
    assert vocabulary.encode("hé").ids.tolist() == [104, 195, 169]


def test_ids_of_merges_follow_the_bytes_in_the_order_they_were_learned():
    vocabulary = BytePairVocabulary(HUG)
    assert vocabulary.encode("hugs pug").ids.tolist() == [257, 115, 32, 258]
    assert vocabulary.split("hugs") == ["hug", "s"]
    assert vocabulary.tokens[256:] == ("ug", "hug", "pug")
    assert vocabulary.token_bytes[257] == b"hug"


def test_the_merge_learned_first_goes_first_even_if_a_longer_token_is_missed():
    vocabulary = BytePairVocabulary([(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")])
    assert vocabulary.split("abc") == ["a", "bc"]


def test_two_merges_that_spell_the_same_token_share_its_id():
    merges = [(b"a", b"b"), (b"b", b"c"), (b"ab", b"c"), (b"a", b"bc")]
    vocabulary = BytePairVocabulary(merges)
    assert len(vocabulary) == 256 + 3
    assert vocabulary.encode("abc").ids.tolist() == [258]


def test_a_long_run_of_one_letter_is_merged_from_the_left():
    assert apply_merges([97] * 5, {(97, 97): (0, 256), (256, 256): (1, 257)}) == [257, 97]


def test_an_encoding_knows_its_bytes_and_begins_after_a_newline():
    encoding = BytePairVocabulary(HUG).encode("hug é")
    assert encoding.n_bytes == 6
    assert encoding.ids.dtype == torch.int64
    assert encoding.start == ord("\n")
    assert encoding.inputs.tolist() == [10, *encoding.ids.tolist()[:-1]]
    assert encoding.unknown == ()


def test_the_empty_text_has_no_ids():
    encoding = BytePairVocabulary(HUG).encode("")
    assert (encoding.ids.tolist(), encoding.n_bytes) == ([], 0)
    assert encoding.ids.dtype == torch.int64


@settings(deadline=None)
@given(any_text)
@example("👩‍🚀 e\u0301 \u2028")
def test_ids_decode_to_the_text(text):
    vocabulary = load_sotu_bpe()
    assert vocabulary.decode(vocabulary.encode(text).ids) == text


def test_half_a_character_decodes_to_the_sign_for_it():
    assert BytePairVocabulary([]).decode([104, 195]) == "h\ufffd"


def test_encoding_twice_gives_the_same_ids():
    vocabulary = BytePairVocabulary(HUG)
    assert vocabulary.encode("hug hug").ids.tolist() == vocabulary.encode("hug hug").ids.tolist() == [257, 32, 257]


# --- bad input


def test_half_a_surrogate_pair_is_refused_by_name():
    for use in (BytePairVocabulary([]).encode, lambda text: train_bpe(text, 1)):
        with pytest.raises(CourseError, match=r"Character 2 of the text is U\+D83D, half of a surrogate pair"):
            use("ab\ud83d")


def test_an_id_outside_is_refused():
    with pytest.raises(CourseError, match="0 … 258"):
        BytePairVocabulary(HUG).decode([259])
    with pytest.raises(CourseError, match="0 … 258"):
        BytePairVocabulary(HUG).decode([-1])


def test_a_merge_of_a_token_that_is_not_there_is_refused():
    with pytest.raises(CourseError, match=r"Merge 0 joins b'h' and b'ug', but no earlier merge makes b'ug'"):
        BytePairVocabulary([(b"h", b"ug"), (b"u", b"g")])


def test_a_merge_that_comes_twice_is_refused():
    with pytest.raises(CourseError, match="Merge 1, b'u' and b'g', is there twice"):
        BytePairVocabulary([(b"u", b"g"), (b"u", b"g")])


# --- files


def test_a_saved_vocabulary_comes_back_the_same(tmp_path):
    vocabulary = BytePairVocabulary([*HUG, (b"\xc3", b"\xa9"), (b'"', b"\\"), (b"\n", b"\n"), (b"\x80", b"\x99")])
    vocabulary.save(tmp_path / "merges.json")
    assert BytePairVocabulary.load(tmp_path / "merges.json").merges == vocabulary.merges
    assert '["h", "ug"]' in (tmp_path / "merges.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"merges": 3}', '{"merges": [["a"]]}', '{"merges": [["a", "€"]]}'])
def test_a_file_that_holds_no_merges_is_refused(tmp_path, text):
    (tmp_path / "merges.json").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=r"merges\.json holds no merges; expected"):
        BytePairVocabulary.load(tmp_path / "merges.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CourseError, match=r"none\.json is missing"):
        BytePairVocabulary.load(tmp_path / "none.json")


def test_the_shipped_vocabulary_is_what_training_gives_again(tmp_path):
    train_sotu_bpe().save(tmp_path / SOTU_BPE.name)
    assert (tmp_path / SOTU_BPE.name).read_bytes() == SOTU_BPE.read_bytes()


def test_the_shipped_vocabulary_has_2048_tokens_and_halves_the_length_of_the_test_text():
    vocabulary, text = load_sotu_bpe(), load_sotu().test
    assert len(vocabulary) == 2048
    assert 3.4 < vocabulary.encode(text).n_bytes / len(vocabulary.encode(text).ids) < 3.8
