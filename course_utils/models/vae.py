"""A variational autoencoder: images from a few numbers drawn at random, with a bound on what it says of real ones.

An encoder q(z|x) names for each image a small normal distribution in the latent space; a decoder p(x|z) makes of a
point of that space a distribution over images. Kingma and Welling 2014; Rezende et al. 2014.

Notation: B images, C channels, H × W pixels, Z numbers in a latent vector, all logarithms natural (nats).
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils import seeding
from course_utils.errors import CourseError
from course_utils.models.drawn import standard_normal
from course_utils.models.image_blocks import (
    Downsample,
    ResidualBlock,
    Upsample,
    draw_weights,
    group_norm,
    to_patches,
)
from course_utils.models.image_levels import (
    bits_per_dimension,
    check_images,
    check_on_grid,
    draw_logistic,
    logistic_log_probability,
)
from course_utils.shapes import ShapeError, check_alike, check_floats, check_number, check_shape, check_shapes

LARGEST = 1e30                                                     # float32 holds little more
SHRINK = 4                                                         # the smallest map has a quarter of the image's side

# --- the formulas ---------------------------------------------------------------------------------


def reparameterise(mean: torch.Tensor, log_variance: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A draw z from N(mean, variance) as mean + deviation · ε with ε from N(0, 1); all (B, Z).

    The chance is in ε alone, so that a gradient goes through z to the mean and the deviation.
    """
    _check_pair(mean, log_variance)
    noise = standard_normal(mean.shape, generator, mean.device)
    return mean + (log_variance / 2).exp() * noise                 # σ = √σ² = e^(½ ln σ²)


def kl_to_standard_normal(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """(B, Z) nats that N(mean, variance) is away from N(0, 1), for each latent number: ½ (μ² + σ² − 1 − ln σ²).

    The numbers of a latent vector are independent here, so that the KL divergence of the whole vector is the sum of
    its row. Kingma and Welling 2014, appendix B.
    """
    _check_pair(mean, log_variance)
    return (mean**2 + log_variance.exp() - 1 - log_variance) / 2


def normal_log_density(x: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """(B,) ln N(x; mean, variance), summed over the Z numbers of each row; all (B, Z)."""
    check_floats("B Z, B Z", x=x, mean=mean)
    _check_pair(mean, log_variance)
    distance = (x - mean) ** 2 / log_variance.exp()
    return -(distance + log_variance + math.log(2 * math.pi)).sum(dim=1) / 2


def active_units(means: torch.Tensor, least: float = 0.01) -> int:
    """How many latent numbers say something: their mean varies from image to image by more than `least`.

    means (N, Z) of N images. Those that do not have collapsed to the prior. Burda et al. 2016, section 5.
    """
    check_floats("N Z", means=means)
    if len(means) < 2:
        raise CourseError(f"There are means of {len(means)} image; a variance needs 2 or more.")
    return int((means.var(dim=0) > least).sum())


def _check_pair(mean: torch.Tensor, log_variance: torch.Tensor) -> None:
    check_floats("B Z", mean=mean)
    check_floats("…", log_variance=log_variance)
    if mean.shape != log_variance.shape:
        raise ShapeError(f"mean is {tuple(mean.shape)}, log_variance {tuple(log_variance.shape)}; expected the same.")


@dataclass(frozen=True)
class Elbo:
    """The two parts of the bound on −ln p(x), in nats.

    reconstruction (B,): −ln p(x|z); kl (B, Z): how far q(z|x) is from the prior, by latent number.
    """

    reconstruction: torch.Tensor
    kl: torch.Tensor

    @property
    def nats(self) -> torch.Tensor:
        """(B,) no less than −ln p(x) on the mean over z: the evidence lower bound with its sign turned."""
        return self.reconstruction + self.kl.sum(dim=1)

    def weighted(self, beta: float, free_nats: float) -> torch.Tensor:
        """Mean nats of an image, the KL divergence times β (Higgins et al. 2017).

        free_nats: what each latent number may cost on the mean over the batch without counting, so that it pays to
        use it at all (Kingma et al. 2016, free bits).
        """
        check_number(0, LARGEST, beta=beta, free_nats=free_nats)
        return self.reconstruction.mean() + beta * self.kl.mean(dim=0).clamp(min=float(free_nats)).sum()


# --- the networks ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class VAEConfig:
    """Sizes of a VAE for images (B, channels, size, size).

    encoder_widths: channels of the maps with 1/2 and 1/4 of the side; decoder_widths: with 1/4, 1/2 and the whole. With
    64 latent numbers the decoder, which makes the images, has 1.0 million parameters. beta and free_nats: see `Elbo`.
    """

    channels: int = 1
    size: int = 28
    latent: int = 64
    encoder_widths: tuple[int, int] = (32, 64)
    decoder_widths: tuple[int, int, int] = (144, 64, 32)
    beta: float = 1.0
    free_nats: float = 0.0

    def __post_init__(self):
        if self.size % SHRINK or self.size <= 0:
            raise CourseError(f"size is {self.size}; expected a multiple of {SHRINK}: the map is halved twice.")
        if self.latent < 1 or self.beta < 0 or self.free_nats < 0:
            got = f"latent {self.latent}, beta {self.beta} and free_nats {self.free_nats}"
            raise CourseError(f"{got}; expected 1 or more latent numbers, and nothing below 0.")


class Encoder(nn.Module):
    """Images to the mean and the log-variance of their normal distributions in the latent space."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        wide, narrow = config.encoder_widths
        self.read = nn.Conv2d(4 * config.channels, wide, 3, padding=1)
        self.first, self.smaller = ResidualBlock(wide, wide), Downsample(wide, narrow)
        self.second = ResidualBlock(narrow, narrow)
        self.norm, self.thin = group_norm(narrow), nn.Conv2d(narrow, narrow // 4, 1)
        self.output = nn.Linear(narrow // 4 * (config.size // SHRINK) ** 2, 2 * config.latent)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """images (B, C, H, W) to mean and log_variance, (B, Z) each."""
        check_shapes(f"B+ {self.read.in_channels // 4} H+ W+", images=images)
        check_alike(images=images, weight=self.read.weight)
        x = self.first(self.read(to_patches(images, 2)))                                # (B, wide, H/2, W/2)
        x = self.second(self.smaller(x))                                                # (B, narrow, H/4, W/4)
        x = self.thin(functional.silu(self.norm(x))).flatten(1)
        mean, log_variance = self.output(x).chunk(2, dim=1)
        return mean, log_variance


class Decoder(nn.Module):
    """Latent vectors to a logistic distribution for each number of an image."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        low, middle, high = config.decoder_widths
        self.low, self.side = low, config.size // SHRINK
        self.read = nn.Linear(config.latent, low * self.side**2)
        self.first, self.larger = ResidualBlock(low, low), Upsample(low, middle)
        self.second, self.largest = ResidualBlock(middle, middle), Upsample(middle, high)
        self.third, self.norm = ResidualBlock(high, high), group_norm(high)
        self.write = nn.Conv2d(high, 2 * config.channels, 3, padding=1)

    def forward(self, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """latent (B, Z) to mean and log_scale, (B, C, H, W) each."""
        check_floats(f"B {self.read.in_features}", latent=latent)
        check_alike(latent=latent, weight=self.read.weight)
        x = self.first(self.read(latent).unflatten(1, (self.low, self.side, self.side)))
        x = self.second(self.larger(x))                                                 # (B, middle, H/2, W/2)
        x = self.third(self.largest(x))                                                 # (B, high, H, W)
        mean, log_scale = self.write(functional.silu(self.norm(x))).chunk(2, dim=1)
        return mean, log_scale


class VAE(nn.Module):
    """Encoder, decoder and the bound that trains both."""

    def __init__(self, config: VAEConfig, generator: torch.Generator):
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        draw_weights(self, generator)
        self.to(memory_format=torch.channels_last)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.decoder.read.weight.device

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """images (B, C, H, W) in [−1, 1] to mean and log_variance of q(z|x), (B, Z) each."""
        check_images(images, self.config.channels, self.config.size)
        return self.encoder(images)

    def decode(self, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """latent (B, Z) to mean and log_scale of p(x|z), (B, C, H, W) each."""
        check_shape(latent, f"B {self.config.latent}", "latent")
        return self.decoder(latent)

    def log_likelihood(self, images: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """(B,) ln p(x|z) of the levels of each image, nats."""
        return logistic_log_probability(images, *self.decode(latent)).flatten(1).sum(dim=1)

    def elbo(self, images: torch.Tensor, generator: torch.Generator) -> Elbo:
        """Both parts of the bound, with one z drawn for each image."""
        mean, log_variance = self.encode(images)
        latent = reparameterise(mean, log_variance, generator)
        return Elbo(-self.log_likelihood(images, latent), kl_to_standard_normal(mean, log_variance))

    def loss(self, generator: torch.Generator, images: torch.Tensor) -> torch.Tensor:
        """The bound to train on, in nats for each of the C · H · W numbers; for `training.fit` by DrawnLoss."""
        elbo = self.elbo(images, generator)
        return elbo.weighted(self.config.beta, self.config.free_nats) / images[0].numel()

    @torch.no_grad()
    def importance_bound(self, images: torch.Tensor, draws: int, generator: torch.Generator) -> torch.Tensor:
        """(B,) nats, on the mean no less than −ln p(x), and nearer to it the more z are drawn for each image.

        −ln of the mean of p(x|z) p(z) / q(z|x). With one draw it is the ELBO. Burda et al. 2016 (IWAE), eq. 8.
        """
        if draws < 1:
            raise CourseError(f"draws is {draws}; expected 1 or more.")
        mean, log_variance = self.encode(images)
        weights = []
        for _ in range(draws):                                     # one after the other: draws times less memory
            latent = reparameterise(mean, log_variance, generator)
            prior = normal_log_density(latent, torch.zeros_like(mean), torch.zeros_like(mean))
            posterior = normal_log_density(latent, mean, log_variance)
            weights.append(self.log_likelihood(images, latent) + prior - posterior)
        return math.log(draws) - torch.stack(weights).logsumexp(dim=0)

    def bits_per_dim(
        self, images: torch.Tensor, draws: int = 16, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """(B,) bits for each number of each image, by the importance-weighted bound: never too good on the mean.

        Images are floats on the grid of 256 levels. generator: seed 0 where none is given, so that it repeats.
        """
        check_on_grid(images)
        return bits_per_dimension(self.importance_bound(images, draws, generator or seeding.generator(0)), images)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """(n, C, H, W) in [−1, 1]: the decoder's mean at n points of the prior N(0, 1), as papers show them."""
        return self.decode(self._prior(n, generator))[0].clamp(-1, 1)

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """(n, C, H, W) in [−1, 1] from the distribution that the likelihood scores: each pixel drawn as well."""
        return draw_logistic(*self.decode(self._prior(n, generator)), generator)

    def _prior(self, n: int, generator: torch.Generator) -> torch.Tensor:
        if n < 1:
            raise CourseError(f"n is {n}; expected 1 image or more.")
        return standard_normal((n, self.config.latent), generator, self.device)
