"""Learning from which of two answers people prefer: a reward model, and DPO, which does without one.

A pair is a prompt with a chosen and a rejected answer. Notation: B pairs, T positions, D model width, β strength.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.language_model import check_ids
from course_utils.shapes import ShapeError, check_floats, check_whole
from course_utils.text.batches import NO_TARGET


def answer_log_probability(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(B,) ln p of each whole answer: the sum over its tokens. logits (B, T, V); targets (B, T), −100 outside it.

    Raises CourseError for a row without an answer.
    """
    check_floats("B T V+", logits=logits)
    check_whole(f"{logits.shape[0]} {logits.shape[1]}", targets=targets)
    check_ids(targets.clamp(min=0), logits.shape[2], "targets")
    counted = targets != NO_TARGET                                                    # (B, T)
    if not counted.any(dim=1).all():
        row = int((~counted.any(dim=1)).int().argmax())
        raise CourseError(f"Row {row} has no answer: all its targets are −100; expected others. Was the text cut?")
    log_p = logits.float().log_softmax(dim=-1)
    chosen = log_p.gather(2, targets.clamp(min=0)[:, :, None])[:, :, 0]                 # (B, T)
    return (chosen * counted).sum(dim=1)


def bradley_terry_loss(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """Mean −ln of the probability that the chosen answer wins, σ(chosen − rejected), in nats. Rewards (B,) each.

    Bradley and Terry 1952; for language models Stiennon et al. 2020.
    """
    _check_pair(chosen, rejected)
    return -functional.logsigmoid(chosen - rejected).mean()


@dataclass(frozen=True)
class Preference:
    """What DPO makes of B pairs. `loss` in nats; `chosen` and `rejected` (B,): the rewards it gives, β·(ln π − ln π₀).

    `accuracy`: the share of pairs whose chosen answer has the larger reward; `margin`: by how much, on the mean.
    """

    loss: torch.Tensor
    chosen: torch.Tensor
    rejected: torch.Tensor

    @property
    def accuracy(self) -> float:
        """Share of pairs ordered as people order them, 0 to 1."""
        return (self.chosen > self.rejected).float().mean().item()

    @property
    def margin(self) -> float:
        """Mean difference of the two rewards."""
        return (self.chosen - self.rejected).mean().item()


def dpo_loss(chosen, rejected, chosen_before, rejected_before, beta: float = 0.1) -> Preference:
    """Direct preference optimisation: ln p (B,) of both answers by the model and by the model it started from.

    The loss is Bradley and Terry's with β·ln(p / p before) as reward: no reward model is trained, no answer drawn. A
    small β lets the model go further from where it started. Rafailov et al. 2023, eq. 7.
    """
    if not beta > 0:
        raise CourseError(f"beta is {beta}; expected a number above 0, such as 0.1.")
    for name, pair in (("before", (chosen_before, rejected_before)), ("now", (chosen, rejected))):
        _check_pair(*pair, name)
    ours, theirs = beta * (chosen - chosen_before.detach()), beta * (rejected - rejected_before.detach())
    return Preference(bradley_terry_loss(ours, theirs), ours.detach(), theirs.detach())


def _check_pair(chosen: torch.Tensor, rejected: torch.Tensor, name: str = "") -> None:
    check_floats("B+", **{f"chosen {name}".strip(): chosen})
    check_floats("…", **{f"rejected {name}".strip(): rejected})
    if chosen.shape != rejected.shape:
        raise ShapeError(
            f"{len(chosen)} chosen and {tuple(rejected.shape)} rejected; expected one rejected answer to each chosen."
        )


class RewardModel(nn.Module):
    """A decoder that gives an answer a number instead of a next token: its last position, multiplied by a vector.

    `decoder` has `stream(ids) -> (normed stream (B, T, D), …)` and `config.width`, as `models.transformer` has.
    """

    def __init__(self, decoder: nn.Module):
        super().__init__()
        self.decoder = decoder
        self.reward = nn.Parameter(torch.zeros(decoder.config.width))   # all answers start as equally good

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B,) the reward of each text; ids (B, T) with `lengths` (B,) tokens of text and padding after them.

        What stands after a token cannot change it in a decoder, so padding at the end needs no mask. Raises
        CourseError for a length outside 1 … T.
        """
        check_whole(f"{len(ids)}", lengths=lengths)
        if len(ids) and not 1 <= int(lengths.min()) <= int(lengths.max()) <= ids.shape[1]:
            least, most = int(lengths.min()), int(lengths.max())
            raise CourseError(f"lengths go from {least} to {most}; expected 1 to {ids.shape[1]}.")
        stream = self.decoder.stream(ids)[0]                                            # (B, T, D)
        return stream[torch.arange(len(ids)), lengths - 1] @ self.reward
