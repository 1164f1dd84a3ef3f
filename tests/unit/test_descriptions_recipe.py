"""The recipe of the short descriptions: what is learned, what is read, and that the shipped weights beat ten words."""

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.intervals import bootstrap_interval, mean
from course_utils.models.lora import lora_weights
from course_utils.recipes import descriptions, load
from course_utils.recipes.descriptions import (
    DESCRIPTIONS,
    describe,
    description_batches,
    first_sentence,
    lead,
    rouge_each,
    source_ids,
    tokenizer,
    with_lora,
)
from course_utils.seeding import generator
from course_utils.text.topics import part
from course_utils.text_to_text import SUMMARIZE, load_flan_t5

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = 24


@pytest.fixture(scope="module")
def untuned():
    return with_lora()


def test_lora_alone_learns_and_only_in_the_decoder(untuned):
    learned = {name for name, parameter in untuned.named_parameters() if parameter.requires_grad}
    assert learned == lora_weights(untuned).keys()
    assert all(name.startswith("decoder.") for name in learned)
    # 8 layers of self- and cross-attention, query and value each: from 512 to 8 numbers and on to 6 heads of 64.
    assert sum(tensor.numel() for tensor in lora_weights(untuned).values()) == 8 * 2 * 2 * 8 * (512 + 6 * 64)


def test_a_batch_is_the_first_sentences_and_the_descriptions_shifted_by_one():
    data = part("validation")
    source, inputs, targets = description_batches(data, 20)(1)       # 4 are left over
    assert len(source) == len(inputs) == len(targets) == 4
    for row, (text, wanted) in enumerate(zip(data.texts[16:20], data.descriptions[16:20], strict=True)):
        ids = [int(i) for i in targets[row] if i != -100]
        assert tokenizer().decode(ids[:-1]) == wanted and ids[-1] == descriptions.END
        assert inputs[row, : len(ids)].tolist() == [0, *ids[:-1]]
        read = tokenizer().decode(source[row][source[row] != 0], skip_special_tokens=True)
        assert read.split() == tokenizer().decode(
            tokenizer()(SUMMARIZE.format(text=first_sentence(text))).input_ids, skip_special_tokens=True
        ).split()
    again = description_batches(data, 20)(3)
    assert all(torch.equal(one, other) for one, other in zip(again, (source, inputs, targets), strict=True))


@pytest.mark.parametrize("count", [0, 10_000])
def test_more_introductions_than_there_are_or_none_are_refused(count):
    with pytest.raises(CourseError, match="expected 1 to"):
        description_batches(part("validation"), count)


def test_before_it_has_learned_it_writes_what_flan_t5_writes(untuned):
    texts, flan = part("validation").texts[:3], load_flan_t5()
    expected = [flan.write(SUMMARIZE.format(text=first_sentence(text)), descriptions.LONGEST) for text in texts]
    assert describe(untuned, texts) == expected


def test_the_first_sentence_and_the_first_ten_words_by_hand():
    text = "A cat is an animal. It purrs and sleeps all day, and hunts at night."
    assert first_sentence(text) == "A cat is an animal"
    assert lead([text]) == ["A cat is an animal. It purrs and sleeps all"]


def test_rouge_of_each_text_by_hand():
    found = rouge_each(["a red car", "sea"], ["red car", "sky"])
    assert found["rouge1"] == pytest.approx([2 * 2 / (3 + 2), 0])
    assert found["rouge2"] == pytest.approx([2 * 1 / (2 + 1), 0])


@pytest.mark.slow
def test_the_shipped_weights_beat_ten_words_beyond_chance_on_a_few_test_texts():
    test = part("test")
    written, wanted = describe(load("descriptions"), test.texts[:FEW]), test.descriptions[:FEW]
    gain = rouge_each(written, wanted)["rougeL"] - rouge_each(lead(test.texts[:FEW]), wanted)["rougeL"]
    print(f"ROUGE-L above ten words, {FEW} texts: {np.mean(gain):.3f}")
    assert bootstrap_interval(gain, mean, generator(1))[0] > 0


def test_no_test_introduction_is_trained_on():
    assert not set(part("train").texts[: descriptions.TRAINING]) & set(part("test").texts[: descriptions.TESTED])
    assert DESCRIPTIONS.fit.steps * descriptions.BATCH == descriptions.TRAINING


def test_padding_is_not_read(untuned):
    texts = sorted(part("validation").texts[:40], key=lambda text: len(first_sentence(text)))[:: 39]
    assert (source_ids(texts)[0] == 0).any()
    assert describe(untuned, texts)[0] == describe(untuned, texts[:1])[0]
