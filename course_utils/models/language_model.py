"""The contract of every language model here, so that one `fit`, one `generate` and one yardstick serve them all."""

import torch
from torch import nn
from torch.nn import functional


class LanguageModel(nn.Module):
    """Predicts the next token at every position.

    A subclass sets `vocabulary_size` (V) and writes `forward(ids, targets=None) -> (logits, loss)`: ids and targets
    (B, T) int64, where targets[b, t] is the token that follows ids[b, t]; logits (B, T, V), log-probabilities up to a
    constant per position; loss the mean of −ln p(target) in nats per token, or None without targets.
    """

    vocabulary_size: int

    def forward(self, ids: torch.Tensor, targets: torch.Tensor | None = None):
        raise NotImplementedError

    def token_nats(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """−ln p of each target given the ids up to its position: (B, T) in nats. Some models have a shorter way."""
        logits, _ = self(ids)
        return functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
