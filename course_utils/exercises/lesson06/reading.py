"""Exercises 6.8 and 6.9: what attention costs, counted; and reading a map of weights the right way round."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def cost(length, width, heads):
    """What a layer of self-attention costs for a sequence of T places, without a mask.

    Returns how many multiplications it takes (four projections, scores, mixture; not the softmax and the scale) and
    how many weights it computes.
    """
    projections = 4 * length * width**2
    scores_and_mixture = 2 * length**2 * width  # H heads of T·T products of K numbers each, and H·K = D
    return projections + scores_and_mixture, heads * length**2


COST = Exercise(
    id="6.8",
    title="what it costs",
    minutes=8,
    difficulty=2,
    stub='''def cost(length, width, heads):
    """What a layer of self-attention costs for a sequence of T places, without a mask.

    Returns how many multiplications it takes (four projections, scores, mixture; not the softmax and the scale) and
    how many weights it computes.
    """
    raise NotImplementedError
''',
    reference=cost,
    cases=(
        Case(lambda: (1, 2, 1)),
        Case(lambda: (3, 4, 2)),
        Case(lambda: (1000, 64, 8)),
    ),
    hidden=(
        Case(lambda: (7, 12, 3)),
        Case(lambda: (2048, 576, 9)),
    ),
    invariants=(
        Invariant(
            "twice the heads, the same multiplications",
            lambda result, length, width, heads: result[0] == cost(length, width, 2 * heads)[0],
        ),
    ),
    hints=(
        "A row of D numbers times a matrix (D, D) takes D² multiplications. There are T rows and four matrices.",
        "A score is a product of K numbers, and a head has T² of them. The mixture costs the same again.",
        "H heads of K numbers are D numbers: K drops out. The weights are one for each head, query and key.",
    ),
    misconceptions=(
        Misconception(
            "every head as wide as the model",
            lambda length, width, heads: (
                4 * length * width**2 + 2 * heads * length**2 * width,
                heads * length**2,
            ),
            "Every head is counted with the whole width. A head has K = D/H numbers, so all heads together cost what "
            "one of width D does.",
        ),
        Misconception(
            "three projections",
            lambda length, width, heads: (3 * length * width**2 + 2 * length**2 * width, heads * length**2),
            "That counts queries, keys and values. The output matrix is the fourth.",
        ),
        Misconception(
            "no projections",
            lambda length, width, heads: (2 * length**2 * width, heads * length**2),
            "The projections are missing: 4 T D². In a short text they are most of the work.",
        ),
        Misconception(
            "mixture forgotten",
            lambda length, width, heads: (4 * length * width**2 + length**2 * width, heads * length**2),
            "The mixture is missing: weights times values costs as much as queries times keys.",
        ),
        Misconception(
            "weights of one head",
            lambda length, width, heads: (4 * length * width**2 + 2 * length**2 * width, length**2),
            "Those are the weights of one head. Each head has T² of its own.",
        ),
        Misconception(
            "linear in the length",
            lambda length, width, heads: (4 * length * width**2 + 2 * length * width, heads * length),
            "Every place looks at every place: T² pairs, not T.",
        ),
    ),
)


def looked_at(weights, tokens, word):
    """The token that `word` gives the most weight to, the first token and itself left out.

    weights (T, T): how much token t (row) looks at token s (column). The first token is left out because heads park
    weight there that they have no use for.
    """
    place = tokens.index(word)
    row = weights[place].clone()
    row[[0, place]] = -1
    return tokens[int(row.argmax())]


def _looked(weights, tokens, word, column=False, first=True, itself=True, least=False):
    """The same with one thing wrong."""
    place = tokens.index(word)
    row = weights[:, place].clone() if column else weights[place].clone()
    hidden = [0] * first + [place] * itself
    row[hidden] = 2.0 if least else -1.0
    return tokens[int(row.argmin() if least else row.argmax())]


def _map(seed, words):
    tokens = words.split()
    scores = torch.randn(len(tokens), len(tokens), generator=generator(seed)) * 1.5
    scores[:, 0] += 3.0  # where most weight is parked
    scores += 2.5 * torch.eye(len(tokens))
    return scores.softmax(-1), tokens


LOOKED_AT = Exercise(
    id="6.9",
    title="debug this: what does it look at?",
    minutes=8,
    difficulty=2,
    kind="debug",
    imports=("import torch",),
    stub='''def looked_at(weights, tokens, word):
    """The token that `word` gives the most weight to, the first token and itself left out.

    weights (T, T): how much token t (row) looks at token s (column). The first token is left out because heads park
    weight there that they have no use for. Something is wrong.
    """
    place = tokens.index(word)
    row = weights[:, place].clone()
    row[[0, place]] = -1
    return tokens[int(row.argmax())]
''',
    reference=looked_at,
    cases=(
        Case(lambda: (*_map(1, "the cat sat down because it slept"), "it")),
        Case(lambda: (*_map(2, "the cat sat down because it slept"), "it")),
        Case(lambda: (*_map(3, "she gave him a book"), "him")),
        Case(lambda: (*_map(4, "the dogs saw a cat so they ran"), "they")),
        Case(lambda: (*_map(5, "the dogs saw a cat so they ran"), "cat")),
    ),
    hidden=(
        Case(lambda: (*_map(6, "a king met one queen when he sang"), "he")),
        Case(lambda: (*_map(7, "a king met one queen when he sang"), "queen")),
        Case(lambda: (*_map(8, "all mice fear this owl"), "fear")),
        Case(lambda: (*_map(9, "the goat ate my hat because it could"), "it")),
    ),
    invariants=(Invariant("it is one of the tokens", lambda token, weights, tokens, word: token in tokens),),
    hints=(
        "Print weights.sum(0) and weights.sum(1). Which of them is all ones?",
        "Each query shares a weight of 1 among the keys. So what a token looks at is a row.",
    ),
    misconceptions=(
        Misconception(
            "first token left in",
            lambda weights, tokens, word: _looked(weights, tokens, word, first=False),
            "The first token is no longer left out, and it takes most of the weight in nearly every row.",
        ),
        Misconception(
            "itself left in",
            lambda weights, tokens, word: _looked(weights, tokens, word, itself=False),
            "The word itself is no longer left out.",
        ),
        Misconception(
            "least",
            lambda weights, tokens, word: _looked(weights, tokens, word, least=True),
            "That is the token with the least weight.",
        ),
        Misconception(
            "place instead of token",
            lambda weights, tokens, word: tokens.index(_looked(weights, tokens, word)),
            "That is the number of the token. The token itself is asked for: tokens[place].",
        ),
        Misconception(
            "the row before",
            lambda weights, tokens, word: _looked(weights.roll(1, 0), tokens, word),
            "That is the row of the token before it. Row `place` is the word's own.",
        ),
        Misconception(
            "rows and columns added",
            lambda weights, tokens, word: _looked(weights + weights.T, tokens, word),
            "That adds what the word looks at and what looks at the word. Only its row is asked for.",
        ),
    ),
)
