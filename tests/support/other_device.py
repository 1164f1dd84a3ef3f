"""A device that is not there, for tests of what a GPU would refuse: its tensors lie on the CPU, and it computes.

Tensors that say they are on `OTHER` cannot meet those that do not. It is not as strict as a GPU: `stack` and `cat` take
single numbers of both here. Packed sequences it cannot hold. torch's own device without memory, "meta", lends its name.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

OTHER = torch.device("meta")
CPU = torch.device("cpu")
APART = f"expected all tensors on the same device, found {OTHER} and cpu"
MOVES = {"_to_copy", "copy_"}                                      # from one device to the other
COPIES = {torch.tensor, torch.as_tensor}
LOOKING_UP = {torch.Tensor.__getitem__, torch.Tensor.__setitem__, torch.Tensor.index_put_, torch.Tensor.index_put}
LOOKS_UP = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}


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


class _BeforeOperations(TorchFunctionMode):
    """What torch does before there is an operation to see: it copies lists, and brings places to where a table is."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        options = dict(options or {})
        if function in COPIES and torch.device(options.get("device") or CPU) == OTHER:
            return function(*arguments, **options | {"device": CPU}).to(OTHER)
        left_behind = function in LOOKING_UP and not isinstance(arguments[0], Away)
        if left_behind and any(isinstance(each, Away) for each in tree_leaves(arguments[1:])):
            raise RuntimeError(f"{function.__name__}: {APART}")
        return function(*arguments, **options)


@contextmanager
def other_device() -> Iterator[torch.device]:
    """Inside, tensors can be made on `OTHER`, and moved there and back."""
    kernel = SDPBackend.MATH                                       # each device has a fast one of its own
    with _BeforeOperations(), _Factories(), sdpa_kernel(kernel):
        yield OTHER


def _computed(operation, arguments, options):
    name = operation.overloadpacket.__name__
    tensors = [each for each in tree_leaves((arguments, options)) if isinstance(each, torch.Tensor)]
    away = [each for each in tensors if isinstance(each, Away)]
    here = [each for each in tensors if not isinstance(each, Away)]
    assert not any(each.is_meta for each in here), f"{operation}: a tensor without its numbers"
    if away and name not in MOVES:
        together = [arguments[0], *arguments[2:], options] if name in LOOKS_UP else (arguments, options)
        _check_together(operation, together)
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


def _check_together(operation, arguments) -> None:
    """A single number may come from the CPU, and so may the places that are looked up: those are not looked at."""
    tensors = [each for each in tree_leaves(arguments) if isinstance(each, torch.Tensor)]
    if any(tensor.dim() for tensor in tensors if not isinstance(tensor, Away)):
        raise RuntimeError(f"{operation}: {APART}")
