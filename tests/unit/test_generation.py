"""One loop writes with any language model; the same seed writes the same text."""

import math

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.generation import Beam, Sampling, generate, greedy, sample
from course_utils.models.language_model import LanguageModel
from course_utils.models.ngram import NGram
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from course_utils.text import CharVocabulary


class CountsUp(LanguageModel):
    """Expects the last token plus one; reads four tokens; remembers how many it was shown, and whether for training."""

    vocabulary_size, context = 5, 4

    def __init__(self):
        super().__init__()
        self.shown, self.modes, self.gradients = [], [], []
        self.strength = torch.nn.Parameter(torch.tensor(9.0))

    def forward(self, ids, targets=None):
        self.shown.append(ids.shape[1])
        self.modes.append(self.training)
        logits = torch.nn.functional.one_hot((ids + 1) % 5, 5) * self.strength
        self.gradients.append(logits.requires_grad)
        return logits, None


class Gives:
    """A model that knows one distribution, and gives it unchecked."""

    def __init__(self, probability):
        self.probability = torch.tensor(probability)

    def read(self, ids, memory=None):
        return self.probability, memory


class Remembers:
    """Not of the family, but keeps the contract of `read`: the memory is the sum of all ids, as a state might be."""

    def __init__(self):
        self.was_read = []

    def read(self, ids, memory=None):
        self.was_read.append((list(ids), memory))
        total = (memory or 0) + sum(ids)
        return torch.nn.functional.one_hot(torch.tensor(total % 5), 5).double(), total


@pytest.fixture(scope="module")
def abc():
    """A character bigram model and its vocabulary."""
    vocabulary = CharVocabulary("abc")
    return NGram.fit(vocabulary.encode("abcabcaab\n" * 4), vocabulary, order=2), vocabulary


def test_greedy_takes_the_likeliest_token():
    assert greedy(torch.tensor([0.2, 0.5, 0.3])) == 1


def test_sampling_takes_tokens_as_often_as_they_are_likely():
    probability, random = torch.tensor([0.1, 0.0, 0.6, 0.3]), generator(0)
    drawn = np.bincount([sample(probability, random) for _ in range(4000)], minlength=4) / 4000
    assert drawn == pytest.approx([0.1, 0, 0.6, 0.3], abs=0.04)  # five standard deviations
    assert drawn[1] == 0


def test_generate_returns_the_new_ids_and_leaves_the_prompt_alone():
    prompt = [0, 1]
    assert generate(CountsUp(), prompt, 6, greedy, generator(0)) == [2, 3, 4, 0, 1, 2]
    assert prompt == [0, 1]


def test_nothing_more_is_nothing():
    assert generate(CountsUp(), [0], 0, greedy, generator(0)) == []


def test_the_model_is_shown_all_there_is_up_to_its_context():
    model = CountsUp()
    assert generate(model, [0, 1, 2], 4, greedy) == [3, 4, 0, 1]
    assert model.shown == [3, 4, 4, 4]


def test_writing_ends_with_the_id_to_stop_at():
    assert generate(CountsUp(), [0], 9, greedy, stop=3) == [1, 2, 3]
    assert generate(CountsUp(), [3], 2, greedy, stop=3) == [4, 0]  # in the prompt it stops nothing
    assert generate(CountsUp(), [0], 4, lambda probability, _: 0, stop=0) == [0]


def test_a_prompt_may_be_a_tensor():
    assert generate(CountsUp(), torch.tensor([0, 1]), 2, greedy) == [2, 3]
    with pytest.raises(CourseError, match="The prompt is empty"):
        generate(CountsUp(), torch.tensor([], dtype=torch.int64), 2, greedy)


def test_sampling_without_a_generator_says_where_to_get_one(abc):
    with pytest.raises(CourseError, match=r"pass generator=generator\(1\), from course_utils.seeding"):
        generate(abc[0], [0], 3, sample)


def test_a_model_that_is_being_trained_writes_without_dropout_and_goes_on_training():
    model = CountsUp().train()
    generate(model, [0], 2, greedy)
    assert model.modes == [False, False] and model.training


def test_the_strategy_gets_probabilities_and_the_readers_generator():
    seen, random = [], generator(0)

    def strategy(probability, given):
        seen.append((probability.shape, probability.sum().item(), given is random))
        return 0

    generate(CountsUp(), [0], 2, strategy, random)
    assert seen == [((5,), pytest.approx(1), True)] * 2


def test_an_empty_prompt_is_refused():
    with pytest.raises(CourseError, match=r"The prompt is empty; expected at least one id: begin with .vocabulary"):
        generate(CountsUp(), [], 3, greedy, generator(0))


def test_a_prompt_of_ids_the_model_does_not_have_is_refused(abc):
    with pytest.raises(CourseError, match="must lie in 0 … 3"):
        generate(abc[0], [7], 1, greedy, generator(0))


def test_no_gradient_is_kept_while_writing():
    model = CountsUp()
    generate(model, [0], 2, greedy, generator(0))
    assert model.gradients == [False, False]


def test_a_counting_model_and_the_contract_give_the_same_probabilities(abc):
    model, vocabulary = abc
    ids = vocabulary.encode("ab").ids.tolist()
    logits, _ = model(torch.tensor([ids]))
    torch.testing.assert_close(model.next_probabilities(ids), logits[0, -1].softmax(dim=-1), rtol=0, atol=1e-12)


def test_the_same_seed_writes_the_same_text_and_another_seed_another(abc):
    model, vocabulary = abc
    texts = [generate(model, [vocabulary.start], 60, sample, generator(seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert set(texts[0]) <= set(range(len(vocabulary)))


def test_a_model_that_keeps_a_state_reads_each_token_once():
    model = Remembers()
    assert generate(model, [1, 3], 3, greedy) == [4, 3, 1]
    assert model.was_read == [([1, 3], None), ([4], 4), ([3], 8)]


@pytest.mark.parametrize(
    "strategy", [greedy, sample, Sampling(), Beam(2)], ids=["greedy", "sample", "Sampling", "Beam"]
)
def test_a_model_whose_numbers_are_broken_cannot_write_and_says_why(strategy):
    model = CountsUp()
    model.strength.data.fill_(torch.nan)
    with pytest.raises(CourseError, match="gives token 0 the probability nan; expected 0 to 1. Its weights are broken"):
        generate(model, [0], 2, strategy, generator(0))


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        ([0.5, -0.1, 0.6], "gives token 1 the probability -0.1"),
        ([0.5, 0.5, math.inf], "gives token 2 the probability inf"),
        ([0.0, 0.0, 0.0], "All 3 probabilities are 0"),
        ([], "All 0 probabilities are 0"),
    ],
)
def test_what_are_no_probabilities_is_refused(probability, message):
    with pytest.raises(CourseError, match=message):
        Sampling().distribution(torch.tensor(probability))
    with pytest.raises(CourseError, match=message):
        generate(Gives(probability), [0], 1, greedy)


# --- what to draw from


def kept(probability: list[float], **settings) -> list[float]:
    return Sampling(**settings).distribution(torch.tensor(probability, dtype=torch.float64)).tolist()


def test_without_settings_the_models_own_probabilities_are_drawn_from():
    probability = torch.tensor([0.1, 0.0, 0.6, 0.3])
    torch.testing.assert_close(Sampling().distribution(probability), probability)
    one, same = generator(4), generator(4)
    assert [Sampling()(probability, one) for _ in range(50)] == [sample(probability, same) for _ in range(50)]


def test_temperature_is_the_power_that_probabilities_are_raised_to():
    assert kept([0.1, 0.6, 0.3], temperature=0.5) == pytest.approx([1 / 46, 36 / 46, 9 / 46])  # squares
    assert kept([1 / 26, 16 / 26, 9 / 26], temperature=2.0) == pytest.approx([1 / 8, 4 / 8, 3 / 8])  # square roots


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 5e-324])
def test_a_temperature_near_zero_is_greedy_without_overflow(temperature):
    logits = torch.tensor([3.0, 900.0, 899.9, -800.0])
    for probability in (logits.softmax(dim=-1), logits.double().softmax(dim=-1)):
        drawn_from = Sampling(temperature=temperature).distribution(probability)
        assert drawn_from.tolist() == pytest.approx([0, 1, 0, 0], abs=1e-6)
    assert kept([0.4, 0.2, 0.4], temperature=temperature) == pytest.approx([0.5, 0, 0.5])  # two are the likeliest


def test_a_high_temperature_makes_all_that_is_possible_alike():
    assert kept([0.9, 0.0, 0.1], temperature=1e308) == pytest.approx([0.5, 0, 0.5])


def test_what_is_impossible_stays_impossible():
    probability = [0.5, 0.0, 0.3, 0.2]
    for settings in ({"temperature": 0.1}, {"temperature": 50.0}, {"top_k": 4}, {"top_k": 9}, {"top_p": 1.0}):
        assert kept(probability, **settings)[1] == 0.0
        assert sum(kept(probability, **settings)) == pytest.approx(1)


def test_top_k_keeps_the_k_likeliest_and_what_is_as_likely_as_the_last_of_them():
    assert kept([0.1, 0.4, 0.2, 0.3], top_k=2) == pytest.approx([0, 4 / 7, 0, 3 / 7])
    assert kept([0.1, 0.4, 0.2, 0.3], top_k=1) == [0, 1, 0, 0]
    assert kept([0.2, 0.4, 0.2, 0.2], top_k=2) == pytest.approx([0.2, 0.4, 0.2, 0.2])


def test_top_p_keeps_the_fewest_tokens_that_together_reach_it():
    probability = [0.1, 0.5, 0.15, 0.25]
    assert kept(probability, top_p=0.6) == pytest.approx([0, 2 / 3, 0, 1 / 3])
    assert kept(probability, top_p=0.75) == pytest.approx([0, 2 / 3, 0, 1 / 3])  # reached exactly
    assert kept(probability, top_p=0.76) == pytest.approx([0, 5 / 9, 1.5 / 9, 2.5 / 9])
    assert kept(probability, top_p=1.0) == pytest.approx(probability)
    assert kept(probability, top_p=1e-9) == [0, 1, 0, 0]           # at least one
    assert kept([0.5, 0.5], top_p=0.4) == [1, 0]                   # of equally likely ones the first


def test_a_sum_that_is_reached_but_for_rounding_is_reached():
    probability = torch.tensor([0.7, 0.2, 0.1])                    # in float32, 0.7 + 0.2 < 0.9
    assert probability[:2].double().sum() < 0.9
    assert (Sampling(top_p=0.9).distribution(probability) > 0).tolist() == [True, True, False]


def test_min_p_keeps_what_is_not_much_less_likely_than_the_likeliest():
    probability = [0.1, 0.5, 0.15, 0.25]
    assert kept(probability, min_p=0.5) == pytest.approx([0, 2 / 3, 0, 1 / 3])  # 0.25 is half of 0.5: exactly enough
    assert kept(probability, min_p=0.51) == [0, 1, 0, 0]
    assert kept(probability, min_p=0.2) == pytest.approx(probability)
    assert kept([0.4, 0.2, 0.4], min_p=1.0) == pytest.approx([0.5, 0, 0.5])
    probability = torch.tensor([0.3, 0.03, 0.67])                  # in float32, 0.03 is less than 0.03 / 0.67 of 0.67
    assert (Sampling(min_p=0.03 / 0.67).distribution(probability) > 0).all()


def test_min_p_looks_at_what_temperature_and_the_other_cuts_left():
    probability = [0.4, 0.3, 0.2, 0.1]
    assert kept(probability, temperature=0.5, min_p=0.5) == pytest.approx([16 / 25, 9 / 25, 0, 0])  # 4/16 < 0.5 ≤ 9/16
    assert kept(probability, min_p=0.5) == pytest.approx([4 / 9, 3 / 9, 2 / 9, 0])
    assert kept(probability, top_p=0.6, min_p=0.5) == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert kept(probability, top_p=0.8, min_p=0.6) == pytest.approx([4 / 7, 3 / 7, 0, 0])


def test_temperature_comes_before_top_k_and_top_k_before_top_p():
    probability = [0.4, 0.3, 0.2, 0.1]
    assert kept(probability, top_k=3, top_p=0.75) == pytest.approx([4 / 7, 3 / 7, 0, 0])  # 7/9 reach 0.75, 0.7 does not
    assert kept(probability, temperature=0.5, top_p=0.8) == pytest.approx([16 / 25, 9 / 25, 0, 0])  # 25/30 do, too


def test_sampling_draws_from_its_distribution_alone():
    probability, random = torch.tensor([0.05, 0.5, 0.15, 0.3]), generator(0)
    drawn = np.bincount([Sampling(top_k=2)(probability, random) for _ in range(2000)], minlength=4) / 2000
    assert drawn == pytest.approx([0, 0.625, 0, 0.375], abs=0.055)  # five standard deviations
    with pytest.raises(CourseError, match="pass generator"):
        Sampling(top_k=2)(probability)


def test_the_distribution_leaves_its_argument_alone_and_keeps_its_type():
    probability = torch.tensor([0.1, 0.6, 0.3])
    assert Sampling(0.5, 2, 0.9).distribution(probability).dtype == torch.float32
    assert torch.equal(probability, torch.tensor([0.1, 0.6, 0.3]))
    with pytest.raises(ShapeError, match=r"probability should have shape \(V\); got \(1, 3\)"):
        Sampling().distribution(probability[None])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature is 0; expected a number above 0. Its limit is `greedy`"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0; expected a whole number of tokens, 1 or more, or None"),
        ({"top_k": 2.5}, "top_k is 2.5"),
        ({"top_p": 0}, "top_p is 0; expected a number above 0 and up to 1, or None"),
        ({"top_p": 1.01}, "top_p is 1.01"),
        ({"top_p": math.nan}, "top_p is nan"),
        ({"min_p": 0}, "min_p is 0; expected a number above 0 and up to 1, or None"),
        ({"min_p": 1.5}, "min_p is 1.5"),
        ({"min_p": math.nan}, "min_p is nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(CourseError, match=message):
        Sampling(**settings)


# --- randomness with a name


def test_generators_of_one_seed_give_the_same_numbers_and_of_two_seeds_not():
    one, again, other = (torch.rand(5, generator=generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_a_generator_neither_reads_nor_moves_the_global_state():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = torch.rand(3, generator=generator(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(torch.rand(3, generator=generator(1)), first)
