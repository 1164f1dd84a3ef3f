"""The contract of every language model here, so that one `fit`, one `generate` and one yardstick serve them all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.shapes import check_shape


class LanguageModel(nn.Module):
    """Predicts the next token at every position.

    A subclass sets `vocabulary_size` (V) and writes `forward(ids, targets=None) -> (logits, loss)`: ids and targets
    (B, T) int64, where targets[b, t] is the token that follows ids[b, t]; logits (B, T, V), log-probabilities up to a
    constant per position; loss the mean of −ln p(target) in nats per token, or None without targets. To train, use the
    loss; `token_nats` and `next_probabilities` only measure. `context`: how many tokens one forward pass reads.
    """

    vocabulary_size: int
    context: int = 512

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        raise NotImplementedError

    @property
    def parameter_count(self) -> int:
        """How many numbers the model consists of."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the model's numbers are."""
        tensor = next(chain(self.parameters(), self.buffers()), None)
        return torch.device("cpu") if tensor is None else tensor.device

    def token_nats(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """−ln p of each target given the ids up to its position: (B, T) in nats, on the CPU, without dropout.

        A text of any length: it is read in overlapping windows of `context` tokens, so that each token sees at least
        `context // 2` tokens before it (fewer only at the start of the text). Raises ShapeError where ids and targets
        do not fit, CourseError for an id outside the vocabulary.
        """
        check_shape(ids, "B T", "ids")
        check_shape(targets, f"{ids.shape[0]} {ids.shape[1]}", "targets")
        check_ids(ids, self.vocabulary_size, "ids")
        check_ids(targets, self.vocabulary_size, "targets")
        nats, step = [torch.empty(ids.shape[0], 0)], max(1, self.context // 2)
        with measuring(self):
            for begin in range(0, ids.shape[1], step):
                first, end = max(0, begin + step - self.context), begin + step
                logits = self(ids[:, first:end].to(self.device))[0][:, begin - first :].float()    # (B, step, V)
                wanted = targets[:, begin:end].to(self.device)
                nats.append(functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none").cpu())
        return torch.cat(nats, dim=1)

    def next_probabilities(self, ids: Sequence[int]) -> torch.Tensor:
        """(V,) probabilities of the token after `ids`, of which the last `context` are read; on the CPU, no dropout.

        Raises CourseError where there is no id to go on from, or one outside the vocabulary.
        """
        if len(ids) == 0:
            raise CourseError("There are no ids to go on from; begin with [vocabulary.start].")
        recent = torch.as_tensor(ids[-self.context :], dtype=torch.int64)
        check_ids(recent, self.vocabulary_size, "ids")
        with measuring(self):
            logits, _ = self(recent[None].to(self.device))
        return logits[0, -1].float().softmax(dim=-1).cpu()


@contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """No dropout and no gradients inside; afterwards, also after an error, each part is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def check_ids(ids, vocabulary_size: int, name: str) -> None:
    """Raises CourseError where the array or tensor `ids` holds one that a vocabulary of this size does not have."""
    if 0 not in ids.shape and not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise CourseError(f"{name} must lie in 0 … {vocabulary_size - 1}; got {ids.min()} … {ids.max()}.")
