"""Exercises 9.4 and 9.9: how good a classifier is where one class is rare, and how good an answer is."""

import string
from collections import Counter

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def score(answer, right):
    """Exact match (True or False) and token F1 (0 to 1) of an answer, as SQuAD counts. Rajpurkar et al. 2016.

    Both texts are made lower-case, lose the characters of string.punctuation and are split at spaces; the words a, an
    and the are left out. F1 is the harmonic mean of precision and recall over words, each counted as often as both
    have it. Where a text has no words left, F1 is 1.0 if the other has none either, else 0.0.
    """

    def words(text):
        plain = "".join(character for character in text.lower() if character not in string.punctuation)
        return [word for word in plain.split() if word not in ("a", "an", "the")]

    ours, theirs = words(answer), words(right)
    if not ours or not theirs:
        return ours == theirs, float(ours == theirs)
    common = (Counter(ours) & Counter(theirs)).total()
    return ours == theirs, 2 * common / (len(ours) + len(theirs))


def _words(text, lower=True, replaced="", articles=False):
    text = text.lower() if lower else text
    plain = "".join(replaced if character in string.punctuation else character for character in text)
    return [word for word in plain.split() if articles or word not in ("a", "an", "the")]


def _f1(ours, theirs):
    """Harmonic mean of precision and recall, of two lists."""
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * (Counter(ours) & Counter(theirs)).total() / (len(ours) + len(theirs))


def _scored(cut):
    """Scored as it should be, after another way of cutting a text into words."""
    return lambda answer, right: (cut(answer) == cut(right), _f1(cut(answer), cut(right)))


def _counted(f1, exact=lambda ours, theirs: ours == theirs):
    """Cut as it should be, then scored by other formulas; each takes two lists of words."""

    def scored(answer, right):
        ours, theirs = _words(answer), _words(right)
        whole = f1(ours, theirs) if ours and theirs else float(ours == theirs)
        return exact(ours, theirs), whole

    return scored


def _overlap(ours, theirs):
    return (Counter(ours) & Counter(theirs)).total()


def _each_that_occurs(ours, theirs):
    """A word of the answer counts whenever the right one has it at all."""
    precision = sum(word in theirs for word in ours) / len(ours)
    recall = sum(word in ours for word in theirs) / len(theirs)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _in_place(ours, theirs):
    same = sum(one == other for one, other in zip(ours, theirs, strict=False))
    return 2 * same / (len(ours) + len(theirs))


ANSWER = Exercise(
    id="9.9",
    title="score an answer",
    minutes=12,
    difficulty=2,
    imports=("import string", "from collections import Counter"),
    stub='''def score(answer, right):
    """Exact match (True or False) and token F1 (0 to 1) of an answer, as SQuAD counts. Rajpurkar et al. 2016.

    Both texts are made lower-case, lose the characters of string.punctuation and are split at spaces; the words a, an
    and the are left out. F1 is the harmonic mean of precision and recall over words, each counted as often as both
    have it. Where a text has no words left, F1 is 1.0 if the other has none either, else 0.0.
    """
    raise NotImplementedError
''',
    reference=score,
    cases=(
        Case(lambda: ("The Nile.", "the nile")),
        Case(lambda: ("in the city of New York", "New York City, U.S.")),
        Case(lambda: ("no no no", "no, no, an old one")),
        Case(lambda: ("the well-known Dr. Lee and an aunt", "Lee, a well-known aunt")),
        Case(lambda: ("York, New York", "New York, York")),
        Case(lambda: ("in 1969", "1969")),
        Case(lambda: ("Paris", "London")),
        Case(lambda: ("", "the")),
        Case(lambda: ("the", "Ohm")),
    ),
    hidden=(
        Case(lambda: ("A dog, a cat, a dog", "the dog and the cat")),
        Case(lambda: ("on July 4, 1776", "July 4, 1776")),
        Case(lambda: ("An X-ray.", "xray")),
        Case(lambda: ("the dog bit a man", "A man bit the dog")),
        Case(lambda: ("big, big, big ship", "a ship: big, not so big")),
        Case(lambda: ("...", "an")),
    ),
    invariants=(
        Invariant("an exact match has F1 1", lambda result, *_: not result[0] or result[1] == 1.0),
        Invariant("F1 from 0 to 1", lambda result, *_: 0 <= result[1] <= 1),
    ),
    hints=(
        "Write one function inside that gives the words of a text, and use it on both. Punctuation is taken out "
        "before the split: U.S. becomes us.",
        "Counter(ours) & Counter(theirs) keeps each word as often as both have it; .total() is how many those are.",
        "precision is common / len(ours), recall common / len(theirs). Their harmonic mean is 2 · common divided by "
        "the sum of both lengths.",
    ),
    misconceptions=(
        Misconception(
            "articles kept",
            _scored(lambda text: _words(text, articles=True)),
            "a, an and the are counted. “the Nile” and “Nile” are the same answer.",
        ),
        Misconception(
            "case kept",
            _scored(lambda text: _words(text, lower=False)),
            "Capitals make a difference there. Make both texts lower-case first.",
        ),
        Misconception(
            "punctuation kept",
            _scored(lambda text: [word for word in text.lower().split() if word not in ("a", "an", "the")]),
            "Punctuation stays on the words: “nile.” is not “nile”. Take it out before the split.",
        ),
        Misconception(
            "a space for punctuation",
            _scored(lambda text: _words(text, replaced=" ")),
            "A space replaces each punctuation mark: “U.S.” becomes two words. SQuAD's script takes it out.",
        ),
        Misconception(
            "nothing normalised",
            _scored(str.split),
            "The texts are split as they are. Lower-case, punctuation and articles come before.",
        ),
        Misconception(
            "sets of words",
            _counted(lambda ours, theirs: _f1(sorted(set(ours)), sorted(set(theirs)))),
            "Words are put into sets, so that a word said three times counts once. Count with Counter.",
        ),
        Misconception(
            "not clipped",
            _counted(_each_that_occurs),
            "A word of the answer counts each time if the right one has it once: “no no no” would be all right. "
            "Each counts as often as both have it.",
        ),
        Misconception(
            "precision",
            _counted(lambda ours, theirs: _overlap(ours, theirs) / len(ours)),
            "That is precision: a single right word would have full marks.",
        ),
        Misconception(
            "recall",
            _counted(lambda ours, theirs: _overlap(ours, theirs) / len(theirs)),
            "That is recall: an answer that repeats the whole text would have full marks.",
        ),
        Misconception(
            "plain mean",
            _counted(lambda ours, theirs: _overlap(ours, theirs) * (1 / len(ours) + 1 / len(theirs)) / 2),
            "That is the plain mean of precision and recall. F1 is the harmonic one, nearer to the smaller of both.",
        ),
        Misconception(
            "place by place",
            _counted(_in_place),
            "Words are compared place by place: “in 1969” has nothing in common with “1969”. Order does not count.",
        ),
        Misconception(
            "share of all words",
            _counted(lambda ours, theirs: _overlap(ours, theirs) / (Counter(ours) | Counter(theirs)).total()),
            "That divides what both have by what either has: Jaccard. F1 is 2 · common over the sum of both lengths.",
        ),
        Misconception(
            "contained is exact",
            _counted(_f1, exact=lambda ours, theirs: " ".join(theirs) in " ".join(ours)),
            "An answer that contains the right one counts as exact. Exact match wants the same words and no others.",
        ),
        Misconception(
            "order does not count for exact match",
            _counted(_f1, exact=lambda ours, theirs: set(ours) == set(theirs)),
            "Exact match compares sets there. It wants the same words, as often and in the same order.",
        ),
        Misconception(
            "exact as written",
            lambda answer, right: (answer == right, score(answer, right)[1]),
            "Exact match compares the texts as they are written. It, too, comes after capitals, punctuation and "
            "articles are gone.",
        ),
        Misconception(
            "nothing against nothing is 0",
            lambda answer, right: (score(answer, right)[0], score(answer, right)[1] if _words(answer) else 0.0),
            "Where neither text has words left, F1 is 0 there. They are equal: 1.0.",
        ),
    ),
)


MACRO_F1 = Exercise(
    id="9.4",
    title="predict: macro-F1 on paper",
    minutes=6,
    difficulty=2,
    kind="predict",
    stub="""# Ten reviews: 8 are good, 2 are bad. A classifier calls 9 of them good, among these all 8 that are;
# the one that it calls bad is bad. What is its macro-F1, to two decimals?
macro_f1 = None
""",
    solution="macro_f1 = (16 / 17 + 2 / 3) / 2  # good: P 8/9, R 1, F1 16/17; bad: P 1, R 1/2, F1 2/3",
    reference=41 / 51,
    hints=(
        "Each class in turn is “the one to be found”. Good: 8 found, 1 too many, none missed. Bad: 1 found, 1 missed.",
        "F1 = 2 · found / (2 · found + too many + missed). Good: 16/17. Bad: 2/3.",
        "Macro: the plain mean of the classes' F1, however rare a class is.",
    ),
    tolerance=5e-3,
    misconceptions=(
        Misconception(
            "micro",
            0.9,
            "0.9 is micro-F1, which is the accuracy here: all reviews are counted together, and the rare class hardly "
            "counts. Macro is the mean of the two classes' F1.",
        ),
        Misconception(
            "weighted",
            0.8 * 16 / 17 + 0.2 * 2 / 3,
            "0.89 weights each class by its size. In macro-F1 both classes count alike.",
        ),
        Misconception("good reviews alone", 16 / 17, "0.94 is the F1 of the good reviews. There are two classes."),
        Misconception("bad reviews alone", 2 / 3, "0.67 is the F1 of the bad reviews. There are two classes."),
        Misconception("mean recall", 0.75, "0.75 is the mean of the recalls, 1 and 1/2: precision is left out."),
        Misconception(
            "always good",
            4 / 9,
            "0.44 is the macro-F1 of calling all ten good, the trivial baseline. This one finds a bad review.",
        ),
        Misconception(
            "F1 of the means",
            2 * (17 / 18) * 0.75 / (17 / 18 + 0.75),
            "0.84 is the F1 of mean precision and mean recall. First each class's F1, then the mean.",
        ),
    ),
)
