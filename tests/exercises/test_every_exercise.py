"""What every exercise of the course must do, whichever lesson it is from."""

import ast
import inspect

import pytest

from course_utils.exercises.checks import examine
from course_utils.exercises.compare import difference
from course_utils.exercises.specs import KINDS, all_exercises, find, lesson_quiz
from course_utils.lessons import LESSONS
from tools.verified import Verified

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a wrong implementation may divide by zero

EXERCISES = all_exercises()
FUNCTIONS = [exercise for exercise in EXERCISES if exercise.kind != "predict"]
MISTAKES = [(exercise, misconception) for exercise in EXERCISES for misconception in exercise.misconceptions]
QUIZZES = [lesson for lesson in LESSONS if lesson_quiz(lesson.number)]
VERIFIES = [
    Verified(
        "all", "every exercise", "its solution, its stub, every known wrong answer", "each gets its own diagnosis"
    ),
]


def by_id(exercise):
    return exercise.id


def mistake_id(value):
    return getattr(value, "id", None) or getattr(value, "name", None)


def run(exercise, source):
    """What `source` defines under the exercise's name, with nothing at hand but the exercise's imports."""
    names = {}
    exec("\n".join([*exercise.imports, source]), names)
    return names[exercise.name]


def outcomes(function, cases):
    """The result of a function on each case, or the type of the error it raised."""
    results = []
    for case in cases:
        try:
            results.append(function(*case.arguments()))
        except Exception as error:
            results.append(type(error))
    return results


def test_lessons_00_and_01_have_their_exercises():
    ids = [exercise.id for exercise in EXERCISES]
    assert ids[:10] == ["0.1", "0.2", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"]
    assert len(set(ids)) == len(ids)


def test_lesson_01_has_an_exercise_of_each_kind():
    assert {exercise.kind for exercise in EXERCISES if exercise.id.startswith("1.")} == set(KINDS)


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_exercise_is_complete(exercise):
    assert find(exercise.id) is exercise
    assert exercise.kind in KINDS
    assert 1 <= exercise.difficulty <= 3
    assert exercise.minutes > 0
    assert len(exercise.hints) >= 2
    assert len(exercise.misconceptions) >= 3
    assert len({misconception.name for misconception in exercise.misconceptions}) == len(exercise.misconceptions)


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_reference_passes(exercise):
    report = examine(exercise, exercise.reference)
    assert report.passed, report.text


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_the_reference_passes_the_hidden_cases(exercise):
    report = examine(exercise, exercise.reference, hidden=True)
    assert report.passed, report.text


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_solution_that_is_shown_passes_by_itself(exercise):
    report = examine(exercise, run(exercise, exercise.solution_source()))
    assert report.passed, report.text


@pytest.mark.parametrize("exercise", EXERCISES, ids=by_id)
def test_the_stub_is_no_attempt_and_is_not_diagnosed(exercise):
    report = examine(exercise, run(exercise, exercise.stub))
    assert report.state == "open", report.text
    assert report.diagnosis is None
    assert ("as given: it fails" if exercise.kind == "debug" else "not attempted yet") in report.text


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_the_stub_has_the_signature_of_the_solution(exercise):
    stub, right = run(exercise, exercise.stub), run(exercise, exercise.solution_source())
    assert inspect.signature(stub) == inspect.signature(right)
    assert ast.get_docstring(ast.parse(exercise.stub).body[-1])


@pytest.mark.parametrize(("exercise", "misconception"), MISTAKES, ids=mistake_id)
def test_the_mistake_is_recognised_as_itself(exercise, misconception):
    report = examine(exercise, misconception.wrong)
    assert report.state == "attempted"
    assert report.diagnosis is misconception, report.text
    assert "  no    " in report.text


@pytest.mark.parametrize(("exercise", "misconception"), MISTAKES, ids=mistake_id)
def test_the_mistake_fails_the_hidden_cases(exercise, misconception):
    assert not examine(exercise, misconception.wrong, hidden=True).passed


@pytest.mark.parametrize(("exercise", "misconception"), MISTAKES, ids=mistake_id)
def test_the_mistake_has_a_sentence_of_its_own(exercise, misconception):
    arguments = exercise.cases[0].arguments() if exercise.cases else ()
    sentence = misconception.explain(arguments)
    assert sentence.endswith((".", "?"))
    others = [other.explain(arguments) for other in exercise.misconceptions if other is not misconception]
    assert sentence not in others


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_a_case_gives_equal_arguments_each_time_that_share_no_list_or_dict(exercise):
    for case in (*exercise.cases, *exercise.hidden):
        first, second = case.arguments(), case.arguments()
        assert difference(first, second) is None
        mutable = [pair for pair in zip(first, second, strict=True) if isinstance(pair[0], list | dict)]
        assert all(one is not other for one, other in mutable)


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_hidden_cases_are_not_visible_ones(exercise):
    assert exercise.hidden
    for hidden in exercise.hidden:
        assert all(difference(case.arguments(), hidden.arguments()) for case in exercise.cases)


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_no_constant_result_passes_the_hidden_cases(exercise):
    results = outcomes(exercise.reference, exercise.hidden)
    assert any(difference(results[0], other) for other in results[1:])


@pytest.mark.parametrize("lesson", QUIZZES, ids=lambda lesson: lesson.slug)
def test_a_quiz_question_has_one_right_option_and_explains_each(lesson):
    questions = lesson_quiz(lesson.number)
    assert len(questions) == 5
    for question in questions:
        assert [option.right for option in question.options].count(True) == 1
        assert all(option.explanation.endswith(".") for option in question.options)
        assert all(len(option.text) <= 90 for option in question.options)  # a radio button has one line
        assert len({option.text for option in question.options}) == len(question.options) >= 3


@pytest.mark.parametrize("lesson", QUIZZES, ids=lambda lesson: lesson.slug)
def test_the_right_option_has_no_fixed_place(lesson):
    assert len({question.answer for question in lesson_quiz(lesson.number)}) > 1
