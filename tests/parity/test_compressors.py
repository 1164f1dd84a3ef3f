"""The stored numbers of the compressors against the compressors themselves."""

import json

import pyppmd
import pytest

from course_utils.leaderboard import fingerprint
from course_utils.metrics import compressed_bits_per_byte
from course_utils.text import load_sotu
from tools.compressors import COMPRESSORS, MEMORY, bits_per_byte, measured, size
from tools.verified import Verified

TOLERANCE = 1e-3
VERIFIES = [Verified("01", "bits per byte of primed gzip, bz2, xz and PPMd", "the compressors, run again", TOLERANCE)]


@pytest.mark.slow
def test_the_stored_bits_of_ppmd_are_measured_again(record_property):
    splits, stored = load_sotu(), json.loads(COMPRESSORS.read_text(encoding="utf-8"))
    again = bits_per_byte(splits.test, 12, primed_with=splits.train)
    record_property("primed", again)
    assert stored["test"] == fingerprint(splits.test)
    assert again == pytest.approx(stored["PPMd, order 12"]["primed"], abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gzip", "bz2", "xz"])
def test_the_stored_bits_of_pythons_own_compressors_are_measured_again(name):
    splits, stored = load_sotu(), json.loads(COMPRESSORS.read_text(encoding="utf-8"))
    again = compressed_bits_per_byte(splits.test, name, primed_with=splits.train)
    assert again == pytest.approx(stored[name]["primed"], abs=TOLERANCE)


def test_what_ppmd_made_of_an_address_is_all_that_is_needed_to_read_it_again():
    data = load_sotu().test[:100_000].encode()
    packed = pyppmd.compress(data, max_order=12, mem_size=MEMORY, variant="I")
    assert pyppmd.decompress(packed, max_order=12, mem_size=MEMORY, variant="I") == data
    assert size(data, 12) == len(packed)


def test_of_a_primed_ppmd_only_what_the_text_adds_is_counted():
    whole = load_sotu().test[:60_000]
    before, text = whole[:50_000], whole[50_000:]
    added = size(whole.encode(), 8) - size(before.encode(), 8)
    assert bits_per_byte(text, 8, primed_with=before) == 8 * added / len(text.encode())
    assert bits_per_byte(text, 8) == 8 * size(text.encode(), 8) / len(text.encode())


def test_a_measurement_has_the_names_and_the_fingerprint_of_the_stored_one():
    stored, made = json.loads(COMPRESSORS.read_text(encoding="utf-8")), measured("some words", "some more words")
    assert made.keys() == stored.keys()
    assert made["test"] == fingerprint("some more words")
    assert made["PPMd, order 8"]["primed"] < made["PPMd, order 8"]["cold"]
