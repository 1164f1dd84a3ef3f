"""Wrong texts, arrays, shapes and numbers in every public function: a result, or an error that says what is wrong.

Every mistake with one argument of each case, and a few pairs of mistakes. The numbers:
`python -m tests.bad_input.count`.
"""

import pytest

from course_utils.errors import CourseError
from tests.bad_input import table_formulas, table_networks, table_numbers, table_studies, table_texts
from tests.bad_input.callables import callables_of, is_record, modules
from tests.bad_input.cases import Case, fault_of, is_sentence
from tests.bad_input.left_out import FUNCTIONS, MODULES
from tests.bad_input.trying import try_each, try_pairs

TABLES = (table_numbers, table_formulas, table_texts, table_networks, table_studies)
CASES = [case for table in TABLES for case in table.CASES]
PAIRS = 3


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
    try_each(case, case.mistakes())
    try_pairs(case, case.mistakes(), PAIRS)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "Wrong.",
        "x should be right.",
        "the mask has a wrong shape somewhere",
        "The input you gave is bad.",
        "The input you gave is not 3.",                                         # says what came, not what was expected
        "The input should have been another one.",                              # says neither
        "The input is wrong; expected 3 numbers. Use torch.zeros(3).",          # says what was expected, not what came
        "x is 3; this is what was expected.",
        "x has 3 rows; expected 4, such as 'a', so it is wrong",
    ],
)
def test_what_says_too_little_is_no_sentence(text):
    assert not is_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "x is 3; expected a number above 3.5.",
        "mask is torch.float32; expected torch.bool.",
        "expected at least one letter, got none.",
        "x should have shape (B, T); got ().",
        "The prompt is empty; expected at least one id: begin with [START].",
    ],
)
def test_what_says_what_came_and_what_was_expected_is_one(text):
    assert is_sentence(text)


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
