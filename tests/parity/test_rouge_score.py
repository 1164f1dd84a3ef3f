"""ROUGE written out against the rouge_score package, without stemming, where the two mean the same."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from course_utils.rouge import rouge_l, rouge_n
from tools.verified import Verified

TEXT = st.text(alphabet="ab1 .-É", max_size=24)  # few words, so that long sequences do match
SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
TOLERANCE = 1e-9
VERIFIES = [Verified("10", "ROUGE written out", "rouge_score, on small random texts", TOLERANCE)]


@settings(max_examples=300, deadline=None)
@given(TEXT, TEXT)
@example("", "a b")
@example("a b", "")
@example("a a a", "a")  # clipped
@example("It's co-operative, 3.5 %!", "its CO operative 3 5")
@example("the cat sat on the mat", "on the mat the cat sat")  # the same words in another order
def test_precision_recall_and_f1_are_those_of_rouge_score(summary, reference):
    theirs = SCORER.score(reference, summary)
    ours = {"rouge1": rouge_n(summary, reference, 1), "rouge2": rouge_n(summary, reference, 2)}
    ours["rougeL"] = rouge_l(summary, reference)
    for kind, score in ours.items():
        their = theirs[kind]
        expected = (their.precision, their.recall, their.fmeasure)
        assert (score.precision, score.recall, score.f1) == pytest.approx(expected, abs=TOLERANCE), kind
