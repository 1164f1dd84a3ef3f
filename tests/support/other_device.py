"""A device that is not there, for tests of what a GPU would refuse: its tensors lie on the CPU, and it computes.

Tensors that say they are on `OTHER` cannot meet those that do not, as with a GPU. torch's own device without memory,
"meta", lends its name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

OTHER = torch.device("meta")
CPU = torch.device("cpu")
MOVES = {"_to_copy", "copy_"}                                      # from one device to the other
TAKES_PLACES_FROM_THE_CPU = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index_put"}
TAKES_LENGTHS_FROM_THE_CPU = {"_pack_padded_sequence", "_pack_padded_sequence_backward"}


class Away(torch.Tensor):
    """A tensor on `OTHER`; `kept` holds its numbers."""

    @staticmethod
    def __new__(cls, kept: torch.Tensor):
        layout = {"strides": kept.stride(), "storage_offset": kept.storage_offset(), "dtype": kept.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, kept.shape, **layout, device=OTHER)

    def __init__(self, kept: torch.Tensor):
        self.kept = kept

    def __repr__(self) -> str:
        return f"Away({self.kept})"

    def tolist(self) -> list:
        return self.kept.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, arguments=(), options=None):
        return _computed(operation, arguments, options or {})


class _Factories(TorchDispatchMode):
    """Sees the operations that no `Away` takes part in: some make one."""

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        return _computed(operation, arguments, options or {})


@contextmanager
def other_device() -> Iterator[torch.device]:
    """Inside, tensors can be made on `OTHER`, and moved there and back."""
    with _Factories(), sdpa_kernel(SDPBackend.MATH):               # each device has a fast kernel of its own
        yield OTHER


def _computed(operation, arguments, options):
    name = operation.overloadpacket.__name__
    tensors = [each for each in tree_leaves((arguments, options)) if isinstance(each, torch.Tensor)]
    away = [each for each in tensors if isinstance(each, Away)]
    if away and name not in MOVES:
        _check_together(operation, name, [each for each in tensors if not isinstance(each, Away)])
    asked = options.get("device")
    place = torch.device(asked) if asked is not None else OTHER if away else CPU
    draws = options.get("generator")
    if place == OTHER and draws is not None:
        raise RuntimeError(f"{operation}: expected a generator on {OTHER}, found one on {draws.device}")
    inner_options = options | ({"device": CPU} if asked is not None else {})
    found = operation(*tree_map_only(Away, _kept, arguments), **tree_map_only(Away, _kept, inner_options))
    if place == CPU:
        return found
    found = tree_map_only(torch.Tensor, Away, found)
    return return_and_correct_aliasing(operation, arguments, options, found) if away else found


def _kept(tensor: Away) -> torch.Tensor:
    return tensor.kept


def _check_together(operation, name: str, here: list[torch.Tensor]) -> None:
    """As a GPU does: a single number may come from the CPU, and so may the places that are looked up."""
    if name not in TAKES_PLACES_FROM_THE_CPU | TAKES_LENGTHS_FROM_THE_CPU and any(tensor.dim() for tensor in here):
        raise RuntimeError(f"{operation}: expected all tensors on the same device, found {OTHER} and cpu")
