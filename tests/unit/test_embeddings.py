"""Word vectors by counting and by prediction: counts and PMI by hand, the SVD against NumPy's, the loss by formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from course_utils.errors import CourseError
from course_utils.models.embeddings import (
    SkipGram,
    WordVectors,
    cooccurrence,
    frequent_words,
    positive_pmi,
    skipgram_batches,
    truncated_svd,
)
from course_utils.seeding import generator
from course_utils.training import FitConfig, fit

COMPASS = WordVectors(
    ("east", "north", "far east", "west", "nowhere"),
    np.array([[1.0, 0.0], [0.0, 2.0], [5.0, 0.5], [-1.0, 0.0], [0.0, 0.0]]),
)


# --- words


def test_words_are_lower_case_commonest_first_and_the_rest_keeps_its_place():
    words, ids = frequent_words("The war, the WAR's end; the peace of 1815", 3)
    assert words == ("the", "war", "war's")
    assert ids.tolist() == [0, 1, 0, 2, -1, 0, -1, -1]


@pytest.mark.parametrize(("text", "size"), [("1815 …", 3), ("word", 0), ("", 1)])
def test_a_text_without_words_and_a_vocabulary_without_room_are_refused(text, size):
    with pytest.raises(CourseError, match="expected 1 or more of each"):
        frequent_words(text, size)


# --- counts and PMI


def test_neighbours_are_counted_on_both_sides_and_no_further_than_the_window():
    ids = np.array([0, 1, 2, 0])
    assert cooccurrence(ids, 3, 1).toarray().tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    assert cooccurrence(ids, 3, 2).toarray().tolist() == [[0, 2, 2], [2, 0, 1], [2, 1, 0]]


def test_a_word_outside_is_not_counted_but_keeps_the_others_apart():
    assert cooccurrence(np.array([0, -1, 1]), 2, 1).nnz == 0
    assert cooccurrence(np.array([0, -1, 1]), 2, 2).toarray().tolist() == [[0, 1], [1, 0]]


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=20), st.integers(1, 5))
def test_counts_are_those_of_two_loops(ids, window):
    slow = np.zeros((4, 4))
    for i, one in enumerate(ids):
        for j, other in enumerate(ids):
            if i != j and abs(i - j) <= window and one >= 0 and other >= 0:
                slow[one, other] += 1
    assert (cooccurrence(np.array(ids), 4, window).toarray() == slow).all()


def test_a_window_of_nothing_and_an_id_outside_are_refused():
    with pytest.raises(CourseError, match="window is 0"):
        cooccurrence(np.array([0, 1]), 2, 0)
    with pytest.raises(CourseError, match="the ids go up to 2"):
        cooccurrence(np.array([0, 2]), 2, 1)


def test_pmi_is_what_paper_and_pencil_give():
    # 16 pairs; word 0 in half of them, context 0 in a quarter; together 4 of 16, by chance 2 of 16: one bit.
    counts = sparse.csr_array(np.array([[4.0, 4.0], [0.0, 8.0]]))
    bits = positive_pmi(counts).toarray()
    assert bits[0, 0] == pytest.approx(1.0)
    assert bits[0, 1] == 0                                           # 4 of 16, by chance 6: less than chance is 0
    assert bits[1, 1] == pytest.approx(np.log2(8 / 6))
    assert bits[1, 0] == 0


def test_a_power_below_one_lowers_the_pmi_of_a_rare_context():
    counts = sparse.csr_array(np.array([[4.0, 4.0], [0.0, 8.0]]))
    p_rare = 4**0.75 / (4**0.75 + 12**0.75)
    assert positive_pmi(counts, 0.75)[0, 0] == pytest.approx(np.log2(0.25 / (0.5 * p_rare)))
    assert positive_pmi(counts, 0.75)[0, 0] < positive_pmi(counts)[0, 0]


def test_words_that_meet_by_chance_have_no_pmi():
    counts = sparse.csr_array(np.outer([1.0, 2.0, 5.0], [1.0, 2.0, 5.0]))
    assert positive_pmi(counts).nnz == 0 or positive_pmi(counts).max() < 1e-12


@pytest.mark.parametrize("counts", [[[0.0, 0.0]], [[1.0, -1.0]]])
def test_pmi_of_nothing_or_of_less_than_nothing_is_refused(counts):
    with pytest.raises(CourseError, match="PMI needs counts"):
        positive_pmi(sparse.csr_array(np.array(counts)))


# --- SVD


def test_the_truncated_svd_is_numpys():
    random = np.random.default_rng(0)
    matrix = random.normal(size=(40, 8)) @ random.normal(size=(8, 40)) + 0.01 * random.normal(size=(40, 40))
    ours = truncated_svd(sparse.csr_array(matrix), 5, generator(1))
    left, values, _ = np.linalg.svd(matrix)
    theirs = left[:, :5] * np.sqrt(values[:5])
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)      # the sign of a column is free
    assert np.allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-4)


def test_the_same_generator_gives_the_same_vectors():
    matrix = sparse.random_array((30, 30), density=0.3, rng=np.random.default_rng(0))
    assert (truncated_svd(matrix, 4, generator(1)) == truncated_svd(matrix, 4, generator(1))).all()


@pytest.mark.parametrize("width", [0, 31])
def test_a_width_that_the_matrix_does_not_have_is_refused(width):
    with pytest.raises(CourseError, match="expected 1 to 30"):
        truncated_svd(np.eye(30), width, generator(1))


# --- skip-gram


def test_the_loss_is_the_formula_of_negative_sampling():
    model = SkipGram(5, 3, generator(1))
    with torch.no_grad():
        model.context.copy_(torch.randn(5, 3, generator=generator(2)))
    scores, loss = model(torch.tensor([1]), torch.tensor([[2, 0, 4]]), torch.tensor([[1.0, 0.0, 0.0]]))
    u, v = model.centre[1], model.context
    by_hand = -torch.log(torch.sigmoid(u @ v[2])) - torch.log(torch.sigmoid(-u @ v[0])) - torch.log(
        torch.sigmoid(-u @ v[4])
    )
    assert scores.shape == (1, 3)
    assert loss.item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_pairs_are_neighbours_within_the_window_before_and_after():
    ids = np.arange(50)
    centres, contexts, labels = skipgram_batches(ids, 50, 3, 2, 2_000, seed=1, threshold=1.0)(0)
    distance = contexts[:, 0] - centres
    assert set(distance.tolist()) == {-3, -2, -1, 1, 2, 3}
    assert labels.tolist()[0] == [1.0, 0.0, 0.0]
    assert contexts.shape == labels.shape == (2_000, 3)


def test_negatives_are_drawn_by_frequency_to_the_power_of_three_quarters():
    ids = np.array([0] * 16 + [1])
    _, contexts, _ = skipgram_batches(ids, 3, 2, 10, 4_000, seed=1, threshold=1.0)(0)
    share = (contexts[:, 1:] == 0).float().mean().item()
    assert share == pytest.approx(16**0.75 / (16**0.75 + 1), abs=0.005)  # 8/9; by plain frequency 16/17
    assert (contexts[:, 1:] < 2).all()                               # a word that does not occur is never drawn


def test_common_words_are_thinned_out_and_words_outside_are_skipped():
    ids = np.array(([0] * 99 + [-1, 1]) * 200)
    kept, _, _ = skipgram_batches(ids, 2, 1, 1, 5_000, seed=1, threshold=0.01)(0)
    share = (kept == 1).float().mean().item()                        # 0 is kept with √(0.01/0.99) = 0.1005: 9.95 to 1
    assert share == pytest.approx(1 / 10.95, abs=0.02)


def test_a_batch_depends_on_seed_and_step_alone():
    ids = np.arange(100) % 7
    one, other = (skipgram_batches(ids, 7, 2, 2, 16, seed=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one(5), other(5), strict=True))
    assert not torch.equal(one(5)[0], one(6)[0])


@pytest.mark.parametrize(("ids", "window"), [([0], 2), ([-1, -1, -1], 2), ([0, 1, 0], 0)])
def test_a_text_without_pairs_is_refused(ids, window):
    with pytest.raises(CourseError, match="words are left and the window is"):
        skipgram_batches(np.array(ids), 2, window, 1, 4, seed=1, threshold=1.0)


def test_training_brings_words_together_that_keep_the_same_company():
    # Two worlds that never meet: 0, 1, 2 among themselves and 3, 4, 5 among themselves.
    random = np.random.default_rng(1)
    blocks = [random.integers(0, 3, 20) + 3 * (block % 2) for block in range(400)]
    ids = np.concatenate([part for block in blocks for part in (block, [-1])])
    model = SkipGram(6, 4, generator(1))
    batches = skipgram_batches(ids, 6, 2, 3, 256, seed=1, threshold=1.0)
    history = fit(model, batches, FitConfig(steps=200, learning_rate=0.05, weight_decay=0.0))
    vectors = WordVectors(tuple("abcdef"), model.centre.detach().numpy())
    assert history.losses[-1] < 0.9 * history.losses[0]
    assert min(vectors.cosine("a", "b"), vectors.cosine("d", "f")) > max(
        vectors.cosine("a", "d"), vectors.cosine("c", "e")
    )


# --- looking things up


def test_nearest_goes_by_angle_and_not_by_length_and_leaves_the_word_itself_out():
    assert [word for word, _ in COMPASS.nearest("east", 2)] == ["far east", "north"]
    assert COMPASS.nearest("east", 1)[0][1] == pytest.approx(5 / np.hypot(5, 0.5))
    assert COMPASS.nearest(np.array([0.0, 9.0]), 1) == [("north", pytest.approx(1.0))]
    assert len(COMPASS.nearest("east", 99)) == 4


def test_opposite_words_have_cosine_minus_one_and_a_vector_of_zeros_none():
    assert COMPASS.cosine("east", "west") == pytest.approx(-1)
    assert COMPASS.cosine("east", "nowhere") == 0


def test_an_analogy_is_a_difference_carried_over():
    square = WordVectors(
        ("man", "woman", "king", "queen", "apple"),
        np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.6, 0.9, 0.9], [0.0, 0.0, -1.0]]),
    )
    assert square.analogy("man", "woman", "king", 1)[0][0] == "queen"
    assert square.analogy("man", "woman", "king", 9, given=True)[-1][0] == "apple"
    assert {word for word, _ in square.analogy("man", "woman", "king", 9)} == {"queen", "apple"}


def test_a_word_without_vector_is_named():
    with pytest.raises(CourseError, match="'up' has no vector"):
        COMPASS.nearest("up")


def test_words_and_vectors_that_do_not_fit_are_refused():
    with pytest.raises(CourseError, match=r"2 words for vectors of shape \(3, 2\)"):
        WordVectors(("a", "b"), np.zeros((3, 2)))


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(1, 4), st.integers(0, 10_000))
def test_cosines_lie_between_minus_one_and_one(size, width, seed):
    vectors = WordVectors(tuple(map(str, range(size))), np.random.default_rng(seed).normal(size=(size, width)))
    assert all(abs(cosine) <= 1 + 1e-9 for _, cosine in vectors.nearest("0", size))
