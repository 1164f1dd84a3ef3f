"""Let a language model write. One loop serves every model that keeps the contract; a strategy chooses the token."""

from collections.abc import Callable

import torch

from course_utils.errors import CourseError

Strategy = Callable[[torch.Tensor, torch.Generator], int]


def greedy(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """The likeliest token. `probability` (V,)."""
    return int(probability.argmax())


def sample(probability: torch.Tensor, generator: torch.Generator) -> int:
    """A token drawn with the model's own probabilities (V,)."""
    return int(torch.multinomial(probability, 1, generator=generator))


def generate(
    model, prompt: list[int], length: int, strategy: Strategy, generator: torch.Generator, context: int | None = None
) -> list[int]:
    """Append `length` tokens to `prompt`, one at a time, and return the new ids.

    `strategy(probability (V,), generator) -> id` chooses. `context`: how many of the last tokens the model sees (all).
    Raises CourseError for an empty prompt: there must be a token to go on from; use the vocabulary's `start`.
    """
    if not prompt:
        raise CourseError("The prompt is empty; begin with [vocabulary.start].")
    ids = list(prompt)
    for _ in range(length):
        ids.append(strategy(next_token_probabilities(model, ids[-context:] if context else ids), generator))
    return ids[len(prompt) :]


@torch.no_grad()
def next_token_probabilities(model, ids: list[int]) -> torch.Tensor:
    """(V,) what the model expects after `ids`."""
    if hasattr(model, "distribution"):                            # a counter looks one context up, not one per position
        return torch.from_numpy(model.distribution(ids))
    logits, _ = model(torch.tensor([ids]))
    return logits[0, -1].softmax(dim=-1)
