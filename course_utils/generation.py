"""Let a language model write. One loop serves every model that keeps the contract; a strategy chooses the token."""

from collections.abc import Callable, Sequence

import torch

from course_utils.beam_search import Beam, beam_search
from course_utils.contrastive import Contrastive, contrastive_search
from course_utils.logit_rules import Rule
from course_utils.reading import begun, expected
from course_utils.sampling import Sampling, greedy, sample

__all__ = ["Beam", "Sampling", "Strategy", "beam_search", "generate", "greedy", "sample"]

Strategy = Callable[[torch.Tensor, torch.Generator | None], int] | Beam | Contrastive


def generate(
    model,
    prompt: Sequence[int],
    length: int,
    strategy: Strategy,
    generator: torch.Generator | None = None,
    stop: int | None = None,
    rules: Sequence[Rule] = (),
) -> list[int]:
    """Append up to `length` tokens to `prompt`, one at a time, and return the new ids.

    `strategy(probability (V,), generator) -> id` chooses, or a `Beam` or `Contrastive` searches. After the id `stop`
    nothing more is written; it is the last of the ids returned. `rules`, see `logit_rules`, change in their order what
    the model expects, before the strategy sees it. Raises CourseError for an empty prompt: there must be a token to go
    on from; use the vocabulary's `start`. Raises it also where the model's probabilities are not numbers, and where the
    rules leave no token.
    """
    if isinstance(strategy, Beam):
        return list(beam_search(model, prompt, length, strategy, stop, rules)[0].ids)
    if isinstance(strategy, Contrastive):
        return contrastive_search(model, prompt, length, strategy, stop, rules)
    text, memory = begun(prompt), None
    unread, first = list(text), len(text)
    while len(text) < first + length:
        probability, memory = expected(model, unread, memory, text, rules)
        unread = [strategy(probability, generator)]
        text += unread
        if unread[0] == stop:
            break
    return text[first:]
