"""An LSTM that writes folk tunes, letter by letter, in ABC notation."""

from functools import cache

from course_utils import metrics
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.recipes.base import Prepared, Recipe, sha256
from course_utils.seeding import generator
from course_utils.text import CharVocabulary
from course_utils.text.batches import windows
from course_utils.text.tunes import Tune, load_tunes, tune_text
from course_utils.training import FitConfig

BATCH, LENGTH = 32, 128
SIGNS = 53                                                         # in all tunes together
CONFIG = RecurrentConfig(SIGNS, "lstm", embedding=64, width=320, dropout=0.3)
FIT = FitConfig(steps=2600, learning_rate=4e-3, validate_every=200, checkpoint_every=200, seed=1)


@cache
def tune_vocabulary() -> CharVocabulary:
    """The signs of all tunes, so that no tune is unknown; a newline stands before the first."""
    tunes = load_tunes()
    return CharVocabulary(tunes_text([*tunes.train, *tunes.validation, *tunes.test]))


def tunes_text(tunes: list[Tune]) -> str:
    """Tunes one after another, each ended by a blank line."""
    return "".join(tune_text(tune) for tune in tunes)


def prepare() -> Prepared:
    """Random windows over the training tunes; validated in bits per byte of all validation tunes."""
    tunes, vocabulary = load_tunes(), tune_vocabulary()
    train, validation = tunes_text(tunes.train), vocabulary.encode(tunes_text(tunes.validation))
    batches = windows(vocabulary.encode(train).ids, BATCH, LENGTH, FIT.seed)
    return Prepared(batches, lambda model: metrics.bits_per_byte(model, validation), sha256(train))


def measure(model: RecurrentLM) -> dict:
    """Bits per byte of all test tunes."""
    return {"bits_per_byte": metrics.bits_per_byte(model, tune_vocabulary().encode(tunes_text(load_tunes().test)))}


LSTM_TUNES = Recipe(
    "lstm_tunes",
    "LSTM that writes folk tunes",
    CONFIG,
    FIT,
    lambda: RecurrentLM(CONFIG, generator(FIT.seed)),
    prepare,
    measure,
)
