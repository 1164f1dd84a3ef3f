"""Exercise 11.5: the gradient of a mean over coin flips, where no draw can be reparameterised."""

import torch

from course_utils.exercises.specs import Case, Exercise, Misconception
from course_utils.seeding import generator


def flip_gradient(values, flips, logit):
    """Estimates of the slope of E[f(b)] in the logit of a coin: b is 1 with probability sigmoid(logit), else 0. (N,)

    values (N,): f(b) of each draw; flips (N,): the draws, 0.0 or 1.0; logit a tensor of no axes. Each estimate is f(b)
    times the slope of ln p(b) in the logit, where p(1) is sigmoid(logit) and p(0) is 1 − sigmoid(logit).
    """
    return values * (flips - torch.sigmoid(logit))  # the slope of ln p is 1 − p at b = 1, and −p at b = 0


def _by(slope):
    return lambda values, flips, logit: values * slope(flips, torch.sigmoid(logit), logit)


def _coins(seed, count, logit):
    chance = generator(seed)
    flips = (torch.rand(count, generator=chance) < torch.sigmoid(torch.tensor(logit))).float()
    flips[:2] = torch.tensor([0.0, 1.0])  # both sides are seen
    return torch.randn(count, generator=chance), flips, torch.tensor(logit)


FLIPS = Exercise(
    id="11.5",
    title="where nothing can be reparameterised",
    minutes=10,
    difficulty=3,
    imports=("import torch",),
    stub='''def flip_gradient(values, flips, logit):
    """Estimates of the slope of E[f(b)] in the logit of a coin: b is 1 with probability sigmoid(logit), else 0. (N,)

    values (N,): f(b) of each draw; flips (N,): the draws, 0.0 or 1.0; logit a tensor of no axes. Each estimate is f(b)
    times the slope of ln p(b) in the logit, where p(1) is sigmoid(logit) and p(0) is 1 − sigmoid(logit).
    """
    raise NotImplementedError
''',
    reference=flip_gradient,
    tolerance=1e-4,
    cases=(
        Case(lambda: (torch.tensor([3.0, 5.0]), torch.tensor([0.0, 1.0]), torch.tensor(1.0))),
        Case(lambda: _coins(1, 5, -0.5)),
    ),
    hidden=(Case(lambda: _coins(2, 7, 2.0)), Case(lambda: _coins(3, 4, -1.5))),
    hints=(
        "The slope of sigmoid is p (1 − p). So that of ln p is p (1 − p) / p. And that of ln (1 − p)?",
        "At b = 1 it is 1 − p, at b = 0 it is −p. One expression gives both: b − p.",
    ),
    misconceptions=(
        Misconception(
            "slope of p, not of ln p",
            _by(lambda b, p, _: (2 * b - 1) * p * (1 - p)),
            "That is the slope of p(b) itself. Divide by p(b): it is drawn that often already.",
        ),
        Misconception(
            "slope in p, not in the logit",
            _by(lambda b, p, _: b / p - (1 - b) / (1 - p)),
            "That is the slope of ln p(b) in p. The chain goes on to the logit: times p (1 − p).",
        ),
        Misconception(
            "heads alone",
            _by(lambda b, p, _: b * (1 - p)),
            "Where b is 0 nothing counts. There the slope of ln (1 − p) is −p, not 0.",
        ),
        Misconception(
            "the same slope for both",
            _by(lambda b, p, _: 1 - p + 0 * b),
            "Both sides have the slope of b = 1. Where b is 0 it is −p.",
        ),
        Misconception("sign", _by(lambda b, p, _: p - b), "The sign is turned: it would go down where f is high."),
        Misconception(
            "ln p, not its slope",
            _by(lambda b, p, _: b * p.log() + (1 - b) * (1 - p).log()),
            "That is f times ln p(b). It is the slope of ln p(b) that is wanted.",
        ),
        Misconception(
            "logit taken as probability",
            _by(lambda b, p, logit: b - logit),
            "The logit is taken for the probability. p is torch.sigmoid(logit).",
        ),
        Misconception(
            "averaged",
            lambda *three: flip_gradient(*three).mean(),
            "That is the mean of the estimates. Return one for each draw, so that their variance can be seen.",
        ),
        Misconception(
            "values forgotten",
            lambda values, flips, logit: flips - torch.sigmoid(logit),
            "f(b) is missing: what is good and what is bad is in it alone.",
        ),
        Misconception(
            "as if reparameterised",
            lambda values, flips, logit: values * torch.sigmoid(logit) * (1 - torch.sigmoid(logit)),
            "That sends a gradient through the flip as if b were p. A flip is 0 or 1: nothing goes through it.",
        ),
    ),
)
