"""Learning from the pairs of `alignment`: their batches and losses for `fit`, by a reward model and by DPO.

Notation: N pairs, B of them in a batch; P tokens of a prompt, T of an answer, K answers to one prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.alignment import TOGETHER, Pairs, joined
from course_utils.errors import CourseError
from course_utils.models.language_model import check_ids, measuring
from course_utils.models.preferences import RewardModel, answer_log_probability, bradley_terry_loss, dpo_loss
from course_utils.seeding import generator
from course_utils.shapes import check_counts, check_floats, check_shape, check_shapes
from course_utils.text.batches import NO_TARGET, Batches, mixed


def shuffled(pairs: Pairs, batch: int, seed: int) -> Callable[[int], torch.Tensor]:
    """Which rows (B,) of the pairs a step learns from: all of them once an epoch, in an order of its own.

    What is left over at the end of an epoch waits for the next. Raises CourseError where a batch has no pairs.
    """
    if not 1 <= batch <= len(pairs):
        raise CourseError(f"{len(pairs)} pairs in batches of {batch}; expected batches of 1 to {len(pairs)}.")
    steps = len(pairs) // batch

    def at(step: int) -> torch.Tensor:
        epoch, place = divmod(step, steps)
        return torch.randperm(len(pairs), generator=generator(mixed(seed, epoch)))[place * batch : (place + 1) * batch]

    return at


# --- a reward model


@dataclass(frozen=True)
class Width:
    """All that a reward model asks of a decoder's config."""

    width: int


class MeanOfTokens(nn.Module):
    """The least a reward model can read with: at each position the mean of the vectors of the tokens up to it.

    It is a decoder of one layer that attends to everything alike. With some hundred pairs it learns more than a whole
    decoder, which learns them by heart. `embedding` (V, D): a trained model's, copied, brought to a mean square of 1
    and left as it is.
    """

    def __init__(self, embedding: torch.Tensor):
        super().__init__()
        check_floats("V+ D+", embedding=embedding)
        self.config = Width(embedding.shape[1])
        self.register_buffer("embedding", functional.rms_norm(embedding.detach().clone(), embedding.shape[1:]))

    def stream(self, ids: torch.Tensor) -> tuple[torch.Tensor]:
        """ids (B, T) to (B, T, D), as the first of a tuple, where `models.transformer` has its stream."""
        check_shape(ids, "B T", "ids")
        check_ids(ids, len(self.embedding), "ids")
        counts = torch.arange(1, ids.shape[1] + 1, device=ids.device)[:, None]         # (T, 1)
        return (self.embedding[ids].cumsum(dim=1) / counts,)


def reward_batches(pairs: Pairs, batch: int, seed: int) -> Batches:
    """For `fit`: the texts (2B, P + T) of some pairs, the chosen ones first."""
    rows = shuffled(pairs, batch, seed)
    return lambda step: (pairs[rows(step)].texts,)


def reward_loss(model: RewardModel, batch: tuple[torch.Tensor]) -> torch.Tensor:
    """Bradley and Terry's loss of what the model gives the texts (2B, P + T) of B pairs."""
    if len(batch) != 1 or len(batch[0]) % 2 or not len(batch[0]):
        raise CourseError("The batch is no pairs; expected the chosen texts and as many rejected ones in one tensor.")
    texts = batch[0]
    return bradley_terry_loss(*model(texts, whole(texts)).chunk(2))


def whole(texts: torch.Tensor) -> torch.Tensor:
    """(N,) the lengths of texts (N, L) without padding: L each."""
    check_shape(texts, "N L", "texts")
    return torch.full((len(texts),), texts.shape[1])


def rewards(model: RewardModel, prompts: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """(N, K) what the reward model gives to answers (N, K, T) to prompts (N, P)."""
    check_shapes("N K+ T", answers=answers)
    texts = joined(prompts.repeat_interleave(answers.shape[1], dim=0), answers.flatten(0, 1))
    with measuring(model):
        return torch.cat([model(some, whole(some)) for some in texts.split(TOGETHER)]).view(answers.shape[:2])


# --- DPO


def answer_targets(texts: torch.Tensor, prompt: int) -> torch.Tensor:
    """(N, L − 1) what follows each token of texts (N, L), −100 inside the prompt, their first `prompt` tokens."""
    check_shape(texts, "N L", "texts")
    check_counts(prompt=prompt)
    targets = texts[:, 1:].clone()
    targets[:, : prompt - 1] = NO_TARGET
    return targets


def log_probabilities(model, prompts: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """(N,) ln p of answers (N, T) to prompts (N, P) under a model, without gradients."""
    texts, found = joined(prompts, answers), []
    with measuring(model):
        for some in texts.split(TOGETHER):
            found.append(answer_log_probability(model(some[:, :-1])[0], answer_targets(some, prompts.shape[1])))
    return torch.cat(found)


def dpo_batches(pairs: Pairs, reference, batch: int, seed: int) -> Batches:
    """For `fit`: ln p of B pairs by the `reference`, (B, 2), their inputs and targets (2B, P + T − 1), chosen first.

    The reference, the model as it is now, reads all pairs once, here: nothing of it is kept, so it may be trained.
    """
    before = torch.stack([log_probabilities(reference, pairs.prompts, a) for a in (pairs.chosen, pairs.rejected)], 1)
    rows, prompt = shuffled(pairs, batch, seed), pairs.prompts.shape[1]

    def at(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        texts = pairs[rows(step)].texts                                              # (2B, P + T)
        return before[rows(step)], texts[:, :-1], answer_targets(texts, prompt)

    return at


@dataclass(frozen=True)
class DPO:
    """The loss for `fit` on `dpo_batches`. beta: what it costs to leave the model it started from."""

    beta: float = 0.1

    def __call__(self, model, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        before, inputs, targets = batch
        now = answer_log_probability(model(inputs)[0], targets)                       # (2B,)
        return dpo_loss(*now.chunk(2), *before.unbind(dim=1), beta=self.beta).loss
