"""Exercise 16.4: when an assistant should rather say that it does not know."""

import numpy as np

from course_utils.exercises.specs import Case, Exercise, Invariant, Misconception


def best_threshold(scores, answerable):
    """The score from which on an assistant should answer, a float; below it, it says "I do not know".

    scores (N,): how well the best passage fits each validation question. answerable (N,) bool: whether the passages
    hold its answer. Right is to answer where they do, and not to answer where they do not. To be tried: each of the
    scores, and infinity, which answers nothing. Returned is what makes most decisions right; of equals, the lowest.
    """
    tried = np.append(np.unique(scores), np.inf)  # in order, from the lowest
    right = [((scores >= threshold) == answerable).sum() for threshold in tried]
    return float(tried[np.argmax(right)])  # the first of equals


def _agreement(answers, answerable):
    return (answers == answerable).sum()


def _tried(scores):
    return np.append(np.unique(scores), np.inf)


def _chosen(good=_agreement, tried=_tried, answers=np.greater_equal, first=np.argmax, turn=float):
    """The same with another measure good(answers, answerable), other thresholds tried, or another choice of them."""

    def wrong(scores, answerable):
        candidates = tried(scores)
        goods = [good(answers(scores, threshold), answerable) for threshold in candidates]
        return turn(candidates[first(goods)])

    return wrong


def _last_of_the_best(goods):
    return len(goods) - 1 - int(np.argmax(goods[::-1]))


def _in_the_middle(scores):
    """Half-way between neighbours, and the two ends."""
    each = np.unique(scores)
    return np.concatenate([each[:1], (each[1:] + each[:-1]) / 2, [np.inf]])


def _precision(answers, answerable):
    return answerable[answers].mean() if answers.any() else 0.0


def _balanced(answers, answerable):
    return (answers[answerable].mean() + (~answers[~answerable]).mean()).round(9)


def _f_one(answers, answerable):
    return (2 * (answers & answerable).sum() / max(answers.sum() + answerable.sum(), 1)).round(9)


def _how_many_are_right(scores, answerable):
    return max(_agreement(scores >= threshold, answerable) for threshold in _tried(scores))


def _between_the_means(scores, answerable):
    return float((scores[answerable].mean() + scores[~answerable].mean()) / 2)


def _questions(seed, count, share, apart):
    """Scores of two decimals, some alike; those of answerable questions lie higher by `apart`, on average."""
    chance = np.random.default_rng(seed)
    answerable = chance.random(count) < share
    scores = chance.normal(0.4, 0.12, count) + apart * answerable
    return scores.round(2), answerable


def _numbers(scores, answerable):
    return np.array(scores), np.array(answerable, dtype=bool)


UNKNOWN = Exercise(
    id="16.4",
    title="when to say: I do not know",
    minutes=8,
    difficulty=2,
    imports=("import numpy as np",),
    stub='''def best_threshold(scores, answerable):
    """The score from which on an assistant should answer, a float; below it, it says "I do not know".

    scores (N,): how well the best passage fits each validation question. answerable (N,) bool: whether the passages
    hold its answer. Right is to answer where they do, and not to answer where they do not. To be tried: each of the
    scores, and infinity, which answers nothing. Returned is what makes most decisions right; of equals, the lowest.
    """
    raise NotImplementedError
''',
    reference=best_threshold,
    cases=(
        Case(lambda: _numbers([0.9, 0.3, 0.6, 0.5, 0.2], [1, 0, 1, 0, 1])),
        Case(lambda: _numbers([0.5, 0.7, 0.8], [1, 0, 1])),
        Case(lambda: _numbers([0.4, 0.8, 0.9], [1, 0, 0])),
        Case(lambda: _questions(1, 15, 0.5, 0.2)),
        Case(lambda: _questions(2, 30, 0.8, 0.1)),
        Case(lambda: _questions(7, 40, 0.3, 0.15)),
    ),
    hidden=(
        Case(lambda: _numbers([0.6, 0.6, 0.9], [0, 0, 0])),
        Case(lambda: _numbers([0.3, 0.2, 0.4, 0.1], [1, 0, 1, 1])),
        Case(lambda: _questions(4, 25, 0.6, 0.15)),
        Case(lambda: _questions(5, 30, 0.4, 0.08)),
        Case(lambda: _questions(6, 60, 0.75, 0.1)),
    ),
    invariants=(
        Invariant(
            "the threshold is one of the scores, or infinity",
            lambda result, scores, _: result == np.inf or result in scores,
        ),
    ),
    hints=(
        "At a threshold t each question is answered or not: scores >= t. When is that the right decision?",
        "((scores >= t) == answerable).sum() counts the right decisions at t. Try every t of "
        "np.append(np.unique(scores), np.inf).",
        "np.argmax gives the place of the first of the largest numbers. As the thresholds are in order, that is the "
        "lowest.",
    ),
    misconceptions=(
        Misconception(
            "the highest of equals",
            _chosen(first=_last_of_the_best),
            "Of equally good thresholds that is the highest. Take the lowest: it answers more.",
        ),
        Misconception(
            "above the threshold alone",
            _chosen(answers=np.greater),
            "A question whose score is just the threshold is not answered there. It is: scores >= threshold.",
        ),
        Misconception(
            "turned round",
            _chosen(answers=np.less),
            "What fits badly is answered. Answer where the score is high: scores >= threshold.",
        ),
        Misconception(
            "always some answer",
            _chosen(tried=np.unique),
            "Infinity has not been tried. Where scores are high for the wrong questions, no answer at all is best.",
        ),
        Misconception(
            "minus infinity tried",
            _chosen(tried=lambda scores: np.insert(_tried(scores), 0, -np.inf)),
            "−inf has been tried as well. It answers everything, and so does the lowest score, which alone is among "
            "those to be tried.",
        ),
        Misconception(
            "half-way between scores",
            _chosen(tried=_in_the_middle),
            "The thresholds lie half-way between two scores. That is a fair choice, but the scores themselves are "
            "asked for.",
        ),
        Misconception(
            "right answers alone",
            _chosen(lambda answers, answerable: (answers & answerable).sum()),
            "Only right answers count there, so the threshold never stops anything for a wrong one. To be silent where "
            "nothing is to be said is right too.",
        ),
        Misconception(
            "right silence alone",
            _chosen(lambda answers, answerable: (~answers & ~answerable).sum()),
            "Only what is rightly not answered counts. One odd question then silences the assistant: count the right "
            "answers as well.",
        ),
        Misconception(
            "precision",
            _chosen(_precision),
            "That is the share of answers that are right: highest where one sure question is answered. Count over all "
            "questions.",
        ),
        Misconception(
            "F1",
            _chosen(_f_one),
            "That is the best F1. It counts no right silence; here every question counts as one decision.",
        ),
        Misconception(
            "each kind as a share",
            _chosen(_balanced),
            "Both kinds of questions weigh the same there, however many there are of each. Here every question counts "
            "as one.",
        ),
        Misconception(
            "the lowest answerable score",
            lambda scores, answerable: float(scores[answerable].min()),
            "That answers every question that has an answer, and many others. One low score sets it: count the right "
            "decisions.",
        ),
        Misconception(
            "between the means",
            _between_the_means,
            "That is half-way between the two means. It is no count of decisions: try each score.",
        ),
        Misconception(
            "how many are right",
            _how_many_are_right,
            "That is how many decisions are right at the best threshold. The threshold itself is asked for.",
        ),
        Misconception(
            "the place of the threshold",
            lambda scores, answerable: int(np.argmax([_agreement(scores >= each, answerable) for each in scores])),
            "That is the place of the question whose score is best. The score at that place is asked for.",
        ),
    ),
)
