"""Randomness with a name: every random choice in the course takes a generator made here."""

import torch


def generator(seed: int, device: str = "cpu") -> torch.Generator:
    """A fresh torch generator; the same seed gives the same numbers on one machine and one torch version."""
    return torch.Generator(device=device).manual_seed(seed)
