"""Small transformers trained on budgets of bytes, each from the beginning: the measurements behind a scaling law.

One cosine schedule a run, as long as the run: a model stopped in the middle of a longer schedule looks worse than it is
(Hoffmann et al. 2022, section 3.1). Everything but size and budget stays the same.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from tqdm.auto import tqdm

from course_utils.errors import CourseError
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.paths import RESULTS
from course_utils.recipes.base import nats_per_target
from course_utils.seeding import generator
from course_utils.text import ByteVocabulary, load_sotu
from course_utils.text.batches import streams, windows
from course_utils.training import FitConfig, fit

RESULT = RESULTS / "scaling.json"
CONTEXT, BATCH = 64, 16                                            # bytes in a window, windows in a step
VALIDATION_BYTES = 200_000
SEED = 1
WIDTHS = {16: (2, 2), 24: (2, 2), 32: (3, 2), 48: (3, 3), 64: (4, 4), 96: (4, 6)}     # width: (layers, heads)
SIZES = (16, 24, 32, 48, 64)                                       # widths whose runs the law is fitted to
BUDGETS = (150_000, 300_000, 600_000, 1_200_000)                   # bytes to learn from
HELD_OUT = (96, 2_400_000)                                         # a larger model on a larger budget, to be foretold
SHORT_SIZES, SHORT_BUDGETS = (16, 24, 32), (75_000, 150_000)       # the larger budget is the smallest of those above


@dataclass(frozen=True)
class Run:
    """One trained model. `parameters` leaves out the embedding, as Kaplan et al. 2020 do; `stored` counts all.

    tokens: bytes learned from, D. flops: 6·N·D. loss: nats per byte of validation text, windows of 64 bytes.
    """

    width: int
    parameters: int
    stored: int
    tokens: int
    flops: float
    loss: float
    seconds: float


def config_of(width: int) -> TransformerConfig:
    """The model of one width, with the parts of Llama. Raises CourseError for a width that is not in `WIDTHS`."""
    if width not in WIDTHS:
        raise CourseError(f"There is no model of width {width}; expected one of {', '.join(map(str, WIDTHS))}.")
    layers, heads = WIDTHS[width]
    inner = -(-8 * width // 24) * 8                                # 8/3 of the width, up to a multiple of 8
    return TransformerConfig(256, CONTEXT, width, heads=heads, layers=layers, inner=inner, **LLAMA)


def learning_rate_of(width: int) -> float:
    """The highest learning rate for a width: one over it, as Yang et al. 2022 derive for Adam.

    Pilots of 300,000 bytes chose among three rates a factor of 2 apart: 2.4e-2 for width 16, and 6e-3 for width 64.
    """
    return 0.384 / width


def measure_run(width: int, tokens: int) -> Run:
    """Train one model on so many bytes, rounded down to whole steps, and measure it.

    Raises CourseError for a budget of less than one step, and for an unknown width.
    """
    steps = tokens // (BATCH * CONTEXT)
    if steps < 1:
        raise CourseError(f"{tokens} bytes are less than one step of {BATCH * CONTEXT}; give a larger budget.")
    model = Transformer(config_of(width), generator(SEED))
    settings = FitConfig(steps=steps, learning_rate=learning_rate_of(width), warmup=0.1, seed=SEED)
    history = fit(model, windows(_bytes("train"), BATCH, CONTEXT, SEED), settings)
    stored = sum(parameter.numel() for parameter in model.parameters())
    parameters = stored - model.embedding.weight.numel()
    flops = 6.0 * parameters * history.tokens
    return Run(width, parameters, stored, history.tokens, flops, validation_loss(model), history.seconds)


def validation_loss(model: Transformer) -> float:
    """Nats per byte of the first 200,000 bytes of the validation addresses, each window read by itself."""
    ids = _bytes("validation")[:VALIDATION_BYTES]
    rows = 100
    return nats_per_target(model, streams(ids, rows, CONTEXT), (len(ids) // rows - 1) // CONTEXT)


def measure_grid(sizes: Sequence[int] = SHORT_SIZES, budgets: Sequence[int] = SHORT_BUDGETS) -> list[Run]:
    """A run for each size on each budget, on one thread: the defaults take about 12 seconds."""
    pairs = [(width, tokens) for width in sizes for tokens in budgets]
    with _one_thread():
        return [measure_run(width, tokens) for width, tokens in tqdm(pairs, "runs")]


def stored_runs(path: Path = RESULT) -> tuple[list[Run], Run]:
    """What `python -m tools.scaling` measured: the runs to fit a law to, and the one that was held out.

    Raises CourseError where a run is missing.
    """
    rows = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    runs = {(row.pop("width"), row.pop("budget")): row for row in rows}
    wanted = [*((width, budget) for width in SIZES for budget in BUDGETS), HELD_OUT]
    missing = [pair for pair in wanted if pair not in runs]
    if missing:
        raise CourseError(
            f"{path.name} lacks {len(missing)} of {len(wanted)} runs, the first of width {missing[0][0]} on "
            f"{missing[0][1]:,} bytes; make them with `python -m tools.scaling`."
        )
    *fitted, held_out = (Run(width, **runs[width, budget]) for width, budget in wanted)
    return fitted, held_out


@contextmanager
def _one_thread() -> Iterator[None]:
    """Products this small wait longer for a second thread than it saves, above all where its core is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _bytes(part: str) -> torch.Tensor:
    return ByteVocabulary().encode(getattr(load_sotu(), part)).ids
