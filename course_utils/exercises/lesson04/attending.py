"""Exercises 4.4 to 4.6: where to look. A mixture on paper, the dot product, the additive score."""

import math

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator

MIXTURE = Exercise(
    id="4.4",
    title="predict: a mixture on paper",
    minutes=3,
    difficulty=1,
    kind="predict",
    stub="""# Two source places hold the numbers 8 and 16. The decoder's scores for them are 0 and ln 3 (about 1.0986).
# What is the mixture, with the softmax of the scores as weights? Work it out on paper; e to the power of ln 3 is 3.
mixture = None
""",
    solution="mixture = 14  # e⁰ = 1 and e^(ln 3) = 3, so the weights are 1/4 and 3/4: 2 + 12",
    reference=14,
    hints=(
        "The softmax takes e to the power of each score and divides by the sum of all of them.",
        "e to the power of 0 is 1, and e to the power of ln 3 is 3. Their sum is 4.",
    ),
    misconceptions=(
        Misconception("mean", 12, "12 is the plain mean. The second place has the higher score and counts for more."),
        Misconception(
            "winner takes all", 16, "16 is the second place alone. A score of 0 is not a weight of 0: e⁰ is 1."
        ),
        Misconception("weights swapped", 10, "That gives 3/4 to the first place. The higher score weighs more."),
        Misconception("not divided", 56, "That is 1·8 + 3·16. The weights have to sum to 1: divide by 1 + 3."),
        Misconception("divided by two", 28, "That divides by the number of places. Divide by the sum, 1 + 3."),
        Misconception("first place lost", 48, "3·16 forgets the first place: e⁰ is 1, not 0. And divide by the sum."),
        Misconception(
            "scores as weights",
            16 * math.log(3),
            "That takes the scores themselves as weights. First e to the power of each, then divide by the sum.",
        ),
    ),
    tolerance=0.005,
)


def dot_attention(query, keys, mask):
    """Look at the source: mix the rows of `keys` by how well each matches the query. Luong et al. 2015, "dot".

    query (B, D), keys (B, S, D); mask (B, S) bool, True where a symbol stands. Returns the mixture (B, D) and the
    weights (B, S).
    """
    scores = (keys @ query[:, :, None]).squeeze(2)  # (B, S)
    weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=1)
    return (weights[:, None] @ keys).squeeze(1), weights


def _scores(query, keys):
    return torch.einsum("bd,bsd->bs", query, keys)


def _hidden(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))


def _mixed(weights, keys):
    return torch.einsum("bs,bsd->bd", weights, keys), weights


def _random(seed, batch, source, width, lengths):
    """Query, keys and mask of a batch whose rows have `lengths` symbols."""
    chance = generator(seed)
    mask = torch.arange(source)[None] < torch.tensor(lengths)[:, None]
    return torch.randn(batch, width, generator=chance), torch.randn(batch, source, width, generator=chance), mask


def _small():
    return torch.tensor([[1.0, 0.0]]), torch.tensor([[[2.0, 0.0], [0.0, 2.0]]]), torch.tensor([[True, True]])


def _with_padding():
    query = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    keys = torch.tensor([[[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 3.0], [2.0, 2.0]]])
    return query, keys, torch.tensor([[True, True, False], [True, True, True]])


DOT_ATTENTION = Exercise(
    id="4.5",
    title="dot attention",
    minutes=15,
    difficulty=2,
    imports=("import torch",),
    stub='''def dot_attention(query, keys, mask):
    """Look at the source: mix the rows of `keys` by how well each matches the query. Luong et al. 2015, "dot".

    query (B, D), keys (B, S, D); mask (B, S) bool, True where a symbol stands. Returns the mixture (B, D) and the
    weights (B, S).
    """
    raise NotImplementedError
''',
    reference=dot_attention,
    cases=(
        Case(_small),
        Case(_with_padding),
        Case(lambda: _random(1, 3, 4, 5, [4, 2, 3])),
        Case(lambda: _random(2, 3, 3, 3, [1, 3, 2])),
    ),
    hidden=(
        Case(lambda: _random(3, 2, 5, 4, [5, 3])),
        Case(lambda: _random(4, 4, 2, 3, [1, 2, 2, 1])),
    ),
    invariants=(
        Invariant(
            "weights sum to 1 over the source",
            lambda result, *_: torch.allclose(result[1].sum(1), torch.ones(len(result[1])), atol=1e-4),
        ),
        Invariant("padding has weight 0", lambda result, query, keys, mask: bool((result[1][~mask] == 0).all())),
    ),
    hints=(
        "One number for each source place: the sum over D of query times key, of shape (B, S).",
        'Hide the padding before the softmax: scores.masked_fill(~mask, float("-inf")), because e to the power of '
        "minus infinity is 0.",
        "The softmax runs over the places of the source, dim=1. Then weights[:, None] @ keys is (B, 1, D).",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "softmax over the batch",
            lambda query, keys, mask: _mixed(_hidden(_scores(query, keys), mask).softmax(0), keys),
            "The softmax runs over the batch, dim=0: words compete for a letter. It is the letters of one word that "
            "share the weight, dim=1.",
        ),
        Misconception(
            "attends to padding",
            lambda query, keys, mask: _mixed(_scores(query, keys).softmax(1), keys),
            "The mask is not used: the padding gets weight, too, and there is less for the letters.",
        ),
        Misconception(
            "padding scored 0",
            lambda query, keys, mask: _mixed((_scores(query, keys) * mask).softmax(1), keys),
            "Padding has the score 0 there, and e⁰ is 1: it still gets weight. The score that hides is minus infinity.",
        ),
        Misconception(
            "mask after the softmax",
            lambda query, keys, mask: _mixed(_scores(query, keys).softmax(1) * mask, keys),
            "The mask comes after the softmax, so in a word with padding the weights sum to less than 1. Hide the "
            "padding before the softmax.",
        ),
        Misconception(
            "mask the wrong way round",
            lambda query, keys, mask: _mixed(_hidden(_scores(query, keys), ~mask).softmax(1), keys),
            "The mask is the wrong way round: that looks at nothing but padding. masked_fill fills where its mask is "
            "True, so it wants ~mask.",
        ),
        Misconception(
            "divided by the root of D",
            lambda query, keys, mask: _mixed(
                _hidden(_scores(query, keys) / math.sqrt(query.shape[1]), mask).softmax(1), keys
            ),
            lambda query, keys, mask: (
                f"The scores are divided by √D (√{query.shape[1]} here). That is the transformer's attention, of "
                "lesson 06; Luong's is not scaled."
            ),
        ),
        Misconception(
            "no softmax",
            lambda query, keys, mask: _mixed(_scores(query, keys) * mask, keys),
            "Those weights are the scores themselves. They may be negative and do not sum to 1; a softmax is missing.",
        ),
        Misconception(
            "sum of keys",
            lambda query, keys, mask: (keys.sum(1), _hidden(_scores(query, keys), mask).softmax(1)),
            "The weights are right, but the mixture is the plain sum of the keys: multiply each by its weight.",
        ),
        Misconception(
            "query ignored",
            lambda query, keys, mask: _mixed(mask / mask.sum(1, keepdim=True), keys),
            "Every letter has the same weight, whatever the query is. The weights come from the products with it.",
        ),
    ),
)


def additive_scores(query, keys, query_weight, key_weight, vector):
    """How well each source place matches the query: vector · tanh(query_weight query + key_weight key).

    query (B, D), keys (B, S, D), query_weight (A, D), key_weight (A, D), vector (A,). Returns (B, S).
    Bahdanau et al. 2015.
    """
    asked = query @ query_weight.T  # (B, A)
    offered = keys @ key_weight.T  # (B, S, A)
    return torch.tanh(asked[:, None] + offered) @ vector


def _parts(query, keys, query_weight, key_weight):
    return (query @ query_weight.T)[:, None], keys @ key_weight.T


def _additive(seed, batch, source, width, inner):
    chance = generator(seed)
    shapes = ((batch, width), (batch, source, width), (inner, width), (inner, width), (inner,))
    return tuple(torch.randn(*shape, generator=chance) for shape in shapes)


def _small_additive():
    query, keys = torch.tensor([[1.0, 0.0]]), torch.tensor([[[1.0, 0.0], [-1.0, 2.0]]])
    return query, keys, torch.eye(2), 0.5 * torch.eye(2), torch.tensor([2.0, 1.0])


ADDITIVE_SCORES = Exercise(
    id="4.6",
    title="additive scores",
    minutes=12,
    difficulty=3,
    imports=("import torch",),
    stub='''def additive_scores(query, keys, query_weight, key_weight, vector):
    """How well each source place matches the query: vector · tanh(query_weight query + key_weight key).

    query (B, D), keys (B, S, D), query_weight (A, D), key_weight (A, D), vector (A,). Returns (B, S).
    Bahdanau et al. 2015.
    """
    raise NotImplementedError
''',
    reference=additive_scores,
    cases=(
        Case(_small_additive),
        Case(lambda: _additive(1, 2, 2, 3, 3)),
        Case(lambda: _additive(2, 2, 3, 4, 5)),
        Case(lambda: _additive(3, 1, 4, 2, 2)),
    ),
    hidden=(
        Case(lambda: _additive(4, 3, 3, 2, 2)),
        Case(lambda: _additive(5, 2, 4, 3, 2)),
    ),
    hints=(
        "Two matrix products first: of the query, shape (B, A), and of the keys, shape (B, S, A).",
        "asked[:, None] has the shape (B, 1, A) and adds to each of the S places of its own word.",
        "tanh of the sum, then @ vector: (B, S, A) times (A,) is (B, S).",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "no tanh",
            lambda query, keys, w, u, v: sum(_parts(query, keys, w, u)) @ v,
            "The tanh is missing. Without it the query adds the same number to every place, and the softmax cancels "
            "it: the decoder has no say in where to look.",
        ),
        Misconception(
            "tanh at the end",
            lambda query, keys, w, u, v: torch.tanh(sum(_parts(query, keys, w, u)) @ v),
            "The tanh comes after the product with the vector. It belongs inside, on each of the A numbers.",
        ),
        Misconception(
            "query over the wrong axis",
            lambda query, keys, w, u, v: torch.tanh(query @ w.T + keys @ u.T) @ v,
            "(B, A) was added to (B, S, A) as it is: torch lines shapes up from the right, so word b's query meets "
            "place b of every word, or does not fit. Use asked[:, None].",
        ),
        Misconception(
            "multiplied",
            lambda query, keys, w, u, v: torch.tanh(torch.mul(*_parts(query, keys, w, u))) @ v,
            "The two parts are multiplied. The additive score adds them.",
        ),
        Misconception(
            "matrices swapped",
            lambda query, keys, w, u, v: torch.tanh(sum(_parts(query, keys, u, w))) @ v,
            "The matrices have changed places: query_weight belongs to the query.",
        ),
        Misconception(
            "not transposed",
            lambda query, keys, w, u, v: torch.tanh((query @ w)[:, None] + keys @ u) @ v,
            "The matrices are not transposed. They are (A, D), as torch.nn.Linear keeps them: a row x becomes x @ W.T.",
        ),
        Misconception(
            "weights instead of scores",
            lambda query, keys, w, u, v: additive_scores(query, keys, w, u, v).softmax(1),
            "Those are weights: a softmax was taken. Scores are wanted here; mask and softmax come after.",
        ),
        Misconception(
            "sigmoid",
            lambda query, keys, w, u, v: torch.sigmoid(sum(_parts(query, keys, w, u))) @ v,
            "That uses the sigmoid, from 0 to 1. tanh runs from -1 to 1.",
        ),
    ),
)
