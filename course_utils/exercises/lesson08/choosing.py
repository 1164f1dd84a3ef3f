"""Exercises 8.1 to 8.4: which tokens may be drawn, and with what probability."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator

SUMS_TO_ONE = Invariant("probabilities that sum to 1", lambda result, *_: abs(float(result.sum()) - 1) < 1e-4)


def _logits(seed, size, scale=2.0):
    return scale * torch.randn(size, generator=generator(seed))


def _probability(seed, size):
    return _logits(seed, size).softmax(dim=-1)


def _scaled(kept):
    """Probabilities that sum to 1; where none is kept, zeros."""
    return kept / kept.sum().clamp(min=1e-9)


def warm(logits, temperature, k):
    """Logits (V,) to the probabilities (V,) to draw from: temperature first, then only the k likeliest tokens.

    Tokens as likely as the k-th are kept, too. All others get the probability 0. k may be larger than V.
    """
    scaled = logits / temperature
    kth = scaled.topk(min(k, len(scaled))).values[-1]
    return scaled.masked_fill(scaled < kth, -torch.inf).softmax(dim=-1)


def _cut(logits, k, other):
    """`warm` at temperature 1, with this in place of the logits that are cut."""
    kth = logits.topk(min(k, len(logits))).values[-1]
    return logits.masked_fill(logits < kth, other).softmax(dim=-1)


def _unscaled(logits, temperature, k):
    kept = warm(logits, temperature, k)
    return (logits / temperature).softmax(dim=-1) * (kept > 0)


def _least_likely(logits, temperature, k):
    scaled = logits / temperature
    kth = (-scaled).topk(min(k, len(scaled))).values[-1]
    return scaled.masked_fill(-scaled < kth, -torch.inf).softmax(dim=-1)


def _exactly_k(logits, temperature, k):
    scaled = logits / temperature
    tokens = scaled.topk(min(k, len(scaled))).indices
    return torch.full_like(scaled, -torch.inf).index_copy(0, tokens, scaled[tokens]).softmax(dim=-1)


WARM = Exercise(
    id="8.1",
    title="temperature and top-k",
    minutes=8,
    difficulty=1,
    imports=("import torch",),
    stub='''def warm(logits, temperature, k):
    """Logits (V,) to the probabilities (V,) to draw from: temperature first, then only the k likeliest tokens.

    Tokens as likely as the k-th are kept, too. All others get the probability 0. k may be larger than V.
    """
    raise NotImplementedError
''',
    reference=warm,
    cases=(
        Case(lambda: (torch.tensor([2.0, 1.0, 0.0, -1.0]), 0.5, 2)),
        Case(lambda: (torch.tensor([1.0, 3.0, 1.0, 0.0]), 2.0, 2)),
        Case(lambda: (_logits(1, 6), 0.7, 3)),
        Case(lambda: (_logits(2, 5), 1.5, 9)),
    ),
    hidden=(
        Case(lambda: (_logits(3, 9), 0.6, 4)),
        Case(lambda: (torch.tensor([0.0, 2.0, 0.0, 2.0, -1.0]), 0.8, 3)),
        Case(lambda: (_logits(4, 4), 1.3, 7)),
    ),
    invariants=(SUMS_TO_ONE,),
    hints=(
        "The temperature divides the logits. logits.topk(k).values[-1] is the k-th largest.",
        "What is cut gets the logit -torch.inf; softmax makes 0 of it, and the rest sums to 1 by itself.",
        "topk refuses a k above V: min(k, len(logits)).",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "multiplied",
            lambda logits, temperature, k: warm(logits, 1 / temperature, k),
            lambda logits, temperature, *_: (
                f"The logits are multiplied by the temperature. At {temperature} they are to be divided by it: below 1 "
                "the likely tokens gain."
            ),
        ),
        Misconception(
            "no temperature",
            lambda logits, temperature, k: warm(logits, 1.0, k),
            "The temperature is not used, or it divides probabilities, where the sum takes it out again. It divides "
            "the logits, before the softmax.",
        ),
        Misconception(
            "no cut",
            lambda logits, temperature, k: (logits / temperature).softmax(dim=-1),
            "All tokens are kept. All but the k likeliest get the probability 0.",
        ),
        Misconception(
            "not scaled",
            _unscaled,
            "The cut came after the softmax, and what is kept no longer sums to 1. Cut the logits, or divide by the "
            "sum.",
        ),
        Misconception(
            "cut to 0",
            lambda logits, temperature, k: _cut(logits / temperature, k, 0.0),
            "A logit of 0 is no probability of 0: softmax makes e⁰ = 1 of it. Take -torch.inf.",
        ),
        Misconception(
            "the least likely",
            _least_likely,
            "The k least likely tokens are kept. topk gives the largest; what is below the k-th of them is cut.",
        ),
        Misconception(
            "exactly k",
            _exactly_k,
            "Exactly k tokens are kept, and one as likely as the k-th is dropped. Compare with the k-th value, instead "
            "of taking the k indices of topk.",
        ),
        Misconception(
            "k numbers",
            lambda logits, temperature, k: (logits / temperature).topk(min(k, len(logits))).values.softmax(dim=-1),
            "That is a list of the k kept probabilities, sorted. Which token is which is lost: return all V in their "
            "order.",
        ),
    ),
)


def nucleus(probability, p):
    """Keep the fewest tokens, likeliest first, that together have at least the probability p. Holtzman et al. 2020.

    probability (V,) to (V,) that sums to 1; tokens that are not kept get 0.
    """
    ordered, tokens = probability.sort(descending=True, stable=True)  # of equally likely ones the first
    before = ordered.cumsum(dim=0) - ordered  # what the likelier tokens have together
    kept = torch.zeros_like(probability)
    kept[tokens[before < p]] = ordered[before < p]
    return kept / kept.sum()


def _nucleus(probability, keep, descending=True):
    """The tokens for which keep(their sum with all before, their own probability) holds, scaled."""
    ordered, tokens = probability.sort(descending=descending)
    inside = keep(ordered.cumsum(dim=0), ordered)
    return _scaled(torch.zeros_like(probability).index_copy(0, tokens, ordered * inside))


NUCLEUS = Exercise(
    id="8.2",
    title="top-p",
    minutes=10,
    difficulty=2,
    imports=("import torch",),
    stub='''def nucleus(probability, p):
    """Keep the fewest tokens, likeliest first, that together have at least the probability p. Holtzman et al. 2020.

    probability (V,) to (V,) that sums to 1; tokens that are not kept get 0.
    """
    raise NotImplementedError
''',
    reference=nucleus,
    cases=(
        Case(lambda: (torch.tensor([0.25, 0.375, 0.3125, 0.0625]), 0.6)),
        Case(lambda: (torch.tensor([0.125, 0.25, 0.5, 0.0625, 0.0625]), 0.75)),
        Case(lambda: (_probability(1, 6), 0.9)),
        Case(lambda: (_probability(6, 9), 0.7)),
        Case(lambda: (torch.tensor([0.0, 0.75, 0.25]), 1.0)),
    ),
    hidden=(
        Case(lambda: (torch.tensor([0.0625, 0.5, 0.0625, 0.25, 0.125]), 0.5)),
        Case(lambda: (_probability(2, 12), 0.8)),
        Case(lambda: (_probability(3, 8), 0.95)),
    ),
    invariants=(SUMS_TO_ONE,),
    hints=(
        "Sort with descending=True; sort also returns which token stands where.",
        "cumsum less the token's own probability is what stands before it. A token is kept while that is below p.",
        "Put the kept ones back to their own places, kept[tokens] = …, and divide by the sum.",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "without the token that reaches p",
            lambda probability, p: _nucleus(
                probability, lambda total, own: (total <= p) | (total == own)
            ),
            "The token with which the sum reaches p is dropped, so those kept have less than p together. It is the "
            "last that is kept.",
        ),
        Misconception(
            "one too many",
            lambda probability, p: _nucleus(probability, lambda total, own: total - own <= p),
            "Where the sum is p exactly, one token too many is kept: a token is kept while those before it have *less* "
            "than p.",
        ),
        Misconception(
            "a threshold for each token",
            lambda probability, p: _nucleus(probability, lambda total, own: own >= 1 - p),
            "Each token is compared with a threshold of its own. p is about the sum of the likeliest ones.",
        ),
        Misconception(
            "the least likely first",
            lambda probability, p: _nucleus(probability, lambda total, own: total - own < p, descending=False),
            "It begins with the least likely tokens. sort needs descending=True.",
        ),
        Misconception(
            "left in sorted order",
            lambda probability, p: nucleus(probability, p).sort(descending=True).values,
            "The kept probabilities are right, but they stand in sorted order. Each belongs to its own token.",
        ),
        Misconception(
            "not scaled",
            lambda probability, p: probability * (nucleus(probability, p) > 0),
            "What is kept does not sum to 1. Divide by its sum.",
        ),
        Misconception(
            "the rest",
            lambda probability, p: _scaled(probability * (nucleus(probability, p) == 0)),
            "It keeps exactly the tokens that are to be dropped.",
        ),
        Misconception(
            "alike",
            lambda probability, p: _scaled((nucleus(probability, p) > 0).float()),
            "The tokens kept are all equally likely now. They keep their proportions.",
        ),
    ),
)


def min_p(probability, share):
    """Keep the tokens that are at least `share` times as likely as the likeliest. Nguyen et al. 2024.

    probability (V,) to (V,) that sums to 1; tokens that are not kept get 0.
    """
    kept = torch.where(probability >= share * probability.max(), probability, 0.0)
    return kept / kept.sum()


def _above(probability, least):
    return _scaled(torch.where(probability >= least, probability, 0.0))


MIN_P = Exercise(
    id="8.3",
    title="min-p",
    minutes=4,
    difficulty=1,
    imports=("import torch",),
    stub='''def min_p(probability, share):
    """Keep the tokens that are at least `share` times as likely as the likeliest. Nguyen et al. 2024.

    probability (V,) to (V,) that sums to 1; tokens that are not kept get 0.
    """
    raise NotImplementedError
''',
    reference=min_p,
    cases=(
        Case(lambda: (torch.tensor([0.5, 0.25, 0.125, 0.125]), 0.5)),
        Case(lambda: (torch.tensor([0.25, 0.03125, 0.25, 0.25, 0.21875]), 0.3)),
        Case(lambda: (_probability(4, 7), 0.1)),
    ),
    hidden=(
        Case(lambda: (torch.tensor([0.125, 0.5, 0.25, 0.125]), 0.25)),
        Case(lambda: (_probability(5, 12), 0.2)),
        Case(lambda: (torch.tensor([0.2, 0.2, 0.03, 0.2, 0.2, 0.17]), 0.25)),
    ),
    invariants=(SUMS_TO_ONE,),
    hints=(
        "The smallest probability that is kept: share * probability.max().",
        "torch.where(condition, probability, 0.0), then divide by the sum.",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "share as the threshold",
            lambda probability, share: _above(probability, share),
            lambda probability, share: (
                f"`share` is compared with the probabilities themselves. The threshold is {share} times the likeliest "
                f"one, here {share * probability.max().item():.3g}."
            ),
        ),
        Misconception(
            "of the mean",
            lambda probability, share: _above(probability, share * probability.mean()),
            "The threshold is a share of the mean probability. It is a share of the largest.",
        ),
        Misconception(
            "strictly above",
            lambda probability, share: _scaled(
                torch.where(probability > share * probability.max(), probability, 0.0)
            ),
            "A token exactly `share` times as likely as the likeliest is dropped. At least means >=.",
        ),
        Misconception(
            "not scaled",
            lambda probability, share: probability * (probability >= share * probability.max()),
            "What is kept does not sum to 1. Divide by its sum.",
        ),
        Misconception(
            "subtracted",
            lambda probability, share: _scaled((probability - share * probability.max()).clamp(min=0)),
            "The threshold is subtracted from the probabilities. Those above it stay as they are.",
        ),
        Misconception(
            "nothing dropped",
            lambda probability, share: _scaled(probability.clamp(min=0)),
            "No token is dropped.",
        ),
    ),
)


KEPT = Exercise(
    id="8.4",
    title="predict: how many are kept",
    minutes=6,
    difficulty=2,
    kind="predict",
    stub="""# blue 0.48, clear 0.24, falling 0.16, green 0.08, the 0.04.
# Temperature 0.5 first, then top-p 0.9. How many of the five tokens can be drawn?
kept = None
""",
    solution="kept = 3  # squares 0.2304, 0.0576, 0.0256, 0.0064, 0.0016; of their sum: 0.716, 0.895, 0.975, …",
    reference=3,
    hints=(
        "A temperature of 0.5 squares the probabilities. Divide by the sum of the squares, 0.3216.",
        "0.716, 0.179, 0.080, 0.020, 0.005. Add them up from the left until 0.9 is reached.",
    ),
    misconceptions=(
        Misconception(
            "without the temperature",
            4,
            "4 is top-p 0.9 at temperature 1: 0.48 + 0.24 + 0.16 = 0.88 is not enough. First square.",
        ),
        Misconception(
            "without the token that reaches p", 2, "The first two have 0.895, which is less than 0.9. One more is kept."
        ),
        Misconception("one", 1, "The first alone has 0.716, less than 0.9."),
        Misconception("all", 5, "After the third token the sum is 0.975 and above 0.9. The others are dropped."),
    ),
)
