"""The pronoun after an occupation: by hand on a model that is known, against `token_nats` on a tiny transformer."""

import numpy as np
import pytest
import torch
from scipy import stats

from course_utils.errors import CourseError
from course_utils.models.fast import FastDecoder
from course_utils.models.fast_reading import FastReader
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.pronouns import (
    PRONOUNS,
    TEMPLATES,
    LabourShare,
    continuation_nats,
    load_labour_shares,
    pronoun_nats,
    pronoun_odds,
    rank_correlation,
    spearman,
)
from course_utils.seeding import generator
from course_utils.text import ByteVocabulary, WordVocabulary
from tools.verified import Verified

TOLERANCE = 1e-9
VERIFIES = [Verified("15", "rank correlation", "SciPy", TOLERANCE)]

WORDS = ["The", " person", " nurse", " smith", " said", " hoped", " she", " he", " they"]


class WordIds:
    """As a tokenizer of transformers: text to a list of ids, one for each word."""

    def encode(self, text):
        return [WORDS.index(word if i == 0 else f" {word}") for i, word in enumerate(text.split(" "))]


class Knows:
    """Of every text it knows p(she) and p(he): by its subject, the second word; after "hoped" both are halved."""

    shares = {" person": (0.3, 0.3), " nurse": (0.6, 0.2), " smith": (0.1, 0.4)}

    def __init__(self):
        self.passes = 0

    def read(self, ids, memory=None):
        self.passes += 1
        she, he = self.shares[WORDS[ids[1]]]
        probability = torch.full((len(WORDS),), 0.01)
        probability[WORDS.index(" she")], probability[WORDS.index(" he")] = she, he
        return probability / (2 if WORDS[ids[-1]] == " hoped" else 1), None


TWO = ("The {subject} said", "The {subject} hoped")


@pytest.fixture(scope="module")
def tiny():
    """A random transformer over bytes."""
    config = TransformerConfig(len(ByteVocabulary()), context=64, width=16, heads=2, layers=2, **LLAMA)
    return Transformer(config, generator(0)).eval()


# --- odds


def test_the_odds_by_hand():
    odds = pronoun_odds(Knows(), WordIds(), ["nurse", "smith"], templates=TWO)
    assert odds.raw == pytest.approx(np.log([[3, 3], [0.25, 0.25]]), abs=1e-6)
    assert odds.baseline == pytest.approx([0, 0], abs=1e-6)
    assert odds.centred == pytest.approx(np.log([3, 0.25]), abs=1e-6)


def test_a_model_that_says_he_after_everybody_is_not_held_against_an_occupation():
    model = Knows()
    model.shares = {subject: (she, 5 * he) for subject, (she, he) in Knows.shares.items()}
    odds = pronoun_odds(model, WordIds(), ["nurse", "smith"], templates=TWO)
    assert odds.raw[0] == pytest.approx(np.log([0.6, 0.6]), abs=1e-6)
    assert odds.centred == pytest.approx(np.log([3, 0.25]), abs=1e-6)


def test_each_subject_in_each_template_costs_one_pass_however_many_pronouns():
    model = Knows()
    nats = pronoun_nats(model, WordIds(), ["person", "nurse", "smith"], TWO)
    assert nats.shape == (3, 2, 3)
    assert model.passes == 6
    assert nats[1, :, 0] == pytest.approx(-np.log([0.6, 0.3]), abs=1e-6)


def test_a_pronoun_of_several_tokens_is_the_product_of_its_tokens(tiny):
    vocabulary = ByteVocabulary()
    nats = continuation_nats(tiny, vocabulary, "The nurse said that", PRONOUNS)
    for pronoun, found in zip(PRONOUNS, nats, strict=True):
        encoding = vocabulary.encode("The nurse said that" + pronoun)
        each = tiny.token_nats(encoding.inputs[None], encoding.ids[None])[0]
        assert found == pytest.approx(each[-len(pronoun) :].sum().item(), abs=1e-4)   # float32, 4 to 5 tokens


def test_the_fast_reader_finds_the_same_odds(tiny):
    slow = pronoun_odds(tiny, ByteVocabulary(), ["nurse", "smith"], templates=TWO)
    fast = pronoun_odds(FastReader(FastDecoder(tiny)), ByteVocabulary(), ["nurse", "smith"], templates=TWO)
    assert fast.centred == pytest.approx(slow.centred, abs=1e-4)                      # products in another order


def test_the_twelve_templates_are_different_and_end_before_a_pronoun():
    assert len(set(TEMPLATES)) == 12
    assert all(template.startswith("The {subject} ") and template[-1].isalpha() for template in TEMPLATES)


def test_subjects_and_templates_that_cannot_be_compared_are_refused():
    with pytest.raises(CourseError, match="'person', 'nurse', 'nurse'; expected a neutral one and others, each once"):
        pronoun_odds(Knows(), WordIds(), ["nurse", "nurse"])
    with pytest.raises(CourseError, match="Subjects: 'person';"):
        pronoun_odds(Knows(), WordIds(), [])
    with pytest.raises(CourseError, match=r"lack \{subject\}: \['The nurse said'\], of 1"):
        pronoun_odds(Knows(), WordIds(), ["nurse"], templates=["The nurse said"])
    with pytest.raises(CourseError, match=r"\[\], of 0"):
        pronoun_odds(Knows(), WordIds(), ["nurse"], templates=[])


def test_tokens_that_grow_together_are_refused():
    class FourLetters:
        def encode(self, text):
            return [2 if text[i : i + 4] in "The nurse said" else 3 for i in range(0, len(text), 4)]

    with pytest.raises(CourseError, match="'The nurse said' and ' she' are cut into other tokens when joined"):
        continuation_nats(Knows(), FourLetters(), "The nurse said", [" she"])
    with pytest.raises(CourseError, match="cut into other tokens"):
        continuation_nats(Knows(), WordIds(), "The nurse said", [""])


def test_a_word_that_is_unknown_and_a_pronoun_that_is_impossible_are_refused():
    vocabulary = WordVocabulary("The nurse said that she slept", min_count=1)
    with pytest.raises(CourseError, match="<unk> to this vocabulary"):
        continuation_nats(Knows(), vocabulary, "The plumber said that", PRONOUNS)
    model = Knows()
    model.shares = {" nurse": (0.0, 0.2)}
    with pytest.raises(CourseError, match="' she' after 'The nurse said' no chance at all"):
        continuation_nats(model, WordIds(), "The nurse said", [" he", " she"])


# --- labour shares


def test_the_table_holds_forty_occupations_with_their_source():
    shares = load_labour_shares()
    assert len({share.occupation for share in shares}) == len(shares) == 40
    assert [share.occupation for share in shares] == sorted(share.occupation for share in shares)
    assert {share.source for share in shares} == {"BLS"}
    assert {share.year for share in shares} == {2015, 2016}
    assert LabourShare("nurse", 89.58, "BLS", 2015) in shares
    assert min(shares, key=lambda share: share.percent_women) == LabourShare("plumber", 0.7, "BLS", 2015)


# --- rank correlation


@pytest.mark.parametrize("ties", [False, True])
def test_the_rank_correlation_is_that_of_scipy(ties):
    first, second = torch.randn(2, 30, generator=generator(4)).double().numpy()
    second = np.round(first + second) if ties else first + second
    found, theirs = rank_correlation(first, second, generator(0)), stats.spearmanr(first, second)
    assert found.rho == pytest.approx(theirs.statistic, abs=TOLERANCE)
    assert found.low < found.rho < found.high


def test_its_p_value_is_that_of_all_orders():
    first, second = np.arange(6.0), np.array([1.0, 0, 3, 2, 5, 4])
    exact = stats.permutation_test(
        (first,), lambda x: stats.spearmanr(x, second).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    found = rank_correlation(first, second, generator(0), samples=20_000)
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.006)              # four standard errors
    assert rank_correlation(first, -second, generator(0), samples=20_000).p_value == found.p_value


def test_the_true_order_counts_among_the_shuffles_so_that_no_p_value_is_zero():
    assert rank_correlation(range(20), range(20), generator(0), samples=9).p_value == pytest.approx(0.1)


def test_of_two_things_that_are_not_related_a_p_value_below_a_tenth_comes_about_once_in_ten():
    pairs = torch.randn(120, 2, 12, generator=generator(0)).numpy()
    p_values = np.array([rank_correlation(*pair, generator(0), samples=199).p_value for pair in pairs])
    assert np.mean(p_values <= 0.1) == pytest.approx(0.1, abs=0.085)            # three standard errors


def test_a_resample_in_which_all_are_equal_shows_no_correlation():
    assert spearman(np.array([[[1.0, 2], [1, 3], [1, 4]], [[1.0, 2], [2, 3], [3, 4]]])) == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "4 pairs"),
        ([1] * 6, range(6), "6 pairs .*neither side all equal"),
        (range(6), range(5), r"second should have shape \(6\); got \(5,\)"),
    ],
)
def test_too_few_pairs_and_one_that_never_changes_are_refused(first, second, says):
    with pytest.raises(CourseError, match=says):
        rank_correlation(first, second, generator(0))
