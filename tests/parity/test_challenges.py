"""The main figures of lesson 15's experiments, measured again in small: they agree with data/results/challenges.json.

A figure measured again has an interval of its own, wide because less was measured. `agree` asks that the two values be
no further apart than √(a² + b²), where a and b are how far either interval reaches towards the other value. Beside that
each finding keeps its sign, with a margin.
"""

from dataclasses import replace

import pytest

from course_utils.text.facts import sampled
from tools import challenges, challenges_bias, challenges_data, challenges_efficiency, challenges_factuality
from tools import challenges_interpretability as inside
from tools import challenges_memorization as memory
from tools.challenges_figures import agree
from tools.verified import Verified

pytestmark = pytest.mark.slow
RECORD = challenges.recorded()
VERIFIES = [Verified("15", "the main figures of the challenges", "measured again, smaller", "their intervals")]


def all_agree(experiment: str, again: dict) -> None:
    """Each figure measured again is compatible with the one of its name in the record."""
    apart = {
        name: (found, RECORD[experiment][name])
        for name, found in again.items()
        if not agree(found, RECORD[experiment][name])
    }
    assert again and not apart, apart


def named(figures: dict, *names: str) -> dict:
    """Some of the figures, those that do not depend on how much was measured."""
    return {name: figures[name] for name in names}


def test_pronouns_follow_the_labour_shares_in_the_chat_model_and_not_in_the_addresses():
    again = challenges_bias.pronouns(challenges_bias.Size(every=4, templates=4))
    all_agree("bias", named(again, "pronouns_smollm2", "pronouns_gpt_sotu_bpe"))
    assert again["pronouns_smollm2"]["value"] > 0.5
    recorded = RECORD["bias"]
    assert recorded["pronouns_smollm2"]["low"] > recorded["pronouns_gpt_sotu_bpe"]["high"]


def test_who_may_read_answers_more_than_who_answers_by_heart():
    reader, facts = challenges_factuality.reader_and_facts()
    again = challenges_factuality.answers(reader, sampled(facts, 10))
    again |= challenges_factuality.searches(reader, sampled(facts, 20))
    again |= challenges_factuality.sureness(reader, sampled(facts, 10))
    biased = {"calibration_error", "calibration_error_by_chance"}  # larger, the fewer the answers
    all_agree("factuality", {name: found for name, found in again.items() if name not in biased})
    assert again["gain_of_found_passage"]["low"] > 0.1 and again["recall_at_5_by_meaning"]["value"] > 0.8


def test_what_stands_in_the_text_often_is_exposed_and_what_does_not_is_not():
    again = memory.measure(replace(memory.Size(), seeds=(1,), canaries=2, cleaned=False))
    names = ("exposure_0_copies", "exposure_16_copies", "exposure_gain_of_16_copies")
    all_agree("memorization", named(again, *names))
    assert again["exposure_gain_of_16_copies"]["low"] > 1


def test_few_bits_cost_little_until_they_are_very_few_and_half_the_weights_can_go():
    size = challenges_efficiency.Size(bytes_each=1_500, every=3)
    again = challenges_efficiency.smaller_weights(size)
    all_agree("efficiency", {name: found for name, found in again.items() if name.endswith("_loss")})
    losses = [again[f"bits_{bits}_loss"]["value"] for bits in (8, 4, 3, 2)]
    assert losses == sorted(losses) and losses[-1] > 0.1 > abs(losses[0]) * 20
    assert again["bits_4_megabytes"] == RECORD["efficiency"]["bits_4_megabytes"]


def test_the_student_and_its_twin_without_a_teacher_are_as_far_apart_as_recorded():
    again = challenges_efficiency.smaller_model(challenges_efficiency.Size(bytes_each=3_000, every=2))
    again |= challenges_efficiency.guessing_ahead(challenges_efficiency.Size(prompts=5, length=30))
    all_agree("efficiency", again)
    recorded = RECORD["efficiency"]["alone_less_distilled"]
    assert again["alone_less_distilled"]["value"] * recorded["value"] > 0
    assert again["tokens_per_pass"]["value"] > 1.2


@pytest.fixture(scope="module")
def smollm2():
    return inside.load_decoder("smollm2")


def test_a_few_heads_copy_and_attention_moves_more_than_what_is_said(smollm2):
    size = inside.Size(search=2, texts=3, draws=1, heads=4, lens=6)
    again = {**inside.induction(*smollm2, size), **inside.lens(*smollm2, size), **inside.attention(*smollm2, size)}
    lacking = {"heads_above_a_half", "lens_probability_half_way"}  # of few texts: another count, and mostly zeros
    all_agree("interpretability", {name: found for name, found in again.items() if name not in lacking})
    lost = again["copying_lost_without_best_five"]["low"], again["copying_lost_without_random_five"]["high"]
    assert lost[0] > 2 > lost[1] and again["attention_less_prediction"]["low"] > 0.2


def test_a_probe_reads_the_topic_better_than_words_by_heart(smollm2):
    again = inside.probe(*smollm2, inside.Size(articles=30, tokens=12))
    assert again["probe_accuracy"]["low"] > again["probe_guess"]["value"]
    assert agree(again["probe_selectivity"], RECORD["interpretability"]["probe_selectivity"])


def test_dirt_costs_and_cleaning_wins_part_of_it_back():
    again = challenges_data.measure(replace(challenges_data.Size(), seeds=(1,), kinds=False))
    all_agree("data", again)
    assert again["dirty_less_clean"]["low"] > 0.02 and again["won_back_by_cleaning"]["low"] > 0.02
