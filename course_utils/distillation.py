"""Distillation: a small model learns from all the probabilities a large one gives, not from the right token alone.

Hinton, Vinyals and Dean 2015. Notation: B batch, T length, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.language_model import LanguageModel, measuring
from course_utils.shapes import ShapeError, check_floats
from course_utils.text.batches import NO_TARGET

HOTTEST = 1e6                                                      # every probability is alike long before


def distillation_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float = 2.0
) -> torch.Tensor:
    """Mean Kullback–Leibler divergence of the student from the teacher in nats, times the temperature squared.

    Logits (…, V), both divided by the temperature first: above 1 it lets the teacher's small probabilities count more.
    That divides the gradient by about its square, which the factor makes good, so that the share of this loss beside
    another one keeps its meaning (Hinton et al. 2015, section 2). The teacher gets no gradient.
    Raises ShapeError where the shapes differ or are empty, CourseError for a temperature that is not above 0.
    """
    check_floats("…", student_logits=student_logits)
    check_floats("…", teacher_logits=teacher_logits)
    _check_temperature(temperature)
    if student_logits.shape != teacher_logits.shape or student_logits.numel() == 0:
        raise ShapeError(
            f"student_logits {tuple(student_logits.shape)} and teacher_logits {tuple(teacher_logits.shape)}: expected "
            "one shape (…, V) that is not empty. Both models have to read the same tokens of the same vocabulary."
        )
    teacher = (teacher_logits.detach().float() / temperature).log_softmax(dim=-1)
    student = (student_logits.float() / temperature).log_softmax(dim=-1)
    divergence = (teacher.exp() * (teacher - student)).sum(dim=-1)                      # (…,)
    return temperature**2 * divergence.mean()


@dataclass(frozen=True, eq=False)
class Distillation:
    """A loss for `training.fit`: `share` of it is `distillation_loss`, the rest the student's own loss on the text.

    Targets of −100 count in neither. The teacher reads what the student reads, without dropout, and does not learn.
    Raises CourseError for a share outside 0 … 1.
    """

    teacher: LanguageModel
    temperature: float = 2.0
    share: float = 0.5

    def __post_init__(self):
        _check_temperature(self.temperature)
        if not 0 <= self.share <= 1:
            raise CourseError(f"share is {self.share}; expected 0, the text alone, to 1, the teacher alone.")

    def __call__(self, student: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """batch: ids and targets (B, T); the loss in nats per token."""
        ids, targets = batch
        logits, own = student(ids, targets)                                             # (B, T, V)
        with measuring(self.teacher):
            wanted = self.teacher(ids.to(self.teacher.device))[0].to(logits.device)
        counted = targets != NO_TARGET                                                  # (B, T)
        if logits.shape != wanted.shape:                           # before the mask, which would blur what differs
            raise ShapeError(
                f"The student gives logits {tuple(logits.shape)}, the teacher {tuple(wanted.shape)}; expected one "
                "vocabulary for both."
            )
        taught = distillation_loss(logits[counted], wanted[counted], self.temperature)
        return self.share * taught + (1 - self.share) * own


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature <= HOTTEST:
        raise CourseError(f"temperature is {temperature}; expected a number above 0, such as 2.")
