"""Data: the same small model trained on clean text, on the same text made dirty, and on what cleaning left of that.

`python -m tools.challenges data` measures it at full size: 21 short runs, some minutes on one core.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.text import load_sotu, load_sotu_bpe
from course_utils.text.batches import windows
from course_utils.text.dirt import CLEAN, Dirt, cleaned, dirtied
from course_utils.training import FitConfig, fit
from tools.challenges_figures import (
    Figure,
    Measured,
    address_bits,
    byte_counts,
    exact,
    figure,
    of_ratio,
    shipped_addresses,
)

DIRT = Dirt()
KINDS = {name: replace(CLEAN, **{name: getattr(DIRT, name)}) for name in ("clutter", "copies", "shuffled")} | {
    "misread": replace(CLEAN, misread=DIRT.misread, rate=DIRT.rate)
}
ARMS = ("clean", "dirty", "cleaned")
UNIT = "bits per byte"


@dataclass(frozen=True)
class Size:
    """What is read, trained and measured.

    every: of how many training paragraphs one is taken. bytes_each: measured of each test address. kinds: whether each
    kind of dirt is measured alone too.
    """

    every: int = 8
    width: int = 64
    layers: int = 2
    context: int = 64
    batch: int = 16
    steps: int = 200
    bytes_each: int = 4_000
    seeds: tuple[int, ...] = (1, 2, 3)
    kinds: bool = True


def measure(size: Size = Size()) -> Measured:
    """All figures of data quality: differences in pairs, address by address, their intervals of addresses and seeds."""
    lengths = byte_counts(shipped_addresses(size.bytes_each))
    runs = [arms(size, seed) for seed in size.seeds]
    bits = {arm: np.stack([run[arm] for run in runs]) for arm in ARMS}  # (S, N) each
    lost = bits["dirty"] - bits["clean"]
    found = {arm: of_runs(bits[arm], lengths) for arm in ARMS}
    found["dirty_less_clean"] = of_runs(lost, lengths)
    left, won = bits["cleaned"] - bits["clean"], bits["dirty"] - bits["cleaned"]
    found["cleaned_less_clean"] = of_runs(left, lengths)
    found["won_back_by_cleaning"] = of_runs(won, lengths)
    if size.kinds:
        for kind, dirt in KINDS.items():
            alone = [scored(dirtied(paragraphs(size), dirt, generator(seed)), size, seed) for seed in size.seeds]
            found[f"{kind}_less_clean"] = of_runs(np.stack(alone) - bits["clean"], lengths)
    return found | shares(size)


def of_runs(bits: np.ndarray, lengths: np.ndarray) -> Figure:
    """Bits (S, N) of S seeds and N addresses, per byte (N,): the mean, in an interval of addresses and seeds.

    The bootstrap over addresses and Student's interval over seeds; their squares add up. How far seeds spread a single
    one does not tell, and the first is all.
    """
    found = of_ratio(bits.mean(axis=0), lengths, UNIT)
    each = bits.sum(axis=1) / lengths.sum()  # (S,)
    seeds = 0.0 if len(each) < 2 else stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / math.sqrt(len(each))
    below, above = (np.hypot(found["value"] - found[side], seeds) for side in ("low", "high"))
    return figure(found["value"], (found["value"] - below, found["value"] + above), found["n"], UNIT)


def arms(size: Size, seed: int) -> dict[str, np.ndarray]:
    """The bits (N,) of each test address under a model of each kind of text; they begin with the same weights."""
    clean = paragraphs(size)
    dirty = dirtied(clean, DIRT, generator(seed))
    return {arm: scored(text, size, seed) for arm, text in zip(ARMS, (clean, dirty, cleaned(dirty)), strict=True)}


def shares(size: Size) -> Measured:
    """How much of the text, in bytes, is a paragraph that is as it was, once: before cleaning and after."""
    clean = paragraphs(size)
    dirty = dirtied(clean, DIRT, generator(size.seeds[0]))
    return {
        f"intact_share_{name}": exact(intact(text, clean), len(text), "share of bytes")
        for name, text in (("dirty", dirty), ("cleaned", cleaned(dirty)))
    }


def intact(text: Sequence[str], clean: Sequence[str]) -> float:
    """The share of bytes in paragraphs that are among the clean ones, each counted once."""
    return byte_counts(sorted(set(text) & set(clean))).sum() / byte_counts(text).sum()


def paragraphs(size: Size) -> list[str]:
    """Every so many-th paragraph of the training addresses, so that all eras are in it."""
    found = [paragraph for paragraph in load_sotu().train.split("\n\n") if paragraph.strip()]
    return found[:: size.every]


def scored(text: Sequence[str], size: Size, seed: int) -> np.ndarray:
    """Bits (N,) of the test addresses under a small decoder that was trained on these paragraphs."""
    return address_bits(trained(text, size, seed), shipped_addresses(size.bytes_each))


def trained(text: Sequence[str], size: Size, seed: int) -> Transformer:
    """A small decoder over byte pairs after its few steps."""
    vocabulary = load_sotu_bpe()
    config = TransformerConfig(len(vocabulary), size.context, size.width, heads=4, layers=size.layers, **LLAMA)
    model, ids = Transformer(config, generator(seed)), vocabulary.encode("\n\n".join(text)).ids
    setting = FitConfig(steps=size.steps, learning_rate=4e-3, seed=seed)
    fit(model, windows(ids, size.batch, size.context, seed), setting)
    return model
