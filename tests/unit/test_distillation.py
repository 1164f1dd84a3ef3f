"""Learning from a teacher's probabilities: the loss is what torch makes of it, and a student does come closer."""

import math

import pytest
import torch
from torch.nn import functional

from course_utils.distillation import Distillation, distillation_loss
from course_utils.errors import CourseError
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.training import FitConfig, fit


def some_logits(seed: int, *shape: int) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=generator(seed))


def decoder(width: int, seed: int, vocabulary_size: int = 12, dropout: float = 0.0) -> Transformer:
    return Transformer(TransformerConfig(vocabulary_size, 16, width, 2, 1, dropout=dropout), generator(seed))


def some_ids(seed: int) -> torch.Tensor:
    return torch.randint(12, (6, 10), generator=generator(seed))


def test_two_tokens_by_hand():
    teacher, student = torch.tensor([[math.log(3), 0.0]]), torch.tensor([[0.0, 0.0]])
    by_hand = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert distillation_loss(student, teacher, temperature=1).item() == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0])
def test_it_is_torchs_divergence_times_the_temperature_squared(temperature):
    student, teacher = some_logits(1, 5, 7, 11), some_logits(2, 5, 7, 11)
    log_p, p = (student / temperature).log_softmax(-1), (teacher / temperature).softmax(-1)
    theirs = functional.kl_div(log_p.view(-1, 11), p.view(-1, 11), reduction="batchmean") * temperature**2
    assert distillation_loss(student, teacher, temperature).item() == pytest.approx(theirs.item(), rel=1e-5)


def test_the_divergence_is_that_of_the_student_from_the_teacher_and_not_the_reverse():
    sure, undecided = torch.tensor([[math.log(9), 0.0]]), torch.tensor([[0.0, 0.0]])
    of_undecided, of_sure = 0.9 * math.log(1.8) + 0.1 * math.log(0.2), 0.5 * math.log(5 / 9) + 0.5 * math.log(5)
    assert distillation_loss(undecided, sure, temperature=1).item() == pytest.approx(of_undecided, abs=1e-6)
    assert distillation_loss(sure, undecided, temperature=1).item() == pytest.approx(of_sure, abs=1e-6)


def test_who_says_the_same_has_nothing_to_learn_whatever_constant_is_added():
    logits = some_logits(1, 4, 11)
    assert distillation_loss(logits + 5.0, logits).abs() < 1e-5


def test_the_gradient_does_not_shrink_as_the_temperature_grows():
    teacher, lengths = some_logits(2, 20, 11), {}
    for temperature in (10.0, 100.0):
        student = some_logits(1, 20, 11).requires_grad_()
        distillation_loss(student, teacher, temperature).backward()
        lengths[temperature] = student.grad.norm().item()
    assert lengths[100.0] == pytest.approx(lengths[10.0], rel=0.1)             # without the factor, a hundredth


def test_the_gradient_is_the_difference_of_probabilities_and_the_teacher_gets_none():
    student, teacher = some_logits(1, 3, 11).requires_grad_(), some_logits(2, 3, 11).requires_grad_()
    distillation_loss(student, teacher, 2.0).backward()
    wanted = 2 * ((student / 2).softmax(-1) - (teacher / 2).softmax(-1)) / 3   # T² · 1/T · (q − p), mean of 3 rows
    assert torch.allclose(student.grad, wanted, atol=1e-6)
    assert teacher.grad is None


def test_large_logits_overflow_nothing():
    student, teacher = torch.tensor([[1e4, 0.0]]), torch.tensor([[0.0, 1e4]])
    assert distillation_loss(student, teacher, 1.0).item() == pytest.approx(1e4)


def test_the_loss_for_fit_mixes_both_and_its_ends_are_the_two_alone():
    student, teacher, ids, targets = decoder(8, 0), decoder(16, 1), some_ids(3), some_ids(4)
    own, taught = student(ids, targets)[1], distillation_loss(student(ids)[0], teacher(ids)[0], 3.0)
    for share in (0.0, 0.3, 1.0):
        loss = Distillation(teacher, 3.0, share)(student, (ids, targets))
        assert loss.item() == pytest.approx((share * taught + (1 - share) * own).item(), rel=1e-5)


def test_targets_that_do_not_count_change_nothing():
    student, loss = decoder(8, 0), Distillation(decoder(16, 1))
    ids, targets = some_ids(3), some_ids(4)
    targets[:, 7:] = -100
    assert loss(student, (ids, targets)).item() == pytest.approx(
        loss(student, (ids[:, :7], targets[:, :7])).item(), rel=1e-5
    )


def test_the_teacher_is_asked_without_dropout_and_keeps_its_mode():
    teacher, student = decoder(16, 1, dropout=0.5).train(), decoder(8, 0)
    loss = Distillation(teacher)
    first, second = (loss(student, (some_ids(3), some_ids(4))).item() for _ in range(2))
    assert first == second and teacher.training


def test_a_student_of_half_the_width_comes_close_to_its_teacher():
    student, teacher = decoder(8, 0), decoder(16, 1)
    with torch.no_grad():
        teacher.embedding.weight.mul_(20)                          # a teacher with opinions
    kept = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}

    def distance() -> float:
        return distillation_loss(student(some_ids(9))[0], teacher(some_ids(9))[0], 1.0).item()

    before = distance()
    batches, config = lambda step: [some_ids(step + 100)] * 2, FitConfig(steps=40, learning_rate=3e-2)
    fit(student, batches, config, loss=Distillation(teacher, share=1.0))
    assert distance() < 0.7 * before
    assert all(torch.equal(kept[name], tensor) for name, tensor in teacher.state_dict().items())


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature):
    for call in (lambda: distillation_loss(*[some_logits(1, 2, 3)] * 2, temperature),
                 lambda: Distillation(decoder(8, 0), temperature)):  # fmt: skip
        with pytest.raises(CourseError, match="above 0"):
            call()


def test_logits_of_other_tokens_are_refused():
    with pytest.raises(ShapeError, match="same vocabulary"):
        distillation_loss(some_logits(1, 4, 11), some_logits(2, 4, 12))
    with pytest.raises(ShapeError, match="not empty"):
        distillation_loss(torch.zeros(0, 11), torch.zeros(0, 11))
    with pytest.raises(ShapeError, match="one vocabulary"):
        Distillation(decoder(16, 1, vocabulary_size=13))(decoder(8, 0), (some_ids(3), some_ids(4)))


def test_a_share_that_is_none_is_refused():
    with pytest.raises(CourseError, match="expected 0"):
        Distillation(decoder(8, 0), share=1.5)
