"""The references of lesson 15 agree with what the course's own modules do, and other right answers pass."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from course_utils import bias, calibration, distillation, memorization, probing, quantization, semantic_search
from course_utils.exercises.checks import examine
from course_utils.exercises.lesson15.bias import EFFECT, ODDS, centred_odds, permutation_p
from course_utils.exercises.lesson15.exposed import EXPOSURE, exposure
from course_utils.exercises.lesson15.facts import CALIBRATION, RECALL, calibration_error, recall_at
from course_utils.exercises.lesson15.inside import INDUCTION, PROBE, induction_score
from course_utils.exercises.lesson15.quiz import QUIZ
from course_utils.exercises.lesson15.rounding import ROUNDED, quantize
from course_utils.exercises.lesson15.teaching import TEACHER, distillation_loss
from course_utils.interpretability import induction_scores, repeated_tokens
from course_utils.intervals import wilson_interval
from course_utils.models.head_surgery import attention_weights
from course_utils.models.transformer import LLAMA, Transformer, TransformerConfig
from course_utils.pronouns import pronoun_nats, pronoun_odds
from course_utils.seeding import generator
from course_utils.text import ByteVocabulary

pytestmark = pytest.mark.usefixtures("one_thread")


def cases(exercise):
    return [case.arguments() for case in (*exercise.cases, *exercise.hidden)]


def passes(exercise, answer):
    """Whether an answer is right in the visible cases and in the hidden ones."""
    reports = [examine(exercise, answer, hidden) for hidden in (False, True)]
    return all(report.passed for report in reports), "\n".join(report.text for report in reports)


@pytest.fixture(scope="module")
def decoder() -> Transformer:
    """An untrained decoder over bytes, two layers of two heads."""
    config = TransformerConfig(len(ByteVocabulary()), context=64, width=16, heads=2, layers=2, **LLAMA)
    return Transformer(config, generator(1)).eval()


# --- bias


def test_the_odds_are_those_that_the_course_reads_off_a_model(decoder):
    occupations, templates = ["nurse", "miner", "judge"], ("The {subject} said", "A {subject} was here, as")
    pronouns = (" she", " he")
    nats = pronoun_nats(decoder, ByteVocabulary(), ["person", *occupations], templates, pronouns)
    baseline = nats[0, :, 1] - nats[0, :, 0]
    ours = centred_odds(nats[1:, :, 0], nats[1:, :, 1], baseline)
    assert ours == pytest.approx(pronoun_odds(decoder, ByteVocabulary(), occupations, templates=templates).centred)


def test_means_first_and_the_difference_of_logarithms_after_give_the_same_odds():
    def centred_odds(she, he, baseline):
        return np.log(np.exp(-she) / np.exp(-he)).mean(1) - np.mean(baseline)

    right, text = passes(ODDS, centred_odds)
    assert right, text


def test_another_neutral_word_moves_all_occupations_by_one_amount_as_the_quiz_says():
    she, he, baseline = cases(ODDS)[-1]
    moved = centred_odds(she, he, baseline + np.arange(len(baseline))) - centred_odds(she, he, baseline)
    assert moved == pytest.approx(np.full(len(she), moved[0])) and moved[0] < -1


@pytest.mark.parametrize("arguments", cases(EFFECT), ids=lambda arguments: f"{len(arguments[0])}+{len(arguments[1])}")
def test_the_p_value_is_that_of_the_courses_test_and_of_scipys(arguments):
    p, partitions, exact = bias.permutation_test(*arguments, generator(1))
    assert exact and permutation_p(*arguments) == pytest.approx(p)
    assert p * partitions == pytest.approx(round(p * partitions)) and partitions > 5
    theirs = stats.permutation_test(
        arguments, lambda one, other, axis: one.mean(axis) - other.mean(axis), alternative="greater", vectorized=True
    )
    assert permutation_p(*arguments) == pytest.approx(theirs.pvalue)


def test_all_orders_of_the_numbers_give_the_same_p_and_so_does_a_count_of_means():
    def by_orders(first, second):
        n = len(first)
        gaps = [sum(order[:n]) for order in itertools.permutations([*first, *second])]
        return sum(gap >= sum(first) for gap in gaps) / len(gaps)

    def by_means(first, second):
        values, found = np.array(first + second), np.mean(first) - np.mean(second)
        places, large = set(range(len(values))), []
        for chosen in itertools.combinations(places, len(first)):
            rest = values[list(places - set(chosen))]
            large.append(values[list(chosen)].mean() - rest.mean() >= found - 1e-9)
        return float(np.mean(large))

    assert all(by_orders(*arguments) == pytest.approx(permutation_p(*arguments)) for arguments in cases(EFFECT)[:2])
    right, text = passes(EFFECT, by_means)
    assert right, text


# --- facts


@pytest.mark.parametrize("arguments", cases(CALIBRATION), ids=lambda arguments: f"{len(arguments[0])} answers")
def test_the_error_is_that_of_the_courses_measure(arguments):
    assert calibration_error(*arguments) == pytest.approx(calibration.expected_calibration_error(*arguments))


def test_bins_by_rounding_up_and_bins_by_their_borders_give_the_same_error():
    def by_rounding(confidence, right, bins):
        places = np.ceil(confidence * bins).clip(min=1)
        sums = [(confidence[places == place] - right[places == place]).sum() for place in range(1, bins + 1)]
        return float(np.abs(sums).sum() / len(right))

    def by_borders(confidence, right, bins):
        error = 0.0
        for low, high in itertools.pairwise(np.linspace(0, 1, bins + 1)):
            inside = (confidence > low) & (confidence <= high)
            if inside.any():
                error += inside.sum() * abs(right[inside].mean() - confidence[inside].mean())
        return error / len(confidence)

    for answer in (by_rounding, by_borders):
        right, text = passes(CALIBRATION, answer)
        assert right, text


@pytest.mark.parametrize("arguments", cases(RECALL), ids=lambda arguments: f"k = {arguments[2]}")
def test_recall_is_that_of_the_courses_search_by_the_rank_of_the_first_right_passage(arguments):
    found, right, k = arguments
    ranks = [
        min([place for place, passage in enumerate(passages, start=1) if passage in wanted], default=math.inf)
        for passages, wanted in zip(found, right, strict=True)
    ]
    assert recall_at(*arguments) == pytest.approx(semantic_search.recall_at(ranks, k))


def test_the_bug_of_recall_counts_a_question_more_than_once_and_not_where_k_is_1():
    given = RECALL.given()
    shares = {arguments[2]: (given(*arguments), recall_at(*arguments)) for arguments in cases(RECALL)[:3]}
    assert shares == {1: (0.2, 0.2), 2: (0.6, 0.4), 4: (1.2, 0.8)}


def test_leaving_the_loop_and_meeting_sets_both_mend_recall():
    broken = RECALL.stub.replace("                hits += 1\n", "                hits += 1\n                break\n")
    names = {}
    exec(broken, names)

    def by_sets(found, right, k):
        return np.mean([not set(wanted).isdisjoint(list(found[n])[:k]) for n, wanted in enumerate(right)])

    for answer in (names["recall_at"], by_sets):
        right, text = passes(RECALL, answer)
        assert right, text


# --- what is known by heart


@pytest.mark.parametrize("number", [3, 40, 99])
def test_exposure_is_what_the_course_finds_in_a_model(decoder, number):
    vocabulary, canary = ByteVocabulary(), memorization.Canary("The red door opens at {}.", f"{number:02d}")
    nats = memorization.text_nats(decoder, vocabulary, [canary.with_secret(f"{n:02d}") for n in range(100)])
    found = memorization.exposure(decoder, vocabulary, canary)
    assert exposure(nats, number) == pytest.approx(found.bits) and found.exact
    assert exposure(torch.full_like(nats, 3.0), number) == 0


def test_a_search_in_the_sorted_costs_gives_the_same_exposure():
    def exposure(nats, secret):
        rank = torch.searchsorted(nats.sort().values, nats[secret], right=True)
        return -torch.log2(rank / len(nats)).item()

    right, text = passes(EXPOSURE, exposure)
    assert right, text


# --- smaller models


@pytest.mark.parametrize("arguments", cases(ROUNDED), ids=lambda arguments: f"{arguments[1]} bits")
def test_the_weights_that_come_back_are_the_courses(arguments):
    torch.testing.assert_close(quantize(*arguments), quantization.quantize(*arguments).dequantized())


def test_group_by_group_in_a_loop_gives_the_same_weights():
    def quantize(weights, bits, group):
        back = torch.zeros_like(weights)
        for row in range(weights.shape[0]):
            for begin in range(0, weights.shape[1], group):
                some = weights[row, begin : begin + group]
                low = torch.tensor(min(some.min().item(), 0.0)).to(torch.bfloat16).float()
                step = (max(some.max().item(), 0.0) - low) / (2**bits - 1)
                step = max(step, torch.tensor(1e-12)).to(torch.bfloat16).float()
                levels = low + step * torch.arange(2**bits)
                nearest = (some[:, None] - levels).abs().argmin(dim=1)
                back[row, begin : begin + group] = levels[nearest]
        return back

    right, text = passes(ROUNDED, quantize)
    assert right, text


@pytest.mark.parametrize("arguments", cases(TEACHER), ids=lambda arguments: f"temperature {arguments[3]}")
def test_the_loss_is_the_courses_beside_the_texts(arguments):
    student, teacher, targets, temperature, share = arguments
    taught = distillation.distillation_loss(student, teacher, temperature)
    theirs = share * taught + (1 - share) * functional.cross_entropy(student, targets)
    torch.testing.assert_close(distillation_loss(*arguments), theirs)


def test_the_loss_is_what_the_courses_trainer_learns_from(decoder):
    config = TransformerConfig(len(ByteVocabulary()), context=64, width=8, heads=1, layers=1, **LLAMA)
    student = Transformer(config, generator(2)).eval()
    ids, targets = torch.randint(256, (2, 3, 7), generator=generator(3))
    with torch.no_grad():
        theirs = distillation.Distillation(decoder, 3.0, 0.7)(student, (ids, targets))
        flat = [model(ids)[0].flatten(0, 1) for model in (student, decoder)]
    torch.testing.assert_close(distillation_loss(*flat, targets.flatten(), 3.0, 0.7), theirs)


def test_torchs_divergence_gives_the_same_loss():
    def distillation_loss(student, teacher, targets, temperature, share):
        log_q, log_p = ((logits / temperature).log_softmax(dim=1) for logits in (student, teacher))
        taught = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)(log_q, log_p)
        text = -student.log_softmax(dim=1)[torch.arange(len(targets)), targets].mean()
        return taught * temperature**2 * share + text * (1 - share)

    right, text = passes(TEACHER, distillation_loss)
    assert right, text


def test_cross_entropy_with_the_teacher_has_the_same_gradient_as_its_sentence_says():
    (wrong,) = [one.wrong for one in TEACHER.misconceptions if one.name == "cross-entropy with the teacher"]
    student, *others = cases(TEACHER)[1]
    gradients, losses = [], []
    for loss in (distillation_loss, wrong):
        leaf = student.clone().requires_grad_()
        losses.append(loss(leaf, *others))
        losses[-1].backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients)
    assert losses[1] > losses[0] + 0.1


# --- looking inside


def test_the_score_is_that_of_the_courses_heads(decoder):
    ids = repeated_tokens(2, 9, range(40, 100), generator(4))
    theirs, weights = induction_scores(decoder, ids), attention_weights(decoder, ids)
    for text, layer, head in itertools.product(range(2), repeat=3):
        ours = induction_score(weights[text, layer, head], 9)
        assert ours == pytest.approx(theirs[text, layer, head].item(), abs=1e-6)
    assert theirs.std() > 0


def test_a_head_that_always_looks_at_what_came_next_has_1_and_one_that_looks_at_the_same_token_0():
    text = torch.arange(12)
    after, same = (functional.one_hot((text - 4 + shift).clamp(min=0), 12).float() for shift in (1, 0))
    assert induction_score(after, 4) == 1 and induction_score(same, 4) == 0


def test_a_loop_over_the_tokens_gives_the_same_score():
    def induction_score(weights, period):
        later = range(period, len(weights))
        return sum(weights[t, t + 1 - period].item() for t in later) / len(later)

    right, text = passes(INDUCTION, induction_score)
    assert right, text


class Says:
    """A probe that says what it was told to."""

    def __init__(self, classes, said):
        self.classes, self.said = classes, said

    def predict(self, hidden):
        return self.said


def test_the_prediction_is_what_the_courses_selectivity_makes_of_the_table(monkeypatch):
    names = ("word", "class", "the probe says", "control class", "the other says")
    words, true, said, control, other = (
        re.search(rf"^# {name}  (.*)$", PROBE.stub, re.MULTILINE)[1].split() for name in names
    )
    drawn = dict(zip(words, control, strict=True))
    assert [drawn[word] for word in words] == control  # each word has one control class
    monkeypatch.setattr(probing, "control_labels", lambda *_: drawn)
    monkeypatch.setattr(
        probing, "fit_probe", lambda hidden, labels, penalty: Says("DNV", said if labels == tuple(true) else other)
    )
    tokens = probing.Tokens(np.zeros((len(words), 2)), tuple(true), tuple(words))
    found = probing.selectivity(tokens, tokens, generator(1))
    assert found.selectivity.value == pytest.approx(PROBE.reference)
    assert (found.accuracy.value, found.control.value, found.guess) == pytest.approx((0.9, 0.7, 0.4))


def test_a_probe_of_words_learned_by_heart_has_no_selectivity():
    words = tuple(PROBE.stub.split("# word")[1].split("\n")[0].split()) * 3
    one_hot = np.array([[word == kind for kind in sorted(set(words))] for word in words], dtype=float)
    labels = tuple("DNV"[sorted(set(words)).index(word) % 3] for word in words)
    tokens = probing.Tokens(one_hot, labels, words)
    found = probing.selectivity(tokens, tokens, generator(5), penalty=0.1)
    assert (found.accuracy.value, found.control.value, found.selectivity.value) == (1, 1, 0)


# --- the quiz


def test_the_interval_that_the_quiz_tells_is_wilsons():
    low, high = wilson_interval(20, 50)
    told = [option.explanation for question in QUIZ for option in question.options if "Wilson" in option.explanation]
    assert len(told) == 1 and f"from {100 * low:.0f} % to {100 * high:.0f} %" in told[0]
