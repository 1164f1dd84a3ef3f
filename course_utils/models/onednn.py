"""oneDNN, which torch brings for products on a CPU: which one it is, and whether a stop may come while it works.

Before 3.11.2 its float32 product had the stack pointer in the heap while it ran. A signal that came meanwhile, and the
stop button is one, was written over what lay there, and sooner or later the process ended (oneDNN's issue 4845, 2026).
What goes to such a oneDNN by the course's own choice goes elsewhere then: `products.linear`, and `LSTM`.
"""

import re

import torch
from torch import nn

MENDED = (3, 11, 2)
PRESENT = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def version() -> tuple[int, ...]:
    """The three numbers of torch's oneDNN, by what torch says of how it was built; () where it says nothing of it."""
    found = re.search(r"MKL-DNN v(\d+)\.(\d+)\.(\d+)", torch.__config__.show())
    return tuple(map(int, found.groups())) if found else ()


STOPPABLE = version() >= MENDED


class LSTM(nn.LSTM):
    """torch's; by torch's own products where its oneDNN could not be stopped."""

    def forward(self, x, state=None):
        """As torch's."""
        before = torch.backends.mkldnn.enabled
        torch.backends.mkldnn.enabled = before and STOPPABLE
        try:
            return super().forward(x, state)
        finally:
            torch.backends.mkldnn.enabled = before
