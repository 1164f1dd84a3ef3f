"""Byte-pair encoding against Hugging Face `tokenizers`: the same merges learned, and the same ids for any text."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from course_utils.text import BytePairVocabulary, load_sotu, load_sotu_bpe, load_wiki, train_bpe
from course_utils.text.bpe import bpe_pieces
from tools.verified import Verified

BYTES = 256
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
VERIFIES = [
    Verified(
        "05",
        "byte-pair merges, in their order",
        "Hugging Face `tokenizers`: addresses, Wikipedia in three languages",
        "equal",
    ),
    Verified("05", "byte-pair ids of a text", "Hugging Face `tokenizers`: the same, and made-up Unicode", "equal"),
]


def their_bytes() -> dict[str, int]:
    """The character that `tokenizers` writes each byte as, read off its pre-tokenizer one text at a time."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    written = {}
    for point in [*range(0x801), *range(0x1000, 0x110000, 0x1000)]:
        if not 0xD800 <= point <= 0xDFFF:
            ((shown, _),) = level.pre_tokenize_str(chr(point))
            written |= dict(zip(shown, chr(point).encode(), strict=True))
    return written | dict(zip(sorted(set(ALPHABET) - set(written)), NEVER_IN_UTF8, strict=True))


NEVER_IN_UTF8 = (0xC0, 0xC1, *range(0xF5, 0x100))
BYTE = their_bytes()
CHARACTER = {byte: character for character, byte in BYTE.items()}


def theirs(vocabulary: BytePairVocabulary) -> Tokenizer:
    """A tokenizer of theirs with our ids and merges, and their own code for cutting and merging."""
    written = ["".join(CHARACTER[byte] for byte in token) for token in vocabulary.token_bytes]
    merges = [tuple("".join(CHARACTER[byte] for byte in half) for half in merge) for merge in vocabulary.merges]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(written)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def trained_by_them(text: str, merges: int) -> list[tuple[bytes, bytes]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=BYTES + merges, initial_alphabet=ALPHABET, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    learned = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(bytes(BYTE[character] for character in half) for half in merge) for merge in learned]


@pytest.fixture(scope="module")
def small():
    return load_sotu_bpe()


@pytest.fixture(scope="module")
def large():
    return BytePairVocabulary(train_bpe(load_sotu().train, 10_000))


@pytest.fixture(scope="module")
def pairs(small, large):
    return [(small, theirs(small)), (large, theirs(large))]


def wiki(language: str) -> str:
    return "\n\n".join(article["extract"] for article in load_wiki(language))


def test_every_byte_has_a_character_of_its_own():
    assert sorted(BYTE.values()) == list(range(BYTES))
    assert set(BYTE) == set(ALPHABET)


def test_ten_thousand_merges_of_the_addresses_are_theirs_in_their_order(large):
    assert list(large.merges) == trained_by_them(load_sotu().train, 10_000)


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_three_thousand_merges_of_wikipedia_are_theirs_in_their_order(language):
    text = wiki(language)[:1_000_000]
    assert train_bpe(text, 3_000) == trained_by_them(text, 3_000)


@settings(deadline=None, max_examples=200)
@given(st.text("ab ", max_size=60), st.integers(0, 12))
@example("aaaa aaa aa a", 4)
def test_merges_of_any_small_text_are_theirs_ties_and_overlaps_included(text, merges):
    assert train_bpe(text, merges) == trained_by_them(text, merges)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_ids_of_the_addresses_are_theirs(pairs, part):
    text = getattr(load_sotu(), part)
    for ours, tokenizer in pairs:
        assert ours.encode(text).ids.tolist() == tokenizer.encode(text).ids


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_ids_of_wikipedia_in_three_languages_are_theirs(pairs, language):
    text = wiki(language)
    for ours, tokenizer in pairs:
        assert ours.encode(text).ids.tolist() == tokenizer.encode(text).ids


# Characters that Unicode has not assigned yet are letters to one of the two libraries and not to the other.
assigned = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=60)
mixed = st.lists(
    st.sampled_from(
        ["the", " the", "'s", "’s", " ", "  ", "\n", "\t", "\u00a0", "\u3000", "\x85", "é", "e\u0301", "12", "½"]
    )
    | assigned,
    max_size=20,
).map("".join)


@settings(deadline=None, max_examples=400)
@given(assigned | mixed)
@example("")
@example("\r\n\x1c\u2028\u200b 👩‍🚀 don't DON'T we'll")
@example("aaaaaaaaaaaaaaaa" * 40)
def test_ids_of_any_text_are_theirs_and_decode_to_it(pairs, text):
    for ours, tokenizer in pairs:
        ids = ours.encode(text).ids.tolist()
        assert ids == tokenizer.encode(text).ids
        assert ours.decode(ids) == text


@settings(deadline=None, max_examples=200)
@given(assigned)
def test_pieces_of_any_text_are_cut_where_theirs_are(text):
    cuts = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    assert bpe_pieces(text) == [text[start:end] for _, (start, end) in cuts]
