"""Our noise schedules and sampling steps against the schedulers of diffusers, on the same numbers.

Its step 0 is our step 1: it counts the noise that is added, we count how often some was added.
"""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.models.embeddings import get_timestep_embedding

from course_utils.models.diffusion import (
    SCHEDULES,
    Diffusion,
    DiffusionConfig,
    FlowMatching,
    Schedule,
    clean_from_noise,
    ddim_step,
    ddpm_step,
    q_sample,
)
from course_utils.models.unet import UNetConfig, time_code
from course_utils.seeding import generator
from tools.verified import Verified

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 1000
THEIRS = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
NAMES = pytest.mark.parametrize("name", list(THEIRS))
CLOSE = {"atol": 1e-5, "rtol": 0.0}
TINY = UNetConfig(size=4, widths=(8, 16), patch=1, heads=2, steering=16)
FIFTY_STEPS = 1e-4                                                 # of 50 networks
VERIFIES = [
    Verified("13", "noise schedules; steps of DDPM, DDIM and flow matching", "`diffusers`' schedulers", CLOSE["atol"]),
    Verified("13", "a whole sample of DDIM", "`diffusers`' scheduler over the same network", FIFTY_STEPS),
]


def scheduler(kind, name: str, **settings):
    """Of diffusers, with the paper's range of betas; without clipping unless the settings say so."""
    settings = {"beta_start": 1e-4, "beta_end": 0.02, "clip_sample": False} | settings
    return kind(num_train_timesteps=STEPS, beta_schedule=THEIRS[name], **settings)


def ours(name: str) -> Schedule:
    return Schedule(SCHEDULES[name](STEPS))


def some(*shape, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def disturbed(kind, config: DiffusionConfig):
    """With nothing left at 0, as after training."""
    model, random = kind(config, generator(0)), generator(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=random))
    return model


def pair(name: str, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ᾱ of the step and of the one before, in float32 as theirs."""
    left = ours(name).alpha_bar.float()
    return left[step], left[step - 1]


@NAMES
def test_what_is_left_after_each_of_a_thousand_steps_is_the_same(name):
    theirs = scheduler(DDPMScheduler, name).alphas_cumprod
    torch.testing.assert_close(ours(name).alpha_bar[1:].float(), theirs, **CLOSE)
    assert (ours(name).alpha_bar[:-1].float() - theirs).abs().max() > 1e-3               # one step off would be seen


@NAMES
def test_images_get_the_same_noise(name):
    images, noise, step = some(4, 1, 4, 4), some(4, 1, 4, 4, seed=2), torch.tensor([1, 17, 500, 1000])
    theirs = scheduler(DDPMScheduler, name).add_noise(images, noise, step - 1)
    torch.testing.assert_close(q_sample(images, noise, ours(name).at(step, images)), theirs, **CLOSE)


@NAMES
@pytest.mark.parametrize("step", [1, 2, 100, 500, 900])
def test_a_step_back_of_ddpm_is_the_same_with_the_same_fresh_noise(name, step):
    noisy, noise = some(2, 1, 4, 4), some(2, 1, 4, 4, seed=2)
    theirs = scheduler(DDPMScheduler, name, variance_type="fixed_small").step(
        noise, step - 1, noisy, generator=generator(7)
    )
    fresh = torch.randn(noisy.shape, generator=generator(7))
    now, before = pair(name, step)
    clean = clean_from_noise(noisy, noise, now)
    torch.testing.assert_close(clean, theirs.pred_original_sample, atol=1e-5, rtol=1e-6)  # divided by √ᾱ: up to 200
    torch.testing.assert_close(ddpm_step(noisy, clean, fresh, now, before), theirs.prev_sample, **CLOSE)


@NAMES
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("step", [20, 100, 500, 900])
def test_a_step_back_of_ddim_over_twenty_at_once_is_the_same(name, step, eta):
    noisy, noise, fresh = (some(2, 1, 4, 4, seed=seed) for seed in (1, 2, 3))
    theirs = scheduler(DDIMScheduler, name)
    theirs.set_timesteps(50)
    expected = theirs.step(noise, step - 1, noisy, eta=eta, variance_noise=fresh if eta else None)
    left = ours(name).alpha_bar.float()
    clean = clean_from_noise(noisy, noise, left[step])
    found = ddim_step(noisy, clean, fresh, left[step], left[step - 20], eta)
    torch.testing.assert_close(found, expected.prev_sample, **CLOSE)
    wrong = ddim_step(noisy, clean, fresh, left[step], left[step - 19], eta)
    assert (wrong - expected.prev_sample).abs().max() > 1e-4


@NAMES
def test_a_whole_sample_of_fifty_steps_is_the_same(name):
    """Their steps are spaced from the end, their guess at the image is clipped and the noise fitted to it, as ours."""
    model = disturbed(Diffusion, DiffusionConfig(TINY, STEPS, name))
    theirs = scheduler(DDIMScheduler, name, clip_sample=True, timestep_spacing="trailing")
    theirs.set_timesteps(50)
    images = model.pure_noise(3, generator(5))
    with torch.no_grad():
        for step in theirs.timesteps:
            noise = model(images, torch.full((3,), int(step) + 1))
            images = theirs.step(noise, step, images, use_clipped_model_output=True).prev_sample
    torch.testing.assert_close(model.sample(3, generator(5), steps=50), images, atol=FIFTY_STEPS, rtol=0)


def test_a_sample_of_flow_matching_is_the_same():
    model = disturbed(FlowMatching, DiffusionConfig(TINY))
    theirs = FlowMatchEulerDiscreteScheduler(num_train_timesteps=STEPS)
    theirs.set_timesteps(sigmas=[(8 - done) / 8 for done in range(8)])
    images = model.pure_noise(3, generator(5))
    with torch.no_grad():
        for step in theirs.timesteps:
            images = theirs.step(model.guess(images, step.expand(3) / STEPS), step, images).prev_sample
    torch.testing.assert_close(model.sample(3, generator(5), steps=8), images.clamp(-1, 1), **CLOSE)


def test_the_code_of_a_time_is_theirs():
    time = torch.tensor([0.0, 0.001, 0.25, 1.0])
    theirs = get_timestep_embedding(STEPS * time, 16, downscale_freq_shift=0)
    torch.testing.assert_close(time_code(time, 16), theirs, atol=1e-4, rtol=0)           # angles up to 1000 in float32
