"""Speculative decoding writes what the large model alone would write: the same ids, or the same distribution."""

import itertools
import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from scipy.stats import binom, chisquare

from course_utils import speculative
from course_utils.errors import CourseError
from course_utils.generation import Beam, Sampling, generate, greedy, sample
from course_utils.logit_rules import NoRepeatNgram, RepetitionPenalty
from course_utils.models.ngram import NGram
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.speculative import Speculation, missing, speculate
from course_utils.text import CharVocabulary

V = 3
MODEL = [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.6, 0.0, 0.4]]        # p(next | last), by last token
DRAFT = [[0.2, 0.3, 0.5], [0.4, 0.5, 0.1], [0.3, 0.3, 0.4]]


class Chain:
    """A Markov chain: the probabilities of the next token depend on the last alone. Counts its readings."""

    def __init__(self, table):
        self.table, self.was_read = torch.tensor(table, dtype=torch.float64), []

    def read(self, ids, memory=None):
        self.was_read.append((tuple(ids), memory))
        return self.table[ids[-1]], (*(memory or ()), *ids)


class Parallel(Chain):
    """A chain that reads many ids at once."""

    def read_each(self, ids, memory=None):
        self.was_read.append((tuple(ids), memory))
        return self.table[list(ids)].log(), [(*(memory or ()), *ids[: n + 1]) for n in range(len(ids))]


def transformer(seed: int, layers: int = 2, context: int = 64, vocabulary: int = 11) -> Transformer:
    """One with strong opinions, so that it does not go round in circles of equally likely tokens."""
    config = TransformerConfig(vocabulary, context, width=16, heads=4, layers=layers, key_value_heads=2, **LLAMA)
    model = Transformer(config, generator(seed)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=generator(seed + 100))
    return model


# --- greedy


@pytest.mark.parametrize("ahead", [1, 3, 8])
@pytest.mark.parametrize("length", [0, 1, 30])
def test_greedily_it_writes_the_large_models_own_ids(ahead, length):
    for seed in range(2):
        model = transformer(seed)
        alone = generate(model, [1, 2, 3], length, greedy)
        recurrent = RecurrentLM(RecurrentConfig(11, "gru"), generator(seed))
        for draft in (model, transformer(seed + 10, layers=1), recurrent):
            assert speculate(model, draft, [1, 2, 3], length, ahead=ahead).ids == alone


def test_a_draft_that_is_the_model_itself_is_always_right_and_saves_passes():
    model = transformer(0)
    found = speculate(model, model, [1, 2], 20, ahead=4)
    assert found.acceptance_rate == 1 and found.guessed == found.judged == found.kept == 16
    assert found.passes == 4 and found.tokens_per_pass == 5        # four guesses and one of its own, four times


def test_a_draft_that_is_always_wrong_costs_nothing_but_its_time():
    right, wrong = Parallel([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), Parallel([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    found = speculate(right, wrong, [0], 6)
    assert found.ids == [1, 2, 0, 1, 2, 0] and found.acceptance_rate == 0 and found.tokens_per_pass == 1
    assert (found.guessed, found.judged, found.kept, found.passes) == (4 + 4 + 3 + 2 + 1, 5, 0, 6)


def test_the_large_model_reads_the_prompt_once_and_each_round_from_where_the_text_is_sure():
    model = Parallel([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    draft = Chain([[0, 1, 0], [0, 0, 1], [0, 1, 0]])               # wrong after 2
    assert speculate(model, draft, [2, 0], 6, ahead=3).ids == [1, 2, 0, 1, 2, 0]
    assert model.was_read == [((2,), None), ((0, 1, 2, 1), (2,)), ((0, 1, 2), (2, 0, 1, 2))]
    assert draft.was_read[:3] == [((2, 0), None), ((1,), (2, 0)), ((2,), (2, 0, 1))]
    assert draft.was_read[3:] == [((0,), (2, 0, 1, 2)), ((1,), (2, 0, 1, 2, 0))]


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_it_ends_with_the_stop_token_whoever_writes_it(ahead):
    for seed, stop in itertools.product(range(2), range(0, 11, 2)):
        model = transformer(seed)
        alone = generate(model, [1, 2, 3], 12, greedy, stop=stop)
        for draft in (model, transformer(seed + 10, layers=1)):
            assert speculate(model, draft, [1, 2, 3], 12, stop=stop, ahead=ahead).ids == alone
    assert speculate(model, model, [5], 1, stop=5).ids != []       # in the prompt it stops nothing


def test_past_the_context_it_still_writes_the_models_own_ids():
    model, draft = transformer(1, context=16), transformer(2, layers=1, context=16)
    alone = generate(model, [1, 2, 3], 60, greedy)
    assert speculate(model, draft, [1, 2, 3], 60).ids == alone
    assert speculate(model, model, [1, 2, 3], 60).ids == alone


def test_a_memory_that_keeps_rejected_guesses_would_be_noticed(monkeypatch):
    monkeypatch.setattr(speculative, "_last_before", lambda places, length: replace(places[-1], count=length - 1))
    same = 0
    for seed in range(3):
        model, draft = transformer(seed), transformer(seed + 10, layers=1)
        same += speculate(model, draft, [1, 2, 3], 30).ids == generate(model, [1, 2, 3], 30, greedy)
    assert same < 3


def test_rules_hold_for_both_models():
    model, draft = transformer(0), transformer(3)
    rules = [RepetitionPenalty(1.3), NoRepeatNgram(2)]
    alone = generate(model, [1, 2, 3], 30, greedy, rules=rules)
    found = speculate(model, draft, [1, 2, 3], 30, rules=rules)
    assert found.ids == alone != generate(model, [1, 2, 3], 30, greedy)
    assert speculate(model, model, [1, 2, 3], 30, rules=rules).acceptance_rate == 1


def test_an_ngram_model_may_be_the_draft_of_a_network_over_its_vocabulary():
    vocabulary = CharVocabulary("abc")
    draft = NGram.fit(vocabulary.encode("abcabcaab\n" * 4), vocabulary, order=3)
    model = transformer(4, vocabulary=len(vocabulary))
    assert speculate(model, draft, [0, 1], 20).ids == generate(model, [0, 1], 20, greedy)


# --- drawn


def p_of_texts(table, first: int, length: int, strategy=None) -> dict[tuple, float]:
    """The probability of each text of this length after `first`, from the chain's own table."""
    rows = [torch.tensor(row, dtype=torch.float64) for row in table]
    rows = [strategy.distribution(row) if strategy else row for row in rows]
    texts = itertools.product(range(V), repeat=length)
    return {text: math.prod(float(rows[a][b]) for a, b in itertools.pairwise((first, *text))) for text in texts}


def p_value(strategy, runs: int = 1500, length: int = 3, ahead: int = 2) -> float:
    """Chi-squared of the texts drawn against the large model's distribution; impossible ones must not occur."""
    random, model, draft = generator(11), Parallel(MODEL), Chain(DRAFT)
    drawn = Counter(
        tuple(speculate(model, draft, [0], length, strategy, random, ahead=ahead).ids) for _ in range(runs)
    )
    wanted = p_of_texts(MODEL, 0, length, strategy if isinstance(strategy, Sampling) else None)
    if any(wanted[text] == 0 for text in drawn):
        return 0.0
    possible = [text for text, p in wanted.items() if p > 0]
    rare = [text for text in possible if wanted[text] * runs < 5]  # chi-squared wants five of each: these are one cell
    cells = [[text] for text in possible if text not in rare] + ([rare] if rare else [])
    seen = [sum(drawn[text] for text in cell) for cell in cells]
    return float(chisquare(seen, [runs * sum(wanted[text] for text in cell) for cell in cells]).pvalue)


@pytest.mark.parametrize("strategy", [sample, Sampling(0.7, top_p=0.95)], ids=["sample", "Sampling"])
def test_texts_come_as_often_as_the_large_model_alone_writes_them(strategy):
    assert p_value(strategy) > 0.01


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("missing", lambda probability, guessed: probability),     # drawn from p after a rejection
        ("missing", lambda probability, guessed: guessed),
        ("missing", lambda probability, guessed: (guessed - probability).clamp(min=0) + 1e-12),
        ("_Choice.happens", lambda self, probability: True),       # every guess is kept
        ("_Choice.happens", lambda self, probability: probability >= 1),
    ],
    ids=["from p", "from q", "wrong sign", "keeps all", "keeps p ≥ q only"],
)
def test_a_wrong_rule_of_acceptance_would_be_noticed(monkeypatch, part, wrong):
    owner = speculative._Choice if "." in part else speculative
    monkeypatch.setattr(owner, part.split(".")[-1], wrong)
    assert p_value(sample) < 1e-6


def test_the_acceptance_rate_is_the_overlap_of_both_distributions():
    model, draft = Parallel([MODEL[0]] * V), Chain([DRAFT[0]] * V)  # the same after every token
    overlap = sum(map(min, MODEL[0], DRAFT[0]))                    # 0.2 + 0.3 + 0.2
    found = speculate(model, draft, [0], 2000, sample, generator(3), ahead=3)
    assert 0.001 < binom.cdf(found.kept, found.judged, overlap) < 0.999
    expected = (1 - overlap**4) / (1 - overlap)                    # Leviathan et al. 2023, equation 1
    assert found.tokens_per_pass == pytest.approx(expected, rel=0.05)


def test_what_the_draft_gave_too_little_by_hand():
    assert missing(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])).tolist() == [1, 0, 0]
    two = missing(torch.tensor([0.4, 0.4, 0.2]), torch.tensor([0.2, 0.3, 0.5]))
    assert two.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert missing(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5])).tolist() == [0.5, 0.5]


def test_the_same_seed_writes_the_same_text():
    model, draft = transformer(0), transformer(1)
    one, same, other = (speculate(model, draft, [1], 30, sample, generator(seed)).ids for seed in (1, 1, 2))
    assert one == same != other


# --- reading many ids at once


@pytest.mark.parametrize("context", [64, 7])
def test_a_transformer_reads_each_as_it_would_read_one_by_one(context):
    # in double: float32 sums differ by kernel and by processor
    model, ids, memory = transformer(5, context=context).double(), [1, 2, 3, 4, 5, 6, 7, 8, 9], None
    _, before = model.read([3, 0])
    logits, memories = model.read_each(ids, before)
    memory = before
    for place, id_ in enumerate(ids):
        row, memory = model.read_logits([id_], memory)
        torch.testing.assert_close(logits[place], row, rtol=1e-5, atol=1e-5)
        assert memories[place][0] == memory[0]
        torch.testing.assert_close(memories[place][1], memory[1], rtol=0, atol=1e-5)
        again, _ = model.read([10], memories[place])
        torch.testing.assert_close(again, model.read([10], memory)[0], rtol=0, atol=1e-6)


# --- bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ahead": 0}, "ahead is 0; expected a number of tokens to guess at a time, 1 or more"),
        ({"strategy": Beam(2)}, "The strategy is Beam.*; expected greedy, sample or a Sampling"),
        ({"prompt": []}, "The prompt is empty"),
        ({"draft": transformer(0, vocabulary=12)}, "The model knows 11 tokens and the draft 12; expected one"),
        ({"strategy": sample}, "pass generator"),
        ({"prompt": [99]}, "must lie in 0 … 10"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    model = transformer(0)
    with pytest.raises(CourseError, match=message):
        speculate(**{"model": model, "draft": model, "prompt": [1], "length": 4} | settings)


def test_rates_of_nothing_are_not_a_number():
    assert math.isnan(Speculation([], 0, 0, 0, 0).acceptance_rate)
    assert math.isnan(Speculation([], 0, 0, 0, 0).tokens_per_pass)
