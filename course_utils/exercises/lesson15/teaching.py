"""Exercise 15.7: a small model that learns from a large one."""

import math

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def distillation_loss(student, teacher, targets, temperature, share):
    """What a student learns from, in nats: `share` of it from the teacher, the rest from the text. Hinton et al. 2015.

    student, teacher (N, V): logits at N tokens; targets (N,): the ids that follow. From the teacher: temperature² times
    the mean over the tokens of KL(p ‖ q) = Σ p · ln (p / q), with p the teacher's and q the student's probabilities,
    both of logits divided by the temperature. From the text: the usual cross-entropy.
    """
    p = (teacher / temperature).softmax(dim=-1)  # (N, V)
    log_q = (student / temperature).log_softmax(dim=-1)
    taught = (p * (p.log() - log_q)).sum(dim=-1).mean()
    return share * temperature**2 * taught + (1 - share) * functional.cross_entropy(student, targets)


def _loss(taught=None, factor=lambda temperature: temperature**2, own=functional.cross_entropy, mix=None):
    """The same with another loss from the teacher, factor, loss from the text, or mixture of both."""
    taught = taught or _divergence
    mix = mix or (lambda share, soft, hard: share * soft + (1 - share) * hard)
    return lambda student, teacher, targets, temperature, share: mix(
        share, factor(temperature) * taught(student, teacher, temperature), own(student, targets)
    )


def _divergence(student, teacher, temperature):
    p, q = teacher / temperature, student / temperature
    return functional.kl_div(q.log_softmax(-1), p.log_softmax(-1), reduction="batchmean", log_target=True)


def _of_probabilities_for_logarithms(student, teacher, temperature):
    p, q = ((logits / temperature).softmax(dim=-1) for logits in (teacher, student))
    return functional.kl_div(q, p, reduction="batchmean")


def _own_at_temperature(student, teacher, targets, temperature, share):
    def own(logits, ids):
        return functional.cross_entropy(logits / temperature, ids)

    return _loss(own=own)(student, teacher, targets, temperature, share)


def _text_by_the_teacher(student, teacher, targets, temperature, share):
    return _loss(own=lambda logits, ids: functional.cross_entropy(teacher, ids))(
        student, teacher, targets, temperature, share
    )


def _lesson(seed, count, vocabulary, temperature, share):
    """Logits of a student and a teacher that agree a little, and what follows."""
    chance = generator(seed)
    teacher = 2 * torch.randn(count, vocabulary, generator=chance)
    student = teacher / 2 + torch.randn(count, vocabulary, generator=chance)
    return student, teacher, torch.randint(vocabulary, (count,), generator=chance), temperature, share


TEACHER = Exercise(
    id="15.7",
    title="learn from a teacher",
    minutes=10,
    difficulty=2,
    imports=("import torch", "from torch.nn import functional"),
    stub='''def distillation_loss(student, teacher, targets, temperature, share):
    """What a student learns from, in nats: `share` of it from the teacher, the rest from the text. Hinton et al. 2015.

    student, teacher (N, V): logits at N tokens; targets (N,): the ids that follow. From the teacher: temperature² times
    the mean over the tokens of KL(p ‖ q) = Σ p · ln (p / q), with p the teacher's and q the student's probabilities,
    both of logits divided by the temperature. From the text: the usual cross-entropy.
    """
    raise NotImplementedError
''',
    reference=distillation_loss,
    tolerance=1e-4,
    cases=(
        Case(lambda: (torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]]), torch.tensor([1]), 2.0, 0.75)),
        Case(lambda: _lesson(1, 3, 5, 3.0, 0.25)),
        Case(lambda: _lesson(2, 8, 20, 1.5, 0.9)),
    ),
    hidden=(Case(lambda: _lesson(3, 4, 7, 4.0, 0.3)), Case(lambda: _lesson(4, 6, 12, 2.0, 0.6))),
    invariants=(Invariant("a loss is not below 0", lambda loss, *_: float(loss) >= -1e-6),),
    hints=(
        "Divide both logits by the temperature first: p by softmax, ln q by log_softmax over the last axis.",
        "Σ p · (ln p − ln q) goes over the vocabulary and leaves (N,); then the mean over the tokens, times the "
        "temperature squared.",
        "share · that + (1 − share) · functional.cross_entropy(student, targets), which knows no temperature.",
    ),
    misconceptions=(
        Misconception(
            "no factor",
            _loss(factor=lambda temperature: 1),
            "The factor temperature² is missing. Division by the temperature makes the gradients about that much "
            "smaller, and the teacher would hardly count.",
        ),
        Misconception(
            "temperature once",
            _loss(factor=lambda temperature: temperature),
            "The factor is the temperature; it should be its square.",
        ),
        Misconception(
            "divided by the square",
            _loss(factor=lambda temperature: temperature**-2),
            "The teacher's part is divided by temperature². It is multiplied, to make good what the division of the "
            "logits took.",
        ),
        Misconception(
            "factor for all",
            lambda student, teacher, targets, temperature, share: (
                temperature**2 * _loss(factor=lambda _: 1)(student, teacher, targets, temperature, share)
            ),
            "temperature² multiplies the text's part too. No logits were divided there.",
        ),
        Misconception(
            "turned round",
            _loss(lambda student, teacher, temperature: _divergence(teacher, student, temperature)),
            "That is KL(q ‖ p), weighed by the student's probabilities. The teacher's weigh: KL(p ‖ q).",
        ),
        Misconception(
            "cross-entropy with the teacher",
            _loss(lambda student, teacher, t: functional.cross_entropy(student / t, (teacher / t).softmax(dim=-1))),
            "That is −Σ p · ln q. Its gradient is the same, but it is larger by the teacher's entropy and not 0 where "
            "both agree: Σ p · (ln p − ln q).",
        ),
        Misconception(
            "shares exchanged",
            _loss(mix=lambda share, soft, hard: (1 - share) * soft + share * hard),
            "The shares are exchanged: `share` is the teacher's.",
        ),
        Misconception(
            "both in full",
            _loss(mix=lambda share, soft, hard: soft + hard),
            "Both losses count in full. The teacher's counts with share, the text's with 1 − share.",
        ),
        Misconception(
            "text in full",
            _loss(mix=lambda share, soft, hard: share * soft + hard),
            "The text's loss counts in full. It counts with 1 − share.",
        ),
        Misconception(
            "temperature for the text",
            _own_at_temperature,
            "The student's logits are divided for the text's loss as well. There the temperature is 1.",
        ),
        Misconception(
            "mean over the vocabulary",
            _loss(lambda student, teacher, temperature: _divergence(student, teacher, temperature) / student.shape[1]),
            'The divergence is averaged over the vocabulary too, as functional.kl_div does with reduction="mean". '
            "Over the vocabulary it is a sum.",
        ),
        Misconception(
            "sum over the tokens",
            _loss(lambda student, teacher, temperature: _divergence(student, teacher, temperature) * len(student)),
            "The tokens are added up. Take their mean, as the text's loss does.",
        ),
        Misconception(
            "student without temperature",
            _loss(lambda student, teacher, temperature: _divergence(student * temperature, teacher, temperature)),
            "Only the teacher's logits are divided by the temperature. The student's as well.",
        ),
        Misconception(
            "teacher without temperature",
            _loss(lambda student, teacher, temperature: _divergence(student, teacher * temperature, temperature)),
            "Only the student's logits are divided by the temperature. The teacher's as well.",
        ),
        Misconception(
            "multiplied by the temperature",
            _loss(lambda student, teacher, temperature: _divergence(student, teacher, 1 / temperature)),
            "The logits are multiplied by the temperature, which sharpens. Division lets small probabilities show.",
        ),
        Misconception(
            "the teacher's first choice",
            _loss(lambda student, teacher, temperature: functional.cross_entropy(student, teacher.argmax(dim=-1))),
            "Only the teacher's likeliest token is learned. What it holds of the others is what it has to teach.",
        ),
        Misconception(
            "probabilities for logarithms",
            _loss(_of_probabilities_for_logarithms),
            "functional.kl_div takes ln q, and got q. Use log_softmax for the student.",
        ),
        Misconception(
            "squares of the logits",
            _loss(lambda student, teacher, temperature: functional.mse_loss(student, teacher) / temperature**2),
            "That is the mean squared difference of logits. A constant added to all logits says nothing, and counts "
            "there: compare probabilities.",
        ),
        Misconception(
            "text read by the teacher",
            _text_by_the_teacher,
            "The text's loss is the teacher's, which no longer learns. It is the student's.",
        ),
        Misconception(
            "in bits",
            lambda *arguments: distillation_loss(*arguments) / math.log(2),
            "That is in bits. Nats are asked for: no division by ln 2.",
        ),
    ),
)
