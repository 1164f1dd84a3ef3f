"""Every mistake with one argument, one after the other; and two arguments wrong at once, as hypothesis draws them."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bad_input.breaking import TYPE, Breakage
from tests.bad_input.cases import Case, fault_of

Mistakes = Sequence[tuple[str, Breakage]]
NOT_A_NUMBER = ("ValueError: could not convert string to float", "ValueError: Unknown format code")


def try_each(case: Case, mistakes: Mistakes, excused: tuple[str, ...] = ()) -> None:
    """Fail where the function takes one of the mistakes neither rightly nor with what is wrong, and name all of these.

    `excused`: what Python itself may say of a value of another type, as a part of the message.
    """
    faults = [_fault(case, [mistake], excused) for mistake in mistakes]
    assert not any(faults), "\n".join(filter(None, faults))


def try_pairs(case: Case, mistakes: Mistakes, count: int, excused: tuple[str, ...] = ()) -> None:
    """The same for so many pairs of mistakes with different arguments: the same pairs in every run."""
    if len({argument for argument, _ in mistakes}) < 2:
        return

    @settings(derandomize=True, deadline=None, max_examples=count, database=None)
    @given(st.lists(st.sampled_from(mistakes), min_size=2, max_size=2, unique_by=lambda mistake: mistake[0]))
    def answers_or_explains(drawn):
        assert _fault(case, drawn, excused) is None

    answers_or_explains()


def _fault(case: Case, mistakes: Mistakes, excused: tuple[str, ...]) -> str | None:
    fault = fault_of(case, dict(mistakes))
    no_type = any(mistake.kind == TYPE for _, mistake in mistakes)
    return None if no_type and any(each in (fault or "") for each in excused) else fault
