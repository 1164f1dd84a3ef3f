"""One loop writes with any language model; the same seed writes the same text."""

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.generation import generate, greedy, next_token_probabilities, sample
from course_utils.models.language_model import LanguageModel
from course_utils.models.ngram import NGram
from course_utils.seeding import generator, numpy_generator
from course_utils.text import CharVocabulary


class CountsUp(LanguageModel):
    """Expects the last token plus one; remembers how many tokens it was shown, and whether gradients were kept."""

    vocabulary_size = 5

    def __init__(self):
        super().__init__()
        self.shown, self.gradients = [], []
        self.strength = torch.nn.Parameter(torch.tensor(9.0))

    def forward(self, ids, targets=None):
        self.shown.append(ids.shape[1])
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


def test_the_model_is_shown_no_more_than_the_context_asked_for():
    short, whole = CountsUp(), CountsUp()
    assert generate(short, [0, 1, 2], 4, greedy, generator(0), context=2) == [3, 4, 0, 1]
    generate(whole, [0, 1, 2], 4, greedy, generator(0))
    assert short.shown == [2, 2, 2, 2]
    assert whole.shown == [3, 4, 5, 6]


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
    torch.testing.assert_close(next_token_probabilities(model, ids), logits[0, -1].softmax(dim=-1), rtol=0, atol=1e-12)
    torch.testing.assert_close(next_token_probabilities(model, ids), torch.from_numpy(model.distribution(ids)))


def test_a_neural_model_gives_the_softmax_of_its_last_position():
    expected = torch.tensor([0.0, 0.0, 0.0, 9.0, 0.0]).softmax(dim=-1)
    torch.testing.assert_close(next_token_probabilities(CountsUp(), [0, 1, 2]), expected)


def test_the_same_seed_writes_the_same_text_and_another_seed_another(abc):
    model, vocabulary = abc
    texts = [generate(model, [vocabulary.start], 60, sample, generator(seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert set(texts[0]) <= set(range(len(vocabulary)))


# --- randomness with a name


def test_generators_of_one_seed_give_the_same_numbers_and_of_two_seeds_not():
    one, again, other = (torch.rand(5, generator=generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(one, again) and not torch.equal(one, other)
    one, again, other = (numpy_generator(seed).random(5) for seed in (7, 7, 8))
    assert (one == again).all() and (one != other).any()


def test_a_generator_neither_reads_nor_moves_the_global_state():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = torch.rand(3, generator=generator(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(torch.rand(3, generator=generator(1)), first)
