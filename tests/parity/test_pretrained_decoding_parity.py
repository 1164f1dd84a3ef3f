"""Strategies of a real pretrained model, in our decoder and in transformers: the same tokens."""

import pytest
import torch

from course_utils.contrastive import Contrastive
from course_utils.generation import Beam, generate, greedy
from course_utils.logit_rules import NoRepeatNgram, RepetitionPenalty
from course_utils.models.fast import FastDecoder
from course_utils.models.fast_reading import FastReader
from course_utils.pretrained import load_chat_model, load_decoder
from course_utils.speculative import speculate
from tests.parity.test_contrastive_search_parity import by_the_formula
from tools.verified import Verified

LENGTH = 12
VERIFIES = [
    Verified(
        "08",
        "rules, beams and speculation on SmolLM2",
        "`transformers`' `generate`, on the same weights",
        "equal tokens",
    ),
]


@pytest.fixture(scope="module")
def smollm2():
    """Theirs, ours, and the ids of a prompt after which the model likes to repeat itself."""
    chat, (ours, tokenizer) = load_chat_model(), load_decoder("smollm2", context=64)
    return chat.model, ours, tokenizer("The ship sailed out of the harbour and").input_ids


def written(theirs, prompt: list[int], **settings) -> list[int]:
    ids = torch.tensor([prompt])
    settings = {"max_new_tokens": LENGTH, "do_sample": False, "eos_token_id": None, "pad_token_id": 0} | settings
    return theirs.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, len(prompt) :].tolist()


def test_greedy_with_both_rules(smollm2):
    theirs, ours, prompt = smollm2
    expected = written(theirs, prompt, repetition_penalty=1.2, no_repeat_ngram_size=2)
    rules = [RepetitionPenalty(1.2), NoRepeatNgram(2)]
    assert generate(ours, prompt, LENGTH, greedy, rules=rules) == expected != written(theirs, prompt)


def test_beams_without_repeated_bigrams(smollm2):
    theirs, ours, prompt = smollm2
    expected = written(theirs, prompt, num_beams=3, no_repeat_ngram_size=2, early_stopping=True)
    assert generate(ours, prompt, LENGTH, Beam(3, early_stopping=True), rules=[NoRepeatNgram(2)]) == expected


def test_contrastive_search(smollm2):
    theirs, ours, prompt = smollm2
    assert generate(ours, prompt, 5, Contrastive(4, 0.6)) == by_the_formula(theirs, prompt, 5, 4, 0.6)


def test_speculation_with_its_own_weights_in_int8_as_the_draft(smollm2):
    theirs, ours, prompt = smollm2
    model, draft = FastReader(FastDecoder(ours)), FastReader(FastDecoder(ours, "int8"))
    found = speculate(model, draft, prompt, LENGTH)
    assert found.ids == written(theirs, prompt)
    assert found.acceptance_rate > 0.7 and found.passes <= LENGTH // 2
