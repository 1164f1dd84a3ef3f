"""Exercise 16.1: how much of a text was copied from what its writer had read."""

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def copied_share(written, training, n):
    """The share of the words in `written` that were copied, from 0 to 1.

    written, training: lists of words; written has at least one. A run is n words that follow each other. It is copied
    if the same words, in the same order, follow each other somewhere in training. A word is copied if it stands in a
    copied run, in one or in several of them.
    """
    known = {tuple(training[start : start + n]) for start in range(len(training) - n + 1)}
    places = set()
    for start in range(len(written) - n + 1):
        if tuple(written[start : start + n]) in known:
            places.update(range(start, start + n))
    return len(places) / len(written)


def _runs(words, n, last=0):
    """All runs of n words, as tuples; `last` −1 misses the last one."""
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1 + last)]


def _places(written, training, n, width=lambda n: n, key=tuple, last=(0, 0)):
    """The places of copied words, a set.

    width(n): how many words a copied run marks. key: what two runs have to share. last: see `_runs`, for each list.
    """
    known = {key(run) for run in _runs(training, n, last[1])}
    starts = [start for start, run in enumerate(_runs(written, n, last[0])) if key(run) in known]
    return {place for start in starts for place in range(start, start + width(n))}


def _share(**how):
    return lambda written, training, n: len(_places(written, training, n, **how)) / len(written)


def _hits(written, training, n):
    known = set(_runs(training, n))
    return [run in known for run in _runs(written, n)]


def _share_of_runs(written, training, n):
    hits = _hits(written, training, n)
    return sum(hits) / max(len(hits), 1)


def _share_of_different_runs(written, training, n):
    different = set(_runs(written, n))
    return len(different & set(_runs(training, n))) / max(len(different), 1)


def _side_by_side(written, training, n):
    """Runs that do not overlap: words 0 to n − 1, n to 2n − 1, and so on."""
    return n * sum(_hits(written, training, n)[::n]) / len(written)


def _longest(written, training, n):
    """The longest stretch of copied words, and nothing else."""
    best = length = 0
    places = _places(written, training, n)
    for place in range(len(written)):
        length = length + 1 if place in places else 0
        best = max(best, length)
    return best / len(written)


def _inside_words_too(written, training, n):
    """Looked for as letters: `art of` is found in `part of`."""
    text = " ".join(training)
    starts = [start for start, run in enumerate(_runs(written, n)) if " ".join(run) in text]
    return len({place for start in starts for place in range(start, start + n)}) / len(written)


def _words_not_places(written, training, n):
    """A word that was copied once counts wherever it stands."""
    copied = {written[place] for place in _places(written, training, n)}
    return sum(word in copied for word in written) / len(written)


SPEECH = "we ask the congress to act and the people to judge it is a part of our work to keep the peace at home"
SHORT = "the house of the people and the state of the union"


def _told(written, training=SPEECH):
    """The words of a text, and those of the text it may have been copied from."""
    return written.split(), training.split()


COPIED = Exercise(
    id="16.1",
    title="how much was copied?",
    minutes=10,
    difficulty=2,
    stub='''def copied_share(written, training, n):
    """The share of the words in `written` that were copied, from 0 to 1.

    written, training: lists of words; written has at least one. A run is n words that follow each other. It is copied
    if the same words, in the same order, follow each other somewhere in training. A word is copied if it stands in a
    copied run, in one or in several of them.
    """
    raise NotImplementedError
''',
    reference=copied_share,
    cases=(
        Case(lambda: (*_told("one state of the union is new", SHORT), 3)),
        Case(lambda: (*_told("the union", SHORT), 3)),
        Case(lambda: (*_told("it is an art of our time to keep the peace at home"), 2)),
        Case(
            lambda: (*_told("to the people we say to judge it is a part of freedom and the people act and the law"), 3)
        ),
        Case(
            lambda: (*_told("we ask all to act and the people to wait and to act and the people to keep the peace"), 4)
        ),
    ),
    hidden=(
        Case(lambda: (*_told("home", SHORT), 2)),
        Case(
            lambda: (*_told("we state of the house of the union and the house and the state of it the union", SHORT), 2)
        ),
        Case(
            lambda: (
                *_told(
                    "we act and the people act and the state of our work is to people judge our work to keep the peace"
                ),
                3,
            )
        ),
        Case(lambda: (*_told("a sk the congress to act and the people of our work to judge it is a part of it"), 3)),
    ),
    invariants=(
        Invariant("a share, from 0 to 1", lambda result, *_: 0 <= result <= 1),
        Invariant(
            "a whole number of words",
            lambda result, written, *_: abs(result * len(written) - round(result * len(written))) < 1e-6,
        ),
    ),
    hints=(
        "In `one state of the union is new`, with n = 3, the runs `state of the` and `of the union` were copied. Which "
        "words stand in them?",
        "Put the runs of training into a set of tuples: tuple(training[start : start + n]), from the first place to "
        "the last at which n words are left.",
        "Go through the runs of written. Keep the places of the copied ones in a set: "
        "places.update(range(start, start + n)). Places count once, however often they are put in.",
    ),
    misconceptions=(
        Misconception(
            "share of the runs",
            _share_of_runs,
            "That is the share of runs that were copied. The share of words is asked for: mark all n words of each "
            "such run.",
        ),
        Misconception(
            "share of the different runs",
            _share_of_different_runs,
            "That is the share of different runs. Words are asked for, and what is copied twice counts twice.",
        ),
        Misconception(
            "first words alone",
            _share(width=lambda n: 1),
            "Only the first word of each copied run counts. All n of them do.",
        ),
        Misconception(
            "overlaps counted twice",
            lambda written, training, n: n * sum(_hits(written, training, n)) / len(written),
            "Words that stand in two copied runs count twice, so the share may pass 1. Keep places in a set.",
        ),
        Misconception(
            "runs side by side",
            _side_by_side,
            "Only runs that begin at 0, n, 2n, … are looked at. A copied run may begin at any word.",
        ),
        Misconception(
            "single words",
            lambda written, training, n: sum(word in training for word in written) / len(written),
            "Each word is looked for alone. That all words of a text are known says little: n of them in a row do.",
        ),
        Misconception(
            "in any order",
            _share(key=lambda run: tuple(sorted(run))),
            "The words of a run may stand in any order there. A copy has them in the same order.",
        ),
        Misconception(
            "inside words",
            _inside_words_too,
            "The run is looked for as letters, so `art of` is found in `part of`. Compare words: tuples in a set.",
        ),
        Misconception(
            "the longest alone",
            _longest,
            "Only the longest copied stretch counts. All of them do.",
        ),
        Misconception(
            "words in place of places",
            _words_not_places,
            "A word that was copied once counts wherever it stands. Keep places, not words: `the` is copied here and "
            "not there.",
        ),
        Misconception(
            "the last run of the text missed",
            _share(last=(-1, 0)),
            "The last run of written is not looked at. There are len(written) − n + 1 runs: range needs the + 1.",
        ),
        Misconception(
            "the last run of the training text missed",
            _share(last=(0, -1)),
            "The last run of training is missing. There are len(training) − n + 1 runs: range needs the + 1.",
        ),
        Misconception(
            "one word short",
            _share(width=lambda n: n - 1),
            "The last word of a run is not marked: range(start, start + n) holds n places.",
        ),
        Misconception(
            "divided by the training text",
            lambda written, training, n: len(_places(written, training, n)) / len(training),
            "It is divided by the words of training. The share of what was written is asked for.",
        ),
        Misconception(
            "what is new",
            lambda written, training, n: 1 - copied_share(written, training, n),
            "That is the share of words that were not copied.",
        ),
        Misconception(
            "how many",
            lambda written, training, n: len(_places(written, training, n)),
            "That is how many words were copied. Divide by how many there are.",
        ),
    ),
)
