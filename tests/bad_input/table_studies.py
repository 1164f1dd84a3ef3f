"""Right calls of studies over small models: preferences, bias, pronouns, secrets, classes; and of the checks."""

import functools

import numpy as np
import torch

from course_utils.alignment import Pairs, Rater
from course_utils.bias import WordSets
from course_utils.classification import TextClassifier
from course_utils.distillation import Distillation
from course_utils.lessons import LESSONS
from course_utils.memorization import Canary
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.models.drawn import DrawnLoss
from course_utils.models.embeddings import WordVectors
from course_utils.models.lora import LoRALinear
from course_utils.models.ngram import NGram
from course_utils.models.preferences import RewardModel
from course_utils.models.recurrent import GRUCell, LSTMCell, RNNCell
from course_utils.models.smoothing import AbsoluteDiscount
from course_utils.models.speller import Speller
from course_utils.models.toy_gan import ModeCoverage
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.optimizers import muon
from course_utils.preference_tuning import MeanOfTokens
from course_utils.seeding import generator
from course_utils.text.bpe import PairCounts
from course_utils.text.coreference import PronounSentence
from course_utils.text.facts import load_facts
from course_utils.text.intents import load_intents
from course_utils.text.parallel import Pair
from course_utils.text.recall import RecallTask
from course_utils.text.vocabulary import CharVocabulary
from tests.bad_input.cases import RANDOM, Case, Made
from tests.bad_input.table_formulas import counts, of
from tests.bad_input.table_networks import NEXT, TOKENS, encoder, gpt, lstm, one_cell, pixels, t5, vae
from tests.bad_input.table_texts import TEXT, TEXTS
from tests.support.untrained import level_images, some

AREAS = ("idx", "seeding")

KNOWN = torch.ones(8, 8, dtype=torch.bool)
WORDS = ("rose", "tulip", "wasp", "moth", "good", "bad")
SPOKEN = ("The", "cat", "saw", "the", "dog", ",", "and", "it", "ran.")
LOOKED = some(1, 2, 2, 3).numpy()


@functools.cache
def letters() -> CharVocabulary:
    """The characters of the text, of digits and of two sentences."""
    return CharVocabulary(TEXT + "".join(TEXTS) + "The code is 0123456789.{subject} shehetthy\n")


@functools.cache
def speaker() -> Transformer:
    """A decoder of those characters."""
    return Transformer(TransformerConfig(len(letters()), context=64, width=8, heads=2, layers=1), generator(0)).eval()


@functools.cache
def reader() -> NGram:
    """Counts of those characters."""
    return NGram.fit(letters().encode(TEXT), letters(), 2)


facts, intents = functools.cache(load_facts), functools.cache(load_intents)


def vectors() -> WordVectors:
    """Six words on a plane."""
    return WordVectors(WORDS, some(6, 2).numpy())


def _sets() -> WordSets:
    return WordSets((WORDS[:2], WORDS[2:4]), (WORDS[4:5], WORDS[5:]))


def _pairs() -> Pairs:
    return Pairs(TOKENS, TOKENS, NEXT)


def _classifier() -> TextClassifier:
    return TextClassifier(encoder(), 2, 0).eval()


def _canary() -> Canary:
    return Canary("The code is {}.", "12")


def _meant() -> PronounSentence:
    return PronounSentence("The cat saw the dog, and it ran.", "it", ("cat", "dog"), 0, 0, "meaning", 1, "choose")


def _first(batches):
    return batches(0)


OURS = frozenset({"patterns"})                                      # written in the course alone
CASES = [
    Case("models.speller.Speller", {"words": ["cat", "dog"], "order": 2}),
    Case("models.speller.Speller.nats", {"words": ["cat"]}, on=lambda: Speller(["cat", "dog"], 2)),
    Case("models.speller.Speller.spell", {"generator": RANDOM, "longest": 4}, on=lambda: Speller(["cat", "dog"], 2)),
    Case("alignment.letters_per_word", {"text": "the cat sat"}),
    Case("alignment.Rater", {"strength": 4.0}),
    Case("alignment.Rater.quality", {"text": "the cat sat"}, on=of("alignment.Rater")),
    Case("alignment.Rater.first_wins", {"first": some(3), "second": some(3, seed=2)}, on=of("alignment.Rater")),
    Case("alignment.Rater.choose", {"first": some(3), "second": some(3, seed=2), "generator": RANDOM},
         on=of("alignment.Rater")),
    Case("alignment.paragraph_prompts", {"text": "abcdefgh\n\nabcdefgh", "count": 1, "tokens": 2, "generator": RANDOM,
                                         "vocabulary": Made(lambda: CharVocabulary("abcdefgh\n"))}),
    Case("alignment.sample_answers", {"model": Made(lstm), "prompts": TOKENS, "count": 2, "tokens": 2,
                                      "generator": RANDOM}),
    Case("alignment.joined", {"prompts": TOKENS, "answers": TOKENS}),
    Case("alignment.Pairs", {"prompts": TOKENS, "chosen": TOKENS, "rejected": NEXT}),
    Case("alignment.best_of", {"scores": some(2, 3), "n": 2}),
    Case("alignment.picked", {"values": some(2, 3), "best": torch.tensor([[0], [2]])}),
    Case("preference_tuning.shuffled", {"pairs": Made(lambda: of("alignment.Pairs", TOKENS, TOKENS, NEXT)()),
                                        "batch": 2, "seed": 0}, then=_first),
    Case("preference_tuning.whole", {"texts": TOKENS}),
    Case("preference_tuning.answer_targets", {"texts": TOKENS, "prompt": 2}),
    Case("memorization.Canary", {"frame": "The code is {}.", "secret": "123"}),
    Case("memorization.draw_canaries", {"frames": ["The code is {}."], "digits": 3, "generator": RANDOM}),
    Case("pronouns.rank_correlation", {"first": some(6).numpy(), "second": some(6, seed=3).numpy(), "random": RANDOM,
                                       "samples": 9}),
    Case("coreference_heads.token_spans", {"tokens": ["the", " cat"], "text": "the cat"}),
    Case("coreference_heads.tokens_of", {"word": (4, 7), "spans": [(0, 3), (3, 7)]}),
    Case("alignment.qualities", {"rater": Made(Rater), "vocabulary": Made(letters), "answers": TOKENS[:, None]}),
    Case("alignment.preference_pairs", {"prompts": TOKENS, "answers": torch.stack([TOKENS, NEXT], 1),
                                        "quality": some(2, 2), "rater": Made(Rater), "generator": RANDOM}),
    Case("preference_tuning.MeanOfTokens", {"embedding": some(7, 4)}),
    Case("preference_tuning.MeanOfTokens.stream", {"ids": TOKENS}, on=lambda: MeanOfTokens(some(7, 4))),
    Case("preference_tuning.reward_batches", {"pairs": Made(_pairs), "batch": 2, "seed": 0}, then=_first),
    Case("preference_tuning.reward_loss", {"model": Made(lambda: RewardModel(gpt())), "batch": (TOKENS,)}),
    Case("preference_tuning.rewards", {"model": Made(lambda: RewardModel(gpt())), "prompts": TOKENS,
                                       "answers": TOKENS[:, None]}),
    Case("preference_tuning.log_probabilities", {"model": Made(gpt), "prompts": TOKENS, "answers": NEXT}),
    Case("preference_tuning.dpo_batches", {"pairs": Made(_pairs), "reference": Made(gpt), "batch": 2, "seed": 0},
         then=_first),
    Case("preference_tuning.DPO", {"beta": 0.1}),
    # words and what is done to them
    Case("bias.WordSets", {"targets": (WORDS[:2], WORDS[2:4]), "attributes": (WORDS[4:5], WORDS[5:])}),
    Case("bias.weat", {"vectors": Made(vectors), "sets": Made(_sets), "random": RANDOM, "samples": 5, "most": 50}),
    Case("bias.weat_change", {"before": Made(vectors), "after": Made(vectors), "sets": Made(_sets), "random": RANDOM,
                              "samples": 5}),
    Case("bias.associations", {"vectors": Made(vectors), "words": WORDS[:2], "attributes": (WORDS[4:5], WORDS[5:])}),
    Case("pronouns.pronoun_odds", {"model": Made(speaker), "vocabulary": Made(letters), "occupations": ["cat", "dog"],
                                   "neutral": "hat", "templates": ("the {subject} sat on",)}, slow=True),
    Case("pronouns.pronoun_nats", {"model": Made(speaker), "vocabulary": Made(letters), "subjects": ["cat"],
                                   "templates": ("the {subject} sat on",), "pronouns": (" he", " she")}, slow=True),
    Case("pronouns.continuation_nats", {"model": Made(speaker), "vocabulary": Made(letters), "prompt": "the cat",
                                        "continuations": [" sat", " and"]}, slow=True),
    Case("pronouns.spearman", {"pairs": some(2, 6, 2).numpy()}),
    Case("memorization.Canary.with_secret", {"secret": "34"}, on=_canary),
    Case("memorization.plant", {"paragraphs": TEXTS, "copies": Made(lambda: {_canary(): 2}), "generator": RANDOM}),
    Case("memorization.deduplicated", {"paragraphs": TEXTS, "threshold": 0.8}),
    Case("memorization.exposure", {"model": Made(speaker), "vocabulary": Made(letters), "canary": Made(_canary),
                                   "sample": 5, "generator": RANDOM}),
    Case("memorization.text_nats", {"model": Made(speaker), "vocabulary": Made(letters), "texts": ["the cat", "the"]},
         slow=True),
    Case("coreference_heads.looks",
         {"tokens": SPOKEN, "weights": some(1, 2, 9, 9).softmax(-1), "sentence": Made(_meant)}),
    Case("coreference_heads.prefers", {"looked": LOOKED, "sentences": Made(lambda: [_meant()])}),
    Case("coreference_heads.points_at", {"looked": LOOKED, "sentences": Made(lambda: [_meant()])}),
    Case("coreference_heads.by_frame", {"right": np.ones(1), "sentences": Made(lambda: [_meant()])}),
    Case("coreference_heads.baseline", {"name": "the subject", "sentences": Made(lambda: [_meant()])}),
    # classes of texts and images
    Case("classification.TextClassifier", {"encoder": Made(encoder), "classes": 2, "learned": 1}),
    Case("classification.TextClassifier.forward", {"ids": TOKENS, "targets": torch.tensor([0, 1])}, on=_classifier),
    Case("classification.TextClassifier.start_from", {"weight": some(2, 8), "bias": some(2)}, on=_classifier),
    Case("classification.labelled_batches", {"rows": [[1, 2], [3]], "numbers": [0, 1], "batch": 2, "seed": 0},
         then=_first),
    Case("classification.predicted", {"model": Made(_classifier), "rows": [[1, 2], [3]]}),
    Case("inpainting.by_search", {"decode": Made(lambda: lambda latent: vae().decode(latent)[0]), "start": some(2, 3),
                                  "images": level_images(2, 8), "known": KNOWN, "steps": 2, "rate": 0.1, "pull": 0.1}),
    # yardsticks
    Case("metrics.bits_per_byte", {"model": Made(reader), "encoding": Made(lambda: letters().encode(TEXT))},
         right=lambda result, _: result > 0),
    Case("metrics.perplexity", {"model": Made(speaker), "encoding": Made(lambda: letters().encode(TEXT))},
         right=lambda result, _: result >= 1),
    # more of the models
    *(
        Case(f"models.recurrent.{kind.__name__}.start", {"batch": 2}, on=one_cell(kind))
        for kind in (RNNCell, GRUCell, LSTMCell)
    ),
    Case("models.recurrent.initialise", {"model": Made(one_cell(GRUCell)), "width": 4, "generator": RANDOM}),
    Case("models.lora.LoRALinear", {"base": Made(lambda: torch.nn.Linear(4, 6)), "rank": 2, "alpha": 4.0,
                                    "generator": RANDOM}),
    Case("models.lora.LoRALinear.forward", {"x": some(2, 4)},
         on=lambda: LoRALinear(torch.nn.Linear(4, 6), 2, 4.0, generator(0))),
    Case("models.arpa.arpa_word", {"piece": " cat"}),
    Case("models.smoothing.Discounting.counted", {"level": Made(lambda: counts().levels[1]), "highest": True},
         on=AbsoluteDiscount),
    Case("models.ngram.NGram.fit", {"encoding": Made(lambda: letters().encode(TEXT)), "vocabulary": Made(letters),
                                    "order": 2}),
    Case("models.language_model.as_ids", {"ids": [1, 2, 3]}),
    Case("models.language_model.check_targets", {"targets": NEXT, "logits": some(2, 4, 7)}),
    Case("models.classifier.Stage", {"channels": 1, "width": 4}),
    Case("models.classifier.Classifier", {"config": Made(lambda: ClassifierConfig(3, 1, 8, (2, 4), 4)),
                                          "generator": RANDOM}, then=lambda model: isinstance(model, Classifier)),
    Case("models.seq2seq.AdditiveAttention", {"width": 4}),
    Case("models.encoder_decoder.Layer.step",
         {"x": some(2, 3, 8), "mask": None, "bias": some(1, 2, 3, 3), "past": None,
          "source": (some(2, 2, 5, 4), some(2, 2, 5, 4)), "source_mask": None}, on=lambda: t5().decoder.layers[0],
         whole=frozenset({"source"})),
    Case("models.drawn.DrawnLoss", {"seed": 0}),
    Case("models.fast.check_precision", {"precision": "int8"}),
    Case("models.fast_pixels.PixelSampler", {"decoder": Made(lambda: pixels().decoder), "count": 2}),
    Case("models.image_blocks.draw_weights", {"model": Made(lambda: torch.nn.Linear(2, 3)), "generator": RANDOM,
                                              "gain": 1.0}),
    Case("models.recurrent.GRUCell", {"inputs": 3, "width": 4}),
    Case("models.recurrent.LSTMCell", {"inputs": 3, "width": 4}),
    Case("models.toy_gan.ModeCoverage.found", {"share": 0.25},
         on=lambda: ModeCoverage(torch.tensor([3, 0, 5]), 8)),
    Case("text.parallel.translation_batches", {"pairs": Made(lambda: [Pair("train", "x", "Hola.", "Hello.")]),
                                               "batch": 1, "seed": 0}, then=_first),
    Case("text.intents.Intents.instructions", {"part": "test", "count": 2, "seed": 0}, on=intents),
    Case("text.facts.sampled", {"facts": Made(facts), "count": 2}),
    Case("text.facts.premise_question", {"fact": Made(lambda: facts()[0]), "said": "Paris"}),
    Case("text.lesson_texts.lesson_passages", {"numbers": [0, 1]}),
    Case("text.lesson_texts.passages_of", {"lesson": Made(lambda: LESSONS[0]), "cells": ["# Title", "Some words."]}),
    Case("models.drawn.DrawnLoss.__call__", {"model": Made(vae), "batch": (level_images(2, 8),)},
         on=lambda: DrawnLoss(0), whole=frozenset({"batch"})),
    Case("distillation.Distillation", {"teacher": Made(gpt), "temperature": 2.0, "share": 0.5}),
    Case("distillation.Distillation.__call__", {"student": Made(gpt), "batch": (TOKENS, NEXT)},
         on=lambda: Distillation(gpt()), whole=frozenset({"batch"})),
    Case("optimizers.Muon", {"matrices": [torch.nn.Parameter(some(2, 3))], "others": [torch.nn.Parameter(some(3))],
                             "learning_rate": 0.1, "weight_decay": 0.1, "betas": (0.9, 0.95)},
         whole=frozenset({"matrices", "others"})),
    Case("optimizers.Muon.step", {}, on=lambda: muon(torch.nn.Linear(2, 2), 0.1, 0.1, (0.9, 0.95))),
    # texts
    Case("text.bpe.PairCounts.merge", {"pair": (116, 104), "new": 256}, on=lambda: PairCounts(TEXT)),
    Case("text.recall.recall_accuracy", {"model": Made(lstm), "task": Made(lambda: RecallTask(letters=6)),
                                         "distance": 2, "sequences": 5, "seed": 0}),
    Case("text.recall.recall_batches", {"task": Made(lambda: RecallTask(letters=5)), "seed": 0}, then=_first),
    Case("text.templates.drawn", {"count": 3, "generator": RANDOM}),
    Case("idx.idx_bytes", {"values": np.arange(6, dtype=np.uint8).reshape(2, 3)}),
    Case("seeding.generator", {"seed": 1, "device": "cpu"}),
    # the checks
    Case("shapes.check_shapes", {"patterns": "B+ T, B", "first": some(2, 3), "second": some(2)}, whole=OURS),
    Case("shapes.check_floats", {"patterns": "… T, T", "first": some(2, 3), "second": some(3)}, whole=OURS),
    Case("shapes.check_whole", {"patterns": "B T", "ids": TOKENS}, whole=OURS),
    Case("shapes.check_alike", {"x": some(2), "weight": some(3)}),
    Case("shapes.check_finite", {"x": some(2)}),
    Case("shapes.check_counts", {"least": 1, "width": 3}),
    Case("shapes.check_number", {"low": 0.0, "high": 1.0, "share": 0.5}, whole=frozenset({"low", "high"})),
]
