"""A classifier over a pretrained encoder; how good one is, and how sure one can be of that.

Notation: N texts, B batch, T length, D model width, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, wilson_interval
from course_utils.models.encoder import Encoder
from course_utils.models.language_model import as_ids, check_ids, check_targets, measuring
from course_utils.seeding import generator as seeded
from course_utils.shapes import check_counts, check_shape, check_whole
from course_utils.text.batches import PAD, Batches, mixed, of_like_length, padded

READ_AT_ONCE = 32


class TextClassifier(nn.Module):
    """An encoder, the mean of its vectors over the text at length 1, and a linear layer to the classes, first zero.

    The last `learned` blocks of the encoder and the linear layer learn; the encoder is changed in place. Keeps the
    contract of `fit`. Raises CourseError for fewer than two classes, and for more blocks than there are.
    """

    def __init__(self, encoder: Encoder, classes: int, learned: int):
        super().__init__()
        count = len(encoder.blocks)
        if classes < 2 or not 0 <= learned <= count:
            raise CourseError(f"{classes} classes, {learned} blocks learned; expected 2 or more, and 0 to {count}.")
        self.encoder = encoder.requires_grad_(False)
        self.encoder.blocks[count - learned :].requires_grad_(True)
        self.head = nn.Linear(encoder.config.width, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        """ids (B, T), padded with 0, to logits (B, C), and the loss in nats against targets (B,), or None.

        Raises CourseError for a text of padding alone.
        """
        mask = ids != PAD
        hidden = self.encoder(ids, mask) * mask[..., None]                                          # (B, T, D)
        logits = self.head(functional.normalize(hidden.sum(dim=1), dim=-1))                         # (B, C)
        if targets is not None:
            check_targets(targets, logits)
        return logits, None if targets is None else functional.cross_entropy(logits, targets)

    @torch.no_grad()
    def start_from(self, weight, bias) -> None:
        """Begin with the linear layer of a classifier that learned on the frozen vectors: (C, D) and (C,).

        So learning does not first spoil the encoder for a layer that knows nothing. Kumar et al. 2022.
        """
        classes, width = self.head.weight.shape
        if weight is None or bias is None:
            raise CourseError("weight or bias is None; expected (C, D) and (C,) numbers of a classifier.")
        weight, bias = torch.as_tensor(weight), torch.as_tensor(bias)
        check_shape(weight, f"{classes} {width}", "weight")
        check_shape(bias, f"{classes}", "bias")
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)


def labelled_batches(rows: Sequence[Sequence[int]], numbers: Sequence[int], batch: int, seed: int) -> Batches:
    """Ids and class numbers as (ids (B, T), targets (B,)), of like length; each text once an epoch.

    Raises CourseError where there are not as many of one as of the other, or none.
    """
    if len(rows) != len(numbers) or not rows or batch < 1:
        raise CourseError(f"{len(rows)} texts, {len(numbers)} labels, batches of {batch}; expected as many, not none.")
    lengths, targets = torch.tensor([len(row) for row in rows]), as_ids(numbers)
    steps = -(-len(rows) // batch)

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, place = divmod(step, steps)
        chosen = of_like_length(lengths, batch, seeded(mixed(seed, epoch)))[place]
        return padded([rows[i] for i in chosen], PAD, torch.int64), targets[chosen]

    return at


def predicted(model: TextClassifier, rows: Sequence[Sequence[int]]) -> list[int]:
    """The likeliest class number of each text, given its ids."""
    order, said = sorted(range(len(rows)), key=lambda i: len(rows[i])), {}
    with measuring(model):
        for first in range(0, len(order), READ_AT_ONCE):
            chosen = order[first : first + READ_AT_ONCE]
            logits, _ = model(padded([rows[i] for i in chosen], PAD, torch.int64))
            said |= dict(zip(chosen, logits.argmax(dim=1).tolist(), strict=True))
    return [said[i] for i in range(len(rows))]


@dataclass(frozen=True)
class Scores:
    """Accuracy and macro-F1, each with an interval (low, high), on `count` texts."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    count: int

    def __str__(self) -> str:
        accuracy = f"accuracy {_with(self.accuracy, self.accuracy_interval)}"
        return f"{accuracy}, macro-F1 {_with(self.macro_f1, self.macro_f1_interval)}"


def _with(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def scores(true: Sequence, said: Sequence, generator: torch.Generator) -> Scores:
    """What `said` is worth, beside what is true. Wilson's interval for accuracy, the bootstrap's for macro-F1.

    Raises CourseError where there are not as many of one as of the other, or none.
    """
    if len(true) != len(said) or len(true) == 0:
        raise CourseError(f"There are {len(true)} true labels and {len(said)} said ones; expected as many, not none.")
    numbers = {label: number for number, label in enumerate(sorted({*true, *said}))}
    pairs = np.array([[numbers[a], numbers[b]] for a, b in zip(true, said, strict=True)])            # (N, 2)
    right = int((pairs[:, 0] == pairs[:, 1]).sum())

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return macro_f1_of(drawn, len(numbers))

    return Scores(
        right / len(pairs),
        wilson_interval(right, len(pairs)),
        float(statistic(pairs[None])[0]),
        bootstrap_interval(pairs, statistic, generator),
        len(pairs),
    )


def macro_f1_of(pairs: np.ndarray, count: int) -> np.ndarray:
    """(R, N, 2) of true and said class numbers to (R,): the mean over the classes of each one's F1.

    F1 is 2·hits / (said + true). A class that is neither true nor said anywhere is left out of the mean.
    """
    check_counts(count=count)
    check_whole("R N+ 2", pairs=pairs)
    check_ids(pairs, count, "pairs")
    true, said = _counts(pairs[..., 0], count), _counts(pairs[..., 1], count)                        # (R, C)
    hits = _counts(np.where(pairs[..., 0] == pairs[..., 1], pairs[..., 0], count), count + 1)[:, :count]
    there = (true + said) > 0
    f1 = np.divide(2 * hits, true + said, out=np.zeros_like(hits, dtype=float), where=there)
    return f1.sum(axis=1) / there.sum(axis=1)


def _counts(labels: np.ndarray, count: int) -> np.ndarray:
    """(R, N) class numbers to (R, C): how often each occurs."""
    rows = np.arange(len(labels))[:, None] * count + labels
    return np.bincount(rows.ravel(), minlength=len(labels) * count).reshape(len(labels), count)
