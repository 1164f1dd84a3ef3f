"""Strategies against transformers: the same distributions to draw from, and the same texts from beam search."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from course_utils.generation import Beam, Sampling, beam_search, generate, greedy
from course_utils.models.language_model import LanguageModel
from course_utils.seeding import generator
from tools.verified import Verified

V, STOP, LENGTH = 8, 3, 9
PROMPT = [5, 2, 7]
TOLERANCE, SCORE = 1e-6, 1e-4
VERIFIES = [
    Verified("08", "temperature, top-k and top-p", "`transformers`' logits warpers", TOLERANCE),
    Verified(
        "08",
        "beam search: all texts, in their order",
        "`transformers`' `generate`, on small random networks",
        "equal tokens",
    ),
    Verified(
        "08", "beam search: the scores of the texts", "`transformers`' `generate`, on small random networks", SCORE
    ),
]


class Wrapped(LanguageModel):
    """A model of transformers behind the contract."""

    vocabulary_size = V

    def __init__(self, theirs):
        super().__init__()
        self.theirs = theirs

    def forward(self, ids, targets=None):
        return self.theirs(ids).logits, None


def llama(seed: int, spread: float = 0.4):
    """A tiny Llama with random weights, far enough apart that it has opinions, and that `STOP` comes up."""
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return with_random_weights(LlamaForCausalLM(LlamaConfig(vocab_size=V, **sizes)), seed, spread)


def gpt2(seed: int, spread: float = 0.4):
    return with_random_weights(
        GPT2LMHeadModel(GPT2Config(vocab_size=V, n_positions=32, n_embd=16, n_layer=2, n_head=2)), seed, spread
    )


def with_random_weights(model, seed: int, spread: float):
    random = generator(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=random))
    return model.eval()


def searched_by_transformers(model, width: int, penalty: float, stop: int | None):
    """Their `width` best texts, cut after the stop token, and their scores."""
    prompt = torch.tensor([PROMPT])
    found = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=LENGTH, num_beams=width, do_sample=False,
        num_return_sequences=width, length_penalty=penalty, early_stopping=False, eos_token_id=stop, pad_token_id=0,
        return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    texts = [row[len(PROMPT) :] for row in found.sequences.tolist()]
    return [text[: text.index(stop) + 1] if stop in text else text for text in texts], found.sequences_scores.tolist()


# --- what is drawn from


def warped(logits: torch.Tensor, *warpers) -> torch.Tensor:
    """(V,) probabilities after transformers' processors, in their order."""
    scores = logits[None]
    for warper in warpers:
        scores = warper(None, scores)
    return scores[0].softmax(dim=-1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Sampling(temperature=0.3), [TemperatureLogitsWarper(0.3)]),
        (Sampling(temperature=1.7), [TemperatureLogitsWarper(1.7)]),
        (Sampling(top_k=1), [TopKLogitsWarper(1)]),
        (Sampling(top_k=20), [TopKLogitsWarper(20)]),
        (Sampling(top_k=5000), [TopKLogitsWarper(5000)]),
        (Sampling(top_p=0.001), [TopPLogitsWarper(0.001)]),
        (Sampling(top_p=0.6), [TopPLogitsWarper(0.6)]),
        (Sampling(top_p=0.95), [TopPLogitsWarper(0.95)]),
        (
            Sampling(temperature=0.8, top_k=30, top_p=0.7),
            [TemperatureLogitsWarper(0.8), TopKLogitsWarper(30), TopPLogitsWarper(0.7)],
        ),
    ],
    ids=lambda value: repr(value) if isinstance(value, Sampling) else "",
)
def test_the_distribution_to_draw_from_is_that_of_the_logit_warpers(ours, theirs, seed):
    logits = 2 * torch.randn(1000, generator=generator(seed), dtype=torch.float64)
    expected = warped(logits, *theirs)
    torch.testing.assert_close(ours.distribution(logits.softmax(dim=-1)), expected, rtol=0, atol=TOLERANCE)
    assert torch.equal(ours.distribution(logits.softmax(dim=-1)) > 0, expected > 0)


@pytest.mark.parametrize("seed", range(3))
def test_temperature_then_top_k_then_top_p_is_the_order_in_which_generate_applies_them(seed):
    found = llama(seed, spread=0.3).generate(
        torch.tensor([PROMPT]), max_new_tokens=1, do_sample=True, temperature=0.7, top_k=8, top_p=0.8, pad_token_id=0,
        return_dict_in_generate=True, output_scores=True, output_logits=True,
    )  # fmt: skip
    ours = Sampling(temperature=0.7, top_k=8, top_p=0.8).distribution(found.logits[0][0].softmax(dim=-1))
    torch.testing.assert_close(ours, found.scores[0][0].softmax(dim=-1), rtol=0, atol=TOLERANCE)
    assert 1 < (ours > 0).sum() < 8                                # both cuts were made


# --- beam search


@pytest.mark.parametrize(("make", "penalty"), [(llama, 1.0), (gpt2, 1.0), (llama, 0.0), (gpt2, 2.0), (llama, -1.0)])
@pytest.mark.parametrize("width", [2, 5])
def test_beam_search_finds_the_texts_of_transformers_in_their_order_with_their_scores(make, width, penalty):
    ended = 0
    for seed in range(6):
        theirs = make(seed)
        texts, scores = searched_by_transformers(theirs, width, penalty, STOP)
        found = beam_search(Wrapped(theirs), PROMPT, LENGTH, Beam(width, penalty), STOP)
        assert [list(hypothesis.ids) for hypothesis in found] == texts
        assert [hypothesis.score for hypothesis in found] == pytest.approx(scores, abs=SCORE)
        assert generate(Wrapped(theirs), PROMPT, LENGTH, Beam(width, penalty), stop=STOP) == texts[0]
        ended += sum(len(text) < LENGTH for text in texts)
    assert 0 < ended < 6 * width                                   # some end with the stop token, some at the length


@pytest.mark.parametrize("seed", range(4))
def test_without_a_stop_token_all_texts_are_of_full_length_as_theirs(seed):
    theirs = llama(seed)
    theirs.generation_config.eos_token_id = None
    texts, scores = searched_by_transformers(theirs, 4, 1.0, None)
    found = beam_search(Wrapped(theirs), PROMPT, LENGTH, Beam(4))
    assert [list(hypothesis.ids) for hypothesis in found] == texts
    assert [hypothesis.score for hypothesis in found] == pytest.approx(scores, abs=SCORE)
    assert {len(text) for text in texts} == {LENGTH}


@pytest.mark.parametrize("seed", range(4))
def test_greedy_writes_what_transformers_writes(seed):
    theirs, prompt = llama(seed), torch.tensor([PROMPT])
    written = theirs.generate(prompt, max_new_tokens=LENGTH, do_sample=False, eos_token_id=STOP, pad_token_id=0)
    assert generate(Wrapped(theirs), PROMPT, LENGTH, greedy, stop=STOP) == written[0, len(PROMPT) :].tolist()
