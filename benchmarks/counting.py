"""Kneser–Ney n-grams of five words: ours, NLTK's, and KenLM's reader; fitted to and scored on the same words.

All begin with a list of words. KenLM scores a model that we fitted and wrote as ARPA: its estimator, lmplz, is not part
of the Python package, so fitting is compared with NLTK alone.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from benchmarks.paired import Contest, Measured, Run, growth, peer, race, shares
from course_utils.models.arpa import arpa_word, write_arpa
from course_utils.models.counts import NgramCounts
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import KneserNey
from course_utils.text import WordVocabulary, load_sotu, word_pieces

ORDER, DISCOUNT, FIT_TARGET = 5, 0.75, 20.0
WORDS = 40_000                                                     # of the training text, for the fit
SIZES = (5_000, 10_000, 20_000, 40_000)
SCORED, SCORED_BY_NLTK = 50_000, 30                                # NLTK walks over all n-grams for each probability
LINE_END = 1


def measure(rounds: int) -> Measured:
    """Fitting beside NLTK, scoring beside NLTK and KenLM, and how the fit grows with the text."""
    words = word_pieces(load_sotu().train[: 10 * WORDS])[:WORDS]
    fits = race({"ours": our_fit(words), "NLTK": their_fit(words)}, rounds)
    fit = Contest.of(
        fits, f"fit n-grams, order {ORDER}", "ours", "NLTK", WORDS, "words/s", FIT_TARGET, shares(steps_of_fit(words))
    )
    makers = {"ours": lambda size: our_fit(words[:size]), "NLTK": lambda size: their_fit(words[:size])}
    grown = growth(f"fit n-grams, order {ORDER}", "words", makers, SIZES, min(rounds, 3))
    return Measured([fit, *_scoring(words, rounds)], grown, {"fitted_words": WORDS, "lmplz": "not in KenLM's package"})


def our_fit(words: list[str]) -> Callable[[], NGram]:
    """From words to our model: ids, counts, discounts."""

    def fit() -> NGram:
        ids, vocabulary = _numbered(words)
        return NGram(NgramCounts(ids[1:], vocabulary, ORDER, start=ids[0]), KneserNey())

    return fit


def their_fit(words: list[str]) -> Callable[[], KneserNeyInterpolated]:
    """From words to NLTK's model: n-grams, counts. It works its probabilities out when it is asked."""

    def fit() -> KneserNeyInterpolated:
        model = KneserNeyInterpolated(ORDER, discount=DISCOUNT)
        model.fit([everygrams(words, max_len=ORDER)], vocabulary_text=words)
        return model

    return fit


def steps_of_fit(words: list[str]) -> dict[str, Run]:
    """The parts of our fit, each to be timed alone."""
    ids, vocabulary = _numbered(words)
    counts = NgramCounts(ids[1:], vocabulary, ORDER, start=ids[0])
    return {
        "words to ids": lambda: _numbered(words),
        "counting": lambda: NgramCounts(ids[1:], vocabulary, ORDER, start=ids[0]),
        "discounts": lambda: NGram(counts, KneserNey()),
    }


def _numbered(words: list[str]) -> tuple[list[int], int]:
    index = {word: i for i, word in enumerate(dict.fromkeys(words))}
    return [index[word] for word in words], len(index)


def _scoring(words: list[str], rounds: int) -> list[Contest]:
    """All three models have read the same words and score others: ours and KenLM many, NLTK a few."""
    text = "".join(words)
    vocabulary = WordVocabulary(text, min_count=1)
    model = NGram.fit(vocabulary.encode(text), vocabulary, ORDER, boundary=LINE_END)
    names = [arpa_word(token) for token in vocabulary.tokens]
    lines = _lines(vocabulary.encode(load_sotu().test).ids[:SCORED].tolist(), names)
    their = their_fit(words)()
    contexts = [words[i : i + ORDER] for i in range(0, len(words) - ORDER, len(words) // SCORED_BY_NLTK)]
    scorers: dict[str, Run] = {
        "ours": our_scorer(model, dict(zip(names, range(len(names)), strict=True)), lines),
        "NLTK": lambda: [their.score(word, context) for *context, word in contexts],
    }
    amounts = {"ours": sum(len(line.split(" ")) + 1 for line in lines), "NLTK": len(contexts)}
    if kenlm := peer("kenlm", "kenlm"):
        read = _read_by(kenlm, model, vocabulary)
        scorers["KenLM"] = lambda: [read.score(line) for line in lines]
        amounts["KenLM"] = amounts["ours"]
    timing = race(scorers, rounds).each(amounts)
    task = f"score words, order {ORDER}"
    return [Contest.of(timing, task, "ours", name, 1, "words/s") for name in amounts if name != "ours"]


def our_scorer(model: NGram, ids: dict[str, int], lines: list[str]) -> Callable[[], float]:
    """From the lines that KenLM reads to the nats of them all, their ends included."""

    def score() -> float:
        stream = [i for line in lines for i in (*(ids[word] for word in line.split(" ")), LINE_END)]
        return model.token_nats(torch.tensor([[LINE_END, *stream[:-1]]]), torch.tensor([stream])).sum().item()

    return score


def _lines(ids: list[int], names: list[str]) -> list[str]:
    """Paragraphs as KenLM reads them; the last, which may be cut, is left out, and so are empty ones."""
    lines, line = [], []
    for i in ids:
        if i != LINE_END:
            line.append(names[i])
        elif line:
            lines.append(" ".join(line))
            line = []
    return lines


def _read_by(kenlm, model: NGram, vocabulary: WordVocabulary):
    with tempfile.TemporaryDirectory() as folder:
        write_arpa(model, vocabulary, Path(folder, "ours.arpa"))
        quietly = kenlm.Config()
        quietly.show_progress, quietly.arpa_complain = False, kenlm.ARPALoadComplain.NONE
        return kenlm.Model(str(Path(folder, "ours.arpa")), quietly)
