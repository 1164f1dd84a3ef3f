"""data/results/decoding.json, measured again in part: the same passages, the same figures."""

import json

import pytest

from course_utils import strategies
from course_utils.engine import Engine
from course_utils.models.fast_reading import FastReader
from course_utils.paths import RESULTS
from tools.verified import Verified

RECORD = json.loads((RESULTS / "decoding.json").read_text(encoding="utf-8"))
TOLERANCE = 0.02
VERIFIES = [
    Verified(
        "08", "bits of texts that people wrote, as recorded", "measured again on four passages", TOLERANCE, "of them"
    ),
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("smollm2", precision="int8", context=256)


@pytest.fixture(scope="module")
def found(engine) -> list[strategies.Passage]:
    return strategies.passages(engine.tokenizer, RECORD["passages"])[:4]


def test_people_surprise_the_model_as_much_as_recorded(engine, found):
    recorded = RECORD["ways"][strategies.PEOPLE]
    for place, passage in enumerate(found):
        again = strategies.measure(FastReader(engine.model), passage, passage.continuation)
        assert again.bits_per_token == pytest.approx(recorded["bits_per_token"][place], rel=TOLERANCE)
        assert again.distinct_2 == pytest.approx(recorded["distinct_2"][place], abs=1e-4)
        assert again.repeated_4 == pytest.approx(recorded["repeated_4"][place], abs=1e-4)


@pytest.mark.parametrize("name", ["greedy", "min-p 0.1"])
def test_what_is_written_again_surprises_about_as_much(engine, found, name):
    """Rounding of int8 products differs between processors, and one other token changes all that follow."""
    reader, way, end = FastReader(engine.model), strategies.WAYS[name], engine.tokenizer.eos_token_id
    written = [strategies.write(reader, passage, way, end) for passage in found]
    again = [strategies.measure(reader, passage, *text) for passage, text in zip(found, written, strict=True)]
    recorded = RECORD["ways"][name]["bits_per_token"][: len(found)]
    assert sum(one.bits_per_token for one in again) == pytest.approx(sum(recorded), rel=0.25)
