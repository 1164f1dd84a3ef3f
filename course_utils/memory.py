"""Memory: how much of it some work needs, and what nobody holds any more given back to the system."""

import ctypes
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary


def give_back() -> None:
    """Hand freed memory back. Linux's C library keeps it for the next array, and it counts as used until then.

    Worth it where a model of hundreds of megabytes was only passed through. Does nothing where there is no such call.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class _Ledger(TorchDispatchMode):
    """Writes down every array that an operation makes, and the most that all of them took at one time.

    An array that was there before, such as a weight, does not count, nor does a view of one.
    """

    def __init__(self):
        super().__init__()
        self.known, self.now, self.most = WeakIdKeyDictionary(), 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        tree_map_only(torch.Tensor, self._was_there, (args, kwargs or {}))
        result = function(*args, **(kwargs or {}))
        tree_map_only(torch.Tensor, self._write, result)
        return result

    def _was_there(self, tensor: torch.Tensor) -> None:
        self.known.setdefault(tensor.untyped_storage(), True)

    def _write(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self.known:
            self.known[storage] = True
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._gone, storage.nbytes())

    def _gone(self, count: int) -> None:
        self.now -= count


def most_held(work: Callable[[], object]) -> int:
    """The most bytes that the arrays made by `work()` take at one time; those that were there before are not counted.

    What an operation takes for itself while it runs is not seen.
    """
    with _Ledger() as ledger:
        work()
    return ledger.most
