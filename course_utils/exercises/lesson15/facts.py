"""Exercises 15.3 and 15.4: whether a model is right as often as it is sure, and whether the passage was found."""

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def calibration_error(confidence, right, bins):
    """The expected calibration error, a float: the mean over answers of |accuracy − mean confidence| of their bin.

    confidence (N,): from 0 to 1. right (N,): True or False. The bins are equally wide and reach from 0 to 1; a
    confidence at a border belongs to the lower one. Naeini et al. 2015.
    """
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    places = np.searchsorted(inner, confidence)  # the bin of each answer, from 0
    error = 0.0
    for place in np.unique(places):
        inside = places == place
        error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def _equally_wide(confidence, bins):
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)


def _error(
    places=_equally_wide,
    sure=lambda confidence, place, bins: confidence.mean(),
    gap=abs,
    weigh=lambda shares, gaps: shares @ gaps,
):
    """The same with other bins, another confidence of a bin, another gap, or another way to put the bins together."""

    def error(confidence, right, bins):
        found = places(confidence, bins)
        kinds = np.unique(found)
        shares = np.array([(found == place).mean() for place in kinds])
        accuracy = np.array([right[found == place].mean() for place in kinds])
        said = np.array([sure(confidence[found == place], place, bins) for place in kinds])
        return float(weigh(shares, gap(said - accuracy)))

    return error


def _upper_bin(confidence, bins):
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="right")


def _as_many_each(confidence, bins):
    return np.searchsorted(np.quantile(confidence, np.linspace(0, 1, bins + 1))[1:-1], confidence)


def _from_least_to_most(confidence, bins):
    edges = np.linspace(confidence.min(), confidence.max(), bins + 1)
    return np.searchsorted(edges[1:-1], confidence)


def _over_all_bins(confidence, right, bins):
    """The mean over the bins, the empty ones counted as 0."""
    found = len(np.unique(_equally_wide(confidence, bins)))
    return _error(weigh=lambda shares, gaps: gaps.mean())(confidence, right, bins) * found / bins


def _of_the_right_alone(confidence, right, bins):
    """The confidence of a bin is that of its right answers."""
    places, error = _equally_wide(confidence, bins), 0.0
    for place in np.unique(places):
        inside = places == place
        sure = confidence[inside & right]
        error += inside.mean() * abs(right[inside].mean() - (sure.mean() if len(sure) else 0.0))
    return float(error)


def _answers(seed, count, bins, borders=False):
    """Confidences and whether answers were right: too modest below 0.6, too sure above; if `borders`, eighths."""
    chance = np.random.default_rng(seed)
    confidence = 0.2 + 0.8 * chance.random(count) ** 0.7
    confidence = np.ceil(confidence * 8) / 8 if borders else confidence.round(3)
    return confidence, chance.random(count) < 0.3 + 0.5 * confidence, bins


CALIBRATION = Exercise(
    id="15.3",
    title="is it as sure as it is right?",
    minutes=10,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def calibration_error(confidence, right, bins):
    """The expected calibration error, a float: the mean over answers of |accuracy − mean confidence| of their bin.

    confidence (N,): from 0 to 1. right (N,): True or False. The bins are equally wide and reach from 0 to 1; a
    confidence at a border belongs to the lower one. Naeini et al. 2015.
    """
    raise NotImplementedError
''',
    reference=calibration_error,
    tolerance=1e-5,
    cases=(
        Case(lambda: (np.array([0.9, 0.7, 0.8, 0.2]), np.array([True, False, True, True]), 2)),
        Case(lambda: (np.array([0.5, 0.25, 1.0, 0.75, 0.5, 0.625]), np.array([1, 0, 1, 0, 1, 1], dtype=bool), 4)),
        Case(lambda: _answers(1, 12, 5)),
        Case(lambda: _answers(2, 60, 10)),
    ),
    hidden=(Case(lambda: _answers(3, 16, 4, borders=True)), Case(lambda: _answers(4, 50, 5))),
    invariants=(Invariant("from 0 to 1", lambda error, *_: 0 <= error <= 1),),
    hints=(
        "In the first case the upper of the two bins holds 0.9, 0.7 and 0.8, of which 2 of 3 are right: a gap of "
        "0.8 − 0.667. The lower one holds 0.2, which is right: a gap of 0.8.",
        "A bin counts as much as it has answers: here 3/4 · 0.133 + 1/4 · 0.8. Bins with no answer count nothing.",
        "np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence) gives the bin of each answer, from 0.",
    ),
    misconceptions=(
        Misconception(
            "mean over the bins",
            _error(weigh=lambda shares, gaps: gaps.mean()),
            "Each bin counts the same there, however few answers it holds. Weigh a bin by its share of the answers.",
        ),
        Misconception(
            "mean over the bins, empty ones too",
            _over_all_bins,
            "The gaps are divided by the number of bins, and empty ones count as faultless. Weigh a bin by its share "
            "of the answers.",
        ),
        Misconception(
            "sum over the bins",
            _error(weigh=lambda shares, gaps: gaps.sum()),
            "The gaps of the bins are added up. Weigh each by its share of the answers.",
        ),
        Misconception(
            "gaps with their signs",
            _error(gap=lambda gaps: gaps),
            "The gaps keep their signs: too sure in one bin and too modest in another cancel. Take their absolute "
            "values.",
        ),
        Misconception(
            "one bin",
            _error(places=lambda confidence, bins: np.zeros(len(confidence), dtype=int)),
            "That is |mean confidence − accuracy| of all answers together. Compare within each bin, then take the "
            "mean.",
        ),
        Misconception(
            "each answer by itself",
            lambda confidence, right, bins: float(np.abs(confidence - right).mean()),
            "Each answer is compared with whether it was right. An answer sure to 0.8 that is right is no fault: "
            "compare means of bins.",
        ),
        Misconception(
            "Brier score",
            lambda confidence, right, bins: float(((confidence - right) ** 2).mean()),
            "That is the Brier score, the mean of (confidence − right)². It measures something else as well: how well "
            "right and wrong are told apart.",
        ),
        Misconception(
            "squared gaps",
            _error(gap=lambda gaps: gaps**2),
            "The gaps are squared. Their absolute values are asked for.",
        ),
        Misconception(
            "root of the mean square",
            _error(weigh=lambda shares, gaps: np.sqrt(shares @ gaps**2)),
            "That is the root of the mean square of the gaps. The mean of their absolute values is asked for.",
        ),
        Misconception(
            "worst bin",
            _error(weigh=lambda shares, gaps: gaps.max()),
            "That is the largest gap, called the maximum calibration error. The mean over the answers is asked for.",
        ),
        Misconception(
            "middle of the bin",
            _error(sure=lambda confidence, place, bins: (place + 0.5) / bins),
            "The middle of the bin is taken for its confidence. Take the mean of the confidences that lie in it.",
        ),
        Misconception(
            "upper end of the bin",
            _error(sure=lambda confidence, place, bins: (place + 1) / bins),
            "The upper end of the bin is taken for its confidence. Take the mean of the confidences that lie in it.",
        ),
        Misconception(
            "confidence of the right answers",
            _of_the_right_alone,
            "The mean confidence is that of the right answers alone. Those that were wrong were sure of something too.",
        ),
        Misconception(
            "borders in the upper bin",
            _error(places=_upper_bin),
            "A confidence at a border goes into the upper bin, as with np.digitize. It belongs to the lower one.",
        ),
        Misconception(
            "as many answers in each bin",
            _error(places=_as_many_each),
            "The bins hold as many answers each. Equally wide ones are asked for: 0 to 1 in equal steps.",
        ),
        Misconception(
            "from the least to the most",
            _error(places=_from_least_to_most),
            "The bins reach from the least confidence to the most, as with np.histogram. They reach from 0 to 1.",
        ),
    ),
)


def recall_at(found, right, k):
    """The share of questions that have a right passage among the first k found, a float from 0 to 1.

    found: for each question a list of passage numbers, best first, each once. right: for each question a list of the
    passages that answer it, one or more.
    """
    hits = [any(passage in wanted for passage in passages[:k]) for passages, wanted in zip(found, right, strict=True)]
    return sum(hits) / len(hits)


def _recall(of_question, together=lambda values: sum(values) / len(values)):
    """of_question(passages, wanted, k) -> a number, then all questions together."""
    return lambda found, right, k: together(
        [of_question(passages, wanted, k) for passages, wanted in zip(found, right, strict=True)]
    )


def _first_at(first):
    """Among the first first(k) of the passages."""
    return _recall(lambda passages, wanted, k: bool(set(passages[: first(k)]) & set(wanted)))


def _hits(passages, wanted, k):
    return len(set(passages[:k]) & set(wanted))


def _one_over_the_rank(passages, wanted, k):
    return max([1 / (place + 1) for place, passage in enumerate(passages[:k]) if passage in wanted], default=0)


def _of_all_right_ones(found, right, k):
    return _recall(_hits, sum)(found, right, k) / sum(len(wanted) for wanted in right)


def _of_those_that_are_found(found, right, k):
    """Questions whose right passages stand nowhere in the list are left out."""
    pairs = [(passages, wanted) for passages, wanted in zip(found, right, strict=True) if set(passages) & set(wanted)]
    return recall_at(*zip(*pairs, strict=True), k)


def _questions(seed, count, k):
    """Lists of 8 passages out of 20, and 1 to 3 right ones for each question."""
    chance = np.random.default_rng(seed)
    found = [chance.permutation(20)[:8].tolist() for _ in range(count)]
    right = [chance.permutation(20)[: 1 + question % 3].tolist() for question in range(count)]
    return found, right, k


def _five(k):
    """Five questions, small enough to follow by hand."""
    found = [[4, 7, 1, 9], [3, 8, 2, 5], [6, 2, 8, 1], [5, 9, 3, 7], [2, 4, 8, 6]]
    return found, [[7], [3, 8], [5, 1], [3, 2, 7], [9, 1]], k


RECALL = Exercise(
    id="15.4",
    title="debug this: recall at k",
    minutes=7,
    difficulty=1,
    kind="debug",
    stub='''def recall_at(found, right, k):
    """The share of questions that have a right passage among the first k found, a float from 0 to 1.

    found: for each question a list of passage numbers, best first, each once. right: for each question a list of the
    passages that answer it, one or more. This one has a bug: it promises more than a reader will find.
    """
    hits = 0
    for passages, wanted in zip(found, right, strict=True):
        for passage in passages[:k]:
            if passage in wanted:
                hits += 1
    return hits / len(found)
''',
    reference=recall_at,
    cases=(
        Case(lambda: _five(1)),
        Case(lambda: _five(2)),
        Case(lambda: _five(4)),
        Case(lambda: _questions(1, 12, 3)),
    ),
    hidden=(Case(lambda: _questions(2, 15, 2)), Case(lambda: _questions(3, 40, 5))),
    invariants=(Invariant("a share is 1 at most", lambda share, *_: share <= 1),),
    hints=(
        "Follow it by hand for k = 2 and the second question: both of the passages found are right. What is added?",
        "A question can be answered once. It adds 1 or 0, however many right passages stand among the first k.",
        "Either leave the inner loop after the first hit (break), or ask any(passage in wanted for …).",
    ),
    misconceptions=(
        Misconception(
            "capped at the end",
            lambda found, right, k: min(1.0, _recall(_hits)(found, right, k)),
            "The result is cut off at 1, which hides the bug. A question with two right passages still makes up for "
            "one with none.",
        ),
        Misconception(
            "divided by k",
            _recall(lambda passages, wanted, k: _hits(passages, wanted, k) / k),
            "That is precision at k: the share of right ones among the k passages. It falls with k where a question "
            "has one right passage. Count questions.",
        ),
        Misconception(
            "share of the right passages",
            _recall(lambda passages, wanted, k: _hits(passages, wanted, k) / len(wanted)),
            "That is the share of a question's right passages that are found. One of them is enough to answer: count "
            "the questions that have any.",
        ),
        Misconception(
            "right passages of all questions together",
            _of_all_right_ones,
            "Divided by the number of all right passages, a question counts more the more of them it has. Count the "
            "questions that have any.",
        ),
        Misconception(
            "all right ones needed",
            _recall(lambda passages, wanted, k: set(wanted) <= set(passages[:k])),
            "All the right passages have to be found there. One of them is enough.",
        ),
        Misconception(
            "the first right one alone",
            _recall(lambda passages, wanted, k: wanted[0] in passages[:k]),
            "Only the first of the right passages is looked for. Any of them answers the question.",
        ),
        Misconception(
            "one too few",
            _first_at(lambda k: k - 1),
            "Only k − 1 passages are looked at. passages[:k] holds the first k.",
        ),
        Misconception(
            "one too many",
            _first_at(lambda k: k + 1),
            "k + 1 passages are looked at. passages[:k] holds the first k.",
        ),
        Misconception(
            "all that are found",
            _recall(lambda passages, wanted, k: bool(set(passages) & set(wanted))),
            "All passages are looked at, whatever k is. The model reads the first k alone.",
        ),
        Misconception(
            "the k-th alone",
            _recall(lambda passages, wanted, k: passages[k - 1] in wanted),
            "Only the passage at place k is looked at. Those before it count as well.",
        ),
        Misconception(
            "the last ones",
            _recall(lambda passages, wanted, k: bool(set(passages[-k:]) & set(wanted))),
            "Those are the last k. The best come first: passages[:k].",
        ),
        Misconception(
            "one over the rank",
            _recall(_one_over_the_rank),
            "That is 1 / rank of the first right passage, the mean reciprocal rank. Among the first k, places count "
            "alike.",
        ),
        Misconception(
            "questions without a hit left out",
            _of_those_that_are_found,
            "Questions whose right passages stand nowhere in the list are left out. They were missed, and count.",
        ),
        Misconception(
            "a count",
            _recall(lambda passages, wanted, k: bool(_hits(passages, wanted, k)), sum),
            "That is how many questions there are. Their share is asked for: divide by the number of all.",
        ),
        Misconception(
            "stops at the first question",
            lambda found, right, k: float(bool(_hits(found[0], right[0], k))),
            "It returns after the first question. The return belongs behind the loop.",
        ),
    ),
)
