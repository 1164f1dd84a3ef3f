"""The sentences with a pronoun: balanced, so that no rule of order finds the noun that is meant; and made right."""

import re
from collections import Counter

import pytest

from course_utils.coreference_heads import BASELINES, baseline
from course_utils.text.coreference import CHOOSE, REPORT, pronoun_sentences

SENTENCES = pronoun_sentences()
KINDS = ("gender", "number", "meaning")


def of(kind: str, half: str | None = None):
    return [sentence for sentence in SENTENCES if sentence.kind == kind and half in (None, sentence.half)]


def test_there_are_as_many_of_each_kind_and_half_the_same_each_time_and_no_text_twice():
    counts = Counter((sentence.kind, sentence.half) for sentence in SENTENCES)
    assert counts == {(kind, half): 48 for kind in KINDS for half in (CHOOSE, REPORT)}
    assert pronoun_sentences() == SENTENCES
    assert len({sentence.text for sentence in SENTENCES}) == len(SENTENCES) == 288


@pytest.mark.parametrize("rule", BASELINES)
def test_a_rule_of_order_is_right_in_exactly_half_of_every_frame(rule):
    for frame in {sentence.frame for sentence in SENTENCES}:
        chosen = [sentence for sentence in SENTENCES if sentence.frame == frame]
        assert baseline(rule, chosen).mean() == 0.5


def test_the_subject_is_the_first_noun_in_half_of_the_frames_of_each_kind_and_half():
    for kind in KINDS:
        for half in (CHOOSE, REPORT):
            assert sum(sentence.subject for sentence in of(kind, half)) == 24


def test_every_noun_is_meant_as_often_as_not_and_every_word_stands_once_in_its_text():
    meant, named = Counter(), Counter()
    for sentence in SENTENCES:
        singular = [noun.removesuffix("s") if sentence.kind == "number" else noun for noun in sentence.nouns]
        meant[sentence.kind, singular[sentence.right]] += 1
        named.update((sentence.kind, noun) for noun in singular)
        for word in (*sentence.nouns, sentence.pronoun):
            assert len(re.findall(rf"\b{word}\b", sentence.text)) == 1, sentence.text
    assert all(named[noun] == 2 * meant[noun] for noun in named)


def test_the_nouns_come_in_their_order_and_the_pronoun_after_both():
    for sentence in SENTENCES:
        first, second, pronoun = (sentence.span(word)[0] for word in (*sentence.nouns, sentence.pronoun))
        assert 0 < first < second < pronoun                         # nor is a noun the first word of its text
        assert sentence.text[pronoun:].startswith(sentence.pronoun)


def test_a_plural_is_meant_by_they_and_a_singular_by_it():
    for sentence in of("number"):
        plural = [noun.endswith("s") for noun in sentence.nouns]
        assert sum(plural) == 1
        assert plural[sentence.right] == (sentence.pronoun == "they")


def test_women_are_meant_by_she_and_men_by_he():
    women = {"queen", "girl", "aunt", "actress", "nun", "wife"}
    women |= {"woman", "mother", "sister", "waitress", "princess", "niece"}
    for sentence in of("gender"):
        assert (sentence.nouns[sentence.right] in women) == (sentence.pronoun == "she")
        assert (sentence.nouns[1 - sentence.right] in women) == (sentence.pronoun == "he")


def test_in_pairs_of_meaning_the_texts_are_one_up_to_the_pronoun_and_differ_in_one_word():
    sentences = of("meaning")
    for one, other in zip(sentences[::2], sentences[1::2], strict=True):
        words = list(zip(one.text.split(), other.text.split(), strict=True))
        assert sum(first != second for first, second in words) == 1
        assert words[-1][0] != words[-1][1]
        assert (one.right, other.right) == (0, 1) and one.nouns == other.nouns


def test_no_frame_and_no_noun_of_a_kind_is_in_both_halves():
    for kind in KINDS:
        choose, report = of(kind, CHOOSE), of(kind, REPORT)
        assert not {sentence.frame for sentence in choose} & {sentence.frame for sentence in report}
        assert not {noun for one in choose for noun in one.nouns} & {noun for one in report for noun in one.nouns}


def test_a_sentence_by_hand():
    first = SENTENCES[0]
    assert first.text == "The king called the queen at noon because he was worried."
    assert (first.pronoun, first.nouns, first.right) == ("he", ("king", "queen"), 0)
    assert (first.subject, first.kind, first.frame, first.half) == (0, "gender", 0, CHOOSE)
    assert (first.span("king"), first.span("he")) == ((4, 8), (42, 44))
