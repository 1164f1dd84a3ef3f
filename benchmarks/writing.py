"""SmolLM2 writes 128 tokens after a prompt of 64: our decoder in three precisions beside `transformers.generate`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.paired import Spread, memory_bandwidth, race
from course_utils import assets
from course_utils.models.fast import PRECISIONS, FastDecoder
from course_utils.pretrained import load_decoder
from course_utils.text import load_sotu

PROMPT, LENGTH = 64, 128
THEIRS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Row:
    """One way to write: tokens a second, how many times as fast as two of theirs, and its share of the bandwidth."""

    name: str
    tokens_per_second: Spread
    against: dict[str, Spread]
    megabytes_per_token: float
    share_of_bandwidth: float


def measure(rounds: int) -> tuple[list[Row], dict]:
    """The table, and what else is worth knowing: bandwidth in bytes a second, whether the tokens are the same."""
    folder = assets.path("smollm2")
    ids = AutoTokenizer.from_pretrained(folder)(load_sotu().test[:2000]).input_ids[:PROMPT]
    decoder, _ = load_decoder("smollm2")
    writers: dict[str, Callable[[], list[int]]] = {}
    for name, dtype in THEIRS.items():
        writers[f"transformers {name}"] = _their_writer(
            AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval(), ids
        )
    fast = {precision: FastDecoder(decoder, precision) for precision in PRECISIONS}
    del decoder
    for precision, model in fast.items():
        writers[f"ours {precision}"] = _our_writer(model, ids)
    before, timing, after = memory_bandwidth(), race(writers, rounds), memory_bandwidth()
    bandwidth = max(before, after)
    sizes = {f"ours {precision}": model.bytes_per_token for precision, model in fast.items()}
    sizes |= {f"transformers {precision}": fast[precision].bytes_per_token for precision in THEIRS}
    rows = [_row(name, timing, sizes[name], bandwidth) for name in writers]
    same = {name: writers[f"ours {name}"]() == writers[f"transformers {name}"]() for name in THEIRS}
    return rows, {"bandwidth": bandwidth, "same_tokens": same}


def _row(name: str, timing, size: int, bandwidth: float) -> Row:
    rate = timing.rate(name, LENGTH)
    against = {other: timing.faster(name, f"transformers {other}") for other in THEIRS}
    return Row(name, rate, against, size / 1e6, rate.median * size / bandwidth)


def _their_writer(model, ids: list[int]) -> Callable[[], list[int]]:
    prompt = torch.tensor([ids])
    settings = {"min_new_tokens": LENGTH, "max_new_tokens": LENGTH, "do_sample": False, "pad_token_id": 0}

    def write() -> list[int]:
        return model.generate(prompt, attention_mask=torch.ones_like(prompt), **settings)[0, PROMPT:].tolist()

    return write


def _our_writer(model: FastDecoder, ids: list[int], end: int = 2) -> Callable[[], list[int]]:
    def write() -> list[int]:
        model.reset()
        written, unread = [], ids
        for _ in range(LENGTH):
            logits = model.read(unread)
            logits[end] = float("-inf")                            # as min_new_tokens does
            unread = [int(logits.argmax())]
            written += unread
        return written

    return write
