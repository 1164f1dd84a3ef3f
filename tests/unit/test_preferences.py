"""Losses over preferences, worked out by hand, and a reward model that learns one."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.preferences import (
    RewardModel,
    answer_log_probability,
    bradley_terry_loss,
    dpo_loss,
)
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.text.batches import NO_TARGET


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_the_probability_of_an_answer_is_that_of_its_tokens_alone():
    probability = torch.tensor([[[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]], [[0.2, 0.8], [0.5, 0.5], [0.3, 0.7]]])
    targets = torch.tensor([[NO_TARGET, 1, 0], [1, NO_TARGET, NO_TARGET]])
    found = answer_log_probability(probability.log() + 7.0, targets)   # logits are free of a constant
    assert found.tolist() == pytest.approx([math.log(0.75 * 0.1), math.log(0.8)], abs=1e-5)


def test_a_row_without_an_answer_is_an_error_that_names_it():
    with pytest.raises(CourseError, match="Row 1 has no answer"):
        answer_log_probability(torch.zeros(2, 3, 4), torch.tensor([[0, -100, -100], [-100, -100, -100]]))


def test_bradley_and_terry_by_hand():
    found = bradley_terry_loss(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0]))
    assert found.item() == pytest.approx(-(math.log(sigmoid(1)) + math.log(sigmoid(-3))) / 2, abs=1e-6)


def test_it_stays_finite_where_the_rewards_are_far_apart():
    assert bradley_terry_loss(torch.tensor([-1e4]), torch.tensor([1e4])).item() == pytest.approx(2e4)


def test_dpo_by_hand():
    made = dpo_loss(torch.tensor([-2.0]), torch.tensor([-3.0]), torch.tensor([-2.5]), torch.tensor([-2.0]), beta=0.5)
    # rewards 0.5·(−2 + 2.5) = 0.25 and 0.5·(−3 + 2) = −0.5, so the margin is 0.75
    assert made.loss.item() == pytest.approx(-math.log(sigmoid(0.75)), abs=1e-6)
    assert (made.chosen.item(), made.rejected.item(), made.margin, made.accuracy) == (0.25, -0.5, 0.75, 1.0)


def test_before_a_step_dpo_is_the_loss_of_a_coin_whatever_the_answers():
    log_p = torch.tensor([-5.0, -40.0])
    assert dpo_loss(log_p, log_p - 9, log_p, log_p - 9).loss.item() == pytest.approx(math.log(2), abs=1e-6)


def test_its_gradient_raises_the_chosen_answer_and_lowers_the_rejected_by_beta_times_the_doubt():
    chosen, rejected = torch.tensor([-2.0], requires_grad=True), torch.tensor([-3.0], requires_grad=True)
    dpo_loss(chosen, rejected, torch.tensor([-2.5]), torch.tensor([-2.0]), beta=0.5).loss.backward()
    doubt = sigmoid(-0.75)                                         # Rafailov et al. 2023, section 4
    assert chosen.grad.item() == pytest.approx(-0.5 * doubt, abs=1e-6)
    assert rejected.grad.item() == pytest.approx(0.5 * doubt, abs=1e-6)


def test_no_gradient_reaches_the_model_it_started_from():
    before = torch.tensor([-2.5], requires_grad=True)
    dpo_loss(torch.tensor([-2.0], requires_grad=True), torch.tensor([-3.0]), before, before).loss.backward()
    assert before.grad is None


def test_bad_input_is_refused():
    one, two = torch.zeros(1), torch.zeros(2)
    with pytest.raises(CourseError, match="beta is 0"):
        dpo_loss(one, one, one, one, beta=0)
    with pytest.raises(ShapeError, match="one rejected answer to each chosen"):
        dpo_loss(two, one, two, two)
    with pytest.raises(ShapeError):
        bradley_terry_loss(torch.zeros(2, 2), torch.zeros(2, 2))


@pytest.fixture(scope="module")
def reward_model() -> RewardModel:
    return RewardModel(Transformer(TransformerConfig(20, 12, 32, 4, 1, **LLAMA), generator(0)))


def test_all_answers_start_as_equally_good_and_padding_does_not_count(reward_model):
    ids = torch.randint(20, (6, 12), generator=generator(1))
    lengths = torch.tensor([12, 5, 3, 12, 1, 7])
    assert reward_model(ids, lengths).tolist() == [0.0] * 6
    reward_model.reward.data = torch.randn(32, generator=generator(2))
    padded = ids.clone()
    padded[1, 5:] = 0
    assert torch.allclose(reward_model(ids, lengths)[1], reward_model(padded, lengths)[1], atol=1e-5)
    assert not torch.allclose(reward_model(ids, lengths)[1], reward_model(ids, lengths + (lengths < 12).long())[1])


def test_it_learns_that_answers_ending_in_one_token_are_preferred():
    model = RewardModel(Transformer(TransformerConfig(20, 12, 32, 4, 1, **LLAMA), generator(0)))
    optimizer, length = torch.optim.AdamW(model.parameters(), 3e-3), torch.full((32,), 12)

    def pair(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        ids = torch.randint(2, 20, (2, 32, 12), generator=generator(seed))
        ids[0, :, -1], ids[1, :, -1] = 0, 1
        return ids[0], ids[1]

    for step in range(40):
        good, bad = pair(step)
        loss = bradley_terry_loss(model(good, length), model(bad, length))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    good, bad = pair(1000)
    assert (model(good, length) > model(bad, length)).float().mean() > 0.9


@pytest.mark.parametrize("lengths", [[0, 3], [3, 13]])
def test_lengths_outside_the_text_are_refused(lengths, reward_model):
    with pytest.raises(CourseError, match="expected 1 to 12"):
        reward_model(torch.zeros(2, 12, dtype=torch.int64), torch.tensor(lengths))
