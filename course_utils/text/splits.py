"""A split that depends on the item alone: no list, no order, no seed, and the same on every machine."""

import hashlib

from course_utils.text.vocabulary import utf8


def part_by_hash(text: str, validation: int, test: int) -> str:
    """`train`, `validation` or `test` for an item: `validation` and `test` are shares in hundredths.

    The first `test` of the 100 remainders of its sha256 are test, the next `validation` are validation. An item keeps
    its part when others come or go.
    """
    remainder = int(hashlib.sha256(utf8(text)).hexdigest(), 16) % 100
    return "test" if remainder < test else "validation" if remainder < test + validation else "train"
