"""BLEU and its parts on sentences that can be counted on paper, and the ten sentences it is shown on."""

import math

import pytest
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from course_utils.bleu import (
    BleuParts,
    bleu,
    bleu_by_hand,
    brevity_penalty,
    clipped_matches,
    closest_length,
    ngrams,
    words_and_marks,
)
from course_utils.errors import CourseError
from course_utils.text.translations import TRANSLATIONS

CAT = ["the", "cat", "is", "on", "the", "mat"]
MAT = ["there", "is", "a", "cat", "on", "the", "mat"]


# --- the parts


def test_ngrams_are_counted_with_their_repetitions():
    assert ngrams(["a", "b", "a", "b"], 2) == {("a", "b"): 2, ("b", "a"): 1}
    assert ngrams(["a"], 1) == {("a",): 1}
    assert ngrams(["a"], 2) == ngrams([], 1) == {}


def test_a_word_said_too_often_matches_only_as_often_as_a_reference_has_it():
    assert clipped_matches(["the"] * 7, [CAT, MAT], 1) == (2, 7)  # the example of Papineni et al.
    assert clipped_matches(["the"] * 7, [MAT], 1) == (1, 7)


def test_the_limit_is_the_reference_that_has_it_most_often_and_not_their_sum():
    assert clipped_matches(["the", "the", "the"], [["the", "the"], ["the", "end"]], 1) == (2, 3)


def test_different_words_may_match_in_different_references():
    assert clipped_matches(["there", "cat"], [["there", "is"], ["a", "cat"]], 1) == (2, 2)
    assert clipped_matches(["there", "cat"], [["there", "is"], ["a", "cat"]], 2) == (0, 1)


def test_a_text_shorter_than_n_has_no_ngrams():
    assert clipped_matches(["the", "cat"], [CAT], 3) == (0, 0)
    assert clipped_matches([], [CAT], 1) == (0, 0)


def test_the_closest_length_is_nearest_to_the_hypothesis_and_of_two_the_shorter():
    assert closest_length(["w"] * 10, [["w"] * 6, ["w"] * 15, ["w"] * 13]) == 13
    assert closest_length(["w"] * 10, [["w"] * 12, ["w"] * 8]) == 8
    assert closest_length([], [["w"] * 3, ["w"] * 2]) == 2


def test_only_a_text_shorter_than_its_reference_is_penalised():
    assert brevity_penalty(10, 10) == brevity_penalty(12, 10) == 1
    assert brevity_penalty(5, 10) == pytest.approx(1 / math.e)
    assert brevity_penalty(0, 10) == 0


# --- the whole


def test_bleu_on_paper():
    """a b c d e against a b c d f: 4 of 5, 3 of 4, 2 of 3 and 1 of 2 match, the lengths agree."""
    parts = bleu_by_hand([list("abcde")], [[list("abcdf")]])
    assert parts == BleuParts(matches=(4, 3, 2, 1), totals=(5, 4, 3, 2), length=5, reference_length=5)
    assert parts.precisions == pytest.approx((4 / 5, 3 / 4, 2 / 3, 1 / 2))
    assert parts.score == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4))


def test_a_short_text_with_perfect_precisions_pays_for_being_short():
    parts = bleu_by_hand([list("abcde")], [[list("abcdefgh")]])
    assert parts.precisions == (1, 1, 1, 1)
    assert parts.score == pytest.approx(100 * math.exp(1 - 8 / 5))


def test_counts_are_added_up_before_dividing():
    hypotheses, references = [list("abcd"), list("abcdefgh")], [[list("wxyz")], [list("abcdefgh")]]
    together = bleu_by_hand(hypotheses, references)
    assert together.matches == (8, 7, 6, 5) and together.totals == (12, 10, 8, 6)
    alone = [bleu_by_hand([h], [r]).score for h, r in zip(hypotheses, references, strict=True)]
    assert alone == [0, pytest.approx(100)]
    assert together.score > 70


def test_a_translation_equal_to_one_reference_scores_100():
    assert bleu_by_hand([CAT], [[MAT, CAT]]).score == pytest.approx(100)


def test_without_any_match_of_four_words_bleu_is_zero():
    parts = bleu_by_hand([list("abcxdef")], [[list("abcydef")]])
    assert parts.matches[2] == 2 and parts.matches[3] == 0
    assert parts.score == 0
    assert bleu_by_hand([list("abcxdef")], [[list("abcydef")]], longest=3).score > 50


@pytest.mark.parametrize("hypothesis", [[], ["the"], ["the", "cat", "is"]])
def test_a_text_of_less_than_four_words_scores_zero(hypothesis):
    parts = bleu_by_hand([hypothesis], [[CAT]])
    assert parts.totals[3] == 0 and parts.precisions[3] == 0
    assert parts.score == 0


@pytest.mark.parametrize("score", [bleu_by_hand, bleu])
@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([CAT], [], "1 translations but references for 0"),
        ([], [], "There are no sentences"),
        ([CAT], [[]], r"The references of sentence 0 are \[\]"),
        ([CAT], ["the cat"], "The references of sentence 0 are 'the cat'; expected a list"),
    ],
)
def test_translations_that_cannot_be_scored_are_refused_with_the_reason(score, hypotheses, references, message):
    with pytest.raises(CourseError, match=message):
        score(hypotheses, references)


def test_strings_and_tokens_are_not_taken_for_each_other():
    for hypotheses, references in [(["the cat"], [[CAT]]), ([CAT], [["the cat"]])]:
        with pytest.raises(CourseError, match=r"'the cat' is a string; expected a list of tokens"):
            bleu_by_hand(hypotheses, references)
    for hypotheses, references in [([CAT], [["the cat"]]), (["the cat"], [[CAT]])]:
        with pytest.raises(CourseError, match=r"\['the', .*\] is no string; expected whole sentences"):
            bleu(hypotheses, references)


def test_ngrams_of_no_words_are_refused():
    with pytest.raises(CourseError, match="longest=0: expected 1 or more"):
        bleu_by_hand([CAT], [[CAT]], longest=0)


# --- as reported


def test_a_reported_score_names_the_way_it_was_measured():
    reported = bleu(["The cat is on the mat."], [["The cat is on the mat.", "There is a cat on the mat."]])
    assert reported.score == pytest.approx(100)
    assert reported.signature.startswith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert str(reported) == f"BLEU 100.0 ({reported.signature})"


def test_sentences_may_have_different_numbers_of_references():
    reported = bleu(["a b c d e", "f g h i j"], [["w x y z", "a b c d e"], ["f g h i j"]])
    assert reported.score == pytest.approx(100)
    assert reported.signature.startswith("nrefs:var|")


# --- the ten sentences

OUTPUTS = {kind: [getattr(pair, kind) for pair in TRANSLATIONS] for kind in ("literal", "fluent")}
REFERENCES = [pair.references for pair in TRANSLATIONS]
SENTENCES = [*OUTPUTS["literal"], *OUTPUTS["fluent"], *(one for several in REFERENCES for one in several)]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_words_and_marks_are_cut_as_sacrebleu_cuts_them(sentence):
    assert words_and_marks(sentence) == Tokenizer13a()(sentence).split()


def test_words_keep_their_apostrophe_and_marks_stand_alone():
    assert words_and_marks("  We'll see, won't we?\n") == ["We'll", "see", ",", "won't", "we", "?"]
    assert words_and_marks("¿Café a las 7?") == ["¿", "Café", "a", "las", "7", "?"]
    assert words_and_marks("") == []


@pytest.mark.parametrize("kind", OUTPUTS)
def test_on_the_ten_sentences_bleu_by_hand_is_the_reported_one(kind):
    by_hand = bleu_by_hand(
        [words_and_marks(output) for output in OUTPUTS[kind]],
        [[words_and_marks(reference) for reference in several] for several in REFERENCES],
    )
    assert by_hand.score == pytest.approx(bleu(OUTPUTS[kind], REFERENCES).score, abs=1e-9)


def test_there_are_ten_different_sentences_and_each_ends_with_a_mark():
    assert len({pair.source for pair in TRANSLATIONS}) == 10
    assert all(sentence[-1] in ".?" for sentence in [*SENTENCES, *(pair.source for pair in TRANSLATIONS)])
    assert TRANSLATIONS[0].source == "Este curso sobre LLMs se está poniendo muy interesante."


def test_the_fluent_outputs_score_higher_than_the_word_for_word_ones():
    literal, fluent = (bleu(OUTPUTS[kind], REFERENCES).score for kind in ("literal", "fluent"))
    assert 30 < literal < 50 < fluent < 70


def test_bleu_prefers_a_wrong_sentence_in_the_right_words_to_two_right_ones_in_others():
    pairs = zip(OUTPUTS["fluent"], REFERENCES, strict=True)
    score = [bleu([output], [references]).score for output, references in pairs]
    assert "theatre" in OUTPUTS["fluent"][9] and "museum" in REFERENCES[9][0]
    assert score[9] > 80 and max(score[5], score[7]) < 20
