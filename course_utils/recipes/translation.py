"""Spanish to English: an encoder–decoder with the parts of T5."""

from collections.abc import Sequence
from functools import partial

import torch
from sacrebleu.metrics import BLEU, CHRF

from course_utils.decoding import transcribe
from course_utils.models.encoder_decoder import Cached, EncoderDecoder, EncoderDecoderConfig
from course_utils.recipes.base import Prepared, Recipe, nats_per_target, sha256
from course_utils.seeding import generator
from course_utils.text.batches import PAD
from course_utils.text.parallel import (
    ES_EN_BPE_SIZE,
    Pair,
    load_es_en,
    load_es_en_bpe,
    source_ids,
    translation_batches,
)
from course_utils.training import FitConfig

BEAM, BATCH, ROWS, LONGEST = 4, 128, 32, 120                       # of 54,947 training targets 8 are longer
SMOOTHING = 0.1
SEED = 1
# Narrow and three layers deep on each side: 3.9 million halves are the most that fits the 8 MB of a checkpoint.
CONFIG = EncoderDecoderConfig(
    ES_EN_BPE_SIZE, width=192, heads=6, head_width=32, layers=3, inner=768, scaled_output=False, dropout=0.1
)
FIT = FitConfig(
    steps=10_000,
    learning_rate=2e-3,
    weight_decay=0.01,
    validate_every=500,
    checkpoint_every=250,
    seed=SEED,
    precision="bfloat16",
    optimizer="muon",                                              # in 625 steps as far as AdamW in 2,000
)


def prepare() -> Prepared:
    """All training pairs in batches of 128; validated in nats per English token."""
    pairs = load_es_en()
    batches = translation_batches(pairs.train, BATCH, SEED)
    data = sha256(*(f"{pair.spanish}\t{pair.english}\n" for pair in pairs.train))
    return Prepared(batches, partial(nats_per_token, pairs=pairs.validation), data, smoothed_loss)


def smoothed_loss(model: EncoderDecoder, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The loss of a batch of `translation_batches`, its targets smoothed."""
    return plain_loss(model, batch, SMOOTHING)


def plain_loss(model: EncoderDecoder, batch: tuple[torch.Tensor, ...], smoothing: float = 0.0) -> torch.Tensor:
    """The loss of a batch of `translation_batches`, in nats per English token where it is not smoothed."""
    source, inputs, targets = batch
    return model(source, inputs, targets, source != PAD, smoothing)[1]


def nats_per_token(model: EncoderDecoder, pairs: Sequence[Pair]) -> float:
    """Mean −ln p of the English tokens (and ends), each given the true ones before it; not smoothed."""
    batches = translation_batches(pairs, BATCH, seed=0)
    return nats_per_target(model, batches, batches.steps_per_epoch, plain_loss)


def translate(model: EncoderDecoder, sentences: Sequence[str], beam: int = 1) -> list[str]:
    """Each Spanish sentence in English, at most 120 tokens; sentences of like length are read together."""
    if not sentences:
        return []
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    source = source_ids([sentences[i] for i in order])
    written = transcribe(Cached(model), source, beam, LONGEST, ROWS)
    texts = dict(zip(order, map(load_es_en_bpe().decode, written), strict=True))
    return [texts[i] for i in range(len(sentences))]


def scores(written: Sequence[str], pairs: Sequence[Pair]) -> dict[str, float]:
    """BLEU (Papineni et al. 2002) and chrF (Popović 2015) of translations, 0 to 100, as sacrebleu computes them."""
    references = [[pair.english for pair in pairs]]
    return {
        "bleu": BLEU().corpus_score(list(written), references).score,
        "chrf": CHRF().corpus_score(list(written), references).score,
    }


def measure(model: EncoderDecoder) -> dict:
    """BLEU and chrF on all test pairs and on those of each domain, by beam search."""
    test = load_es_en().test
    written = translate(model, [pair.spanish for pair in test], BEAM)
    metrics: dict = {"test_pairs": len(test), "beam": BEAM} | scores(written, test)
    for domain in sorted({pair.domain for pair in test}):
        inside = [i for i, pair in enumerate(test) if pair.domain == domain]
        part = scores([written[i] for i in inside], [test[i] for i in inside])
        metrics |= {f"{name}_{domain}": score for name, score in part.items()}
    return metrics


ES_EN = Recipe(
    "es_en",
    "Spanish to English",
    CONFIG,
    FIT,
    lambda: EncoderDecoder(CONFIG, generator(SEED)),
    prepare,
    measure,
)
