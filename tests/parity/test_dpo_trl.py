"""DPO written out against trl's own step, given the same log-probabilities of two pairs.

The trainer is a stand-in that holds the settings; the step it is given to is trl's.
"""

from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch
from trl import DPOTrainer

from course_utils.models.preferences import dpo_loss
from tools.verified import Verified

NOW = torch.tensor([-3.0, -7.5, -4.2, -6.0])  # two chosen answers, then two rejected
BEFORE = torch.tensor([-3.5, -7.0, -4.0, -6.6])
TOLERANCE = 1e-5
VERIFIES = [Verified("10", "DPO: loss, rewards, margin, accuracy", "trl's own step", TOLERANCE)]


def theirs(beta: float) -> tuple[float, dict]:
    """The loss and the metrics of trl's DPOTrainer for answers of one token each, with reference values given."""
    trainer = MagicMock(
        beta=beta, loss_types=["sigmoid"], loss_weights=[1.0], f_divergence_type="reverse_kl", ld_alpha=None,
        precompute_ref_logps=True, aux_loss_enabled=False, use_weighting=False, label_smoothing=0.0,
        _metrics=defaultdict(lambda: defaultdict(list)), _total_train_tokens=0, _tp_size=1,
    )
    trainer.model.training = True
    trainer.accelerator.gather_for_metrics = trainer.accelerator.gather = lambda tensor: tensor
    trainer.accelerator.device = torch.device("cpu")
    zeros = torch.zeros(4, 1)
    outputs = SimpleNamespace(log_probs=NOW[:, None], entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())
    inputs = {
        "input_ids": torch.zeros(4, 2, dtype=torch.long), "attention_mask": torch.ones(4, 2, dtype=torch.long),
        "completion_mask": torch.tensor([[0, 1]] * 4),
        "ref_chosen_logps": BEFORE[:2], "ref_rejected_logps": BEFORE[2:],
    }
    loss = DPOTrainer._compute_loss(trainer, lambda **_: outputs, inputs, return_outputs=False)
    return loss.item(), trainer._metrics["train"]


@pytest.mark.parametrize("beta", [0.05, 0.1, 1.0])
def test_loss_rewards_margin_and_accuracy_are_those_of_trl(beta):
    ours = dpo_loss(NOW[:2], NOW[2:], BEFORE[:2], BEFORE[2:], beta)
    loss, metrics = theirs(beta)
    assert ours.loss.item() == pytest.approx(loss, abs=TOLERANCE)
    assert ours.chosen.mean().item() == pytest.approx(metrics["rewards/chosen"][0], abs=TOLERANCE)
    assert ours.rejected.mean().item() == pytest.approx(metrics["rewards/rejected"][0], abs=TOLERANCE)
    assert ours.margin == pytest.approx(metrics["rewards/margins"][0], abs=TOLERANCE)
    assert ours.accuracy == pytest.approx(metrics["rewards/accuracies"][0], abs=TOLERANCE)


def test_rewards_that_forget_the_model_before_are_noticed():
    forgetful = dpo_loss(NOW[:2], NOW[2:], torch.zeros(2), torch.zeros(2), 0.1)
    assert forgetful.loss.item() != pytest.approx(theirs(0.1)[0], abs=1e-3)
