"""The real chat model: what it expects, writes, answers and looks at."""

import math

import pytest
import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.pretrained import ChatModel, load_chat_model
from course_utils.seeding import generator

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]  # half a gigabyte is read
SKY = "The sky is blue."


@pytest.fixture(scope="module")
def chat() -> ChatModel:
    return load_chat_model()


@pytest.fixture(scope="module")
def untrained(chat) -> ChatModel:
    return chat.untrained(seed=0)


def test_the_model_has_134_million_parameters_and_is_ready_to_answer(chat):
    # 49152·576 embeddings, shared with the output; 30 layers of 4 attention matrices (9 heads, 3 for keys and values),
    # 3 of the MLP and 2 norms; 1 norm at the end.
    layer = 576 * 576 * 2 + 576 * 192 * 2 + 3 * 576 * 1536 + 2 * 576
    assert chat.parameter_count == 49152 * 576 + 30 * layer + 576 == 134_515_008
    assert not chat.model.training
    assert chat.model.dtype == torch.float32


def test_the_likeliest_next_tokens_come_first_and_are_probabilities(chat):
    expected = chat.next_token("The capital of France is", top=10)
    values = list(expected.values())
    assert next(iter(expected)) == " Paris"
    assert len(expected) == 10
    assert values == sorted(values, reverse=True)
    assert 0.5 < sum(values) < 1


def test_next_tokens_that_read_alike_are_added_up(chat):
    text = "I love you 😀"
    ids = chat.tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        highest = chat.model(ids).logits[0, -1].softmax(dim=-1).topk(50).values
    expected = chat.next_token(text, top=50)
    values = list(expected.values())
    assert len(expected) < 50  # several are parts of emojis
    assert sum(values) == pytest.approx(highest.sum().item(), abs=1e-6)
    assert values == sorted(values, reverse=True)


def test_the_bits_of_a_text_are_torchs_cross_entropy_over_ln_2(chat):
    ids = chat.tokenizer(SKY, return_tensors="pt").input_ids
    with torch.no_grad():
        nats = functional.cross_entropy(chat.model(ids).logits[0, :-1], ids[0, 1:], reduction="sum").item()
    assert chat.bits(SKY) == pytest.approx(nats / math.log(2), rel=1e-5)


def test_the_chain_of_next_tokens_is_the_bits_of_the_text(chat):
    expected = chat.next_token("The", top=49152)[" sky"]
    assert chat.bits("The sky") == pytest.approx(-math.log2(expected), abs=1e-4)


def test_a_sentence_surprises_less_than_its_words_in_disorder(chat):
    assert chat.bits(SKY) + 5 < chat.bits("The blue is sky.")


def test_each_head_looks_only_back_and_with_weights_that_sum_to_one(chat):
    tokens, weights = chat.attention(SKY)
    assert tokens == ["The", " sky", " is", " blue", "."]
    assert weights.shape == (30, 9, 5, 5)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(30, 9, 5))
    assert weights.triu(diagonal=1).abs().max() == 0


def test_writing_goes_on_from_the_text_and_the_same_seed_writes_the_same(chat):
    texts = [chat.write(SKY, 6, generator(seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert all(text.startswith(SKY) and len(text) > len(SKY) for text in texts)


def test_writing_with_the_cache_draws_what_a_full_reading_would(chat):
    random, ids = generator(5), chat.tokenizer(SKY, return_tensors="pt").input_ids
    with torch.no_grad():
        for _ in range(4):
            probability = chat.model(ids).logits[0, -1].softmax(dim=-1)
            ids = torch.cat([ids, torch.multinomial(probability, 1, generator=random)[None]], dim=1)
    assert chat.write(SKY, 4, generator(5)) == chat.tokenizer.decode(ids[0])


def test_an_answer_is_handed_over_piece_by_piece_and_returned_whole(chat):
    pieces = []
    answer = chat.answer("What is the capital of France?", longest=12, on_text=pieces.append)
    assert "Paris" in answer
    assert "".join(pieces).strip() == answer
    assert len(pieces) > 3


def test_an_answer_can_be_begun_for_the_model_and_is_no_longer_than_asked(chat):
    assert chat.answer("What is the capital of France?", longest=1, begin="The capital of Spain is") == "Madrid"
    assert chat.answer("What is the capital of France?", longest=1) == "The"


def test_the_prompt_is_the_models_own_chat_template(chat):
    prompt = chat.prompt("Hi")
    assert "<|im_start|>user\nHi<|im_end|>\n" in prompt
    assert prompt.index("Hi<|im_end|>") < prompt.rindex("<|im_start|>")  # the answer is begun


def test_before_training_every_token_is_about_equally_unlikely(chat, untrained):
    bits, tokens = untrained.bits(SKY), 4
    assert untrained.parameter_count == chat.parameter_count
    assert bits / tokens == pytest.approx(math.log2(49152), abs=1)
    assert chat.bits(SKY) < bits / 2


def test_the_untrained_model_depends_on_its_seed_alone(chat, untrained):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    again, other = chat.untrained(seed=0).model, chat.untrained(seed=1).model
    assert torch.equal(torch.get_rng_state(), before)  # the global state is put back
    for (name, weight), same, different in zip(
        untrained.model.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(weight, same), name
        assert "norm" in name or not torch.equal(weight, different), name


@pytest.mark.parametrize("call", ["next_token", "bits", "attention", "write"])
def test_an_empty_text_is_refused(chat, call):
    arguments = ("", 3, generator(0)) if call == "write" else ("",)
    with pytest.raises(CourseError, match="The text is empty"):
        getattr(chat, call)(*arguments)


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(chat, question):
    with pytest.raises(CourseError, match="The question is empty"):
        chat.answer(question)
