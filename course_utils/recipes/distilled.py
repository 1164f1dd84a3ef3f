"""A student of half its teacher's parameters, trained twice: on the text alone, and on the teacher's probabilities too.

Everything else is the same: first weights, batches, steps. So whatever the two differ by is what the teacher gave. (A
student begun from every second block of its teacher would have got a second gift, which is not measured here.)
"""

import hashlib
from dataclasses import replace

from course_utils.distillation import Distillation
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.paths import CHECKPOINTS
from course_utils.recipes.base import Prepared, Recipe, load_from, sha256
from course_utils.recipes.sotu import BPE_CONTEXT, GPT_SOTU_BPE, SEED, measure, prepare_bpe
from course_utils.seeding import generator
from course_utils.text import load_sotu_bpe
from course_utils.training import FitConfig

TEACHER = GPT_SOTU_BPE
CONFIG = TransformerConfig(2048, BPE_CONTEXT, 192, heads=6, layers=3, inner=384, **LLAMA)
# A fifth of the teacher's steps. After 150 of them on the text alone Muon was at 1.75 bits per byte of the validation
# text, AdamW (at 4e-3) at 1.82. Bits per byte are measured at temperature 1, so the student learns at it; the text
# keeps a fifth of the loss, because the teacher is not always right. Neither number was searched for.
FIT = FitConfig(
    steps=500,
    learning_rate=3e-3,
    validate_every=250,
    checkpoint_every=100,
    seed=SEED,
    precision="bfloat16",
    optimizer="muon",
)
TEMPERATURE, SHARE = 1.0, 0.8


def prepare_distilled() -> Prepared:
    """The batches of byte pairs, with the teacher's probabilities as what most of the loss is about.

    The operations of a checkpoint are those of the student; a pass of the teacher for each batch comes on top.
    """
    prepared, path = prepare_bpe(), CHECKPOINTS / f"{TEACHER.name}.safetensors"
    loss = Distillation(load_from(TEACHER), TEMPERATURE, SHARE)
    return replace(prepared, loss=loss, data=sha256(prepared.data, hashlib.sha256(path.read_bytes()).hexdigest()))


def _recipe(name: str, title: str, prepare) -> Recipe:
    return Recipe(
        name,
        title,
        CONFIG,
        FIT,
        lambda: Transformer(CONFIG, generator(SEED)),
        prepare,
        lambda model: measure(model, load_sotu_bpe()),
    )


GPT_SOTU_HALF = _recipe(
    "gpt_sotu_half", "Transformer of half the size of gpt_sotu_bpe, trained on the text alone", prepare_bpe
)
GPT_SOTU_DISTILLED = _recipe(
    "gpt_sotu_distilled", "Transformer of half the size of gpt_sotu_bpe, taught by it", prepare_distilled
)
