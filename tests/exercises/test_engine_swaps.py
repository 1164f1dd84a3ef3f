"""Every usual mistake in a function that could be swapped into the engine is named before the model is loaded."""

import pytest

from course_utils.engine import CHECKS, Engine, MistakeError, diagnose
from course_utils.exercises.specs import find

MISTAKES = [
    pytest.param(part, mistake, id=f"{part}: {mistake.name}")
    for part, number in CHECKS.items()
    for mistake in find(number).misconceptions
]


@pytest.mark.parametrize("part", CHECKS)
def test_the_right_function_is_admitted(part):
    assert diagnose(part, find(CHECKS[part]).reference).passed


@pytest.mark.parametrize(("part", "mistake"), MISTAKES)
def test_a_mistake_is_named_and_the_model_does_not_start(part, mistake, monkeypatch):
    monkeypatch.setattr("course_utils.engine.load_decoder", lambda *_: pytest.fail("the model was loaded"))
    report = diagnose(part, mistake.wrong)
    assert report.diagnosis is mistake
    with pytest.raises(MistakeError) as raised:
        Engine(**{part: mistake.wrong})
    assert str(raised.value).startswith(report.text)
    assert f"{part}=…, anyway=True" in str(raised.value)


def test_there_are_mistakes_for_every_part():
    assert all(len(find(number).misconceptions) >= 3 for number in CHECKS.values())
