"""Right calls of the formulas that models are built from: norms, attention, losses, noise, likelihoods, rounding."""

import pkgutil

import numpy as np
import torch
from scipy import sparse

from course_utils.models.attention import causal_mask
from course_utils.models.counts import NgramCounts
from course_utils.models.diffusion import Schedule, cosine_betas
from course_utils.models.products import Linear
from course_utils.models.toy_gan import DiracGame, ring
from tests.bad_input.cases import RANDOM, Case, Made
from tests.support.untrained import level_images, some

AREAS = (
    "models.attention", "models.best_denoiser", "models.counts", "models.diffusion", "models.drawn",
    "models.embeddings", "models.fast", "models.gan", "models.image_blocks", "models.image_levels", "models.layers",
    "models.noise_checks",
    "models.preferences", "models.products", "models.smoothing", "models.toy_gan", "models.vae", "optimizers",
    "distillation",
)  # fmt: skip

X, GAIN = some(2, 3, 4), torch.ones(4)
QUERY, KEY = some(2, 2, 3, 4), some(2, 2, 5, 4, seed=2)
MASK = causal_mask(3, 5)
UNSEEN = frozenset({"mask: all false"})            # by the formula alone, a query that sees no key gets nan: lesson 06
GATE = some(6, 4)
IMAGES, OTHERS = level_images(3, 4), level_images(3, 4, seed=4)
ALPHA = torch.tensor([0.5, 0.6, 0.7]).view(3, 1, 1, 1)
EARLIER = torch.tensor([0.8, 0.8, 0.9]).view(3, 1, 1, 1)
IDS = np.array([1, 2, 3, 1, 2, 1, 3, 3])
MEAN, LOG_VARIANCE = some(3, 4), some(3, 4, seed=5)
REWARDS = some(4), some(4, seed=2)
PLACES = {"noisy": IMAGES, "clean": OTHERS, "alpha_bar": ALPHA}
STEPS = {"noisy": IMAGES, "clean": OTHERS, "fresh": some(3, 1, 4, 4), "alpha_bar": ALPHA, "alpha_bar_before": EARLIER}


def made(name: str, *arguments, **named):
    """What `course_utils.name` makes of these."""
    return pkgutil.resolve_name(f"course_utils.{name}")(*arguments, **named)


def counts() -> NgramCounts:
    """Counts of a short text of ids."""
    return NgramCounts(IDS, 5, 2, 0)


def of(kind: str, *arguments):
    """A function that makes an object of this kind, anew for each call."""
    return lambda: made(kind, *arguments)


def _same_shape(key: str):
    return lambda result, arguments: result.shape == arguments[key].shape


def _rows_sum_to_one(result, _) -> bool:
    return bool(torch.allclose(result[1].sum(dim=-1), torch.ones(2, 2, 3)))


CASES = [
    # attention
    Case("models.attention.scaled_dot_product_attention", {"query": QUERY, "key": KEY, "value": KEY, "mask": MASK},
         whole=UNSEEN, right=_rows_sum_to_one),
    Case("models.attention.scaled_dot_product_attention",
         {"query": QUERY, "key": KEY, "value": KEY, "bias": some(1, 2, 3, 5)}),
    Case("models.attention.fused_attention",
         {"query": QUERY, "key": KEY, "value": KEY, "mask": MASK, "bias": some(1, 2, 3, 5)}),
    Case("models.attention.check_attention", {"query": QUERY, "key": KEY, "value": KEY, "mask": MASK}),
    Case("models.attention.check_each_sees", {"mask": MASK}),
    Case("models.attention.causal_mask", {"length": 3, "keys": 5}),
    Case("models.attention.padding_mask", {"lengths": torch.tensor([2, 3]), "keys": 4}),
    Case("models.attention.visible", {"mask": torch.ones(2, 3, dtype=torch.bool)}),
    Case("models.attention.split_heads", {"x": X, "heads": 2}),
    Case("models.attention.merge_heads", {"x": QUERY}),
    Case("models.attention.repeat_heads", {"x": QUERY, "times": 2}),
    Case("models.attention.MultiHeadAttention", {"width": 4, "heads": 2, "key_value_heads": 1, "head_width": 2}),
    Case("models.attention.MultiHeadAttention.forward",
         {"x": X, "memory": some(2, 5, 4), "mask": MASK, "bias": some(1, 2, 3, 5)},
         on=of("models.attention.MultiHeadAttention", 4, 2)),
    # layers
    Case("models.layers.layer_norm", {"x": X, "gain": GAIN, "bias": GAIN}, right=_same_shape("x")),
    Case("models.layers.rms_norm", {"x": X, "gain": GAIN}, right=_same_shape("x")),
    Case("models.layers.LayerNorm", {"width": 4}),
    Case("models.layers.LayerNorm.forward", {"x": X}, on=of("models.layers.LayerNorm", 4)),
    Case("models.layers.RMSNorm", {"width": 4}),
    Case("models.layers.RMSNorm.forward", {"x": X}, on=of("models.layers.RMSNorm", 4)),
    Case("models.layers.sinusoidal", {"length": 3, "width": 4, "base": 10_000.0}),
    Case("models.layers.frequencies", {"width": 4, "base": 10_000.0}),
    Case("models.layers.rotary", {"x": QUERY, "positions": torch.arange(3), "base": 10_000.0}, right=_same_shape("x")),
    Case("models.layers.check_rotary", {"x": QUERY, "positions": torch.arange(3)}),
    Case("models.layers.gelu", {"x": X}, right=_same_shape("x")),
    Case("models.layers.swiglu", {"x": X, "gate": GATE, "up": GATE, "down": GATE.T}, right=_same_shape("x")),
    Case("models.layers.FeedForward", {"width": 4, "inner": 6}),
    Case("models.layers.FeedForward.forward", {"x": X}, on=of("models.layers.FeedForward", 4, 6)),
    Case("models.layers.GatedFeedForward", {"width": 4, "inner": 6}),
    Case("models.layers.GatedFeedForward.forward", {"x": X}, on=of("models.layers.GatedFeedForward", 4, 6)),
    Case("models.layers.draw_weights", {"model": Made(of("models.layers.FeedForward", 4, 6)), "width": 4, "layers": 2,
                                        "generator": RANDOM}),
    Case("models.products.linear", {"x": X, "weight": GATE, "bias": some(6)}),
    Case("models.products.Linear", {"in_features": 4, "out_features": 6}),
    Case("models.products.Linear.forward", {"x": X}, on=lambda: Linear(4, 6)),
    # counts and smoothing
    Case("models.counts.NgramCounts", {"ids": IDS, "vocabulary_size": 5, "order": 2, "start": 0, "boundary": 1}),
    Case("models.counts.NgramCounts.up_to", {"order": 1}, on=counts),
    Case("models.counts.NgramCounts.find", {"stream": IDS}, on=counts),
    Case("models.counts.NgramCounts.children", {"n": 2, "context": 1}, on=counts),
    Case("models.counts.NgramCounts.begins_line", {"n": 2}, on=counts),
    Case("models.counts.NgramCounts.ngram", {"n": 2, "index": 0}, on=counts),
    Case("models.counts.longest_ngram", {"stream": IDS, "boundary": 1}),
    Case("models.counts.look_up", {"keys": np.array([6, 7]), "context": np.array([1]), "token": np.array([1]),
                                   "vocabulary_size": 5}),
    Case("models.smoothing.AddK", {"k": 0.1}),
    Case("models.smoothing.JelinekMercer", {"weights": (0.5, 0.4)}),
    Case("models.smoothing.JelinekMercer", {"weights": 0.5}),
    Case("models.smoothing.JelinekMercer.weight", {"n": 1}, on=of("models.smoothing.JelinekMercer", (0.5, 0.4))),
    Case("models.smoothing.Smoothing.tables", {"counts": Made(counts)}, on=of("models.smoothing.KneserNey")),
    Case("models.smoothing.modified_discounts", {"counts": np.array([1, 1, 2, 3, 4, 1])}),
    # embeddings
    Case("models.embeddings.frequent_words", {"text": "the cat and the dog", "size": 2}),
    Case("models.embeddings.cooccurrence", {"ids": IDS, "size": 5, "window": 2}),
    Case("models.embeddings.positive_pmi", {"counts": Made(lambda: sparse.csr_array(np.eye(3))), "power": 0.75}),
    Case("models.embeddings.truncated_svd", {"matrix": some(5, 5).numpy(), "width": 2, "random": RANDOM}),
    Case("models.embeddings.SkipGram", {"size": 5, "width": 4, "random": RANDOM}),
    Case("models.embeddings.SkipGram.forward",
         {"centres": torch.tensor([1, 2]), "contexts": torch.tensor([[1, 0], [3, 2]]), "labels": torch.ones(2, 2)},
         on=lambda: made("models.embeddings.SkipGram", 5, 4, RANDOM.make())),
    Case("models.embeddings.skipgram_batches", {"ids": IDS, "size": 5, "window": 2, "negatives": 2, "batch": 3,
                                                "seed": 0, "threshold": 0.1}, then=lambda batches: batches(0)),
    Case("models.embeddings.WordVectors", {"words": ("a", "b", "c"), "vectors": some(3, 2).numpy()}),
    Case("models.embeddings.WordVectors.cosine", {"first": "a", "second": "b"},
         on=of("models.embeddings.WordVectors", ("a", "b", "c"), some(3, 2).numpy())),
    Case("models.embeddings.WordVectors.nearest", {"query": "a", "top": 2, "without": ("b",)},
         on=of("models.embeddings.WordVectors", ("a", "b", "c"), some(3, 2).numpy())),
    Case("models.embeddings.WordVectors.nearest", {"query": some(2).numpy(), "top": 2},
         on=of("models.embeddings.WordVectors", ("a", "b", "c"), some(3, 2).numpy())),
    Case("models.embeddings.WordVectors.analogy", {"a": "a", "b": "b", "c": "c", "top": 1, "given": True},
         on=of("models.embeddings.WordVectors", ("a", "b", "c"), some(3, 2).numpy())),
    # levels and densities
    Case("models.image_levels.check_images", {"images": IMAGES, "channels": 1, "size": 4}),
    Case("models.image_levels.check_range", {"images": IMAGES}),
    Case("models.image_levels.to_levels", {"images": IMAGES, "levels": 256}, right=_same_shape("images")),
    Case("models.image_levels.from_levels", {"ids": torch.arange(4), "levels": 256}),
    Case("models.image_levels.check_on_grid", {"images": IMAGES}),
    Case("models.image_levels.to_grid", {"images": IMAGES, "levels": 256}, right=_same_shape("images")),
    Case("models.image_levels.bits_per_dimension", {"nats": some(3).abs(), "images": IMAGES}),
    Case("models.image_levels.logistic_log_probability",
         {"images": IMAGES, "mean": OTHERS, "log_scale": some(3, 1, 4, 4)}),
    Case("models.image_levels.draw_logistic",
         {"mean": OTHERS, "log_scale": some(3, 1, 4, 4), "generator": RANDOM}),
    Case("models.image_levels.gaussian_log_probability", {"images": IMAGES, "mean": OTHERS, "deviation": 0.5}),
    # diffusion
    Case("models.diffusion.linear_betas", {"steps": 30}),
    Case("models.diffusion.cosine_betas", {"steps": 30, "offset": 0.008, "most": 0.999}),
    Case("models.diffusion.Schedule", {"betas": cosine_betas(10)}),
    Case("models.diffusion.Schedule.at", {"step": torch.tensor([1, 2, 3]), "like": IMAGES},
         on=lambda: Schedule(cosine_betas(10))),
    Case("models.noise_checks.check_same", {"first": IMAGES, "second": OTHERS, "name": "noise"}),
    Case("models.noise_checks.check_left", {"alpha_bar": ALPHA, "like": IMAGES}),
    Case("models.diffusion.signal_to_noise", {"alpha_bar": ALPHA}, infinite=True),
    Case("models.diffusion.q_sample", {"images": IMAGES, "noise": OTHERS, "alpha_bar": ALPHA},
         right=_same_shape("images")),
    Case("models.diffusion.clean_from_noise", {"noisy": IMAGES, "noise": OTHERS, "alpha_bar": ALPHA},
         right=_same_shape("noisy")),
    Case("models.diffusion.noise_from_clean", PLACES, right=_same_shape("noisy")),
    Case("models.diffusion.posterior", PLACES | {"alpha_bar_before": EARLIER}),
    Case("models.diffusion.ddpm_step", STEPS, right=_same_shape("noisy")),
    Case("models.diffusion.ddim_step", STEPS | {"eta": 0.5}, right=_same_shape("noisy")),
    Case("models.diffusion.guided", {"conditional": IMAGES, "unconditional": OTHERS, "guidance": 2.0}),
    Case("models.diffusion.drop_conditions", {"condition": some(3, 4), "share": 0.5, "generator": RANDOM}),
    Case("models.diffusion.sampling_steps", {"steps": 30, "count": 5},
         right=lambda result, _: result[0] == 30 and result[-1] == 0),
    Case("models.drawn.standard_normal", {"shape": (2, 3), "generator": RANDOM}),
    Case("models.drawn.uniform", {"shape": (2, 3), "generator": RANDOM}),
    Case("models.best_denoiser.best_guess", {"noisy": some(2, 4), "images": some(5, 4), "alpha_bar": 0.5}),
    # vae
    Case("models.vae.reparameterise", {"mean": MEAN, "log_variance": LOG_VARIANCE, "generator": RANDOM},
         right=_same_shape("mean")),
    Case("models.vae.kl_to_standard_normal", {"mean": MEAN, "log_variance": LOG_VARIANCE},
         right=lambda result, _: bool((result >= 0).all())),
    Case("models.vae.normal_log_density", {"x": some(3, 4, seed=6), "mean": MEAN, "log_variance": LOG_VARIANCE}),
    Case("models.vae.active_units", {"means": MEAN, "least": 0.01}),
    # games
    Case("models.gan.discriminator_loss", {"real_logits": some(4), "fake_logits": some(5)}),
    Case("models.gan.minimax_loss", {"fake_logits": some(4)}),
    Case("models.gan.non_saturating_loss", {"fake_logits": some(4)}),
    Case("models.gan.r1_penalty",
         {"discriminator": Made(lambda: lambda x: x.square().flatten(1).sum(1)), "real": IMAGES}),
    Case("models.gan.power_iteration", {"matrix": some(3, 4), "right": some(4)}),
    Case("models.gan.SpectralNorm", {"weight": some(3, 4), "generator": RANDOM, "first_steps": 2}),
    Case("models.gan.SpectralNorm.forward", {"weight": some(3, 4)},
         on=lambda: made("models.gan.SpectralNorm", some(3, 4), RANDOM.make())),
    Case("models.gan.Packed", {"inner": Made(lambda: torch.nn.Flatten()), "size": 2}),
    Case("models.gan.Packed.forward", {"inputs": some(4, 1, 4, 4)},
         on=lambda: made("models.gan.Packed", torch.nn.Flatten(), 2)),
    Case("models.gan.update_average", {"average": Made(lambda: Linear(2, 2)), "model": Made(lambda: Linear(2, 2)),
                                       "decay": 0.9}),
    Case("models.toy_gan.DiracGame", {"rate": 0.1, "r1": 0.1}),
    Case("models.toy_gan.DiracGame.discriminator_slope", {"point": 0.1, "slope": 0.2, "data": some(4)}, on=DiracGame),
    Case("models.toy_gan.DiracGame.path", {"data": some(4), "steps": 3, "start": (1.0, 0.0)}, on=DiracGame),
    Case("models.toy_gan.Mixture", {"centres": some(3, 2), "deviation": 0.1}),
    Case("models.toy_gan.Mixture.draw", {"count": 4, "generator": RANDOM}, on=ring),
    Case("models.toy_gan.ring", {"modes": 5, "radius": 1.0, "deviation": 0.1}),
    Case("models.toy_gan.pair", {"distance": 2.0, "deviation": 0.1}),
    Case("models.toy_gan.mode_coverage", {"points": some(5, 2), "mixture": Made(ring), "deviations": 3.0}),
    Case("models.toy_gan.PointGANConfig", {"dimensions": 2, "latent": 3, "width": 4, "start": 1.0}),
    Case("models.toy_gan.ShiftedNoise", {"start": some(2), "deviation": 0.1}),
    Case("models.toy_gan.ShiftedNoise.forward", {"latents": some(3, 2)}, on=of("models.toy_gan.ShiftedNoise", some(2))),
    Case("models.toy_gan.layers", {"inputs": 2, "width": 3, "outputs": 1, "generator": RANDOM}),
    # blocks of images
    Case("models.image_blocks.group_norm", {"channels": 4}),
    Case("models.image_blocks.modulate", {"x": some(2, 4, 3, 3), "scale": some(2, 4), "shift": some(2, 4)},
         right=_same_shape("x")),
    Case("models.image_blocks.ResidualBlock", {"inputs": 4, "outputs": 8, "steering": 3}),
    Case("models.image_blocks.ResidualBlock.forward", {"x": some(2, 4, 3, 3), "vector": some(2, 3)},
         on=of("models.image_blocks.ResidualBlock", 4, 8, 3)),
    Case("models.image_blocks.PlaceAttention", {"channels": 4, "heads": 2}),
    Case("models.image_blocks.PlaceAttention.forward", {"x": some(2, 4, 3, 3)},
         on=of("models.image_blocks.PlaceAttention", 4, 2)),
    Case("models.image_blocks.Downsample", {"inputs": 4, "outputs": 8}),
    Case("models.image_blocks.Downsample.forward", {"x": some(2, 4, 4, 4)},
         on=of("models.image_blocks.Downsample", 4, 8)),
    Case("models.image_blocks.Upsample", {"inputs": 4, "outputs": 8}),
    Case("models.image_blocks.Upsample.forward", {"x": some(2, 4, 4, 4)}, on=of("models.image_blocks.Upsample", 4, 8)),
    Case("models.image_blocks.to_patches", {"x": some(2, 1, 4, 4), "patch": 2}),
    Case("models.image_blocks.from_patches", {"x": some(2, 4, 2, 2), "patch": 2}),
    # preferences, distillation, rounding, optimizers
    Case("models.preferences.answer_log_probability",
         {"logits": some(2, 3, 5), "targets": torch.tensor([[-100, 1, 2], [-100, -100, 4]])}),
    Case("models.preferences.bradley_terry_loss", {"chosen": REWARDS[0], "rejected": REWARDS[1]}),
    Case("models.preferences.dpo_loss", {"chosen": REWARDS[0], "rejected": REWARDS[1], "chosen_before": REWARDS[1],
                                         "rejected_before": REWARDS[0], "beta": 0.1}),
    Case("distillation.distillation_loss",
         {"student_logits": some(2, 3, 5), "teacher_logits": some(2, 3, 5, seed=2), "temperature": 2.0}),
    Case("models.fast.Product", {"weight": some(64, 32), "precision": "int8"}),
    Case("models.fast.packed", {"weight": some(64, 32)}),
    Case("models.fast.quantised", {"weight": some(64, 32)}),
    Case("optimizers.adamw", {"model": Made(lambda: Linear(2, 2)), "learning_rate": 0.1, "weight_decay": 0.1,
                              "betas": (0.9, 0.95)}),
    Case("optimizers.muon", {"model": Made(lambda: Linear(2, 2)), "learning_rate": 0.1, "weight_decay": 0.1,
                             "betas": (0.9, 0.95)}),
    Case("optimizers.orthogonal", {"matrix": some(3, 4)}, right=_same_shape("matrix")),
]
