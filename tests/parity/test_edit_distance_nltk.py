"""Our edit distance against NLTK's, on random strings and on tuples of symbols."""

from hypothesis import given, settings
from hypothesis import strategies as st
from nltk import edit_distance as nltk_edit_distance

from course_utils.error_rates import edit_distance
from tools.verified import Verified

SYMBOLS = st.lists(st.sampled_from(["AA", "AE", "K", "T", "S"]), max_size=12)
VERIFIES = [Verified("04", "edit distance", "NLTK, on random strings and symbols", "equal")]


@settings(max_examples=300)
@given(st.text("abcd", max_size=12), st.text("abcd", max_size=12))
def test_on_strings_it_is_the_distance_of_nltk(a, b):
    assert edit_distance(a, b) == nltk_edit_distance(a, b)


@settings(max_examples=300)
@given(SYMBOLS, SYMBOLS)
def test_on_symbols_it_is_the_distance_of_nltk(a, b):
    assert edit_distance(tuple(a), tuple(b)) == nltk_edit_distance(a, b)


@given(st.text(max_size=15), st.text(max_size=15))
def test_on_any_characters_it_is_the_distance_of_nltk(a, b):
    assert edit_distance(a, b) == nltk_edit_distance(a, b)


def test_the_comparison_notices_exchanges_counted_as_one():
    assert nltk_edit_distance("ab", "ba", transpositions=True) != edit_distance("ab", "ba")
