"""Our Kneser–Ney against NLTK's `KneserNeyInterpolated`, where the two mean the same.

NLTK differs in four ways, so the comparison is made where they do not matter:
- one discount for all counts, given by hand, instead of three estimated per order: `OneDiscount` below does the same;
- single tokens keep their whole continuation count and nothing goes to the uniform distribution, so unseen words get 0:
  `OneDiscount` takes nothing off at order 1;
- an n-gram that begins the text has no left neighbour. We (like KenLM) let it keep its occurrences; NLTK counts it as 0
  but still hands its discount down, and the probabilities after such a context sum to more than 1 (the last test here):
  the texts compared are closed to a ring, so that every n-gram has something before it;
- padding is the caller's business: none is used, and the text is one stream without a boundary.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from course_utils.models.counts import Level, NgramCounts
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import KneserNey, Smoothing, Table, totals
from course_utils.text import load_sotu, word_pieces
from tools.verified import Verified

WORDS = 2000  # NLTK walks over all n-grams for each probability
COMMON = 150  # distinct words; the others are one more
TOLERANCE = 1e-12
VERIFIES = [Verified("01", "Kneser–Ney with one discount", "NLTK, on a text closed to a ring", TOLERANCE)]


@dataclass(frozen=True)
class OneDiscount(Smoothing):
    """Interpolated Kneser–Ney as in Kneser and Ney 1995: the same discount from every count, none at order 1."""

    discount: float

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        counted = KneserNey().counted(level, highest=n == counts.order)
        taken = np.minimum(counted, self.discount if n > 1 else 0.0)
        total = totals(level, counted, contexts)
        saved = totals(level, taken, contexts)
        safe = np.where(total > 0, total, 1)
        return Table((counted - taken) / safe[level.context], np.where(total > 0, saved / safe, 1.0))


@pytest.fixture(scope="module")
def ring() -> list[str]:
    """Words of the training text, the rare ones replaced, the first few once more at the end."""
    pieces = word_pieces(load_sotu().train[:40_000])[:WORDS]
    common = {piece for piece, _ in Counter(pieces).most_common(COMMON)}
    pieces = [piece if piece in common else "<rare>" for piece in pieces]
    return pieces + pieces[:5]


def theirs(words: list[str], order: int, discount: float) -> KneserNeyInterpolated:
    model = KneserNeyInterpolated(order, discount=discount)
    model.fit([list(everygrams(words, max_len=order))], vocabulary_text=sorted(set(words)))
    return model


def ours(words: list[str], order: int, discount: float) -> tuple[NGram, dict[str, int]]:
    index = {word: i for i, word in enumerate(sorted(set(words)))}
    ids = [index[word] for word in words]
    return NGram(NgramCounts(ids[1:], len(index), order, start=ids[0]), OneDiscount(discount)), index


def worst_difference(words: list[str], order: int, discount: float, smoothing: Smoothing | None = None) -> float:
    """The worst |Δ p| over words that follow 40 seen and 40 unseen contexts."""
    their, (our, index) = theirs(words, order, discount), ours(words, order, discount)
    our = NGram(our.counts, smoothing) if smoothing else our
    step = len(words) // 40
    contexts = [words[i : i + order - 1] for i in range(0, 40 * step, step)]
    contexts += [[first[0], *second[1:]] for first, second in zip(contexts, contexts[1:], strict=False)]
    worst = 0.0
    for context in contexts:
        probability = our.distribution([index[word] for word in context])
        for word in words[:: len(words) // 12]:
            worst = max(worst, abs(probability[index[word]] - their.score(word, context)))
    return worst


@pytest.mark.parametrize(("order", "discount"), [(2, 0.1), (2, 0.75), (3, 0.4)])
def test_with_one_discount_our_probabilities_are_those_of_nltk(ring, order, discount):
    assert worst_difference(ring, order, discount) < TOLERANCE


def test_continuation_probabilities_of_single_words_are_those_of_nltk(ring):
    their, (our, index) = theirs(ring, 2, 0.1), ours(ring, 2, 0.1)
    probability = our.distribution([])  # nothing read: order 1 of the bigram model
    for word, i in index.items():
        assert probability[i] == pytest.approx(their.score(word), abs=1e-12)


def test_after_a_word_never_seen_both_hand_down_to_the_shorter_context(ring):
    their, (our, index) = theirs(ring[:200], 2, 0.5), ours(ring[:200], 2, 0.5)
    assert their.score(ring[3], ["never seen"]) == pytest.approx(our.distribution([])[index[ring[3]]], abs=1e-12)


@pytest.mark.parametrize("smoothing", [OneDiscount(0.41), KneserNey()], ids=repr)
def test_the_comparison_notices_another_discount(ring, smoothing):
    assert worst_difference(ring, 3, 0.4, smoothing) > 1e-4


def test_the_comparison_notices_lower_orders_that_count_occurrences(ring):
    @dataclass(frozen=True)
    class Occurrences(OneDiscount):
        def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
            nothing_before = Level(level.keys, level.context, level.suffix, level.count, np.zeros_like(level.left))
            return super().table(nothing_before, n, counts, contexts)

    assert worst_difference(ring, 3, 0.4, Occurrences(0.4)) > 1e-3


def test_where_the_text_begins_nltk_gives_away_more_than_one_and_we_do_not():
    words = list("sabscbsc")  # "s a" begins the text and never comes again
    their, (our, index) = theirs(words, 3, 0.1), ours(words, 3, 0.1)
    assert sum(their.score(word, ["s"]) for word in index) == pytest.approx(1.1)  # (1 − 0.1) / 1 + 0.1 · 2 / 1
    assert our.distribution([index["c"], index["s"]]).sum() == pytest.approx(1, abs=1e-12)
    assert our.distribution([index["s"]]).sum() == pytest.approx(1, abs=1e-12)
