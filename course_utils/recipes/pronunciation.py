"""Spelling to pronunciation: an encoder–decoder with attention."""

from functools import partial

from torch import nn

from course_utils.decoding import transcribe
from course_utils.error_rates import error_rates
from course_utils.models.seq2seq import Seq2Seq, Seq2SeqConfig
from course_utils.recipes.base import Prepared, Recipe, nats_per_target, sha256
from course_utils.seeding import generator
from course_utils.text.pronunciations import (
    LETTERS,
    PHONEMES,
    Words,
    load_pronunciations,
    pronunciation_batches,
    spelling_ids,
)
from course_utils.training import FitConfig

BEAM = 5
CONFIG = Seq2SeqConfig(len(LETTERS), len(PHONEMES), attention="dot", embedding=128, width=384, dropout=0.3)
FIT = FitConfig(steps=7000, learning_rate=2e-3, weight_decay=0.01, validate_every=500, checkpoint_every=500, seed=1)
SEED = 1


def prepare() -> Prepared:
    """All training pairs in batches of 256; validated in nats per phoneme."""
    words = load_pronunciations()
    batches = pronunciation_batches(words.train, 256, SEED)
    data = sha256(*(f"{word} {spoken}\n" for word, spoken in words.train.items()))
    return Prepared(batches, partial(nats_per_phoneme, words=words.validation), data)


def nats_per_phoneme(model: nn.Module, words: Words) -> float:
    """Mean −ln p of the phonemes (and ends) of all pronunciations, each given the true ones before it."""
    batches = pronunciation_batches(words, 512, seed=0)
    return nats_per_target(model, batches, batches.steps_per_epoch)


def pronounce(model: Seq2Seq, spellings: list[str], beam: int = 1) -> list[tuple[str, ...]]:
    """The phonemes that the model gives to each spelling."""
    return [tuple(PHONEMES.decode(ids)) for ids in transcribe(model, spelling_ids(spellings), beam)]


def measure(model: Seq2Seq) -> dict:
    """Phoneme and word error rates on all test words, greedily and by beam search."""
    test = load_pronunciations().test
    metrics: dict = {"test_words": len(test), "beam": BEAM}
    for name, beam in (("greedy", 1), ("beam", BEAM)):
        rates = error_rates(pronounce(model, list(test), beam), list(test.values()))
        metrics |= {f"per_{name}": rates.per, f"wer_{name}": rates.wer}
    return metrics


G2P_ATTENTION = Recipe(
    "g2p_attention",
    "Spelling to pronunciation, with dot attention",
    CONFIG,
    FIT,
    lambda: Seq2Seq(CONFIG, generator(SEED)),
    prepare,
    measure,
)
