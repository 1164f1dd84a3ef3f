"""Each shipped checkpoint loads, is what its recipe says, and reproduces every metric that is written beside it."""

import json
import math
from dataclasses import asdict

import pytest
import torch

from course_utils.checkpoints import read_tensors
from course_utils.error_rates import error_rates
from course_utils.fit_config import FitConfig, complete
from course_utils.paths import CHECKPOINTS, RESULTS
from course_utils.recipes import RECIPES, about, load
from course_utils.recipes.base import flops_of_tokens
from course_utils.recipes.pronunciation import pronounce
from course_utils.recipes.translation import scores, translate
from course_utils.text import load_pronunciations
from course_utils.text.bpe import SOTU_BPE
from course_utils.text.parallel import ES_EN_BPE, load_es_en
from course_utils.training import History, training_flops
from tools.verified import Verified

NAMES = sorted(RECIPES)
SOTU = ("rnn_sotu", "gru_sotu", "lstm_sotu")
COUNTED_IN_TOKENS = [name for name in NAMES if RECIPES[name].cost is flops_of_tokens]
VOCABULARIES = (SOTU_BPE, ES_EN_BPE)
LARGEST = 8_000_000
DIGITS = 2e-3                                                      # rounding of another processor, now and then a tie
VERIFIES = [Verified("all", "every metric of every shipped checkpoint", "measured again from the weights", DIGITS)]


def as_json(value):
    """Facts as they come back from JSON: tuples are lists."""
    return json.loads(json.dumps(asdict(value)))


def test_every_checkpoint_has_a_recipe_and_every_recipe_its_checkpoint():
    assert sorted(path.stem for path in CHECKPOINTS.glob("*.safetensors")) == NAMES
    assert sorted(path for path in CHECKPOINTS.glob("*.json") if path not in VOCABULARIES) == [
        CHECKPOINTS / f"{name}.json" for name in NAMES
    ]
    assert all(path.exists() for path in VOCABULARIES)             # the files that are no models


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_small_and_holds_halves(name):
    path = CHECKPOINTS / f"{name}.safetensors"
    assert path.stat().st_size <= LARGEST
    assert {tensor.dtype for tensor in read_tensors(path).values()} == {torch.float16}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_beside_it_is_the_recipe_that_the_code_has(name):
    known, recipe = about(name), RECIPES[name]
    fitted = complete(known["recipe"]["fit"]) if isinstance(recipe.fit, FitConfig) else known["recipe"]["fit"]
    assert (known["recipe"]["model"], fitted) == (as_json(recipe.config), as_json(recipe.fit))
    assert known["steps"] == recipe.fit.steps and known["seed"] == recipe.fit.seed
    model = load(name)
    assert known["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert known["seconds"] > 0 and known["hardware"] and not model.training


@pytest.mark.parametrize("name", COUNTED_IN_TOKENS)
def test_its_training_took_the_operations_that_are_written(name):
    known = about(name)
    assert known["training_flops"] == pytest.approx(training_flops(load(name), known["training_tokens"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(COUNTED_IN_TOKENS)))
def test_its_training_took_the_operations_that_are_counted_in_a_step(name):
    known, recipe = about(name), RECIPES[name]
    prepared = recipe.prepare()
    cost = recipe.cost(recipe.model(), prepared, History(losses=[0.0] * known["steps"]))
    assert known["training_flops"] == pytest.approx(cost)
    assert known["training_images"] == known["steps"] * len(prepared.batches(0)[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_data_are_those_it_was_trained_on(name):
    assert RECIPES[name].prepare().data == about(name)["data_sha256"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_every_metric_comes_out_again(name):
    measured, written = RECIPES[name].measure(load(name)), about(name)["metrics"]
    assert measured.keys() == written.keys()
    for key, value in written.items():
        if isinstance(value, float):
            assert measured[key] == pytest.approx(value, abs=DIGITS), key
        else:
            assert measured[key] == value, key


def test_the_pronunciations_are_as_good_as_promised():
    metrics = about("g2p_attention")["metrics"]
    for how in ("greedy", "beam"):
        assert metrics[f"per_{how}"] <= 0.080 and metrics[f"wer_{how}"] <= 0.33, how


def test_the_shipped_network_itself_keeps_that_promise_on_every_twelfth_test_word():
    words = load_pronunciations().test
    chosen = list(words)[::12]
    rates = error_rates(pronounce(load("g2p_attention"), chosen), [words[spelling] for spelling in chosen])
    assert rates.words > 1000 and rates.per <= 0.080 and rates.wer <= 0.33, str(rates)


def test_the_translations_are_as_good_as_promised():
    assert about("es_en")["metrics"]["bleu"] >= 20


def test_the_shipped_translator_itself_keeps_that_promise_on_every_seventeenth_test_pair():
    pairs = load_es_en().test[::17]
    score = scores(translate(load("es_en"), [pair.spanish for pair in pairs]), pairs)["bleu"]
    assert len(pairs) > 100 and score >= 20, score


def test_tuning_brings_the_promised_thirty_points_of_exact_match():
    metrics = about("intents")["metrics"]
    assert metrics["exact_match_low"] - metrics["exact_match_before"] >= 0.30


def test_the_three_recurrent_models_have_equal_parameters_and_have_read_the_same_text():
    known = [about(name) for name in SOTU]
    assert max(one["parameters"] for one in known) / min(one["parameters"] for one in known) < 1.01
    assert len({one["training_tokens"] for one in known}) == len({one["data_sha256"] for one in known}) == 1


def test_their_scores_are_of_the_text_that_all_text_models_are_measured_on():
    import json

    test = json.loads((RESULTS / "compressors.json").read_text())["test"]
    for name in SOTU:
        assert about(name)["metrics"]["test"] == test
        assert 1 < about(name)["metrics"]["bits_per_byte"] < math.log2(256)
