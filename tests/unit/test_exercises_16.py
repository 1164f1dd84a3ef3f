"""The references of lesson 16 agree with what the course's own modules do, and other right answers pass."""

import re
from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import binom, norm
from sklearn.metrics import roc_curve

from course_utils.bleu import ngrams
from course_utils.exercises.checks import examine
from course_utils.exercises.lesson16.citing import CITED, cited
from course_utils.exercises.lesson16.comparing import LUCK, WORTH, paired_difference
from course_utils.exercises.lesson16.copying import COPIED, copied_share
from course_utils.exercises.lesson16.cutting import CUT, cut
from course_utils.exercises.lesson16.deciding import UNKNOWN, best_threshold
from course_utils.intervals import bootstrap_interval, mean
from course_utils.seeding import generator

pytestmark = pytest.mark.usefixtures("one_thread")


def cases(exercise):
    return [case.arguments() for case in (*exercise.cases, *exercise.hidden)]


def passes(exercise, function):
    return examine(exercise, function).passed and examine(exercise, function, hidden=True).passed


# --- passages


SIZES = [(count, most, overlap) for count, most in product(range(26), range(1, 9)) for overlap in range(most)]


def test_without_what_is_shared_the_passages_are_the_text_again():
    for count, most, overlap in SIZES:
        words = [str(place) for place in range(count)]
        passages = [passage.split(" ") for passage in cut("\n".join(words), most, overlap)]
        assert [word for place, passage in enumerate(passages) for word in passage[overlap * (place > 0) :]] == words


def test_only_the_last_passage_is_shorter_and_each_brings_a_word_that_is_new():
    for count, most, overlap in SIZES:
        passages = [passage.split() for passage in cut(" ".join(map(str, range(count))), most, overlap)]
        assert all(len(passage) == most for passage in passages[:-1])
        assert all(0 < len(passage) <= most for passage in passages)
        assert all(len(passage) > overlap for passage in passages[1:])


def test_a_loop_that_stops_at_the_end_cuts_the_same_passages():
    def cut(text, most, overlap):
        words, passages, start = text.split(), [], 0
        while words:
            passages.append(" ".join(words[start : start + most]))
            if start + most >= len(words):
                break
            start += most - overlap
        return passages

    assert passes(CUT, cut)


# --- answering or not


def right_decisions(threshold, scores, answerable):
    return sum((score >= threshold) == can for score, can in zip(scores.tolist(), answerable.tolist(), strict=True))


@pytest.mark.parametrize("arguments", cases(UNKNOWN), ids=lambda arguments: f"N = {len(arguments[0])}")
def test_no_threshold_on_a_fine_grid_is_better_and_no_lower_score_as_good(arguments):
    scores, _ = arguments
    chosen = best_threshold(*arguments)
    best = right_decisions(chosen, *arguments)
    assert all(right_decisions(threshold, *arguments) <= best for threshold in np.linspace(-1, 2, 3001))
    assert all(right_decisions(score, *arguments) < best for score in scores if score < chosen)


def test_the_best_point_of_scikit_learns_curve_makes_as_many_right():
    scores, answerable = UNKNOWN.cases[-1].arguments()
    false_share, true_share, _ = roc_curve(answerable, scores, drop_intermediate=False)
    right = true_share * answerable.sum() + (1 - false_share) * (~answerable).sum()
    assert right_decisions(best_threshold(scores, answerable), scores, answerable) == round(right.max())


def test_it_is_enough_to_try_the_scores_of_answerable_questions():
    def best_threshold(scores, answerable):
        tried = sorted({*scores[answerable].tolist(), np.inf})
        return max(tried, key=lambda threshold: right_decisions(threshold, scores, answerable))

    assert passes(UNKNOWN, best_threshold)


# --- citations


def test_the_given_function_loses_the_last_source_and_lets_the_source_0_pass():
    given = CITED.given()
    assert given("[1] [2]", ["one", "two"]) == [1]
    assert given("[0] [1]", ["one", "two"]) == [0, 1]


def test_only_one_number_alone_in_brackets_is_a_citation():
    assert cited("[1, 2] [ 1] [-1] [a2] [[2]] (1) [2.] [³]", ["one", "two"]) == [2]


def test_reading_letter_by_letter_finds_the_same_citations():
    def cited(answer, sources):
        found = []
        for part in answer.split("[")[1:]:
            inside, closing, _ = part.partition("]")
            if closing and inside.isascii() and inside.isdecimal():
                number = int(inside)
                if 0 < number < len(sources) + 1 and number not in found:
                    found.append(number)
        return found

    assert passes(CITED, cited)


# --- better, or luck


@pytest.mark.parametrize("arguments", cases(LUCK), ids=lambda arguments: f"N = {len(arguments[0])}")
def test_the_interval_is_that_of_the_course_for_the_same_draws(arguments):
    before, after, _ = arguments
    draws = torch.randint(len(before), (500, len(before)), generator=generator(1)).numpy()
    gain = after.astype(int) - before.astype(int)
    theirs = bootstrap_interval(gain, mean, generator(1), samples=500)
    assert paired_difference(before, after, draws) == pytest.approx((gain.mean(), *theirs))


def test_four_questions_on_paper():
    before, after, draws = LUCK.cases[0].arguments()
    drawn = [0.5, 0.25, 1.0, 0.25, 0.75]  # questions 1 and 2 are the mended ones
    assert (np.isin(draws, [1, 2]).mean(axis=1) == drawn).all()
    assert paired_difference(before, after, draws) == pytest.approx((0.5, 0.25, 0.975))  # 0.9 of 0.75 … 1.0


def test_pairs_make_the_interval_narrower_where_the_same_questions_are_hard():
    hard = np.random.default_rng(1).random(200) < 0.5
    before, after = ~hard, ~hard | (np.arange(200) < 20)
    draws = np.random.default_rng(2).integers(200, size=(2000, 200))
    _, low, high = paired_difference(before, after, draws)
    apart = {mistake.name: mistake.wrong for mistake in LUCK.misconceptions}["not in pairs"]
    _, low_apart, high_apart = apart(before, after, draws)
    assert low_apart < 0 < low  # mended, and no longer seen to be
    assert high - low < 0.5 * (high_apart - low_apart)


def test_the_two_shares_of_each_draw_are_another_way_to_the_same_interval():
    def paired_difference(before, after, draws):
        drawn = after[draws].mean(axis=1) - before[draws].mean(axis=1)
        return after.mean() - before.mean(), *np.percentile(drawn, (2.5, 97.5))

    assert passes(LUCK, paired_difference)


# --- what was copied


def test_a_word_for_each_place_and_any_run_around_it_is_another_way_to_the_same_share():
    def copied_share(written, training, n):
        known, count = ngrams(training, n), 0
        for place in range(len(written)):
            around = range(max(place - n + 1, 0), min(place, len(written) - n) + 1)
            count += any(known[tuple(written[start : start + n])] > 0 for start in around)
        return count / len(written)

    assert passes(COPIED, copied_share)


def test_what_was_cut_out_of_the_training_text_is_copied_and_longer_runs_are_never_more():
    training = [str(number % 7 * number % 11) for number in range(200)]
    written = [*training[20:31], "new", *training[90:94], "new", *training[3:5]]
    shares = [copied_share(written, training, n) for n in range(1, 13)]
    assert shares[0] == 17 / 19
    assert shares == sorted(shares, reverse=True)
    assert shares[10] == 11 / 19 > shares[11] == 0
    assert copied_share(training, training, 150) == 1.0


# --- what a test set is worth


def told(pattern):
    return float(re.search(pattern, WORTH.stub)[1])


def test_the_printed_share_is_that_of_the_best_of_eight_equal_settings():
    share, questions = told(r"p = ([\d.]+\d)"), int(told(r"N = (\d+)"))
    right = np.arange(questions + 1)
    at_most = binom.cdf(right, questions, share) ** 8  # the best has so many right, or fewer
    expected = (right * np.diff(at_most, prepend=0)).sum() / questions
    assert WORTH.reference == pytest.approx(expected, rel=WORTH.tolerance)
    assert WORTH.reference > share + 0.1


def test_the_best_of_eight_normal_numbers_is_as_far_out_as_the_prediction_says():
    best, _ = quad(lambda value: value * 8 * norm.pdf(value) * norm.cdf(value) ** 7, -9, 9)
    assert told(r"lies ([\d.]+\d) standard errors") == pytest.approx(best, abs=0.005)
