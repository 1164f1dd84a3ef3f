"""Exercises 7.6 and 7.7: what a transformer holds, on paper, and what a token costs it."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception

PARAMETERS = Exercise(
    id="7.6",
    title="predict: the numbers in a block",
    minutes=6,
    difficulty=1,
    kind="predict",
    stub="""# A block of GPT-2's kind: width D = 10, 2 heads of width 5, a feed-forward layer of inner width F = 40.
# Two layer norms with gain and bias; every linear layer has a bias. How many numbers does the block hold?
parameters = None
""",
    solution="parameters = 1330  # norms 2·20, attention 4·(100 + 10), feed-forward (400 + 40) + (400 + 10)",
    reference=1330,
    hints=(
        "A linear layer from n numbers to m has n · m weights and m biases. Attention has four, each from 10 to 10.",
        "The feed-forward layer goes from 10 to 40 and back. A norm has a gain and a bias of 10 numbers each.",
        "40 + 440 + 850.",
    ),
    misconceptions=(
        Misconception("no biases", 1240, "1,240 leaves out the biases of the linear layers: 4 · 10 + 40 + 10."),
        Misconception(
            "weights of matrices only",
            1200,
            "1,200 is 12 D², the matrices alone: a good rule of thumb. Biases and norms add 13 D.",
        ),
        Misconception(
            "one norm, or gains only",
            1310,
            "1,310 has one norm, or two without biases. Two norms, each with gain and bias, hold 40 numbers.",
        ),
        Misconception(
            "no norms", 1290, "1,290 leaves out the norms: two of them, each a gain and a bias of 10 numbers."
        ),
        Misconception(
            "no output matrix",
            1220,
            "1,220 leaves out the output layer of attention, which mixes what the heads found: 110 more.",
        ),
        Misconception(
            "attention times heads",
            1770,
            "1,770 gives each head the whole width. The heads share it: 2 heads of 5 make one matrix of 10 columns.",
        ),
        Misconception(
            "attention times heads, output as it is",
            1660,
            "1,660 gives each head the whole width. The heads share it: 2 heads of 5 make one matrix of 10 columns.",
        ),
        Misconception(
            "attention times heads, output from all of them",
            1760,
            "1,760 gives each head the whole width. The heads share it: 2 heads of 5 make one matrix of 10 columns.",
        ),
        Misconception(
            "no matrix down in the feed-forward layer",
            920,
            "920 has only one of the two feed-forward matrices: it goes up to 40 and down again to 10.",
        ),
        Misconception(
            "no matrix up in the feed-forward layer",
            890,
            "890 has only one of the two feed-forward matrices: it goes up to 40 and down again to 10.",
        ),
        Misconception(
            "feed-forward as wide as the stream",
            700,
            "700 has a feed-forward layer from 10 to 10. Its inner width is 40.",
        ),
    ),
)


def flops_per_token(width, inner, layers, vocabulary, length):
    """Multiplications and additions of a forward pass, for each of T = `length` tokens.

    A decoder of GPT-2's kind: four matrices (D, D) and two (D, F) in each layer, and an output layer (D, V) at the end.
    A product with a weight is one multiplication and one addition. Add what scores and mixture cost when each token
    looks at all T keys. Norms, softmax, bends, biases and looking up embeddings are left out.
    """
    weights = layers * (4 * width**2 + 2 * width * inner) + width * vocabulary
    attention = layers * 2 * length * width  # products of scores and of the mixture: T keys of D numbers each, twice
    return 2 * weights + 2 * attention


def _flops(width, inner, layers, vocabulary, length, square=4, feed=2, output=1, pairs=2.0):
    """The same with other counts."""
    weights = layers * (square * width**2 + feed * width * inner) + output * width * vocabulary
    return 2 * weights + int(2 * layers * pairs * length * width)


FLOPS = Exercise(
    id="7.7",
    title="what a token costs",
    minutes=10,
    difficulty=2,
    stub='''def flops_per_token(width, inner, layers, vocabulary, length):
    """Multiplications and additions of a forward pass, for each of T = `length` tokens.

    A decoder of GPT-2's kind: four matrices (D, D) and two (D, F) in each layer, and an output layer (D, V) at the end.
    A product with a weight is one multiplication and one addition. Add what scores and mixture cost when each token
    looks at all T keys. Norms, softmax, bends, biases and looking up embeddings are left out.
    """
    raise NotImplementedError
''',
    reference=flops_per_token,
    cases=(
        Case(lambda: (2, 8, 1, 10, 1)),
        Case(lambda: (10, 40, 1, 100, 6)),
        Case(lambda: (768, 3072, 12, 50257, 1024)),
    ),
    hidden=(
        Case(lambda: (12, 30, 3, 50, 7)),
        Case(lambda: (576, 1536, 30, 49152, 2048)),
    ),
    invariants=(
        Invariant(
            "a longer text costs each token more",
            lambda result, width, inner, layers, vocabulary, length: (
                result < flops_per_token(width, inner, layers, vocabulary, length + 1)
            ),
        ),
    ),
    hints=(
        "Count the weights that multiply: layers · (4 D² + 2 D F) + D V. Each costs a token two operations.",
        "A token's query meets T keys: all heads together T · D products. The mixture takes as many again.",
    ),
    misconceptions=(
        Misconception(
            "multiplications only",
            lambda *sizes: flops_per_token(*sizes) // 2,
            "That is half: only the multiplications. Each product is also added to a sum.",
        ),
        Misconception(
            "no attention",
            lambda *sizes: _flops(*sizes, pairs=0),
            "Scores and mixture are missing: T keys of D numbers, twice, in each layer.",
        ),
        Misconception(
            "no mixture",
            lambda *sizes: _flops(*sizes, pairs=1),
            "The scores are counted, the mixture is not: weights times values costs the same again.",
        ),
        Misconception(
            "no output layer",
            lambda *sizes: _flops(*sizes, output=0),
            "The output layer is missing: D · V weights, at every token. In a small model it is much of the whole.",
        ),
        Misconception(
            "embedding counted",
            lambda *sizes: _flops(*sizes, output=2),
            "The embedding table is counted as a product. A row of it is looked up; nothing is multiplied.",
        ),
        Misconception(
            "three matrices of attention",
            lambda *sizes: _flops(*sizes, square=3),
            "That counts queries, keys and values. The output matrix of attention is the fourth.",
        ),
        Misconception(
            "one feed-forward matrix",
            lambda *sizes: _flops(*sizes, feed=1),
            "The feed-forward layer has two matrices, up and down.",
        ),
        Misconception(
            "for the whole text",
            lambda width, inner, layers, vocabulary, length: (
                flops_per_token(width, inner, layers, vocabulary, length) + 4 * layers * (length**2 - length) * width
            ),
            "Scores and mixture are those of the whole text, T² pairs. One token has T of them.",
        ),
        Misconception(
            "everything for the whole text",
            lambda width, inner, layers, vocabulary, length: (
                length * flops_per_token(width, inner, layers, vocabulary, length)
            ),
            "That is the whole text; divide by T for one token.",
        ),
        Misconception(
            "only the keys that are seen",
            lambda width, inner, layers, vocabulary, length: (
                _flops(width, inner, layers, vocabulary, length, pairs=0) + 2 * layers * (length + 1) * width
            ),
            "That counts only the keys that the mask allows. The product is computed with all T.",
        ),
        Misconception(
            "training",
            lambda *sizes: 3 * flops_per_token(*sizes),
            "That is training, three times as much: the way back costs twice what the way forward does.",
        ),
        Misconception(
            "layers forgotten",
            lambda width, inner, layers, vocabulary, length: flops_per_token(width, inner, 1, vocabulary, length),
            "Only one layer is counted.",
        ),
    ),
)
