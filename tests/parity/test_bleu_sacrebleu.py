"""BLEU written out against sacrebleu, without smoothing and on tokens, where the two mean the same."""

import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_utils.bleu import BleuParts, bleu, bleu_by_hand, brevity_penalty
from tools.verified import Verified

SENTENCE = st.lists(st.sampled_from("ab"), max_size=12)  # two words only, so that long sequences do match
REFERENCES = st.lists(SENTENCE.filter(bool), min_size=1, max_size=3)
CORPUS = st.lists(st.tuples(SENTENCE, REFERENCES), min_size=1, max_size=5)
TOLERANCE = 1e-9
VERIFIES = [Verified("04", "BLEU written out", "sacrebleu, on small random corpora", TOLERANCE)]


def theirs(hypotheses, references, smooth_method: str = "none"):
    """sacrebleu's score of token lists; it wants the first references of all sentences, then the second, …"""
    most = max(map(len, references))
    streams = [
        [" ".join(several[i]) if i < len(several) else None for several in references] for i in range(most)
    ]
    lines = [" ".join(hypothesis) for hypothesis in hypotheses]
    return sacrebleu.corpus_bleu(lines, streams, tokenize="none", smooth_method=smooth_method, force=True)


@settings(max_examples=500, deadline=None)
@given(CORPUS)
@example([([], [["a"]])])
@example([(["a"], [["a"]])])
@example([(list("aba"), [list("aba")])])  # shorter than 4 tokens
@example([([], [list("ab")]), (list("abab"), [list("abab"), list("ab")])])
@example([(list("aaaaaa"), [list("aa"), list("aaaa")])])  # clipped
@example([(list("abab"), [list("aba"), list("ababa")])])  # two references equally near in length
def test_every_part_is_that_of_sacrebleu(corpus):
    hypotheses, references = zip(*corpus, strict=True)
    ours, their = bleu_by_hand(hypotheses, references), theirs(hypotheses, references)
    assert list(ours.matches) == their.counts
    assert list(ours.totals) == their.totals
    assert (ours.length, ours.reference_length) == (their.sys_len, their.ref_len)
    assert ours.brevity_penalty == pytest.approx(their.bp, abs=1e-12)
    assert ours.score == pytest.approx(their.score, abs=TOLERANCE)
    if their.score > 0:  # sacrebleu leaves precisions at 0 once nothing matches at all
        assert [100 * precision for precision in ours.precisions] == pytest.approx(their.precisions, abs=TOLERANCE)


@given(st.tuples(*[st.integers(1, 50)] * 4), st.integers(0, 60), st.integers(1, 60))
def test_the_score_follows_from_the_counts_as_in_sacrebleu(matches, length, reference_length):
    parts = BleuParts(matches, tuple(50 - n for n in range(4)), length, reference_length)
    counts = list(matches), list(parts.totals)
    their = sacrebleu.BLEU.compute_bleu(*counts, length, reference_length, smooth_method="none")
    assert parts.score == pytest.approx(their.score, abs=TOLERANCE)


@given(st.integers(0, 100), st.integers(1, 100))
def test_the_brevity_penalty_is_that_of_sacrebleu(length, reference_length):
    their = sacrebleu.BLEU.compute_bleu([1], [1], length, reference_length, max_ngram_order=1)
    assert brevity_penalty(length, reference_length) == pytest.approx(their.bp, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(CORPUS)
def test_what_the_course_reports_is_sacrebleu_at_its_defaults(corpus):
    hypotheses, references = zip(*corpus, strict=True)
    lines = [" ".join(hypothesis) for hypothesis in hypotheses]
    reported = bleu(lines, [[" ".join(one) for one in several] for several in references])
    assert reported.score == pytest.approx(theirs(hypotheses, references, smooth_method="exp").score, abs=TOLERANCE)


def test_the_comparison_notices_a_mean_of_sentence_scores():
    hypotheses, references = [list("abab"), list("aabbaabb")], [[list("bbbb")], [list("aabbaabb")]]
    alone = [bleu_by_hand([h], [r]).score for h, r in zip(hypotheses, references, strict=True)]
    assert abs(sum(alone) / 2 - theirs(hypotheses, references).score) > 1
