"""Diffusion: noise an image step by step, train a network to name the noise, and go the way back from pure noise.

First the formulas, then a model around any network that takes (images, time, condition). Sohl-Dickstein et al. 2015;
Ho et al. 2020 (DDPM). Flow matching at the end is the same with a straight way between image and noise.

Notation: B images, C channels, H × W pixels, T steps. Step 0 is the image, step T is noise; x̂ a guess at the image.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from course_utils import seeding
from course_utils.errors import CourseError
from course_utils.models.drawn import standard_normal, uniform
from course_utils.models.image_levels import bits_per_dimension, check_images, check_on_grid, gaussian_log_probability
from course_utils.models.noise_checks import check_left, check_same
from course_utils.models.unet import UNet, UNetConfig
from course_utils.shapes import check_counts, check_floats, check_shape, check_whole

# --- the noise schedule ---------------------------------------------------------------------------


def linear_betas(steps: int) -> torch.Tensor:
    """(T,) variance of the noise added in each step: from 0.0001 to 0.02 in a line where T is 1000. Ho et al. 2020.

    Where there are fewer steps each adds more, so that the end is as noisy. In float64, as all of a schedule.
    """
    if steps <= 20:
        raise CourseError(f"steps is {steps}; a linear schedule expects more than 20, or its last step adds all noise.")
    return torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * 1000 / steps


def cosine_betas(steps: int, offset: float = 0.008, most: float = 0.999) -> torch.Tensor:
    """(T,) variances such that what is left of the image's power falls as cos². Nichol and Dhariwal 2021, eq. 17.

    The linear schedule spends its last fifth on images that are nearly pure noise already; this one does not.
    """
    if not offset >= 0 or not 0 < most < 1:
        raise CourseError(f"offset is {offset} and most {most}; expected 0 or more, and a share between 0 and 1.")
    if steps < 1:
        raise CourseError(f"steps is {steps}; expected 1 or more.")
    progress = torch.arange(steps + 1, dtype=torch.float64) / steps
    left = ((progress + offset) / (1 + offset) * math.pi / 2).cos() ** 2                # (T + 1,)
    return (1 - left[1:] / left[:-1]).clamp(max=most)


SCHEDULES: dict[str, Callable[[int], torch.Tensor]] = {"linear": linear_betas, "cosine": cosine_betas}


class Schedule:
    """What is left of the image after each step. `alpha_bar` (T + 1,), float64: ᾱ₀ = 1, ᾱ_t = ᾱ_{t−1} · (1 − β_t).

    So step t is entry t, and the step before the first is the image itself.
    """

    def __init__(self, betas: torch.Tensor):
        check_shape(betas, "T", "betas")
        if not bool(((betas > 0) & (betas < 1)).all()):
            low, high = float(betas.min()), float(betas.max())
            raise CourseError(
                f"betas go from {low:g} to {high:g}; expected them above 0 and below 1: each step adds some noise and "
                "leaves some image."
            )
        kept = torch.cat([torch.ones(1, dtype=torch.float64), 1 - betas.double().cpu()])
        self.alpha_bar = kept.cumprod(dim=0)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.alpha_bar) - 1

    def at(self, step: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """ᾱ of each image's step, (B,) to (B, 1, …) on the device of `like` (B, …). Raises for a step out of 0 … T."""
        check_whole("B", step=step)
        check_shape(step, f"{len(like)}", "step")
        if len(step) and not 0 <= int(step.min()) <= int(step.max()) <= self.steps:
            raise CourseError(f"steps go from {int(step.min())} to {int(step.max())}; expected 0 to {self.steps}.")
        return self.alpha_bar[step.cpu()].reshape(-1, *[1] * (like.ndim - 1)).to(like.device, like.dtype)


def signal_to_noise(alpha_bar: torch.Tensor) -> torch.Tensor:
    """ᾱ / (1 − ᾱ): how much stronger the image is than the noise; infinite at step 0."""
    check_floats("…", alpha_bar=alpha_bar)
    return alpha_bar / (1 - alpha_bar)


# --- the way there, and single steps back -----------------------------------------------------------


def q_sample(images: torch.Tensor, noise: torch.Tensor, alpha_bar: torch.Tensor) -> torch.Tensor:
    """√ᾱ · image + √(1 − ᾱ) · noise: all the steps up to t in one. Ho et al. 2020, eq. 4.

    images and noise (B, …), alpha_bar that broadcasts to them. Images of variance 1 keep variance 1.
    """
    check_same(images, noise, "noise")
    check_left(alpha_bar, images)
    return alpha_bar.sqrt() * images + (1 - alpha_bar).sqrt() * noise


def clean_from_noise(noisy: torch.Tensor, noise: torch.Tensor, alpha_bar: torch.Tensor) -> torch.Tensor:
    """x̂ = (noisy − √(1 − ᾱ) · noise) / √ᾱ: the image, if that is the noise in it."""
    check_same(noisy, noise, "noise")
    check_left(alpha_bar, noisy, above_0=True)
    return (noisy - (1 - alpha_bar).sqrt() * noise) / alpha_bar.sqrt()


def noise_from_clean(noisy: torch.Tensor, clean: torch.Tensor, alpha_bar: torch.Tensor) -> torch.Tensor:
    """(noisy − √ᾱ · x̂) / √(1 − ᾱ): the noise, if that is the image."""
    check_same(noisy, clean, "clean")
    check_left(alpha_bar, noisy, below_1=True)
    return (noisy - alpha_bar.sqrt() * clean) / (1 - alpha_bar).sqrt()


def posterior(noisy, clean, alpha_bar, alpha_bar_before) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (B, …) and variance of the step before, given the noisy step and the image. Ho et al. 2020, eq. 6 and 7.

    alpha_bar, alpha_bar_before: ᾱ of this step and of the one before.
    """
    check_same(noisy, clean, "clean")
    check_left(alpha_bar, noisy, below_1=True)
    check_left(alpha_bar_before, noisy, above_0=True)
    kept = alpha_bar / alpha_bar_before                                                 # α_t = 1 − β_t
    of_clean = alpha_bar_before.sqrt() * (1 - kept) / (1 - alpha_bar)
    of_noisy = kept.sqrt() * (1 - alpha_bar_before) / (1 - alpha_bar)
    return of_clean * clean + of_noisy * noisy, (1 - kept) * (1 - alpha_bar_before) / (1 - alpha_bar)


def ddpm_step(noisy, clean, fresh, alpha_bar, alpha_bar_before) -> torch.Tensor:
    """One step back by chance: the posterior's mean and its deviation times `fresh`, noise from N(0, 1); all (B, …)."""
    check_same(noisy, fresh, "fresh")
    mean, variance = posterior(noisy, clean, alpha_bar, alpha_bar_before)
    return mean + variance.sqrt() * fresh


def ddim_step(noisy, clean, fresh, alpha_bar, alpha_bar_before, eta: float = 0.0) -> torch.Tensor:
    """One step back, over as many steps at once as ᾱ says: noise the guess at the image anew, with its own old noise.

    eta: how much of the noise is `fresh`: at 0 none, so that the start decides the image; at 1, and one step at a
    time, it is `ddpm_step`. Song et al. 2021 (DDIM), eq. 12 and 16.
    """
    if not 0 <= eta <= 1:
        raise CourseError(f"eta is {eta}; expected 0 to 1.")
    check_same(noisy, fresh, "fresh")
    check_left(alpha_bar, noisy, below_1=True)
    check_left(alpha_bar_before, noisy, above_0=True)
    share = (1 - alpha_bar_before) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_before)
    deviation = eta * share.sqrt()
    of_old = (1 - alpha_bar_before - deviation**2).clamp(min=0).sqrt()                   # never below 0 but by rounding
    old = noise_from_clean(noisy, clean, alpha_bar)
    return alpha_bar_before.sqrt() * clean + of_old * old + deviation * fresh


def guided(conditional: torch.Tensor, unconditional: torch.Tensor, guidance: float) -> torch.Tensor:
    """Classifier-free guidance: from what the network says without a condition towards, and past, what it says with it.

    guidance 0 is without, 1 with, more is past it; the paper's w is guidance − 1. Ho and Salimans 2022, eq. 6.
    """
    if guidance < 0:
        raise CourseError(f"guidance is {guidance}; expected 0 (no condition) or more: below 0 leads away from it.")
    check_same(conditional, unconditional, "unconditional")
    return unconditional + guidance * (conditional - unconditional)


def drop_conditions(condition: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Each row (B, E) replaced by zeros, the sign for no condition, with probability `share`."""
    check_shape(condition, "B E", "condition")
    kept = uniform((len(condition), 1), generator, condition.device) >= share
    return condition * kept


def sampling_steps(steps: int, count: int) -> list[int]:
    """`count` + 1 steps from T down to 0, evenly spaced. Raises CourseError where there are not that many."""
    if not 1 <= count <= steps:
        raise CourseError(f"{count} sampling steps; expected 1 to {steps}, the steps the model was trained on.")
    return [round(steps * left / count) for left in range(count, -1, -1)]


# --- the model --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DiffusionConfig:
    """A diffusion model. schedule: linear or cosine, over `steps`. drop: share of conditions hidden in training.

    sampling: how many DDIM steps a sample takes where nothing is said.
    """

    network: UNetConfig = UNetConfig()
    steps: int = 1000
    schedule: str = "cosine"
    drop: float = 0.1
    sampling: int = 50

    def __post_init__(self):
        if self.schedule not in SCHEDULES:
            raise CourseError(f"schedule is {self.schedule!r}; expected {' or '.join(SCHEDULES)}.")
        if not 0 <= self.drop <= 1 or not 1 <= self.sampling <= self.steps:
            got = f"drop {self.drop} and sampling {self.sampling} of {self.steps} steps"
            raise CourseError(f"{got}; expected a share from 0 to 1, and 1 to {self.steps} sampling steps.")


class Denoiser(nn.Module):
    """What diffusion and flow matching share: a network, its guess with guidance, and noise to start from."""

    def __init__(self, config: DiffusionConfig, generator: torch.Generator):
        super().__init__()
        self.config, self.network = config, UNet(config.network, generator)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def guess(self, noisy, time, condition=None, guidance: float = 1.0) -> torch.Tensor:
        """What the network says of noisy images (B, C, H, W) at `time` (B,) from 0 to 1; with guidance where not 1."""
        if condition is None and guidance != 1:
            raise CourseError(f"guidance is {guidance} but there is no condition to be guided by; expected one.")
        if guidance == 1:
            return self.network(noisy, time, condition)
        return guided(self.network(noisy, time, condition), self.network(noisy, time), guidance)

    def pure_noise(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """(n, C, H, W) from N(0, 1)."""
        if n < 1:
            raise CourseError(f"n is {n}; expected 1 image or more.")
        network = self.config.network
        return standard_normal((n, network.channels, network.size, network.size), generator, self.device)

    def hidden_sometimes(self, condition: torch.Tensor | None, generator: torch.Generator) -> torch.Tensor | None:
        """The conditions of a training batch, a share of them dropped."""
        return None if condition is None else drop_conditions(condition, self.config.drop, generator)


class Diffusion(Denoiser):
    """A network that names the noise in an image; keeps the contract of image models, with a likelihood."""

    def __init__(self, config: DiffusionConfig, generator: torch.Generator):
        super().__init__(config, generator)
        self.schedule = Schedule(SCHEDULES[config.schedule](config.steps))

    def forward(self, noisy, step, condition=None, guidance: float = 1.0) -> torch.Tensor:
        """The noise in images (B, C, H, W) that are `step` (B,) steps away from clean ones."""
        return self.guess(noisy, step.to(noisy.dtype) / self.schedule.steps, condition, guidance)

    def clean(self, noisy, step, condition=None, guidance: float = 1.0) -> torch.Tensor:
        """The guess x̂ at the images in them, (B, C, H, W), kept in [−1, 1]."""
        noise = self(noisy, step, condition, guidance)
        return clean_from_noise(noisy, noise, self.schedule.at(step, noisy)).clamp(-1, 1)

    def loss(self, generator: torch.Generator, images: torch.Tensor, condition=None) -> torch.Tensor:
        """Mean squared error of the noise at a random step of each image. Ho et al. 2020, algorithm 1 and eq. 14."""
        check_images(images, self.config.network.channels, self.config.network.size)
        step = self.random_steps(len(images), generator)
        noise = standard_normal(images.shape, generator, images.device)
        noisy = q_sample(images, noise, self.schedule.at(step, images))
        return functional.mse_loss(self(noisy, step, self.hidden_sometimes(condition, generator)), noise)

    def random_steps(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count,) steps from 1 to T, each once in its own equal part, in random order.

        Each is as likely as any other, and together they cover the whole way: a mean over them varies less.
        """
        check_counts(count=count)
        parts = torch.randperm(count, generator=generator, device=generator.device)
        place = (parts + uniform((count,), generator, generator.device).double()) / count   # 0 up to 1
        return (1 + (place * self.schedule.steps).long()).clamp(max=self.schedule.steps).to(self.device)

    # --- sampling

    @torch.no_grad()
    def sample(
        self, n: int, generator: torch.Generator, *, condition=None, guidance=1.0, steps: int | None = None, eta=0.0
    ) -> torch.Tensor:
        """(n, C, H, W) in [−1, 1] by `steps` DDIM steps; condition (n, E). All T steps with eta 1 are DDPM's way."""
        noise = self.pure_noise(n, generator)
        trail = self.trail(noise, generator, condition=condition, guidance=guidance, steps=steps, eta=eta)
        return deque(trail, maxlen=1).pop()                        # only the last is kept in memory

    @torch.no_grad()
    def trail(self, images, generator, *, condition=None, guidance=1.0, steps: int | None = None, eta=0.0):
        """The images (n, C, H, W) after each of the steps from noise, one by one; the last are the sample."""
        way = sampling_steps(self.schedule.steps, self.config.sampling if steps is None else steps)
        for now, before in zip(way, way[1:], strict=False):
            images = self.step_back(images, now, before, generator, condition, guidance, eta)
            yield images

    @torch.no_grad()
    def step_back(self, images, now: int, before: int, generator, condition=None, guidance=1.0, eta=0.0):
        """Images (n, C, H, W) that are `now` steps away from clean ones, at `before` steps, by `ddim_step`."""
        if not 0 <= before < now:
            raise CourseError(f"From step {now} to step {before}; expected a step back, to 0 at the lowest.")
        step = torch.full((len(images),), now, device=images.device)
        clean = self.clean(images, step, condition, guidance)
        fresh = standard_normal(images.shape, generator, images.device) if eta else torch.zeros_like(images)
        bars = self.schedule.at(step, images), self.schedule.at(torch.full_like(step, before), images)
        return ddim_step(images, clean, fresh, *bars, eta)

    # --- likelihood

    def prior_nats(self, images: torch.Tensor) -> torch.Tensor:
        """(B,) KL divergence of the last step from N(0, 1): what is still seen of the image when sampling starts."""
        check_floats("B C H W", images=images)
        left = self.schedule.alpha_bar[-1].item()
        nats = (left * images.double() ** 2 - left - math.log1p(-left)) / 2              # ½ (μ² + σ² − 1 − ln σ²)
        return nats.flatten(1).sum(dim=1)

    @torch.no_grad()
    def step_nats(self, images: torch.Tensor, step: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(B,) nats that the bound pays at `step` (B,), from 1: one noise is drawn for each image.

        From step 2: the KL divergence of the true step back from the guessed one, ½ (SNR before − SNR now) · ‖x − x̂‖²
        (Kingma et al. 2021, eq. 13). At step 1: −ln p of the bytes under N(x̂, β₁) (Ho et al. 2020, eq. 13).
        """
        bars = self.schedule.at(step, images.double())
        noise = standard_normal(images.shape, generator, images.device)
        clean = self.clean(q_sample(images, noise, bars.to(images.dtype)), step).double()
        gained = signal_to_noise(self.schedule.at(step - 1, images.double())) - signal_to_noise(bars)
        divergence = gained.flatten() / 2 * ((images - clean) ** 2).flatten(1).sum(dim=1)
        deviation = math.sqrt(1 - self.schedule.alpha_bar[1].item())
        decoded = -gaussian_log_probability(images, clean, deviation).flatten(1).sum(dim=1)
        return torch.where(step == 1, decoded, divergence)                                # there SNR before is infinite

    def later_steps(self, draws: int, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """`draws` steps from 2 to T for each image, (draws, count), and how many steps each of them stands for.

        A step costs about as 1/t, and so often it is drawn: the logarithms come evenly, each in its own part of the
        way. If the steps themselves came evenly, the few that cost most would be met by chance.
        """
        check_counts(draws=draws, count=count)
        last, parts = self.schedule.steps, torch.arange(draws, device=generator.device)[:, None]
        place = (parts + uniform((draws, count), generator, generator.device).double()) / draws     # 0 up to 1
        way = math.log((last + 1) / 2)
        step = (2 * (way * place).exp()).long().clamp(2, last).to(self.device)
        return step, way / torch.log1p(1 / step.double()) / draws                         # t has ln((t + 1) / t) of it

    def bits_per_dim(
        self, images: torch.Tensor, draws: int = 16, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """(B,) bits for each number of each image by the bound on −ln p: never too good on the mean over the noise.

        The T − 1 steps after the first are too many to visit: `draws` of them stand for all. generator: seed 0 where
        none is given, so that it repeats.
        """
        check_images(images, self.config.network.channels, self.config.network.size)
        check_on_grid(images)
        if draws < 1:
            raise CourseError(f"draws is {draws}; expected 1 or more.")
        generator = generator or seeding.generator(0)
        first = torch.ones(len(images), dtype=torch.int64, device=images.device)
        nats = self.prior_nats(images) + self.step_nats(images, first, generator)
        if self.schedule.steps > 1:
            for step, counts in zip(*self.later_steps(draws, len(images), generator), strict=True):
                nats = nats + counts * self.step_nats(images, step, generator)
        return bits_per_dimension(nats, images)


# --- flow matching: what changes ----------------------------------------------------------------------


class FlowMatching(Denoiser):
    """The network names the velocity, noise − image, along a straight line between them: no schedule is left.

    Lipman et al. 2023; Liu et al. 2023 (rectified flow). Time 0 is the image, time 1 noise, as above.
    """

    def loss(self, generator: torch.Generator, images: torch.Tensor, condition=None) -> torch.Tensor:
        """Mean squared error of the velocity at a random place of each image's line."""
        check_images(images, self.config.network.channels, self.config.network.size)
        time = uniform((len(images),), generator, images.device)
        noise, place = standard_normal(images.shape, generator, images.device), time[:, None, None, None]
        between = (1 - place) * images + place * noise
        velocity = self.guess(between, time, self.hidden_sometimes(condition, generator))
        return functional.mse_loss(velocity, noise - images)

    @torch.no_grad()
    def sample(
        self, n: int, generator: torch.Generator, *, condition=None, guidance=1.0, steps: int | None = None
    ) -> torch.Tensor:
        """(n, C, H, W) in [−1, 1] by `steps` equal steps against the velocity (Euler's method)."""
        images, steps = self.pure_noise(n, generator), self.config.sampling if steps is None else steps
        if steps < 1:
            raise CourseError(f"{steps} sampling steps; expected 1 or more.")
        for left in range(steps, 0, -1):
            time = torch.full((n,), left / steps, device=images.device)
            images = images - self.guess(images, time, condition, guidance) / steps
        return images.clamp(-1, 1)
