"""Linear probes and their control task, against scikit-learn and on states that were made by hand."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from course_utils.errors import CourseError
from course_utils.probing import Tokens, control_labels, fit_probe, selectivity
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

WORDS = [f"word {number % 40}" for number in range(1200)]


def states(seed, count=300, width=6):
    return np.random.default_rng(seed).normal(size=(count, width)) * [1, 5, 1, 1, 100, 1][:width] + 3


@pytest.mark.parametrize("penalty", [0.1, 10.0, 1000.0])
def test_it_says_what_scikit_learns_ridge_classifier_says(penalty):
    hidden, fresh = states(1), states(2)
    labels = np.digitize(hidden[:, 0] + hidden[:, 1] / 5 + states(3)[:, 2] / 2, [5, 6.5]).tolist()
    scaler = StandardScaler().fit(hidden)
    theirs = RidgeClassifier(alpha=penalty).fit(scaler.transform(hidden), labels)
    ours = fit_probe(hidden, labels, penalty)
    assert ours.predict(fresh) == theirs.predict(scaler.transform(fresh)).tolist()
    np.testing.assert_allclose(2 * ours.weight, theirs.coef_.T, atol=1e-8)        # it codes classes −1 and 1


def test_a_direction_in_the_states_is_found_and_named_by_its_labels():
    hidden = np.array([[0.0, 7], [1, 7], [4, 7], [5, 7]])          # the second number never changes
    probe = fit_probe(hidden, ["low", "low", "high", "high"], 0.01)
    assert probe.classes == ("high", "low")
    assert probe.predict([[-3, 7], [9, 7]]) == ["low", "high"]
    np.testing.assert_allclose(probe.weight[0], [1, -1] / np.sqrt(4.25) * 4 / 4.01, atol=1e-9)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(CourseError, match="1 classes"):
        fit_probe(states(1, 3), ["a"] * 3)
    with pytest.raises(CourseError, match="penalty of 0"):
        fit_probe(states(1, 2), ["a", "b"], 0)
    with pytest.raises(ShapeError, match="hidden should have shape"):
        fit_probe(states(1, 3), ["a", "b"])
    with pytest.raises(ShapeError, match=r"\(N, 6\)"):
        fit_probe(states(1, 2), ["a", "b"]).predict(states(1, 2, 5))


def test_a_control_label_is_one_for_each_word_and_drawn_as_often_as_it_occurs():
    labels = ["noun"] * 3 + ["verb"]
    drawn = control_labels([number % 4000 for number in range(8000)], labels, generator(1))
    assert len(drawn) == 4000
    share = sum(label == "noun" for label in drawn.values()) / 4000
    assert share == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 4000))        # four standard errors
    assert drawn == control_labels(range(4000), labels, generator(1))
    with pytest.raises(CourseError, match="0 words"):
        control_labels([], labels, generator(1))


def tokens(seed, told: str):
    """States that hold either the word, one-hot, or the label of its place, which is drawn for each token."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=len(WORDS))
    word = np.eye(40)[[int(text.split()[1]) for text in WORDS]]
    hidden = word if told == "word" else np.c_[labels + 0.1 * random.normal(size=len(labels)), random.normal(size=1200)]
    return Tokens(hidden, tuple(labels.tolist()), tuple(WORDS))


def test_states_that_hold_the_label_are_selective():
    found = selectivity(tokens(1, "label"), tokens(2, "label"), generator(3))
    assert found.accuracy.value == 1.0 and found.control.value < 0.75
    assert found.selectivity.value == pytest.approx(found.accuracy.value - found.control.value)
    assert found.selectivity.interval[0] > 0.2 and found.count == 1200
    assert found.selectivity.interval[0] < found.selectivity.value < found.selectivity.interval[1]


def test_states_that_hold_nothing_but_the_word_are_good_at_the_control_task_only():
    found = selectivity(tokens(1, "word"), tokens(2, "word"), generator(3))
    assert found.control.value == 1.0 and found.accuracy.value == pytest.approx(0.5, abs=0.06)
    assert found.selectivity.interval[1] < -0.4
    assert str(found.control) == "1.000 [1.000, 1.000]"


def test_the_guess_is_the_commonest_label_of_training():
    train = Tokens(states(1, 5), ("a", "b", "b", "a", "b"), tuple("vwxyz"))
    assert selectivity(train, Tokens(states(2, 4), ("a", "a", "b", "a"), tuple("vwxy")), generator(1)).guess == 0.25


def test_intervals_draw_groups_which_are_words_where_no_others_are_given():
    labels = tuple(int(number % 40 < 25) for number in range(1200))                  # a word's tokens are alike,
    train, test = Tokens(states(1, 1200), labels, tuple(WORDS)), Tokens(states(2, 1200), labels, tuple(WORDS))
    by_word = selectivity(train, test, generator(1)).accuracy
    each = Tokens(test.hidden, test.labels, test.words, tuple(range(1200)))
    by_token = selectivity(train, each, generator(1)).accuracy
    assert by_word.value == by_token.value == pytest.approx(25 / 40, abs=0.02)       # and it says 1 to nearly all
    assert by_word.interval[1] - by_word.interval[0] > 2 * (by_token.interval[1] - by_token.interval[0])


def test_tokens_that_do_not_fit_are_refused():
    with pytest.raises(CourseError, match="2 labels and 3 groups for 3 words"):
        Tokens(states(1, 3), (0, 1), tuple("abc"))
    with pytest.raises(CourseError, match="3 labels and 1 groups for 3 words"):
        Tokens(states(1, 3), (0, 1, 1), tuple("abc"), (7,))
    with pytest.raises(ShapeError, match="hidden should have shape"):
        Tokens(states(1, 2), (0, 1, 1), tuple("abc"))
