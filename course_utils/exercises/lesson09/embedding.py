"""Exercises 9.2 and 9.3: one vector for a text, and the texts nearest to a question."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def embed(states, mask):
    """One vector of length 1 for each text: the direction of the mean of its tokens' states.

    states (B, T, D), what an encoder gives; mask (B, T) bool, True on text, False on padding. Returns (B, D).
    Reimers and Gurevych 2019.
    """
    kept = mask[:, :, None]  # (B, T, 1)
    mean = (states * kept).sum(dim=1) / kept.sum(dim=1)  # (B, D)
    return mean / mean.norm(dim=-1, keepdim=True)


def _unit(x, dim=-1):
    return x / x.norm(dim=dim, keepdim=True)


def _mean(states, mask):
    kept = mask[:, :, None]
    return (states * kept).sum(dim=1) / kept.sum(dim=1)


def _largest(states, mask):
    return _unit(states.masked_fill(~mask[:, :, None], float("-inf")).amax(dim=1))


def _last(states, mask):
    return _unit(states[torch.arange(len(states)), mask.sum(dim=1) - 1])


def _encoded(seed, width, *lengths):
    """States of texts of these lengths, and their mask. States of padding are not zero: an encoder gives some there."""
    states = torch.randn(len(lengths), max(lengths), width, generator=generator(seed)) + 0.5
    return states, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


EMBED = Exercise(
    id="9.2",
    title="a vector for a text",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def embed(states, mask):
    """One vector of length 1 for each text: the direction of the mean of its tokens' states.

    states (B, T, D), what an encoder gives; mask (B, T) bool, True on text, False on padding. Returns (B, D).
    Reimers and Gurevych 2019.
    """
    raise NotImplementedError
''',
    reference=embed,
    cases=(
        Case(
            lambda: (
                torch.tensor([[[4.0, 3.0], [2.0, 5.0], [9.0, -9.0]], [[1.0, 0.0], [0.0, 2.0], [2.0, 2.0]]]),
                torch.tensor([[True, True, False], [True, True, True]]),
            )
        ),
        Case(lambda: _encoded(1, 4, 3, 1, 5)),
        Case(lambda: _encoded(2, 6, 2, 4)),
    ),
    hidden=(
        Case(lambda: _encoded(3, 5, 4, 2, 1)),
        Case(lambda: _encoded(4, 3, 1, 6)),
    ),
    invariants=(
        Invariant(
            "each vector has length 1",
            lambda result, *_: torch.allclose(result.norm(dim=-1), torch.ones(len(result)), atol=1e-4),
        ),
        Invariant(
            "a text alone gives what it gives in the batch",
            lambda result, states, mask: torch.allclose(
                result[0], embed(states[:1, mask[0]], mask[:1, mask[0]])[0], atol=1e-4
            ),
        ),
    ),
    hints=(
        "mask[:, :, None] is (B, T, 1). states times that has zeros where there is padding.",
        "Sum over the tokens, dim=1, and divide by how many there are: mask[:, :, None].sum(dim=1), (B, 1).",
        "Then divide each vector by its length: .norm(dim=-1, keepdim=True).",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "padding in the mean",
            lambda states, mask: _unit(states.mean(dim=1)),
            lambda states, mask: (
                f"Padding is averaged with the text: {states.shape[1]} states for a text of {int(mask.sum(1).min())}. "
                "The same text would get another vector beside a longer one."
            ),
        ),
        Misconception(
            "not of length 1",
            _mean,
            "The mean is right, its length is not 1. Divide it by .norm(dim=-1, keepdim=True).",
        ),
        Misconception(
            "mean over T, not of length 1",
            lambda states, mask: (states * mask[:, :, None]).mean(dim=1),
            "The sum of the text is divided by T, padding counted, and the length is not 1. Divide by the number of "
            "tokens of each text, then by the length.",
        ),
        Misconception(
            "sum",
            lambda states, mask: (states * mask[:, :, None]).sum(dim=1),
            "That is the sum: longer texts get longer vectors. Divide by the number of tokens, then by the length.",
        ),
        Misconception(
            "first token",
            lambda states, mask: _unit(states[:, 0]),
            "That is the state of the first token, [CLS]. BERT's classifiers read it; this encoder was trained with "
            "the mean.",
        ),
        Misconception(
            "last token",
            _last,
            "That is the state of the last token. In a decoder only that one has read everything; in an encoder "
            "all have.",
        ),
        Misconception(
            "largest",
            _largest,
            "That takes the largest of each column, max pooling. Asked is the mean.",
        ),
        Misconception(
            "tokens of length 1 first",
            lambda states, mask: _unit(_mean(_unit(states), mask)),
            "Each token is brought to length 1 before the mean, so that all count alike. Only the mean is.",
        ),
        Misconception(
            "only tokens of length 1",
            lambda states, mask: _mean(_unit(states), mask),
            "The tokens have length 1, their mean is shorter. First the mean, then divide by its length.",
        ),
        Misconception(
            "along the batch",
            lambda states, mask: _unit(_mean(states, mask), dim=0),
            "The columns were brought to length 1, dim=0: a text's vector depends on its neighbours. dim=-1.",
        ),
        Misconception(
            "sum of sizes for length",
            lambda states, mask: _mean(states, mask) / _mean(states, mask).abs().sum(dim=-1, keepdim=True),
            "The mean is divided by the sum of |x|. The length is the root of the sum of squares: .norm.",
        ),
    ),
)


def search(queries, documents, top):
    """The `top` documents with the largest cosine to each query: (cosines, places), (Q, top) each, largest first.

    queries (Q, D), documents (N, D), rows of any length but 0; places count from 0.
    """
    queries = queries / queries.norm(dim=-1, keepdim=True)
    documents = documents / documents.norm(dim=-1, keepdim=True)
    best = (queries @ documents.T).topk(top, dim=-1)  # (Q, top)
    return best.values, best.indices


def _ranked(scores, top, largest=True):
    best = scores.topk(top, dim=-1, largest=largest)
    return best.values, best.indices


def _cosines(queries, documents):
    return _unit(queries) @ _unit(documents).T


def _in_order_of_place(queries, documents, top):
    places = search(queries, documents, top)[1].sort(dim=-1).values
    return _cosines(queries, documents).gather(1, places), places


def _all_cosines(queries, documents, top):
    """Cosines of all documents, not of the best."""
    cosines = _cosines(queries, documents)
    return cosines[:, :top], cosines.topk(top, dim=-1).indices


def _across_queries(queries, documents, top):
    """For each document the best queries, cut to the asked shape."""
    best = _cosines(queries, documents).topk(min(top, len(queries)), dim=0)
    return best.values.T, best.indices.T


def _points(seed, queries, documents, width):
    chance = generator(seed)
    stretch = torch.rand(documents, 1, generator=chance) * 4 + 0.2
    found = torch.randn(documents, width, generator=chance) * stretch
    return torch.randn(queries, width, generator=chance) * 2, found


SEARCH = Exercise(
    id="9.3",
    title="semantic search",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def search(queries, documents, top):
    """The `top` documents with the largest cosine to each query: (cosines, places), (Q, top) each, largest first.

    queries (Q, D), documents (N, D), rows of any length but 0; places count from 0.
    """
    raise NotImplementedError
''',
    reference=search,
    cases=(
        Case(
            lambda: (
                torch.tensor([[2.0, 0.0], [1.0, 3.0]]),
                torch.tensor([[1.0, 0.1], [9.0, 9.0], [-5.0, 0.1], [0.0, 1.0], [2.0, -0.5]]),
                2,
            )
        ),
        Case(lambda: (*_points(1, 3, 7, 4), 3)),
        Case(lambda: (*_points(2, 1, 9, 3), 4)),
    ),
    hidden=(
        Case(lambda: (*_points(3, 4, 8, 3), 3)),
        Case(lambda: (*_points(4, 2, 12, 5), 5)),
    ),
    invariants=(
        Invariant("cosines between −1 and 1", lambda result, *_: bool((result[0].abs() <= 1 + 1e-5).all())),
        Invariant("the largest cosine first", lambda result, *_: bool((result[0].diff(dim=-1) <= 0).all())),
    ),
    hints=(
        "The cosine of two vectors of length 1 is their dot product: divide each row by .norm(dim=-1, keepdim=True).",
        "All cosines at once: queries @ documents.T, (Q, N).",
        ".topk(top, dim=-1) gives both, values and indices.",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception(
            "dot product",
            lambda queries, documents, top: _ranked(queries @ documents.T, top),
            "Those are dot products: a long vector wins whatever its direction. Bring both sides to length 1.",
        ),
        Misconception(
            "only the queries of length 1",
            lambda queries, documents, top: _ranked(_unit(queries) @ documents.T, top),
            "Only the queries have length 1. That changes no order; it is the documents' lengths that do.",
        ),
        Misconception(
            "only the documents of length 1",
            lambda queries, documents, top: _ranked(queries @ _unit(documents).T, top),
            "The order is right, the numbers are no cosines: the queries, too, are to be divided by their lengths.",
        ),
        Misconception(
            "distance",
            lambda queries, documents, top: _ranked(torch.cdist(queries, documents), top, largest=False),
            "Those are the smallest distances. They have the cosine's order only among vectors of length 1.",
        ),
        Misconception(
            "smallest first",
            lambda queries, documents, top: _ranked(_cosines(queries, documents), top, largest=False),
            "Those are the documents that point away most. The largest cosine is the nearest.",
        ),
        Misconception(
            "in the order of the documents",
            _in_order_of_place,
            "The right documents, in the order in which they stand. The nearest comes first.",
        ),
        Misconception(
            "cosines of other documents",
            _all_cosines,
            "The places are right; the cosines are those of the first documents. Take each place's own.",
        ),
        Misconception(
            "for each document",
            _across_queries,
            "That finds the best queries for each document, dim=0. Asked are the best documents of each query: dim=-1.",
        ),
        Misconception(
            "columns of length 1",
            lambda queries, documents, top: _ranked(_unit(queries, 0) @ _unit(documents, 0).T, top),
            "Columns were divided by their lengths, dim=0. A document is a row: dim=-1.",
        ),
        Misconception(
            "sign lost",
            lambda queries, documents, top: _ranked(_cosines(queries, documents).abs(), top),
            "A cosine of −1 counts like 1 there. It is the opposite direction.",
        ),
        Misconception(
            "softmax",
            lambda queries, documents, top: _ranked(_cosines(queries, documents).softmax(dim=-1), top),
            "The cosines went through softmax: the order is right, but the number now depends on all the others.",
        ),
        Misconception(
            "places first",
            lambda queries, documents, top: search(queries, documents, top)[::-1],
            "Places come first there. Return (cosines, places).",
        ),
    ),
)
