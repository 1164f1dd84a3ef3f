"""Counting where heads look: tokens to words, on weights that were made by hand."""

import numpy as np
import pytest
import torch

from course_utils.coreference_heads import (
    baseline,
    by_frame,
    look_at_all,
    looks,
    points_at,
    prefers,
    token_spans,
    tokens_of,
)
from course_utils.errors import CourseError
from course_utils.shapes import ShapeError
from course_utils.text.coreference import PronounSentence

TEXT = "The cat saw the puppy, so it hid."
SENTENCE = PronounSentence(TEXT, "it", ("cat", "puppy"), 1, 0, "meaning", 7, "report")
OTHER = PronounSentence(TEXT, "it", ("cat", "puppy"), 0, 0, "meaning", 8, "report")
PIECES = ["[CLS]", "the", "cat", "saw", "the", "pup", "##py", ",", "so", "it", "hid", ".", "[SEP]"]
SPACED = ["The", " cat", " saw", " the", " p", "uppy", ",", " so", " it", " hid", "."]
IT = 9                                                              # the pronoun among PIECES


def weights(*rows: dict[int, float]) -> torch.Tensor:
    """(1, heads, T, T): from the pronoun, the weights that are given, for each head; all other rows are even."""
    made = torch.full((1, len(rows), len(PIECES), len(PIECES)), 1 / len(PIECES))
    for head, row in enumerate(rows):
        made[0, head, IT] = 0.0
        for place, weight in row.items():
            made[0, head, IT, place] = weight
    return made


@pytest.mark.parametrize("tokens", [PIECES, SPACED])
def test_tokens_are_found_in_the_text(tokens):
    spans = token_spans(tokens, TEXT)
    assert [TEXT[slice(*spans[i])] for i in tokens_of(SENTENCE.span("puppy"), spans)] in (["pup", "py"], ["p", "uppy"])
    assert [TEXT[slice(*spans[i])] for i in tokens_of(SENTENCE.span("it"), spans)] == ["it"]


def test_a_token_without_text_stands_nowhere():
    spans = token_spans(PIECES, TEXT)
    assert spans[0] == spans[-1] == (0, 0)
    assert tokens_of((0, 3), spans) == [1]


@pytest.mark.parametrize("tokens", [PIECES[:3], ["The", " dog"], [*SPACED, " more"]])
def test_tokens_of_another_text_are_refused(tokens):
    with pytest.raises(CourseError, match="token|Token"):
        token_spans(tokens, TEXT)


def test_a_noun_of_two_tokens_gets_the_sum_and_the_rest_its_largest():
    looked = looks(PIECES, weights({2: 0.1, 5: 0.2, 6: 0.3, 0: 0.25, 12: 0.15}), SENTENCE)
    assert looked.shape == (1, 1, 3)
    np.testing.assert_allclose(looked[0, 0], [0.1, 0.5, 0.25])


def test_it_reads_the_row_of_the_pronoun_and_not_its_column():
    made = weights({2: 1.0})
    made[0, 0, :, IT] = 0.9
    assert looks(PIECES, made, SENTENCE)[0, 0].tolist() == pytest.approx([1.0, 0.0, 0.9])


def test_weights_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="weights should have shape"):
        looks(PIECES[:-1], weights({2: 1.0}), SENTENCE)


HEADS = weights({2: 0.2, 5: 0.3, 0: 0.5}, {2: 0.6, 5: 0.4}, {2: 0.3, 6: 0.6}, {0: 1.0})


def test_a_head_prefers_the_noun_with_more_weight_and_points_at_it_if_nothing_has_more():
    looked = look_at_all(lambda text: (PIECES, HEADS), [SENTENCE, OTHER])
    assert looked.shape == (2, 1, 4, 3)
    assert prefers(looked, [SENTENCE, OTHER])[:, 0].tolist() == [[1, 0, 1, 0.5], [0, 1, 0, 0.5]]
    assert points_at(looked, [SENTENCE, OTHER])[:, 0].tolist() == [[0, 0, 1, 0], [0, 1, 0, 0]]


def test_sentences_that_are_not_those_looked_at_are_refused():
    with pytest.raises(ShapeError, match="looked should have shape"):
        prefers(np.zeros((2, 1, 4, 3)), [SENTENCE])
    with pytest.raises(ShapeError, match="right should have shape"):
        by_frame(np.zeros(1), [SENTENCE, OTHER])


def test_frames_are_counted_together():
    counts = by_frame(np.array([1.0, 0.5, 0.0]), [SENTENCE, OTHER, SENTENCE])
    assert counts.tolist() == [[1.0, 2.0], [0.5, 1.0]]


def test_the_rules_of_order():
    assert baseline("the nearest noun", [SENTENCE, OTHER]).tolist() == [1.0, 0.0]
    assert baseline("the first noun", [SENTENCE, OTHER]).tolist() == [0.0, 1.0]
    assert baseline("the subject", [SENTENCE, OTHER]).tolist() == [0.0, 1.0]
