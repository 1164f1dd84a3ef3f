"""Exercises 12.1 to 12.3: what the best discriminator tells, and the losses of both players."""

import math

import torch
from torch.nn import functional

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator

# --- the best discriminator ---------------------------------------------------------------------------


def best_discriminator(real, fake):
    """The best D for a table of values, and its loss in nats: (D, loss).

    real, fake: the probability of each value, two lists of equal length; no value has 0 in both. D: a list of floats,
    for each value the probability that it is real. The loss is −Σ real · ln D − Σ fake · ln(1 − D), where 0 · ln 0 = 0.
    Goodfellow et al. 2014, proposition 1.
    """
    D = [p / (p + q) for p, q in zip(real, fake, strict=True)]
    loss = 0.0
    for p, q, d in zip(real, fake, D, strict=True):
        loss -= p * math.log(d) if p > 0 else 0.0
        loss -= q * math.log(1 - d) if q > 0 else 0.0
    return D, loss


def _times_log(share, number):
    return share * math.log(number) if share > 0 else 0.0


def _told(best=lambda p, q: p / (p + q), loss=None):
    """The answer with another best D for a value, or another loss(real, fake, D) for all of them."""

    def found(real, fake):
        D = [best(p, q) for p, q in zip(real, fake, strict=True)]
        return D, (loss or _loss)(real, fake, D)

    return found


def _loss(real, fake, D):
    return -sum(_times_log(p, d) + _times_log(q, 1 - d) for p, q, d in zip(real, fake, D, strict=True))


def _one_part(real, fake, D):
    return -sum(_times_log(p, d) for p, d in zip(real, D, strict=True))


def _for_the_generator(real, fake, D):
    return -sum(_times_log(p, d) for p, d in zip(real, D, strict=True)) - sum(
        _times_log(q, d) for q, d in zip(fake, D, strict=True)
    )


DIVERGENCE = Exercise(
    id="12.1",
    title="the best discriminator",
    minutes=10,
    difficulty=2,
    imports=("import math",),
    stub='''def best_discriminator(real, fake):
    """The best D for a table of values, and its loss in nats: (D, loss).

    real, fake: the probability of each value, two lists of equal length; no value has 0 in both. D: a list of floats,
    for each value the probability that it is real. The loss is −Σ real · ln D − Σ fake · ln(1 − D), where 0 · ln 0 = 0.
    Goodfellow et al. 2014, proposition 1.
    """
    raise NotImplementedError
''',
    reference=best_discriminator,
    cases=(
        Case(lambda: ([0.75, 0.25], [0.25, 0.75])),
        Case(lambda: ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4])),
        Case(lambda: ([0.7, 0.3, 0.0], [0.2, 0.4, 0.4])),
    ),
    hidden=(
        Case(lambda: ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5])),
        Case(lambda: ([0.0, 0.1, 0.6, 0.3], [0.25, 0.45, 0.3, 0.0])),
    ),
    invariants=(
        Invariant("each D lies from 0 to 1", lambda told, real, fake: all(0 <= d <= 1 for d in told[0])),
        Invariant("the loss lies from 0 to 2 ln 2", lambda told, real, fake: 0 <= told[1] <= 2 * math.log(2) + 1e-9),
    ),
    hints=(
        "A value that comes three times as often in the real data as in the generated is real in 3 of 4 cases.",
        "For a value with probabilities p and q, D = p / (p + q).",
        "Skip a term of the loss whose probability is 0: math.log(0) raises an error.",
    ),
    misconceptions=(
        Misconception(
            "the other way round",
            _told(lambda p, q: q / (p + q)),
            "That is the probability that a value is generated. D says how likely it is real: p / (p + q).",
        ),
        Misconception(
            "real share alone",
            _told(lambda p, q: p),
            "D is the probability of the value among real data. It has to be compared with that among the generated.",
        ),
        Misconception(
            "one or nothing",
            _told(lambda p, q: float(p > q), lambda real, fake, D: 0.0),
            "D decides for one side there. A value that both produce stays uncertain: D = p / (p + q).",
        ),
        Misconception(
            "the real part alone",
            _told(loss=_one_part),
            "D is right. The loss has two sums, and the one over generated values is missing.",
        ),
        Misconception(
            "generated values with ln D",
            _told(loss=_for_the_generator),
            "D is right. For generated values the discriminator wants 1 − D to be large: −Σ fake · ln(1 − D).",
        ),
        Misconception(
            "mean over the values",
            _told(loss=lambda real, fake, D: _loss(real, fake, D) / len(D)),
            "D is right. The loss is divided by the number of values; the probabilities are weights already.",
        ),
        Misconception(
            "sign of the loss",
            _told(loss=lambda real, fake, D: -_loss(real, fake, D)),
            "D is right. The loss has lost its minus: logarithms of probabilities are below 0, losses above.",
        ),
        Misconception(
            "bits",
            _told(loss=lambda real, fake, D: _loss(real, fake, D) / math.log(2)),
            "D is right. The loss is in bits; it is asked for in nats, with math.log.",
        ),
        Misconception(
            "halved",
            _told(loss=lambda real, fake, D: _loss(real, fake, D) / 2),
            "D is right. The loss is halved there; it is the sum of both parts.",
        ),
        Misconception(
            "divergence returned",
            _told(loss=lambda real, fake, D: math.log(2) - _loss(real, fake, D) / 2),
            "That is the Jensen–Shannon divergence, ln 2 − loss/2. Return the loss itself.",
        ),
    ),
)


HALF = Exercise(
    id="12.2",
    title="predict: two coins that share a face",
    minutes=5,
    difficulty=2,
    kind="predict",
    stub="""# Real data take the values a and b, with probability 1/2 each; the generator makes b and c, with 1/2 each.
# How large is their Jensen-Shannon divergence, in bits? (0 where both are equal, 1 where they share nothing.)
divergence = None
""",
    solution="divergence = 0.5  # D = 1, 1/2, 0; the loss is two halves of a bit, and 1 − 1/2 is left",
    reference=0.5,
    hints=(
        "The best discriminator says 1, 1/2 and 0 to a, b and c.",
        "Only b costs anything: 1/2 · 1 bit for the real ones, 1/2 · 1 bit for the generated. The loss is 1 bit.",
        "In bits the divergence is 1 − loss/2.",
    ),
    misconceptions=(
        Misconception("the loss", 1.0, "1 bit is the loss of the best discriminator. The divergence is 1 − loss/2."),
        Misconception("nothing shared", 2.0, "2 bits are more than it can be: 1 where the two share nothing."),
        Misconception("all shared", 0.0, "0 would mean that both are equal. Each has a value that the other lacks."),
        Misconception(
            "one half of it",
            0.25,
            "0.25 is one of its two halves: of real data against the mixture, or of generated. Add both.",
        ),
        Misconception("nats", 0.5 * math.log(2), "0.347 is the same in nats. Divide by ln 2."),
        Misconception(
            "Kullback-Leibler",
            math.inf,
            "That is the KL divergence: a value that one never makes costs it infinitely much. Here each is compared "
            "with the mixture of both, which makes every value.",
        ),
        Misconception("a third", 1 / 3, "One of three values is shared, but it has half of both probabilities."),
    ),
)


# --- losses ---------------------------------------------------------------------------------------------


def gan_losses(real_logits, fake_logits):
    """Both players' losses in nats, as (discriminator's, generator's); the generator's is the non-saturating one.

    real_logits, fake_logits: (B,) logits of the discriminator, D = sigmoid(logit). Logits of ±200 come out right.
    −ln D(real) − ln(1 − D(fake)), and −ln D(fake), each averaged over its images. Goodfellow et al. 2014.
    """
    discriminator = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
    return discriminator, functional.softplus(-fake_logits).mean()


def _minus_log(logits):
    """−ln D"""
    return functional.softplus(-logits).mean()


def _by_logarithms(real_logits, fake_logits):
    real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return -real.log().mean() - (1 - fake).log().mean(), -fake.log().mean()


def _sums(real_logits, fake_logits):
    critic = functional.softplus(-real_logits).sum() + functional.softplus(fake_logits).sum()
    return critic, functional.softplus(-fake_logits).sum()


def _twice_squashed(real_logits, fake_logits):
    return gan_losses(torch.sigmoid(real_logits), torch.sigmoid(fake_logits))


def _raw_scores(real_logits, fake_logits):
    return fake_logits.mean() - real_logits.mean(), -fake_logits.mean()


def _otherwise(critic=None, maker=None):
    """The losses with one of them otherwise, each a function of both logits."""

    def losses(real_logits, fake_logits):
        right = gan_losses(real_logits, fake_logits)
        return (
            critic(real_logits, fake_logits) if critic else right[0],
            maker(real_logits, fake_logits) if maker else right[1],
        )

    return losses


def _logits(seed, count, scale=2.0):
    chance = generator(seed)
    return scale * torch.randn(count, generator=chance), scale * torch.randn(count, generator=chance)


LOSSES = Exercise(
    id="12.3",
    title="the losses of both players",
    minutes=10,
    difficulty=2,
    imports=("import torch", "from torch.nn import functional"),
    tolerance=1e-4,
    stub='''def gan_losses(real_logits, fake_logits):
    """Both players' losses in nats, as (discriminator's, generator's); the generator's is the non-saturating one.

    real_logits, fake_logits: (B,) logits of the discriminator, D = sigmoid(logit). Logits of ±200 come out right.
    −ln D(real) − ln(1 − D(fake)), and −ln D(fake), each averaged over its images. Goodfellow et al. 2014.
    """
    raise NotImplementedError
''',
    reference=gan_losses,
    cases=(
        Case(lambda: (torch.tensor([1.0, -0.5]), torch.tensor([-2.0, 0.25]))),
        Case(lambda: _logits(1, 6)),
        Case(lambda: (torch.tensor([3.0, -200.0]), torch.tensor([200.0, -200.0]))),
    ),
    hidden=(
        Case(lambda: (torch.tensor([0.5, 2.0, -1.0]), torch.tensor([-0.75, 1.5, 0.0]))),
        Case(lambda: (torch.tensor([-200.0, 1.0]), torch.tensor([150.0, -180.0]))),
    ),
    hints=(
        "−ln sigmoid(x) is softplus(−x), and 1 − sigmoid(x) is sigmoid(−x). So −ln(1 − D) is softplus(x).",
        "functional.softplus does not overflow; torch.sigmoid(x).log() is −∞ from about −104 on.",
        "The discriminator has two means, one over real logits and one over fake ones, and adds them.",
    ),
    misconceptions=(
        Misconception(
            "minimax for the generator",
            _otherwise(maker=lambda real, fake: -functional.softplus(fake).mean()),
            "The generator's loss is ln(1 − D(fake)): the minimax one, flat where the discriminator is sure. The "
            "non-saturating one is −ln D(fake).",
        ),
        Misconception(
            "the generator's sign",
            _otherwise(maker=lambda real, fake: functional.softplus(fake).mean()),
            "The generator's loss is −ln(1 − D(fake)). It falls as the fakes are found out: both would want the same.",
        ),
        Misconception(
            "the non-saturating loss's sign",
            _otherwise(maker=lambda real, fake: -_minus_log(fake)),
            "The generator's loss is ln D(fake), without its minus. Made small, it makes the fakes worse.",
        ),
        Misconception(
            "labels exchanged",
            lambda real, fake: gan_losses(fake, real),
            "Real and fake are exchanged. The discriminator's logits are to be high on the real ones.",
        ),
        Misconception(
            "labels exchanged for the discriminator",
            _otherwise(critic=lambda real, fake: gan_losses(fake, real)[0]),
            "The discriminator learns to call fakes real. Its loss is −ln D(real) − ln(1 − D(fake)).",
        ),
        Misconception(
            "fakes taken for real",
            _otherwise(critic=lambda real, fake: _minus_log(real) + _minus_log(fake)),
            "The discriminator's second part is −ln D(fake): it would call everything real. It is −ln(1 − D(fake)).",
        ),
        Misconception(
            "the discriminator's sign",
            _otherwise(critic=lambda real, fake: -gan_losses(real, fake)[0]),
            "The discriminator's loss has lost its minus. A loss is made small: each logarithm has one.",
        ),
        Misconception(
            "halved",
            _otherwise(critic=lambda real, fake: gan_losses(real, fake)[0] / 2),
            "The discriminator's loss is halved. Some libraries do so; here both means are added.",
        ),
        Misconception(
            "the generator's real part",
            _otherwise(maker=lambda real, fake: _minus_log(fake) + functional.softplus(real).mean()),
            "The generator's loss has a part for real images. It cannot change them: nothing flows to it from there.",
        ),
        Misconception(
            "taken for probabilities",
            lambda real, fake: (-real.log().mean() - (1 - fake).log().mean(), -fake.log().mean()),
            "The logits are taken for probabilities. D is sigmoid(logit), and the logarithm of a negative number is "
            "not a number.",
        ),
        Misconception(
            "squashed twice",
            _twice_squashed,
            "The sigmoid is taken twice: softplus expects the logit, not D.",
        ),
        Misconception(
            "logarithm of a sigmoid",
            _by_logarithms,
            "Right for small logits. At ±200 the sigmoid is 0 in float32, and its logarithm −∞. Use softplus.",
        ),
        Misconception(
            "no logarithm",
            _raw_scores,
            "Those are the bare logits: the losses of a Wasserstein GAN (Arjovsky et al. 2017).",
        ),
        Misconception(
            "sums",
            _sums,
            "The losses are summed over the images. They are averaged, or else the batch would set the step.",
        ),
        Misconception(
            "players exchanged",
            lambda real, fake: gan_losses(real, fake)[::-1],
            "The generator's loss comes first there. Return the discriminator's, then the generator's.",
        ),
    ),
)
