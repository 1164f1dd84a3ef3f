"""Canaries are planted and found; exposure is what ranks come to, by hand; extraction reads what a model writes."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.memorization import Canary, deduplicated, draw_canaries, exposure, extract, plant, text_nats
from course_utils.models.language_model import LanguageModel
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.text.bpe import BytePairVocabulary
from course_utils.text.vocabulary import ByteVocabulary

FRAME = "The red door opens at {}."
BYTES = ByteVocabulary()
PARAGRAPHS = [f"Paragraph {each * 3} tells of {each * 5} and then of {each * 7} at length." for each in "abcdefgh"]


class Knows(LanguageModel):
    """At position t it expects token t of one text, e^`sure` times as much as any other; `sure` 0 expects nothing."""

    def __init__(self, text: str, vocabulary=BYTES, sure: float = 5.0):
        super().__init__()
        self.ids, self.sure, self.vocabulary_size = vocabulary.encode(text).ids, sure, len(vocabulary)

    def forward(self, ids, targets=None):
        places = torch.arange(ids.shape[1]).clamp(max=len(self.ids) - 1)
        logits = self.sure * torch.nn.functional.one_hot(self.ids[places], self.vocabulary_size).float()
        return logits.expand(len(ids), -1, -1), None


def small_transformer(context: int = 64) -> Transformer:
    return Transformer(TransformerConfig(256, context, width=8, heads=2, layers=1), generator(1)).eval()


# --- canaries


def test_canaries_have_secrets_of_their_own_and_the_same_seed_draws_the_same():
    frames = [f"Door {letter} opens at {{}}." for letter in "abc"]
    canaries = draw_canaries(frames, 4, generator(1))
    assert canaries == draw_canaries(frames, 4, generator(1)) != draw_canaries(frames, 4, generator(2))
    assert [len(canary.secret) for canary in canaries] == [4, 4, 4] and canaries[0].candidates == 10_000
    assert canaries[1].text == f"Door b opens at {canaries[1].secret}."


def test_every_digit_is_drawn_about_as_often():
    drawn = "".join(canary.secret for canary in draw_canaries(["{}"] * 1000, 4, generator(1)))
    assert all(drawn.count(digit) / 4000 == pytest.approx(0.1, abs=0.02) for digit in "0123456789")


@pytest.mark.parametrize(
    ("frame", "secret", "says"),
    [("no place", "12", "0 times"), ("{} and {}", "12", "2 times"), (FRAME, "", "digits"), (FRAME, "1a", "1a")],
)
def test_a_canary_without_a_place_or_digits_is_refused(frame, secret, says):
    with pytest.raises(CourseError, match=says):
        Canary(frame, secret)
    with pytest.raises(CourseError, match="digits is 0"):
        draw_canaries([FRAME], 0, generator(1))


# --- planting


def test_planting_adds_the_copies_and_leaves_the_rest_as_it_was():
    once, often, never = Canary("Door a: {}.", "11"), Canary("Door b: {}.", "22"), Canary("Door c: {}.", "33")
    planted = plant(PARAGRAPHS, {once: 1, often: 3, never: 0}, generator(1))
    assert [planted.count(canary.text) for canary in (once, often, never)] == [1, 3, 0]
    assert [paragraph for paragraph in planted if paragraph in PARAGRAPHS] == PARAGRAPHS
    assert len(planted) == 12 and planted != plant(PARAGRAPHS, {once: 1, often: 3, never: 0}, generator(2))


def test_hidden_copies_are_last_sentences_of_different_paragraphs():
    canary = Canary(FRAME, "42")
    planted = plant(PARAGRAPHS, {canary: 5}, generator(1), hidden=True)
    assert [paragraph.removesuffix(f" {canary.text}") for paragraph in planted] == PARAGRAPHS
    assert [paragraph.count(canary.text) for paragraph in planted].count(1) == 5


def test_what_would_spoil_the_measure_is_not_planted():
    canary = Canary(FRAME, "42")
    with pytest.raises(CourseError, match="in the text already"):
        plant([*PARAGRAPHS, f"Note: {canary.text}"], {canary: 1}, generator(1))
    with pytest.raises(CourseError, match="-1 times"):
        plant(PARAGRAPHS, {canary: -1}, generator(1))
    with pytest.raises(CourseError, match="9 copies to hide and 8 paragraphs"):
        plant(PARAGRAPHS, {canary: 9}, generator(1), hidden=True)


def test_deduplication_leaves_one_copy_but_does_not_see_hidden_ones():
    canary = Canary(FRAME, "42")
    assert deduplicated(plant(PARAGRAPHS, {canary: 4}, generator(1))).count(canary.text) == 1
    hidden = plant(PARAGRAPHS, {canary: 4}, generator(1), hidden=True)
    assert deduplicated(hidden) == hidden


# --- exposure


def test_nats_of_texts_of_different_lengths_are_those_of_each_alone():
    model, texts = small_transformer(), ["The red door", "no", "Nothing is behind it, é."]
    alone = []
    for text in texts:
        encoding = BYTES.encode(text)
        alone.append(model.token_nats(encoding.inputs[None], encoding.ids[None]).sum().item())
    assert text_nats(model, BYTES, texts).tolist() == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(
    ("secret", "rank"),
    [("42", 1), ("43", 19), ("77", 100)],                          # 43: after 42, and 17 others have one digit right
)
def test_exposure_by_hand(secret, rank):
    found = exposure(Knows(Canary(FRAME, "42").text), BYTES, Canary(FRAME, secret))
    assert (found.rank, found.compared, found.candidates, found.exact) == (rank, 100, 100, True)
    assert found.bits == found.low == found.high == pytest.approx(math.log2(100 / rank))


def test_a_model_that_tells_no_secret_from_another_exposes_none():
    assert exposure(Knows("x", sure=0.0), BYTES, Canary(FRAME, "42")).bits == 0


def test_over_all_secrets_each_rank_comes_once_so_chance_exposes_little():
    found = [exposure(small_transformer(), BYTES, Canary(FRAME, digit)) for digit in "0123456789"]
    assert sorted(each.rank for each in found) == list(range(1, 11))


def test_a_sample_holds_the_exact_exposure_in_its_interval():
    model, canary = Knows(Canary(FRAME, "42").text), Canary(FRAME, "43")
    found = exposure(model, BYTES, canary, sample=400, generator=generator(1))
    assert found.low < math.log2(100 / 19) < found.high and found.low < found.bits < found.high
    assert found.compared == 401 and not found.exact


def test_a_sample_in_which_nothing_is_likelier_says_only_at_least():
    canary = Canary(FRAME, "1234567890")
    found = exposure(Knows(canary.text), BYTES, canary, sample=99, generator=generator(1))
    assert found.rank == 1 and found.bits == pytest.approx(math.log2(100))
    assert found.low < found.bits and found.high == pytest.approx(math.log2(10**10))


def test_a_sample_as_large_as_all_candidates_is_a_sample():
    canary = Canary(FRAME, "7")
    assert not exposure(Knows(canary.text), BYTES, canary, sample=9, generator=generator(1)).exact


def test_what_cannot_be_compared_is_refused_with_what_to_do():
    canary = Canary(FRAME, "1234567890")
    with pytest.raises(CourseError, match="10,000,000,000 secrets of 10 digits; compare with a sample"):
        exposure(Knows(canary.text), BYTES, canary)
    with pytest.raises(CourseError, match="sample is 0"):
        exposure(Knows(canary.text), BYTES, canary, sample=0, generator=generator(1))
    with pytest.raises(CourseError, match="generator is None"):
        exposure(Knows(canary.text), BYTES, canary, sample=10)


# --- extraction


def test_extraction_reads_the_secret_off_the_model():
    known = Canary(FRAME, "42")
    assert extract(Knows(known.text), BYTES, known) == "42"
    assert extract(Knows(known.text), BYTES, Canary(FRAME, "77")) == "42"          # not the secret: it was never read


def test_extraction_works_where_a_token_holds_the_space_and_the_digits():
    vocabulary = BytePairVocabulary([(b" ", b"4"), (b" 4", b"2"), (b"a", b"t")])
    known = Canary(FRAME, "42")
    assert extract(Knows(known.text, vocabulary), vocabulary, known) == "42"


def test_a_secret_at_the_very_beginning_is_asked_for_after_the_start():
    known = Canary("{} is the number.", "4096")
    assert extract(Knows(known.text), BYTES, known) == "4096"
