"""The references of lesson 10 agree with what the course's own modules do, and with trusted libraries."""

import numpy as np
import pytest
import torch
from scipy.stats import linregress
from sklearn.feature_extraction.text import CountVectorizer
from torch import nn

from course_utils.costs import ACCELERATORS, PUBLISHED, Assumptions, cost_of, inference_flops, training_flops
from course_utils.exercises.lesson10.cleaning import MINIMA, signature
from course_utils.exercises.lesson10.measuring import CLEAN, contaminated
from course_utils.exercises.lesson10.preferring import bradley_terry, dpo
from course_utils.exercises.lesson10.scaling import COST, LAW, REACHED, RUNS, power_law
from course_utils.exercises.lesson10.tuning import LABELS, LORA, TRAINED, inputs_and_targets, lora
from course_utils.models.lora import LoRALinear, add_lora
from course_utils.models.preferences import bradley_terry_loss, dpo_loss
from course_utils.scaling import fit_power_law
from course_utils.seeding import generator
from course_utils.text.duplicates import PRIME, MinHash, jaccard, shingles
from course_utils.text.exchanges import Exchange, ExchangeBatches

TEXT = "Four score and seven years ago our fathers brought forth on this continent a new nation"
CHANGED = TEXT.replace("new nation", "free country")


def of_the_house(hashing, text, sign=signature):
    """The signature by the exercise, with the slopes and offsets that the course's MinHash draws."""
    random = np.random.default_rng(hashing.seed)
    slopes, offsets = random.integers(1, PRIME, (2, hashing.bands * hashing.rows)).tolist()
    return sign({run % PRIME for run in shingles(text, hashing.words)}, slopes, offsets, PRIME)


def test_the_signature_is_that_of_the_courses_minhash():
    hashing = MinHash(bands=8, rows=4, words=3)
    assert of_the_house(hashing, TEXT) == hashing.signature(TEXT).ravel().tolist()


@pytest.mark.parametrize("mistake", MINIMA.misconceptions, ids=lambda mistake: mistake.name)
def test_no_mistaken_signature_is_that_of_the_courses_minhash(mistake):
    hashing = MinHash(bands=2, rows=4, words=3)
    assert of_the_house(hashing, TEXT, mistake.wrong) != hashing.signature(TEXT).ravel().tolist()


def test_the_share_of_equal_minima_estimates_the_likeness():
    hashing = MinHash(bands=100, rows=10, words=3)
    one, other = (of_the_house(hashing, text) for text in (TEXT, CHANGED))
    likeness = jaccard(shingles(TEXT, 3), shingles(CHANGED, 3))
    share = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
    assert likeness == pytest.approx(12 / 16)
    assert share == pytest.approx(likeness, abs=0.05)                # three and a half standard errors of 1,000 minima


@pytest.mark.parametrize("case", [*LABELS.cases, *LABELS.hidden])
def test_inputs_and_targets_are_those_of_the_courses_batches(case):
    prompt, answer = case.arguments()
    inputs, targets = ExchangeBatches([Exchange(tuple(prompt), tuple(answer))], batch=1, seed=0)(0)
    assert inputs_and_targets(prompt, answer) == (inputs[0].tolist(), targets[0].tolist())


@pytest.mark.parametrize("case", [*LORA.cases, *LORA.hidden])
def test_the_lora_layer_is_that_of_the_course(case):
    x, weight, down, up, alpha = case.arguments()
    layer = LoRALinear(nn.Linear(weight.shape[1], weight.shape[0], bias=False), len(down), alpha, generator(1))
    with torch.no_grad():
        for parameter, value in ((layer.base.weight, weight), (layer.down, down), (layer.up, up)):
            parameter.copy_(value)
        torch.testing.assert_close(lora(x, weight, down, up, alpha), layer(x), rtol=1e-5, atol=1e-5)


def test_lora_trains_as_many_numbers_as_on_paper():
    names = ("query", "key", "value", "output")
    layers = nn.ModuleList(nn.ModuleDict({name: nn.Linear(64, 64, bias=False) for name in names}) for _ in range(4))
    assert add_lora(layers, ("query", "value"), 8, generator(1)) == TRAINED.reference


@pytest.mark.parametrize("seed", range(3))
def test_the_losses_of_preference_are_those_of_the_course(seed):
    chosen, rejected, chosen_before, rejected_before = 8 * torch.randn(4, 9, generator=generator(seed))
    torch.testing.assert_close(bradley_terry(chosen, rejected), bradley_terry_loss(chosen, rejected))
    ours = dpo(chosen, rejected, chosen_before, rejected_before, 0.3)
    torch.testing.assert_close(ours, dpo_loss(chosen, rejected, chosen_before, rejected_before, 0.3).loss)


def gpu_days(flops, utilisation=0.4, count=1):
    """Days of the exercise's machine by the course's own costs: an H100 that does this share of 10^15 a second."""
    share = utilisation * 1e15 / ACCELERATORS["H100"].flops_per_second
    return cost_of(flops, "H100", Assumptions(utilisation=share)).days(count)


def test_the_cost_on_paper_is_that_of_the_courses_costs_and_so_are_the_mistakes():
    size = 1.2e9, 24e9
    mistakes = {mistake.name: mistake.wrong for mistake in COST.misconceptions}
    assert gpu_days(training_flops(*size)) == pytest.approx(COST.reference)
    assert gpu_days(inference_flops(*size)) == pytest.approx(mistakes["forward alone"])
    assert gpu_days(2 * inference_flops(*size)) == pytest.approx(mistakes["backward alone"])
    assert gpu_days(training_flops(*size), utilisation=0.5) * 0.5 == pytest.approx(mistakes["at the peak"])
    assert gpu_days(training_flops(*size), count=8) == pytest.approx(mistakes["days on the calendar"])


def test_the_law_is_the_line_that_scipy_finds():
    line = linregress(np.log(RUNS), np.log(REACHED))
    assert power_law(RUNS, REACHED) == pytest.approx((np.exp(line.intercept), -line.slope))


def test_the_law_of_runs_that_follow_one_exactly_is_that_of_the_courses_fit():
    amounts = np.array([1e3, 1e4, 1e5, 1e6, 1e7])
    losses = 9 * amounts**-0.2
    fitted = fit_power_law(amounts, losses)
    assert power_law(list(amounts), list(losses)) == pytest.approx((9.0, 0.2))
    assert (fitted.A, fitted.alpha) == pytest.approx((9.0, 0.2), rel=1e-5)
    assert abs(fitted.E) < 1e-5


@pytest.mark.parametrize("mistake", LAW.misconceptions, ids=lambda mistake: mistake.name)
def test_a_mistaken_law_foretells_another_loss(mistake):
    a, b = power_law(RUNS, REACHED)
    wrong_a, wrong_b = mistake.wrong(RUNS, REACHED)
    with np.errstate(over="ignore"):
        assert wrong_a * 1e18 ** -np.float64(wrong_b) != pytest.approx(a * 1e18**-b, rel=1e-3)


def by_scikit_learn(tests, training, n):
    """The places of the tests that have a run of n words in common with a training text, by counts of runs."""
    counts = CountVectorizer(ngram_range=(n, n), token_pattern=r"\w+").fit(training)
    return [place for place, row in enumerate(counts.transform(tests).toarray()) if row.any()]


def by_the_courses_shingles(tests, training, n):
    """The same by `shingles`, which takes a text of fewer than n words as one run: those are left out."""

    def runs(text):
        return shingles(text, n) if len(text.split()) >= n else set()

    seen = set().union(*map(runs, training))
    return [place for place, test in enumerate(tests) if runs(test) & seen]


@pytest.mark.parametrize("search", [by_scikit_learn, by_the_courses_shingles])
@pytest.mark.parametrize("case", [case for case in (*CLEAN.cases, *CLEAN.hidden) if case.arguments()[0]])
def test_the_contaminated_tests_are_those_that_others_find(case, search):
    assert contaminated(*case.arguments()) == search(*case.arguments())


def test_the_broken_search_calls_contaminated_tests_clean_and_no_clean_one_contaminated():
    for case in (*CLEAN.cases, *CLEAN.hidden):
        found = CLEAN.given()(*case.arguments())
        assert set(found) <= set(contaminated(*case.arguments()))
    assert contaminated(*CLEAN.cases[0].arguments()) == [0]
    assert CLEAN.given()(*CLEAN.cases[0].arguments()) == []


def test_llama_read_as_many_tokens_a_parameter_as_the_quiz_says():
    run = next(run for run in PUBLISHED if run.name == "Llama 3.1 8B")
    assert round(run.tokens / run.parameters, -2) == 1_900
