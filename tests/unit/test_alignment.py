"""A rater who likes plain words: its choices, answers drawn in batches, pairs, what is learned from them, best-of-n."""

import copy
import math

import pytest
import torch

from course_utils.alignment import (
    Pairs,
    Rater,
    best_of,
    letters_per_word,
    paragraph_prompts,
    picked,
    preference_pairs,
    qualities,
    sample_answers,
)
from course_utils.errors import CourseError
from course_utils.models.preferences import RewardModel
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.preference_tuning import (
    DPO,
    MeanOfTokens,
    answer_targets,
    dpo_batches,
    log_probabilities,
    reward_batches,
    reward_loss,
    rewards,
    shuffled,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.text import ByteVocabulary
from course_utils.training import FitConfig, fit

PROMPT, ANSWER, LETTERS = 3, 5, 6


@pytest.fixture
def model() -> Transformer:
    return Transformer(TransformerConfig(LETTERS, PROMPT + ANSWER, 16, 2, 1, **LLAMA), generator(0)).eval()


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """64 pairs of random answers; the chosen one is that with more of the token 1."""
    prompts = torch.randint(LETTERS, (64, PROMPT), generator=generator(1))
    answers = torch.randint(LETTERS, (64, 2, ANSWER), generator=generator(2))
    ones = (answers == 1).sum(dim=2).float()
    return preference_pairs(prompts, answers, ones, Rater(strength=1000.0), generator(3))


# --- the rater


def test_letters_per_word_by_hand():
    assert letters_per_word("It's 1776: all men, été") == pytest.approx((2 + 1 + 3 + 3 + 3) / 5)


@pytest.mark.parametrize("text", ["", "1776 -- 12,5 _", pytest.param("a" * 500, id="500 letters")])
def test_nothing_is_worse_than_no_word_at_all(text):
    assert letters_per_word(text) == 20.0
    assert Rater().quality(text) == -20.0 < Rater().quality("internationalisations ox")


def test_the_better_text_wins_as_often_as_bradley_and_terry_say():
    better, worse = torch.full((20_000,), -4.0), torch.full((20_000,), -4.5)
    expected = 1 / (1 + math.exp(-2.0 * 0.5))
    rater = Rater(strength=2.0)
    assert rater.first_wins(better, worse)[0].item() == pytest.approx(expected, abs=1e-6)
    share = rater.choose(better, worse, generator(1)).float().mean().item()
    assert share == pytest.approx(expected, abs=0.015)             # 4.8 standard errors of 20,000 draws
    assert (rater.first_wins(better, worse) + rater.first_wins(worse, better)).tolist() == pytest.approx([1.0] * 20_000)


@pytest.mark.parametrize("strength", [0, -1.0, math.inf, math.nan])
def test_a_rater_without_an_opinion_is_refused(strength):
    with pytest.raises(CourseError, match="strength is"):
        Rater(strength)


# --- prompts and answers

TEXT = "A heading\n\nThe first long paragraph.\n\nThe second long paragraph.\n\nThe third, long as well.\n\n"


def test_prompts_are_the_beginnings_of_different_paragraphs_and_no_heading():
    vocabulary = ByteVocabulary()
    prompts = paragraph_prompts(TEXT, vocabulary, 3, 9, generator(1))
    assert {vocabulary.decode(prompt) for prompt in prompts} == {"\nThe firs", "\nThe seco", "\nThe thir"}
    assert torch.equal(prompts, paragraph_prompts(TEXT, vocabulary, 3, 9, generator(1)))


def test_too_few_paragraphs_are_an_error_that_counts_them():
    with pytest.raises(CourseError, match="has 3 paragraphs of 18 tokens or more; expected 4"):
        paragraph_prompts(TEXT, ByteVocabulary(), 4, 9, generator(1))


@pytest.mark.parametrize(("count", "tokens"), [(0, 9), (1, 1)])
def test_no_prompts_and_prompts_of_the_start_alone_are_refused(count, tokens):
    with pytest.raises(CourseError, match="prompts of 2 tokens or more"):
        paragraph_prompts(TEXT, ByteVocabulary(), count, tokens, generator(1))


class Successor:
    """Writes after each token the next number, with certainty; its cache is how many tokens it has read."""

    def __init__(self):
        self.read = []

    def modules(self):
        return []

    def eval(self):
        return self

    def run(self, ids, cache):
        self.read.append(ids.shape[1])
        return torch.nn.functional.one_hot((ids + 1) % LETTERS, LETTERS).float() * 1000, None


def test_each_answer_goes_on_from_its_own_prompt_and_a_token_is_read_once():
    successor = Successor()
    answers = sample_answers(successor, torch.tensor([[5, 0], [1, 3]]), 2, 3, generator(1))
    assert answers.tolist() == [[[1, 2, 3]] * 2, [[4, 5, 0]] * 2]
    assert successor.read == [2, 1, 1]


def test_answers_are_drawn_with_the_models_own_probabilities(model):
    prompt = torch.tensor([[1, 2, 3]])
    answers = sample_answers(model, prompt, 4000, 2, generator(1))[0]                   # (4000, 2)
    first = torch.bincount(answers[:, 0], minlength=LETTERS) / 4000
    assert torch.allclose(first, model.next_probabilities([1, 2, 3]), atol=0.035)        # 4.5 standard errors
    after = answers[answers[:, 0] == 4, 1]
    share = torch.bincount(after, minlength=LETTERS) / len(after)
    assert torch.allclose(share, model.next_probabilities([1, 2, 3, 4]), atol=0.09)


def test_a_seed_gives_the_same_answers_and_the_model_keeps_its_mode(model):
    prompts = torch.zeros(3, PROMPT, dtype=torch.int64)
    model.train()
    one, same, other = (sample_answers(model, prompts, 2, ANSWER, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert model.training


def test_answers_that_do_not_fit_are_refused(model):
    with pytest.raises(CourseError, match="reads at most 8"):
        sample_answers(model, torch.zeros(1, PROMPT, dtype=torch.int64), 1, ANSWER + 2, generator(1))
    with pytest.raises(CourseError, match="0 answers of 4 tokens"):
        sample_answers(model, torch.zeros(1, PROMPT, dtype=torch.int64), 0, 4, generator(1))


def test_quality_is_that_of_each_answers_text():
    answers = torch.tensor([[list(b"an ox"), list(b"to be")], [list(b"sheep"), list(b"1 2 3")]])
    assert qualities(Rater(), ByteVocabulary(), answers).tolist() == [[-2.0, -2.0], [-5.0, -20.0]]


# --- pairs


def test_a_sure_rater_chooses_the_better_answer_of_each_prompt():
    prompts, answers = torch.tensor([[1], [2]]), torch.tensor([[[3, 3], [4, 4]], [[5, 5], [0, 0]]])
    made = preference_pairs(prompts, answers, torch.tensor([[-4.0, -9.0], [-9.0, -4.0]]), Rater(100.0), generator(1))
    assert made.chosen.tolist() == [[3, 3], [0, 0]]
    assert made.rejected.tolist() == [[4, 4], [5, 5]]
    assert made.texts.tolist() == [[1, 3, 3], [2, 0, 0], [1, 4, 4], [2, 5, 5]]
    assert made[1:].chosen.tolist() == [[0, 0]]


def test_pairs_that_do_not_fit_are_refused():
    two, three = torch.zeros(2, 4), torch.zeros(3, 4)
    with pytest.raises(ShapeError, match="rejected"):
        Pairs(two, two, three)
    with pytest.raises(ShapeError, match="answers"):
        preference_pairs(two, torch.zeros(2, 3, 4), torch.zeros(2, 2), Rater(), generator(1))


def test_an_epoch_holds_each_pair_once_and_the_next_has_another_order(pairs):
    rows = shuffled(pairs, 16, seed=1)
    first, second = (torch.cat([rows(step) for step in range(begin, begin + 4)]) for begin in (0, 4))
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(64))
    assert not torch.equal(first, second)
    with pytest.raises(CourseError, match="batches of 1 to 64"):
        shuffled(pairs, 65, seed=1)


# --- learning from them


def test_a_reward_model_learns_what_was_preferred(model, pairs):
    rater = RewardModel(model)
    train, held_out = pairs[:48], pairs[48:]
    assert reward_loss(rater, reward_batches(train, 8, 1)(0)).item() == pytest.approx(math.log(2), abs=1e-6)
    fit(rater, reward_batches(train, 16, 1), FitConfig(steps=100, learning_rate=1e-2), loss=reward_loss)
    both = torch.stack([held_out.chosen, held_out.rejected], dim=1)
    given = rewards(rater, held_out.prompts, both)                                      # (16, 2)
    assert (given[:, 0] > given[:, 1]).float().mean() > 0.8
    one = rater(torch.cat([held_out.prompts[3], both[3, 1]])[None], torch.tensor([PROMPT + ANSWER]))
    assert one.item() == pytest.approx(given[3, 1].item(), abs=1e-5)


def test_the_mean_of_tokens_is_that_of_the_normed_vectors_up_to_each_position():
    reader = MeanOfTokens(torch.tensor([[3.0, 4.0], [0.0, 5.0]]))
    first, second = torch.tensor([3.0, 4.0]) / math.sqrt(12.5), torch.tensor([0.0, 5.0]) / math.sqrt(12.5)
    found = reader.stream(torch.tensor([[0, 1, 1]]))[0][0]                              # (T, D)
    assert torch.allclose(found, torch.stack([first, (first + second) / 2, (first + 2 * second) / 3]), atol=1e-5)


def test_a_reward_model_on_the_mean_of_tokens_learns_and_leaves_the_vectors_as_they_are(model, pairs):
    before, reader = model.embedding.weight.detach().clone(), MeanOfTokens(model.embedding.weight)
    rater = RewardModel(reader)
    assert [name for name, _ in rater.named_parameters()] == ["reward"]
    fit(rater, reward_batches(pairs[:48], 16, 1), FitConfig(steps=100, learning_rate=0.1), loss=reward_loss)
    given = rewards(rater, pairs.prompts[48:], torch.stack([pairs.chosen[48:], pairs.rejected[48:]], dim=1))
    assert (given[:, 0] > given[:, 1]).float().mean() > 0.8
    assert torch.equal(model.embedding.weight, before)


def test_targets_are_the_answer_alone():
    assert answer_targets(torch.tensor([[7, 8, 9, 1, 2]]), prompt=3).tolist() == [[-100, -100, 1, 2]]


def test_the_probability_of_an_answer_is_the_product_of_its_tokens(model):
    prompts, answers = torch.tensor([[1, 2, 3]]), torch.tensor([[4, 0]])
    by_hand = model.next_probabilities([1, 2, 3])[4].log() + model.next_probabilities([1, 2, 3, 4])[0].log()
    assert log_probabilities(model, prompts, answers).item() == pytest.approx(by_hand.item(), abs=1e-5)


def test_dpo_begins_at_the_loss_of_a_coin_and_moves_the_model_to_what_was_preferred(model, pairs):
    batches, before = dpo_batches(pairs, model, 16, 1), copy.deepcopy(model)
    assert DPO()(model, batches(0)).item() == pytest.approx(math.log(2), abs=1e-5)
    fit(model, batches, FitConfig(steps=60, learning_rate=5e-3), loss=DPO(beta=0.1))
    gains = [log_probabilities(model, pairs.prompts, a) - log_probabilities(before, pairs.prompts, a)
             for a in (pairs.chosen, pairs.rejected)]
    assert (gains[0] > gains[1]).float().mean() > 0.9
    ones = [(sample_answers(m, pairs.prompts, 8, ANSWER, generator(1)) == 1).float().mean() for m in (before, model)]
    assert ones[1] > 1.5 * ones[0]


# --- best-of-n


def test_best_of_n_keeps_the_best_of_each_group_and_leaves_the_rest_out():
    scores = torch.tensor([[1.0, 3.0, 2.0, 5.0, 9.0], [4.0, 3.0, 2.0, 1.0, 0.0]])
    assert best_of(scores, 2).tolist() == [[1, 3], [0, 2]]
    assert best_of(scores, 5).tolist() == [[4], [0]]
    assert best_of(scores, 1).tolist() == [[0, 1, 2, 3, 4]] * 2
    assert picked(10 * scores, best_of(scores, 2)) == pytest.approx((30 + 50 + 40 + 20) / 4)


@pytest.mark.parametrize("n", [0, 6])
def test_best_of_more_answers_than_there_are_is_refused(n):
    with pytest.raises(CourseError, match="expected 1 to 5"):
        best_of(torch.zeros(2, 5), n)
