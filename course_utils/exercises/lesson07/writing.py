"""Exercises 7.9 and 7.10: how a token is drawn, which goes into the live model, and a loop that reads twice."""

import torch

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.seeding import generator


def sample(probability, generator):
    """Draw one id from `probability` (V,), which sums to 1: the first whose cumulative sum is above a random number.

    The random number is torch.rand((), generator=generator), between 0 and 1, drawn once. Returns an int.
    """
    cumulative = probability.cumsum(dim=0)
    u = torch.rand((), generator=generator) * cumulative[-1]  # the sum may be 0.9999999
    return int(torch.searchsorted(cumulative, u, right=True))


def _drawn(probability, generator, shift=0):
    return min(max(sample(probability, generator) + shift, 0), len(probability) - 1)


def _in_order(probability, generator):
    """Drawn from the likeliest down, and the place in that order is returned."""
    return sample(probability.sort(descending=True).values, generator)


def _uniform(probability, generator):
    return int(torch.rand((), generator=generator) * len(probability))


def _first_above(probability, generator):
    """The first id whose own probability is above the number, else the last."""
    above = (probability > torch.rand((), generator=generator)).nonzero()
    return int(above[0]) if len(above) else len(probability) - 1


def _spread(seed, size):
    return torch.rand(size, generator=generator(seed)).square().add(0.01)


def _draw(seed, *weights):
    """A draw from these weights, divided by their sum, with a fresh generator."""
    probability = torch.tensor(weights, dtype=torch.float32)
    return probability / probability.sum(), generator(seed)


SAMPLE = Exercise(
    id="7.9",
    title="draw a token",
    minutes=8,
    difficulty=2,
    imports=("import torch",),
    stub='''def sample(probability, generator):
    """Draw one id from `probability` (V,), which sums to 1: the first whose cumulative sum is above a random number.

    The random number is torch.rand((), generator=generator), between 0 and 1, drawn once. Returns an int.
    """
    raise NotImplementedError
''',
    reference=sample,
    cases=(
        *(Case(lambda seed=seed: _draw(seed, 1, 2, 0, 1)) for seed in (1, 2, 3, 4)),
        *(Case(lambda seed=seed: _draw(seed, *_spread(seed, 9).tolist())) for seed in (5, 6, 7, 8)),
        Case(lambda: _draw(9, 0, 0, 1)),
    ),
    hidden=(
        *(Case(lambda seed=seed: _draw(seed, *_spread(seed, 12).tolist())) for seed in range(10, 18)),
        Case(lambda: _draw(18, 0, 1, 0)),
    ),
    invariants=(
        Invariant("its probability is not 0", lambda token, probability, chance: bool(probability[token] > 0)),
    ),
    hints=(
        "Lay the probabilities end to end: they fill the line from 0 to 1. A random point falls into long pieces more "
        "often. probability.cumsum(dim=0) are the ends of the pieces.",
        "u = torch.rand((), generator=generator). The ends that are at or below u belong to pieces before the one hit.",
        "int((cumulative <= u).sum()) is the number of such ends, and so the id.",
    ),
    misconceptions=(
        Misconception(
            "greedy",
            lambda probability, chance: int(probability.argmax()),
            "That is the likeliest id each time: greedy. To draw, the others must have their chance.",
        ),
        Misconception(
            "all alike",
            _uniform,
            "Every id has the same chance there. One of probability 0.5 has to come half of the time.",
        ),
        Misconception(
            "one too far",
            lambda probability, chance: _drawn(probability, chance, 1),
            "That is the id after the right one: ids count from 0.",
        ),
        Misconception(
            "one too few",
            lambda probability, chance: _drawn(probability, chance, -1),
            "That is the id before the right one: the last whose sum is still below the number.",
        ),
        Misconception(
            "place in the order",
            _in_order,
            "The probabilities were sorted, and the place in that order is returned. Map it back to the id, or do not "
            "sort.",
        ),
        Misconception(
            "not cumulative",
            _first_above,
            "That compares the number with the probabilities themselves. It is their cumulative sum that fills the "
            "line from 0 to 1.",
        ),
        Misconception(
            "torch.multinomial",
            lambda probability, chance: int(torch.multinomial(probability, 1, generator=chance)),
            "torch.multinomial draws as it should, and by another use of the random numbers, so nobody can compare "
            "it. Here write the draw yourself.",
        ),
        Misconception(
            "from the end",
            lambda probability, chance: len(probability) - 1 - sample(probability.flip(0), chance),
            "The pieces are laid from the last id to the first. Begin with id 0.",
        ),
        Misconception(
            "a tensor",
            lambda probability, chance: torch.tensor([sample(probability, chance)]),
            "The id is right, and is returned in a tensor with an axis. Return a plain number: int(…).",
        ),
    ),
)


def write(read, prompt, length):
    """Greedy writing with a memory: the `length` ids that follow `prompt`.

    read(ids, memory) reads more ids; it returns the probabilities (V,) of what follows and the memory of all it has
    read. memory None is that of nothing read.
    """
    unread, memory, written = prompt, None, []
    for _ in range(length):
        probability, memory = read(unread, memory)
        written.append(int(probability.argmax()))
        unread = written[-1:]
    return written


def reader(ids, memory):
    """A stand-in for a model with 11 tokens: what follows depends on everything read, and on how often."""
    total, count = memory or (3, 0)
    for token in ids:
        total, count = (5 * total + token + 1) % 101, count + 1
    scores = torch.arange(11).mul(total + count).add(total) % 11
    return scores.float().softmax(dim=0), (total, count)


def hasty_reader(ids, memory):
    """Another, to which only the last tokens and their number matter."""
    past = (memory or ())[-2:] + tuple(ids)
    scores = (torch.arange(7) * (2 * past[-1] + 3 * len(past) + 1)) % 7
    return scores.float().softmax(dim=0), past


def _write(read, prompt, length, first=None, again=None, remember=True, keep=None):
    """`write` with one thing otherwise."""
    unread, memory, written = prompt if first is None else first(prompt), None, []
    for _ in range(length):
        probability, new = read(unread, memory)
        memory = new if remember else None
        written.append(int(probability.argmax()))
        unread = written[-1:] if again is None else again(prompt, written)
    return written if keep is None else keep(prompt, written)


def _token_skipped(read, prompt, length):
    """What is read next is the token before the last."""
    return _write(read, prompt, length, again=lambda prompt, written: [*prompt, *written][-2:-1])


WRITE = Exercise(
    id="7.10",
    title="debug this: it reads twice",
    minutes=8,
    difficulty=2,
    kind="debug",
    imports=("import torch",),
    stub='''def write(read, prompt, length):
    """Greedy writing with a memory: the `length` ids that follow `prompt`.

    read(ids, memory) reads more ids; it returns the probabilities (V,) of what follows and the memory of all it has
    read. memory None is that of nothing read. The memory holds what was read. One line forgets that.
    """
    text, memory = list(prompt), None
    for _ in range(length):
        probability, memory = read(text, memory)
        text.append(int(probability.argmax()))
    return text[len(prompt) :]
''',
    reference=write,
    cases=(
        Case(lambda: (reader, [1], 3)),
        Case(lambda: (reader, [4, 2, 9], 6)),
        Case(lambda: (hasty_reader, [3, 5], 8)),
        Case(lambda: (reader, [7, 0], 1)),
    ),
    hidden=(
        Case(lambda: (reader, [2, 2, 6], 7)),
        Case(lambda: (hasty_reader, [1, 0, 4], 9)),
    ),
    invariants=(Invariant("as many ids as were asked for", lambda ids, read, prompt, length: len(ids) == length),),
    hints=(
        "Let `read` print what it gets, call by call. What does it read twice?",
        "The memory already holds the text. Only what has not been read is to be given: the last id.",
    ),
    misconceptions=(
        Misconception(
            "without the memory",
            lambda read, prompt, length: _write(
                read, prompt, length, again=lambda prompt, written: [*prompt, *written], remember=False
            ),
            "That reads the whole text each time and drops the memory. Where `read` counts only what it is given, it "
            "comes to the same text; these readers tell the two apart. Use the memory.",
        ),
        Misconception(
            "memory dropped, last id read",
            lambda read, prompt, length: _write(read, prompt, length, remember=False),
            "Only the last id is read, and the memory is dropped: the text before is forgotten.",
        ),
        Misconception(
            "prompt read each time",
            lambda read, prompt, length: _write(read, prompt, length, again=lambda prompt, written: prompt),
            "It reads the prompt again each time, and never what was written.",
        ),
        Misconception(
            "what was written, read again",
            lambda read, prompt, length: _write(read, prompt, length, again=lambda prompt, written: list(written)),
            "All that was written is read again each time. The memory holds it but for the last id.",
        ),
        Misconception(
            "only the prompt's last id",
            lambda read, prompt, length: _write(read, prompt, length, first=lambda prompt: prompt[-1:]),
            "Of the prompt only the last id is read. The memory is empty then: all of the prompt is unread.",
        ),
        Misconception(
            "the prompt returned, too",
            lambda read, prompt, length: _write(read, prompt, length, keep=lambda prompt, written: prompt + written),
            "The prompt is returned as well. Only the new ids are wanted.",
        ),
        Misconception(
            "the id before the last",
            _token_skipped,
            "The id before the last is read: the model is always one behind.",
        ),
    ),
)
