"""An LSTM reads and learns a batch of texts: our written-out cell, our model's fused loop, and `nn.LSTM`.

`unroll` over the written-out cell is what lessons show; `RecurrentLM` runs torch's fused loop over the same weights.
The numbers of all three are compared before they are timed.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.paired import Contest, Growth, Measured, Run, growth, operators, race
from course_utils.models.recurrent import LSTMCell, RecurrentConfig, RecurrentLM, unroll
from course_utils.seeding import generator

VOCABULARY, BATCH, LENGTH, INPUTS, WIDTH = 64, 32, 64, 128, 384
LENGTHS, WIDTHS = (16, 32, 64, 128), (96, 192, 384, 768)
TOLERANCE = 1e-5
NAMES = WRITTEN_OUT, FUSED, TORCH = "ours, written out", "ours, fused", "nn.LSTM"
KINDS = {                                                          # operators of torch -> what they are for
    "products with the weights": ("aten::mm", "addmm", "_linear_pointwise", "mkldnn_rnn"),
    "gates": ("sigmoid", "tanh"),
    "sums and products of single numbers": ("aten::mul", "aten::add"),
}


def measure(rounds: int) -> Measured:
    """A step of training with each, how far their numbers differ, and how the time grows with length and width."""
    layers = all_layers(WIDTH)
    apart = difference(layers, LENGTH)
    if apart > TOLERANCE:
        raise AssertionError(f"The same weights give hidden states {apart:.1e} apart; expected at most {TOLERANCE}.")
    steps = {name: step(layer, LENGTH) for name, layer in layers.items()}
    timing, spent = race(steps, rounds), operators(steps[WRITTEN_OUT], KINDS)
    contests = [
        Contest.of(timing, "train an LSTM", name, TORCH, BATCH * LENGTH, "tokens/s", None, parts)
        for name, parts in ((WRITTEN_OUT, spent), (FUSED, None))
    ]
    return Measured(contests, _growth(min(rounds, 3)), {"largest_difference": apart, "spent": spent})


def all_layers(width: int) -> dict[str, nn.Module]:
    """The same weights three times: the first is a cell, the others are loops over one."""
    model = RecurrentLM(RecurrentConfig(VOCABULARY, "lstm", INPUTS, width), generator(0))
    theirs = nn.LSTM(INPUTS, width, batch_first=True)
    theirs.load_state_dict(model.recurrence.state_dict())
    return {WRITTEN_OUT: model.cell(), FUSED: model.recurrence, TORCH: theirs}


def run(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Hidden states (B, T, D) of x (B, T, I)."""
    return (unroll(layer, x) if isinstance(layer, LSTMCell) else layer(x))[0]


@torch.no_grad()
def difference(layers: dict[str, nn.Module], length: int) -> float:
    """The largest difference of any hidden state from that of `nn.LSTM`."""
    x = _inputs(length)
    expected = run(layers[TORCH], x)
    return max((run(layer, x) - expected).abs().max().item() for layer in layers.values())


def step(layer: nn.Module, length: int) -> Run:
    """Forward, backward, AdamW; the loss asks for hidden states of zero."""
    x, optimizer = _inputs(length), torch.optim.AdamW(layer.parameters(), lr=1e-4)

    def learn() -> None:
        optimizer.zero_grad()
        run(layer, x).square().mean().backward()
        optimizer.step()

    return learn


def _growth(rounds: int) -> list[Growth]:
    def by_length(name: str) -> Callable[[int], Run]:
        return lambda length: step(all_layers(WIDTH)[name], length)

    def by_width(name: str) -> Callable[[int], Run]:
        return lambda width: step(all_layers(width)[name], LENGTH)

    lengths, widths = ({name: by(name) for name in NAMES} for by in (by_length, by_width))
    return [
        *growth("train an LSTM", "tokens of text", lengths, LENGTHS, rounds),
        *growth("train an LSTM", "width", widths, WIDTHS, rounds),
    ]


def _inputs(length: int) -> torch.Tensor:
    return torch.randn(BATCH, length, INPUTS, generator=generator(1))
