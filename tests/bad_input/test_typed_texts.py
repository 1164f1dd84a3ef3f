"""Wrong texts, arrays and numbers in what readers type and models write: an answer, or what is wrong with it."""

import pytest

from tests.bad_input import table_typed
from tests.bad_input.cases import Case, fault_of
from tests.bad_input.trying import try_mistakes

# What prints its answer: half a character can be printed by no function at all.
PRINTING = ("exercises.predictions", "exercises.quizzes", "exercises.checks")


@pytest.mark.parametrize("case", table_typed.CASES, ids=lambda case: case.name)
def test_a_right_call_answers_and_a_wrong_one_says_what_is_wrong(case: Case):
    assert fault_of(case, {}) is None
    printed = case.name.startswith(PRINTING)
    try_mistakes(case, [each for each in case.mistakes() if not (printed and "half a character" in each[1].says)], 20)
