"""How many public functions are called with mistakes, how many are not and why: `python -m tests.bad_input.count`."""

from collections import Counter

from tests.bad_input import test_typed_texts, test_viz_pictures
from tests.bad_input.callables import callables_of, is_record, modules
from tests.bad_input.left_out import FUNCTIONS, MODULES
from tests.bad_input.test_numbers_and_shapes import CASES, left_out, to_be_called


def main() -> None:
    """Print the numbers, then each reason with how many functions it stands for."""
    found = {name: value for module in modules() for name, value in callables_of(module).items()}
    elsewhere = [name for module in modules() if left_out(module) for name in callables_of(module)]
    wanted, records = to_be_called(), [name for name, value in found.items() if is_record(value)]
    print(f"{len(found)} public functions, classes and methods take text, arrays, shapes or numbers.")
    called = len(set(wanted) - set(FUNCTIONS))
    mistakes = sum(len(case.mistakes()) for case in CASES)
    print(f"{called} are called here, in {len(CASES)} cases, with {mistakes:,} single mistakes, in every run each.")
    for test in (test_typed_texts, test_viz_pictures):
        mistakes = sum(len(test.mistakes_of(case)) for case in test.CASES)
        print(f"{len(test.CASES)} more cases, with {mistakes:,} single mistakes, are those of {test.__name__}.")
    print(f"{len(set(records) - set(elsewhere))} are records that only keep what they are given.")
    print(f"{len(set(FUNCTIONS) & set(wanted))} are left out one by one, {len(elsewhere)} by their module:")
    reasons = Counter(FUNCTIONS[name] for name in FUNCTIONS if name in wanted)
    for name, reason in MODULES.items():
        reasons[reason] += sum(one.startswith(f"{name}.") for one in elsewhere)
    for reason, count in reasons.most_common():
        print(f"  {count:4}  {reason}")


if __name__ == "__main__":
    main()
