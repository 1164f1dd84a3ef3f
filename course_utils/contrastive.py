"""Contrastive search: of the likely tokens take one that does not make the text go round in circles. Su et al. 2022."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.logit_rules import Rule
from course_utils.reading import allowed, begun
from course_utils.sampling import likeliest
from course_utils.shapes import check_floats


@dataclass(frozen=True)
class Contrastive:
    """Of the `k` likeliest tokens take the one with the best balance: contrastive search, a strategy for `generate`.

    The balance of a token is (1 − alpha) · p − alpha · s, where p is its probability and s the largest cosine between
    the hidden state that it would leave and that of any token before it (Su et al. 2022). alpha 0 is
    `greedy`. Nothing is drawn. Raises CourseError for values that make no sense.
    """

    k: int = 4
    alpha: float = 0.6

    def __post_init__(self):
        if not (isinstance(self.k, Integral) and self.k >= 1):
            raise CourseError(f"k is {self.k}; expected a whole number of tokens to choose from, 1 or more.")
        if not 0 <= self.alpha <= 1:
            raise CourseError(f"alpha is {self.alpha}; expected 0 (probability alone) to 1 (novelty alone).")

    def balance(self, probability: torch.Tensor, similarity: torch.Tensor) -> torch.Tensor:
        """(k,) how good each candidate is, from its probability (k,) and its cosines to the T past states (k, T)."""
        check_floats("k, k T+", probability=probability, similarity=similarity)
        return (1 - self.alpha) * probability - self.alpha * similarity.amax(dim=1)


@torch.no_grad()
def contrastive_search(
    model,
    prompt: Sequence[int],
    length: int,
    contrastive: Contrastive,
    stop: int | None = None,
    rules: Sequence[Rule] = (),
) -> list[int]:
    """Up to `length` new ids; `stop`, if it is written, is the last of them.

    The model has to tell its hidden states: `read_hidden(ids, memory) -> (states (T, D), memory)` and `logits(states)`,
    as `Transformer` does; each of the k candidates costs it one reading. Of equally good ones the likelier is taken.
    Raises CourseError for a model that does not tell them, and what `generate` raises.
    """
    _check_tells_states(model)
    text = begun(prompt)
    end, (states, memory), past = len(text) + length, model.read_hidden(text), None
    while len(text) < end:
        probability = allowed(model.logits(states[-1]).float().cpu(), text, rules)
        past = _directions(states) if past is None else torch.cat([past, _directions(states)])         # (T, D)
        candidates = [token for token, _ in likeliest(probability, contrastive.k)]
        readings = [model.read_hidden([token], memory) for token in candidates]
        similarity = torch.cat([_directions(states) for states, _ in readings]) @ past.T               # (k, T)
        best = int(contrastive.balance(probability[candidates], similarity).argmax())
        states, memory = readings[best]
        text.append(candidates[best])
        if text[-1] == stop:
            break
    return text[end - length :]


def _check_tells_states(model) -> None:
    if not hasattr(model, "read_hidden"):
        raise CourseError(
            f"Contrastive search compares hidden states, and {type(model).__name__} does not tell its own; expected a "
            "model with `read_hidden`, such as a Transformer."
        )


def _directions(states: torch.Tensor) -> torch.Tensor:
    """(T, D) the states at length 1, so that their products are cosines; on the CPU."""
    return functional.normalize(states.float().cpu(), dim=-1)
