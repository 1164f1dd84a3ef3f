"""One environment variable sizes all work."""

import pytest

from course_utils.errors import CourseError
from course_utils.profiles import PROFILES, budget, profile


@pytest.mark.parametrize("unset", [None, ""])
def test_without_a_setting_the_profile_is_quick(monkeypatch, unset):
    if unset is None:
        monkeypatch.delenv("COURSE_PROFILE", raising=False)
    else:
        monkeypatch.setenv("COURSE_PROFILE", unset)
    assert profile() == "quick"
    assert budget(smoke=1, quick=2, full=3) == 2


@pytest.mark.parametrize(("name", "size"), [("smoke", 10), ("quick", 500), ("full", 20_000)])
def test_each_profile_picks_its_own_size(monkeypatch, name, size):
    monkeypatch.setenv("COURSE_PROFILE", name)
    assert profile() == name
    assert budget(smoke=10, quick=500, full=20_000) == size


def test_the_profile_is_read_again_each_time(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    assert budget(smoke="a", quick="b", full="c") == "a"
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert budget(smoke="a", quick="b", full="c") == "c"


@pytest.mark.parametrize("name", ["fast", "QUICK", " quick"])
def test_an_unknown_profile_is_refused_with_the_three_names(monkeypatch, name):
    monkeypatch.setenv("COURSE_PROFILE", name)
    with pytest.raises(CourseError, match="smoke, quick, full") as error:
        budget(smoke=1, quick=2, full=3)
    assert repr(name) in str(error.value)


def test_a_budget_has_a_size_for_every_profile(monkeypatch):
    sizes = {name: place for place, name in enumerate(PROFILES)}
    for name, place in sizes.items():
        monkeypatch.setenv("COURSE_PROFILE", name)
        assert budget(**sizes) == place
    with pytest.raises(TypeError):
        budget(smoke=1, quick=2)
