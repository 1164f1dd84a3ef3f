"""Wrong texts, arrays, shapes and numbers in every public function: a result, or an error that says what is wrong.

COURSE_FAULT_TRIES=full tries 500 combinations of mistakes with each function in place of some. The numbers:
`python -m tests.bad_input.count`.
"""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.errors import CourseError
from tests.bad_input import table_formulas, table_networks, table_numbers, table_studies, table_texts
from tests.bad_input.callables import callables_of, is_record, modules
from tests.bad_input.cases import Case, fault_of, is_sentence
from tests.bad_input.left_out import FUNCTIONS, MODULES

TABLES = (table_numbers, table_formulas, table_texts, table_networks, table_studies)
CASES = [case for table in TABLES for case in table.CASES]
FULL = os.environ.get("COURSE_FAULT_TRIES") == "full"
TRIES = 500 if FULL else 12


def left_out(module: str) -> bool:
    """Whether a module, or what it lies in, has a reason not to be called here."""
    return any(module == name or module.startswith(f"{name}.") for name in MODULES)


def to_be_called() -> dict[str, object]:
    """All that takes text, arrays, shapes or numbers and lies in no module that is left out, by its name."""
    searched = [module for module in modules() if not left_out(module)]
    found = {name: value for module in searched for name, value in callables_of(module).items()}
    return {name: value for name, value in found.items() if not is_record(value)}


def test_every_public_function_has_a_case_or_a_reason():
    called = {case.name for case in CASES} | {case.covers for case in CASES} | set(FUNCTIONS)
    missing = sorted(set(to_be_called()) - called)
    assert not missing, f"give each a Case in a table of tests/bad_input, or a reason in left_out.py: {missing}"


def test_every_reason_is_for_something_that_is_there():
    known = {name for module in modules() for name in callables_of(module)}
    assert sorted(set(FUNCTIONS) - known) == []
    assert [name for name in MODULES if not any(f"{module}.".startswith(f"{name}.") for module in modules())] == []


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.name}" for number, case in enumerate(CASES)])
def test_a_right_call_answers_and_a_wrong_one_says_what_is_wrong(case: Case):
    assert fault_of(case, {}) is None
    mistakes = case.mistakes()
    if mistakes:
        _try_mistakes(case, mistakes)


def _try_mistakes(case: Case, mistakes: list) -> None:
    """Up to two arguments wrong at once, as hypothesis draws them: the same ones in every run, unless all are tried."""

    @settings(derandomize=True, deadline=None, max_examples=TRIES, database=None)
    @given(st.lists(st.sampled_from(mistakes), min_size=1, max_size=2, unique_by=lambda mistake: mistake[0]))
    def answers_or_explains(drawn):
        assert fault_of(case, dict(drawn)) is None

    answers_or_explains()


@pytest.mark.parametrize("text", ["no", "Wrong.", "x should be right.", "the mask has a wrong shape somewhere"])
def test_a_word_is_no_sentence(text):
    assert not is_sentence(text)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda array: array.missing.further, "raises AttributeError"),
        (lambda array: [][array], "raises"),
        (lambda array: float("nan"), "not finite"),
    ],
)
def test_a_function_that_fails_otherwise_is_found_out(broken, says, monkeypatch):
    monkeypatch.setattr("course_utils.seeding.broken", broken, raising=False)
    assert says in fault_of(Case("seeding.broken", {"array": 1}), {})


def test_an_error_of_one_word_is_found_out(monkeypatch):
    def refuses(number):
        raise CourseError("Wrong.")

    monkeypatch.setattr("course_utils.seeding.broken", refuses, raising=False)
    case = Case("seeding.broken", {"number": 1})
    assert "says only: Wrong." in fault_of(case, dict([case.mistakes()[0]]))
