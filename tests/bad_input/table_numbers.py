"""Right calls of the measures: rates, intervals, distances, laws and costs."""

import functools
import pkgutil

import numpy as np
import torch

from course_utils import intervals
from course_utils.probing import Tokens, fit_probe
from course_utils.scaling import CHINCHILLA, Fit, fit_power_law
from tests.bad_input.cases import RANDOM, Case, Made
from tests.support.untrained import some

AREAS = (
    "beam_search", "bias", "bleu", "calibration", "classification", "contrastive", "costs", "diversity", "error_rates",
    "flops", "image_metrics", "intervals", "logit_rules", "metrics", "probing", "pruning", "quantization", "rouge",
    "sampling", "scaling", "shapes", "speculative",
)  # fmt: skip

FEATURES = some(12, 3).numpy()
OTHERS = some(10, 3, seed=2).numpy()
SURE, HITS = [0.9, 0.8, 0.3, 0.6], [True, True, False, True]
PROBABILITY = some(6).softmax(dim=0)
LOGITS = some(6)
RUNS = [1e6, 2e6, 4e6, 8e6, 1e6, 2e6], [1e7, 1e7, 2e7, 4e7, 8e7, 2e7]
LOSSES = [float(CHINCHILLA["Besiroglu"].law.loss(*run)) for run in zip(*RUNS, strict=True)]
SMOOTH = 1.0                                       # all residuals squared, so that the search is short
LABELS = ("a", "b") * 6
WORDS = ("the", "cat", "sat", "on", "the", "mat", "by", "the", "red", "door", "all", "day")


def _between(low: float, high: float):
    """A property: the result, or the value of an estimate, lies there."""
    return lambda result, _: low <= getattr(result, "value", result) <= high


def _sums_to_one(result, _) -> bool:
    return abs(float(result.sum()) - 1) < 1e-5


def _made(name: str, *arguments):
    return pkgutil.resolve_name(f"course_utils.{name}")(*arguments)


def _tokens() -> Tokens:
    return Tokens(FEATURES, LABELS, WORDS)


@functools.cache
def _fit() -> Fit:
    return Fit(fit_power_law(RUNS[0], LOSSES), (CHINCHILLA["Hoffmann"].law,) * 3, (0.01, -0.01))


def _matrix(size: int = 3) -> np.ndarray:
    return np.cov(FEATURES, rowvar=False)


CASES = [
    Case("beam_search.Beam", {"width": 2, "length_penalty": 1.0}),
    Case("beam_search.Beam.score", {"log_probability": -3.0, "length": 2}, on=lambda: _made("beam_search.Beam")),
    Case("bias.effect_size", {"first": [0.1, 0.4, 0.2], "second": [0.9, 0.3]}),
    Case("bias.permutation_test", {"first": [0.1, 0.4, 0.2], "second": [0.9, 0.3], "random": RANDOM, "most": 50}),
    Case("bleu.words_and_marks", {"sentence": "It is so, he said."}),
    Case("bleu.ngrams", {"words": list(WORDS), "n": 2}),
    Case("bleu.clipped_matches", {"hypothesis": list(WORDS), "references": [list(WORDS)], "n": 2}),
    Case("bleu.closest_length", {"hypothesis": list(WORDS), "references": [list(WORDS)]}),
    Case("bleu.brevity_penalty", {"length": 3, "reference_length": 4}, right=_between(0, 1)),
    Case("bleu.bleu_by_hand", {"hypotheses": [list(WORDS)], "references": [[list(WORDS)]], "longest": 2}),
    Case("bleu.bleu", {"hypotheses": ["the cat sat"], "references": [["the cat sat down"]]}),
    Case("calibration.reliability_bins", {"confidence": SURE, "right": HITS, "bins": 4, "by": "width"}),
    Case("calibration.expected_calibration_error", {"confidence": SURE, "right": HITS, "bins": 4},
         right=_between(0, 1)),
    Case("calibration.error_by_chance", {"confidence": SURE, "generator": RANDOM, "samples": 9, "bins": 4}),
    Case("calibration.brier_score", {"confidence": SURE, "right": HITS}, right=_between(0, 1)),
    Case("calibration.calibration", {"confidence": SURE, "right": HITS, "generator": RANDOM, "samples": 9}),
    Case("calibration.selective_accuracy", {"confidence": SURE, "right": HITS}),
    Case("calibration.checked", {"confidence": SURE, "right": HITS}),
    Case("calibration.bin_edges", {"confidence": np.array(SURE), "bins": 4, "by": "count"}),
    Case("classification.scores", {"true": [0, 1, 1, 0], "said": [0, 1, 0, 0], "generator": RANDOM}),
    Case("classification.macro_f1_of", {"pairs": np.array([[[0, 1], [1, 1], [0, 0]]]), "count": 2}),
    Case("contrastive.Contrastive", {"k": 3, "alpha": 0.5}),
    Case("contrastive.Contrastive.balance", {"probability": PROBABILITY[:3], "similarity": some(3, 4)},
         on=lambda: _made("contrastive.Contrastive")),
    Case("costs.Assumptions", {"utilisation": 0.4, "pue": 1.1, "grams_per_kwh": 473.0, "dollars_per_hour": 3.9}),
    Case("costs.on_grid", {"assumptions": Made(lambda: _made("costs.Assumptions")), "grid": "France"}),
    Case("costs.Cost.days", {"count": 8}, on=lambda: _made("costs.cost_of", 1e20)),
    Case("costs.training_flops", {"parameters": 1e8, "tokens": 1e9}),
    Case("costs.inference_flops", {"parameters": 1e8, "tokens": 1e9}),
    Case("costs.cost_of", {"flops": 1e20, "accelerator": "H100"}),
    Case("costs.training_cost", {"parameters": 1e8, "tokens": 1e9, "accelerator": "H100"}),
    Case("diversity.counted", {"tokens": list(WORDS), "n": 2}),
    Case("diversity.distinct_n", {"tokens": list(WORDS), "n": 2}, right=_between(0, 1)),
    Case("diversity.repetition", {"tokens": list(WORDS), "n": 2}, right=_between(0, 1)),
    Case("diversity.diversity", {"tokens": list(WORDS)}, right=_between(0, 1)),
    Case("error_rates.edit_distance", {"a": list("kitten"), "b": list("sitting")}, right=lambda result, _: result == 3),
    Case("error_rates.alignment", {"a": list("kitten"), "b": list("sitting")}),
    Case("error_rates.error_rates", {"predictions": [tuple("ab")], "references": [(tuple("abc"),)]}),
    Case("image_metrics.gaussian_of", {"features": FEATURES}),
    Case("image_metrics.gaussian_distance",
         {"mean_a": FEATURES[0], "covariance_a": _matrix(), "mean_b": OTHERS[0], "covariance_b": _matrix()}),
    Case("image_metrics.square_root", {"matrix": _matrix()}),
    Case("image_metrics.frechet_distance", {"real": FEATURES, "generated": OTHERS, "generator": RANDOM}),
    Case("image_metrics.cubic_kernel", {"a": FEATURES, "b": OTHERS}),
    Case("image_metrics.unbiased_mmd", {"a": FEATURES, "b": OTHERS}),
    Case("image_metrics.kernel_distance", {"real": FEATURES, "generated": OTHERS, "generator": RANDOM, "subset": 4}),
    Case("image_metrics.radii", {"features": FEATURES, "k": 2}),
    Case("image_metrics.in_balls", {"points": FEATURES, "centres": OTHERS, "radius": np.ones(10)}),
    Case("image_metrics.precision_and_recall", {"real": FEATURES, "generated": OTHERS, "k": 2}),
    Case("image_metrics.density_and_coverage",
         {"real": FEATURES, "generated": OTHERS, "generator": RANDOM, "k": 2}),
    Case("image_metrics.nearest_training", {"generated": FEATURES, "training": OTHERS}),
    Case("image_metrics.bits_per_dim", {"bits": np.array([3.0, 4.0, 3.5]), "generator": RANDOM}),
    Case("image_metrics.label_histogram", {"labels": np.array([0, 1, 1]), "classes": 3}),
    Case("image_metrics.label_entropy", {"labels": np.array([0, 1, 1]), "classes": 3, "generator": RANDOM}),
    Case("intervals.mean", {"values": some(4, 5).numpy()}),
    Case("intervals.ratio_of_sums", {"values": some(4, 5, 2).exp().numpy()}),
    Case("intervals.bootstrap_interval",
         {"values_per_item": [1.0, 2.0, 3.0], "statistic": Made(lambda: intervals.mean), "generator": RANDOM,
          "level": 0.9, "samples": 9}),
    Case("intervals.wilson_interval", {"successes": 3, "n": 5, "level": 0.9}),
    Case("logit_rules.RepetitionPenalty", {"penalty": 1.2}),
    Case("logit_rules.RepetitionPenalty.__call__", {"ids": [1, 2, 1], "logits": LOGITS},
         on=lambda: _made("logit_rules.RepetitionPenalty")),
    Case("logit_rules.NoRepeatNgram", {"n": 2}),
    Case("logit_rules.NoRepeatNgram.__call__", {"ids": [1, 2, 1], "logits": LOGITS}, infinite=True,
         on=lambda: _made("logit_rules.NoRepeatNgram", 2)),
    Case("logit_rules.NoRepeatNgram.forbidden", {"ids": [1, 2, 1]}, on=lambda: _made("logit_rules.NoRepeatNgram", 2),
         right=lambda result, _: result == [2]),
    Case("logit_rules.ruled", {"logits": LOGITS, "ids": [1, 2, 1],
                               "rules": Made(lambda: [_made("logit_rules.RepetitionPenalty")])}),
    Case("metrics.compressed_bits_per_byte", {"text": "to be or not to be", "compressor": "gzip", "primed_with": "be"}),
    Case("probing.LinearProbe.predict", {"hidden": FEATURES}, on=lambda: fit_probe(FEATURES, LABELS)),
    Case("probing.fit_probe", {"hidden": FEATURES, "labels": LABELS, "penalty": 1.0}),
    Case("probing.control_labels", {"words": WORDS, "labels": LABELS, "generator": RANDOM}),
    Case("probing.Tokens", {"hidden": FEATURES, "labels": LABELS, "words": WORDS, "groups": WORDS}),
    Case("probing.selectivity", {"train": Made(_tokens), "test": Made(_tokens), "generator": RANDOM, "penalty": 1.0}),
    Case("pruning.smallest", {"values": some(6), "count": 2}, right=lambda result, _: int(result.sum()) == 2),
    Case("quantization.pack", {"numbers": some(8).abs().to(dtype=torch.uint8), "bits": 4}),
    Case("quantization.unpack", {"packed": some(4).abs().to(dtype=torch.uint8), "bits": 4, "count": 8}),
    Case("quantization.in_groups", {"matrix": some(4, 6), "group": 4}),
    Case("quantization.quantize", {"weight": some(4, 6), "bits": 4, "group": 4}),
    Case("quantization.rounded_bytes", {"rows": 4, "columns": 6, "bits": 4, "group": 4}),
    Case("rouge.words", {"text": "The cat sat."}),
    Case("rouge.rouge_n", {"summary": "the cat sat", "reference": "the cat is", "n": 2}),
    Case("rouge.rouge_l", {"summary": "the cat sat", "reference": "the cat is"}),
    Case("rouge.longest_common", {"first": list("abcd"), "second": list("acd")}, right=lambda result, _: result == 3),
    Case("rouge.rouge_scores", {"summaries": ["the cat sat"], "references": [["the cat is"]]}),
    Case("sampling.greedy", {"probability": PROBABILITY}),
    Case("sampling.sample", {"probability": PROBABILITY, "generator": RANDOM}),
    Case("sampling.Sampling", {"temperature": 0.7, "top_k": 3, "top_p": 0.9, "min_p": 0.1}),
    Case("sampling.Sampling.__call__", {"probability": PROBABILITY, "generator": RANDOM},
         on=lambda: _made("sampling.Sampling", 0.7, 3)),
    Case("sampling.Sampling.distribution", {"probability": PROBABILITY}, on=lambda: _made("sampling.Sampling", 0.7, 3),
         right=_sums_to_one),
    Case("sampling.keep_likeliest", {"probability": PROBABILITY, "k": 2}),
    Case("sampling.keep_nucleus", {"probability": PROBABILITY, "p": 0.9}),
    Case("sampling.keep_near_likeliest", {"probability": PROBABILITY, "share": 0.1}),
    Case("sampling.likeliest", {"probability": PROBABILITY, "count": 2}, right=lambda result, _: len(result) == 2),
    Case("sampling.checked", {"probability": PROBABILITY}),
    Case("scaling.Law.loss", {"parameters": 1e8, "tokens": 1e9}, on=lambda: CHINCHILLA["Hoffmann"].law),
    Case("scaling.PowerLaw.loss", {"amount": 1e8}, on=lambda: _fit().law),
    Case("scaling.Fit.interval", {"constant": "alpha", "level": 0.9}, on=_fit),
    Case("scaling.fit_law", {"parameters": RUNS[0], "tokens": RUNS[1], "losses": LOSSES, "delta": SMOOTH}),
    Case("scaling.fit_power_law", {"amount": RUNS[0], "losses": LOSSES, "delta": SMOOTH}),
    Case("scaling.bootstrap_law", {"parameters": RUNS[0], "tokens": RUNS[1], "losses": LOSSES, "generator": RANDOM,
                                   "samples": 1, "delta": SMOOTH}),
    Case("scaling.bootstrap_power_law", {"amount": RUNS[0], "losses": LOSSES, "generator": RANDOM, "samples": 1,
                                         "delta": SMOOTH}),
    Case("scaling.compute_optimal", {"law": Made(lambda: CHINCHILLA["Hoffmann"].law), "flops": 1e18}),
    Case("shapes.check_shape", {"array": some(2, 3), "pattern": "B 3", "name": "x"}),
    Case("speculative.missing", {"probability": PROBABILITY, "guessed": PROBABILITY.flip(0)}, right=_sums_to_one),
]
