"""The recipes of the image families, on digits as large as clothes: what is learned from, and what it costs."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from course_utils.flops import counted
from course_utils.image_metrics import frechet_distance
from course_utils.images.corpora import as_wide_as_fashion, load_digits
from course_utils.images.pixels import to_float
from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.gan import GAN, GANConfig
from course_utils.models.unet import UNetConfig
from course_utils.models.vae import VAE, VAEConfig
from course_utils.recipes import fashion_gan, fashion_images
from course_utils.recipes.base import Prepared, counted_flops
from course_utils.recipes.fashion_classifier import sha256_of
from course_utils.seeding import generator
from course_utils.training import History, own_loss

pytestmark = pytest.mark.usefixtures("one_thread")
VAE_TINY = VAEConfig(latent=4, encoder_widths=(8, 8), decoder_widths=(8, 8, 8))
DIFFUSION_TINY = DiffusionConfig(UNetConfig(widths=(8, 8), heads=2, steering=8, condition=10), steps=30, sampling=4)
GAN_TINY = GANConfig(latent=4, width=4, discriminator_width=2)


@pytest.fixture
def digits(monkeypatch):
    """Digits in place of clothes, a few of each part."""
    corpus = as_wide_as_fashion(load_digits())
    monkeypatch.setattr(fashion_images, "load_fashion", lambda stand_in: corpus)
    monkeypatch.setattr(fashion_images, "VALIDATED", 30)
    return corpus


def test_the_families_learn_from_images_alone_and_from_the_same_ones(digits):
    prepared = fashion_images.prepare(16)
    (images,) = prepared.batches(0)
    assert images.shape == (16, 1, 28, 28)
    assert prepared.data == fashion_images.prepare(64).data == sha256_of(digits.train.images)


def test_the_validation_is_the_mean_loss_with_the_same_noise_each_time(digits):
    model = VAE(VAE_TINY, generator(1))
    validate = fashion_images.prepare(16, fashion_images.OWN_NOISE).validate
    model.train()
    first = validate(model)
    assert first == validate(model) and model.training
    loss, images = fashion_images.OWN_NOISE(), to_float(digits.validation.images[:30])
    with torch.no_grad():
        parts = [loss(model.eval(), (part,)).item() * len(part) for part in images.split(16)]
    assert first == pytest.approx(sum(parts) / 30)


def test_bits_are_measured_on_the_first_test_images(digits, monkeypatch):
    monkeypatch.setattr(fashion_images, "TESTED", 40)
    bits = digits.test.images[:40].double().mean(dim=(1, 2, 3))    # another number for each image
    model = SimpleNamespace(bits_per_dim=lambda images: (images.double() + 1).mean(dim=(1, 2, 3)) * 127.5)
    measured = fashion_images.measure(model)
    assert measured["test_images"] == 40
    assert measured["bits_per_dim"] == pytest.approx(bits.mean().item(), abs=1e-4)
    assert measured["bits_per_dim_low"] < measured["bits_per_dim"] < measured["bits_per_dim_high"]


def test_a_training_costs_its_steps_times_one_step_counted(digits):
    model, prepared = VAE(VAE_TINY, generator(1)), fashion_images.prepare(16, fashion_images.OWN_NOISE)
    one = counted(lambda: prepared.loss(model, prepared.batches(0)).backward())
    assert counted_flops(model, prepared, History(losses=[0.0] * 7)) == 7 * one > 0


def test_a_round_of_the_game_is_counted_with_its_one_penalty(digits):
    model, prepared = GAN(GAN_TINY, generator(1)), fashion_images.prepare(8)
    history = History(losses=[0.0] * 16)
    before = copy.deepcopy(model.state_dict())
    whole = fashion_gan.game_flops(model, prepared, history)
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())    # it played on copies
    (real,) = prepared.batches(0)
    without, penalised = (
        counted(lambda game=game: game.step(real)) for game in (game_of(model, r1=0.0), game_of(model, r1_every=1))
    )
    assert whole == 16 * without + 2 * (penalised - without) and penalised > without > 0


def game_of(model, **rules):
    return fashion_gan.Game(model.generator, model.discriminator, replace(fashion_gan.FIT.game, **rules))


def test_the_gan_is_measured_by_what_it_draws_beside_the_test_images(digits, monkeypatch):
    reader = SimpleNamespace(features=lambda images: images[:, 0, 8:20:4, 14])          # (N, 3): pixels of one column
    monkeypatch.setattr(fashion_gan, "load_from", lambda recipe: reader)
    monkeypatch.setattr(fashion_gan, "load_fashion", lambda stand_in: digits)
    monkeypatch.setattr(fashion_gan, "COMPARED", 150)
    model = GAN(GAN_TINY, generator(1))
    shown = to_float(digits.test.images[:150])[:, 0, 8:20:4, 14]
    drawn = model.generator.sample(150, generator(1))[:, 0, 8:20:4, 14]
    expected = frechet_distance(shown, drawn, generator(1))
    measured = {"frechet": expected.value, "frechet_low": expected.low, "frechet_high": expected.high}
    assert fashion_gan.measure(model) == {"images": 150} | measured


def test_the_game_goes_on_from_its_folder_and_ends_with_the_average(digits, tmp_path):
    fit = replace(fashion_gan.FIT, steps=5, checkpoint_every=3)
    recipe = replace(fashion_gan.FASHION_GAN, fit=fit, config=GAN_TINY)
    prepared = fashion_images.prepare(8)
    whole, halves = (GAN(GAN_TINY, generator(1)) for _ in range(2))
    history = fashion_gan.train(recipe, whole, prepared, tmp_path / "whole")
    assert history.steps == 5 and not history.interrupted
    killed = replace(recipe, fit=replace(fit, steps=3))
    fashion_gan.train(killed, halves, prepared, tmp_path / "halves")
    again = GAN(GAN_TINY, generator(1))
    fashion_gan.train(recipe, again, prepared, tmp_path / "halves")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    game = game_of(GAN(GAN_TINY, generator(1)))
    game.resume(tmp_path / "whole")
    for name, tensor in game.average.state_dict().items():
        assert torch.equal(whole.generator.state_dict()[name], tensor), name
    assert not torch.equal(game.generator.body[0].weight, game.average.body[0].weight)


def test_classes_are_told_by_a_one_in_their_place_and_reach_the_network(digits):
    assert fashion_images.one_hot(torch.tensor([2, 0])).tolist() == [[0, 0, 1] + [0] * 7, [1] + [0] * 9]
    prepared = fashion_images.prepare_classes()
    images, labels = prepared.batches(0)
    assert len(images) == len(labels) == fashion_images.BATCH
    assert prepared.data == sha256_of(digits.train.images, digits.train.labels)
    model = Diffusion(DIFFUSION_TINY, generator(1))
    loss = prepared.loss(model, (images, labels))
    loss.backward()
    assert model.network.steering.condition.weight.grad is not None
    assert prepared.validate(model) == prepared.validate(model)


class Telling(torch.nn.Module):
    """Its loss says which images came, and with which classes, in whatever order."""

    device = torch.device("cpu")

    def loss(self, generator, images, condition):
        return (images.double().flatten(1).mean(dim=1) * condition.argmax(dim=1)).sum()


def test_classes_are_validated_on_held_out_images_each_with_its_own_class(digits):
    images, labels = digits.validation.images[:30], digits.validation.labels[:30]
    expected = (to_float(images).double().flatten(1).mean(dim=1) * labels).sum().item()
    assert fashion_images.prepare_classes().validate(Telling()) == pytest.approx(expected, abs=1e-5)


def test_classes_are_asked_for_in_turn_and_those_named_right_are_counted(monkeypatch):
    asked = []

    def sample(count, random, *, condition, guidance, steps):
        asked.append((count, random.initial_seed(), guidance, steps))
        return condition if guidance == 1 else condition.roll(1, dims=1) * (torch.arange(10) == 4)

    labels = SimpleNamespace(labels=lambda images: images.argmax(dim=1))
    monkeypatch.setattr(fashion_images, "load_from", lambda recipe: labels)
    measured = fashion_images.measure_classes(SimpleNamespace(sample=sample))
    # with guidance 2 class 3 comes out as 4, and all others as 0, which is right for class 0 alone
    assert measured == {"images": 200, "named_at_guidance_1": 1.0, "named_at_guidance_2": pytest.approx(0.1)}
    assert asked == [(200, 1, 1.0, 20), (200, 1, 2.0, 20)]


def test_a_model_without_noise_is_validated_by_its_own_loss(digits):
    prepared: Prepared = fashion_images.prepare(16)
    assert prepared.loss is own_loss
