"""Three recurrent models of bytes at equal parameters and equal tokens: each has read the training addresses once."""

from functools import cache

import torch

from course_utils import metrics
from course_utils.leaderboard import fingerprint
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.recipes.base import Prepared, Recipe, sha256
from course_utils.seeding import generator
from course_utils.text import ByteVocabulary, load_sotu
from course_utils.text.batches import streams
from course_utils.training import CarriedState, FitConfig

BATCH, LENGTH = 32, 64
STEPS = 4724                                                       # 9.67 million bytes: one pass
VALIDATION_BYTES = 100_000
SEED = 1


@cache
def _bytes(part: str) -> torch.Tensor:
    return ByteVocabulary().encode(getattr(load_sotu(), part)).ids


def prepare() -> Prepared:
    """The training addresses as parallel streams; validated in bits per byte of the first 100,000 validation bytes."""
    text = ByteVocabulary().encode(load_sotu().validation[:VALIDATION_BYTES])
    return Prepared(
        streams(_bytes("train"), BATCH, LENGTH),
        lambda model: metrics.bits_per_byte(model, text),
        sha256(load_sotu().train),
        CarriedState(),
    )


def measure(model: RecurrentLM) -> dict:
    """Bits per byte of the whole test text."""
    test = load_sotu().test
    return {"bits_per_byte": metrics.bits_per_byte(model, ByteVocabulary().encode(test)), "test": fingerprint(test)}


def _recipe(name: str, title: str, cell: str, width: int, learning_rate: float) -> Recipe:
    config = RecurrentConfig(256, cell, embedding=128, width=width)
    fit = FitConfig(steps=STEPS, learning_rate=learning_rate, validate_every=500, checkpoint_every=500, seed=SEED)
    return Recipe(name, title, config, fit, lambda: RecurrentLM(config, generator(SEED)), prepare, measure)


# Each learning rate was the best of three in a pilot of 300 steps (by validation): of 5e-4, 1e-3, 2e-3 for the RNN; of
# 1.5e-3, 3e-3, 6e-3 for the GRU; of 2e-3, 4e-3, 8e-3 for the LSTM.
RNN_SOTU = _recipe("rnn_sotu", "Recurrent network over bytes of the addresses", "rnn", 768, 2e-3)
GRU_SOTU = _recipe("gru_sotu", "GRU over bytes of the addresses", "gru", 448, 3e-3)
LSTM_SOTU = _recipe("lstm_sotu", "LSTM over bytes of the addresses", "lstm", 384, 8e-3)
