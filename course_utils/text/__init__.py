"""Text on its way to a model: corpora, how text is cut into tokens, and the numbers that stand for them."""

from course_utils.text.bpe import BytePairVocabulary, bpe_pieces, load_sotu_bpe, train_bpe
from course_utils.text.corpora import Address, Splits, load_addresses, load_names, load_sotu, load_wiki, split_addresses
from course_utils.text.pronunciations import (
    LETTERS,
    PHONEMES,
    Pronunciations,
    SymbolVocabulary,
    load_pronunciations,
    pronunciation_batches,
    spelling_ids,
)
from course_utils.text.tunes import Tune, Tunes, load_tunes, tune_text
from course_utils.text.vocabulary import ByteVocabulary, CharVocabulary, Encoding, WordVocabulary, word_pieces

__all__ = [
    "LETTERS",
    "PHONEMES",
    "Address",
    "BytePairVocabulary",
    "ByteVocabulary",
    "CharVocabulary",
    "Encoding",
    "Pronunciations",
    "Splits",
    "SymbolVocabulary",
    "Tune",
    "Tunes",
    "WordVocabulary",
    "bpe_pieces",
    "load_addresses",
    "load_names",
    "load_pronunciations",
    "load_sotu",
    "load_sotu_bpe",
    "load_tunes",
    "load_wiki",
    "pronunciation_batches",
    "spelling_ids",
    "split_addresses",
    "train_bpe",
    "tune_text",
    "word_pieces",
]
