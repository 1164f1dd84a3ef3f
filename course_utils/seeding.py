"""Randomness with a name: every random choice in the course takes a generator made here."""

import numpy as np
import torch


def generator(seed: int, device: str = "cpu") -> torch.Generator:
    """A fresh torch generator; the same seed gives the same numbers on one machine and one torch version."""
    return torch.Generator(device=device).manual_seed(seed)


def numpy_generator(seed: int) -> np.random.Generator:
    """A fresh NumPy generator for code that works on arrays."""
    return np.random.default_rng(seed)
