"""How good answers to questions are: exact match and token F1, as SQuAD counts them. Rajpurkar et al. 2016."""

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.errors import CourseError

ARTICLES = ("a", "an", "the")


@dataclass(frozen=True)
class AnswerScores:
    """Means over the questions, from 0 to 1, and how many questions there were."""

    exact: float
    f1: float
    count: int

    def __str__(self) -> str:
        return f"exact match {self.exact:.0%}, F1 {self.f1:.2f}, {self.count} questions"


def plain_words(text: str) -> list[str]:
    """The words that count: lower-case, without marks of ASCII, without a, an and the."""
    unmarked = text.lower().translate(str.maketrans("", "", string.punctuation))
    return [word for word in unmarked.split() if word not in ARTICLES]


def token_f1(answer: str, right: str) -> float:
    """Harmonic mean of precision and recall over words, each counted as often as both have it.

    Where one of the two has no words left: 1 if neither has, else 0.
    """
    ours, theirs = plain_words(answer), plain_words(right)
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * (Counter(ours) & Counter(theirs)).total() / (len(ours) + len(theirs))


def answer_scores(answers: Sequence[str], accepted: Sequence[Sequence[str]]) -> AnswerScores:
    """Each answer beside the best of those that are accepted for its question.

    Raises CourseError where there are not as many answers as questions, and where a question accepts none.
    """
    if len(answers) != len(accepted) or not answers:
        raise CourseError(f"There are {len(answers)} answers to {len(accepted)} questions; expected as many, not none.")
    if any(isinstance(each, str) or not each for each in accepted):
        raise CourseError("A question accepts no answer, or a text in place of a list; expected a list of texts each.")
    exact = [any(plain_words(answer) == plain_words(one) for one in each) for answer, each in _pairs(answers, accepted)]
    f1 = [max(token_f1(answer, one) for one in each) for answer, each in _pairs(answers, accepted)]
    return AnswerScores(sum(exact) / len(answers), sum(f1) / len(answers), len(answers))


def _pairs(answers, accepted):
    return zip(answers, accepted, strict=True)
