"""Beam search finds what one step at a time misses; a beam that is wide enough finds the best text there is."""

import itertools
import math

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.generation import Beam, beam_search, generate, greedy
from course_utils.models.ngram import NGram
from course_utils.text import CharVocabulary


class Planned:
    """Gives the probabilities that a table holds for the ids written so far; the prompt is [0]."""

    def __init__(self, table):
        self.table = table

    def read(self, ids, memory=None):
        written = () if memory is None else (*memory, *ids)
        return torch.tensor(self.table[written], dtype=torch.float64), written


# Greedy falls for token 1 (0.6), after which all is even; token 2 (0.4) is followed by a sure thing.
TRAP = {(): [0.0, 0.6, 0.4], (1,): [0.3, 0.4, 0.3], (2,): [0.0, 0.05, 0.95]}


@pytest.fixture(scope="module")
def abc():
    """A character bigram model and its vocabulary."""
    vocabulary = CharVocabulary("abc")
    return NGram.fit(vocabulary.encode("abcabcaab\n" * 4), vocabulary, order=2), vocabulary


def all_texts(model, prompt: list[int], length: int, vocabulary_size: int, stop: int | None) -> dict[tuple, float]:
    """Every text of at most `length` tokens, ended by `stop` or by the length, and its log-probability."""
    texts = {}
    for ids in itertools.product(range(vocabulary_size), repeat=length):
        text = ids[: ids.index(stop) + 1] if stop in ids else ids
        probability = [model.distribution([*prompt, *text[:i]])[token] for i, token in enumerate(text)]
        if min(probability) > 0:
            texts[text] = sum(map(math.log, probability))
    return texts


def test_two_beginnings_avoid_the_trap_that_greedy_falls_into():
    model = Planned(TRAP)
    assert generate(model, [0], 2, greedy) == [1, 1]               # 0.6 · 0.4 = 0.24
    assert generate(model, [0], 2, Beam(1)) == [1, 1]
    assert generate(model, [0], 2, Beam(2)) == [2, 2]              # 0.4 · 0.95 = 0.38
    first, second = beam_search(model, [0], 2, Beam(2))
    assert (first.ids, second.ids) == ((2, 2), (1, 1))
    assert first.log_probability == pytest.approx(math.log(0.38)) and first.score == first.log_probability / 2
    assert second.log_probability == pytest.approx(math.log(0.24))


@pytest.mark.parametrize("stop", [None, 0])
@pytest.mark.parametrize("penalty", [1.0, 0.0, 2.0])
def test_a_beam_as_wide_as_there_are_texts_finds_all_of_them_in_order(abc, stop, penalty):
    model, vocabulary = abc
    texts = all_texts(model, [1], 4, len(vocabulary), stop)
    found = beam_search(model, [1], 4, Beam(len(texts), penalty), stop)
    assert {each.ids for each in found} == set(texts)
    assert [each.log_probability for each in found] == pytest.approx([texts[each.ids] for each in found])
    scores = {text: log_p / len(text) ** penalty for text, log_p in texts.items()}
    assert [each.score for each in found] == pytest.approx(sorted(scores.values(), reverse=True))
    assert scores[found[0].ids] == max(scores.values())


@pytest.mark.parametrize("stop", [None, 2])
def test_a_beam_of_one_is_greedy_even_where_tokens_are_equally_likely(abc, stop):
    model, vocabulary = abc
    even = Planned({ids: [0.25] * 4 for n in range(5) for ids in itertools.product(range(4), repeat=n)})
    for writer, prompt in ((model, [vocabulary.start]), (model, [3]), (even, [0])):
        greedily = generate(writer, prompt, 5, greedy, stop=stop)
        assert generate(writer, prompt, 5, Beam(1), stop=stop) == greedily
        assert beam_search(writer, prompt, 5, Beam(1), stop)[0].ids == tuple(greedily)


def test_the_penalty_decides_between_a_short_text_and_a_long_one():
    model = Planned({(): [0.4, 0.6], (1,): [0.5, 0.5], (1, 1): [0.9, 0.1]})  # token 0 ends
    best = {penalty: beam_search(model, [0], 3, Beam(4, penalty), stop=0)[0] for penalty in (0.0, 1.0)}
    assert best[0.0].ids == (0,) and best[0.0].score == pytest.approx(math.log(0.4))
    assert best[1.0].ids == (1, 1, 0) and best[1.0].score == pytest.approx(math.log(0.6 * 0.5 * 0.9) / 3)


def test_a_finished_text_is_kept_while_others_go_on():
    table = {(): [0.5, 0.3, 0.2], (1,): [0.1, 0.5, 0.4], (2,): [0.1, 0.2, 0.7]}
    found = beam_search(Planned(table), [0], 2, Beam(2, length_penalty=0.0), stop=0)
    assert [each.ids for each in found] == [(0,), (1, 1)]
    assert [math.exp(each.log_probability) for each in found] == pytest.approx([0.5, 0.15])


def test_the_search_ends_when_no_beginning_is_better_than_what_is_finished():
    model = Planned({(): [0.9, 0.1]})                              # what follows (1,) is not in the table: never read
    assert generate(model, [0], 9, Beam(1), stop=0) == [0]


def test_a_beam_that_stops_early_leaves_a_better_text_unfinished():
    model = Planned({(): [0.3, 0.7], (1,): [0.1, 0.9], (1, 1): [0.9, 0.1]})  # token 0 ends
    patient = beam_search(model, [0], 3, Beam(2, 0.0), stop=0)
    assert [each.ids for each in patient] == [(1, 1, 0), (0,)]     # 0.567 and 0.3
    early = beam_search(model, [0], 3, Beam(2, 0.0, early_stopping=True), stop=0)
    assert [each.ids for each in early] == [(0,), (1, 0)]          # 0.3 and 0.07: two are finished


def test_a_token_of_probability_zero_is_never_written():
    model = Planned({(): [0.0, 1.0], (1,): [1.0, 0.0], (1, 0): [0.5, 0.5]})
    assert [each.ids for each in beam_search(model, [0], 3, Beam(4))] == [(1, 0, 0), (1, 0, 1)]


def test_beam_search_shares_no_memory_between_its_beginnings(abc):
    model, _ = abc
    for hypothesis in beam_search(model, [0], 5, Beam(4)):
        probability = [model.distribution([0, *hypothesis.ids[:i]])[id_] for i, id_ in enumerate(hypothesis.ids)]
        assert hypothesis.log_probability == pytest.approx(sum(map(math.log, probability)))


def test_a_beam_over_nothing_finds_nothing_and_needs_a_prompt():
    model = Planned(TRAP)
    assert generate(model, [0], 0, Beam(2)) == []
    assert [each.ids for each in beam_search(model, [0], 0, Beam(2))] == [()]
    with pytest.raises(CourseError, match="The prompt is empty"):
        generate(model, [], 2, Beam(2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width is 0; expected a whole number of beginnings to keep, 1 or more"),
        ({"width": 1.5}, "width is 1.5"),
        ({"length_penalty": math.nan}, "length_penalty is nan; expected a number"),
    ],
)
def test_beams_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(CourseError, match=message):
        Beam(**settings)
