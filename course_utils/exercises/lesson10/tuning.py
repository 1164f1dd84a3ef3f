"""Exercises 10.5 to 10.7: the loss on the answer alone, and LoRA, which trains few numbers."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def inputs_and_targets(prompt, answer):
    """What a decoder reads and what it is to say, for one prompt and its answer: two lists of equal length.

    prompt, answer: lists of ids, neither empty; the answer ends with its end token. Inputs are both without the last
    id. Each target is the id after its input, and −100, which the loss skips, where that id belongs to the prompt.
    """
    inputs = [*prompt, *answer[:-1]]
    targets = [-100] * (len(prompt) - 1) + list(answer)
    return inputs, targets


LABELS = Exercise(
    id="10.5",
    title="the loss on the answer alone",
    minutes=7,
    difficulty=2,
    stub='''def inputs_and_targets(prompt, answer):
    """What a decoder reads and what it is to say, for one prompt and its answer: two lists of equal length.

    prompt, answer: lists of ids, neither empty; the answer ends with its end token. Inputs are both without the last
    id. Each target is the id after its input, and −100, which the loss skips, where that id belongs to the prompt.
    """
    raise NotImplementedError
''',
    reference=inputs_and_targets,
    cases=(
        Case(lambda: ([5, 6, 7], [8, 2])),
        Case(lambda: ([4], [9, 3, 2])),
        Case(lambda: ([3, 3, 1, 8], [2])),
    ),
    hidden=(Case(lambda: ([6, 1], [7, 7, 5, 2])), Case(lambda: ([9, 8, 7, 6, 5], [4, 2]))),
    invariants=(
        Invariant("a target for each input", lambda pair, prompt, answer: len(pair[0]) == len(pair[1])),
        Invariant(
            "the whole answer is learned",
            lambda pair, prompt, answer: [target for target in pair[1] if target != -100] == answer,
        ),
    ),
    hints=(
        "Write the ids in a row and below each the id after it. The row of inputs loses the last, that of targets the "
        "first.",
        "The last id of the prompt is where the answer begins: its target is the answer's first id.",
        "So −100 stands len(prompt) − 1 times, and the answer after it.",
    ),
    misconceptions=(
        Misconception(
            "prompt not hidden",
            lambda prompt, answer: ([*prompt, *answer[:-1]], [*prompt[1:], *answer]),
            "The prompt counts in the loss as well: the model would learn to write prompts. Put −100 there.",
        ),
        Misconception(
            "not shifted",
            lambda prompt, answer: ([*prompt, *answer], [-100] * len(prompt) + list(answer)),
            "Inputs and targets stand at the same places: each token is asked for where it is read. Shift by one.",
        ),
        Misconception(
            "first id of the answer hidden",
            lambda prompt, answer: ([*prompt, *answer[:-1]], [-100] * len(prompt) + list(answer[1:])),
            "One −100 too many: the answer's first id is never learned. It is said at the prompt's last place.",
        ),
        Misconception(
            "end token dropped",
            lambda prompt, answer: ([*prompt, *answer[:-1]][:-1], [-100] * (len(prompt) - 1) + list(answer[:-1])),
            "The end token is never a target: the model would not learn to stop.",
        ),
        Misconception(
            "answer hidden",
            lambda prompt, answer: ([*prompt, *answer[:-1]], [*prompt[1:], *[-100] * len(answer)]),
            "It is the answer that is hidden there. The loss counts the answer and skips the prompt.",
        ),
        Misconception(
            "0 for -100",
            lambda prompt, answer: ([*prompt, *answer[:-1]], [0] * (len(prompt) - 1) + list(answer)),
            "0 is the id of a token, and would be learned. The loss skips −100.",
        ),
        Misconception(
            "inputs hidden",
            lambda prompt, answer: ([-100] * len(prompt) + list(answer[:-1]), inputs_and_targets(prompt, answer)[1]),
            "The prompt is hidden from the inputs. The model reads it; only the targets have −100.",
        ),
    ),
)


def lora(x, weight, down, up, alpha):
    """A linear layer with LoRA: x Wᵀ + α/R · x Aᵀ Bᵀ. Hu et al. 2021.

    x (…, in), weight W (out, in), down A (R, in), up B (out, R). W comes trained; A and B are what is learned.
    """
    correction = x @ down.T @ up.T  # (…, R), then (…, out): B·A is never built
    return x @ weight.T + alpha / len(down) * correction


def _layer(seed, wide, tall, rank, alpha, *shape):
    chance = generator(seed)
    sizes = ((*shape, wide), (tall, wide), (rank, wide), (tall, rank))
    return (*(torch.randn(size, generator=chance) for size in sizes), alpha)


def _scaled(scale):
    """The layer with another number in place of α/R."""
    return lambda x, weight, down, up, alpha: x @ weight.T + scale(alpha, len(down)) * (x @ down.T @ up.T)


LORA = Exercise(
    id="10.6",
    title="write a LoRA layer",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def lora(x, weight, down, up, alpha):
    """A linear layer with LoRA: x Wᵀ + α/R · x Aᵀ Bᵀ. Hu et al. 2021.

    x (…, in), weight W (out, in), down A (R, in), up B (out, R). W comes trained; A and B are what is learned.
    """
    raise NotImplementedError
''',
    reference=lora,
    cases=(
        Case(lambda: _layer(1, 2, 2, 1, 3.0, 1)),
        Case(lambda: _layer(2, 4, 3, 2, 8.0, 5)),
        Case(lambda: _layer(3, 6, 6, 3, 4.0, 2, 3)),
    ),
    hidden=(Case(lambda: _layer(4, 5, 4, 2, 1.0, 3)), Case(lambda: _layer(5, 3, 7, 3, 16.0, 2, 2))),
    hints=(
        "Three products: x with W, x with A, and what that gives with B. Weights are applied as x @ weight.T.",
        "R is the number of rows of A: len(down).",
    ),
    tolerance=1e-4,
    misconceptions=(
        Misconception("alpha not divided", _scaled(lambda alpha, rank: alpha), "α is not divided by the rank: α/R."),
        Misconception("no scale", _scaled(lambda alpha, rank: 1.0), "The correction is not scaled. Multiply by α/R."),
        Misconception("rank over alpha", _scaled(lambda alpha, rank: rank / alpha), "That scale is R/α. It is α/R."),
        Misconception(
            "root of the rank",
            _scaled(lambda alpha, rank: alpha / rank**0.5),
            "That divides α by √R, as rsLoRA does (Kalajdzievski 2023). Here it is α/R.",
        ),
        Misconception(
            "no base",
            lambda x, weight, down, up, alpha: alpha / len(down) * (x @ down.T @ up.T),
            "What the trained layer says is missing: x Wᵀ. LoRA adds to it.",
        ),
        Misconception(
            "no correction", lambda x, weight, down, up, alpha: x @ weight.T, "The correction is missing: A and B."
        ),
        Misconception(
            "subtracted", _scaled(lambda alpha, rank: -alpha / rank), "The correction is taken off. It is added."
        ),
        Misconception(
            "everything scaled",
            lambda x, weight, down, up, alpha: alpha / len(down) * (x @ weight.T + x @ down.T @ up.T),
            "α/R multiplies the trained layer as well. It scales the correction alone.",
        ),
    ),
)


TRAINED = Exercise(
    id="10.7",
    title="predict: the numbers that LoRA trains",
    minutes=4,
    difficulty=1,
    kind="predict",
    stub="""# A decoder has 4 layers of width D = 64. LoRA of rank 8 on the query and the value matrix
# (64, 64) of each layer. How many numbers are trained?
trained = None
""",
    solution="trained = 8192  # 4 layers · 2 matrices · 8 · (64 + 64)",
    reference=8192,
    hints=(
        "For a matrix (out, in) LoRA has A (R, in) and B (out, R).",
        "A and B of one matrix: 8 · 64 + 64 · 8. There are two such matrices in each of 4 layers.",
    ),
    misconceptions=(
        Misconception("one of A and B", 4096, "4,096 has only A, or one matrix a layer. Two matrices, A and B each."),
        Misconception("one layer", 2048, "2,048 is one layer. There are four."),
        Misconception("one matrix", 1024, "1,024 is one matrix in one layer: two in each of four layers."),
        Misconception("the matrices themselves", 32768, "32,768 are the matrices themselves. LoRA leaves them alone."),
        Misconception(
            "both together",
            40960,
            "40,960 counts the frozen matrices too: 32,768 of those numbers learn nothing.",
        ),
        Misconception(
            "four matrices a layer", 16384, "16,384 has LoRA on four matrices a layer: query and value only."
        ),
    ),
)
