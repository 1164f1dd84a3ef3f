"""The GAN for images: losses by hand, spectral norm beside torch's, R1 by small steps, the average, the networks."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from course_utils.errors import CourseError
from course_utils.models import gan
from course_utils.models.gan import Discriminator, GANConfig, Generator
from course_utils.models.image_blocks import draw_weights
from course_utils.seeding import generator
from course_utils.shapes import ShapeError
from tools.verified import Verified

TOLERANCE = 1e-5
VERIFIES = [Verified("12", "spectral norm: weights and gradients over three steps", "`torch`'s own", TOLERANCE)]

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = GANConfig(size=8, latent=3, width=4, discriminator_width=2)


def images(count: int = 4, seed: int = 3) -> torch.Tensor:
    return torch.rand(count, 1, 8, 8, generator=generator(seed)) * 2 - 1


# --- losses ---------------------------------------------------------------------------------------


def test_a_discriminator_that_knows_nothing_loses_two_ln_2():
    assert gan.discriminator_loss(torch.zeros(5), torch.zeros(7)).item() == pytest.approx(2 * math.log(2), abs=1e-6)


def test_the_losses_are_those_worked_out_by_hand():
    real, fake = torch.tensor([math.log(3.0)]), torch.tensor([-math.log(4.0)])  # D = 3/4 and 1/5
    assert gan.discriminator_loss(real, fake).item() == pytest.approx(-math.log(3 / 4) - math.log(4 / 5), abs=1e-5)
    assert gan.minimax_loss(fake).item() == pytest.approx(math.log(4 / 5), abs=1e-5)
    assert gan.non_saturating_loss(fake).item() == pytest.approx(-math.log(1 / 5), abs=1e-5)


def test_losses_are_means_over_the_batch_and_stay_finite_at_large_logits():
    fake = torch.tensor([0.0, 100.0, -100.0])
    assert gan.minimax_loss(fake).item() == pytest.approx(-(math.log(2) + 100) / 3, abs=1e-4)
    assert gan.non_saturating_loss(fake).item() == pytest.approx((math.log(2) + 100) / 3, abs=1e-4)
    both = gan.discriminator_loss(fake, torch.tensor([-200.0, 200.0]))
    assert both.item() == pytest.approx((math.log(2) + 100) / 3 + 100, abs=1e-4)


@pytest.mark.parametrize(("loss", "slope"), [(gan.minimax_loss, -1 / 5), (gan.non_saturating_loss, -4 / 5)])
def test_both_generator_losses_fall_as_the_logit_rises_but_minimax_hardly_where_it_is_found_out(loss, slope):
    fake = torch.tensor([-math.log(4.0)], requires_grad=True)  # D = 1/5
    loss(fake).backward()
    assert fake.grad.item() == pytest.approx(slope, abs=1e-6)


# --- R1 -------------------------------------------------------------------------------------------


def test_r1_of_a_linear_discriminator_is_its_squared_length():
    layer = nn.Linear(3, 1)
    real = torch.randn(6, 3, generator=generator(1))
    penalty = gan.r1_penalty(lambda x: layer(x).squeeze(1), real)
    assert penalty.item() == pytest.approx(layer.weight.square().sum().item(), abs=1e-6)
    penalty.backward()
    assert torch.allclose(layer.weight.grad, 2 * layer.weight, atol=1e-6)  # it can be differentiated again


def test_r1_is_the_slope_measured_by_small_steps_and_so_is_its_own_slope():
    critic, real = Discriminator(TINY, generator(2)).double(), images(2).double()
    penalty, weight, step = gan.r1_penalty(critic, real), critic.body[0].weight, 1e-6
    with torch.no_grad():
        places = torch.eye(64, dtype=torch.float64).view(64, 1, 8, 8) * step
        slopes = torch.stack([(critic(x + places) - critic(x - places)) / (2 * step) for x in real])  # (B, 64)
    assert penalty.item() == pytest.approx(slopes.square().sum(dim=1).mean().item(), rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, weight)
    with torch.no_grad():
        weight[0, 0, 1, 1] += step
    above = gan.r1_penalty(critic, real).item()
    assert (above - penalty.item()) / step == pytest.approx(slope[0, 0, 1, 1].item(), rel=1e-3)


def test_r1_leaves_no_gradient_on_the_images():
    real = images()
    gan.r1_penalty(Discriminator(TINY, generator(2)), real).backward()
    assert real.grad is None and not real.requires_grad


# --- spectral norm --------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [lambda: nn.Linear(5, 3), lambda: nn.Conv2d(2, 4, 3)], ids=["linear", "convolution"])
def test_spectral_norm_is_torchs_in_value_gradient_and_over_steps(build):
    ours, theirs = build(), build()
    draw_weights(ours, generator(2))                               # the same weights in every run
    theirs.load_state_dict(ours.state_dict())
    gan.add_spectral_norm(ours, generator(1))
    parametrizations.spectral_norm(theirs)
    here, there = ours.parametrizations.weight, theirs.parametrizations.weight
    there[0]._u.copy_(here[0].left)
    there[0]._v.copy_(here[0].right)
    for _ in range(3):
        for layer, own in ((ours, here), (theirs, there)):
            own.original.grad = None
            (layer.weight * torch.linspace(0, 1, layer.weight.numel()).view(layer.weight.shape)).sum().backward()
            with torch.no_grad():
                own.original.sub_(0.5 * own.original.grad)
        assert torch.allclose(here.original.grad, there.original.grad, atol=TOLERANCE)
        assert torch.allclose(here.original, there.original, atol=TOLERANCE)
    assert torch.allclose(ours.eval().weight, theirs.eval().weight, atol=1e-6)


def test_the_first_direction_has_gone_fifteen_steps_or_as_many_as_asked_for():
    weight, begun = (torch.randn(*shape, generator=generator(1)).double() for shape in ((4, 6), (6,)))
    asked = gan.SpectralNorm(weight.float(), generator(1), first_steps=2)
    for norm, steps in ((asked, 2), (gan.SpectralNorm(weight.float(), generator(1)), 15)):
        right = nn.functional.normalize(torch.linalg.matrix_power(weight.T @ weight, steps) @ begun, dim=0)
        torch.testing.assert_close(norm.right.double(), right, atol=1e-5, rtol=0)


def test_spectral_norm_makes_the_largest_singular_value_1():
    layer = nn.Linear(6, 4)
    with torch.no_grad():
        layer.weight.mul_(7)
    gan.add_spectral_norm(layer, generator(1))
    for _ in range(200):
        _ = layer.weight
    assert torch.linalg.svdvals(layer.weight)[0].item() == pytest.approx(1, abs=1e-5)


def test_spectral_norm_stands_still_outside_training():
    layer = nn.Linear(6, 4)
    gan.add_spectral_norm(layer, generator(1))
    layer.eval()
    assert torch.equal(layer.weight, layer.weight)
    before = layer.parametrizations.weight[0].right.clone()
    _ = layer.weight
    assert torch.equal(layer.parametrizations.weight[0].right, before)


def test_a_discriminator_with_spectral_norm_is_less_steep_and_can_still_be_penalised():
    steep, bounded = (Discriminator(GANConfig(8, 1, 3, 4, 2, spectral), generator(2)) for spectral in (False, True))
    with torch.no_grad():
        steep.body[0].weight.mul_(50)
        bounded.body[0].parametrizations.weight.original.mul_(50)
    penalty = gan.r1_penalty(bounded, images())
    assert penalty < gan.r1_penalty(steep, images()) / 100
    penalty.backward()
    assert bounded.body[0].parametrizations.weight.original.grad.abs().max() > 0


# --- the average ----------------------------------------------------------------------------------


def test_a_packed_discriminator_reads_neighbours_side_by_side():
    seen = []

    def inner(packs):
        seen.append(packs)
        return packs.flatten(1).sum(dim=1)

    class Inner(nn.Module):
        forward = staticmethod(inner)

    four = images(4)
    logits = gan.Packed(Inner(), 2)(four)
    assert seen[0].shape == (2, 2, 8, 8)
    assert torch.equal(seen[0][1, 0], four[2, 0]) and torch.equal(seen[0][1, 1], four[3, 0])
    assert torch.allclose(logits, torch.stack([four[:2].sum(), four[2:].sum()]), atol=1e-4)
    points = torch.arange(8.0).view(4, 2)  # points are packed as images are
    assert torch.allclose(gan.Packed(Inner(), 4)(points), torch.tensor([28.0]))
    with pytest.raises(CourseError, match="4 inputs do not fill packs of 3"):
        gan.Packed(Inner(), 3)(four)


def test_the_average_moves_by_its_share_and_the_model_stays():
    model = nn.BatchNorm1d(1)
    average = copy.deepcopy(model)
    with torch.no_grad():
        model.weight.fill_(3.0)
        model.running_mean.fill_(10.0)
        model.num_batches_tracked.fill_(7)
    for wanted in (1.2, 1.38):  # 0.9 · 1 + 0.1 · 3, then 0.9 · 1.2 + 0.1 · 3
        gan.update_average(average, model, 0.9)
        assert average.weight.item() == pytest.approx(wanted, abs=1e-6)
    assert average.running_mean.item() == pytest.approx(1.9, abs=1e-6)
    assert average.num_batches_tracked.item() == 7
    assert model.weight.item() == 3.0


def test_an_average_of_another_model_is_refused():
    with pytest.raises(CourseError, match="deepcopy"):
        gan.update_average(nn.Linear(2, 2), nn.Linear(2, 2, bias=False), 0.9)


# --- the networks ---------------------------------------------------------------------------------


def test_the_generator_has_a_million_parameters_give_or_take_a_tenth():
    width, pixels = 144, 49
    counted = 64 * width * pixels + 16 * width * width + 16 * width * 72 + 9 * 72 + 1 + 2 * (width + width + 72)
    assert Generator(GANConfig(), generator(1)).parameter_count == counted
    assert 900_000 <= counted <= 1_100_000


def test_the_generator_as_written_out():
    ours, codes = Generator(TINY, generator(1)), torch.randn(6, 3, generator=generator(2))
    small, double, again, write = (layer for layer in ours.body if hasattr(layer, "weight") and layer.weight.ndim > 1)

    def bent(x):                                                   # batch norm as it starts, then ReLU
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
        return ((x - mean) / (variance + 1e-5).sqrt()).clamp(min=0)

    drawn = write(bent(again(bent(double(bent(small(codes).view(6, 4, 2, 2))))))).tanh()
    torch.testing.assert_close(ours(codes), drawn, atol=1e-5, rtol=1e-5)


def test_the_discriminator_as_written_out():
    critic, batch = Discriminator(TINY, generator(2)), images()
    half, quarter, eighth, judge = (layer for layer in critic.body if hasattr(layer, "weight"))

    def bent(x):
        return torch.where(x > 0, x, 0.2 * x)

    logits = judge(bent(eighth(bent(quarter(bent(half(batch)))))).flatten(1)).squeeze(1)
    torch.testing.assert_close(critic(batch), logits, atol=1e-5, rtol=1e-5)


def test_latent_codes_are_standard_normal_and_not_only_as_wide():
    codes = Generator(TINY, generator(1)).latents(4000, generator(2))                     # (4000, 3)
    assert codes.mean().item() == pytest.approx(0, abs=0.04) and codes.std().item() == pytest.approx(1, abs=0.03)
    far = math.erfc(2 / math.sqrt(2))                              # beyond two deviations: 4.6 %
    assert (codes.abs() > 2).double().mean().item() == pytest.approx(far, abs=4 * math.sqrt(far / 12_000))


def test_samples_keep_the_contract_of_image_models():
    ours = Generator(TINY, generator(1))
    drawn = ours.sample(5, generator(7))
    assert drawn.shape == (5, 1, 8, 8) and drawn.abs().max() <= 1 and not drawn.requires_grad
    assert torch.equal(drawn, ours.sample(5, generator(7)))
    assert not torch.equal(drawn, ours.sample(5, generator(8)))
    assert ours.training  # as it was before


def test_both_networks_together_draw_what_the_generator_draws():
    both = gan.GAN(TINY, generator(1))
    assert torch.equal(both.sample(5, generator(7)), both.generator.sample(5, generator(7)))


def test_a_sample_does_not_depend_on_those_beside_it():
    ours = Generator(TINY, generator(1))
    codes = ours.latents(gan.IMAGES_A_PASS + 3, generator(7))
    drawn = ours.sample(gan.IMAGES_A_PASS + 3, generator(7))
    with torch.no_grad():
        assert torch.allclose(ours.eval()(codes[-1:]), drawn[-1:], atol=1e-6)


def test_weights_are_drawn_by_the_generator_and_keep_signals_at_their_size():
    one, same, other = (Generator(GANConfig(), generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.body[4].weight, same.body[4].weight)
    assert not torch.equal(one.body[4].weight, other.body[4].weight)
    layer, x = one.body[4], torch.randn(8, 144, 7, 7, generator=generator(3))
    with torch.no_grad():
        inner = layer(x)[:, :, 2:-2, 2:-2]  # away from the border, where there is less to add
    assert inner.square().mean().item() == pytest.approx(2, rel=0.1)


def test_no_logit_depends_on_the_other_images_of_the_batch():
    critic, batch = Discriminator(TINY, generator(2)), images()
    with torch.no_grad():
        assert torch.allclose(critic(batch)[:1], critic(batch[:1]), atol=1e-6)


@pytest.mark.parametrize("size", [4, 8, 12, 28, 32])
def test_both_networks_agree_about_sizes(size):
    config = GANConfig(size=size, channels=4, latent=3, width=4, discriminator_width=2)
    drawn = Generator(config, generator(1)).sample(2, generator(2))
    assert Discriminator(config, generator(1))(drawn).shape == (2,)


def test_bad_sizes_and_shapes_are_refused():
    with pytest.raises(CourseError, match="multiple of 4"):
        GANConfig(size=30)
    with pytest.raises(CourseError, match="1 or more"):
        GANConfig(latent=0)
    with pytest.raises(ShapeError, match="latents"):
        Generator(TINY, generator(1))(torch.zeros(2, 4))
    with pytest.raises(ShapeError, match="images"):
        Discriminator(TINY, generator(1))(torch.zeros(2, 1, 28, 28))
    with pytest.raises(CourseError, match="1 or more"):
        Generator(TINY, generator(1)).sample(0, generator(1))
