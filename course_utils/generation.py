"""Let a language model write. One loop serves every model that keeps the contract; a strategy chooses the token."""

from collections.abc import Callable, Sequence

import torch

from course_utils.errors import CourseError

Strategy = Callable[[torch.Tensor, torch.Generator | None], int]


def greedy(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """The likeliest token. `probability` (V,)."""
    return int(probability.argmax())


def sample(probability: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """A token drawn with the model's own probabilities (V,). Raises CourseError without a generator to draw with."""
    if generator is None:
        raise CourseError("sample draws at random; pass generator=generator(1), from course_utils.seeding.")
    return int(torch.multinomial(probability, 1, generator=generator))


def generate(
    model,
    prompt: Sequence[int],
    length: int,
    strategy: Strategy,
    generator: torch.Generator | None = None,
    stop: int | None = None,
) -> list[int]:
    """Append up to `length` tokens to `prompt`, one at a time, and return the new ids.

    `strategy(probability (V,), generator) -> id` chooses. After the id `stop` nothing more is written; it is the last
    of the ids returned. Raises CourseError for an empty prompt: there must be a token to go on from; use the
    vocabulary's `start`.
    """
    if len(prompt) == 0:
        raise CourseError("The prompt is empty; begin with [vocabulary.start].")
    ids = [int(i) for i in prompt]
    for _ in range(length):
        ids.append(strategy(model.next_probabilities(ids), generator))
        if ids[-1] == stop:
            break
    return ids[len(prompt) :]
