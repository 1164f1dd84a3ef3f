"""Batches of prompts and answers: what is read, what counts, and that nothing is lost or cut."""

import pytest
import torch
from transformers import AutoTokenizer

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.text.batches import NO_TARGET
from course_utils.text.exchanges import Exchange, ExchangeBatches, chat_exchange


def test_the_answer_alone_counts_and_each_target_follows_its_input():
    batches = ExchangeBatches([Exchange((5, 6, 7), (8, 9)), Exchange((1,), (2,))], batch=2, seed=1)
    inputs, targets = batches(0)
    rows = {tuple(row): tuple(wanted) for row, wanted in zip(inputs.tolist(), targets.tolist(), strict=True)}
    assert rows == {
        (5, 6, 7, 8): (NO_TARGET, NO_TARGET, 8, 9),
        (1, 0, 0, 0): (2, NO_TARGET, NO_TARGET, NO_TARGET),
    }
    assert inputs.dtype == targets.dtype == torch.int64


def test_every_exchange_comes_once_an_epoch_in_another_order_and_a_step_is_always_the_same():
    exchanges = [Exchange((1,) * (1 + number % 7), (number + 10, 3)) for number in range(23)]
    batches = ExchangeBatches(exchanges, batch=4, seed=1)
    assert batches.steps_per_epoch == 6

    def epoch(number: int) -> list[int]:
        steps = [batches(number * 6 + step)[1] for step in range(6)]
        return [int(row[row >= 10][0]) for targets in steps for row in targets]

    assert sorted(epoch(0)) == sorted(epoch(1)) == list(range(10, 33)) and epoch(0) != epoch(1)
    assert all(torch.equal(*pair) for pair in zip(batches(3), batches(3), strict=True))


def test_exchanges_of_like_length_stand_together():
    exchanges = [Exchange((1,) * length, (2,)) for length in range(1, 65)]
    batches = ExchangeBatches(exchanges, batch=8, seed=1)
    widths = [batches(step)[0].shape[1] for step in range(8)]
    assert sorted(widths) == [8, 16, 24, 32, 40, 48, 56, 64]


@pytest.mark.parametrize("prompt, answer", [((), (1,)), ((1,), ())])
def test_an_empty_prompt_or_answer_is_refused(prompt, answer):
    with pytest.raises(CourseError, match="one or more of each"):
        Exchange(prompt, answer)


def test_one_that_is_too_long_is_named_and_not_cut():
    with pytest.raises(CourseError, match="Exchange 1 has 11 tokens and the model reads 10"):
        ExchangeBatches([Exchange((1,), (2,)), Exchange((1,) * 10, (2, 3))], batch=1, seed=1, context=10)
    with pytest.raises(CourseError, match="1 or more"):
        ExchangeBatches([], batch=1, seed=1)


def test_a_chat_model_sees_its_own_template_and_ends_with_its_own_end():
    tokenizer = AutoTokenizer.from_pretrained(assets.path("smollm2"))
    made = chat_exchange(tokenizer, "turn on the lights", '{"intent": "TurnOn"}', system="Answer with JSON.")
    text = tokenizer.decode(made.prompt)
    assert text == (
        "<|im_start|>system\nAnswer with JSON.<|im_end|>\n<|im_start|>user\nturn on the lights<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert tokenizer.decode(made.answer) == '{"intent": "TurnOn"}<|im_end|>'


def test_examples_stand_before_the_instruction_as_turns_of_the_same_talk():
    tokenizer = AutoTokenizer.from_pretrained(assets.path("smollm2"))
    made = chat_exchange(tokenizer, "stop", "{}", "JSON.", [("go", "[]")])
    read = tokenizer.decode(made.prompt)
    turns = ["system\nJSON.", "user\ngo", "assistant\n[]", "user\nstop"]
    assert read == "".join(f"<|im_start|>{turn}<|im_end|>\n" for turn in turns) + "<|im_start|>assistant\n"
    assert made.answer == chat_exchange(tokenizer, "stop", "{}").answer
