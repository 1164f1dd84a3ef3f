"""The n-gram models against KenLM: its reader on our ARPA files, and its estimator on the same text.

`lmplz_scores.json` holds what KenLM's own estimator, lmplz, made of `training_lines()`: the discounts of each order,
and log10 p of each word of `held_out_lines()` in its reader. lmplz is not part of the Python package, so its numbers
are kept; to make them again, build it from KenLM's sources, write the training lines to a file, one line a paragraph,
and run `lmplz -o 5 --discount_fallback < train > model.arpa`.
"""

import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.models.arpa import arpa_word, write_arpa
from course_utils.models.counts import Level, NgramCounts
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import (
    AbsoluteDiscount,
    AddK,
    JelinekMercer,
    KneserNey,
    Table,
    modified_discounts,
    totals,
)
from course_utils.paths import REPOSITORY
from course_utils.text import ByteVocabulary, WordVocabulary, load_sotu
from tools.verified import Verified

kenlm = pytest.importorskip("kenlm", reason="KenLM is not packaged for this system")

LMPLZ = Path(__file__).with_name("lmplz_scores.json")
TOLERANCE = 1e-4  # of log10 p, summed over a paragraph
LINE_END, UNKNOWN = 1, 0
ESTIMATE = 1e-5  # of log10 p, a word
VERIFIES = [
    Verified(
        "01",
        "n-gram probabilities, order 5, Kneser–Ney",
        "KenLM reads our model: every test paragraph",
        TOLERANCE,
        "in log10 p",
    ),
    Verified(
        "01",
        "their estimation, discounts included",
        "KenLM's own estimator, `lmplz`, on the same text",
        ESTIMATE,
        "a word",
    ),
]


# --- our models in KenLM's reader


def paragraphs(ids: list[int], end: int) -> list[list[int]]:
    """Cut a stream at its boundary; each paragraph without it."""
    lines, line = [], []
    for i in ids:
        if i == end:
            lines.append(line)
            line = []
        else:
            line.append(i)
    assert not line, "the text ends in the middle of a paragraph"
    return lines


def differences(theirs: list[float], nats: list[float]) -> list[float]:
    """Signed Δ log10 p of each token of a paragraph, in double precision."""
    assert len(theirs) == len(nats)
    return [their + our / math.log(10) for their, our in zip(theirs, nats, strict=True)]


def compare(model: NGram, vocabulary, text: str, file: Path) -> tuple[int, float, float]:
    """Number of paragraphs, and the worst |Δ log10 p| of a paragraph and of a token, KenLM reading our ARPA `file`."""
    write_arpa(model, vocabulary, file)
    theirs = kenlm.Model(str(file))
    encoding, words = vocabulary.encode(text), [arpa_word(token) for token in vocabulary.tokens]
    nats = iter(model.token_nats(encoding.inputs[None], encoding.ids[None])[0].tolist())
    lines = paragraphs(encoding.ids.tolist(), model.counts.boundary)
    worst_paragraph = worst_token = 0.0
    for line in lines:
        scores = [score for score, *_ in theirs.full_scores(" ".join(words[i] for i in line))]
        delta = differences(scores, [next(nats) for _ in scores])
        worst_paragraph = max(worst_paragraph, abs(math.fsum(delta)))
        worst_token = max(worst_token, *map(abs, delta))
    assert next(nats, None) is None
    return len(lines), worst_paragraph, worst_token


@pytest.mark.slow
def test_kenlm_scores_every_test_paragraph_as_our_model_of_five_does(tmp_path, record_property):
    splits = load_sotu()
    vocabulary = WordVocabulary(splits.train, min_count=2)
    training = vocabulary.encode(splits.train)
    started = time.perf_counter()
    model = NGram.fit(training, vocabulary, order=5, boundary=LINE_END)
    seconds = time.perf_counter() - started
    number, worst_paragraph, worst_token = compare(model, vocabulary, splits.test, tmp_path / "sotu.arpa")
    (tmp_path / "sotu.arpa").unlink()  # 235 MB
    for name, value in (("fit_seconds", seconds), ("paragraph", worst_paragraph), ("token", worst_token)):
        record_property(name, value)
    print(
        f"{number} paragraphs, worst |Δ log10 p| {worst_paragraph:.1e} (token {worst_token:.1e}), fit {seconds:.1f} s"
    )
    assert number > 1000
    assert worst_paragraph <= TOLERANCE
    assert worst_token <= TOLERANCE / 10
    assert seconds < 30


FIT = """
from course_utils.models.ngram import NGram
from course_utils.text import WordVocabulary, load_sotu
from tests.support.memory import peak_gigabytes
text = load_sotu().train
vocabulary = WordVocabulary(text, min_count=2)
NGram.fit(vocabulary.encode(text), vocabulary, order=5, boundary=1)
print(peak_gigabytes())
"""


@pytest.mark.slow
def test_a_model_of_five_is_fitted_within_two_gigabytes(record_property):
    done = subprocess.run([sys.executable, "-c", FIT], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    gigabytes = float(done.stdout)
    record_property("gigabytes", gigabytes)
    print(f"peak memory {gigabytes:.2f} GB")
    assert 0.1 < gigabytes < 2


TOY = "the cat sat on the mat\nthe dog sat\n\nthe mat\ta cat\r sat\n"
HELD_OUT = "the cat\nthe the the dog dog\n\n\tsat on a mat\rthe\n"


@pytest.mark.parametrize("smoothing", [AddK(0.5), JelinekMercer(0.7), AbsoluteDiscount(), KneserNey()], ids=repr)
@pytest.mark.parametrize("order", [2, 3, 6])
def test_kenlm_scores_models_of_bytes_with_every_smoothing_alike(tmp_path, smoothing, order):
    vocabulary = ByteVocabulary()
    model = NGram.fit(vocabulary.encode(TOY), vocabulary, order, smoothing, boundary=ord("\n"))
    number, worst_paragraph, _ = compare(model, vocabulary, HELD_OUT, tmp_path / "toy.arpa")
    assert number == 4
    assert worst_paragraph <= 1e-5


# --- the same text through KenLM's own estimator


def cut(text: str) -> list[list[str]]:
    """Paragraphs as lists of words and marks: by a rule of this test's own, so that the kept numbers stay valid."""
    return [re.findall(r"\w+|[^\w\s]", paragraph) for paragraph in text.split("\n\n") if paragraph.strip()]


def training_lines() -> list[list[str]]:
    return cut(load_sotu().train[:200_000].rpartition("\n\n")[0])


def held_out_lines() -> list[list[str]]:
    return cut(load_sotu().test)[:25]


@pytest.fixture(scope="module")
def lmplz() -> dict:
    return json.loads(LMPLZ.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ids() -> dict[str, int]:
    words = sorted({word for line in training_lines() for word in line})
    return {word: i for i, word in enumerate(words, start=2)}


def stream(lines: list[list[str]], ids: dict[str, int]) -> list[int]:
    return [i for line in lines for i in (*(ids.get(word, UNKNOWN) for word in line), LINE_END)]


def count(ids: dict[str, int], boundary: int | None = LINE_END) -> NgramCounts:
    return NgramCounts(stream(training_lines(), ids), len(ids) + 2, 5, start=LINE_END, boundary=boundary)


@pytest.fixture(scope="module")
def counts(ids) -> NgramCounts:
    return count(ids)


def worst_against(lmplz: dict, ids: dict[str, int], model: NGram) -> float:
    """The worst |Δ log10 p| of a held-out token, our estimate against KenLM's."""
    held_out = stream(held_out_lines(), ids)
    inputs, targets = torch.tensor([[LINE_END, *held_out[:-1]]]), torch.tensor([held_out])
    theirs = [score for line in lmplz["log10"] for score in line]
    return max(map(abs, differences(theirs, model.token_nats(inputs, targets)[0].tolist())))


def test_the_estimate_is_that_of_kenlms_own_estimator(lmplz, ids, counts, record_property):
    worst = worst_against(lmplz, ids, NGram(counts, KneserNey()))
    record_property("token", worst)
    assert worst < ESTIMATE


def test_the_discounts_are_those_of_kenlms_own_estimator(lmplz, counts):
    for n, (level, expected) in enumerate(zip(counts.levels, lmplz["discounts"], strict=True), start=1):
        counted = KneserNey().counted(level, highest=n == counts.order)
        assert modified_discounts(counted) == pytest.approx(expected, rel=1e-5)  # lmplz prints six digits


# --- mutants: each must be noticed, or the comparison above proves nothing


class LowerOrdersCountOccurrences(KneserNey):
    def counted(self, level: Level, highest: bool) -> np.ndarray:
        return level.count


class LineBeginningsCountNothing(KneserNey):
    def counted(self, level: Level, highest: bool) -> np.ndarray:
        return level.count if highest else level.left


class Shifted(KneserNey):
    """The discount of a count is looked up one place too low."""

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        counted = self.counted(level, highest=n == counts.order)
        discount = np.array([0.0, 0.0, *modified_discounts(counted)])[np.minimum(counted, 4)]
        total = totals(level, counted, contexts).clip(min=1)
        saved = np.bincount(level.context, weights=discount, minlength=contexts)
        return Table((counted - discount) / total[level.context], np.where(saved > 0, saved / total, 1.0))


class GammaNotDivided(KneserNey):
    """What was saved is handed down as it is, not as a share of the context's total."""

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        table = super().table(level, n, counts, contexts)
        total = totals(level, self.counted(level, highest=n == counts.order), contexts)
        return Table(table.alpha, table.gamma * total.clip(min=1))


class GammaOne(KneserNey):
    """The lower order is added in full."""

    def table(self, level: Level, n: int, counts: NgramCounts, contexts: int) -> Table:
        table = super().table(level, n, counts, contexts)
        return Table(table.alpha, np.ones_like(table.gamma))


@pytest.mark.parametrize(
    "mutant",
    [LowerOrdersCountOccurrences, LineBeginningsCountNothing, Shifted, GammaNotDivided, GammaOne],
    ids=lambda mutant: mutant.__name__,
)
def test_the_comparison_notices_a_kneser_ney_with_a_fault(lmplz, ids, counts, mutant):
    assert worst_against(lmplz, ids, NGram(counts, mutant())) > 100 * TOLERANCE


@pytest.mark.parametrize("mutant", [GammaNotDivided, GammaOne], ids=lambda mutant: mutant.__name__)
def test_a_gamma_that_is_not_renormalised_no_longer_sums_to_one(counts, mutant):
    right, wrong = NGram(counts, KneserNey()), NGram(counts, mutant())
    for context in ([LINE_END], [LINE_END, 5], [7]):
        assert right.distribution(context).sum() == pytest.approx(1, abs=1e-12)
        assert abs(wrong.distribution(context).sum() - 1) > 0.01


def test_the_comparison_notices_a_boundary_that_is_ignored(lmplz, ids):
    assert worst_against(lmplz, ids, NGram(count(ids, boundary=None), KneserNey())) > 100 * TOLERANCE


def test_the_comparison_notices_a_vocabulary_that_is_one_word_too_large(lmplz, ids):
    larger = NgramCounts(stream(training_lines(), ids), len(ids) + 3, 5, start=LINE_END, boundary=LINE_END)
    assert worst_against(lmplz, ids, NGram(larger, KneserNey())) > 1e-5


def test_the_comparison_of_arpa_files_notices_wrong_back_off_weights(tmp_path):
    vocabulary = ByteVocabulary()
    model = NGram.fit(vocabulary.encode(TOY), vocabulary, 3, boundary=ord("\n"))
    write_arpa(model, vocabulary, tmp_path / "right.arpa")
    lines = (tmp_path / "right.arpa").read_text(encoding="utf-8").split("\n")
    for name, keep in (("right", slice(None)), ("wrong", slice(2))):
        text = "\n".join("\t".join(line.split("\t")[keep]) for line in lines)
        (tmp_path / f"{name}.arpa").write_text(text, encoding="utf-8")
    right, wrong = (kenlm.Model(str(tmp_path / f"{name}.arpa")) for name in ("right", "wrong"))
    assert abs(right.score("d o g s") - wrong.score("d o g s")) > 100 * TOLERANCE
