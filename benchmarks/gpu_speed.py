"""How many tokens a second a GPU learns from: bare training steps in paired rounds, and `fit` itself.

A bare step is forward, backward, clipping and AdamW in bfloat16 under autocast, on one batch that lies on the GPU. Ours
stands beside `transformers`' GPT-2 of the same sizes, and beside ours with an attention that is told it is causal:
torch's kernel gets no mask then, and may take FlashAttention. That attention is given to the model by `Operations`.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn
from torch.nn import functional

from benchmarks.paired import Run, race
from benchmarks.place import Place, Size
from benchmarks.training_step import Loss, cross_entropy, gpt2_of
from course_utils.cluster_costs import H100
from course_utils.models.transformer import FUSED, Operations, Transformer
from course_utils.seeding import generator
from course_utils.text.batches import windows
from course_utils.training import FitConfig, fit, training_flops

OURS, CAUSAL, THEIRS = "ours", "ours, told that it is causal", "transformers"
ROUNDS, WARM_UP, ROUND_SECONDS = 5, 3, 0.25
READ = 500_000                                                     # random ids that `fit` draws its windows from
RUNS = {                                                           # `fit`'s own speed -> its settings
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, recomputed": {"precision": "bfloat16", "checkpoint_activations": True},
    "float32": {},
}
Made = tuple[nn.Module, Loss]


def bare_steps(place: Place, name: str) -> Iterator[dict]:
    """Ours, ours with the causal attention, and theirs, all of one size."""
    size = place.sizes[name]
    makers = {
        OURS: lambda: ours(place, size),
        CAUSAL: lambda: ours(place, size, Operations(attention=causal)),
        THEIRS: lambda: theirs(place, size),
    }
    yield from raced(place, size, makers)


def compiled_steps(place: Place) -> Iterator[dict]:
    """The same by `torch.compile`, beside ours without."""
    size = place.middle
    makers = {
        OURS: lambda: ours(place, size),
        f"{OURS}, compiled": lambda: ours(place, size, compiled=True),
        f"{CAUSAL}, compiled": lambda: ours(place, size, Operations(attention=causal), compiled=True),
        f"{THEIRS}, compiled": lambda: theirs(place, size, compiled=True),
    }
    yield from raced(place, size, makers)


def causal(query, key, value, mask=None, bias=None):
    """Attention for training a decoder: torch's kernel, told that the mask is the causal one in place of seeing it."""
    return functional.scaled_dot_product_attention(query, key, value, is_causal=query.shape[2] > 1), None


# --- who races


def ours(place: Place, size: Size, operations: Operations = FUSED, compiled: bool = False) -> Made:
    """The course's decoder as a GPT-2."""
    model = Transformer(size.config, generator(0), operations).to(place.device)
    run = place.compiled(model) if compiled else model
    return model, lambda inputs, targets: run(inputs, targets)[1]


def theirs(place: Place, size: Size, compiled: bool = False) -> Made:
    """`transformers`' GPT-2."""
    model = gpt2_of(size.config).to(place.device).train()
    run = place.compiled(model) if compiled else model
    return model, lambda inputs, targets: cross_entropy(run(input_ids=inputs).logits, targets)


def step(model: nn.Module, loss: Loss, batch: tuple[torch.Tensor, torch.Tensor]) -> Run:
    """One bare step on a batch, always the same."""
    device = batch[0].device.type
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def run() -> None:
        with torch.autocast(device, torch.bfloat16):
            value = loss(*batch)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return run


# --- the race


def raced(place: Place, size: Size, makers: Mapping[str, Callable[[], Made]]) -> Iterator[dict]:
    """Tokens a second of everybody, and their share of an H100's peak by the operations that our model counts."""
    made, batch = {name: make() for name, make in makers.items()}, place.batch(size)
    runs = {name: step(model, loss, batch) for name, (model, loss) in made.items()}
    for run in runs.values():
        repeated(run, WARM_UP, place)()                            # what is compiled is compiled here
    times = steps_a_round(runs[OURS], place)
    flops = training_flops(made[OURS][0], 1)
    yield {"batch": size.batch, "flops_per_token": flops, "steps_a_round": times}
    timing = race({name: repeated(run, times, place) for name, run in runs.items()}, ROUNDS)
    for name, (model, _) in made.items():
        rate = timing.rate(name, times * size.tokens)
        yield {
            name: {
                "parameters": sum(each.numel() for each in model.parameters()),
                "tokens_per_second": rate.median,
                "share_of_peak": rate.median * flops / H100.flops_per_second,
                "low": rate.low,
                "high": rate.high,
            }
        }


def repeated(run: Run, times: int, place: Place) -> Run:
    """So many steps, and the wait until the GPU has made them."""

    def repeat() -> None:
        for _ in range(times):
            run()
        place.wait()

    return repeat


def steps_a_round(run: Run, place: Place) -> int:
    """As many as fill a round."""
    began = time.perf_counter()
    repeated(run, 1, place)()
    return 1 if place.tiny else max(1, int(ROUND_SECONDS / (time.perf_counter() - began)))


# --- fit


class Clock:
    """Looks on while `fit` trains, and keeps the moment at which each step ended."""

    def __init__(self):
        self.moments: list[float] = []

    def update(self, step: int, losses: list[float], validation: list[tuple[int, float]]) -> None:
        """A step has ended."""
        self.moments.append(time.perf_counter())

    def close(self) -> None:
        """Nothing is shown that would have to end."""

    @property
    def seconds(self) -> float:
        """The median step, without the first two, in which much is made that then stays."""
        after = self.moments[1:]
        return statistics.median([end - begin for begin, end in zip(after, after[1:], strict=False)])


def of_fit(place: Place) -> Iterator[dict]:
    """`fit` as a reader calls it, on windows of random ids: its speed, and the most memory it takes."""
    size = place.middle
    ids = torch.randint(size.config.vocabulary_size, (READ,), generator=generator(1))
    for name, settings in RUNS.items():
        place.forget()
        model, clock = Transformer(size.config, generator(0)), Clock()
        batches = windows(ids, size.batch, size.config.context, seed=1)
        fit(model, batches, FitConfig(steps=place.steps, learning_rate=1e-4, **settings), watch=clock)
        rate = size.tokens / clock.seconds
        share = rate * training_flops(model, 1) / H100.flops_per_second
        yield {name: {"tokens_per_second": rate, "share_of_peak": share, "peak_bytes": place.peak_bytes}}
