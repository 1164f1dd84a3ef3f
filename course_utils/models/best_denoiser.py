"""The best denoiser of a finite set of images, in a formula: what a network that learns from them comes close to."""

import torch

from course_utils.models.diffusion import signal_to_noise
from course_utils.shapes import check_shape


def best_guess(noisy: torch.Tensor, images: torch.Tensor, alpha_bar) -> torch.Tensor:
    """The mean of all images, weighed by how probable it is that the noisy ones came from them: (B, D).

    noisy (B, D); images (N, D), equally frequent; alpha_bar a number, or (B, 1). Attention with the noisy images as
    queries, and the images as keys and values. It has the smallest squared error there can be, and it knows nothing
    but these images: who samples with it gets them back. Vincent 2011; Karras et al. 2022, appendix B.3.
    """
    check_shape(images, "N D", "images")
    check_shape(noisy, f"B {images.shape[1]}", "noisy")
    alpha_bar = torch.as_tensor(alpha_bar, dtype=noisy.dtype)
    distance = torch.cdist(noisy / alpha_bar.sqrt(), images)                            # (B, N)
    return (-signal_to_noise(alpha_bar) / 2 * distance.square()).softmax(dim=1) @ images
