"""Wrong texts, arrays and numbers in what readers type and models write: an answer, or what is wrong with it."""

import pytest

from tests.bad_input.breaking import Breakage
from tests.bad_input.cases import Case, fault_of
from tests.bad_input.table_typed import CASES
from tests.bad_input.trying import NOT_A_NUMBER, try_each, try_pairs

# What prints its answer: half a character can be printed by no function at all.
PRINTING = ("exercises.predictions", "exercises.quizzes", "exercises.checks")


def mistakes_of(case: Case) -> list[tuple[str, Breakage]]:
    """The mistakes that are tried by themselves: all of the case, but for what no function could print."""
    printed = case.name.startswith(PRINTING)
    return [each for each in case.mistakes() if not (printed and "half a character" in each[1].says)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_right_call_answers_and_a_wrong_one_says_what_is_wrong(case: Case):
    assert fault_of(case, {}) is None
    try_each(case, mistakes_of(case), NOT_A_NUMBER)
    try_pairs(case, mistakes_of(case), 4, NOT_A_NUMBER)
