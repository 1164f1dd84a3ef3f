"""The adversarial game in one and two dimensions, where all of it can be drawn: mixtures, small players, coverage.

Notation: B points, M modes of a mixture, D dimensions, Z numbers of a latent code.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.gan import LEAK
from course_utils.models.image_blocks import RELU_GAIN, draw_weights
from course_utils.shapes import check_alike, check_counts, check_floats, check_number

# --- one point against one slope ----------------------------------------------------------------------


@dataclass(frozen=True)
class DiracGame:
    """The smallest game: the generator is a point θ, the discriminator a slope ψ, so that its logit at x is ψ·x.

    rate: of both. r1: the weight γ of the R1 penalty, which here is γ/2 · ψ². alternate: the generator answers the
    discriminator's new slope; otherwise both move at once. non_saturating: that is the generator's loss, not minimax.
    Mescheder et al. 2018, definition 2.1, who put all data at 0.
    """

    rate: float = 0.1
    r1: float = 0.0
    alternate: bool = True
    non_saturating: bool = False

    def discriminator_slope(self, point: float, slope: float, data: torch.Tensor) -> float:
        """The derivative of the discriminator's loss, with the penalty, by ψ. data (B,)."""
        check_floats("B+", data=data)
        real = -(data * torch.sigmoid(-slope * data)).mean().item()
        return real + point * sigmoid(slope * point) + self.r1 * slope

    def generator_slope(self, point: float, slope: float) -> float:
        """The derivative of the generator's loss by θ."""
        return -slope * sigmoid(-slope * point if self.non_saturating else slope * point)

    def path(self, data: torch.Tensor, steps: int, start: tuple[float, float] = (1.0, 0.0)) -> torch.Tensor:
        """Where (θ, ψ) goes from `start`, as (steps + 1, 2). data (B,): the real points."""
        check_counts(0, steps=steps)
        if len(start) != 2:
            raise CourseError(f"start is {start}; expected two numbers, (θ, ψ).")
        check_floats("B+", data=data)
        check_number(-math.inf, math.inf, theta=start[0], psi=start[1])
        (point, slope), places = start, [start]
        for _ in range(steps):
            new = slope - self.rate * self.discriminator_slope(point, slope, data)
            point = point - self.rate * self.generator_slope(point, new if self.alternate else slope)
            slope = new
            places.append((point, slope))
        return torch.tensor(places)


def sigmoid(x: float) -> float:
    """1 / (1 + e⁻ˣ), without overflow."""
    return (1 + math.tanh(x / 2)) / 2


# --- data, of which everything is known ---------------------------------------------------------------


@dataclass(frozen=True)
class Mixture:
    """Equally likely Gaussians of one width: centres (M, D), each coordinate with the standard deviation given."""

    centres: torch.Tensor
    deviation: float

    def __post_init__(self):
        check_floats("M+ D+", centres=self.centres)
        if self.deviation <= 0:
            raise CourseError(f"deviation is {self.deviation}; expected more than 0.")

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(B, D) points."""
        check_counts(0, count=count)
        modes = torch.randint(len(self.centres), (count,), generator=generator)
        noise = torch.randn(count, self.centres.shape[1], generator=generator)
        return self.centres[modes] + self.deviation * noise


def ring(modes: int = 8, radius: float = 1.0, deviation: float = 0.05) -> Mixture:
    """Gaussians evenly on a circle, the first at (radius, 0): the toy of Metz et al. 2017."""
    check_counts(modes=modes)
    angles = torch.arange(modes) * (2 * math.pi / modes)
    return Mixture(radius * torch.stack([angles.cos(), angles.sin()], dim=1), deviation)


def pair(distance: float = 2.0, deviation: float = 0.1) -> Mixture:
    """Two Gaussians on a line, evenly about 0."""
    return Mixture(torch.tensor([[-distance / 2], [distance / 2]]), deviation)


@dataclass(frozen=True)
class ModeCoverage:
    """Where points fell: counts (M,) of those near each mode, and how many points there were."""

    counts: torch.Tensor
    points: int

    @property
    def covered(self) -> int:
        """How many modes have a point near them, be it one that strayed there."""
        return int((self.counts > 0).sum())

    def found(self, share: float = 0.25) -> int:
        """How many modes have at least `share` of the points that each would have if all had equally many."""
        return int((self.counts >= share * self.points / len(self.counts)).sum())

    @property
    def near(self) -> float:
        """The share of points that are near some mode, 0 to 1."""
        return int(self.counts.sum()) / self.points

    @property
    def entropy(self) -> float:
        """How evenly the modes are filled, in bits: log₂ M at best, 0 where all near points are at one."""
        if int(self.counts.sum()) == 0:
            return 0.0
        shares = self.counts / self.counts.sum()
        return float(-torch.special.xlogy(shares, shares).sum() / math.log(2)) + 0.0


def mode_coverage(points: torch.Tensor, mixture: Mixture, deviations: float = 3.0) -> ModeCoverage:
    """Which modes points (B, D) have found. Near is within 3 deviations of the closest centre: Srivastava et al. 2017.

    In two dimensions 98.9 % of the mixture's own points are near. Raises ShapeError for points of another dimension.
    """
    check_floats(f"B {mixture.centres.shape[1]}", points=points)
    check_alike(points=points, centres=mixture.centres)
    if len(points) == 0:
        raise CourseError("There are no points; expected at least one. Draw some first.")
    distance, mode = torch.cdist(points, mixture.centres).min(dim=1)                # (B,) each
    near = mode[distance <= deviations * mixture.deviation]
    return ModeCoverage(torch.bincount(near, minlength=len(mixture.centres)), len(points))


# --- small players ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PointGANConfig:
    """Sizes of two small players. dimensions: D of a point. latent: Z. width: of the two layers inside each.

    start: how far the generator's points reach at first; 1 is as wide as the usual weights make them.
    """

    dimensions: int = 2
    latent: int = 8
    width: int = 64
    start: float = 1.0


class PointSource(nn.Module):
    """What generators of points share: codes are drawn for them, and they draw. `latent`: Z."""

    latent: int

    def latents(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(B, Z) codes, standard normal."""
        check_counts(0, count=count)
        return torch.randn(count, self.latent, generator=generator)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(B, D) new points."""
        return self(self.latents(count, generator))


class PointGenerator(PointSource):
    """Latent codes to points, by three layers. `generator` draws the initial weights."""

    def __init__(self, config: PointGANConfig, generator: torch.Generator):
        super().__init__()
        self.latent, self.body = config.latent, layers(config.latent, config.width, config.dimensions, generator)
        with torch.no_grad():
            self.body[-1].weight.mul_(config.start)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """latents (B, Z) to points (B, D)."""
        check_floats(f"B {self.latent}", latents=latents)
        check_alike(latents=latents, weight=self.body[0].weight)
        return self.body(latents)


class ShiftedNoise(PointSource):
    """A generator that can do one thing: move a Gaussian. Two modes are more than it can cover, so it has to choose.

    start: where the Gaussian stands at first, (D,). deviation: its width, which does not learn.
    """

    def __init__(self, start: torch.Tensor, deviation: float = 0.1):
        super().__init__()
        check_floats("D+", start=start)
        self.latent, self.place, self.deviation = len(start), nn.Parameter(start.clone()), deviation

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """latents (B, D) to points (B, D)."""
        check_floats(f"B {self.latent}", latents=latents)
        return self.place + self.deviation * latents


class PointDiscriminator(nn.Module):
    """Points to logits, by three layers. `generator` draws the initial weights."""

    def __init__(self, config: PointGANConfig, generator: torch.Generator):
        super().__init__()
        self.config, self.body = config, layers(config.dimensions, config.width, 1, generator)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """points (B, D) to logits (B,): above 0 where a point is taken to be real."""
        check_floats(f"B {self.config.dimensions}", points=points)
        check_alike(points=points, weight=self.body[0].weight)
        return self.body(points).squeeze(1)


def layers(inputs: int, width: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    """Three layers with bends between."""
    check_counts(inputs=inputs, width=width, outputs=outputs)
    inside = (nn.Linear(inputs, width), nn.LeakyReLU(LEAK), nn.Linear(width, width), nn.LeakyReLU(LEAK))
    body = nn.Sequential(*inside, nn.Linear(width, outputs))
    draw_weights(body, generator, RELU_GAIN)
    return body
