"""Exact match and token F1: by hand, and by a second way of counting."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.answers import answer_scores, plain_words, token_f1
from course_utils.errors import CourseError
from course_utils.exercises.lesson09.scoring import score


def test_f1_by_hand():
    assert token_f1("the Black Sea", "Black Sea") == 1
    assert token_f1("in the Black Sea", "Black Sea") == pytest.approx(2 * 2 / (3 + 2))
    assert token_f1("sea sea", "sea") == pytest.approx(2 * 1 / 3)
    assert token_f1("red", "blue") == 0
    assert token_f1("the", "a") == 1 and token_f1("", "blue") == 0


def test_marks_case_and_articles_do_not_count_and_inner_marks_join():
    assert plain_words("The U.S. President's  hat, an old one!") == ["us", "presidents", "hat", "old", "one"]


def by_regular_expressions(answer: str, right: str) -> float:
    """The same rules, in another order and by other means: articles as whole words, after the marks are gone."""

    def cut(text: str) -> list[str]:
        unmarked = re.sub("[" + re.escape(string.punctuation) + "]", "", text.lower())
        return re.sub(r"(?<!\S)(a|an|the)(?!\S)", " ", unmarked).split()

    ours, theirs = cut(answer), cut(right)
    if not ours or not theirs:
        return float(ours == theirs)
    rest, common = list(theirs), 0
    for word in ours:
        if word in rest:
            rest.remove(word)
            common += 1
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall) if common else 0.0


WORDS = ["the", "A", "cat", "cat's", "sea", "Sea.", "ñandú", "3", "—"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


@given(TEXT, TEXT)
def test_f1_by_a_second_way_of_counting_and_as_in_the_exercise(answer, right):
    assert token_f1(answer, right) == pytest.approx(by_regular_expressions(answer, right))
    assert (plain_words(answer) == plain_words(right), token_f1(answer, right)) == score(answer, right)


def test_the_best_accepted_answer_counts():
    found = answer_scores(["NYC", "in May"], [["New York", "NYC"], ["May", "spring"]])
    assert found.exact == 0.5 and found.f1 == pytest.approx((1 + 2 / 3) / 2) and found.count == 2
    assert str(found) == "exact match 50%, F1 0.83, 2 questions"


@pytest.mark.parametrize(("answers", "accepted"), [([], []), (["a"], []), (["a"], [[]]), (["a"], ["a"])])
def test_answers_and_questions_that_do_not_go_together_are_refused(answers, accepted):
    with pytest.raises(CourseError, match="expected"):
        answer_scores(answers, accepted)
