"""Counts against a Counter over tuples, by hand and on random streams."""

import numpy as np
import pytest
from hypothesis import given

from course_utils.errors import CourseError
from course_utils.models.counts import MISSING, NgramCounts, longest_ngram
from tests.support.brute_force import left_neighbours, ngrams, streams


def as_dictionary(counts: NgramCounts, n: int) -> dict[tuple[int, ...], int]:
    """Level n as n-gram → occurrences, without tokens that never occur."""
    level = counts.levels[n - 1]
    return {counts.ngram(n, i): int(count) for i, count in enumerate(level.count) if count}


# --- by hand: "a b a b" after a newline, with newline 0, a 1, b 2


def test_counts_of_a_stream_of_four_tokens_are_those_on_paper():
    counts = NgramCounts([1, 2, 1, 2], vocabulary_size=3, order=3, start=0)
    assert as_dictionary(counts, 1) == {(1,): 2, (2,): 2}
    assert as_dictionary(counts, 2) == {(0, 1): 1, (1, 2): 2, (2, 1): 1}
    assert as_dictionary(counts, 3) == {(0, 1, 2): 1, (1, 2, 1): 1, (2, 1, 2): 1}
    assert counts.levels[0].left.tolist() == [0, 2, 1]  # a after newline and b; b after a only


def test_no_ngram_reaches_across_a_boundary():
    counts = NgramCounts([1, 0, 2, 0], vocabulary_size=3, order=3, start=0, boundary=0)
    assert as_dictionary(counts, 2) == {(0, 1): 1, (1, 0): 1, (0, 2): 1, (2, 0): 1}
    assert as_dictionary(counts, 3) == {(0, 1, 0): 1, (0, 2, 0): 1}
    assert as_dictionary(NgramCounts([1, 0, 2, 0], 3, 3, 0), 3) == {(0, 1, 0): 1, (1, 0, 2): 1, (0, 2, 0): 1}


def test_the_longest_ngram_starts_at_the_last_boundary_before_it():
    assert longest_ngram(np.array([0, 1, 2, 0, 0, 1]), boundary=0).tolist() == [1, 2, 3, 4, 2, 2]
    assert longest_ngram(np.array([0, 1, 0]), boundary=None).tolist() == [1, 2, 3]


def test_begins_line_marks_the_contexts_that_cannot_be_longer():
    counts = NgramCounts([1, 2, 0, 1, 0], vocabulary_size=3, order=3, start=0, boundary=0)
    marked = [counts.ngram(2, i) for i in np.flatnonzero(counts.begins_line(2))]
    assert marked == [(0, 1)]
    assert counts.begins_line(1).tolist() == [True, False, False]
    assert not NgramCounts([1, 2, 0], 3, 3, 0).begins_line(2).any()


def test_up_to_a_lower_order_the_levels_are_the_same():
    counts = NgramCounts([1, 2, 1, 2], vocabulary_size=3, order=4, start=0)
    shorter = counts.up_to(2)
    assert (shorter.order, counts.order) == (2, 4)
    assert shorter.levels == counts.levels[:2]


# --- on random streams


@given(streams())
def test_counts_equal_a_counter_over_tuples(stream):
    counts = NgramCounts(**stream)
    for n in range(1, stream["order"] + 1):
        expected = ngrams(stream["ids"], n, stream["start"], stream["boundary"])
        assert as_dictionary(counts, n) == expected
        assert len(counts.levels[n - 1]) == (stream["vocabulary_size"] if n == 1 else len(expected))


@given(streams())
def test_left_neighbours_equal_a_set_of_tokens_counted_by_hand(stream):
    counts = NgramCounts(**stream)
    for n in range(1, stream["order"]):
        longer = ngrams(stream["ids"], n + 1, stream["start"], stream["boundary"])
        for i, left in enumerate(counts.levels[n - 1].left):
            assert left == left_neighbours(longer, counts.ngram(n, i))
    assert not counts.levels[-1].left.any()  # nothing longer was counted


@given(streams())
def test_context_and_suffix_drop_the_last_and_the_first_token(stream):
    counts = NgramCounts(**stream)
    for n in range(2, stream["order"] + 1):
        level = counts.levels[n - 1]
        for i in range(len(level)):
            ngram = counts.ngram(n, i)
            assert counts.ngram(n - 1, level.context[i]) == ngram[:-1]
            assert counts.ngram(n - 1, level.suffix[i]) == ngram[1:]


@given(streams())
def test_keys_are_sorted_so_the_children_of_a_context_lie_side_by_side(stream):
    counts = NgramCounts(**stream)
    for n, level in enumerate(counts.levels, start=1):
        assert (np.diff(level.keys) > 0).all()
        for context in range(1 if n == 1 else len(counts.levels[n - 2])):
            assert np.arange(len(level))[counts.children(n, context)].tolist() == (
                np.flatnonzero(level.context == context).tolist()
            )


@given(streams(), streams())
def test_find_names_the_ngram_that_ends_at_each_position_or_says_it_is_missing(stream, other):
    counts = NgramCounts(**stream)
    sequence = [token % stream["vocabulary_size"] for token in other["ids"]]
    for n, found in enumerate(counts.find(sequence), start=1):
        known = {counts.ngram(n, i) for i in range(len(counts.levels[n - 1]))}
        for t, index in enumerate(found):
            window = tuple(sequence[t - n + 1 : t + 1]) if t + 1 >= n else None
            if index == MISSING:
                assert window not in known
            else:
                assert counts.ngram(n, index) == window


# --- bad input


@pytest.mark.parametrize("order", [0, 7, -1])
def test_an_order_outside_one_to_six_is_refused(order):
    with pytest.raises(CourseError, match=f"order is {order}; expected 1 to 6"):
        NgramCounts([0, 1], 2, order, 0)


@pytest.mark.parametrize("ids", [[0, 3], [-1, 0], [2**32 + 1]])
def test_ids_outside_the_vocabulary_are_refused(ids):
    with pytest.raises(CourseError, match="must lie in 0 … 2"):
        NgramCounts(ids, 3, 2, 0)


@pytest.mark.parametrize("start", [-1, 3])
def test_a_start_outside_the_vocabulary_is_refused(start):
    with pytest.raises(CourseError, match="must lie in 0 … 2"):
        NgramCounts([0, 1], 3, 2, start)


@pytest.mark.parametrize("order", [0, 3])
def test_counts_cannot_be_cut_to_an_order_they_do_not_have(order):
    with pytest.raises(CourseError, match=f"reach order 2; asked for {order}"):
        NgramCounts([0, 1], 2, 2, 0).up_to(order)


def test_an_empty_text_is_counted_as_nothing():
    counts = NgramCounts([], vocabulary_size=4, order=6, start=0, boundary=0)
    assert [int(level.count.sum()) for level in counts.levels] == [0] * 6
    assert [len(level) for level in counts.levels] == [4, 0, 0, 0, 0, 0]
