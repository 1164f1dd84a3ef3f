"""Mistakes drawn by hypothesis, one or two at once: the same ones in every run, unless COURSE_FAULT_TRIES=full."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bad_input.breaking import TYPE, Breakage
from tests.bad_input.cases import Case, fault_of

FULL = os.environ.get("COURSE_FAULT_TRIES") == "full"
NOT_A_NUMBER = ("ValueError: could not convert string to float", "ValueError: Unknown format code")


def try_mistakes(case: Case, mistakes: list[tuple[str, Breakage]], tries: int) -> None:
    """Fail where the function answers one of `tries` draws neither rightly nor with what is wrong."""
    if not mistakes:
        return

    @settings(derandomize=True, deadline=None, max_examples=500 if FULL else tries, database=None)
    @given(st.lists(st.sampled_from(mistakes), min_size=1, max_size=2, unique_by=lambda mistake: mistake[0]))
    def answers_or_explains(drawn):
        fault = fault_of(case, dict(drawn))
        assert fault is None or _is_pythons_own(fault, dict(drawn))

    answers_or_explains()


def _is_pythons_own(fault: str, mistakes: dict[str, Breakage]) -> bool:
    """Whether a text came in place of numbers, and Python says so."""
    return any(each in fault for each in NOT_A_NUMBER) and TYPE in {mistake.kind for mistake in mistakes.values()}
