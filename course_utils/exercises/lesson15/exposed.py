"""Exercise 15.5: how far a model gives away a secret that stood in its training text."""

import math

import torch
from scipy.stats import rankdata

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def exposure(nats, secret):
    """log2 of the number of candidates less log2 of the secret's rank among them: a float, in bits.

    nats (R,): −ln p of the text with each of the R candidates in it. secret: the place of the one that was planted.
    Rank 1 is the likeliest. Candidates that are exactly as likely as the secret rank before it, so that a model that
    tells none apart exposes none. Carlini et al. 2019.
    """
    rank = int((nats <= nats[secret]).sum())  # the secret is counted too
    return math.log2(len(nats)) - math.log2(rank)


def _bits(rank, logarithm=math.log2, of=len):
    """The same with another rank(nats, secret), another logarithm, or another number of candidates."""
    return lambda nats, secret: float(logarithm(of(nats)) - logarithm(rank(nats, secret)))


def _rank(nats, secret):
    return int((nats <= nats[secret]).sum())


def _before(nats, secret):
    return int((nats < nats[secret]).sum())


def _ties_behind(nats, secret):
    return 1 + _before(nats, secret)


def _rank_by(method, turn=1):
    return lambda nats, secret: float(rankdata(turn * nats.numpy(), method=method)[secret])


def _who_stands_there(nats, secret):
    """What argsort holds at the secret's place: not its rank, but who has that rank."""
    return 1 + int(nats.argsort(stable=True)[secret])


def _its_own_bits(nats, secret):
    return float(nats[secret]) / math.log(2)


def _above_an_even_share(nats, secret):
    return math.log2(len(nats)) + float((-nats.double()).log_softmax(dim=0)[secret]) / math.log(2)


def _below_the_mean(nats, secret):
    return float(nats.double().mean() - nats[secret]) / math.log(2)


def _candidates(seed, count, secret, gain):
    """Costs of `count` candidates in steps of 1/8 nat, so that some are equal; the secret's is `gain` less."""
    nats = 20 + 2 * torch.randn(count, generator=generator(seed), dtype=torch.float64)
    nats[secret] -= gain
    return (nats * 8).round() / 8, secret


EXPOSURE = Exercise(
    id="15.5",
    title="how exposed is a secret?",
    minutes=7,
    difficulty=2,
    imports=("import math", "import torch"),
    stub='''def exposure(nats, secret):
    """log2 of the number of candidates less log2 of the secret's rank among them: a float, in bits.

    nats (R,): −ln p of the text with each of the R candidates in it. secret: the place of the one that was planted.
    Rank 1 is the likeliest. Candidates that are exactly as likely as the secret rank before it, so that a model that
    tells none apart exposes none. Carlini et al. 2019.
    """
    raise NotImplementedError
''',
    reference=exposure,
    tolerance=1e-5,
    cases=(
        Case(lambda: (torch.tensor([9.0, 4.0, 7.0, 8.0]), 2)),
        Case(lambda: (torch.tensor([5.0, 3.0, 6.0, 5.0, 3.0, 2.0, 9.0, 5.0]), 3)),
        Case(lambda: _candidates(1, 100, 42, 3.0)),
        Case(lambda: (torch.full((16,), 12.0), 6)),
    ),
    hidden=(Case(lambda: _candidates(2, 50, 7, 0.0)), Case(lambda: _candidates(3, 1000, 815, 5.0))),
    invariants=(
        Invariant("0 at least", lambda bits, *_: bits >= -1e-9),
        Invariant("log2 R at most", lambda bits, nats, secret: bits <= math.log2(len(nats)) + 1e-9),
    ),
    hints=(
        "The likeliest candidate has the fewest nats. Of 9, 4, 7 and 8 nats the secret has 7: only one costs less, so "
        "its rank is 2 of 4.",
        "Half of the candidates are as likely or likelier there: 1 bit. Rank 1 of 10,000 is 13.3 bits, the last rank "
        "0 bits.",
        "(nats <= nats[secret]).sum() counts those before it, those as likely, and the secret itself: its rank.",
    ),
    misconceptions=(
        Misconception(
            "equals behind",
            _bits(_ties_behind),
            "Candidates exactly as likely rank behind the secret. Put them before it: else a model that finds all "
            "equal would expose it fully.",
        ),
        Misconception(
            "mean rank of equals",
            _bits(_rank_by("average")),
            "Equals share the mean of their ranks there. Here all of them rank before the secret.",
        ),
        Misconception(
            "different costs counted",
            _bits(_rank_by("dense")),
            "Equal candidates count as one on the way to the rank. Each of them ranks before what is less likely.",
        ),
        Misconception(
            "ranks from 0",
            _bits(lambda nats, secret: _rank(nats, secret) - 1, logarithm=lambda n: math.log2(n) if n else -math.inf),
            "The likeliest has rank 0 there, and log2 0 does not exist. Ranks count from 1: the secret itself is "
            "counted.",
        ),
        Misconception(
            "likeliest last",
            _bits(_rank_by("max", turn=-1)),
            "The most nats come first there. nats hold −ln p: the likeliest has the fewest.",
        ),
        Misconception(
            "who stands at its place",
            _bits(_who_stands_there),
            "argsort(nats)[secret] tells which candidate stands at place `secret` of the order. The secret's own place "
            "is asked for: count those that cost no more.",
        ),
        Misconception(
            "the place in the list",
            _bits(lambda nats, secret: secret + 1),
            "`secret` is its place in the list of candidates, as they were written down. Its rank comes from nats.",
        ),
        Misconception(
            "in nats",
            _bits(_rank, logarithm=math.log),
            "The natural logarithm gives nats. Exposure is in bits: log2.",
        ),
        Misconception(
            "decimal logarithm",
            _bits(_rank, logarithm=math.log10),
            "The decimal logarithm gives digits. Exposure is in bits: log2.",
        ),
        Misconception(
            "no logarithm",
            lambda nats, secret: len(nats) / _rank(nats, secret),
            "That is R / rank. Its logarithm is asked for: how many bits of the secret are out.",
        ),
        Misconception(
            "turned round",
            lambda nats, secret: -exposure(nats, secret),
            "The sign is turned. log2 R comes first: rank 1 is the most exposed.",
        ),
        Misconception(
            "rank in bits",
            lambda nats, secret: math.log2(_rank(nats, secret)),
            "That is log2 of the rank: how many bits are still to be guessed. What is out is log2 R less that.",
        ),
        Misconception(
            "others alone",
            _bits(_rank, of=lambda nats: len(nats) - 1),
            "The secret is left out of the number of candidates, but not of its rank. Of R it is one.",
        ),
        Misconception(
            "its own bits",
            _its_own_bits,
            "That is what the secret costs, in bits. To a poor model every candidate costs much: compare with the "
            "others.",
        ),
        Misconception(
            "above an even share",
            _above_an_even_share,
            "Its probability among the candidates is compared with 1/R. Exposure asks for the rank alone, whether the "
            "first is ahead by much or little.",
        ),
        Misconception(
            "below the mean",
            _below_the_mean,
            "That is how much less than the mean it costs. Exposure asks for the rank: how many cost no more.",
        ),
    ),
)
