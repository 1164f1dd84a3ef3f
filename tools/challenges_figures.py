"""What a figure of data/results/challenges.json is: a number, the interval it lies in, of how many items, its unit.

All intervals are of 95 %: Wilson's for shares, the percentile bootstrap over items for means and differences.
"""

from collections.abc import Sequence

import numpy as np
import torch

from course_utils import metrics
from course_utils.grounded import Share
from course_utils.intervals import bootstrap_interval, mean, ratio_of_sums
from course_utils.seeding import generator
from course_utils.text import load_sotu_bpe
from course_utils.text.corpora import load_addresses, split_addresses

DIGITS = 4
SAMPLES = 1000  # resamples of a bootstrap
Figure = dict[str, object]
Measured = dict[str, Figure]


def figure(value: float, interval: Sequence[float], n: int, unit: str) -> Figure:
    """A figure as the file has it; an interval from draws that all miss the value is widened to hold it."""
    low, high = min(interval[0], value), max(interval[1], value)
    return {"value": _rounded(value), "low": _rounded(low), "high": _rounded(high), "n": int(n), "unit": unit}


def exact(value: float, n: int, unit: str) -> Figure:
    """A figure that was counted and not sampled: its interval is the value itself."""
    return figure(value, (value, value), n, unit)


def of_share(share: Share, unit: str = "share") -> Figure:
    """Hits among a count, 0 to 1."""
    return figure(share.value, share.interval, share.count, unit)


def of_mean(values: Sequence[float], unit: str, seed: int = 1) -> Figure:
    """The mean of one number for each item; of differences, where the items are pairs."""
    values = np.asarray(values, dtype=float)
    return figure(float(values.mean()), bootstrap_interval(values, mean, generator(seed)), len(values), unit)


def difference_of_means(first: Sequence[float], second: Sequence[float], unit: str, seed: int = 1) -> Figure:
    """The mean of the first less that of the second, of as many items that are not pairs: each side is drawn alone."""
    first, second = (np.asarray(values, dtype=float) for values in (first, second))
    draws = generator(seed)
    picks = [torch.randint(len(side), (SAMPLES, len(side)), generator=draws).numpy() for side in (first, second)]
    drawn = first[picks[0]].mean(axis=1) - second[picks[1]].mean(axis=1)  # (SAMPLES,)
    interval = np.quantile(drawn, [0.025, 0.975])
    return figure(float(first.mean() - second.mean()), interval, len(first) + len(second), unit)


def of_ratio(parts: Sequence[float], wholes: Sequence[float], unit: str, seed: int = 1) -> Figure:
    """The sum of the parts over the sum of the wholes, such as bits over bytes of each address."""
    pairs = np.stack([np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)], axis=1)  # (N, 2)
    value = float(ratio_of_sums(pairs[None])[0])
    return figure(value, bootstrap_interval(pairs, ratio_of_sums, generator(seed)), len(pairs), unit)


def _rounded(value: float) -> float:
    return round(float(value), DIGITS) + 0.0  # no −0.0


# --- bits per byte, address by address ------------------------------------------------------------


def shipped_addresses(bytes_each: int | None = None) -> list[str]:
    """The test addresses; of each the first bytes only, where a number is given, cut at a character."""
    texts = [address.text for address in split_addresses(load_addresses())["test"]]
    return texts if bytes_each is None else [text.encode()[:bytes_each].decode(errors="ignore") for text in texts]


def address_bits(model, texts: Sequence[str], vocabulary=None) -> np.ndarray:
    """(N,) bits that a model needs for each text, read by itself from its start; byte pairs unless told otherwise."""
    vocabulary = vocabulary or load_sotu_bpe()
    return np.array([metrics.total_nats(model, vocabulary.encode(text)) for text in texts]) / metrics.NATS_PER_BIT


def byte_counts(texts: Sequence[str]) -> np.ndarray:
    """(N,) the UTF-8 bytes of each text."""
    return np.array([len(text.encode()) for text in texts], dtype=float)


# --- measured again -------------------------------------------------------------------------------


def agree(again: Figure, recorded: Figure) -> bool:
    """Whether two measurements of one thing differ by no more than both of their intervals allow together.

    Each interval reaches some way towards the other value; of independent errors the squares add up, so the values may
    be √(a² + b²) apart. That is the 95 % interval of a difference.
    """
    lower, upper = sorted((again, recorded), key=lambda each: each["value"])
    reach = np.hypot(upper["value"] - upper["low"], lower["high"] - lower["value"])
    return bool(upper["value"] - lower["value"] <= reach + 10**-DIGITS)
