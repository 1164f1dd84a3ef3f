"""The engine: which exercise checks which function, what a wrong one is told, and clear errors for bad input.

That its tokens are those of transformers is a parity test.
"""

import inspect
import warnings
from types import SimpleNamespace

import pytest
import torch

from course_utils import engine as engine_module
from course_utils.engine import CHECKS, Engine, MistakeError, diagnose
from course_utils.errors import CourseError
from course_utils.exercises.specs import find
from course_utils.models import layers
from course_utils.models.attention import scaled_dot_product_attention
from course_utils.models.transformer import Operations
from course_utils.pretrained import load_decoder
from course_utils.seeding import generator

pytestmark = pytest.mark.usefixtures("one_thread")
COURSE = {
    "attention": scaled_dot_product_attention,
    "rms_norm": layers.rms_norm,
    "rotary": layers.rotary,
    "swiglu": layers.swiglu,
}
ARITY = {"attention": 4, "rms_norm": 3, "rotary": 3, "swiglu": 4, "sample": 2}
MISTAKES = [(part, mistake) for part in CHECKS for mistake in find(CHECKS[part]).misconceptions]
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def loaded():
    """SmolLM2's weights once, with room for few tokens."""
    return load_decoder("smollm2", context=64)


@pytest.fixture
def load(loaded, monkeypatch):
    """In the place of `load_decoder`: the same weights, run by the functions asked for, without a second copy."""

    def borrow(name, operations, context):
        model, tokenizer = loaded
        assert name == "smollm2"
        for block in model.blocks:
            block.attention.attention, block.feed_forward.formula = operations.attention, operations.swiglu
            block.attention_norm.norm = block.feed_forward_norm.norm = operations.rms_norm
        model.norm.norm, model.operations = operations.rms_norm, operations
        return model, tokenizer

    monkeypatch.setattr(engine_module, "load_decoder", borrow)
    yield
    borrow("smollm2", Operations(), 64)


@pytest.mark.parametrize("part", CHECKS)
def test_each_function_is_checked_by_an_exercise_of_its_own_whose_reference_passes(part):
    exercise = find(CHECKS[part])
    assert len(inspect.signature(exercise.reference).parameters) == ARITY[part]
    assert diagnose(part, exercise.reference).passed


@pytest.mark.parametrize("part", COURSE)
def test_what_the_course_runs_on_passes_the_same_check(part):
    assert diagnose(part, COURSE[part]).passed


@pytest.mark.parametrize(("part", "mistake"), MISTAKES, ids=lambda value: getattr(value, "name", value))
def test_a_wrong_function_is_refused_before_any_weight_is_loaded_and_told_its_mistake(part, mistake, monkeypatch):
    monkeypatch.setattr(engine_module, "load_decoder", None)
    with pytest.raises(MistakeError) as refused:
        Engine(**{part: mistake.wrong})
    said = " ".join(str(refused.value).split())
    first = find(CHECKS[part])
    sentences = [mistake.explain(case.arguments()) for case in first.cases]
    assert any(sentence in said for sentence in sentences)
    assert f"Engine(…, {part}=…, anyway=True)" in said


def test_a_stub_is_refused_as_not_attempted():
    with pytest.raises(MistakeError, match="not attempted yet"):
        Engine(attention=find(CHECKS["attention"]).given())


@pytest.mark.slow
def test_the_readers_functions_write_what_the_fast_path_writes(load):
    own = {part: find(CHECKS[part]).reference for part in COURSE}
    expected = Engine(context=64).answer(QUESTION, longest=6)
    assert "Paris" in expected
    assert Engine(**own, context=64).answer(QUESTION, longest=6) == expected


def test_a_wrong_function_runs_anyway_and_is_diagnosed_first(load, capsys):
    mistakes = {mistake.name: mistake for mistake in find(CHECKS["attention"]).misconceptions}
    engine = Engine(attention=mistakes["no scale"].wrong, anyway=True, context=64)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{CHECKS['attention']} write attention") and "without dividing the scores" in printed
    assert "Paris" not in engine.answer(QUESTION, longest=6)


@pytest.mark.slow
def test_a_function_that_draws_needs_no_others_and_follows_its_generator(load):
    drawing = Engine(sample=find(CHECKS["sample"]).reference, context=64)
    texts = [drawing.write("Once upon a time", 8, generator(seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.slow
def test_a_way_of_choosing_given_for_one_text_goes_before_the_engines_own(load):
    def second(probability, generator):
        return int(probability.topk(2).indices[1])

    engine = Engine(context=64)
    before, other, after = (engine.stream("Once upon a time", 3, sample=way) for way in (None, second, None))
    before, other, after = "".join(before), "".join(other), "".join(after)
    assert before == after and other and other != before


@pytest.mark.slow
def test_pieces_of_a_stream_make_the_whole(load):
    engine = Engine(context=64)
    pieces = list(engine.stream("Once upon a time", longest=8))
    assert len(pieces) > 3
    assert "".join(pieces) == engine.write("Once upon a time", longest=8)


@pytest.mark.slow
def test_it_stops_where_the_room_ends(load):
    engine = Engine(context=64)
    ids = engine.encode("one two three four five six seven eight nine ten " * 5)
    assert len(ids) < 64
    engine.tokenizer = SimpleNamespace(eos_token_id=None)           # nothing else ends it
    with pytest.warns(UserWarning, match="holds 64 tokens and is full"):
        assert len(list(engine.tokens(ids, longest=100))) == 64 - len(ids) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(engine.tokens(ids, longest=64 - len(ids) + 1))) == 64 - len(ids) + 1


@pytest.mark.slow
def test_two_texts_at_once_are_an_error_and_no_mixture(load):
    engine = Engine(context=64)
    first, second = (engine.stream(text, longest=8) for text in ("Once upon a time", "The sky is"))
    next(first)
    next(second)
    with pytest.raises(CourseError, match="Another text was begun"):
        list(first)
    assert list(second)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The text is empty"),
        pytest.param("word " * 80, r"81 tokens, and the engine holds 64.*Engine\(context=162\)", id="too many"),
    ],
)
def test_a_text_of_no_or_too_many_tokens_is_an_error(load, text, said):
    with pytest.raises(CourseError, match=said):
        Engine(context=64).write(text)


@pytest.mark.slow
def test_an_empty_question_is_an_error(load):
    with pytest.raises(CourseError, match="The question is empty"):
        Engine(context=64).answer("  ")


def test_an_unknown_name_is_an_error_with_those_there_are():
    with pytest.raises(CourseError, match="no decoder 'gpt5' here; expected smollm2"):
        Engine("gpt5")


def test_an_unknown_precision_is_an_error_with_those_there_are(load):
    with pytest.raises(CourseError, match="precision is 'int2'; expected one of float32, bfloat16, int8, int4"):
        Engine(precision="int2", context=64)


def test_functions_of_ones_own_run_in_float32():
    with pytest.raises(CourseError, match="run in float32; precision is 'int8'"):
        Engine(swiglu=layers.swiglu, precision="int8")


def test_attention_of_two_dtypes_is_an_error_that_says_which():
    query, key = torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4, dtype=torch.bfloat16)
    with pytest.raises(CourseError, match=r"query is torch.float32, key torch.bfloat16.*expected one dtype"):
        scaled_dot_product_attention(query, key, key)
