"""Contrastive search by hand: states that can be drawn on paper, and what is chosen among them."""

import math

import pytest
import torch

from course_utils.contrastive import Contrastive, contrastive_search
from course_utils.errors import CourseError
from course_utils.generation import generate, greedy
from course_utils.logit_rules import NoRepeatNgram
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.seeding import generator


class Compass:
    """Each token leaves a state in one direction of the plane, whatever came before; all expect the same next."""

    def __init__(self, degrees, probability):
        self.states = torch.tensor([[3 * math.cos(math.radians(d)), 3 * math.sin(math.radians(d))] for d in degrees])
        self.log_p, self.was_read = torch.tensor(probability).log(), []

    def read_hidden(self, ids, memory=None):
        self.was_read.append((tuple(ids), memory))
        return self.states[list(ids)], (*(memory or ()), *ids)

    def logits(self, states):
        return self.log_p.expand(*states.shape[:-1], -1)


def compass() -> Compass:
    return Compass([0, 60, 90, 180], [0.5, 0.3, 0.15, 0.05])


def test_the_balance_weighs_probability_against_the_closest_of_all_past_states():
    # After 0 (at 0°): cosines 1, 0.5, 0. Balances at alpha 0.5: −0.25, −0.1, 0.075. After 0, 2: 1, 0.87, 1.
    assert generate(compass(), [0], 1, Contrastive(3, 0.5)) == [2]
    assert generate(compass(), [0], 2, Contrastive(3, 0.5)) == [2, 0]   # −0.25, −0.28, −0.43
    assert generate(compass(), [0], 2, Contrastive(4, 0.5)) == [3, 2]   # 180°: 0.025 + 0.5; then 90° is new to both
    assert generate(compass(), [0], 1, Contrastive(2, 0.5)) == [1]      # the third is no candidate
    assert generate(compass(), [0], 1, Contrastive(3, 0.2)) == [0]      # 0.2, 0.14, 0.12
    assert generate(compass(), [0], 1, Contrastive(3, 1.0)) == [2]
    assert generate(compass(), [2, 0], 1, Contrastive(3, 0.5)) == [0]   # the prompt counts as a whole


def test_the_length_of_a_state_does_not_count():
    model = compass()
    model.states[2] *= 100
    assert generate(model, [0], 2, Contrastive(3, 0.5)) == [2, 0]


@pytest.mark.parametrize("settings", [{"k": 1, "alpha": 0.9}, {"k": 5, "alpha": 0.0}])
def test_one_candidate_or_no_penalty_is_greedy(settings):
    model = Transformer(TransformerConfig(11, 16, 12, 3, 2), generator(1)).eval()
    for length in (0, 1, 9, 30):
        assert generate(model, [1, 2], length, Contrastive(**settings)) == generate(model, [1, 2], length, greedy)


def test_a_prompt_beyond_the_context_is_read_from_its_later_part():
    model, prompt = Transformer(TransformerConfig(11, 16, 12, 3, 2), generator(1)).eval(), [*range(11), *range(11)]
    states, (text, _) = model.read_hidden(prompt)
    assert states.shape == (9, 12) and list(text) == prompt[-9:]
    assert generate(model, prompt, 20, Contrastive(3, 0.5)) == generate(model, prompt[-9:], 20, Contrastive(3, 0.5))


def test_each_candidate_is_read_once_after_the_same_memory():
    model = compass()
    generate(model, [0, 1], 1, Contrastive(3, 0.5))
    assert model.was_read == [((0, 1), None), ((0,), (0, 1)), ((1,), (0, 1)), ((2,), (0, 1))]


def test_it_ends_with_the_stop_token_and_keeps_to_the_rules():
    assert generate(compass(), [0], 9, Contrastive(4, 0.5), stop=2) == [3, 2]
    text = generate(compass(), [0], 3, Contrastive(4, 0.5), rules=[NoRepeatNgram(1)])
    assert sorted(text) == [1, 2, 3]                               # none is repeated, and none is left
    with pytest.raises(CourseError, match="rules leave no token"):
        generate(compass(), [0], 4, Contrastive(4, 0.5), rules=[NoRepeatNgram(1)])


def test_an_impossible_token_is_no_candidate_however_new_it_is():
    model = Compass([0, 180], [1.0, 0.0])
    assert generate(model, [0], 2, Contrastive(2, 0.9)) == [0, 0]


def test_a_model_without_hidden_states_is_refused_with_what_is_needed():
    class Plain:
        def read(self, ids, memory=None):
            return torch.tensor([1.0]), None

    with pytest.raises(CourseError, match="Plain does not tell its own; expected a model with `read_hidden`"):
        generate(Plain(), [0], 1, Contrastive())
    with pytest.raises(CourseError, match="The prompt is empty"):
        contrastive_search(compass(), [], 1, Contrastive())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k is 0; expected a whole number of tokens to choose from, 1 or more"),
        ({"k": 1.5}, "k is 1.5"),
        ({"alpha": -0.1}, r"alpha is -0.1; expected 0 \(probability alone\) to 1"),
        ({"alpha": 1.1}, "alpha is 1.1"),
        ({"alpha": math.nan}, "alpha is nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(CourseError, match=message):
        Contrastive(**settings)
