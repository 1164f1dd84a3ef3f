"""How much work to do: seconds in `smoke`, a minute or two in `quick`, hours in `full`."""

import os
from typing import TypeVar

from course_utils.errors import CourseError

Size = TypeVar("Size")
PROFILES = ("smoke", "quick", "full")


def profile() -> str:
    """The profile in force: `$COURSE_PROFILE`, else `quick`. Raises CourseError for an unknown name."""
    name = os.environ.get("COURSE_PROFILE") or "quick"
    if name not in PROFILES:
        raise CourseError(f"COURSE_PROFILE is {name!r}; expected one of {', '.join(PROFILES)}. Unset it for `quick`.")
    return name


def budget(*, smoke: Size, quick: Size, full: Size) -> Size:
    """Pick the size of a piece of work for the profile in force: `steps = budget(smoke=10, quick=500, full=20_000)`."""
    return {"smoke": smoke, "quick": quick, "full": full}[profile()]
