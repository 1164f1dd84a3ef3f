"""Exercises 8.5 to 8.7: a search for a likely text, a rule against repetition, and the judge of a faster model."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def beam(read, width, length):
    """The ids, `length` of them, of the likeliest text that a beam of `width` beginnings finds; a list.

    read(ids) -> list of V probabilities of what follows a tuple of ids. Begin with (). At every step each beginning is
    continued by every token that is possible, and the `width` likeliest of all are kept, by the sum of log p.
    """
    beginnings = [((), 0.0)]
    for _ in range(length):
        longer = [
            ((*ids, token), score + math.log(p))
            for ids, score in beginnings
            for token, p in enumerate(read(ids))
            if p > 0
        ]
        beginnings = sorted(longer, key=lambda pair: -pair[1])[:width]
    return list(beginnings[0][0])


def trap(ids):
    """A good first token with poor ones after it."""
    after = {(): [0.5, 0.4, 0.1], (0,): [0.4, 0.3, 0.3], (1,): [0.9, 0.05, 0.05]}
    return after.get(ids, [0.2, 0.2, 0.6])


def late(ids):
    """The likeliest text begins with the third token, and shows it at the end only."""
    if not ids:
        return [0.4, 0.35, 0.25]
    return {0: [0.5, 0.3, 0.2], 1: [0.3, 0.4, 0.3], 2: [0.0, 0.0, 1.0]}[ids[0]]


def varied(ids):
    """Other probabilities after every text."""
    number = 1 + sum((place + 1) * (token + 1) for place, token in enumerate(ids))
    return (2 * torch.randn(5, generator=generator(number))).softmax(dim=-1).tolist()


def restless(ids):
    """Likewise, over four tokens, of which the first cannot follow itself."""
    weights = torch.rand(4, generator=generator(7 + sum(3 ** (token + place) for place, token in enumerate(ids))))
    weights[0] *= not (ids and ids[-1] == 0)
    return (weights / weights.sum()).tolist()


def _beam(read, width, length, rate=lambda score, p: score + math.log(p), best=0, reverse=True):
    """`beam`, with another rating, another of the kept texts returned, or the least likely kept."""
    beginnings = [((), 0.0)]
    for _ in range(length):
        longer = [
            ((*ids, token), rate(score, p))
            for ids, score in beginnings
            for token, p in enumerate(read(ids))
            if p > 0
        ]
        beginnings = sorted(longer, key=lambda pair: pair[1], reverse=reverse)[:width]
    return list(beginnings[min(best, len(beginnings) - 1)][0])


def _each_keeps_its_best(read, width, length):
    """Every first token is followed greedily, and the likeliest of these texts is returned."""
    texts = []
    for token, p in sorted(enumerate(read(())), key=lambda pair: -pair[1])[:width]:
        ids, score = (token,), math.log(p)
        while len(ids) < length:
            best, p = max(enumerate(read(ids)), key=lambda pair: pair[1])
            ids, score = (*ids, best), score + math.log(p)
        texts.append((score, ids))
    return list(max(texts)[1])


BEAM = Exercise(
    id="8.5",
    title="beam search",
    minutes=20,
    difficulty=3,
    imports=("import math",),
    stub='''def beam(read, width, length):
    """The ids, `length` of them, of the likeliest text that a beam of `width` beginnings finds; a list.

    read(ids) -> list of V probabilities of what follows a tuple of ids. Begin with (). At every step each beginning is
    continued by every token that is possible, and the `width` likeliest of all are kept, by the sum of log p.
    """
    raise NotImplementedError
''',
    reference=beam,
    cases=(
        Case(lambda: (trap, 2, 2)),
        Case(lambda: (late, 2, 3)),
        Case(lambda: (restless, 3, 3)),
        Case(lambda: (varied, 3, 4)),
        Case(lambda: (restless, 2, 6)),
        Case(lambda: (varied, 2, 7)),
    ),
    hidden=(
        Case(lambda: (trap, 3, 3)),
        Case(lambda: (late, 2, 2)),
        Case(lambda: (varied, 4, 3)),
        Case(lambda: (varied, 4, 6)),
        Case(lambda: (restless, 3, 5)),
        Case(lambda: (varied, 2, 5)),
        Case(lambda: (restless, 2, 7)),
    ),
    invariants=(
        Invariant("as many ids as were asked for", lambda ids, read, width, length: len(ids) == length),
    ),
    hints=(
        "Keep a list of pairs (ids, sum of log p). It starts with [((), 0.0)].",
        "A step: all pairs of a beginning and a token of read(ids), with its new sum. Sort, keep the first `width`.",
        "math.log(0) is an error: leave out tokens of probability 0. In the end return the ids of the best as a list.",
    ),
    misconceptions=(
        Misconception(
            "greedy",
            lambda read, width, length: beam(read, 1, length),
            "Only one beginning is kept. That is greedy: keep `width` of them.",
        ),
        Misconception(
            "nothing is dropped",
            lambda read, width, length: beam(read, 10**6, length),
            "All beginnings are kept at every step. That finds the likeliest text of all, and takes V times as long "
            "with each token: keep `width` of them.",
        ),
        Misconception(
            "sum of probabilities",
            lambda read, width, length: _beam(read, width, length, rate=lambda score, p: score + p),
            "The probabilities are added. They multiply: add their logarithms.",
        ),
        Misconception(
            "only the last token counts",
            lambda read, width, length: _beam(read, width, length, rate=lambda score, p: math.log(p)),
            "A beginning is rated by its last token alone. Its score is the sum over all its tokens.",
        ),
        Misconception(
            "the least likely are kept",
            lambda read, width, length: _beam(read, width, length, reverse=False),
            "The least likely beginnings are kept. log p is negative, and nearer to 0 is better.",
        ),
        Misconception(
            "the last of the beam",
            lambda read, width, length: _beam(read, width, length, best=width - 1),
            "The worst text of the beam is returned. The best stands first after sorting.",
        ),
        Misconception(
            "every first token goes its own way",
            _each_keeps_its_best,
            "The beginnings are told apart at the first token only, and each goes on greedily. All continuations of "
            "all beginnings compete at every step.",
        ),
    ),
)


def forbidden(ids, n):
    """The tokens that would complete `n` tokens in a row which are in the text already; a set.

    ids: the text so far, a list. The n − 1 last ids are compared with every place of the text.
    """
    last = ids[len(ids) - (n - 1) :]
    return {ids[start + n - 1] for start in range(len(ids) - n + 1) if ids[start : start + n - 1] == last}


def _forbidden(ids, n, last=None, end=0, place=None):
    """`forbidden`, with other last ids, fewer starts, or another id of the n-gram forbidden."""
    last = ids[len(ids) - (n - 1) :] if last is None else last
    place = n - 1 if place is None else place
    starts = range(len(ids) - n + 1 - end)
    return {ids[start + place] for start in starts if ids[start : start + n - 1] == last}


FORBIDDEN = Exercise(
    id="8.6",
    title="no n-gram twice",
    minutes=10,
    difficulty=2,
    stub='''def forbidden(ids, n):
    """The tokens that would complete `n` tokens in a row which are in the text already; a set.

    ids: the text so far, a list. The n − 1 last ids are compared with every place of the text.
    """
    raise NotImplementedError
''',
    reference=forbidden,
    cases=(
        Case(lambda: ([1, 2, 3, 1, 2], 3)),
        Case(lambda: ([1, 2, 2], 2)),
        Case(lambda: ([5, 7, 5, 8, 5], 2)),
        Case(lambda: ([4, 6, 4], 1)),
        Case(lambda: ([3], 3)),
        Case(lambda: ([], 2)),
        Case(lambda: ([1, 2, 3, 9, 2, 3, 8, 1, 2, 3, 7, 2, 3], 3)),
    ),
    hidden=(
        Case(lambda: ([9, 9, 9], 2)),
        Case(lambda: ([2, 4, 2, 5, 2, 4, 2], 2)),
        Case(lambda: ([7, 8], 1)),
        Case(lambda: ([6, 1, 2, 3, 6, 1, 2, 4, 6, 1, 2], 4)),
        Case(lambda: ([1, 2], 4)),
        Case(lambda: ([], 1)),
        Case(lambda: ([3, 1, 1], 2)),
    ),
    hints=(
        "The last n − 1 ids: ids[len(ids) - (n - 1):]. With n = 1 that is an empty list, and everything matches it.",
        "For each start: are the n − 1 ids from there the same? Then the id after them is forbidden.",
        "The last possible start is len(ids) − n.",
    ),
    misconceptions=(
        Misconception(
            "n ids compared",
            lambda ids, n: {
                ids[start + n]
                for start in range(len(ids) - n)
                if ids[start : start + n] == ids[max(len(ids) - n, 0) :]
            },
            "n ids are compared, and an (n + 1)-gram is forbidden. The new token is itself the n-th.",
        ),
        Misconception(
            "everything that was there",
            lambda ids, n: set(ids),
            "Every token of the text is forbidden. That is right for n = 1 only.",
        ),
        Misconception(
            "ids[-(n - 1):]",
            lambda ids, n: _forbidden(ids, n, last=ids[-(n - 1) :]),
            "With n = 1, ids[-(n - 1):] is ids[0:], the whole text. Count from the front: ids[len(ids) - (n - 1):].",
        ),
        Misconception(
            "the last start left out",
            lambda ids, n: _forbidden(ids, n, end=1),
            "The last n-gram of the text is not looked at: range(len(ids) - n + 1).",
        ),
        Misconception(
            "the first id of the n-gram",
            lambda ids, n: _forbidden(ids, n, place=0),
            "The first id of the n-gram is forbidden. What must not follow is its last one.",
        ),
        Misconception(
            "only the first place",
            lambda ids, n: set(list(dict.fromkeys(_places(ids, n)))[:1]),
            "Only the first place is found. The same n − 1 ids may stand in several, with other tokens after them.",
        ),
    ),
)


def _places(ids, n):
    """The ids after each match, in the order of the text."""
    last = ids[len(ids) - (n - 1) :]
    return [ids[start + n - 1] for start in range(len(ids) - n + 1) if ids[start : start + n - 1] == last]


def accept(p, q, token):
    """Judge a guess: (the probability with which it is kept, the probabilities (V,) to draw from if it is not).

    p (V,): the large model's probabilities, q (V,) the draft's, token: what was drawn from q. Leviathan et al. 2023.
    """
    kept = (p[token] / q[token]).clamp(max=1)
    rest = (p - q).clamp(min=0)
    return kept, rest / rest.sum()


def _judged(seed, size):
    p, q = ((2 * torch.randn(size, generator=generator(seed + shift))).softmax(dim=-1) for shift in (0, 1))
    return p, q, int(q.argmax())


ACCEPT = Exercise(
    id="8.7",
    title="keep the guess?",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def accept(p, q, token):
    """Judge a guess: (the probability with which it is kept, the probabilities (V,) to draw from if it is not).

    p (V,): the large model's probabilities, q (V,) the draft's, token: what was drawn from q. Leviathan et al. 2023.
    """
    raise NotImplementedError
''',
    reference=accept,
    cases=(
        Case(lambda: (torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.7, 0.1, 0.2]), 0)),
        Case(lambda: (torch.tensor([0.2, 0.7, 0.1]), torch.tensor([0.3, 0.35, 0.35]), 1)),
        Case(lambda: _judged(1, 6)),
        Case(lambda: _judged(3, 8)),
    ),
    hidden=(
        Case(lambda: (torch.tensor([0.1, 0.6, 0.3]), torch.tensor([0.4, 0.4, 0.2]), 0)),
        Case(lambda: (torch.tensor([0.1, 0.6, 0.3]), torch.tensor([0.45, 0.25, 0.3]), 1)),
        Case(lambda: _judged(5, 9)),
        Case(lambda: _judged(9, 4)),
    ),
    invariants=(
        Invariant("a probability between 0 and 1", lambda result, *_: 0 <= float(result[0]) <= 1),
        Invariant("probabilities that sum to 1", lambda result, *_: abs(float(result[1].sum()) - 1) < 1e-4),
    ),
    hints=(
        "A token that the draft gives more than the model is kept in p/q of the cases, any other always.",
        "After a rejection: the positive part of p − q, divided by its sum.",
    ),
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "the wrong way round",
            lambda p, q, token: ((q[token] / p[token]).clamp(max=1), accept(p, q, token)[1]),
            "q/p is the ratio upside down: what the draft exaggerates would always be kept.",
        ),
        Misconception(
            "not capped",
            lambda p, q, token: (p[token] / q[token], accept(p, q, token)[1]),
            "p/q may be above 1, and a probability may not: clamp(max=1).",
        ),
        Misconception(
            "p alone",
            lambda p, q, token: (p[token], accept(p, q, token)[1]),
            "It is kept with probability p. But it comes only in q of the cases; together that would be p·q.",
        ),
        Misconception(
            "from p again",
            lambda p, q, token: (accept(p, q, token)[0], p),
            "After a rejection the token is drawn from p itself. What the draft has already brought would come twice.",
        ),
        Misconception(
            "rest not scaled",
            lambda p, q, token: (accept(p, q, token)[0], (p - q).clamp(min=0)),
            "The positive part of p − q does not sum to 1. Divide by its sum.",
        ),
        Misconception(
            "both differences",
            lambda p, q, token: (accept(p, q, token)[0], (p - q).abs() / (p - q).abs().sum()),
            "The absolute difference also holds what the draft gave too much. Only the positive part: clamp(min=0).",
        ),
        Misconception(
            "q less p",
            lambda p, q, token: (accept(p, q, token)[0], (q - p).clamp(min=0) / (q - p).clamp(min=0).sum()),
            "q − p is what the draft gave too much. It gave too little where p − q is positive.",
        ),
        Misconception(
            "yes or no",
            lambda p, q, token: ((p[token] >= q[token]).float(), accept(p, q, token)[1]),
            "The guess is kept always or never. Where p is below q it is kept with probability p/q.",
        ),
    ),
)
