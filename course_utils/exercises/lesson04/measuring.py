"""Exercises 4.1 and 4.9: how far a pronunciation, or a translation, is from the right one."""

from collections import Counter

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def levenshtein(first, second):
    """Fewest insertions, deletions and substitutions that turn one sequence into the other. Levenshtein 1966."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in range(len(first) + 1):
        for j in range(len(second) + 1):
            if i == 0 or j == 0:
                table[i][j] = i + j
            else:
                replaced = table[i - 1][j - 1] + (first[i - 1] != second[j - 1])
                table[i][j] = min(replaced, table[i - 1][j] + 1, table[i][j - 1] + 1)
    return table[-1][-1]


def _distance(first, second, replace=1, equal=0, left=1, top=1):
    """The same with other prices: of a substitution, of an equal pair, and of the table's left column and top row."""
    table = [[i * left + j * top for j in range(len(second) + 1)] for i in range(len(first) + 1)]
    for i, one in enumerate(first, start=1):
        for j, other in enumerate(second, start=1):
            diagonal = table[i - 1][j - 1] + (equal if one == other else replace)
            table[i][j] = min(diagonal, table[i - 1][j] + 1, table[i][j - 1] + 1)
    return table[-1][-1]


def _by_position(first, second):
    different = sum(one != other for one, other in zip(first, second, strict=False))
    return different + abs(len(first) - len(second))


def _without_common(first, second):
    common = (len(first) + len(second) - _distance(first, second, replace=2)) // 2
    return max(len(first), len(second)) - common


EDIT_DISTANCE = Exercise(
    id="4.1",
    title="edit distance",
    minutes=15,
    difficulty=2,
    stub='''def levenshtein(first, second):
    """Fewest insertions, deletions and substitutions that turn one sequence into the other. Levenshtein 1966."""
    raise NotImplementedError
''',
    reference=levenshtein,
    cases=(
        Case(lambda: (["AE", "T"], ["T", "AE"])),
        Case(lambda: ([], ["N", "AY", "T"])),
        Case(lambda: (["N", "AY", "T"], ["K", "N", "AY", "T"])),
        Case(lambda: (["K", "AE", "T", "S"], ["AE", "T"])),
        Case(lambda: (list("intention"), list("execution"))),
    ),
    hidden=(
        Case(lambda: (list("kitten"), list("sitting"))),
        Case(lambda: (["AH"], [])),
        Case(lambda: (["F", "OW", "N"], ["P", "HH", "OW", "N", "IY"])),
        Case(lambda: (["AE", "K", "S"], ["S", "AE", "K"])),
    ),
    invariants=(
        Invariant(
            "it is the same in both directions",
            lambda distance, first, second: distance == levenshtein(second, first),
        ),
        Invariant(
            "at least the difference of the lengths, at most the greater length",
            lambda distance, first, second: (
                abs(len(first) - len(second)) <= distance <= max(len(first), len(second))
            ),
        ),
    ),
    hints=(
        "Fill a table: the cell of row i, column j is the distance between the first i and the first j symbols.",
        "The top row is 0, 1, 2, … and so is the left column: out of nothing, j symbols take j insertions.",
        "Any other cell: the smallest of above + 1, left + 1, and diagonal + (0 where the symbols are equal, else 1).",
    ),
    misconceptions=(
        Misconception(
            "position by position",
            _by_position,
            "That compares place by place. One symbol too many at the front shifts all others, and is still one error.",
        ),
        Misconception(
            "substitution costs two",
            lambda first, second: _distance(first, second, replace=2),
            "A substitution costs 2 there, as a deletion and an insertion do. It is one edit and costs 1.",
        ),
        Misconception(
            "top row of zeros",
            lambda first, second: _distance(first, second, top=0),
            "The top row of the table is zeros, so symbols at the front of the second sequence are free. It has to "
            "count up: 0, 1, 2.",
        ),
        Misconception(
            "left column of zeros",
            lambda first, second: _distance(first, second, left=0),
            "The left column of the table is zeros, so symbols at the front of the first sequence are free. It has to "
            "count up: 0, 1, 2.",
        ),
        Misconception(
            "frame of zeros",
            lambda first, second: _distance(first, second, left=0, top=0),
            "The top row and the left column are zeros, so whatever stands in front is free. Both count up: 0, 1, 2.",
        ),
        Misconception(
            "equal symbols cost",
            lambda first, second: _distance(first, second, equal=1),
            "Equal symbols cost 1 there, too. On the diagonal an equal pair adds nothing.",
        ),
        Misconception(
            "common symbols in order",
            _without_common,
            "That is the greater length less the symbols both have in the same order. Edits can be more: AE T to T AE "
            "takes two.",
        ),
        Misconception(
            "lengths only",
            lambda first, second: abs(len(first) - len(second)),
            "That compares the lengths and never looks at a symbol.",
        ),
        Misconception(
            "symbols without order",
            lambda first, second: (Counter(first) - Counter(second)).total()
            + (Counter(second) - Counter(first)).total(),
            "That counts which symbols are left over and forgets their order.",
        ),
    ),
)


def clipped_precision(hypothesis, references, n):
    """Share of the hypothesis' n-grams that a reference has, each counted at most as often as in one reference.

    hypothesis: list of words; references: list of such lists. 0.0 where the hypothesis has no n-gram.
    """

    def counts(words):
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    ours = counts(hypothesis)
    most = Counter()
    for reference in references:
        most |= counts(reference)
    return (ours & most).total() / ours.total() if ours else 0.0


def _ngrams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _words(text):
    return text.split()


def _share(part, whole):
    return part / whole if whole else 0.0


def _most(references, n):
    most = Counter()
    for reference in references:
        most |= _ngrams(reference, n)
    return most


def _unclipped(hypothesis, references, n):
    ours, most = _ngrams(hypothesis, n), _most(references, n)
    return _share(sum(count for ngram, count in ours.items() if ngram in most), ours.total())


def _clipped(hypothesis, most, n):
    ours = _ngrams(hypothesis, n)
    return _share((ours & most).total(), ours.total())


CLIPPED_PRECISION = Exercise(
    id="4.9",
    title="clipped precision",
    minutes=10,
    difficulty=2,
    imports=("from collections import Counter",),
    stub='''def clipped_precision(hypothesis, references, n):
    """Share of the hypothesis' n-grams that a reference has, each counted at most as often as in one reference.

    hypothesis: list of words; references: list of such lists. 0.0 where the hypothesis has no n-gram.
    """
    raise NotImplementedError
''',
    reference=clipped_precision,
    cases=(
        Case(lambda: (["the", "the", "the"], [["the", "cat"]], 1)),
        Case(lambda: (_words("the cat sat on the mat"), [_words("on the mat sat a cat")], 2)),
        Case(lambda: (["a", "a", "b", "b"], [["a", "b", "b", "c"], ["a", "a", "c"]], 1)),
        Case(lambda: (["a", "a", "a", "z"], [["a", "b"], ["a", "c"]], 1)),
        Case(lambda: (["yes"], [["yes", "it", "is"]], 2)),
    ),
    hidden=(
        Case(lambda: (_words("it is it is it"), [_words("it is so"), _words("so it is it")], 2)),
        Case(lambda: (["x", "x", "y"], [["x", "z"], ["y", "x"]], 1)),
        Case(lambda: (["x"], [["x"]], 3)),
    ),
    invariants=(Invariant("a share is from 0 to 1", lambda share, *_: 0 <= share <= 1),),
    hints=(
        "Count the n-grams of the hypothesis and of each reference with a Counter of tuples.",
        "For counters, ours & theirs keeps the smaller count of each n-gram, one | other the larger.",
        "Clip at the larger count that any one reference has, add up, and divide by all n-grams of the hypothesis.",
    ),
    misconceptions=(
        Misconception(
            "not clipped",
            _unclipped,
            "That is not clipped: a word the reference has once is paid for each time it is repeated.",
        ),
        Misconception(
            "different n-grams",
            lambda hypothesis, references, n: _share(
                len(_ngrams(hypothesis, n).keys() & _most(references, n).keys()), len(_ngrams(hypothesis, n))
            ),
            "That counts each different n-gram once, in the hypothesis as well. Repetitions count, up to the limit.",
        ),
        Misconception(
            "recall",
            lambda hypothesis, references, n: _share(
                (_ngrams(hypothesis, n) & _most(references, n)).total(), _ngrams(references[0], n).total()
            ),
            "That divides by the n-grams of the reference, which is recall. Precision divides by those of the "
            "hypothesis.",
        ),
        Misconception(
            "references added up",
            lambda hypothesis, references, n: _clipped(
                hypothesis, sum((_ngrams(reference, n) for reference in references), Counter()), n
            ),
            "That adds up what several references have. The limit is the largest count in one of them.",
        ),
        Misconception(
            "first reference only",
            lambda hypothesis, references, n: _clipped(hypothesis, _ngrams(references[0], n), n),
            "That looks at the first reference only. An n-gram may be in any of them.",
        ),
        Misconception(
            "always single words",
            lambda hypothesis, references, n: _clipped(hypothesis, _most(references, 1), 1),
            "That compares single words whatever n is.",
        ),
        Misconception(
            "no n-gram",
            lambda hypothesis, references, n: (
                (_ngrams(hypothesis, n) & _most(references, n)).total() / _ngrams(hypothesis, n).total()
            ),
            "Right where there are n-grams. A hypothesis shorter than n has none: return 0.0 there.",
        ),
    ),
)
