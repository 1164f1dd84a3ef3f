"""Paired timing: in each round every contestant runs once, so that a busy moment of the machine hits all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Spread:
    """The middle value of the rounds, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values) -> "Spread":
        """Of the values of all rounds."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Timing:
    """Seconds of each round by contestant."""

    seconds: dict[str, list[float]]

    def rate(self, name: str, amount: float) -> Spread:
        """How much of `amount` is done in a second."""
        return Spread.of([amount / each for each in self.seconds[name]])

    def faster(self, name: str, than: str) -> Spread:
        """How many times as fast one contestant is as another, in the same round."""
        pairs = zip(self.seconds[name], self.seconds[than], strict=True)
        return Spread.of([other / own for own, other in pairs])


def race(contestants: Mapping[str, Callable[[], object]], rounds: int) -> Timing:
    """Run all contestants in turn, once to warm up and then `rounds` times; every second round in reverse order."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()
    for number in range(rounds):
        order = list(contestants) if number % 2 == 0 else list(reversed(contestants))
        for name in order:
            began = time.perf_counter()
            contestants[name]()
            seconds[name].append(time.perf_counter() - began)
    return Timing(seconds)


def memory_bandwidth(megabytes: int = 512, rounds: int = 15) -> float:
    """Bytes a second that all cores together read from memory: the best of several sums over a large array."""
    numbers = torch.ones(megabytes * 250_000)
    best = min(_seconds(numbers.sum) for _ in range(rounds))
    return numbers.nbytes / best


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
