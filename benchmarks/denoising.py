"""Diffusion of small images: a training step and sampling, ours beside `diffusers` and denoising-diffusion-pytorch.

Work is equal: the peers' widths are those at which their U-Nets come nearest to ours in multiplications and parameters;
all three read each square of 2 × 2 pixels as one place with four channels, and all draw fresh noise in each step back.
The record states both counts. Weights are as drawn: their values do not change the time.
"""

import contextlib
import io
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.paired import Contest, Growth, Measured, Run, growth, operators, peer, race
from course_utils.models.diffusion import Diffusion, DiffusionConfig
from course_utils.models.unet import UNetConfig
from course_utils.seeding import generator

SAMPLING_TARGET = 1.2
PATCH, STEPS = 2, 1000                                             # a place is so many pixels wide; steps of noise
SIZE, BATCH = 28, 32
IMAGES, STEPS_BACK = 8, 20                                         # of a sample
DIFFUSERS_WIDTHS, OTHER_WIDTH = (48, 80), 36                       # near ours in work; `known` says how near
SIZES, BATCHES, BATCH_OF_SIZES = (16, 24, 32, 48), (4, 8, 16, 32), 8
KINDS = {                                                          # operators of torch -> what they are for
    "convolutions": ("convolution", "mkldnn_convolution", "reorder"),
    "norms": ("group_norm", "native_group_norm"),
    "SiLU": ("silu",),
    "attention and linear layers": ("scaled_dot", "flash_attention", "addmm", "mm", "bmm", "linear"),
}
OURS, DIFFUSERS, OTHER = "ours", "diffusers", "denoising-diffusion-pytorch"


class Entrant(NamedTuple):
    """A network with what trains and samples it: `loss` takes images (B, 1, H, W), `sample` how many to draw."""

    network: torch.nn.Module
    loss: Callable[[torch.Tensor], torch.Tensor]
    sample: Callable[[int], torch.Tensor]


def measure(rounds: int) -> Measured:
    """A training step, a sample, how a training step grows with the images and the batch, and the size of each."""
    entrants = {name: make(SIZE) for name, make in makers().items()}
    images = _images(BATCH, SIZE)
    steps = race({name: training_step(entrant, images) for name, entrant in entrants.items()}, rounds)
    samples = race({name: lambda e=entrant: e.sample(IMAGES) for name, entrant in entrants.items()}, rounds)
    spent = operators(lambda: entrants[OURS].sample(IMAGES), KINDS)
    task, target = f"sample images, {STEPS_BACK} steps", {DIFFUSERS: SAMPLING_TARGET}
    peers = [name for name in entrants if name != OURS]
    contests = [
        *(Contest.of(steps, "train diffusion, a step", OURS, name, BATCH, "images/s") for name in peers),
        *(Contest.of(samples, task, OURS, name, IMAGES, "images/s", target.get(name), spent) for name in peers),
    ]
    return Measured(contests, _growth(min(rounds, 3)), {"size": {name: size(one) for name, one in entrants.items()}})


def makers() -> dict[str, Callable[[int], Entrant]]:
    """What makes each entrant for images of a size; without the peer that is not installed."""
    found = {OURS: ours, DIFFUSERS: diffusers}
    module = without_torchvision(lambda: peer("denoising_diffusion_pytorch", "denoising-diffusion-pytorch"))
    return found | ({OTHER: lambda pixels: other(module, pixels)} if module else {})


def ours(pixels: int) -> Entrant:
    """Our diffusion with the network that the course ships."""
    model, random = Diffusion(DiffusionConfig(UNetConfig(size=pixels, patch=PATCH)), generator(0)), generator(1)
    return Entrant(
        model.network,
        lambda images: model.loss(random, images),
        lambda count: model.sample(count, random, steps=STEPS_BACK, eta=1.0),
    )


def diffusers(pixels: int) -> Entrant:
    """A `UNet2DModel` with attention at the bottom alone, as ours, trained and sampled by a `DDPMScheduler`."""
    network = UNet2DModel(
        sample_size=pixels // PATCH,
        in_channels=PATCH**2,
        out_channels=PATCH**2,
        layers_per_block=1,
        block_out_channels=DIFFUSERS_WIDTHS,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        attention_head_dim=DIFFUSERS_WIDTHS[-1] // 4,
        norm_num_groups=8,
    )
    noising, back = (DDPMScheduler(STEPS, beta_schedule="squaredcos_cap_v2") for _ in range(2))
    back.set_timesteps(STEPS_BACK)
    random = generator(1)

    def loss(images: torch.Tensor) -> torch.Tensor:
        places = functional.pixel_unshuffle(images, PATCH)
        noise = torch.randn(places.shape, generator=random)
        step = torch.randint(STEPS, (len(places),), generator=random)
        return functional.mse_loss(network(noising.add_noise(places, noise, step), step).sample, noise)

    @torch.no_grad()
    def sample(count: int) -> torch.Tensor:
        places = torch.randn(count, PATCH**2, pixels // PATCH, pixels // PATCH, generator=random)
        for step in back.timesteps:
            places = back.step(network(places, step).sample, step, places, generator=random).prev_sample
        return functional.pixel_shuffle(places, PATCH)

    return Entrant(network, loss, sample)


def other(module: ModuleType, pixels: int) -> Entrant:
    """A `Unet` in a `GaussianDiffusion` of denoising-diffusion-pytorch, which expects pixels from 0 to 1."""
    network = module.Unet(dim=OTHER_WIDTH, dim_mults=(1, 2), channels=PATCH**2)
    model = module.GaussianDiffusion(
        network,
        image_size=pixels // PATCH,
        timesteps=STEPS,
        sampling_timesteps=STEPS_BACK,
        objective="pred_noise",
        beta_schedule="cosine",
        ddim_sampling_eta=1.0,
    )
    return Entrant(
        network,
        lambda images: model(functional.pixel_unshuffle((images + 1) / 2, PATCH)),
        lambda count: functional.pixel_shuffle(2 * _quiet(model.sample, batch_size=count) - 1, PATCH),
    )


def without_torchvision(load: Callable[[], ModuleType | None]) -> ModuleType | None:
    """Load denoising-diffusion-pytorch, whose reader of picture files is built on torchvision: we give it none to read.

    torchvision is not always there: it has no build for every torch without a GPU.
    """
    names = ("torchvision", "torchvision.transforms", "torchvision.utils")
    missing = {name: ModuleType(name) for name in names if name not in sys.modules}
    for name, module in missing.items():
        for child in names[1:]:
            setattr(module, child.rpartition(".")[2], missing.get(child))
        sys.modules[name] = module
    try:
        return load()
    finally:
        for name in missing:                                       # transformers asks whether it is there
            del sys.modules[name]


def training_step(entrant: Entrant, images: torch.Tensor) -> Run:
    """Loss, gradients and a step of AdamW."""
    optimizer = torch.optim.AdamW(entrant.network.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        entrant.loss(images).backward()
        optimizer.step()

    return step


def size(entrant: Entrant) -> dict[str, float]:
    """Parameters, and million operations (two for each multiplication and addition) that one image costs forwards."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        entrant.loss(_images(1, SIZE))
    parameters = sum(parameter.numel() for parameter in entrant.network.parameters())
    return {"parameters": parameters, "megaflops": counter.get_total_flops() / 1e6}


def _growth(rounds: int) -> list[Growth]:
    def of_size(make: Callable[[int], Entrant]) -> Callable[[int], Run]:
        return lambda pixels: training_step(make(pixels), _images(BATCH_OF_SIZES, pixels))

    def of_batch(make: Callable[[int], Entrant]) -> Callable[[int], Run]:
        return lambda batch: training_step(make(SIZE), _images(batch, SIZE))

    task = "train diffusion, a step"
    by_size = {name: of_size(make) for name, make in makers().items()}
    by_batch = {name: of_batch(make) for name, make in makers().items()}
    return [
        *growth(task, "pixels a side", by_size, SIZES, rounds),
        *growth(task, "images in the batch", by_batch, BATCHES, rounds),
    ]


def _images(count: int, pixels: int) -> torch.Tensor:
    return 2 * torch.rand(count, 1, pixels, pixels, generator=generator(2)) - 1


def _quiet(run: Callable, **settings) -> torch.Tensor:
    """Without the progress bar that it cannot be asked to leave out."""
    with contextlib.redirect_stderr(io.StringIO()):
        return run(**settings)
