"""Where is measured, and how large: the sizes of all models, and of a trial, which shows only that everything runs."""

import gc
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.models.transformer import LLAMA, TransformerConfig
from course_utils.seeding import generator


@dataclass(frozen=True)
class Size:
    """A decoder, and how many texts as long as its context make a batch."""

    config: TransformerConfig
    batch: int

    @property
    def tokens(self) -> int:
        """How many tokens a step reads."""
        return self.batch * self.config.context


SIZES = {                                                          # by parameters; how fast a step is
    "3M": Size(TransformerConfig(2048, context=256, width=192, heads=6, layers=6), 128),
    "30M": Size(TransformerConfig(8192, context=1024, width=512, heads=8, layers=8), 32),
    "124M": Size(TransformerConfig(50257, context=1024, width=768, heads=12, layers=12), 16),
    "350M": Size(TransformerConfig(50257, context=1024, width=1024, heads=16, layers=24), 8),
}
MIDDLE = "124M"                                                    # the size that `fit` and the compiler get
TRIAL = {"tiny": Size(TransformerConfig(256, context=32, width=32, heads=2, layers=2), 4)}

COMPARED = Size(TransformerConfig(256, context=128, width=128, heads=4, layers=4, inner=256, **LLAMA), 16)
COMPARED_IN_TRIAL = Size(TransformerConfig(256, context=16, width=16, heads=2, layers=2, inner=32, **LLAMA), 4)
RECOMPUTED = Size(TransformerConfig(8192, context=1024, width=1024, heads=16, layers=12), 16)
STEPS, STEPS_IN_TRIAL = 30, 6                                      # of every run of `fit` that is compared or timed


@dataclass(frozen=True)
class Place:
    """The device, "cuda" or "cpu"; `tiny` where it is a trial."""

    device: str = "cuda"
    tiny: bool = False

    @property
    def sizes(self) -> dict[str, Size]:
        """The models whose step is timed, by name."""
        return TRIAL if self.tiny else SIZES

    @property
    def middle(self) -> Size:
        """The one that `fit` and the compiler get."""
        return TRIAL["tiny"] if self.tiny else SIZES[MIDDLE]

    @property
    def compared(self) -> Size:
        """The model that is trained in two ways, and then compared."""
        return COMPARED_IN_TRIAL if self.tiny else COMPARED

    @property
    def recomputed(self) -> Size:
        """The model whose blocks are computed twice."""
        return TRIAL["tiny"] if self.tiny else RECOMPUTED

    @property
    def steps(self) -> int:
        """The steps of a run of `fit`."""
        return STEPS_IN_TRIAL if self.tiny else STEPS

    def batch(self, size: Size) -> tuple[torch.Tensor, torch.Tensor]:
        """Random inputs and targets (B, T) on the device."""
        config = size.config
        ids = torch.randint(config.vocabulary_size, (size.batch, config.context + 1), generator=generator(1))
        return ids[:, :-1].contiguous().to(self.device), ids[:, 1:].contiguous().to(self.device)

    def compiled(self, model: nn.Module) -> Callable:
        """The model by `torch.compile`; in a trial only traced, since not every machine has a compiler of C++."""
        return torch.compile(model, backend="eager" if self.tiny else "inductor")

    def wait(self) -> None:
        """Until the GPU has done what it was told to."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def forget(self) -> None:
        """Free what nobody holds any more, and look for the peak of memory from here on."""
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    @property
    def peak_bytes(self) -> int:
        """The most memory that tensors had on the GPU since `forget`; 0 on a CPU."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else 0
