"""The recipe of the translation model, with a model of seconds: what it minimises, and how it is measured."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.encoder_decoder import EncoderDecoder
from course_utils.recipes import translation
from course_utils.recipes.translation import CONFIG, ES_EN, nats_per_token, scores, smoothed_loss, translate
from course_utils.seeding import generator
from course_utils.text.parallel import load_es_en, sentence_ids, source_ids, translation_batches
from course_utils.training import FitConfig, fit

PAIRS = load_es_en().validation[:24]
SMALL = replace(CONFIG, width=32, heads=2, head_width=16, layers=1, inner=64, dropout=0.0)


def small() -> EncoderDecoder:
    return EncoderDecoder(SMALL, generator(1)).eval()


def test_the_weights_fit_a_checkpoint_as_halves():
    size = 2 * sum(parameter.numel() for parameter in ES_EN.model().parameters())
    assert 7_500_000 < size < 7_900_000                            # of 8 MB, some for the names


def test_what_is_validated_is_the_mean_over_all_english_tokens_one_sentence_at_a_time():
    model, total, count = small(), 0.0, 0
    for pair in PAIRS:
        target = sentence_ids(pair.english)
        with torch.no_grad():
            logits, _ = model(source_ids([pair.spanish]), torch.tensor([[1, *target]]))
        total += functional.cross_entropy(logits[0], torch.tensor([*target, 2]), reduction="sum").item()
        count += len(target) + 1
    assert nats_per_token(model, PAIRS) == pytest.approx(total / count, abs=1e-4)


def test_the_loss_looks_at_no_padding_and_smooths():
    model, batch = small(), translation_batches(PAIRS, 4, seed=1)(0)
    source, inputs, targets = batch
    wide = functional.pad(source, (0, 9))                          # more padding changes nothing
    assert smoothed_loss(model, (wide, inputs, targets)).item() == pytest.approx(
        smoothed_loss(model, batch).item(), abs=1e-5
    )
    assert (smoothed_loss(model, batch) - model(source, inputs, targets, source != 0)[1]).abs() > 1e-3


def test_a_few_steps_learn_a_few_sentences_and_translation_keeps_their_order():
    pairs = sorted(PAIRS, key=lambda pair: len(pair.english))[:3]
    model = EncoderDecoder(SMALL, generator(1))
    config = FitConfig(steps=150, learning_rate=5e-3)
    history = fit(model, translation_batches(pairs, 3, seed=1), config, loss=smoothed_loss)
    assert history.losses[-1] < history.losses[0] / 2
    for beam in (1, 4):
        assert translate(model, [pair.spanish for pair in pairs], beam) == [pair.english for pair in pairs]


def test_nothing_to_translate_gives_nothing_and_a_blank_sentence_is_refused():
    assert translate(small(), []) == []
    with pytest.raises(CourseError, match="The sentence is blank"):
        translate(small(), ["Hola.", " "])


def test_true_translations_score_a_hundred_and_others_of_the_same_words_less():
    english = [pair.english for pair in PAIRS]
    assert scores(english, PAIRS) == {"bleu": pytest.approx(100), "chrf": pytest.approx(100)}
    shuffled = [" ".join(reversed(line.split())) for line in english]
    assert scores(shuffled, PAIRS)["bleu"] < 20 < scores(shuffled, PAIRS)["chrf"] < 90


def test_the_metrics_are_of_all_test_pairs_and_of_each_domain(monkeypatch):
    monkeypatch.setattr(translation, "translate", lambda model, sentences, beam: known(sentences))
    metrics = translation.measure(None)
    assert metrics["test_pairs"] == 1717 and metrics["beam"] == 4
    assert metrics["bleu_help"] == pytest.approx(100) and metrics["chrf_help"] == pytest.approx(100)
    assert metrics["bleu_bible"] < 1 and 0 < metrics["bleu"] < 100


def known(sentences) -> list[str]:
    """The true English of the help, and nothing of use of the Bible."""
    english = {pair.spanish: pair.english if pair.domain == "help" else "x" for pair in load_es_en().test}
    return [english[sentence] for sentence in sentences]
