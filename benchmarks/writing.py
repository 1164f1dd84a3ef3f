"""SmolLM2 reads a prompt and writes on: our decoder in four precisions beside `transformers` and llama.cpp.

The fastest of ours is held to a multiple of `transformers` in bfloat16, and stands beside its fastest precision too.
llama.cpp reads the file of 4-bit weights (Q4_1) from which ours were unpacked: all of them hold the same model.
Everybody reads the whole prompt anew in each run and takes the likeliest token each time.
"""

import statistics
from collections.abc import Callable, Collection, Container, Mapping, Sequence

import torch
from transformers import AutoTokenizer

from benchmarks.paired import Contest, Growth, Measured, Run, Timing, memory_bandwidth, operators, race
from benchmarks.writers import LLAMA, Llama, Ours, Theirs, Writer, llama_module
from course_utils import assets
from course_utils.models.fast import PRECISIONS, FastDecoder
from course_utils.pretrained import load_decoder
from course_utils.text import load_sotu

PROMPT, LENGTH = 64, 128
LENGTHS, MORE = (64, 128, 256, 512), 8                              # tokens read before, and tokens written after them
LOW = ("ours int8", "ours int4")                                   # the faster of them is held to the targets
THEIRS = {"transformers float32": torch.float32, "transformers bfloat16": torch.bfloat16}
PAIRS = {                                                          # ours -> whom it is compared with
    "ours float32": ("transformers float32",),
    "ours bfloat16": ("transformers bfloat16",),
    "ours int8": ("transformers bfloat16", LLAMA),
    "ours int4": ("transformers bfloat16", LLAMA),
}
TARGETS = {"transformers bfloat16": 3.0, LLAMA: 0.6}
KINDS = {                                                          # operators of torch -> what they are for
    "products with the weights": ("_weight_int4pack_mm", "_weight_int8pack_mm", "_linear_pointwise", "aten::mm"),
    "attention": ("scaled_dot_product", "flash_attention"),
    "changes of precision": ("copy_", "_to_copy"),
}


def measure(rounds: int) -> Measured:
    """Writing beside the peers, how reading and writing grow with the text, and whether the tokens are the same."""
    ids = AutoTokenizer.from_pretrained(assets.path("smollm2"))(load_sotu().test[:20_000]).input_ids
    writers, prompt = all_writers(), ids[:PROMPT]
    runs: dict[str, Run] = {name: lambda one=one: one.write(prompt, LENGTH) for name, one in writers.items()}
    before, timing, after = memory_bandwidth(), race(runs, rounds), memory_bandwidth()
    fastest, peers_fastest = (fastest_of(names, timing) for names in (LOW, THEIRS))
    spent = operators(runs[fastest], KINDS)
    pairs = pairs_of(fastest, peers_fastest, writers)
    known = {
        "bandwidth": max(before, after),
        "bytes_per_token": {name: writers[name].model.bytes_per_token for name in PAIRS},
        "fastest": fastest,
        "peers_fastest": peers_fastest,
        "spent": spent,
        "same_tokens": same_tokens(writers, prompt),
    }
    kept = {name: one for name, one in writers.items() if name in (*LOW, "transformers bfloat16", LLAMA)}
    contests = [_contest(timing, own, other, spent if own == fastest else None) for own, other in pairs]
    return Measured(contests, _growth(kept, ids, min(rounds, 3)), known)


def fastest_of(names: Collection[str], timing: Timing) -> str:
    """Who of them took the least time in the middle of the rounds."""
    return min(names, key=lambda name: statistics.median(timing.seconds[name]))


def pairs_of(fastest: str, peers_fastest: str, present: Container[str]) -> list[tuple[str, str]]:
    """Who is compared with whom of those who are here: PAIRS, and the fastest of ours with the fastest precision."""
    pairs = [(own, other) for own, others in PAIRS.items() for other in others if other in present]
    best = fastest, peers_fastest
    return pairs if best in pairs else [*pairs, best]


def all_writers() -> dict[str, Writer]:
    """Everybody who writes, with the same weights; without llama.cpp where it is not installed."""
    decoder, _ = load_decoder("smollm2")
    writers: dict[str, Writer] = {name: Theirs(assets.path("smollm2"), dtype) for name, dtype in THEIRS.items()}
    writers |= {f"ours {precision}": Ours(FastDecoder(decoder, precision)) for precision in PRECISIONS}
    module = llama_module()
    return writers | ({LLAMA: Llama(module, torch.get_num_threads(), max(LENGTHS) + LENGTH)} if module else {})


def same_tokens(writers: Mapping[str, Writer], prompt: Sequence[int]) -> dict[str, bool]:
    """Whether ours write what `transformers` writes in the same precision."""
    return {
        precision: writers[f"ours {precision}"].write(prompt, LENGTH) == writers[name].write(prompt, LENGTH)
        for name in THEIRS
        for precision in [name.rpartition(" ")[2]]
    }


def _contest(timing: Timing, own: str, other: str, spent: dict[str, float] | None) -> Contest:
    """Held to the target where it is said what its time is spent on."""
    target = None if spent is None else TARGETS.get(other)
    return Contest.of(timing, "write a text", own, other, LENGTH, "tokens/s", target, spent)


def _growth(writers: Mapping[str, Writer], ids: Sequence[int], rounds: int) -> list[Growth]:
    """Seconds to read a prompt, and to write a few tokens after it, by the length of the prompt."""
    return [
        *_by_length("read a prompt", writers, lambda one, length: lambda: one.read_first(ids[:length]), rounds),
        *_by_length(f"write {MORE} tokens", writers, lambda one, length: _goes_on(one, ids[:length]), rounds),
    ]


def _by_length(
    task: str, writers: Mapping[str, Writer], run: Callable[[Writer, int], Run], rounds: int
) -> list[Growth]:
    medians: dict[str, list[float]] = {name: [] for name in writers}
    for length in LENGTHS:
        timing = race({name: run(one, length) for name, one in writers.items()}, rounds)
        for name, seconds in timing.seconds.items():
            medians[name].append(statistics.median(seconds))
    return [Growth.of(task, name, "tokens of context", LENGTHS, seconds) for name, seconds in medians.items()]


def _goes_on(one: Writer, ids: Sequence[int]) -> Run:
    """What writes after a text that was read before; each run goes back to the end of that text."""
    one.read_first(ids)

    def go_on() -> None:
        one.rewind(len(ids))
        token = ids[-1]
        for _ in range(MORE):
            token = one.read([token])

    return go_on
