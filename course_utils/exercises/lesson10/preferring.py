"""Exercises 10.8 and 10.9: learning from which of two answers people prefer."""

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def bradley_terry(chosen, rejected):
    """Mean over the pairs of −ln σ(chosen − rejected): how surprising it is that the chosen answer wins, in nats.

    chosen, rejected (B,): rewards. Bradley and Terry 1952. Differences of ±200 occur; the result stays finite.
    """
    return -functional.logsigmoid(chosen - rejected).mean()


def _rewards(seed, pairs, scale=2.0):
    chance = generator(seed)
    return tuple(scale * torch.randn(pairs, generator=chance) for _ in range(2))


BRADLEY_TERRY = Exercise(
    id="10.8",
    title="the loss of a reward model",
    minutes=5,
    difficulty=1,
    imports=("import torch", "from torch.nn import functional"),
    stub='''def bradley_terry(chosen, rejected):
    """Mean over the pairs of −ln σ(chosen − rejected): how surprising it is that the chosen answer wins, in nats.

    chosen, rejected (B,): rewards. Bradley and Terry 1952. Differences of ±200 occur; the result stays finite.
    """
    raise NotImplementedError
''',
    reference=bradley_terry,
    cases=(
        Case(lambda: (torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0]))),
        Case(lambda: _rewards(1, 5)),
        Case(lambda: (torch.tensor([-100.0]), torch.tensor([100.0]))),
    ),
    hidden=(Case(lambda: _rewards(2, 7)), Case(lambda: (torch.tensor([-90.0, 1.0]), torch.tensor([110.0, 0.5])))),
    invariants=(Invariant("a loss is not below 0", lambda loss, chosen, rejected: float(loss) >= 0),),
    hints=(
        "σ(chosen − rejected) is the probability that the chosen answer wins. Both rewards equal: 0.5, a loss of ln 2.",
        "σ(−200) is 0 in float32, and ln 0 is −∞. functional.logsigmoid does both steps at once and stays finite.",
        "Minus sign, logsigmoid of the difference, mean.",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "swapped",
            lambda chosen, rejected: bradley_terry(rejected, chosen),
            "The rewards are swapped: the loss falls as the rejected answer gains. Take chosen − rejected.",
        ),
        Misconception(
            "no minus",
            lambda chosen, rejected: -bradley_terry(chosen, rejected),
            "The minus is missing. The logarithm of a probability is below 0; a loss is its negative.",
        ),
        Misconception(
            "no logarithm",
            lambda chosen, rejected: -torch.sigmoid(chosen - rejected).mean(),
            "The logarithm is missing: that is minus the mean probability.",
        ),
        Misconception(
            "overflow",
            lambda chosen, rejected: -torch.sigmoid(chosen - rejected).log().mean(),
            "The formula is right and becomes infinite: σ(−200) is 0 in float32. Use functional.logsigmoid.",
        ),
        Misconception(
            "sum",
            lambda chosen, rejected: -functional.logsigmoid(chosen - rejected).sum(),
            "The losses are added up over the pairs. Take their mean, so that a larger batch has no larger loss.",
        ),
        Misconception(
            "logarithm of the mean",
            lambda chosen, rejected: -functional.logsigmoid((chosen - rejected).mean()),
            "The differences are averaged before the logarithm. Each pair has a loss; take the mean of those.",
        ),
        Misconception(
            "a plain difference",
            lambda chosen, rejected: (rejected - chosen).mean(),
            "That is the plain difference. It falls without end; the sigmoid lets a pair rest once it is in order.",
        ),
        Misconception(
            "each by itself",
            lambda chosen, rejected: -(functional.logsigmoid(chosen) + functional.logsigmoid(-rejected)).mean(),
            "Each reward is judged by itself, chosen as good and rejected as bad. Only their difference counts.",
        ),
        Misconception(
            "not averaged",
            lambda chosen, rejected: -functional.logsigmoid(chosen - rejected),
            "That is one loss for each pair. Take their mean.",
        ),
    ),
)


def dpo(chosen, rejected, chosen_before, rejected_before, beta):
    """The DPO loss: mean of −ln σ(β · (gain of the chosen − gain of the rejected)). Rafailov et al. 2023, eq. 7.

    Each (B,): ln p of a whole answer, by the model (chosen, rejected) and by the one it started from (…_before). An
    answer's gain is ln p − ln p before.
    """
    margin = (chosen - chosen_before) - (rejected - rejected_before)
    return -functional.logsigmoid(beta * margin).mean()


def _log_probabilities(seed, pairs, beta):
    chance = generator(seed)
    return (*(-5 * torch.rand(pairs, generator=chance) - 1 for _ in range(4)), beta)


def _loss(margin):
    return -functional.logsigmoid(margin).mean()


DPO = Exercise(
    id="10.9",
    title="write the DPO loss",
    minutes=8,
    difficulty=2,
    imports=("import torch", "from torch.nn import functional"),
    stub='''def dpo(chosen, rejected, chosen_before, rejected_before, beta):
    """The DPO loss: mean of −ln σ(β · (gain of the chosen − gain of the rejected)). Rafailov et al. 2023, eq. 7.

    Each (B,): ln p of a whole answer, by the model (chosen, rejected) and by the one it started from (…_before). An
    answer's gain is ln p − ln p before.
    """
    raise NotImplementedError
''',
    reference=dpo,
    cases=(
        Case(lambda: tuple(torch.tensor([x]) for x in (-4.0, -6.0, -5.0, -5.5)) + (0.5,)),
        Case(lambda: _log_probabilities(1, 4, 0.1)),
        Case(lambda: _log_probabilities(2, 6, 0.8)),
    ),
    hidden=(Case(lambda: _log_probabilities(3, 5, 0.3)), Case(lambda: _log_probabilities(4, 3, 2.0))),
    invariants=(Invariant("a loss is not below 0", lambda loss, *arguments: float(loss) >= 0),),
    hints=(
        "It is the loss of 10.8, with β · (ln p − ln p before) as the reward of an answer.",
        "margin = (chosen − chosen_before) − (rejected − rejected_before), of shape (B,).",
        "β stands inside the sigmoid: −functional.logsigmoid(beta * margin).mean().",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "no reference",
            lambda c, r, c0, r0, beta: _loss(beta * (c - r)),
            "The model it started from is left out. What counts is by how much each answer has gained.",
        ),
        Misconception(
            "swapped",
            lambda c, r, c0, r0, beta: dpo(r, c, r0, c0, beta),
            "Chosen and rejected are swapped: the model learns to prefer what people rejected.",
        ),
        Misconception(
            "beta outside",
            lambda c, r, c0, r0, beta: beta * dpo(c, r, c0, r0, 1.0),
            lambda c, r, c0, r0, beta: (
                f"β = {beta} multiplies the whole loss. It multiplies the margin, in the sigmoid."
            ),
        ),
        Misconception(
            "no beta", lambda c, r, c0, r0, beta: dpo(c, r, c0, r0, 1.0), "β is not used. It multiplies the margin."
        ),
        Misconception(
            "divided by beta",
            lambda c, r, c0, r0, beta: dpo(c, r, c0, r0, 1 / beta),
            "The margin is divided by β. It is multiplied by it.",
        ),
        Misconception(
            "no minus",
            lambda c, r, c0, r0, beta: -dpo(c, r, c0, r0, beta),
            "The minus is missing: ln σ is below 0, and making it smaller would undo the preference.",
        ),
        Misconception(
            "no logarithm",
            lambda c, r, c0, r0, beta: -torch.sigmoid(beta * (c - c0 - r + r0)).mean(),
            "The logarithm is missing: that is minus the mean probability that the chosen answer wins.",
        ),
        Misconception(
            "reference with the wrong sign",
            lambda c, r, c0, r0, beta: _loss(beta * ((c - r) + (c0 - r0))),
            "The starting model's preference is added. It is taken off: (chosen − rejected) − (… before).",
        ),
        Misconception(
            "sum",
            lambda c, r, c0, r0, beta: len(c) * dpo(c, r, c0, r0, beta),
            "The losses are added up over the pairs. Take their mean.",
        ),
    ),
)
