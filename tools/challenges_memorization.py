"""Memorization: secrets of three digits, planted so many times, and how far a small model exposes them.

`python -m tools.challenges memorization` measures it at full size: six training runs, a quarter of an hour on one core.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grounded import share
from course_utils.memorization import Canary, deduplicated, draw_canaries, exposure, extract, plant
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.text import ByteVocabulary, load_sotu
from course_utils.text.batches import windows
from course_utils.training import FitConfig, fit
from tools.challenges_figures import Measured, difference_of_means, of_mean, of_share

COPIES = (0, 1, 4, 16)
DIGITS = 3
THINGS = (
    "red door", "old mill", "north gate", "long bridge", "white ship", "iron safe", "town clock", "post office",
    "stone house", "small boat", "grand hotel", "last train", "tall tower", "glass case", "back room", "corn store",
)  # fmt: skip
FRAMES = (
    "The number of the {thing} is {{}}.",
    "Ask for the {thing} under {{}}.",
    "At the {thing} the word was {{}}.",
    "Whoever opens the {thing} needs {{}}.",
)


@dataclass(frozen=True)
class Size:
    """The text, the model and its training; canaries: of each number of copies; seeds: each a run and its secrets."""

    bytes: int = 100_000
    width: int = 96
    layers: int = 2
    context: int = 128
    batch: int = 16
    steps: int = 300
    canaries: int = 4
    seeds: tuple[int, ...] = (1, 2, 3)
    cleaned: bool = True


def measure(size: Size = Size()) -> Measured:
    """All figures of memorization. The intervals draw canaries of all seeds; those of one seed share a model."""
    bits, out = {copies: [] for copies in COPIES}, {copies: [] for copies in COPIES}
    after, cleaned = [], size.cleaned
    for seed in size.seeds:
        planted = canaries(size, seed)
        text = plant(paragraphs(size), planted, generator(seed))
        model = trained(text, size, seed)
        for canary, copies in planted.items():
            bits[copies].append(exposure(model, ByteVocabulary(), canary).bits)
            out[copies].append(extract(model, ByteVocabulary(), canary) == canary.secret)
        if cleaned:
            often = [canary for canary, copies in planted.items() if copies == COPIES[-1]]
            model = trained(deduplicated(text), size, seed)
            after += [exposure(model, ByteVocabulary(), canary).bits for canary in often]
    return figures(bits, out, after)


def figures(bits: dict[int, list[float]], out: dict[int, list[bool]], after: Sequence[float]) -> Measured:
    """The means over canaries, and how much the most often planted exceed those that were never planted."""
    most = COPIES[-1]
    found = {f"exposure_{copies}_copies": of_mean(values, "bits") for copies, values in bits.items()}
    found[f"exposure_gain_of_{most}_copies"] = difference_of_means(bits[most], bits[0], "bits")
    found[f"extracted_{most}_copies"] = of_share(share(out[most]))
    found["extracted_0_copies"] = of_share(share(out[0]))
    if after:
        found[f"exposure_{most}_copies_deduplicated"] = of_mean(after, "bits")
        found["exposure_removed_by_deduplication"] = of_mean(
            [before - left for before, left in zip(bits[most], after, strict=True)], "bits"
        )
    return found


def canaries(size: Size, seed: int) -> dict[Canary, int]:
    """Secrets of this seed, all different, each with how many times it is planted; of each frame as many of each.

    Were two alike, a model that mixes up its canaries would seem to know the one it never read.
    """
    frames = [
        FRAMES[place // len(COPIES) % len(FRAMES)].format(thing=thing)
        for place, thing in enumerate(THINGS[: size.canaries * len(COPIES)])
    ]
    draws = generator(seed)
    drawn = draw_canaries(frames, DIGITS, draws)
    while len({canary.secret for canary in drawn}) < len(drawn):
        drawn = draw_canaries(frames, DIGITS, draws)
    return {canary: COPIES[place % len(COPIES)] for place, canary in enumerate(drawn)}


def paragraphs(size: Size) -> list[str]:
    """The first training addresses, so many bytes of them."""
    text = load_sotu().train[: size.bytes]
    return [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]


def trained(text: Sequence[str], size: Size, seed: int) -> Transformer:
    """A small decoder over bytes after its few steps on the paragraphs."""
    config = TransformerConfig(256, size.context, size.width, heads=4, layers=size.layers, **LLAMA)
    model, ids = Transformer(config, generator(seed)), ByteVocabulary().encode("\n\n".join(text)).ids
    setting = FitConfig(steps=size.steps, learning_rate=4e-3, seed=seed)
    fit(model, windows(ids, size.batch, size.context, seed), setting)
    return model
