"""Accuracy and macro-F1 against scikit-learn, their intervals, and the topics of the introductions."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from course_utils.classification import macro_f1_of, scores
from course_utils.errors import CourseError
from course_utils.seeding import generator
from course_utils.text.topics import PARTS, UNKNOWN, load_topics, part


def labels(seed: int, size: int = 200) -> tuple[list[str], list[str]]:
    draw = np.random.default_rng(seed)
    true = draw.choice(["art", "law", "sea", "sky"], size, p=[0.6, 0.25, 0.1, 0.05])
    said = np.where(draw.random(size) < 0.6, true, draw.choice(["art", "law", "sea", "air"], size))
    return true.tolist(), said.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_both_scores_are_scikit_learns(seed):
    true, said = labels(seed)
    found = scores(true, said, generator(1))
    assert found.accuracy == pytest.approx(accuracy_score(true, said))
    assert found.macro_f1 == pytest.approx(f1_score(true, said, average="macro", zero_division=0))


def test_each_resample_is_scored_as_by_itself():
    pairs = np.random.default_rng(1).integers(0, 3, (5, 40, 2))
    by_itself = [macro_f1_of(one[None], 3)[0] for one in pairs]
    assert macro_f1_of(pairs, 3) == pytest.approx(by_itself)


def test_saying_the_commonest_label_has_a_good_accuracy_and_a_poor_macro_f1():
    true = ["a"] * 90 + ["b"] * 10
    found = scores(true, ["a"] * 100, generator(1))
    assert found.accuracy == 0.9 and found.macro_f1 == pytest.approx(0.5 * 2 * 90 / 190)


def test_the_intervals_hold_the_scores_and_narrow_with_more_texts():
    few, many = (scores(*labels(5, size), generator(1)) for size in (60, 2000))
    for found in (few, many):
        assert found.accuracy_interval[0] < found.accuracy < found.accuracy_interval[1]
        assert found.macro_f1_interval[0] < found.macro_f1 < found.macro_f1_interval[1]
    assert np.diff(many.macro_f1_interval) < np.diff(few.macro_f1_interval) / 2
    assert str(few).startswith("accuracy 0.") and "macro-F1 0." in str(few)


@pytest.mark.parametrize(("true", "said"), [([], []), (["a"], ["a", "b"])])
def test_labels_that_do_not_go_together_are_refused(true, said):
    with pytest.raises(CourseError, match="expected as many, not none"):
        scores(true, said, generator(1))


def test_no_article_is_in_two_parts_and_every_topic_is_in_each():
    parts = load_topics()
    assert tuple(parts) == PARTS
    everything = [number for name in PARTS for number in parts[name].numbers]
    assert len(everything) == len(set(everything)) == sum(map(len, parts.values()))
    texts = [set(parts[name].texts) for name in PARTS]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    topics = {frozenset(parts[name].topics) for name in PARTS}
    assert len(topics) == 1 and len(next(iter(topics))) == 11 and UNKNOWN not in next(iter(topics))
    assert len(part("test")) == pytest.approx(0.15 * len(everything), rel=0.01)


def test_a_part_that_there_is_not_is_refused():
    with pytest.raises(CourseError, match="expected train, validation, test"):
        part("dev")
