"""Exercise 10.2: a search for test texts in the training texts that finds too few, to be mended."""

import re

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def contaminated(tests, training, n):
    """The places of the test texts that have a run of n words in common with a training text, in order.

    tests, training: lists of texts. Capitals and punctuation do not count. A run is n words one after the other,
    wherever it begins; a text of fewer words has none. GPT-3's authors took n from 8 to 13 (Brown et al. 2020, app. C).
    """

    def runs(text):
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    seen = set().union(*map(runs, training))
    return [place for place, test in enumerate(tests) if runs(test) & seen]


def _words(text):
    return re.findall(r"\w+", text.lower())


def _runs(words, n, step=1, end=1, begin=0):
    """The runs of n words that begin at every `step`-th place from `begin` on."""
    return {tuple(words[i : i + n]) for i in range(begin, len(words) - n + end, step)}


def _search(runs=_runs, words=_words, alike=lambda own, seen: own & seen, read=lambda texts: texts):
    """`contaminated` with one thing otherwise.

    runs(words, n), words(text); alike(own, seen) says whether a test with its own runs is contaminated; of the training
    texts only read(texts) are looked through.
    """

    def found(tests, training, n):
        seen = set().union(*(runs(words(text), n) for text in read(training)))
        return [place for place, test in enumerate(tests) if alike(runs(words(test), n), seen)]

    return found


def _blocks_of(tests_step, training_step):
    """Tests and training cut with steps of their own: 1 for all runs, None for blocks of n."""

    def found(tests, training, n):
        seen = set().union(*(_runs(_words(text), n, training_step or n) for text in training))
        return [place for place, test in enumerate(tests) if _runs(_words(test), n, tests_step or n) & seen]

    return found


def _as_wholes(tests, training, n):
    wholes = [" ".join(_words(text)) for text in training]
    return [i for i, test in enumerate(tests) if any(" ".join(_words(test)) in whole for whole in wholes)]


def _words_in_common(tests, training, n):
    """n words in common with one training text, in any order and at any place."""
    bags = [set(_words(text)) for text in training]
    return [i for i, test in enumerate(tests) if any(len(set(_words(test)) & bag) >= n for bag in bags)]


def _places_in_training(tests, training, n):
    return contaminated(training, tests, n)


def _clean(tests, training, n):
    return [place for place in range(len(tests)) if place not in contaminated(tests, training, n)]


CLEAN = Exercise(
    id="10.2",
    title="debug this: is the test clean?",
    minutes=8,
    difficulty=2,
    kind="debug",
    imports=("import re",),
    stub='''def contaminated(tests, training, n):
    """The places of the test texts that have a run of n words in common with a training text, in order.

    tests, training: lists of texts. Capitals and punctuation do not count. A run is n words one after the other,
    wherever it begins; a text of fewer words has none. GPT-3's authors took n from 8 to 13 (Brown et al. 2020, app. C).
    This one says of nearly every test that it is clean.
    """

    def runs(text):
        words = re.findall(r"\\w+", text.lower())
        return {tuple(words[i : i + n]) for i in range(0, len(words) - n + 1, n)}

    seen = set().union(*map(runs, training))
    return [place for place, test in enumerate(tests) if runs(test) & seen]
''',
    reference=contaminated,
    cases=(
        Case(
            lambda: (
                ["So the cat sat on a chair.", "A dog lay on the chair."],
                ["The cat sat down.", "A dog barked."],
                3,
            )
        ),
        Case(lambda: (["The cat sat."], ["Then the cat sat."], 3)),
        Case(
            lambda: (
                ["Sat a dog and the cat?", "the cat sat, so there"],
                ["A dog barked.", "And then the cat sat."],
                3,
            )
        ),
        Case(lambda: (["Sat the cat?", "There THE CAT sat, alone!"], ["The cat sat."], 3)),
        Case(lambda: (["A red fox ran."], ["He saw a red", "fox ran home."], 3)),
        Case(lambda: (["The end!", "That was the end."], ["The end.", "So this is the end."], 3)),
        Case(lambda: (["So it was the best.", "The best was it."], ["He said: it was the best of days."], 4)),
        Case(
            lambda: (["I ask what you can do.", "Ask what I can do."], ["Ask not what it can; ask what you can do."], 5)
        ),
        Case(lambda: ([], ["It was the worst of days."], 4)),
    ),
    hidden=(
        Case(lambda: (["A RED, fox!", "fox a red"], ["One night a red fox ran.", "Fox!"], 3)),
        Case(
            lambda: (
                ["We go to choose.", "Today we choose to go home."],
                ["Ask not.", "No.", "And we choose to go to the Moon."],
                4,
            )
        ),
        Case(lambda: (["Yes, we can!", "We can, we say"], ["Yes, we can!", "They say we can"], 4)),
        Case(lambda: (["over the hill at last"], ["It ran over the", "hill at night."], 4)),
        Case(
            lambda: (["or do the other things", "do other things"], ["Go, and do the other things", "Other things"], 3)
        ),
    ),
    invariants=(
        Invariant(
            "each place is that of a test, once and in order",
            lambda places, tests, training, n: places == sorted(set(places) & set(range(len(tests)))),
        ),
    ),
    hints=(
        "Write down what runs('the cat sat on') returns for n = 3, and what runs('so the cat sat on') does.",
        "They have “the cat sat” in common, and both texts are cut into blocks, at other places.",
        "A run may begin at every word: the range needs no third number.",
    ),
    misconceptions=(
        Misconception(
            "last run missed",
            _search(lambda words, n: _runs(words, n, end=0)),
            "The last run of each text is missed. It begins at len(words) − n, and range stops before its end: add 1.",
        ),
        Misconception(
            "first run missed",
            _search(lambda words, n: _runs(words, n, begin=1)),
            "The first run of each text is missed: the range begins at 1.",
        ),
        Misconception(
            "blocks that overlap by half",
            _search(lambda words, n: _runs(words, n, step=max(1, n // 2))),
            "Blocks that overlap by half still begin at some places only. A run may begin at every word.",
        ),
        Misconception(
            "every second word",
            _search(lambda words, n: _runs(words, n, step=2)),
            "Runs begin at every second word there. A run may begin at every word.",
        ),
        Misconception(
            "shorter runs too",
            _search(lambda words, n: _runs(words, n, end=n)),
            "Runs of fewer than n words count as well, down to the last word of a text alone. Stop at len(words) − n.",
        ),
        Misconception(
            "short texts too",
            _search(lambda words, n: _runs(words, n, end=1) or ({tuple(words)} if words else set())),
            "A text of fewer than n words counts as one run. It has none here: so short a text is said by chance.",
        ),
        Misconception(
            "only the training texts in blocks",
            _blocks_of(1, None),
            "The tests have all their runs now, the training texts only blocks. A block need not lie within what is "
            "shared: both need all runs.",
        ),
        Misconception(
            "only the tests in blocks",
            _blocks_of(None, 1),
            "The training texts have all their runs now, the tests only blocks. Both need all runs.",
        ),
        Misconception(
            "runs across texts",
            _search(read=lambda training: [" ".join(training)]),
            "The training texts are joined, and runs reach from one into the next. Nobody wrote those.",
        ),
        Misconception(
            "n words in common",
            _words_in_common,
            "n words in common are enough there, wherever they stand. They have to follow one another.",
        ),
        Misconception(
            "order does not count",
            _search(lambda words, n: {tuple(sorted(run)) for run in _runs(words, n)}),
            "The words of a run are taken in any order. A run is copied in its order.",
        ),
        Misconception(
            "all runs in common",
            _search(alike=lambda own, seen: own and own <= seen),
            "A test counts only if all its runs have been read in training. One is enough to give the answer away.",
        ),
        Misconception(
            "whole tests",
            _as_wholes,
            "The whole test has to occur in a training text. Text around what was copied would hide it.",
        ),
        Misconception(
            "as written",
            _search(words=str.split),
            "Capitals and punctuation count now. “THE CAT sat,” is a copy of “the cat sat”.",
        ),
        Misconception(
            "capitals count",
            _search(words=lambda text: re.findall(r"\w+", text)),
            "Capitals count now. A copy at the beginning of a sentence is a copy.",
        ),
        Misconception(
            "punctuation counts",
            _search(words=lambda text: text.lower().split()),
            "Punctuation counts now: “sat.” is not “sat” there.",
        ),
        Misconception(
            "first training text alone",
            _search(read=lambda training: training[:1]),
            "Only the first training text is looked through.",
        ),
        Misconception(
            "last training text alone",
            _search(read=lambda training: training[-1:]),
            "Only the last training text is looked through: the runs of each replace those before.",
        ),
        Misconception(
            "the clean ones",
            _clean,
            "Those are the places of the tests that are clean. The others are asked for.",
        ),
        Misconception(
            "places in training",
            _places_in_training,
            "Those are places of training texts. The places of the tests are asked for.",
        ),
        Misconception(
            "texts",
            lambda tests, training, n: [tests[place] for place in contaminated(tests, training, n)],
            "Those are the texts. Their places are asked for: enumerate(tests).",
        ),
        Misconception(
            "share",
            lambda tests, training, n: len(contaminated(tests, training, n)) / max(1, len(tests)),
            "That is the share of the tests. The list of their places is asked for, so that they can be left out.",
        ),
    ),
)
