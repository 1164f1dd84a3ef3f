"""Right calls of what reads texts, tunes and images: vocabularies, batches, duplicates, notation, pixels."""

import functools

import numpy as np
import torch

from course_utils import music
from course_utils.images.corpora import NamedImagePart
from course_utils.seeding import generator
from course_utils.text.batches import PairBatches
from course_utils.text.bpe import BytePairVocabulary, train_bpe
from course_utils.text.coreference import PronounSentence
from course_utils.text.dirt import CLEAN, Dirt
from course_utils.text.duplicates import MinHash
from course_utils.text.exchanges import Exchange, ExchangeBatches
from course_utils.text.pronunciations import LETTERS
from course_utils.text.recall import RecallTask
from course_utils.text.templates import Grammar, parse
from course_utils.text.vocabulary import ByteVocabulary, CharVocabulary, WordVocabulary
from tests.bad_input.cases import RANDOM, Case, Made
from tests.support.untrained import level_images, some

AREAS = ("text", "music", "images")

TEXT = "the cat sat on the mat, and the cat sat on the hat.\n\nthe end"
TEXTS = ["the cat sat on the mat by the door", "the cat sat on the mat by the wall", "a dog barked"]
TUNE = "M:6/8\nL:1/8\nK:G\nGAB cde|d3 B3|G6|]"
IDS = torch.arange(40) % 7
ROWS = [[3, 4], [5], [3, 5, 6]]
BYTES = torch.randint(256, (4, 1, 6, 6), generator=generator(1), dtype=torch.uint8)
COLOURS = torch.randint(256, (4, 4, 6, 6), generator=generator(1), dtype=torch.uint8)
WORDS = {"cat": (("K", "AE", "T"),), "at": (("AE", "T"),)}


@functools.cache
def bpe() -> BytePairVocabulary:
    """A byte-pair vocabulary of few merges."""
    return BytePairVocabulary(train_bpe(TEXT, 12))


def words() -> WordVocabulary:
    """A vocabulary of the words that come twice."""
    return WordVocabulary(TEXT)


def characters() -> CharVocabulary:
    """A vocabulary of characters, without `<unk>`."""
    return CharVocabulary(TEXT)


def score() -> music.Score:
    """Three bars of a jig."""
    return music.parse(TUNE)


def _emoji() -> NamedImagePart:
    return NamedImagePart(COLOURS, torch.zeros(4, dtype=torch.int64), ("a", "b", "c", "d"), ("a", "b", "c", "d"))


def _sentence() -> PronounSentence:
    return PronounSentence("The cat saw the dog, and it ran.", "it", ("cat", "dog"), 0, 0, "meaning", 1, "choose")


def _exchanges() -> list[Exchange]:
    return [Exchange((1, 2), (3,)), Exchange((1,), (2, 3))]


def _first(batches):
    return batches(0)


def _joins_back(result, arguments) -> bool:
    return "".join(result) == arguments["text"]


def _reads_back(vocabulary) -> object:
    """The property of `encode`: decoding gives the text again."""
    return lambda result, arguments: vocabulary().decode(result.ids) == arguments["text"]


CASES = [
    # vocabularies
    Case("text.vocabulary.word_pieces", {"text": TEXT}, right=_joins_back),
    Case("text.vocabulary.utf8", {"text": TEXT}),
    Case("text.vocabulary.Vocabulary", {"tokens": ["a", "b", "\n"], "start": "\n"}),
    Case("text.vocabulary.Vocabulary.encode", {"text": TEXT}, on=characters, right=_reads_back(characters)),
    Case("text.vocabulary.Vocabulary.decode", {"ids": IDS[:9]}, on=words),
    Case("text.vocabulary.Vocabulary.decode", {"ids": [1, 2, 3]}, on=words),
    Case("text.vocabulary.WordVocabulary", {"text": TEXT, "min_count": 2}),
    Case("text.vocabulary.WordVocabulary.split", {"text": TEXT}, on=words, right=_joins_back),
    Case("text.vocabulary.CharVocabulary", {"text": TEXT}),
    Case("text.vocabulary.CharVocabulary.split", {"text": TEXT}, on=characters, right=_joins_back),
    Case("text.vocabulary.ByteVocabulary.split", {"text": TEXT}, on=ByteVocabulary),
    Case("text.vocabulary.ByteVocabulary.encode", {"text": TEXT}, on=ByteVocabulary, right=_reads_back(ByteVocabulary)),
    Case("text.vocabulary.ByteVocabulary.decode", {"ids": IDS[:9]}, on=ByteVocabulary),
    Case("text.bpe.bpe_pieces", {"text": TEXT}, right=_joins_back),
    Case("text.bpe.PairCounts", {"text": TEXT}),
    Case("text.bpe.train_bpe", {"text": TEXT, "merges": 5}, right=lambda result, _: len(result) == 5),
    Case("text.bpe.BytePairVocabulary", {"merges": [(b"a", b"b"), (b"ab", b"c")]}),
    Case("text.bpe.BytePairVocabulary.split", {"text": TEXT}, on=bpe),
    Case("text.bpe.BytePairVocabulary.encode", {"text": TEXT}, on=bpe, right=_reads_back(bpe)),
    Case("text.bpe.BytePairVocabulary.decode", {"ids": [1, 257, 3]}, on=bpe),
    Case("text.bpe.apply_merges", {"ids": [1, 2, 3], "ranks": {(1, 2): (0, 256)}}),
    # batches
    Case("text.batches.windows", {"ids": IDS, "batch": 2, "length": 5, "seed": 0}, then=_first),
    Case("text.batches.streams", {"ids": IDS, "batch": 2, "length": 5}, then=_first),
    Case("text.batches.mixed", {"seed": 1, "step": 2}),
    Case("text.batches.padded", {"rows": ROWS, "padding": 0}),
    Case("text.batches.PairBatches", {"sources": ROWS, "targets": ROWS, "batch": 2, "seed": 0}, then=_first),
    Case("text.batches.PairBatches.__call__", {"step": 0},
         on=lambda: PairBatches(ROWS, ROWS, 2, 0)),
    Case("text.batches.of_like_length", {"lengths": torch.tensor([2, 3, 1]), "batch": 2, "generator": RANDOM}),
    Case("text.exchanges.Exchange", {"prompt": (1, 2), "answer": (3,)}),
    Case("text.exchanges.ExchangeBatches", {"exchanges": Made(_exchanges), "batch": 2, "seed": 0, "context": 8},
         then=_first),
    Case("text.exchanges.ExchangeBatches.__call__", {"step": 0}, on=lambda: ExchangeBatches(_exchanges(), 2, 0)),
    # dirt and duplicates
    Case("text.dirt.Dirt", {"clutter": 0.5, "copies": 0.5, "misread": 0.3, "shuffled": 0.2, "rate": 0.1}),
    Case("text.dirt.dirtied", {"paragraphs": TEXTS, "dirt": Made(Dirt), "generator": RANDOM}),
    Case("text.dirt.dirtied", {"paragraphs": TEXTS, "dirt": Made(lambda: CLEAN), "generator": RANDOM},
         right=lambda result, arguments: result == arguments["paragraphs"]),
    Case("text.dirt.misread_letters", {"text": TEXT, "rate": 0.5, "generator": RANDOM}),
    Case("text.dirt.shuffled_words", {"text": TEXT, "generator": RANDOM},
         right=lambda result, arguments: sorted(result.split()) == sorted(arguments["text"].split())),
    Case("text.dirt.put_among", {"paragraphs": TEXTS, "others": ["x"], "generator": RANDOM},
         right=lambda result, _: len(result) == 4),
    Case("text.dirt.reads_as_sentences", {"paragraph": TEXT}),
    Case("text.dirt.cleaned", {"paragraphs": TEXTS, "threshold": 0.8}),
    Case("text.duplicates.shingles", {"text": TEXT, "words": 3}),
    Case("text.duplicates.MinHash", {"bands": 4, "rows": 2, "words": 3, "seed": 1}),
    Case("text.duplicates.MinHash.signature", {"text": TEXT}, on=lambda: MinHash(4, 2, 3)),
    Case("text.duplicates.MinHash.chance", {"likeness": 0.5}, on=MinHash, right=lambda result, _: 0 <= result <= 1),
    Case("text.duplicates.MinHash.candidates", {"texts": TEXTS}, on=lambda: MinHash(4, 2, 3)),
    Case("text.duplicates.estimate", {"first": np.array([[1, 2]]), "second": np.array([[1, 3]])},
         right=lambda result, _: result == 0.5),
    Case("text.duplicates.near_duplicates", {"texts": TEXTS, "threshold": 0.3}),
    Case("text.duplicates.without_duplicates", {"texts": TEXTS, "threshold": 0.3},
         right=lambda result, _: result == [0, 2]),
    # words of other kinds
    Case("text.coreference.PronounSentence.span", {"word": "cat"}, on=_sentence),
    Case("text.intents.as_action", {"intent": "timer", "slots": {"minutes": 3}}),
    Case("text.intents.exact_match", {"answers": ['{"a": 1}', "b"], "actions": ['{"a": 1}', '{"a": 2}']},
         right=lambda result, _: result == 0.5),
    Case("text.lesson_texts.source_link", {"source": "00 · Start here"}),
    Case("text.lesson_texts.plain", {"text": "a **bold** [link](x)"}, right=lambda result, _: result == "a bold link"),
    Case("text.lesson_texts.joined", {"paragraphs": TEXTS}),
    Case("text.lesson_texts.words_in", {"text": TEXT}),
    Case("text.parallel.normalised", {"sentence": "¿Qué  tal?"}),
    Case("text.parallel.sentence_ids", {"sentence": "Hola."}),
    Case("text.parallel.source_ids", {"sentences": ["Hola.", "Adiós."]}),
    Case("text.pronunciations.SymbolVocabulary", {"symbols": ["a", "b"], "kind": "letter"}),
    Case("text.pronunciations.SymbolVocabulary.encode", {"symbols": ["a", "b"]}, on=lambda: LETTERS),
    Case("text.pronunciations.SymbolVocabulary.encode", {"symbols": "cab"}, on=lambda: LETTERS),
    Case("text.pronunciations.SymbolVocabulary.decode", {"ids": [4, 5, 2]}, on=lambda: LETTERS),
    Case("text.pronunciations.spelling_ids", {"spellings": ["cat", "at"]}),
    Case("text.pronunciations.pairs_of", {"words": WORDS}),
    Case("text.pronunciations.pronunciation_batches", {"words": WORDS, "batch": 2, "seed": 0}, then=_first),
    Case("text.ratings.words_of", {"text": "A *good* film !"}),
    Case("text.ratings.sentiment", {"part": "test", "source": "movies"}),
    Case("text.recall.RecallTask", {"letters": 5, "longest": 4}),
    Case("text.recall.RecallTask.text", {"ids": [1, 2, 3]}, on=lambda: RecallTask(letters=5)),
    Case("text.recall.recall_sequences",
         {"task": Made(lambda: RecallTask(letters=5)), "distances": torch.tensor([1, 3]), "draws": RANDOM}),
    Case("text.splits.part_by_hash", {"text": TEXT, "validation": 5, "test": 5}),
    Case("text.templates.parse", {"text": "say {a|b} <name>"}),
    Case("text.topics.part", {"name": "test"}),
    Case("text.tunes.short_key", {"key": "A Dorian"}, right=lambda result, _: result == "Ador"),
    Case("text.tunes.compact", {"body": "|:GAB cde|d3 B3:|"}),
    Case("text.corpora.load_sotu", {"by": "tenth"}),
    Case("text.corpora.load_wiki", {"language": "en"}),
    Case("text.intents.load_intents", {"language": "en"}),
    Case("text.facts.facts_in", {"part": "test", "relation": None}),
    Case("text.course_questions.load_questions", {"part": "test"}),
    Case("text.templates.Grammar.sentence", {"template": Made(lambda: parse("say (a|b)")), "generator": RANDOM},
         on=lambda: Grammar({}, {})),
    # music
    Case("music.notation.parse", {"abc": TUNE}, right=lambda result, _: len(result.bars) == 3),
    Case("music.bars.share_of_whole_tunes", {"texts": [TUNE, "no tune"]}),
    Case("music.score.first_bars", {"score": Made(score), "count": 2}),
    Case("music.score.pitch_name", {"pitch": 60, "key": "F"}, right=lambda result, _: result == "C4"),
    Case("music.signatures.read_metre", {"text": "6/8"}),
    Case("music.signatures.read_unit", {"text": "1/8"}),
    Case("music.signatures.read_key", {"text": "A dor"}),
    Case("music.sound.frequency", {"pitch": 69}, right=lambda result, _: abs(result - 440) < 1e-6),
    Case("music.sound.synthesise", {"score": Made(score), "tempo": 120.0, "rate": 400}),
    Case("music.sound.wav_bytes", {"samples": np.zeros(10), "rate": 400}),
    # images
    Case("images.batches.image_batches", {"images": BYTES, "batch": 2, "seed": 0, "labels": torch.arange(4)},
         then=_first),
    Case("images.batches.epoch_rows", {"count": 4, "batch": 2, "seed": 0}, then=_first),
    Case("images.batches.mirror", {"images": level_images(3, 4), "may": torch.tensor([True, False, True]),
                                   "random": RANDOM}),
    Case("images.corpora.ImagePart", {"images": BYTES, "labels": torch.arange(4)}),
    Case("images.corpora.kind_of", {"name": "grinning face"}),
    Case("images.emoji.wordings", {"name": "grinning face", "short_name": "grin"}),
    Case("images.emoji.premultiplied", {"images": COLOURS}),
    Case("images.emoji.on_white", {"images": COLOURS / 127.5 - 1}),
    Case("images.emoji.has_no_side", {"name": "grinning face"}),
    Case("images.emoji.emoji_batches", {"part": Made(_emoji), "vectors": some(4, 2, 3), "batch": 2, "seed": 0},
         then=_first),
    Case("images.emoji.shift", {"images": level_images(3, 4), "random": RANDOM, "most": 1}),
    Case("images.emoji.jittered", {"vectors": some(3, 4), "random": RANDOM, "length": 0.3}),
    Case("images.pixels.to_float", {"images": BYTES}),
    Case("images.pixels.to_bytes", {"images": level_images(3, 4)}),
    Case("images.pixels.over_white", {"images": COLOURS}),
]
