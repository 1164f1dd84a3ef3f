"""One loop writes with any language model; the same seed writes the same text."""

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.generation import generate, greedy, sample
from course_utils.models.language_model import LanguageModel
from course_utils.models.ngram import NGram
from course_utils.seeding import generator
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
    with pytest.raises(CourseError, match=r"The prompt is empty; begin with \[vocabulary.start\]"):
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
