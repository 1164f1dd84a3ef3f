"""Rules, cuts and beams on our decoders against `generate` of transformers with the same random weights."""

import pytest
import torch
from scipy.stats import chisquare
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.generation import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from course_utils import reading
from course_utils.generation import Beam, Sampling, beam_search, generate, greedy
from course_utils.logit_rules import NoRepeatNgram, RepetitionPenalty, ruled
from course_utils.models import porting
from course_utils.models.encoder_decoder import EncoderDecoder
from course_utils.models.transformer import Transformer
from course_utils.reading import allowed, logits_after
from course_utils.seeding import generator
from tools.verified import Verified

V, STOP, LENGTH = 14, 3, 16
PROMPT = [5, 2, 7, 5]
SEEDS = range(4)
TOLERANCE = 1e-6
VERIFIES = [
    Verified(
        "08",
        "rules against repetition, greedily and in beams",
        "`transformers`' `generate`, on small random networks",
        "equal tokens",
    ),
    Verified(
        "08",
        "temperature, top-k, top-p and min-p, under rules",
        "the probabilities that `generate` draws from",
        TOLERANCE,
    ),
]


def random_weights(model, seed: int, spread: float):
    """Weights far enough apart that the model has opinions, repeats itself, and writes `STOP` at times."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator(seed)))
    return model.eval()


def llama(seed: int, spread: float = 0.4):
    """A Llama of theirs and the same weights in ours."""
    config = LlamaConfig(
        vocab_size=V, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, tie_word_embeddings=False,
    )  # fmt: skip
    theirs = random_weights(LlamaForCausalLM(config), seed, spread)
    ours = Transformer(porting.llama_config(config), generator(0)).eval()
    ours.load_state_dict(porting.llama_weights(theirs.state_dict(), tied=False))
    return theirs, ours


def gpt2(seed: int, spread: float = 0.4):
    """A GPT-2 of theirs and the same weights in ours."""
    config = GPT2Config(
        vocab_size=V, n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=STOP
    )  # fmt: skip
    theirs = random_weights(GPT2LMHeadModel(config), seed, spread)
    ours = Transformer(porting.gpt2_config(config), generator(0)).eval()
    ours.load_state_dict(porting.gpt2_weights(theirs.state_dict()))
    return theirs, ours


def written_by_transformers(model, stop: int | None = STOP, **settings) -> list[list[int]]:
    """The texts that `generate` of transformers returns, cut after the stop token."""
    prompt = torch.tensor([PROMPT])
    model.generation_config.eos_token_id = stop
    rows = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=LENGTH, do_sample=False, pad_token_id=0,
        **settings,
    )  # fmt: skip
    texts = [row[len(PROMPT) :] for row in rows.tolist()]
    return [text[: text.index(stop) + 1] if stop in text else text for text in texts]


RULES = {
    "penalty": ([RepetitionPenalty(1.3)], {"repetition_penalty": 1.3}),
    "reward": ([RepetitionPenalty(0.8)], {"repetition_penalty": 0.8}),
    "bigrams": ([NoRepeatNgram(2)], {"no_repeat_ngram_size": 2}),
    "trigrams": ([NoRepeatNgram(3)], {"no_repeat_ngram_size": 3}),
    "both": ([RepetitionPenalty(1.2), NoRepeatNgram(2)], {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2}),
}


# --- greedy


def greedy_agrees(make, rules, settings, stop=STOP) -> tuple[int, int]:
    """In how many of the models both write the same, and in how many the rules change what is written."""
    same = changed = 0
    for seed in SEEDS:
        theirs, ours = make(seed)
        written = generate(ours, PROMPT, LENGTH, greedy, stop=stop, rules=rules)
        same += written == written_by_transformers(theirs, stop, **settings)[0]
        changed += written != generate(ours, PROMPT, LENGTH, greedy, stop=stop)
    return same, changed


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("name", RULES)
def test_greedy_under_rules_writes_the_tokens_of_transformers(make, name):
    same, changed = greedy_agrees(make, *RULES[name])
    assert same == len(SEEDS) and changed > 0


class WrongSign(RepetitionPenalty):
    """Multiplies where it should divide, and the other way round."""

    def __call__(self, ids, logits):
        return RepetitionPenalty(1 / self.penalty)(ids, logits)


class OnlyDivides(RepetitionPenalty):
    """The formula of the CTRL paper, which makes negative logits likelier."""

    def __call__(self, ids, logits):
        seen = torch.tensor(sorted(set(ids)))
        return logits.index_copy(0, seen, logits[seen] / self.penalty)


class OffByOne(NoRepeatNgram):
    """Forbids what would end an n-gram of one token more."""

    def forbidden(self, ids):
        return NoRepeatNgram(self.n + 1).forbidden(ids)


class ForgetsTheLast(NoRepeatNgram):
    """Does not see the n-gram that the last token ended."""

    def forbidden(self, ids):
        last, before = list(ids[len(ids) - self.n + 1 :]), self.n - 1
        starts = range(len(ids) - self.n)
        return [ids[start + before] for start in starts if list(ids[start : start + before]) == last]


@pytest.mark.parametrize(
    ("wrong", "settings"),
    [
        ([WrongSign(1.3)], {"repetition_penalty": 1.3}),
        ([OffByOne(2)], {"no_repeat_ngram_size": 2}),
        ([ForgetsTheLast(2)], {"no_repeat_ngram_size": 2}),
        ([NoRepeatNgram(3)], {"no_repeat_ngram_size": 2}),
    ],
    ids=["wrong sign", "off by one", "blind to the last", "other n"],
)
def test_a_wrong_rule_would_be_noticed(wrong, settings):
    assert sum(greedy_agrees(make, wrong, settings)[0] for make in (llama, gpt2)) < 2 * len(SEEDS)


def test_a_penalty_on_log_probabilities_instead_of_logits_would_be_noticed(monkeypatch):
    honest = reading.logits_after

    def normalised(model, ids, memory=None):
        logits, memory = honest(model, ids, memory)
        return logits.log_softmax(dim=-1), memory

    monkeypatch.setattr(reading, "logits_after", normalised)
    assert sum(greedy_agrees(make, *RULES["penalty"])[0] for make in (llama, gpt2)) < 2 * len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_rule_gives_the_logits_of_their_processor(seed):
    logits = 3 * torch.randn(30, generator=generator(seed))
    text = torch.randint(30, (40,), generator=generator(seed + 50)) % 7
    pairs = [(RepetitionPenalty(p), RepetitionPenaltyLogitsProcessor(p)) for p in (0.7, 1.2, 3.0)]
    pairs += [(NoRepeatNgram(n), NoRepeatNGramLogitsProcessor(n)) for n in (1, 2, 3, 4)]
    for ours, theirs in pairs:
        assert torch.equal(ours(text.tolist(), logits), theirs(text[None], logits[None].clone())[0])
    assert len(NoRepeatNgram(2).forbidden(text.tolist())) > 0
    expected = RepetitionPenaltyLogitsProcessor(1.2)(text[None], logits[None].clone())[0]
    assert not torch.equal(OnlyDivides(1.2)(text.tolist(), logits), expected)


# --- beams


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("early", [False, True])
def test_beams_under_rules_find_the_texts_of_transformers_in_their_order(make, name, early):
    rules, settings = RULES[name]
    for seed in SEEDS:
        theirs, ours = make(seed)
        texts = written_by_transformers(theirs, num_beams=4, num_return_sequences=4, early_stopping=early, **settings)
        found = beam_search(ours, PROMPT, LENGTH, Beam(4, early_stopping=early), STOP, rules)
        assert [list(each.ids) for each in found] == texts


def beams_agree(beam: Beam, rules, **settings) -> int:
    """In how many of eight models both find the same best text."""
    pairs = [make(seed) for make in (llama, gpt2) for seed in SEEDS]
    return sum(
        generate(ours, PROMPT, LENGTH, beam, stop=STOP, rules=rules) == written_by_transformers(theirs, **settings)[0]
        for theirs, ours in pairs
    )


def test_the_settings_of_the_t5_example_and_what_would_be_wrong_with_them():
    settings = {"num_beams": 4, "no_repeat_ngram_size": 2, "early_stopping": True}
    assert beams_agree(Beam(4, early_stopping=True), [NoRepeatNgram(2)], **settings) == 8
    assert beams_agree(Beam(4), [NoRepeatNgram(2)], **settings) < 8
    assert beams_agree(Beam(4, early_stopping=True), [OffByOne(2)], **settings) < 8
    assert beams_agree(Beam(4, early_stopping=True), [], **settings) < 8


class Translates:
    """Our T5 with its source fixed, as a model of the target alone."""

    def __init__(self, model: EncoderDecoder, source: torch.Tensor):
        self.model, self.source = model, source

    @torch.no_grad()
    def read(self, ids, memory=None):
        text = (*(memory or ()), *ids)
        return self.model(self.source, torch.tensor([text]))[0][0, -1].softmax(dim=-1), text


def test_a_t5_summarises_as_in_the_example_with_four_beams_and_no_bigram_twice():
    config = T5Config(vocab_size=V, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, decoder_start_token_id=0)
    source, changed = torch.tensor([[5, 9, 2, 7, 11, 4, 1]]), 0
    for seed in SEEDS:
        theirs = random_weights(T5ForConditionalGeneration(config), seed, 0.4)
        ours = EncoderDecoder(porting.t5_config(config), generator(0)).eval()
        ours.load_state_dict(porting.t5_weights(theirs.state_dict(), ours.config.tied))
        written = theirs.generate(
            source, num_beams=4, no_repeat_ngram_size=2, early_stopping=True, max_new_tokens=LENGTH, eos_token_id=STOP,
            pad_token_id=0, do_sample=False,
        )[0, 1:].tolist()  # fmt: skip
        written = written[: written.index(STOP) + 1] if STOP in written else written
        beam, model = Beam(4, early_stopping=True), Translates(ours, source)
        assert generate(model, [0], LENGTH, beam, stop=STOP, rules=[NoRepeatNgram(2)]) == written
        changed += generate(model, [0], LENGTH, beam, stop=STOP) != written
    assert changed > 0


# --- what is drawn from


DRAWN = [
    ({"temperature": 0.6}, []),
    ({"top_k": 5}, []),
    ({"top_p": 0.8}, []),
    ({"min_p": 0.15}, []),
    ({"temperature": 1.4, "min_p": 0.5}, []),
    ({"temperature": 0.7, "top_k": 9, "top_p": 0.9, "min_p": 0.05}, []),
    ({"temperature": 0.7, "top_k": 9, "top_p": 0.9, "min_p": 0.05}, RULES["both"]),
    ({"temperature": 0.5, "top_p": 0.7}, RULES["penalty"]),
]


def drawn_from(theirs, strategy: dict, rules: dict) -> torch.Tensor:
    """(V,) the probabilities that transformers draws the first token from."""
    settings = {"top_k": 0} | strategy | rules
    found = theirs.generate(
        torch.tensor([PROMPT]), max_new_tokens=1, do_sample=True, pad_token_id=0, return_dict_in_generate=True,
        output_scores=True, **settings,
    )  # fmt: skip
    return found.scores[0][0].softmax(dim=-1)


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize(("strategy", "both"), DRAWN, ids=lambda value: "")
def test_the_same_tokens_are_kept_and_with_the_same_probabilities(make, strategy, both):
    rules, settings = both or ([], {})
    fewer = 0
    for seed in SEEDS:
        theirs, ours = make(seed)
        expected = drawn_from(theirs, strategy, settings)
        logits, _ = logits_after(ours, PROMPT)
        found = Sampling(**strategy).distribution(allowed(logits, PROMPT, rules))
        assert torch.equal(found > 0, expected > 0)
        torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)
        fewer += bool((found == 0).any())
    assert fewer > 0 or strategy == {"temperature": 0.6}


def after_the_rules(rules, strategy, logits):
    return Sampling(**strategy).distribution(ruled(logits, PROMPT, rules).softmax(dim=-1))


def before_the_rules(rules, strategy, logits):
    return ruled(Sampling(**strategy).distribution(logits.softmax(dim=-1)).log(), PROMPT, rules).softmax(dim=-1)


def cuts_backwards(rules, strategy, logits):
    probability = ruled(logits, PROMPT, rules).softmax(dim=-1)
    for name in ("min_p", "top_p", "top_k", "temperature"):
        probability = Sampling(**{name: strategy[name]}).distribution(probability)
    return probability


@pytest.mark.parametrize("order", [after_the_rules, before_the_rules, cuts_backwards])
def test_another_order_of_rules_temperature_and_cuts_would_be_noticed(order):
    strategy, (rules, settings) = {"temperature": 0.6, "top_k": 9, "top_p": 0.95, "min_p": 0.2}, RULES["both"]
    agreed = 0
    for theirs, ours in (make(seed, 0.3) for make in (llama, gpt2) for seed in SEEDS):
        found = order(rules, strategy, logits_after(ours, PROMPT)[0])
        agreed += torch.allclose(found, drawn_from(theirs, strategy, settings), rtol=0, atol=TOLERANCE)
    assert (agreed == 8) == (order is after_the_rules)


@pytest.mark.parametrize("make", [llama, gpt2])
def test_tokens_are_drawn_as_often_as_transformers_gives_them_probability(make):
    theirs, ours = make(1)
    (strategy, (rules, settings)), draws, random = DRAWN[-2], 2000, generator(7)
    expected = drawn_from(theirs, strategy, settings)
    probability = allowed(logits_after(ours, PROMPT)[0], PROMPT, rules)
    drawn = torch.tensor([Sampling(**strategy)(probability, random) for _ in range(draws)]).bincount(minlength=V)
    possible = expected > 0
    assert int(drawn[~possible].sum()) == 0 and int(possible.sum()) > 2
    wanted = expected[possible].double()
    assert chisquare(drawn[possible].numpy(), (draws * wanted / wanted.sum()).numpy()).pvalue > 0.01
    other = Sampling(**{**strategy, "temperature": 1.0}).distribution(probability)[possible].double()
    assert chisquare(drawn[possible].numpy(), (draws * other / other.sum()).numpy()).pvalue < 1e-3
