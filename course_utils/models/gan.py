"""A generative adversarial network for small images: one network draws, the other tells drawn from real.

The losses first, then what steadies the game, then the two networks. Goodfellow et al. 2014, Radford et al. 2016
(DCGAN). Logits are the discriminator's: above 0 it takes an image to be real. Losses are in nats.
Notation: B batch, C channels, H height, W width, Z numbers of a latent code.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from course_utils.errors import CourseError
from course_utils.models.drawn import standard_normal
from course_utils.models.image_blocks import RELU_GAIN, draw_weights
from course_utils.models.language_model import measuring
from course_utils.shapes import check_alike, check_counts, check_floats, check_number

IMAGES_A_PASS = 256                                                # the widest layer of them takes 58 MB
SMALLEST_STRETCH = 1e-12                                           # of a weight that is all zeros
LEAK = 0.2                                                         # of LeakyReLU; Radford et al. 2016, section 4

# --- losses ---------------------------------------------------------------------------------------


def discriminator_loss(real_logits, fake_logits):
    """−ln D(real) − ln(1 − D(fake)), each averaged; D is the sigmoid of the logit. Goodfellow et al. 2014, eq. 1.

    Logits (B,) each. Where the discriminator knows nothing, it is 2 · ln 2.
    """
    check_floats("…+", real_logits=real_logits)
    check_floats("…+", fake_logits=fake_logits)
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def minimax_loss(fake_logits):
    """ln(1 − D(fake)), averaged: what the generator makes small in the game as it was written down.

    Its slope is −D(fake): none where the discriminator is sure, so the generator that is worst learns least.
    """
    check_floats("…+", fake_logits=fake_logits)
    return -functional.softplus(fake_logits).mean()


def non_saturating_loss(fake_logits):
    """−ln D(fake), averaged: the same goal, with a slope of −(1 − D(fake)). Goodfellow et al. 2014, section 3."""
    check_floats("…+", fake_logits=fake_logits)
    return functional.softplus(-fake_logits).mean()


GENERATOR_LOSSES = {"minimax": minimax_loss, "non-saturating": non_saturating_loss}


# --- what steadies the game -------------------------------------------------------------------------


def r1_penalty(discriminator, real):
    """‖∇ logit(x)‖², averaged over real x (B, …): how steep the discriminator is there. Mescheder et al. 2018 (R1).

    Times γ/2 it joins the discriminator's loss, and can be differentiated again. Each logit may depend on its own x
    alone: no batch norm.
    """
    check_floats("…+", real=real)
    real = real.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return slope.square().sum() / len(real)


def power_iteration(matrix, right):
    """One step towards the direction that `matrix` (M, N) stretches most: unit vectors left (M,) and right (N,)."""
    check_floats("M N, N", matrix=matrix, right=right)
    check_alike(matrix=matrix, right=right)
    left = functional.normalize(matrix @ right, dim=0)
    return left, functional.normalize(matrix.t() @ left, dim=0)


class SpectralNorm(nn.Module):
    """Divide a weight by its largest singular value: the layer stretches nothing by more than 1. Miyato et al. 2018.

    The value is followed, not computed: one step of power iteration each time the weight is used in training. A
    convolution's weight (out, in, k, k) is taken as the matrix (out, in·k·k). `generator` draws the first direction.
    """

    def __init__(self, weight: torch.Tensor, generator: torch.Generator, first_steps: int = 15):
        super().__init__()
        check_counts(first_steps=first_steps)
        matrix = _matrix(weight.detach())                                           # (M, N)
        right = functional.normalize(torch.randn(matrix.shape[1], generator=generator), dim=0)
        for _ in range(first_steps):
            left, right = power_iteration(matrix, right)
        self.register_buffer("left", left)
        self.register_buffer("right", right)

    def forward(self, weight):
        """The weight, divided. The directions count as given: no gradient goes through the iteration."""
        check_floats(f"{len(self.left)} N, N", matrix=_matrix(weight), right=self.right)
        check_alike(weight=weight, right=self.right)
        matrix = _matrix(weight)                                                    # (M, N)
        if self.training:
            self.left, self.right = power_iteration(matrix.detach(), self.right)
        return weight / (self.left @ matrix @ self.right).clamp(min=SMALLEST_STRETCH)


def _matrix(weight: torch.Tensor) -> torch.Tensor:
    """A weight (out, in, …) as (out, in · …). Raises CourseError where it has one axis or none."""
    if weight.ndim < 2:
        raise CourseError(f"The weight has shape {tuple(weight.shape)}; expected (out, in) or (out, in, k, k).")
    return weight.flatten(1)


def add_spectral_norm(model: nn.Module, generator: torch.Generator) -> None:
    """Put SpectralNorm on the weight of every linear and convolution layer. Changes the model in place."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight, generator))


class Packed(nn.Module):
    """A discriminator that judges `size` inputs at once, all real or all generated: Lin et al. 2018 (PacGAN).

    Fakes that are all alike stand out beside each other, so that a generator with few modes is found out. `inner` takes
    `size` times as many channels (or coordinates).
    """

    def __init__(self, inner: nn.Module, size: int):
        check_counts(size=size)
        super().__init__()
        self.inner, self.size = inner, size

    def forward(self, inputs):
        """inputs (B, C, …) to logits (B/size,), one for each pack. Raises CourseError where one is left unfilled."""
        if inputs.ndim < 2 or 0 in inputs.shape[1:]:
            raise CourseError(f"inputs have shape {tuple(inputs.shape)}; expected (B, C, …), none of them empty.")
        if len(inputs) % self.size:
            raise CourseError(f"{len(inputs)} inputs do not fill packs of {self.size}; expected a multiple of it.")
        packs = inputs.reshape(-1, self.size * inputs.shape[1], *inputs.shape[2:])          # (B/size, size·C, …)
        return self.inner(packs)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average ← decay · average + (1 − decay) · model, number by number, in place; counters are copied.

    The game makes the generator swing about; its average stands nearer to the middle. Yazıcı et al. 2019. Raises
    CourseError where the two are not of one build.
    """
    check_number(0, 1, decay=decay)
    kept, new = average.state_dict(), model.state_dict()
    if kept.keys() != new.keys():
        raise CourseError("average and model are not of one build; begin with average = copy.deepcopy(model).")
    for name, tensor in kept.items():
        if tensor.is_floating_point():
            tensor.lerp_(new[name], 1 - decay)
        else:
            tensor.copy_(new[name])


# --- the networks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class GANConfig:
    """Sizes of both networks: a generator of 0.95 M parameters and a discriminator of 0.28 M as it stands.

    size: pixels along a side, a multiple of 4. latent: Z. width: channels of the generator at a quarter of the size.
    discriminator_width: channels of the discriminator at half the size. spectral: SpectralNorm on the discriminator.
    """

    size: int = 28
    channels: int = 1
    latent: int = 64
    width: int = 144
    discriminator_width: int = 64
    spectral: bool = False

    def __post_init__(self):
        if self.size < 4 or self.size % 4:
            raise CourseError(f"size is {self.size}; expected a multiple of 4: it is doubled twice.")
        if min(self.channels, self.latent, self.discriminator_width) < 1 or self.width < 2:
            raise CourseError(f"{self}: expected a width of 2 or more, and other sizes of 1 or more.")


class Generator(nn.Module):
    """Latent codes to images: a small picture of many channels, doubled twice by transposed convolutions.

    Batch norm lets it begin to learn (Radford et al. 2016, section 3). `generator` draws the initial weights.
    """

    def __init__(self, config: GANConfig, generator: torch.Generator):
        super().__init__()
        self.config, side, width = config, config.size // 4, config.width
        self.body = nn.Sequential(
            nn.Linear(config.latent, width * side * side, bias=False),
            nn.Unflatten(1, (width, side, side)),                                   # (B, width, H/4, W/4)
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1, bias=False),   # (B, width, H/2, W/2)
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),                                                              # (B, width/2, H, W)
            nn.Conv2d(width // 2, config.channels, 3, padding=1),
            nn.Tanh(),                                                              # (B, C, H, W)
        )
        draw_weights(self, generator, RELU_GAIN)

    @property
    def parameter_count(self) -> int:
        """How many numbers learn."""
        return sum(parameter.numel() for parameter in self.parameters())

    def latents(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(B, Z) codes, standard normal, on the model's device."""
        check_counts(0, count=count)
        return standard_normal((count, self.config.latent), generator, self.body[0].weight.device)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """latents (B, Z) to images (B, C, H, W) in [−1, 1]."""
        check_floats(f"B {self.config.latent}", latents=latents)
        check_alike(latents=latents, weight=self.body[0].weight)
        return self.body(latents)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(B, C, H, W) new images in [−1, 1]: the contract of image models. There is no likelihood to go with it."""
        if count < 1:
            raise CourseError(f"{count} images were asked for; expected 1 or more.")
        with measuring(self):
            return torch.cat([self(part) for part in self.latents(count, generator).split(IMAGES_A_PASS)])


class Discriminator(nn.Module):
    """Images to logits: above 0 where it takes the image to be real. `generator` draws the weights.

    Without batch norm, which would let it compare the images of a batch, and R1 forbids.
    """

    def __init__(self, config: GANConfig, generator: torch.Generator):
        super().__init__()
        self.config, width = config, config.discriminator_width
        last = math.ceil(config.size / 8)
        self.body = nn.Sequential(
            nn.Conv2d(config.channels, width, 4, stride=2, padding=1),              # (B, width, H/2, W/2)
            nn.LeakyReLU(LEAK),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),                    # (B, 2·width, H/4, W/4)
            nn.LeakyReLU(LEAK),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),                # (B, 2·width, H/8, W/8)
            nn.LeakyReLU(LEAK),
            nn.Flatten(),
            nn.Linear(2 * width * last * last, 1),
        )
        draw_weights(self, generator, RELU_GAIN)
        if config.spectral:
            add_spectral_norm(self, generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """images (B, C, H, W) in [−1, 1] to logits (B,)."""
        config = self.config
        check_floats(f"B {config.channels} {config.size} {config.size}", images=images)
        check_alike(images=images, weight=self.body[0].weight)
        return self.body(images).squeeze(1)


class GAN(nn.Module):
    """Both networks, of which the generator makes the images. `generator` draws the initial weights of both."""

    def __init__(self, config: GANConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        self.generator, self.discriminator = Generator(config, generator), Discriminator(config, generator)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(B, C, H, W) new images in [−1, 1]."""
        return self.generator.sample(count, generator)
