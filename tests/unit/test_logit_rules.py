"""Rules see the whole text and change the logits before a strategy chooses; each on numbers worked out by hand."""

import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.generation import Beam, beam_search, generate, greedy
from course_utils.logit_rules import NoRepeatNgram, RepetitionPenalty, ruled
from course_utils.models.language_model import LanguageModel
from course_utils.models.ngram import NGram
from course_utils.models.recurrent import RecurrentConfig, RecurrentLM
from course_utils.reading import logits_after, logits_after_each
from course_utils.seeding import generator
from course_utils.text import CharVocabulary


class Always(LanguageModel):
    """Gives the same logits after every text."""

    def __init__(self, logits):
        super().__init__()
        self.given, self.vocabulary_size = torch.tensor(logits), len(logits)

    def forward(self, ids, targets=None):
        return self.given.expand(*ids.shape, -1), None


class Tells:
    """A model that tells probabilities alone."""

    def __init__(self, probability):
        self.probability = torch.tensor(probability)

    def read(self, ids, memory=None):
        return self.probability, (memory or 0) + len(ids)


def test_the_penalty_divides_positive_logits_of_what_was_seen_and_multiplies_negative_ones():
    logits = torch.tensor([3.0, -2.0, 0.0, 5.0, -1.0])
    assert RepetitionPenalty(2.0)([0, 1, 1, 2, 0], logits).tolist() == [1.5, -4.0, 0.0, 5.0, -1.0]
    assert RepetitionPenalty(0.5)([0, 1], logits).tolist() == [6.0, -1.0, 0.0, 5.0, -1.0]
    assert torch.equal(RepetitionPenalty(1.0)(range(5), logits), logits)
    assert logits.tolist() == [3.0, -2.0, 0.0, 5.0, -1.0]


def test_an_impossible_token_stays_impossible_under_a_penalty():
    assert RepetitionPenalty(1.5)([0], torch.tensor([-math.inf, 1.0])).tolist() == [-math.inf, 1.0]


def test_what_would_end_an_ngram_of_the_text_is_forbidden():
    assert NoRepeatNgram(2).forbidden([1, 2, 3, 1]) == [2]         # 1 2 is there
    assert NoRepeatNgram(2).forbidden([1, 2, 1, 3, 1]) == [2, 3]
    assert NoRepeatNgram(2).forbidden([1, 2, 3]) == []             # 3 was never followed by anything
    assert NoRepeatNgram(2).forbidden([4, 4]) == [4]
    assert NoRepeatNgram(3).forbidden([1, 2, 3, 1, 2]) == [3]
    assert NoRepeatNgram(3).forbidden([1, 2, 3, 2]) == []
    assert NoRepeatNgram(1).forbidden([3, 1, 3]) == [1, 3]


@pytest.mark.parametrize("text", [[], [1], [1, 2]])
def test_a_text_shorter_than_the_ngram_forbids_nothing(text):
    assert NoRepeatNgram(4).forbidden(text) == []
    assert NoRepeatNgram(4)(text, torch.ones(3)).tolist() == [1, 1, 1]


def test_no_ngram_of_a_text_written_under_the_rule_comes_twice():
    for n in (1, 2, 3):
        text = [0, *generate(Always([2.0, 1.5, 1.0, 0.5, 0.0, -1.0]), [0], 5, greedy, rules=[NoRepeatNgram(n)])]
        grams = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
        assert len(grams) == len(set(grams))
    assert text == [0, 0, 0, 1, 0, 0]                              # 0 0 0 once; then 0 0 must be followed by another


def test_rules_are_applied_one_after_the_other():
    def first_is_seven(ids, logits):
        return logits.index_fill(0, torch.tensor([0]), 7.0)

    logits = torch.tensor([1.0, 1.0])
    assert ruled(logits, [0], [first_is_seven, RepetitionPenalty(2.0)]).tolist() == [3.5, 1.0]
    assert ruled(logits, [0], [RepetitionPenalty(2.0), first_is_seven]).tolist() == [7.0, 1.0]
    assert ruled(logits, [0], []) is logits


def test_a_rule_sees_the_prompt_and_all_that_was_written():
    seen = []

    def watching(ids, logits):
        seen.append(list(ids))
        return logits

    generate(Always([0.0, 1.0]), [0, 0], 3, greedy, rules=[watching])
    assert seen == [[0, 0], [0, 0, 1], [0, 0, 1, 1]]
    seen.clear()
    beam_search(Always([0.0, 1.0]), [0], 2, Beam(2), rules=[watching])
    assert seen == [[0], [0, 1], [0, 0]]


def test_the_penalty_works_on_logits_where_a_model_has_them_and_on_log_probabilities_where_not():
    logits = [2.0, 1.5]
    penalty = [RepetitionPenalty(1.2)]
    assert generate(Always(logits), [0], 1, greedy, rules=penalty) == [0]                     # 2 / 1.2 = 1.67 > 1.5
    told = Tells(torch.tensor(logits).softmax(dim=-1).tolist())
    assert generate(told, [0], 1, greedy, rules=penalty) == [0]                               # −0.474 · 1.2 > −0.974
    assert generate(told, [0], 1, greedy, rules=[RepetitionPenalty(2.1)]) == [1]              # −0.474 · 2.1 < −0.974
    assert generate(Always([-1.0, -1.1]), [0], 1, greedy, rules=penalty) == [1]               # −1.2 < −1.1
    assert generate(Always([99.0, 98.9]), [0, 1], 1, greedy, rules=penalty) == [0]            # both seen: order is kept


def test_a_beam_that_may_not_repeat_finds_the_best_of_what_is_left():
    model = Always(torch.tensor([0.5, 0.3, 0.2]).log().tolist())
    assert beam_search(model, [0], 3, Beam(3))[0].ids == (0, 0, 0)
    found = beam_search(model, [0], 3, Beam(3), rules=[NoRepeatNgram(2)])
    assert [each.ids for each in found] == [(0, 1, 0), (1, 0, 0), (0, 2, 0)]  # 0.5 · 0.5 · 0.3, twice; 0.5 · 0.5 · 0.2
    assert [each.log_probability for each in found] == pytest.approx([math.log(x) for x in (0.075, 0.075, 0.05)])


def test_rules_that_leave_no_token_are_an_error_for_a_loop_and_for_a_beam():
    for strategy in (greedy, Beam(2)):
        assert sorted(generate(Always([0.0, 1.0]), [0], 1, strategy, rules=[NoRepeatNgram(1)])) == [1]
        with pytest.raises(CourseError, match="rules leave no token to go on; expected one or more. Allow more"):
            generate(Always([0.0, 1.0]), [0], 2, strategy, rules=[NoRepeatNgram(1)])


def test_a_beginning_that_cannot_go_on_is_dropped_and_the_others_live():
    def no_way_after_two(ids, logits):
        return torch.full_like(logits, -math.inf) if ids[-1] == 2 else logits

    found = beam_search(Always([0.0, 1.0, 3.0]), [0], 2, Beam(2), rules=[no_way_after_two])
    assert [each.ids for each in found] == [(1, 2), (1, 1)]


def test_a_text_that_stopped_is_found_though_no_other_can_go_on():
    found = beam_search(Always([0.0, 1.0]), [0], 9, Beam(2), stop=1, rules=[NoRepeatNgram(1)])
    assert [each.ids for each in found] == [(1,)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RepetitionPenalty(0.0), "penalty is 0.0; expected a number above 0"),
        (lambda: RepetitionPenalty(-1.2), "penalty is -1.2"),
        (lambda: RepetitionPenalty(math.nan), "penalty is nan"),
        (lambda: RepetitionPenalty(math.inf), "penalty is inf"),
        (lambda: NoRepeatNgram(0), "n is 0; expected a whole number of tokens in a row, 1 or more"),
        (lambda: NoRepeatNgram(2.5), "n is 2.5"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, message):
    with pytest.raises(CourseError, match=message):
        make()


@pytest.mark.parametrize("strategy", [greedy, Beam(2)])
def test_a_rule_that_is_not_in_a_list_says_how_to_put_it_there(strategy):
    with pytest.raises(CourseError, match=r"expected a list of rules: rules=\[NoRepeatNgram\(n=2\)\]"):
        generate(Always([0.0, 1.0]), [0], 1, strategy, rules=NoRepeatNgram(2))


def test_logits_that_are_not_numbers_are_refused_under_rules_too():
    with pytest.raises(CourseError, match="gives token 0 the probability nan"):
        generate(Always([math.nan, 1.0]), [0], 1, greedy, rules=[NoRepeatNgram(2)])


# --- the logits of every kind of model


def models() -> list:
    vocabulary = CharVocabulary("abc")
    return [
        NGram.fit(vocabulary.encode("abcabcaab\n" * 4), vocabulary, order=3),
        RecurrentLM(RecurrentConfig(5, "gru", embedding=4, width=6), generator(1)),
        Always([0.5, -1.0, 2.0, 0.0, 0.0]),
    ]


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_probabilities_are_the_softmax_of_the_logits_and_both_remember_alike(model):
    memory = other = None
    for ids in ([1, 2, 0], [3], [1, 1]):
        probability, memory = model.read(ids, memory)
        logits, other = model.read_logits(ids, other)
        torch.testing.assert_close(logits.softmax(dim=-1), probability, rtol=0, atol=1e-6)
    each, memories = logits_after_each(model, [1, 2, 0, 3])
    assert each.shape == (4, len(probability)) and len(memories) == 4
    torch.testing.assert_close(each[2], logits_after(model, [1, 2, 0])[0])
    torch.testing.assert_close(logits_after(model, [3], memories[2])[0], each[3])


def test_the_logits_are_those_of_the_forward_pass_and_not_their_log_softmax():
    assert logits_after(Always([4.0, 1.0]), [0])[0].tolist() == [4.0, 1.0]
    assert logits_after(Tells([0.25, 0.75]), [0])[0].tolist() == pytest.approx([math.log(0.25), math.log(0.75)])
    assert logits_after_each(Tells([0.25, 0.75]), [0, 1])[1] == [1, 2]
