"""Training on many GPUs, on paper: memory, traffic and time of a step, when each GPU holds a share of the model (FSDP).

A step takes as long as its slowest part, computing or sending, since they overlap. Latency, stragglers, failures and
reading data are left out, so real runs are slower. Every constant stands in a table with its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from course_utils.costs import ACCELERATORS, CONSTANTS, HOURS_PER_DAY, SECONDS_PER_HOUR, Constant
from course_utils.errors import CourseError

H100 = ACCELERATORS["H100"]
TOKENS_PER_PARAMETER = 20                                          # Hoffmann et al. 2022
BF16, FP32 = 2, 4                                                  # bytes of a number
STATE = 4 * FP32                                                   # weight, gradient, and the two means of Adam
SENT = 2 * BF16 + FP32                                             # weights gathered forward and back, gradients added
INSIDE_BLOCK, LOSS = 34, BF16 + 2 * FP32                           # bytes per token: a block of width 1, a logit

CLUSTER: Mapping[str, Constant] = MappingProxyType(
    {
        "memory": Constant(80e9, "bytes/GPU", "NVIDIA H100 SXM data sheet", 2023),
        "share of memory": Constant(0.9, "of the memory", "an assumption of ours: the rest is torch's own", 2026),
        "node": Constant(8, "GPUs/node", "NVIDIA DGX H100 data sheet", 2023),
        "nvlink": Constant(450e9, "bytes/s/GPU and direction", "900 GB/s both ways: NVIDIA H100 data sheet", 2023),
        "infiniband": Constant(50e9, "bytes/s/GPU", "400 Gbit/s a GPU: NVIDIA DGX H100 data sheet", 2023),
        "share of link": Constant(0.8, "of the link's rate", "an assumption of ours; measure it with nccl-tests", 2026),
        "utilisation": CONSTANTS["utilisation"],
        "computed twice": Constant(
            4 / 3, "times the operations", "one more pass forward: Chen et al., arXiv:1604.06174; back is as two", 2016
        ),
        "inside a block": Constant(
            INSIDE_BLOCK, "bytes/token/width", "Korthikanti et al., arXiv:2205.05198, section 4.1, less scores", 2022
        ),
    }
)


@dataclass(frozen=True)
class Shape:
    """A decoder on paper. batch: tokens of a step, all GPUs together; source: whose sizes and batch these are."""

    name: str
    parameters: float
    layers: int
    width: int
    vocabulary: int
    context: int
    batch: int
    source: str

    @property
    def sequences(self) -> int:
        """How many texts a step reads."""
        return self.batch // self.context

    @property
    def tokens(self) -> float:
        """How many tokens the run reads."""
        return TOKENS_PER_PARAMETER * self.parameters

    @property
    def flops_per_token(self) -> float:
        """6 for each parameter, and 12·T·D a layer for attention over all T keys (Chowdhery et al. 2022, app. B)."""
        return 6 * self.parameters + 12 * self.layers * self.context * self.width


SHAPES = (
    Shape(
        "124 M", 124.4e6, 12, 768, 50_257, 1024, 2**19,
        "GPT-2 small: Radford et al. 2019; batch of 0.5 M: Brown et al. 2020, table 2.1",
    ),
    Shape("7 B", 6.74e9, 32, 4096, 32_000, 4096, 2**22, "Llama 2 7B and its batch of 4 M: Touvron et al. 2023"),
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One step on so many GPUs. Bytes are those of one GPU; rows: texts that it reads at once; rounds: how often."""

    gpus: int
    rows: int
    rounds: int
    state: float
    gathered: float
    activations: float
    sent: float
    computing: float
    sending: float
    shape: Shape

    @property
    def memory(self) -> float:
        """Bytes that one GPU needs."""
        return self.state + self.gathered + self.activations

    @property
    def seconds(self) -> float:
        """Computing and sending overlap: the longer of them."""
        return max(self.computing, self.sending)

    @property
    def utilisation(self) -> float:
        """The share of all GPUs' peak that the model's own operations are (MFU)."""
        return self.shape.flops_per_token * self.shape.batch / (self.gpus * H100.flops_per_second * self.seconds)

    @property
    def days(self) -> float:
        """How long the whole run takes."""
        return self.shape.tokens / self.shape.batch * self.seconds / SECONDS_PER_HOUR / HOURS_PER_DAY


def link(gpus: int) -> float:
    """Bytes a second that reach a GPU when all send in a ring: as many as over its slowest link."""
    name = "nvlink" if gpus <= CLUSTER["node"].value else "infiniband"
    return CLUSTER[name].value * CLUSTER["share of link"].value


def activations(shape: Shape, rows: int) -> float:
    """Bytes kept for the way back with blocks computed twice: what enters each, the inside of one, and the logits."""
    tokens = rows * shape.context
    return tokens * (shape.width * (FP32 * shape.layers + INSIDE_BLOCK) + LOSS * shape.vocabulary)


def step(shape: Shape, gpus: int) -> Step:
    """A step with as many texts at once as fit. Raises CourseError where the batch or the memory has too few.

    A GPU holds its share of the state, and two blocks and the embedding put together, in bfloat16. What it computes is
    a pass forward more than the model's own operations; the logits' part of that is not made, and counted all the same.
    """
    if gpus < 1 or shape.sequences % gpus:
        raise CourseError(f"{shape.sequences} texts a step do not share out over {gpus} GPUs; expected a divisor.")
    each = shape.sequences // gpus
    state = STATE * shape.parameters / gpus
    table = BF16 * shape.vocabulary * shape.width
    gathered = 0 if gpus == 1 else table + 2 * BF16 * shape.parameters / shape.layers
    free = CLUSTER["memory"].value * CLUSTER["share of memory"].value - state - gathered
    rows = max((n for n in range(1, each + 1) if each % n == 0 and activations(shape, n) <= free), default=0)
    if rows == 0:
        need = (state + gathered + activations(shape, 1)) / 1e9
        raise CourseError(f"One text needs {need:.0f} GB on each of {gpus} GPUs, more than there are; take more GPUs.")
    sent = each // rows * SENT * shape.parameters * (gpus - 1) / gpus
    work = CLUSTER["computed twice"].value * shape.flops_per_token * shape.batch / gpus
    computing = work / (H100.flops_per_second * CLUSTER["utilisation"].value)
    kept = activations(shape, rows)
    return Step(gpus, rows, each // rows, state, gathered, kept, sent, computing, sent / link(gpus), shape)
