"""Right calls of whole models: decoders, encoders, recurrent networks, image models, and surgery on them."""

import functools

import torch

from course_utils.beam_search import Beam
from course_utils.contrastive import Contrastive
from course_utils.fit_config import FitConfig
from course_utils.models import lora
from course_utils.models.ablations import NoAttention
from course_utils.models.attention import causal_mask, scaled_dot_product_attention
from course_utils.models.classifier import Classifier, ClassifierConfig
from course_utils.models.counts import NgramCounts
from course_utils.models.diffusion import FlowMatching
from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.models.encoder_decoder import Cached, EncoderDecoder, EncoderDecoderConfig
from course_utils.models.fast import FastDecoder
from course_utils.models.fast_pixels import PixelSampler
from course_utils.models.fast_reading import FastReader
from course_utils.models.gan import GAN, Discriminator, GANConfig, Generator
from course_utils.models.image_transformer import ImageTransformer, ImageTransformerConfig
from course_utils.models.ngram import NGram
from course_utils.models.preferences import RewardModel
from course_utils.models.recurrent import GRUCell, LSTMCell, RecurrentConfig, RecurrentLM, RNNCell
from course_utils.models.seq2seq import AdditiveAttention, Conditioned, DotAttention, Seq2Seq, Seq2SeqConfig
from course_utils.models.smoothing import AddK
from course_utils.models.toy_gan import PointDiscriminator, PointGANConfig, PointGenerator
from course_utils.models.transformer import LLAMA, WRITTEN_OUT, Transformer, TransformerConfig
from course_utils.models.unet import Steering, UNet, UNetConfig
from course_utils.models.vae import VAE, VAEConfig
from course_utils.quantization import quantize
from course_utils.sampling import greedy
from course_utils.seeding import generator
from tests.bad_input.cases import RANDOM, Case, Made
from tests.bad_input.table_formulas import IDS, UNSEEN, of
from tests.support.untrained import NETWORK, denoiser, level_images, some

AREAS = (
    "alignment", "coreference_heads", "decoding", "decoding_tree", "fit_config", "generation", "inpainting",
    "interpretability", "memorization", "models.ablations", "models.arpa", "models.classifier", "models.encoder",
    "models.encoder_decoder", "models.fast_pixels", "models.fast_reading", "models.head_surgery",
    "models.image_transformer", "models.language_model", "models.lora", "models.ngram", "models.porting",
    "models.recurrent", "models.seq2seq", "models.speller", "models.transformer", "models.unet", "preference_tuning",
    "pronouns", "reading", "strategies", "training",
)  # fmt: skip

SIZES = TransformerConfig(7, context=8, width=8, heads=2, layers=2)
TOKENS = torch.tensor([[1, 2, 3, 4], [4, 3, 2, 1]])
NEXT = torch.tensor([[2, 3, 4, 5], [3, 2, 1, 0]])
PROMPT = [1, 2, 3]
HEADS = [(0, 1), (1, 0)]
STREAM, MASK = some(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
IMAGES = level_images(2, 4)
PAIRS = torch.tensor([[3, 4, 2], [5, 2, 0]])


def _cached(make):
    """A model that is made once: the calls leave it as it is."""
    return functools.cache(lambda: make().eval())


gpt = _cached(lambda: Transformer(SIZES, generator(0), WRITTEN_OUT))
fused = _cached(lambda: Transformer(SIZES, generator(0)))
llama = _cached(lambda: Transformer(TransformerConfig(7, context=8, width=8, heads=2, layers=2, **LLAMA), generator(0)))
lstm = _cached(lambda: RecurrentLM(RecurrentConfig(7, embedding=4, width=6), generator(0)))
ngram = _cached(lambda: NGram(NgramCounts(IDS, 7, 2, 0), AddK(0.1)))
encoder = _cached(lambda: Encoder(EncoderConfig(7, 8, 8, 2, 1), generator(0), WRITTEN_OUT))
t5 = _cached(lambda: EncoderDecoder(EncoderDecoderConfig(7, 8, 2, 4, 1, 8), generator(0)))
cached_t5 = _cached(lambda: Cached(t5()))
seq2seq = _cached(lambda: Seq2Seq(Seq2SeqConfig(7, 7, "additive", 4, 6), generator(0)))
unet = _cached(lambda: UNet(NETWORK, generator(0)))
diffusion, flow = _cached(denoiser), _cached(lambda: denoiser(FlowMatching))
vae = _cached(lambda: VAE(VAEConfig(1, 8, 3, (4, 8), (8, 8, 4)), generator(0)))
classifier = _cached(lambda: Classifier(ClassifierConfig(3, 1, 8, (2, 4), 4), generator(0)))
pixels = _cached(lambda: ImageTransformer(ImageTransformerConfig(4, 256, 2, 8, 2, 1, 8), generator(0)))
GAN_SIZES = GANConfig(size=8, latent=4, width=8, discriminator_width=4)
drawer = _cached(lambda: Generator(GAN_SIZES, generator(0)))
critic = _cached(lambda: Discriminator(GAN_SIZES, generator(0)))


def fast() -> FastDecoder:
    """A fresh decoder that keeps what it has read."""
    return FastDecoder(llama())


def with_lora() -> Transformer:
    """A decoder with LoRA on it, fresh."""
    model = Transformer(SIZES, generator(0))
    lora.add_lora(model, ["query"], 2, generator(1))
    return model


def one_cell(kind):
    """A cell of 3 inputs and 4 units."""
    return lambda: kind(3, 4, generator(0))


def _first(batches):
    return batches(0)


def _inside(manager):
    with manager as model:
        return model(TOKENS)[0]


IMAGES_8 = level_images(2, 8)
CONDITION = {"condition": some(2, 5)}
CASES = [
    # what every language model does
    *(
        case
        for model in (gpt, lstm, ngram)
        for case in (
            Case("models.language_model.LanguageModel.token_nats", {"ids": TOKENS, "targets": NEXT}, on=model,
                 right=lambda result, _: bool((result >= 0).all())),
            Case("models.language_model.LanguageModel.next_probabilities", {"ids": PROMPT}, on=model,
                 right=lambda result, _: abs(float(result.sum()) - 1) < 1e-5),
            Case("models.language_model.LanguageModel.next_logits", {"ids": PROMPT}, on=model),
            Case("models.language_model.LanguageModel.read", {"ids": PROMPT}, on=model),
            Case("models.language_model.LanguageModel.read_logits", {"ids": PROMPT}, on=model),
            Case("models.language_model.LanguageModel.forward", {"ids": TOKENS, "targets": NEXT}, on=model),
        )
    ),
    Case("models.language_model.check_ids", {"ids": TOKENS, "vocabulary_size": 7, "name": "ids"}),
    Case("models.language_model.passes", {"length": 9, "context": 4, "tokens": 8}),
    Case("models.ngram.NGram.distribution", {"context": PROMPT}, on=ngram),
    # transformers
    Case("models.transformer.TransformerConfig", {"vocabulary_size": 7, "context": 8, "width": 8, "heads": 2,
         "layers": 2, "key_value_heads": 1, "inner": 8, "norm": "rms", "position": "rotary", "feed_forward": "swiglu",
         "dropout": 0.1, "epsilon": 1e-5, "base": 100.0}),
    Case("models.transformer.Block.forward", {"x": STREAM, "mask": causal_mask(4)}, on=lambda: gpt().blocks[0]),
    Case("models.transformer.Transformer.embed", {"ids": TOKENS, "first": 2}, on=gpt),
    Case("models.transformer.Transformer.turn", {"first": 0, "length": 4}, on=llama),
    Case("models.transformer.Transformer.stream", {"ids": TOKENS}, on=gpt),
    Case("models.transformer.Transformer.logits", {"stream": STREAM}, on=gpt),
    Case("models.transformer.Transformer.run", {"ids": TOKENS}, on=fused),
    Case("models.transformer.Transformer.forward", {"ids": TOKENS, "targets": NEXT}, on=llama),
    Case("models.transformer.Transformer.read_each", {"ids": PROMPT}, on=gpt),
    Case("models.transformer.Transformer.read_hidden", {"ids": PROMPT}, on=gpt),
    Case("models.transformer.Transformer.attention", {"ids": TOKENS}, on=gpt),
    Case("models.transformer.Transformer.flops_per_token", {"length": 4}, on=gpt),
    Case("models.transformer.check_context", {"length": 4, "context": 8}),
    Case("models.ablations.NoAttention.forward", {"x": STREAM}, on=NoAttention),
    Case("models.ablations.blind_to_the_mask",
         {"query": some(2, 2, 3, 4), "key": some(2, 2, 3, 4), "value": some(2, 2, 3, 4), "mask": causal_mask(3)}),
    Case("models.ablations.without", {"part": "norm", "config": Made(lambda: SIZES), "generator": RANDOM}),
    Case("models.fast.FastDecoder", {"model": Made(llama), "precision": "float32"}),
    Case("models.fast.FastDecoder.rewind", {"count": 0}, on=fast),
    Case("models.fast.FastDecoder.read", {"ids": PROMPT}, on=fast),
    Case("models.fast.FastDecoder.logits", {"ids": PROMPT}, on=fast),
    Case("models.fast.FastDecoder.states", {"ids": PROMPT}, on=fast),
    Case("models.fast_reading.FastReader.read", {"ids": PROMPT}, on=lambda: FastReader(fast())),
    Case("models.fast_reading.FastReader.read_logits", {"ids": PROMPT}, on=lambda: FastReader(fast())),
    Case("models.fast_reading.FastReader.read_each", {"ids": PROMPT}, on=lambda: FastReader(fast())),
    Case("models.fast_reading.FastReader.read_hidden", {"ids": PROMPT}, on=lambda: FastReader(fast())),
    Case("models.fast_reading.FastReader.logits", {"states": some(2, 8)}, on=lambda: FastReader(fast())),
    Case("models.fast_reading.common", {"one": PROMPT, "other": [1, 2, 5]}, right=lambda result, _: result == 2),
    Case("models.encoder.EncoderConfig", {"vocabulary_size": 7, "context": 8, "width": 8, "heads": 2, "layers": 1,
                                          "inner": 8, "segments": 2, "dropout": 0.1, "epsilon": 1e-5}),
    Case("models.encoder.EncoderBlock.forward", {"x": STREAM, "mask": MASK[:, None, None]},
         on=lambda: encoder().blocks[0]),
    Case("models.encoder.Encoder.forward", {"ids": TOKENS, "mask": MASK, "segments": TOKENS * 0}, on=encoder),
    Case("models.encoder.Encoder.states", {"ids": TOKENS, "mask": MASK, "segments": TOKENS * 0}, on=encoder),
    Case("models.encoder.Encoder.attention", {"ids": TOKENS, "mask": MASK}, on=encoder),
    # an encoder and a decoder
    Case("models.encoder_decoder.EncoderDecoderConfig", {"vocabulary_size": 7, "width": 8, "heads": 2, "head_width": 4,
         "layers": 1, "inner": 8, "feed_forward": "relu", "dropout": 0.1, "epsilon": 1e-5, "buckets": 8,
         "furthest": 16}),
    Case("models.encoder_decoder.unscaled_attention",
         {"query": some(2, 2, 3, 4), "key": some(2, 2, 3, 4), "value": some(2, 2, 3, 4), "mask": causal_mask(3)}),
    Case("models.encoder_decoder.geglu", {"x": STREAM, "gate": some(6, 8), "up": some(6, 8), "down": some(8, 6)}),
    Case("models.encoder_decoder.bucket", {"distance": torch.arange(-4, 5), "buckets": 8, "furthest": 16,
                                           "both_ways": True}),
    Case("models.encoder_decoder.RelativeBias.forward", {"length": 3, "keys": 4}, on=lambda: t5().encoder.distance),
    Case("models.encoder_decoder.Layer.forward", {"x": STREAM, "mask": None, "bias": some(1, 2, 4, 4)},
         on=lambda: t5().encoder.layers[0]),
    Case("models.encoder_decoder.Stack.forward", {"x": STREAM, "source": some(2, 3, 8)}, on=lambda: t5().decoder),
    Case("models.encoder_decoder.EncoderDecoder.encode", {"source": TOKENS, "mask": MASK}, on=t5),
    Case("models.encoder_decoder.EncoderDecoder.decode", {"target": TOKENS, "encoded": some(2, 4, 8), "mask": MASK},
         on=t5),
    Case("models.encoder_decoder.EncoderDecoder.logits", {"stream": STREAM}, on=t5),
    Case("models.encoder_decoder.EncoderDecoder.forward",
         {"source": TOKENS, "target": TOKENS, "targets": NEXT, "mask": MASK, "smoothing": 0.1}, on=t5),
    Case("models.encoder_decoder.Source.rows", {"index": torch.tensor([1, 0, 0])},
         on=lambda: cached_t5().encode(PAIRS)),
    Case("models.encoder_decoder.Cached.encode", {"source": PAIRS}, on=cached_t5),
    Case("models.encoder_decoder.Cached.decode", {"inputs": TOKENS, "encoded": Made(lambda: cached_t5().encode(PAIRS))},
         on=cached_t5),
    Case("models.encoder_decoder.Cached.attention", {"source": PAIRS, "inputs": TOKENS}, on=cached_t5),
    Case("models.seq2seq.Seq2SeqConfig", {"source_size": 7, "target_size": 7, "attention": "dot", "embedding": 4,
                                          "width": 6, "layers": 1, "dropout": 0.1}),
    Case("models.seq2seq.mix", {"scores": some(2, 3, 4), "memory": some(2, 4, 6), "mask": MASK}),
    *(
        Case(f"models.seq2seq.{name}.forward", {"query": some(2, 3, 6), "memory": some(2, 4, 6), "mask": MASK}, on=make)
        for name, make in (
            ("DotAttention", lambda: DotAttention(6)),
            ("AdditiveAttention", lambda: AdditiveAttention(6)),
            ("NoAttention", of("models.seq2seq.NoAttention", 6)),
        )
    ),
    Case("models.seq2seq.Encoded.rows", {"index": torch.tensor([1, 0])}, on=lambda: seq2seq().encode(PAIRS)),
    Case("models.seq2seq.Seq2Seq.encode", {"source": PAIRS}, on=seq2seq),
    Case("models.seq2seq.Seq2Seq.decode", {"inputs": TOKENS, "encoded": Made(lambda: seq2seq().encode(PAIRS))},
         on=seq2seq),
    Case("models.seq2seq.Seq2Seq.forward", {"source": PAIRS, "inputs": TOKENS, "targets": NEXT}, on=seq2seq),
    Case("models.seq2seq.Seq2Seq.alignment", {"source": [3, 4, 2], "target": [3, 2]}, on=seq2seq),
    Case("models.seq2seq.Conditioned", {"model": Made(seq2seq), "source": [3, 4, 2]}),
    Case("models.seq2seq.Conditioned.read", {"ids": [1, 3]}, on=lambda: Conditioned(seq2seq(), [3, 2])),
    Case("decoding.transcribe", {"model": Made(seq2seq), "source": PAIRS, "beam": 1, "longest": 3, "rows": 2,
                                 "start": 1, "end": 2}),
    Case("decoding.transcribe", {"model": Made(cached_t5), "source": PAIRS, "beam": 2, "longest": 3}),
    # recurrent
    *(
        case
        for kind in (RNNCell, GRUCell, LSTMCell)
        for case in (
            Case("models.recurrent.Cell.start", {"batch": 2}, on=one_cell(kind)),
            Case("models.recurrent.Cell.from_input", {"x": some(2, 3)}, on=one_cell(kind)),
            Case("models.recurrent.Cell.from_state", {"hidden": some(2, 4)}, on=one_cell(kind)),
            Case("models.recurrent.Cell.forward", {"x": some(2, 3)}, on=one_cell(kind)),
        )
    ),
    Case("models.recurrent.RNNCell", {"inputs": 3, "width": 4}),
    Case("models.recurrent.unroll", {"cell": Made(one_cell(LSTMCell)), "x": some(2, 5, 3)}),
    Case("models.recurrent.RecurrentConfig", {"vocabulary_size": 7, "cell": "gru", "embedding": 4, "width": 6,
                                              "layers": 1, "dropout": 0.0}),
    Case("models.recurrent.RecurrentLM.hidden", {"ids": TOKENS}, on=lstm),
    Case("models.recurrent.RecurrentLM.run", {"ids": TOKENS}, on=lstm),
    Case("models.recurrent.RecurrentLM.cell", {"layer": 0}, on=lstm),
    Case("models.recurrent.fused", {"cell": "gru", "inputs": 3, "width": 4, "layers": 1, "dropout": 0.0}),
    # images
    Case("models.unet.UNetConfig", {"channels": 1, "size": 8, "widths": (4, 8), "patch": 2, "heads": 2, "steering": 4,
                                    "condition": 3}),
    Case("models.unet.UNet", {"config": Made(lambda: UNetConfig(1, 8, (4, 8), 1, 2, 4, 3)), "generator": RANDOM}),
    Case("models.unet.time_code", {"time": torch.tensor([0.1, 0.9]), "width": 4}),
    Case("models.unet.Steering", {"width": 4, "condition": 3}),
    Case("models.unet.Steering.forward", {"time": torch.tensor([0.1, 0.9]), **CONDITION}, on=lambda: Steering(4, 5)),
    Case("models.unet.UNet.forward", {"images": IMAGES, "time": torch.tensor([0.1, 0.9]), **CONDITION}, on=unet),
    Case("models.diffusion.DiffusionConfig", {"steps": 30, "schedule": "cosine", "drop": 0.1, "sampling": 5}),
    Case("models.diffusion.Denoiser.guess",
         {"noisy": IMAGES, "time": torch.tensor([0.1, 0.9]), **CONDITION, "guidance": 2.0}, on=diffusion),
    Case("models.diffusion.Denoiser.pure_noise", {"n": 2, "generator": RANDOM}, on=diffusion),
    Case("models.diffusion.Denoiser.hidden_sometimes", {**CONDITION, "generator": RANDOM}, on=diffusion),
    Case("models.diffusion.Diffusion.forward", {"noisy": IMAGES, "step": torch.tensor([3, 9]), **CONDITION},
         on=diffusion),
    Case("models.diffusion.Diffusion.clean", {"noisy": IMAGES, "step": torch.tensor([3, 9]), **CONDITION},
         on=diffusion),
    Case("models.diffusion.Diffusion.loss", {"generator": RANDOM, "images": IMAGES, **CONDITION}, on=diffusion),
    Case("models.diffusion.Diffusion.random_steps", {"count": 2, "generator": RANDOM}, on=diffusion),
    Case("models.diffusion.Diffusion.sample",
         {"n": 2, "generator": RANDOM, **CONDITION, "guidance": 2.0, "steps": 2, "eta": 0.5}, on=diffusion),
    Case("models.diffusion.Diffusion.trail", {"images": IMAGES, "generator": RANDOM, **CONDITION, "steps": 2},
         on=diffusion),
    Case("models.diffusion.Diffusion.step_back",
         {"images": IMAGES, "now": 9, "before": 5, "generator": RANDOM, **CONDITION}, on=diffusion),
    Case("models.diffusion.Diffusion.prior_nats", {"images": IMAGES}, on=diffusion),
    Case("models.diffusion.Diffusion.step_nats",
         {"images": IMAGES, "step": torch.tensor([3, 9]), "generator": RANDOM}, on=diffusion),
    Case("models.diffusion.Diffusion.later_steps", {"draws": 2, "count": 3, "generator": RANDOM}, on=diffusion),
    Case("models.diffusion.Diffusion.bits_per_dim", {"images": IMAGES, "draws": 2}, on=diffusion),
    Case("models.diffusion.FlowMatching.loss", {"generator": RANDOM, "images": IMAGES, **CONDITION}, on=flow),
    Case("models.diffusion.FlowMatching.sample",
         {"n": 2, "generator": RANDOM, **CONDITION, "guidance": 2.0, "steps": 2}, on=flow),
    Case("models.vae.VAEConfig", {"channels": 1, "size": 8, "latent": 3, "encoder_widths": (4, 8),
                                  "decoder_widths": (8, 8, 4), "beta": 1.0, "free_nats": 0.1}),
    Case("models.vae.Encoder.forward", {"images": IMAGES_8}, on=lambda: vae().encoder),
    Case("models.vae.Decoder.forward", {"latent": some(2, 3)}, on=lambda: vae().decoder),
    Case("models.vae.VAE.encode", {"images": IMAGES_8}, on=vae),
    Case("models.vae.VAE.decode", {"latent": some(2, 3)}, on=vae),
    Case("models.vae.VAE.log_likelihood", {"images": IMAGES_8, "latent": some(2, 3)}, on=vae),
    Case("models.vae.VAE.elbo", {"images": IMAGES_8, "generator": RANDOM}, on=vae),
    Case("models.vae.Elbo.weighted", {"beta": 1.0, "free_nats": 0.1},
         on=lambda: vae().elbo(IMAGES_8, RANDOM.make())),
    Case("models.vae.VAE.loss", {"generator": RANDOM, "images": IMAGES_8}, on=vae),
    Case("models.vae.VAE.importance_bound", {"images": IMAGES_8, "draws": 2, "generator": RANDOM}, on=vae),
    Case("models.vae.VAE.bits_per_dim", {"images": IMAGES_8, "draws": 2}, on=vae),
    Case("models.vae.VAE.sample", {"n": 2, "generator": RANDOM}, on=vae),
    Case("models.vae.VAE.draw", {"n": 2, "generator": RANDOM}, on=vae),
    Case("models.classifier.ClassifierConfig", {"classes": 3, "channels": 1, "size": 8, "widths": (2, 4), "features": 4,
                                                "dropout": 0.1}),
    Case("models.classifier.Stage.forward", {"x": IMAGES_8}, on=of("models.classifier.Stage", 1, 4)),
    Case("models.classifier.Classifier.forward", {"images": IMAGES_8, "targets": torch.tensor([0, 2])}, on=classifier),
    Case("models.classifier.Classifier.hidden_vectors", {"images": IMAGES_8}, on=classifier),
    Case("models.classifier.Classifier.features", {"images": IMAGES_8}, on=classifier),
    Case("models.classifier.Classifier.logits", {"images": IMAGES_8}, on=classifier),
    Case("models.classifier.Classifier.labels", {"images": IMAGES_8}, on=classifier),
    Case("models.image_transformer.ImageTransformerConfig", {"size": 4, "levels": 16, "classes": 2, "width": 8,
         "heads": 2, "layers": 1, "inner": 8, "dropout": 0.1}),
    Case("models.image_transformer.PixelDecoder.embed", {"ids": TOKENS, "first": 0}, on=lambda: pixels().decoder),
    Case("models.image_transformer.ImageTransformer.flops_per_token", {"length": 4}, on=pixels),
    Case("models.image_transformer.ImageTransformer.forward", {"images": IMAGES, "labels": torch.tensor([0, 1])},
         on=pixels),
    Case("models.image_transformer.ImageTransformer.level_logits", {"ids": TOKENS}, on=pixels),
    Case("models.image_transformer.ImageTransformer.read_levels", {"images": IMAGES}, on=pixels),
    Case("models.image_transformer.ImageTransformer.starts", {"count": 2, "labels": torch.tensor([0, 1])}, on=pixels),
    Case("models.image_transformer.ImageTransformer.bits_per_dim", {"images": IMAGES, "labels": torch.tensor([0, 1])},
         on=pixels),
    Case("models.image_transformer.ImageTransformer.sample",
         {"count": 2, "generator": RANDOM, "labels": torch.tensor([0, 1])}, on=pixels),
    Case("models.image_transformer.ImageTransformer.complete",
         {"images": IMAGES, "rows": 2, "generator": RANDOM, "labels": torch.tensor([0, 1])}, on=pixels),
    Case("models.image_transformer.level_at",
         {"probabilities": some(2, 5).softmax(1), "chance": torch.full((2, 1), 0.5)}),
    Case("models.fast_pixels.PixelSampler.read", {"ids": torch.tensor([1, 2])},
         on=lambda: PixelSampler(pixels().decoder, 2)),
    Case("models.gan.GANConfig", {"size": 8, "channels": 1, "latent": 4, "width": 8, "discriminator_width": 4}),
    Case("models.gan.Generator.latents", {"count": 2, "generator": RANDOM}, on=drawer),
    Case("models.gan.Generator.forward", {"latents": some(2, 4)}, on=drawer),
    Case("models.gan.Generator.sample", {"count": 2, "generator": RANDOM}, on=drawer),
    Case("models.gan.Discriminator.forward", {"images": IMAGES_8}, on=critic),
    Case("models.gan.GAN.sample", {"count": 2, "generator": RANDOM}, on=lambda: GAN(GAN_SIZES, RANDOM.make())),
    Case("models.toy_gan.PointSource.latents", {"count": 2, "generator": RANDOM},
         on=lambda: PointGenerator(PointGANConfig(), RANDOM.make())),
    Case("models.toy_gan.PointSource.sample", {"count": 2, "generator": RANDOM},
         on=lambda: PointGenerator(PointGANConfig(), RANDOM.make())),
    Case("models.toy_gan.PointGenerator.forward", {"latents": some(3, 8)},
         on=lambda: PointGenerator(PointGANConfig(), RANDOM.make())),
    Case("models.toy_gan.PointDiscriminator.forward", {"points": some(3, 2)},
         on=lambda: PointDiscriminator(PointGANConfig(), RANDOM.make())),
    Case("inpainting.check_known", {"images": IMAGES, "known": torch.ones(4, 4, dtype=torch.bool)}),
    Case("inpainting.by_diffusion", {"model": Made(lambda: denoiser(config=denoiser().config)), "images": IMAGES,
                                     "known": torch.ones(4, 4, dtype=torch.bool), "generator": RANDOM, "steps": 2}),
    # surgery
    Case("models.head_surgery.top_heads", {"scores": some(2, 2), "count": 2}),
    Case("models.head_surgery.random_heads", {"count": 2, "among": HEADS, "generator": RANDOM}),
    Case("models.head_surgery.swapped", {"model": Made(gpt), "heads": HEADS,
                                         "formula": Made(lambda: scaled_dot_product_attention)}, then=_inside),
    Case("models.head_surgery.ablated", {"model": Made(gpt), "heads": HEADS, "means": some(2, 2, 4)}, then=_inside),
    Case("models.head_surgery.even", {"query": some(2, 2, 3, 4), "key": some(2, 2, 3, 4), "value": some(2, 2, 3, 4),
                                      "mask": causal_mask(3)}, whole=UNSEEN),
    Case("models.head_surgery.attention_weights", {"model": Made(gpt), "ids": TOKENS}),
    Case("models.head_surgery.weights_and_logits", {"model": Made(gpt), "ids": TOKENS}),
    Case("models.head_surgery.mean_outputs", {"model": Made(gpt), "ids": TOKENS}),
    Case("models.head_surgery.check_text", {"model": Made(gpt), "ids": TOKENS}),
    Case("models.lora.add_lora", {"model": Made(lambda: Transformer(SIZES, generator(0))), "names": ["query"],
                                  "rank": 2, "generator": RANDOM, "alpha": 4.0}),
    Case("models.lora.load_lora", {"model": Made(with_lora), "weights": Made(lambda: lora.lora_weights(with_lora()))}),
    Case("models.preferences.RewardModel.forward", {"ids": TOKENS, "lengths": torch.tensor([4, 2])},
         on=lambda: RewardModel(gpt())),
    Case("interpretability.residual_streams", {"model": Made(gpt), "ids": TOKENS}),
    Case("interpretability.logit_lens", {"model": Made(gpt), "streams": STREAM}),
    Case("interpretability.look_through", {"model": Made(gpt), "ids": PROMPT}),
    Case("interpretability.repeated_tokens", {"count": 2, "length": 3, "ids": PROMPT, "generator": RANDOM}),
    Case("interpretability.induction_scores", {"model": Made(gpt), "ids": torch.tensor([[1, 2, 3, 1, 2, 3]])}),
    Case("interpretability.copy_nats", {"model": Made(gpt), "ids": torch.tensor([[1, 2, 3, 1, 2, 3]])}),
    Case("interpretability.total_variation", {"first": some(2, 5).softmax(1), "second": some(2, 5, seed=2).softmax(1)}),
    Case("interpretability.moved", {"model": Made(gpt), "ids": TOKENS, "heads": HEADS,
                                    "formula": Made(lambda: scaled_dot_product_attention)}),
    Case("quantization.quantized", {"model": Made(fused), "bits": 4, "group": 4}, then=lambda model: model(TOKENS)[0]),
    Case("quantization.stored_bytes", {"model": Made(fused), "bits": 4, "group": 4}),
    Case("quantization.RoundedRows.dequantized", {}, on=lambda: quantize(some(4, 6), 8)),
    Case("pruning.pruned", {"model": Made(fused), "share": 0.5, "scope": "layer"}, then=lambda model: model(TOKENS)[0]),
    # writing
    *(
        Case("generation.generate", {"model": Made(model), "prompt": PROMPT, "length": 3, "strategy": Made(way),
                                     "generator": RANDOM, "stop": 5})
        for model, way in ((gpt, lambda: greedy), (gpt, lambda: Beam(2)), (gpt, Contrastive), (ngram, lambda: greedy))
    ),
    Case("beam_search.beam_search", {"model": Made(gpt), "prompt": PROMPT, "length": 3, "beam": Made(lambda: Beam(2)),
                                     "stop": 5}),
    Case("contrastive.contrastive_search", {"model": Made(gpt), "prompt": PROMPT, "length": 3,
                                            "contrastive": Made(Contrastive), "stop": 5}),
    Case("speculative.speculate", {"model": Made(gpt), "draft": Made(fused), "prompt": PROMPT, "length": 3, "stop": 5,
                                   "ahead": 2}),
    Case("decoding_tree.tree", {"model": Made(gpt), "prompt": PROMPT, "depth": 2, "width": 2, "stop": 5}),
    Case("reading.begun", {"prompt": PROMPT}),
    Case("reading.expected", {"model": Made(gpt), "unread": PROMPT, "memory": None, "text": PROMPT}),
    Case("reading.allowed", {"logits": some(7), "text": PROMPT, "rules": ()}),
    Case("reading.logits_after", {"model": Made(gpt), "ids": PROMPT}),
    Case("reading.logits_after_each", {"model": Made(ngram), "ids": PROMPT}),
    Case("strategies.bits_per_token", {"model": Made(gpt), "beginning": PROMPT, "ids": [2, 3]}),
    Case("fit_config.FitConfig", {"steps": 3, "learning_rate": 0.1, "warmup": 0.1, "final": 0.1, "weight_decay": 0.1,
         "betas": (0.9, 0.95), "clip": 1.0, "validate_every": 1, "checkpoint_every": 1, "seed": 0,
         "precision": "float32", "optimizer": "adamw", "accumulate": 1}),
    Case("fit_config.FitConfig.progress", {"step": 2, "seconds": 1.0}, on=lambda: FitConfig(steps=4)),
    Case("fit_config.FitConfig.learning_rate_at", {"progress": 0.5}, on=lambda: FitConfig(steps=4)),
]
