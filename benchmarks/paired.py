"""Paired timing: in each round every contestant runs once, so that a busy moment of the machine hits all of them."""

import importlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import ModuleType

import numpy as np
import torch

Run = Callable[[], object]


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

    def each(self, amounts: Mapping[str, float]) -> "Timing":
        """Seconds for one item of work, where a slow contestant was given fewer of them in a round."""
        return Timing({name: [value / amounts[name] for value in self.seconds[name]] for name in amounts})


@dataclass(frozen=True)
class Contest:
    """Ours beside one peer at one task: what each does in a second, and how many times as fast ours is.

    spent: the share of our time that each part of the work takes, by the profile; the reason where a target is missed.
    """

    task: str
    ours: str
    peer: str
    unit: str
    rate: Spread
    peer_rate: Spread
    faster: Spread
    target: float | None = None
    spent: dict[str, float] | None = None

    @classmethod
    def of(cls, timing: Timing, task: str, ours: str, peer: str, amount: float, unit: str, target=None, spent=None):
        """From the race that both ran in; `amount` of `unit` in each run."""
        rates = timing.rate(ours, amount), timing.rate(peer, amount)
        return cls(task, ours, peer, unit, *rates, timing.faster(ours, peer), target, spent)

    @property
    def met(self) -> bool | None:
        """Whether the middle of the rounds reaches the target; None where none is set."""
        return None if self.target is None else self.faster.median >= self.target


@dataclass(frozen=True)
class Growth:
    """How the time of one task grows with a size: the median seconds at each, and the slope in logarithms of both."""

    task: str
    who: str
    size: str
    sizes: list[int]
    seconds: list[float]
    slope: float

    @classmethod
    def of(cls, task: str, who: str, size: str, sizes: Sequence[int], seconds: Sequence[float]) -> "Growth":
        """With its slope: 1 where twice the size takes twice the time."""
        slope = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        return cls(task, who, size, list(sizes), list(seconds), slope)


@dataclass(frozen=True)
class Measured:
    """What a part of the benchmark found; `known`: whatever else belongs on record, under its name."""

    contests: list[Contest] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    known: dict = field(default_factory=dict)

    def record(self) -> dict:
        """As it goes into a JSON file."""
        return asdict(self)


def race(contestants: Mapping[str, Run], rounds: int) -> Timing:
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


def growth(
    task: str, size: str, makers: Mapping[str, Callable[[int], Run]], sizes: Sequence[int], rounds: int
) -> list[Growth]:
    """Race all contestants at each size; `makers` make what a contestant runs at a size."""
    medians: dict[str, list[float]] = {name: [] for name in makers}
    for number in sizes:
        timing = race({name: make(number) for name, make in makers.items()}, rounds)
        for name, seconds in timing.seconds.items():
            medians[name].append(statistics.median(seconds))
    return [Growth.of(task, name, size, sizes, seconds) for name, seconds in medians.items()]


def shares(parts: Mapping[str, Run], rounds: int = 3) -> dict[str, float]:
    """The share that each part of a task has of their time together, each run alone; the largest first."""
    medians = {name: statistics.median(seconds) for name, seconds in race(parts, rounds).seconds.items()}
    whole = sum(medians.values())
    return {name: seconds / whole for name, seconds in sorted(medians.items(), key=lambda item: -item[1])}


def operators(run: Run, kinds: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The share of each kind of torch's operators in the time of a run, and of all the rest; the largest first.

    kinds: what to call them -> parts of their names, of which the first that fits decides.
    """
    run()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        run()
    microseconds = dict.fromkeys([*kinds, "everything else"], 0.0)
    for event in profiler.key_averages():
        kind = next((kind for kind, names in kinds.items() if any(n in event.key for n in names)), "everything else")
        microseconds[kind] += event.self_cpu_time_total
    whole = sum(microseconds.values())
    return {kind: spent / whole for kind, spent in sorted(microseconds.items(), key=lambda item: -item[1])}


def peer(module: str, package: str) -> ModuleType | None:
    """A peer's module, or None and one line that says how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        print(f"{package} is not installed and does not run; python -m benchmarks.install, or make bench, installs it")
        return None


def memory_bandwidth(megabytes: int = 512, rounds: int = 15) -> float:
    """Bytes a second that all cores together read from memory: the best of several sums over a large array."""
    numbers = torch.ones(megabytes * 250_000)
    best = min(_seconds(numbers.sum) for _ in range(rounds))
    return numbers.nbytes / best


def _seconds(run: Run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
