"""Exercises 1.3 and 1.4: the yardstick."""

import math

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def bits_per_byte(log_probs, text):
    """Bits a model needs for each UTF-8 byte of `text`, from the log-probability (in nats) it gave to each token."""
    nats = -sum(log_probs)
    return nats / math.log(2) / len(text.encode("utf-8"))


BITS_PER_BYTE = Exercise(
    id="1.4",
    title="bits per byte",
    minutes=8,
    difficulty=2,
    imports=("import math",),
    stub='''def bits_per_byte(log_probs, text):
    """Bits a model needs for each UTF-8 byte of `text`, from the log-probability (in nats) it gave to each token."""
    raise NotImplementedError
''',
    reference=bits_per_byte,
    cases=(
        Case(lambda: ([math.log(1 / 2), math.log(1 / 8)], "ab")),
        Case(lambda: ([math.log(1 / 16), math.log(1 / 4)], "to be")),
        Case(lambda: ([math.log(1 / 4), math.log(1 / 2), math.log(1 / 32)], "Año 1790")),
        Case(lambda: ([-1.5, -0.25, -3.0, -2.0], "¿Qué? Sí")),
    ),
    hidden=(
        Case(lambda: ([math.log(0.1)], "é")),
        Case(lambda: ([-2.0, -0.1, -4.0], "naïve words")),
    ),
    invariants=(Invariant("bits are not negative", lambda result, log_probs, text: result >= 0),),
    hints=(
        "Add up the surprise of all tokens first; divide once, at the end.",
        "One bit is ln 2 = 0.693 nats, so nats / math.log(2) are bits.",
        'A letter such as ñ takes two bytes: len(text.encode("utf-8")) counts them.',
    ),
    misconceptions=(
        Misconception(
            "nats",
            lambda log_probs, text: -sum(log_probs) / len(text.encode("utf-8")),
            "That is nats per byte. Divide by ln 2 = 0.693 to have bits.",
        ),
        Misconception(
            "characters",
            lambda log_probs, text: -sum(log_probs) / math.log(2) / len(text),
            lambda log_probs, text: (
                f"That is per character: {text!r} has {len(text)} characters, but {len(text.encode('utf-8'))} bytes."
            ),
        ),
        Misconception(
            "tokens",
            lambda log_probs, text: -sum(log_probs) / math.log(2) / len(log_probs),
            lambda log_probs, text: (
                f"That is bits per token ({len(log_probs)} here). Models cut text differently; its bytes are the "
                "same for all."
            ),
        ),
        Misconception(
            "sign",
            lambda log_probs, text: sum(log_probs) / math.log(2) / len(text.encode("utf-8")),
            "The sign is missing: log-probabilities are negative, and bits are counted upwards.",
        ),
        Misconception(
            "logarithm of a logarithm",
            lambda log_probs, text: -sum(math.log2(log_prob) for log_prob in log_probs) / len(text.encode("utf-8")),
            "log_probs are logarithms already. They are negative, and a negative number has no logarithm.",
        ),
        Misconception(
            "multiplied by ln 2",
            lambda log_probs, text: -sum(log_probs) * math.log(2) / len(text.encode("utf-8")),
            "That multiplies by ln 2. One bit is 0.693 nats, so there are more bits than nats: divide.",
        ),
    ),
)


UNIFORM_BITS = Exercise(
    id="1.3",
    title="predict: bits per byte on paper",
    minutes=3,
    difficulty=1,
    kind="predict",
    stub="""# A model gives each of the next four bytes the probability 1/8.
# How many bits per byte is that? Work it out on paper.
bits_on_paper = None
""",
    solution="bits_on_paper = 3  # each byte costs -log2(1/8) = 3 bits; four of them cost 12, and 12 / 4 = 3",
    reference=3,
    hints=(
        "How many halvings lead from 1 to 1/8?",
        "Each byte costs that many bits. Add up the four, and divide by the number of bytes.",
    ),
    misconceptions=(
        Misconception("total", 12, "12 bits is what all four bytes cost together. Per byte it is a quarter of that."),
        Misconception("sign", -3, "log2(1/8) is negative. A cost in bits is -log2, and positive."),
        Misconception(
            "perplexity", 8, "8 is 1/p, the perplexity: among how many equally likely bytes the model chooses."
        ),
        Misconception("probability", 1 / 8, "1/8 is the probability itself. Its cost is -log2(1/8)."),
        Misconception(
            "product", 1 / 8**4, "That is the probability of all four bytes together. What does it cost, per byte?"
        ),
        Misconception("nats", math.log(8), "That is -ln(1/8), in nats. Bits take the logarithm to base 2."),
        Misconception(
            "divided twice",
            0.75,
            "Every byte costs the same, so their mean is the cost of one. That is divided by 4 once too often.",
        ),
    ),
    tolerance=0.005,
)
