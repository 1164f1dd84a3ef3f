"""The best denoiser of a finite set of images, in a formula: what a network that learns from them comes close to."""

import torch

from course_utils.errors import CourseError
from course_utils.models.diffusion import signal_to_noise
from course_utils.shapes import check_alike, check_floats


def best_guess(noisy: torch.Tensor, images: torch.Tensor, alpha_bar) -> torch.Tensor:
    """The mean of all images, weighed by how probable it is that the noisy ones came from them: (B, D).

    noisy (B, D); images (N, D), equally frequent; alpha_bar a number, or (B, 1). Attention with the noisy images as
    queries, and the images as keys and values. It has the smallest squared error there can be, and it knows nothing
    but these images: who samples with it gets them back. Vincent 2011; Karras et al. 2022, appendix B.3.
    """
    check_floats("B D, N+ D", noisy=noisy, images=images)
    check_alike(noisy=noisy, images=images)
    alpha_bar = torch.as_tensor(alpha_bar, dtype=noisy.dtype)
    if not bool(((alpha_bar > 0) & (alpha_bar < 1)).all()):
        raise CourseError(f"alpha_bar is {alpha_bar.tolist()}; expected between 0, all noise, and 1, all image.")
    distance = torch.cdist(noisy / alpha_bar.sqrt(), images)                            # (B, N)
    return (-signal_to_noise(alpha_bar) / 2 * distance.square()).softmax(dim=1) @ images
