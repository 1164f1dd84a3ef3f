"""The n-gram model: one answer by three ways, ARPA files, and bad input refused."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.errors import CourseError
from course_utils.models.arpa import NEVER, arpa_word, write_arpa
from course_utils.models.counts import NgramCounts
from course_utils.models.ngram import NGram
from course_utils.models.smoothing import AddK, JelinekMercer, KneserNey
from course_utils.shapes import ShapeError
from course_utils.text import ByteVocabulary, CharVocabulary, WordVocabulary
from tests.support.brute_force import streams

TEXT = "a b a b c\n\nb a c\n\na a b\n\n"
SMOOTHINGS = [AddK(0), AddK(0.5), JelinekMercer(0.7), KneserNey()]


@pytest.fixture(scope="module")
def vocabulary():
    return WordVocabulary(TEXT, min_count=1)


@pytest.fixture(scope="module")
def model(vocabulary):
    """A trigram model whose lines end at the blank line."""
    return NGram.fit(vocabulary.encode(TEXT), vocabulary, order=3, boundary=1)


def row(*ids) -> torch.Tensor:
    return torch.tensor([ids], dtype=torch.int64)


# --- fit


def test_fit_counts_and_smooths_in_one_go(model, vocabulary):
    encoding = vocabulary.encode(TEXT)
    by_hand = NGram(NgramCounts(encoding.ids, len(vocabulary), 3, encoding.start, 1), KneserNey())
    assert model.smoothing == KneserNey()
    np.testing.assert_array_equal(model.distribution([1, 2]), by_hand.distribution([1, 2]))


def test_fit_without_an_order_makes_a_model_of_five(vocabulary):
    assert NGram.fit(vocabulary.encode(TEXT), vocabulary).order == 5


def test_the_parameters_are_an_alpha_for_each_ngram_seen_and_a_gamma_for_each_context_seen():
    model = NGram(NgramCounts([1, 2, 1], vocabulary_size=4, order=3, start=0), KneserNey())
    # single tokens 1, 2 after nothing; bigrams 01 12 21 after 0 1 2; trigrams 012 121 after 01 12
    assert model.parameter_count == (2 + 1) + (3 + 3) + (2 + 2)


def test_a_model_is_not_charged_for_the_orders_it_does_not_ask():
    counts = NgramCounts([1, 2, 1], vocabulary_size=4, order=3, start=0)
    assert NGram(counts, AddK(0.5)).parameter_count == 2 + 2
    assert NGram(counts, AddK(0)).parameter_count == 2 + 2  # a gamma of 0 must be known too
    assert NGram(counts, JelinekMercer((0.5, 0.5, 0))).parameter_count == (2 + 1) + (3 + 3)


def test_a_model_of_counts_has_no_state_to_save_and_no_device():
    model = NGram(NgramCounts([1, 2, 1], vocabulary_size=4, order=2, start=0), KneserNey())
    assert model.state_dict() == {}
    assert model.to("meta").device.type == "cpu"


def test_maximum_likelihood_of_a_bigram_is_the_share_of_its_context():
    model = NGram(NgramCounts([1, 2, 1, 2, 1, 1], vocabulary_size=3, order=2, start=0), AddK(0))
    assert model.token_nats(row(0, 1, 1), row(1, 2, 1))[0].tolist() == pytest.approx([0, math.log(1.5), math.log(3)])


def test_a_longer_context_than_the_order_changes_nothing(model):
    np.testing.assert_array_equal(model.distribution([4, 3, 2, 1, 2]), model.distribution([1, 2]))


def test_a_unigram_model_hears_no_context(vocabulary):
    model = NGram.fit(vocabulary.encode(TEXT), vocabulary, order=1)
    np.testing.assert_array_equal(model.distribution([1]), model.distribution([]))
    assert model.token_nats(row(1, 2), row(3, 3))[0].tolist() == [-math.log(model.distribution([])[3])] * 2


# --- three ways to the same number


@given(streams(), st.sampled_from(SMOOTHINGS), st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_looking_up_writing_out_and_asking_once_give_the_same_nats(stream, smoothing, text):
    model, text = NGram(NgramCounts(**stream), smoothing), [token % stream["vocabulary_size"] for token in text]
    inputs, targets = row(stream["start"], *text[:-1]), row(*text)
    nats = model.token_nats(inputs, targets)[0]
    logits, loss = model(inputs, targets)
    for t, target in enumerate(text):
        expected = model.distribution([stream["start"], *text[:t]])[target]
        assert math.exp(-nats[t]) == pytest.approx(expected, abs=1e-12)
        assert math.exp(logits[0, t, target]) == pytest.approx(expected, abs=1e-12)
    assert loss.item() == pytest.approx(nats.mean().item())


def test_what_is_impossible_costs_infinitely_many_nats(vocabulary):
    model = NGram.fit(vocabulary.encode(TEXT), vocabulary, order=2, smoothing=AddK(0))
    assert model.token_nats(row(1), row(1)).item() == math.inf  # an empty line never occurred


def test_the_rows_of_a_batch_do_not_see_each_other(model):
    first, second, targets = row(1, 2, 3), row(1, 4, 4), row(2, 3, 4)
    both = model.token_nats(torch.cat([first, second]), torch.cat([targets, targets]))
    assert both[0].tolist() == model.token_nats(first, targets)[0].tolist()
    assert both[1].tolist() == model.token_nats(second, targets)[0].tolist()


def test_no_token_sees_a_later_one(model):
    early, late = model(row(1, 2, 3, 4))[0], model(row(1, 2, 3, 2))[0]
    assert torch.equal(early[:, :3], late[:, :3])
    assert not torch.equal(early[:, 3], late[:, 3])


def test_an_empty_sequence_gives_empty_answers(model):
    nothing = torch.empty(1, 0, dtype=torch.int64)
    assert model.token_nats(nothing, nothing).shape == (1, 0)
    assert model(nothing)[0].shape == (1, 0, len(model.distribution([])))


# --- bad input


@pytest.mark.parametrize("order", [0, 7])
def test_an_order_outside_one_to_six_is_refused(vocabulary, order):
    with pytest.raises(CourseError, match=f"order is {order}; expected 1 to 6"):
        NGram.fit(vocabulary.encode(TEXT), vocabulary, order=order)


@pytest.mark.parametrize("ids", [[-1], [99], [1, 7]])
def test_ids_outside_the_vocabulary_are_refused_by_every_way(model, ids):
    size = model.vocabulary_size
    valid, wrong = torch.zeros(1, len(ids), dtype=torch.int64), torch.tensor([[min(i, size) for i in ids]])
    calls = [
        lambda: model.distribution(wrong[0].tolist()),
        lambda: model.next_probabilities(wrong[0].tolist()),
        lambda: model(wrong),
        lambda: model.token_nats(wrong, valid),
        lambda: model.token_nats(valid, wrong),
        lambda: model(valid, wrong),
    ]
    for call in calls:
        with pytest.raises(CourseError, match=f"must lie in 0 … {size - 1}; got "):
            call()


def test_ids_without_a_batch_are_refused(model):
    with pytest.raises(ShapeError, match=r"ids should have shape \(B, T\); got \(2,\)"):
        model(torch.tensor([1, 2]))
    with pytest.raises(ShapeError, match=r"ids should have shape \(B, T\); got \(2,\)"):
        model.token_nats(torch.tensor([1, 2]), torch.tensor([1, 2]))


def test_targets_of_another_shape_are_refused(model):
    with pytest.raises(ShapeError, match=r"targets should have shape \(1, 2\); got \(1, 3\)"):
        model.token_nats(row(1, 2), row(1, 2, 3))


# --- ARPA


def read_arpa(text: str) -> tuple[dict[tuple[str, ...], tuple[float, float]], list[int]]:
    """An ARPA file as n-gram → (log10 p, log10 back-off weight), and the sizes it announces."""
    entries, sizes = {}, []
    for line in text.splitlines():
        if line.startswith("ngram "):
            sizes.append(int(line.split("=")[1]))
        elif "\t" in line:
            log_p, words, *backoff = line.split("\t")
            entries[tuple(words.split(" "))] = float(log_p), float(backoff[0]) if backoff else 0.0
    return entries, sizes


def score(entries, words: tuple[str, ...]) -> float:
    """log10 p of the last word after the others, by Katz's back-off as an ARPA file means it."""
    if words in entries:
        return entries[words][0]
    return entries.get(words[:-1], (0.0, 0.0))[1] + score(entries, words[1:])


@pytest.mark.parametrize("smoothing", [AddK(0.5), JelinekMercer(0.7), KneserNey()], ids=repr)
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_an_arpa_file_scored_by_the_book_gives_the_models_own_numbers(tmp_path, vocabulary, smoothing, order):
    model = NGram.fit(vocabulary.encode(TEXT), vocabulary, order, smoothing, boundary=1)
    write_arpa(model, vocabulary, tmp_path / "toy.arpa")
    entries, _ = read_arpa((tmp_path / "toy.arpa").read_text(encoding="utf-8"))
    for line in ([], [2], [3, 2, 4], [4, 4, 4, 4], [2, 3, 2, 3, 4], [0, 2, 0]):
        nats = model.token_nats(row(1, *line), row(*line, 1))[0]
        words = ("<s>", *(arpa_word(vocabulary.tokens[i]) for i in line), "</s>")
        for t in range(1, len(words)):
            got = score(entries, words[max(0, t + 1 - order) : t + 1])
            assert got == pytest.approx(-nats[t - 1].item() / math.log(10), abs=1e-6)  # seven digits are written


def test_an_arpa_file_announces_as_many_ngrams_as_it_holds(tmp_path, model, vocabulary):
    write_arpa(model, vocabulary, tmp_path / "toy.arpa")
    text = (tmp_path / "toy.arpa").read_text(encoding="utf-8")
    entries, sizes = read_arpa(text)
    assert sizes == [sum(len(ngram) == n for ngram in entries) for n in (1, 2, 3)]
    assert text.startswith("\\data\\\n") and text.endswith("\n\\end\\\n")


def test_the_boundary_begins_lines_in_contexts_and_ends_them_as_a_prediction(tmp_path, model, vocabulary):
    write_arpa(model, vocabulary, tmp_path / "toy.arpa")
    entries, _ = read_arpa((tmp_path / "toy.arpa").read_text(encoding="utf-8"))
    assert entries[("<s>",)][0] == NEVER
    assert not any("<s>" in ngram[1:] or "</s>" in ngram[:-1] for ngram in entries)


def test_an_impossible_ngram_is_written_as_minus_99(tmp_path, vocabulary):
    model = NGram.fit(vocabulary.encode(TEXT), vocabulary, 1, AddK(0), boundary=1)
    write_arpa(model, vocabulary, tmp_path / "toy.arpa")
    entries, _ = read_arpa((tmp_path / "toy.arpa").read_text(encoding="utf-8"))
    assert entries[("<unk>",)] == (NEVER, 0.0)


def test_no_word_of_an_arpa_file_holds_white_space():
    assert arpa_word(" the") == "▁the"
    assert arpa_word("\n") == "↵"
    assert arpa_word("\t") == "<U+0009>"
    assert arpa_word("a\u00a0b") == "a<U+00A0>b"
    words = [arpa_word(token) for token in ByteVocabulary().tokens]
    assert len(set(words)) == 256
    assert not any(word.split() != [word] or "\0" in word for word in words)


def test_a_model_without_a_boundary_cannot_be_written_as_arpa(tmp_path):
    vocabulary = CharVocabulary("ab")
    model = NGram.fit(vocabulary.encode("ab"), vocabulary, 2)
    with pytest.raises(CourseError, match="boundary=…"):
        write_arpa(model, vocabulary, tmp_path / "toy.arpa")
    assert not (tmp_path / "toy.arpa").exists()
