"""Fill in what is missing of an image, by each family in its own way; the pixels that are known stay as they are.

`known` (H, W) is True where a pixel is known. A transformer over pixels can only go on from above: see
`ImageTransformer.complete`.
"""

import math
from collections.abc import Callable

import torch

from course_utils.errors import CourseError
from course_utils.models.diffusion import Diffusion, q_sample, sampling_steps
from course_utils.models.drawn import standard_normal
from course_utils.shapes import check_counts, check_floats, check_number, check_shape


def check_known(images: torch.Tensor, known: torch.Tensor) -> None:
    """Raises ShapeError where `known` is no mask of images (B, C, H, W), CourseError where it holds no truth values."""
    check_shape(images, "B C H W", "images")
    check_shape(known, f"{images.shape[2]} {images.shape[3]}", "known")
    if known.dtype != torch.bool:
        raise CourseError(f"known is {known.dtype}; expected torch.bool, True where a pixel is known.")


@torch.no_grad()
def by_diffusion(
    model: Diffusion, images: torch.Tensor, known: torch.Tensor, generator: torch.Generator, steps: int | None = None
) -> torch.Tensor:
    """(B, C, H, W): sampled as always, but after each step the known pixels are put back, as noisy as the step is.

    The model was not trained for it: it makes the rest fit to what it sees. Song et al. 2021 (score SDE), app. I.2.
    """
    check_known(images, known)
    way = sampling_steps(model.schedule.steps, model.config.sampling if steps is None else steps)
    drawn = standard_normal(images.shape, generator, images.device)
    for now, before in zip(way, way[1:], strict=False):
        alpha_bar = model.schedule.at(torch.full((len(images),), now, device=images.device), images)
        noisy = q_sample(images, standard_normal(images.shape, generator, images.device), alpha_bar)
        drawn = model.step_back(torch.where(known, noisy, drawn), now, before, generator, eta=1.0)
    return torch.where(known, images, drawn)


def by_search(
    decode: Callable[[torch.Tensor], torch.Tensor],
    start: torch.Tensor,
    images: torch.Tensor,
    known: torch.Tensor,
    steps: int = 200,
    rate: float = 0.05,
    pull: float = 1e-3,
) -> torch.Tensor:
    """(B, C, H, W): the latent vectors whose images come nearest to the known pixels are searched for, by gradient.

    decode: latent vectors (B, Z) to images: a GAN's generator, or `lambda latent: vae.decode(latent)[0]`. start (B, Z):
    where the search begins. pull: what a squared length of the latent vector costs, so that it stays where the model
    has learned.
    """
    check_floats(f"{len(images)} Z", start=start)
    check_floats("B C H W", images=images)
    check_counts(0, steps=steps)
    check_number(0, math.inf, rate=rate, pull=pull)
    check_known(images, known)
    latent = start.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([latent], rate)
    for _ in range(steps):
        missed = ((decode(latent) - images)[..., known] ** 2).flatten(1).mean(dim=1)    # (B,)
        loss = (missed + pull * (latent**2).mean(dim=1)).sum()
        (latent.grad,) = torch.autograd.grad(loss, latent)         # the model's own weights get none
        optimizer.step()
    with torch.no_grad():
        return torch.where(known, images, decode(latent).clamp(-1, 1))
