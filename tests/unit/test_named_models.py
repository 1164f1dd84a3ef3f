"""The table of named models, and how long a busy hub is waited for; tests/faults/ has the hub itself."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from course_utils import named_models
from course_utils.assets import AssetError
from course_utils.errors import CourseError
from course_utils.hub import seconds_to_wait
from course_utils.named_models import NAMED_MODELS, find, resolve

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def test_the_names_of_the_course_are_in_the_table():
    wanted = {
        "gpt2": "openai-community/gpt2",
        "bert-base-uncased": "google-bert/bert-base-uncased",
        "t5-small": "google-t5/t5-small",
        "t5-small-booksum": "cnicu/t5-small-booksum",
        "opus-mt-es-en": "Helsinki-NLP/opus-mt-es-en",
        "smollm2-135m-instruct": "HuggingFaceTB/SmolLM2-135M-Instruct",
    }
    assert {model.name: model.repo for model in NAMED_MODELS} == wanted


def test_a_model_is_found_by_its_short_name_and_by_its_repository():
    assert find("gpt2") is find("openai-community/gpt2")
    assert find("cnicu/t5-small-booksum").kind == "seq2seq"


@pytest.mark.parametrize("name, guess", [("gtp2", "gpt2"), ("bert_base_uncased", "bert-base-uncased")])
def test_an_unknown_name_is_refused_with_the_nearest_one(name, guess):
    with pytest.raises(CourseError, match=f"no named model '{name}'. Did you mean '{guess}'"):
        find(name)


@pytest.mark.parametrize("name", ["", "../gpt2", "qwertyuiop"])
def test_a_name_like_no_other_is_refused_with_all_of_them(name):
    with pytest.raises(CourseError, match="Expected one of: gpt2, bert-base-uncased, t5-small"):
        find(name)


def test_only_safetensors_configs_and_tokenizers_are_fetched_and_the_weights_last():
    for model in NAMED_MODELS:
        assert model.files[0] == "config.json" and model.files[-1] == "model.safetensors"
        assert {Path(file).suffix for file in model.files} <= {".json", ".txt", ".model", ".spm", ".safetensors"}


def test_a_revision_is_a_whole_commit_but_for_the_two_that_could_not_be_confirmed():
    moving = [model.name for model in NAMED_MODELS if not re.fullmatch("[0-9a-f]{40}", model.revision)]
    assert moving == ["t5-small-booksum", "opus-mt-es-en"]


@pytest.mark.parametrize(
    "retry_after, attempt, seconds",
    [
        (None, 1, 1.0), (None, 2, 2.0), (None, 3, 4.0),            # no header: twice as long each time
        ("7", 3, 7.0), ("0", 3, 0.0), (" 7 ", 1, 7.0), ("-5", 1, 0.0),
        ("Wed, 25 Nov 2026 12:00:20 GMT", 1, 20.0),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 1, 0.0),                 # already over
        ("soon", 2, 2.0), ("", 2, 2.0), ("1.5e400", 2, 2.0), ("Wed, 25 Nov 2026 12:00:20 -0000", 1, 20.0),
    ],
)  # fmt: skip
def test_the_wait_is_what_the_header_says_and_else_doubles(retry_after, attempt, seconds):
    assert seconds_to_wait(retry_after, attempt, NOW) == seconds


def test_where_the_stand_in_cannot_be_had_either_the_error_names_both_reasons(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.setattr(named_models, "_cached", lambda model: None)

    def nothing(asset: str) -> Path:
        raise AssetError(f"The asset {asset!r} is not to be had.")

    with pytest.raises(AssetError) as caught:
        resolve("gpt2", stand_in_folder=nothing)
    assert "openai-community/gpt2 cannot be had, because COURSE_OFFLINE is set" in str(caught.value)
    assert "The asset 'smollm2' is not to be had" in str(caught.value)
    assert capsys.readouterr().out == ""                           # nothing is said to stand in
