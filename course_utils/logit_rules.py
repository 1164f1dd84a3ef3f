"""Rules against repetition: each sees the text so far and changes the logits before a token is chosen from them.

As in transformers they come before temperature and cuts: what a rule makes likelier may then be among those kept.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral

import torch

from course_utils.errors import CourseError
from course_utils.shapes import check_floats

Rule = Callable[[Sequence[int], torch.Tensor], torch.Tensor]       # all ids so far, logits (V,) -> logits (V,)


@dataclass(frozen=True)
class RepetitionPenalty:
    """Make what is in the text already less likely: its logit is divided by `penalty`, or multiplied where negative.

    Above 1 repetition costs, below 1 it pays; Keskar et al. 2019 (CTRL) took 1.2 and only divided, which makes a
    negative logit larger; the two cases are those of transformers. The prompt counts as text. The result depends on
    where the logits have their zero: log-probabilities, all negative, are only ever multiplied. So `generate` hands in
    the model's own logits, where it has them, and `beam_search` log-probabilities; transformers does the same. Raises
    CourseError for a penalty that is not a number above 0.
    """

    penalty: float = 1.2

    def __post_init__(self):
        if not 0 < self.penalty < math.inf:
            raise CourseError(f"penalty is {self.penalty}; expected a number above 0; 1 changes nothing.")

    def __call__(self, ids: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        """logits (V,) after the text `ids` to logits (V,)."""
        _check(ids, logits)
        seen = torch.tensor(sorted({int(i) for i in ids}), dtype=torch.int64)
        of_seen = logits[seen]
        return logits.index_copy(0, seen, torch.where(of_seen < 0, of_seen * self.penalty, of_seen / self.penalty))


@dataclass(frozen=True)
class NoRepeatNgram:
    """No `n` tokens in a row may come twice: what would complete such a repetition becomes impossible.

    The prompt counts as text. Paulus et al. 2018 forbid trigrams; `no_repeat_ngram_size` in transformers. Raises
    CourseError for an n below 1.
    """

    n: int = 3

    def __post_init__(self):
        if not (isinstance(self.n, Integral) and self.n >= 1):
            raise CourseError(f"n is {self.n}; expected a whole number of tokens in a row, 1 or more.")

    def __call__(self, ids: Sequence[int], logits: torch.Tensor) -> torch.Tensor:
        """logits (V,) after the text `ids` to logits (V,)."""
        _check(ids, logits)
        return logits.index_fill(0, torch.tensor(self.forbidden(ids), dtype=torch.int64), -math.inf)

    def forbidden(self, ids: Sequence[int]) -> list[int]:
        """The tokens that would end an n-gram which is in the text already."""
        ids, before = [int(i) for i in ids], self.n - 1
        last = ids[len(ids) - before :]
        starts = range(len(ids) - before)                          # none where the text is shorter than n
        return sorted({ids[start + before] for start in starts if ids[start : start + before] == last})


def _check(ids: Sequence[int], logits: torch.Tensor) -> None:
    """Raises where logits are not (V,) floats, or an id of the text is not in this vocabulary."""
    check_floats("V+", logits=logits)
    if len(ids) and not 0 <= min(ids) <= max(ids) < len(logits):
        raise CourseError(f"The text has ids from {min(ids)} to {max(ids)}; expected 0 to {len(logits) - 1}.")


def ruled(logits: torch.Tensor, ids: Sequence[int], rules: Sequence[Rule]) -> torch.Tensor:
    """logits (V,) after the text `ids` as the rules leave them, each applied to the result of the one before.

    Raises CourseError for a single rule that is not in a list.
    """
    if callable(rules):
        raise CourseError(f"rules is {rules}; expected a list of rules: rules=[{rules}].")
    for rule in rules:
        logits = rule(ids, logits)
    return logits


def nothing_left() -> CourseError:
    """The error of a text that cannot go on."""
    return CourseError(
        "The rules leave no token to go on; expected one or more. Allow more, as by longer n-grams, or write less."
    )
