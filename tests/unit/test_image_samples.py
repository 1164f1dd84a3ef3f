"""The tool that keeps the images of the slow families: what it draws, what it leaves alone, and what it refuses."""

import numpy as np
import pytest
import torch

from tools import image_samples

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """The file of kept images, moved to an empty folder."""
    monkeypatch.setattr(image_samples, "SAMPLES", tmp_path / "image_samples.npz")
    return tmp_path / "image_samples.npz"


def grey(family: str, count: int, seed: int) -> torch.Tensor:
    """Images whose level is the seed, ten more for the transformer."""
    return torch.full((count, 1, 28, 28), seed + 10 * (family == "transformer"), dtype=torch.uint8)


def kept(path) -> dict[str, tuple[tuple[int, ...], list[int]]]:
    """For each name in the file the shape and the levels there are."""
    with np.load(path) as arrays:
        return {name: (array.shape, np.unique(array).tolist()) for name, array in arrays.items()}


def test_each_seed_of_a_family_is_drawn_and_what_was_kept_of_others_stays(samples, monkeypatch, capsys):
    monkeypatch.setattr(image_samples, "draw", grey)
    np.savez(samples, transformer_1=np.full(3, 7, np.uint8), diffusion_2=np.zeros(3, np.uint8))
    assert image_samples.main(["diffusion", "--threads", "1"]) == 0
    drawn = {f"diffusion_{seed}": ((500, 1, 28, 28), [seed]) for seed in (1, 2, 3)}
    assert kept(samples) == {"transformer_1": ((3,), [7]), **drawn}
    assert f"image_samples.npz: {samples.stat().st_size:,} bytes" in capsys.readouterr().out


def test_without_a_name_both_slow_families_are_drawn(samples, monkeypatch):
    monkeypatch.setattr(image_samples, "draw", grey)
    assert image_samples.main(["--threads", "1"]) == 0
    levels = {name: found for name, (_, found) in kept(samples).items()}
    diffusion = {"diffusion_1": [1], "diffusion_2": [2], "diffusion_3": [3]}
    assert levels == {**diffusion, "transformer_1": [11], "transformer_2": [12], "transformer_3": [13]}


def test_a_family_that_there_is_not_is_refused_and_nothing_is_written(samples, capsys):
    assert image_samples.main(["flow", "--threads", "1"]) == 1
    assert "no family 'flow'" in capsys.readouterr().err and not samples.exists()
