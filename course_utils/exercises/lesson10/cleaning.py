"""Exercise 10.1: a text as a few minima, so that texts which are nearly the same can be found among many."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception
from course_utils.text.duplicates import PRIME, shingles


def signature(runs, slopes, offsets, prime):
    """The text's signature: for each slope a and its offset b the smallest (a·x + b) mod p over its runs x.

    runs: a set of whole numbers, one for each run of words in the text, not empty. slopes, offsets: lists of equal
    length. Returns a list of that length. Broder 1997; Leskovec et al. 2020, section 3.3.
    """
    return [min((a * x + b) % prime for x in runs) for a, b in zip(slopes, offsets, strict=True)]


def _over_the_runs(number, choose=min):
    """The signature with another number(x, a, b, prime) for a run, or another choice than the smallest."""
    return lambda runs, slopes, offsets, prime: [
        choose(number(x, a, b, prime) for x in runs) for a, b in zip(slopes, offsets, strict=True)
    ]


def _reduced_late(runs, slopes, offsets, prime):
    return [min(a * x + b for x in runs) % prime for a, b in zip(slopes, offsets, strict=True)]


def _winners(runs, slopes, offsets, prime):
    """The run that has the smallest number, not the number."""
    return [min(runs, key=lambda x: (a * x + b) % prime) for a, b in zip(slopes, offsets, strict=True)]


def _for_each_run(runs, slopes, offsets, prime):
    pairs = list(zip(slopes, offsets, strict=True))
    return [min((a * x + b) % prime for a, b in pairs) for x in sorted(runs)]


def _every_slope_with_every_offset(runs, slopes, offsets, prime):
    return [min((a * x + b) % prime for x in runs) for a in slopes for b in offsets]


def _the_smallest_few(runs, slopes, offsets, prime):
    """One hash function, of which the k smallest numbers are kept."""
    return sorted((slopes[0] * x + offsets[0]) % prime for x in runs)[: len(slopes)]


LENGTHENED = "The state of the Union is strong, and the people of the Union are free."
SHORTENED = "The state of the Union is strong."

MINIMA = Exercise(
    id="10.1",
    title="one minimum for a text",
    minutes=8,
    difficulty=2,
    stub='''def signature(runs, slopes, offsets, prime):
    """The text's signature: for each slope a and its offset b the smallest (a·x + b) mod p over its runs x.

    runs: a set of whole numbers, one for each run of words in the text, not empty. slopes, offsets: lists of equal
    length. Returns a list of that length. Broder 1997; Leskovec et al. 2020, section 3.3.
    """
    raise NotImplementedError
''',
    reference=signature,
    cases=(
        Case(lambda: ({3, 5, 8}, [4, 7], [1, 2], 11)),
        Case(lambda: ({2, 9, 14, 20}, [6, 3, 11, 5], [5, 8, 0, 13], 23)),
        Case(lambda: (shingles(SHORTENED, 3), [1_103_515_245, 48_271, 69_621], [12_345, 7, 1_000_003], PRIME)),
    ),
    hidden=(
        Case(lambda: ({1, 4, 6, 12}, [9, 2, 5], [3, 10, 7], 13)),
        Case(lambda: (shingles(LENGTHENED, 3), [16_807, 1_664_525, 22_695_477], [5, 1_013_904_223, 99], PRIME)),
    ),
    invariants=(
        Invariant("one minimum for each pair (a, b)", lambda minima, runs, slopes, *_: len(minima) == len(slopes)),
        Invariant(
            "each lies between 0 and p − 1",
            lambda minima, runs, slopes, offsets, prime: all(0 <= smallest < prime for smallest in minima),
        ),
    ),
    hints=(
        "On paper, for the runs 3, 5, 8 and a = 4, b = 1, p = 11: the numbers are 13, 21 and 33 mod 11.",
        "zip(slopes, offsets) gives the pairs (a, b). For each of them, one min over all runs.",
        "The remainder comes before the minimum: min((a * x + b) % prime for x in runs).",
    ),
    misconceptions=(
        Misconception(
            "remainder after the minimum",
            _reduced_late,
            "The minimum comes before the remainder, so the smallest run wins for every (a, b). Take the remainder of "
            "every number first; the minimum is the last step.",
        ),
        Misconception(
            "no remainder",
            _over_the_runs(lambda x, a, b, prime: a * x + b),
            "The remainder mod p is missing. Without it the numbers keep the order of the runs: the smallest wins.",
        ),
        Misconception(
            "offset after the remainder",
            _over_the_runs(lambda x, a, b, prime: a * x % prime + b),
            "b is added after the remainder, so it shifts all numbers alike and changes no winner. It belongs inside.",
        ),
        Misconception(
            "no offset",
            _over_the_runs(lambda x, a, b, prime: a * x % prime),
            "The offset b is not used. It is added to a·x before the remainder.",
        ),
        Misconception(
            "offset multiplied too",
            _over_the_runs(lambda x, a, b, prime: a * (x + b) % prime),
            "a multiplies the offset too: a·(x + b). It is a·x + b.",
        ),
        Misconception(
            "slope and offset exchanged",
            _over_the_runs(lambda x, a, b, prime: (b * x + a) % prime),
            "Slope and offset are exchanged: b multiplies the run, and a is added.",
        ),
        Misconception(
            "maxima",
            _over_the_runs(lambda x, a, b, prime: (a * x + b) % prime, choose=max),
            "Those are the largest numbers. They would serve as well, but here the smallest are asked for.",
        ),
        Misconception(
            "runs instead of numbers",
            _winners,
            "Those are the runs that win. The signature holds the numbers they win with, (a·x + b) mod p.",
        ),
        Misconception(
            "a minimum for each run",
            _for_each_run,
            "There is one minimum for each run. Each (a, b) has one, over all runs: the comprehension is inside out.",
        ),
        Misconception(
            "every slope with every offset",
            _every_slope_with_every_offset,
            lambda runs, slopes, offsets, prime: (
                f"Every slope meets every offset: {len(slopes) * len(offsets)} minima. The first slope goes with the "
                f"first offset, and so on: {len(slopes)}. zip pairs them."
            ),
        ),
        Misconception(
            "one hash function",
            _the_smallest_few,
            "All numbers come from the first slope and offset. That is another sketch, bottom-k. Here each (a, b) "
            "gives one minimum.",
        ),
        Misconception(
            "sorted",
            lambda *arguments: sorted(signature(*arguments)),
            "The minima are sorted. Two signatures are compared place by place, so each stays at the place of its "
            "(a, b).",
        ),
        Misconception(
            "a set",
            lambda *arguments: set(signature(*arguments)),
            "That is a set. Two signatures are compared place by place: return a list.",
        ),
        Misconception(
            "one number",
            lambda *arguments: min(signature(*arguments)),
            "That is the smallest number of all. Each (a, b) has a minimum of its own. The share of them that two "
            "texts have in common estimates how alike they are.",
        ),
    ),
)
