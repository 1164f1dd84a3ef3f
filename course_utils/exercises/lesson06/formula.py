"""Exercises 6.1 and 6.4: the formula, on paper and as the function that lesson 07 puts into a live model."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator

ON_PAPER = Exercise(
    id="6.1",
    title="predict: one head on paper",
    minutes=5,
    difficulty=1,
    kind="predict",
    stub="""# A head of width K = 4. A word's query is (2, 0, 0, 0). Two words have the keys (ln 3, 5, 0, 0) and
# (0, 0, 7, 0), and the values 8 and 24. What does the head give to the word? e to the power of ln 3 is 3.
mixed = None
""",
    solution="mixed = 12  # products 2 ln 3 and 0, divided by √4: ln 3 and 0; weights 3/4 and 1/4; 6 + 6",
    reference=12,
    hints=(
        "The dot product of query and key: multiply place by place and add up. The 5 and the 7 meet a 0.",
        "The products are 2 ln 3 and 0. The root of 4 is 2, so the scores are ln 3 and 0.",
        "e to the powers of ln 3 and of 0 are 3 and 1. Divide by their sum and mix the values.",
    ),
    misconceptions=(
        Misconception("no scale", 9.6, "9.6 comes of scores that are not divided: e^(2 ln 3) is 9. Divide by √4 = 2."),
        Misconception(
            "divided by K",
            (8 * math.sqrt(3) + 24) / (math.sqrt(3) + 1),
            "That divides the scores by K = 4. It is the root of K, 2.",
        ),
        Misconception("mean", 16, "16 is the plain mean. The first word's key fits the query and counts for more."),
        Misconception("weights swapped", 20, "That gives 3/4 to the second word. The higher score weighs more."),
        Misconception("winner takes all", 8, "8 is the first word alone. A score of 0 is not a weight of 0: e⁰ is 1."),
        Misconception("not divided by the sum", 48, "That is 3·8 + 1·24. The weights have to sum to 1: divide by 4."),
        Misconception(
            "scores as weights",
            8 * math.log(3),
            "That takes the scores themselves as weights. First e to the power of each, then divide by the sum.",
        ),
    ),
    tolerance=0.005,
)


def attention(query, key, value, mask=None):
    """Mix the rows of `value` by how well each query matches each key.

    query (B, H, T, K), key and value (B, H, S, K); mask bool, spreads to (B, H, T, S), True where looking is allowed;
    None allows all. Returns the mixture (B, H, T, K) and the weights (B, H, T, S).
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


def _scores(query, key):
    return query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])


def _hidden(scores, mask):
    return scores if mask is None else scores.masked_fill(~mask, float("-inf"))


def _wrong(weigh):
    """An attention whose weights are `weigh(query, key, mask)`."""

    def wrong(query, key, value, mask=None):
        weights = weigh(query, key, mask)
        return weights @ value, weights

    return wrong


def _no_softmax(query, key, mask):
    scores = _scores(query, key)
    return scores if mask is None else scores * mask


def _leaky(mask):
    """Each row sees one place more than it may."""
    return mask if mask is None else mask | mask.roll(1, dims=-1)


def _only_mixture(query, key, value, mask=None):
    return attention(query, key, value, mask)[0]


def _swapped(query, key, value, mask=None):
    return attention(query, key, value, mask)[::-1]


def _keys_mixed(query, key, value, mask=None):
    weights = attention(query, key, value, mask)[1]
    return weights @ key, weights


def _small():
    """Two words of one head, K = 4, as in exercise 6.1."""
    query = torch.tensor([[[[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]]])
    key = torch.tensor([[[[1.0, 5.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]]])
    return query, key, torch.tensor([[[[8.0, 0.0, 0.0, 1.0], [16.0, 4.0, 0.0, 0.0]]]])


def _random(seed, batch, heads, length, keys, width):
    chance = generator(seed)
    shapes = ((batch, heads, length, width), *[(batch, heads, keys, width)] * 2)
    return tuple(torch.randn(shape, generator=chance) for shape in shapes)


def _causal(length, keys):
    """(T, S): the queries are the last T of the S places."""
    return torch.ones(length, keys, dtype=torch.bool).tril(keys - length)


def _padding(lengths, keys):
    return (torch.arange(keys) < torch.tensor(lengths)[:, None])[:, None, None]


ATTENTION = Exercise(
    id="6.4",
    title="write attention",
    minutes=15,
    difficulty=2,
    imports=("import math", "import torch"),
    stub='''def attention(query, key, value, mask=None):
    """Mix the rows of `value` by how well each query matches each key.

    query (B, H, T, K), key and value (B, H, S, K); mask bool, spreads to (B, H, T, S), True where looking is allowed;
    None allows all. Returns the mixture (B, H, T, K) and the weights (B, H, T, S).
    """
    raise NotImplementedError
''',
    reference=attention,
    cases=(
        Case(_small),
        Case(lambda: (*_small(), _causal(2, 2))),
        Case(lambda: (*_random(1, 2, 3, 4, 4, 8), _causal(4, 4))),
        Case(lambda: (*_random(2, 2, 2, 3, 5, 4), _causal(3, 5) & _padding([5, 3], 5))),
        Case(lambda: _random(3, 2, 3, 2, 4, 3)),
    ),
    hidden=(
        Case(lambda: (*_random(4, 3, 2, 5, 5, 6), _causal(5, 5) & _padding([5, 2, 4], 5))),
        Case(lambda: (*_random(5, 2, 4, 1, 6, 8), _causal(1, 6))),
        Case(lambda: _random(6, 1, 2, 3, 5, 2)),
    ),
    invariants=(
        Invariant(
            "weights sum to 1 over the keys",
            lambda result, *_: torch.allclose(result[1].sum(-1), torch.ones(result[1].shape[:-1]), atol=1e-4),
        ),
        Invariant(
            "no weight where the mask is False",
            lambda result, query, key, value, mask=None: (
                mask is None or bool((result[1][~mask.expand(result[1].shape)] == 0).all())
            ),
        ),
    ),
    hints=(
        "Every query with every key at once: query @ key.transpose(-2, -1) is (B, H, T, S). Divide by √K.",
        'Where a mask is given: scores.masked_fill(~mask, float("-inf")), before the softmax.',
        "The softmax runs over the keys, dim=-1: each row of weights answers one query. Then weights @ value.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "no scale",
            _wrong(lambda query, key, mask: _hidden(query @ key.transpose(-2, -1), mask).softmax(-1)),
            lambda query, *_: (
                f"That is the result without dividing the scores by √K (√{query.shape[-1]} = "
                f"{math.sqrt(query.shape[-1]):.2f} here)."
            ),
        ),
        Misconception(
            "divided by K",
            _wrong(lambda query, key, mask: _hidden(query @ key.transpose(-2, -1) / query.shape[-1], mask).softmax(-1)),
            lambda query, *_: f"The scores are divided by K, {query.shape[-1]} here. It is the root of K.",
        ),
        Misconception(
            "divided by the root of the length",
            _wrong(
                lambda query, key, mask: _hidden(
                    query @ key.transpose(-2, -1) / math.sqrt(key.shape[-2]), mask
                ).softmax(-1)
            ),
            "The scores are divided by the root of how many keys there are. It is the root of the width, the "
            "last axis of queries and keys.",
        ),
        Misconception(
            "softmax over the queries",
            _wrong(lambda query, key, mask: _hidden(_scores(query, key), mask).softmax(-2)),
            "The softmax runs over the queries, dim=-2. Each query shares its weight among the keys, dim=-1.",
        ),
        Misconception(
            "softmax over the heads",
            _wrong(lambda query, key, mask: _hidden(_scores(query, key), mask).softmax(1)),
            "The softmax runs over the heads, dim=1: heads compete for a key. It is the keys of one query that do.",
        ),
        Misconception(
            "mask after the softmax",
            _wrong(
                lambda query, key, mask: (
                    _scores(query, key).softmax(-1) if mask is None else _scores(query, key).softmax(-1) * mask
                )
            ),
            "The mask comes after the softmax: what is hidden has already taken its share, and the rest sums to less "
            "than 1. Hide before the softmax.",
        ),
        Misconception(
            "mask inverted",
            _wrong(lambda query, key, mask: _hidden(_scores(query, key), None if mask is None else ~mask).softmax(-1)),
            "The mask is the wrong way round: only what is forbidden gets weight. masked_fill fills where its mask is "
            "True, so it wants ~mask.",
        ),
        Misconception(
            "mask not used",
            _wrong(lambda query, key, mask: _scores(query, key).softmax(-1)),
            "The mask is not used: a word looks at words that come after it, and at padding.",
        ),
        Misconception(
            "masked scores are 0",
            _wrong(lambda query, key, mask: (_scores(query, key) * (1.0 if mask is None else mask)).softmax(-1)),
            "What is hidden has the score 0 there, and e⁰ is 1: it still gets weight. The score that hides is minus "
            "infinity.",
        ),
        Misconception(
            "future leaks by one",
            _wrong(lambda query, key, mask: _hidden(_scores(query, key), _leaky(mask)).softmax(-1)),
            "The future leaks by one: each word also sees the place after the last one it may see. The mask is right "
            "as it comes; do not shift it.",
        ),
        Misconception(
            "no softmax",
            _wrong(_no_softmax),
            "Those weights are the scores themselves: some are negative, and they do not sum to 1. A softmax is "
            "missing.",
        ),
        Misconception(
            "keys mixed",
            _keys_mixed,
            "The weights are right, but it is the keys that are mixed. A key says where to look; what is fetched there "
            "is the value.",
        ),
        Misconception(
            "weights not returned",
            _only_mixture,
            "That returns the mixture alone. Two things are wanted: return mixture, weights.",
        ),
        Misconception("results swapped", _swapped, "Mixture and weights have changed places: the mixture comes first."),
    ),
)
